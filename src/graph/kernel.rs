//! What the scheduler hands to an executor: kernels, described by structure.
//!
//! There are two: a fused elementwise program with any number of row reductions in it, and a structured kernel, which is
//! an op over named axes with such a program behind it. Sizes, strides and scalars are values that an executor may pass
//! at launch; the rest is structure that it may compile.

use crate::{
    DType, Shape,
    layout::{Strides, View},
    op::{Axis, BinaryOp, Check, ClassIds, Iteration, ReduceOp, StructuredOp, UnaryOp},
    shape::MAX_RANK,
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
            Body::Structured(s) => s.axes.iter().fold(1, |all, axis| all.saturating_mul(axis.size)),
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
    Structured(Structured),
}

impl Body {
    /// The program of the kernel: all of it, or what follows a structured op.
    pub fn program(&self) -> &Fused {
        match self {
            Body::Fused(fused) => fused,
            Body::Structured(structured) => &structured.epilogue,
        }
    }

    pub fn program_mut(&mut self) -> &mut Fused {
        match self {
            Body::Fused(fused) => fused,
            Body::Structured(structured) => &mut structured.epilogue,
        }
    }
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
    /// The result of the structured op: only in its epilogue.
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

impl Kernel {
    /// Whether it reports indices that are out of range.
    pub fn is_checked(&self) -> bool {
        let op = matches!(&self.body, Body::Structured(structured) if structured.op.is_checked());
        op || self.body.program().code.iter().any(|instr| instr.code.is_checked())
    }

    /// For each output, whether an index out of range can spoil it.
    pub fn spoiled(&self) -> Vec<bool> {
        let fused = self.body.program();
        let result = matches!(&self.body, Body::Structured(structured) if structured.op.is_checked());
        let spoiled = fused.follows(|instr| instr.code.is_checked() || result && instr.code == Code::Acc);
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

/// An op over named axes, then an elementwise program on each element of its result.
#[derive(Clone, Debug)]
pub(crate) struct Structured {
    pub op: StructuredOp,
    /// In the op's order, those of the result first. Neighbouring batch axes that step evenly everywhere are merged.
    pub axes: Vec<Axis>,
    /// In the op's order.
    pub operands: Vec<Operand>,
    /// The result is rounded to it. Floats up to 32 bits are computed in `F32`, others in the dtype itself.
    pub dtype: DType,
    /// Over the axes of the result, uncollapsed; `Code::Acc` is the result. At the least it stores that.
    pub epilogue: Fused,
}

/// What a structured op reads: an element of an input for each position along the axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub input: usize,
    pub offset: isize,
    /// Per axis of the kernel.
    pub strides: AxisStrides,
}

/// A stride for each axis of a structured kernel: those of a tensor, and one that is inside of the op.
pub(crate) type AxisStrides = [isize; MAX_RANK + 1];

impl Structured {
    /// An op on views of inputs. The program runs over the first of the op's axes.
    pub fn new(op: StructuredOp, operands: &[(usize, View)], shape: &Shape, dtype: DType, epilogue: Fused) -> Self {
        let shapes: Vec<Shape> = operands.iter().map(|(_, view)| view.shape).collect();
        let Iteration { axes, operands: along, .. } = op.iteration(&shapes, shape);
        let operand = |((input, view), along): (&(usize, View), Vec<usize>)| {
            let mut strides = AxisStrides::default();
            along.iter().zip(view.strides).for_each(|(&axis, stride)| strides[axis] = stride);
            Operand { input: *input, offset: view.offset, strides }
        };
        let operands = operands.iter().zip(along).map(operand).collect();
        Self { op, axes, operands, dtype, epilogue }
    }

    /// How many axes number batches: the first ones.
    pub fn batch(&self) -> usize {
        self.axes.iter().take_while(|axis| axis.is_batch()).count()
    }

    /// The sizes of the batch axes.
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.axes[..self.batch()].iter().map(|axis| axis.size).collect()
    }

    /// The number of axes of the result.
    pub fn kept(&self) -> usize {
        self.epilogue.dims.len()
    }

    /// Whether the program stores the result as it is.
    pub fn is_bare(&self) -> bool {
        matches!(&self.epilogue.code[..], [Instr { code: Code::Acc, .. }])
    }

    /// The first element of an operand in a batch.
    pub fn start(&self, operand: &Operand, batch: usize) -> isize {
        operand.offset + steps(self.axes[..self.batch()].iter().map(|axis| axis.size), &operand.strides, batch)
    }
}

/// How far the batch with this number lies behind the first, along axes of these sizes.
pub(super) fn steps(
    sizes: impl DoubleEndedIterator<Item = usize> + ExactSizeIterator,
    strides: &[isize],
    mut batch: usize,
) -> isize {
    let mut steps = 0;
    for (size, stride) in sizes.zip(strides).rev() {
        steps += (batch % size) as isize * stride;
        batch /= size;
    }
    steps
}
