//! What the scheduler hands to an executor: kernels, described by structure.
//!
//! There are three: a fused elementwise program with any number of row reductions in it, a matrix product or a
//! distance matrix with a fused epilogue, and scatter-add. Sizes, strides and scalars are values that an executor may pass at launch; the
//! rest is structure that it may compile.

use crate::{
    DType,
    layout::Strides,
    op::{BinaryOp, Check, ClassIds, Combine, ReduceOp, UnaryOp},
};

/// A kernel and the buffers that it touches.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// What it computes, for people: `matmul+add+relu`.
    pub name: String,
    pub body: Body,
    /// Dtype and element count of each input, in binding order: a buffer, or a window of one.
    pub inputs: Vec<Binding>,
    /// Dtype and element count of each output, in binding order. Distinct from the inputs but for `Binding::alias`.
    pub outputs: Vec<Binding>,
    /// The scalars passed at launch.
    pub scalars: Vec<DType>,
}

impl Kernel {
    /// Roughly how many steps of arithmetic it takes.
    pub fn work(&self) -> usize {
        let product = |sizes: &[usize]| sizes.iter().fold(1usize, |all, &n| all.saturating_mul(n));
        match &self.body {
            Body::Fused(fused) => product(&fused.dims).saturating_mul(fused.code.len()),
            Body::Matmul(p) => product(&p.batch).saturating_mul(product(&[p.m, p.n, p.k])),
            Body::ScatterAdd(scatter) => product(&scatter.lines).saturating_mul(scatter.from),
        }
    }
}

/// One buffer of a kernel, or the window of it that the kernel sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub dtype: DType,
    pub numel: usize,
    /// For an output: the input whose buffer it takes over. Only in fused kernels without reductions, and only if
    /// every leaf of that input is read at the very element that is written.
    pub alias: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Fused(Fused),
    Matmul(Matmul),
    ScatterAdd(ScatterAdd),
}

/// An elementwise program over an iteration space, with reductions over its inner axes.
///
/// The space is `dims`, row-major: the first `kept` axes number the rows, the others run inside of a row. Without
/// reductions `kept == dims.len()`. No size is 0 or 1; `dims` may be empty (one element). A value is per element or
/// per row: reductions, and what is computed from them (and from rows' leaves) alone, are per row. Neighbouring
/// axes that step evenly everywhere are merged already.
#[derive(Clone, Debug)]
pub(crate) struct Fused {
    pub dims: Vec<usize>,
    pub kept: usize,
    pub leaves: Vec<Leaf>,
    /// In order of evaluation; arguments come before.
    pub code: Vec<Instr>,
    pub outputs: Vec<Output>,
}

/// A strided place in the iteration space: of memory, or of coordinates alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    /// The input that is read; `None` for a leaf that is only an index (`Code::Index`).
    pub input: Option<usize>,
    pub dtype: DType,
    /// In elements, per axis of the space. A row's leaf has stride 0 along the inner axes.
    pub strides: Strides,
    /// May point outside of the buffer where `Code::LoadIf` does not load.
    pub offset: isize,
    /// `Code::Gather`: stride and size of the gathered axis.
    pub axis: (isize, usize),
}

/// One step of a program. Its value is held in `dtype.compute()`; after a step in a narrow dtype (8 or 16 bits) the
/// value is wrapped or rounded to that dtype, so that fusing changes no number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instr {
    pub code: Code,
    /// Earlier steps; as many as the code takes.
    pub args: [u16; 3],
    pub dtype: DType,
    /// Whether the value is one per row. Always false in programs without reductions.
    pub per_row: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    /// The accumulator of the matrix product: only in its epilogue.
    Acc,
    /// The leaf's element.
    Load(u16),
    /// The leaf's element if argument 0 is true, else 0.
    LoadIf(u16),
    /// The leaf's element at `argument 0` along `leaf.axis`. An index out of range is reported to the check; without one
    /// it gives 0.
    Gather {
        leaf: u16,
        check: Option<Check>,
    },
    /// The class that `argument 0` names; an id that is none is reported.
    ClassId(ClassIds),
    /// The leaf's position itself, in elements.
    Index(u16),
    /// A scalar passed at launch.
    Scalar(u16),
    /// Word `word` of Philox4x32-10; argument 0 the counter (`U32`), scalars `seed` (low) and `seed + 1` (high) the key.
    Random {
        seed: u16,
        word: u8,
    },
    Unary(UnaryOp),
    Binary(BinaryOp),
    Where,
    /// From the argument's dtype to this one's.
    Cast,
    /// Over the inner axes; the result is per row. Floats narrower than 32 bits accumulate in `F32`.
    Reduce(ReduceOp),
}

impl Code {
    /// How many arguments the code takes.
    pub const fn arity(self) -> usize {
        match self {
            Code::Acc | Code::Load(_) | Code::Index(_) | Code::Scalar(_) => 0,
            Code::LoadIf(_) | Code::Gather { .. } | Code::ClassId(_) | Code::Random { .. } => 1,
            Code::Unary(_) | Code::Cast | Code::Reduce(_) => 1,
            Code::Binary(_) => 2,
            Code::Where => 3,
        }
    }

    /// The leaf that it reads.
    pub fn leaf(&mut self) -> Option<&mut u16> {
        match self {
            Code::Load(leaf) | Code::LoadIf(leaf) | Code::Gather { leaf, .. } | Code::Index(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// Whether it reports an index that is out of range.
    pub const fn is_checked(self) -> bool {
        matches!(self, Code::Gather { check: Some(_), .. } | Code::ClassId(_))
    }
}

impl Fused {
    /// Whether a step reports indices that are out of range.
    #[cfg(feature = "gpu")]
    pub fn is_checked(&self) -> bool {
        self.code.iter().any(|instr| instr.code.is_checked())
    }
}

impl Kernel {
    /// For each output, whether an index out of range can spoil it.
    pub fn spoiled(&self) -> Vec<bool> {
        let (Body::Fused(fused) | Body::Matmul(Matmul { epilogue: fused, .. })) = &self.body else {
            return vec![true; self.outputs.len()];
        };
        let mut spoiled = vec![false; fused.code.len()];
        for (i, Instr { code, args, .. }) in fused.code.iter().enumerate() {
            spoiled[i] = code.is_checked() || args[..code.arity()].iter().any(|&arg| spoiled[arg as usize]);
        }
        fused.outputs.iter().map(|output| spoiled[output.value as usize]).collect()
    }
}

/// A value that is stored: per-element values at their strided place, values per row likewise (stride 0 inside).
/// Every element of the buffer is written exactly once, by one kernel or by the pieces of one. What lies behind the
/// binding's end is padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub value: u16,
    pub strides: Strides,
    /// Not 0 only in pieces of a kernel.
    pub offset: isize,
}

/// `C[b, i, j] = sum_k A[b, i, k] * B[b, k, j]`, or another combination of rows with columns, then an elementwise program
/// on each element of C.
///
/// It accumulates in `F32` for floats up to 32 bits, else in the dtype itself, and is then rounded to `dtype`.
#[derive(Clone, Debug)]
pub(crate) struct Matmul {
    pub combine: Combine,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Batch axes, merged where they step evenly; empty for one product.
    pub batch: Vec<usize>,
    pub a: Operand,
    pub b: Operand,
    /// What `Combine::Pull` reads besides, at the place of the result.
    pub x: Option<Operand>,
    pub dtype: DType,
    /// Over the dims `[batch.., m, n]`, uncollapsed; `Code::Acc` is the product. At the least it stores that.
    pub epilogue: Fused,
}

/// A matrix (or a batch of them) in an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub input: usize,
    pub offset: isize,
    /// Per batch axis.
    pub batch: Strides,
    pub row: isize,
    pub col: isize,
}

/// `out = 0; out[.., index[.., i, ..], ..] += src[.., i, ..]` along one axis, in ascending order of `i`. The indices are
/// integers of 32 or 64 bits.
#[derive(Clone, Debug)]
pub(crate) struct ScatterAdd {
    /// All axes but the scattered one.
    pub lines: Vec<usize>,
    /// Sizes of the scattered axis in the source and in the output.
    pub from: usize,
    pub to: usize,
    pub dtype: DType,
    /// Who is told of an index that is out of range; without it, what has one is dropped.
    pub check: Option<Check>,
    /// Inputs 0 (source) and 1 (index): strides over `lines`, along the axis, and offset.
    pub src: Line,
    pub index: Line,
    /// The output is contiguous, with the axis in its place: strides over `lines` and along the axis.
    pub out: Line,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub strides: Strides,
    pub axis: isize,
    pub offset: isize,
}
