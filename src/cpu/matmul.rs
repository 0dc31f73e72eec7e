//! Matrix products: floats by the `gemm` crates, integers by a plain loop, distances by kernels of their own; then the
//! epilogue over the product.

use std::sync::Arc;

use super::{
    address,
    cdist::distances,
    convert::{Stored, for_integer, is_held, widen},
    gemm::{self, Gemm, Parallelism},
    memory::{Pool, alloc},
    parallel::{Shared, for_each},
    pointwise::{FusedProgram, MAX_BUFFERS},
    product,
    simd::Float,
    strided::Strided,
};
use crate::{
    DType, Result, Scalar,
    dtype::Compute,
    graph::{
        executor::{Buffer, Program},
        kernel::{Binding, Code, Kernel, Operand, Output, Structured},
        kinds::{self, Product},
    },
    layout::{View, collapse, contiguous_strides},
    op::{Combine, numeric::Integer},
    threads,
};

/// Multiply-adds below which threads cost more than they save.
const SERIAL: usize = 48 * 48 * 48;

/// Multiply-adds from which `gemm` divides a product itself: its threads pack every part once, which by then saves more
/// than waking them costs.
const SHARED: usize = 400 * 400 * 400;

/// A matrix product made ready.
pub(super) struct MatmulProgram {
    structured: Structured,
    product: Product,
    inputs: Vec<Binding>,
    /// How the product is stored: in the type it is computed in.
    acc: DType,
    /// The output that the product goes to, if its epilogue does not need another place.
    direct: Option<usize>,
    epilogue: Option<FusedProgram>,
    pool: Arc<Pool>,
}

/// A matrix operand: where it lies, and the steps per row and per column.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: Shared,
    operand: &'a Operand,
    row: isize,
    col: isize,
}

impl<'a> Matrix<'a> {
    fn of(matrix: &'a kinds::Matrix, data: Shared) -> Self {
        Self { data, operand: &matrix.operand, row: matrix.row, col: matrix.col }
    }
}

/// Rows and columns of C per part, where about `count` parts are asked for. Each part packs its rows of A and its
/// columns of B anew: the cut that packs least wins. Parts end where the kernel's tiles of 6 rows and 64 columns do.
fn parts(m: usize, n: usize, count: usize) -> (usize, usize) {
    let cut = |down: usize| {
        let high = m.div_ceil(down).next_multiple_of(6).min(m.max(1));
        let wide = n.div_ceil(count / down).next_multiple_of(64).min(n.max(1));
        (high, wide)
    };
    let packed = |&(high, wide): &(usize, usize)| m.div_ceil(high) * n + n.div_ceil(wide) * m;
    (1..=count).filter(|&down| count.is_multiple_of(down)).map(cut).min_by_key(packed).unwrap_or((m, n))
}

/// The dtype whose stored form is a compute type.
fn stored_as(compute: Compute) -> DType {
    match compute {
        Compute::Bool => DType::Bool,
        Compute::I32 => DType::I32,
        Compute::U32 => DType::U32,
        Compute::I64 => DType::I64,
        Compute::U64 => DType::U64,
        Compute::F32 => DType::F32,
        Compute::F64 => DType::F64,
    }
}

impl MatmulProgram {
    pub fn new(kernel: &Kernel, structured: &Structured, pool: &Arc<Pool>) -> Self {
        let acc = stored_as(structured.dtype.compute());
        let fused = &structured.epilogue;
        let strides = contiguous_strides(&fused.dims);
        let dense = |output: &Output| {
            let shape = fused.dims.as_slice().into();
            output.offset == 0 && View { shape, strides: output.strides, offset: 0 }.is_dense()
        };
        let takes =
            |o: usize| kernel.outputs[o].dtype == acc && kernel.outputs[o].alias.is_none() && dense(&fused.outputs[o]);
        let is_acc = |o: usize| {
            matches!(fused.code[fused.outputs[o].value as usize].code, Code::Acc) && is_held(structured.dtype)
        };
        let direct = (0..fused.outputs.len())
            .find(|&o| takes(o) && is_acc(o))
            .or_else(|| (0..fused.outputs.len()).find(|&o| takes(o)));
        // What the product itself was stored to needs no more work.
        let mut rest = fused.clone();
        let mut outputs = kernel.outputs.clone();
        if let Some(o) = direct {
            outputs[o].alias = Some(kernel.inputs.len());
        }
        let mut inputs = kernel.inputs.clone();
        inputs.push(Binding { dtype: acc, numel: fused.dims.iter().product(), alias: None });
        let done = direct.filter(|&o| is_acc(o));
        let epilogue = if done.is_some() && outputs.len() == 1 {
            None
        } else {
            let mut acc_strides = strides;
            let mut all: Vec<_> = rest.leaves.iter_mut().map(|l| &mut l.strides).collect();
            all.extend(rest.outputs.iter_mut().map(|o| &mut o.strides));
            all.push(&mut acc_strides);
            rest.kept = collapse(&mut rest.dims, fused.kept, &mut all);
            Some(FusedProgram::epilogue(&rest, &inputs, &outputs, acc))
        };
        let (inputs, pool) = (kernel.inputs.clone(), pool.clone());
        let (structured, product) = (structured.clone(), Product::of(structured));
        Self { structured, product, inputs, acc, direct, epilogue, pool }
    }

    /// Computes all products into `c`, contiguous.
    ///
    /// # Safety
    /// The operands must lie in their buffers as the kernel says, in the type that it computes in, and `c` must hold a
    /// matrix for every batch that nobody else looks at.
    unsafe fn multiply(&self, a: Matrix, b: Matrix, x: Option<Matrix>, c: Shared) {
        let Product { m, n, k, .. } = self.product;
        // SAFETY: the caller's contract.
        unsafe {
            match self.acc {
                DType::F32 if !self.is_product() => self.distances::<f32>((a, b, x), c),
                DType::F64 if !self.is_product() => self.distances::<f64>((a, b, x), c),
                DType::F32 if product::suits([m, n, k], b.col) => self.small(a, b, c),
                DType::F32 => self.floats::<f32>(a, b, c),
                DType::F64 => self.floats::<f64>(a, b, c),
                _ => for_integer!(self.structured.dtype, S => Self::integers::<S>(self, a, b, c)),
            }
        }
    }

    fn is_product(&self) -> bool {
        self.product.combine == Combine::Product
    }

    /// Distances of rows and columns, or their gradients.
    ///
    /// # Safety
    /// As [`multiply`](Self::multiply).
    unsafe fn distances<T: Float>(&self, (a, b, x): (Matrix, Matrix, Option<Matrix>), c: Shared) {
        let Product { m, n, k, combine, .. } = self.product;
        let (batches, size) = (self.product.batches, m * n * k.max(1));
        let threads = if batches * size < SERIAL { 1 } else { threads::count() };
        let (outside, inside) = if batches >= 2 * threads { (threads, 1) } else { (1, threads) };
        for_each(batches, outside, |batch| {
            let matrix = |x: Matrix| Strided {
                data: x.data.at::<T>(self.structured.start(x.operand, batch)),
                row: x.row,
                col: x.col,
            };
            // SAFETY: the strides stay inside of the operands, and each batch has its own part of C.
            unsafe {
                let out = std::slice::from_raw_parts_mut(c.at::<T>((batch * m * n) as isize), m * n);
                distances(combine, (matrix(a), matrix(b), x.map(matrix)), (n, k), out, inside);
            }
        });
    }

    /// Products by `gemm`.
    ///
    /// # Safety
    /// As [`multiply`](Self::multiply).
    unsafe fn floats<T: Gemm>(&self, a: Matrix, b: Matrix, c: Shared) {
        let Product { m, n, k, .. } = self.product;
        let batches = self.product.batches;
        let threads = if batches * m * n * k < SERIAL { 1 } else { threads::count() };
        let (count, inside) = if threads == 1 || batches >= 2 * threads {
            (1, Parallelism::None)
        } else if m * n * k >= SHARED {
            (1, Parallelism::Rayon(threads))
        } else {
            // Two for every thread, so that one that is late delays little.
            ((2 * threads).div_ceil(batches.max(1)), Parallelism::None)
        };
        let (high, wide) = parts(m, n, count);
        let (down, across) = (m.div_ceil(high), n.div_ceil(wide));
        let outside = if matches!(inside, Parallelism::None) { threads } else { 1 };
        let all = || {
            for_each(batches * down * across, outside, |part| {
                let (batch, i, j) = (part / across / down, part / across % down * high, part % across * wide);
                let a_at = self.structured.start(a.operand, batch) + i as isize * a.row;
                let b_at = self.structured.start(b.operand, batch) + j as isize * b.col;
                let size = [high.min(m - i), wide.min(n - j), k];
                let a = Strided { data: a.data.at::<T>(a_at), row: a.row, col: a.col };
                let b = Strided { data: b.data.at::<T>(b_at), row: b.row, col: b.col };
                let c = c.at::<T>((batch * m * n + i * n + j) as isize);
                // SAFETY: the strides stay inside of the operands, and the parts of C are disjoint.
                unsafe { gemm::multiply(size, a, b, c, n, inside) }
            })
        };
        // `gemm` divides the work among the pool in which it is called.
        if outside == 1 && threads > 1 { threads::install(all) } else { all() }
    }

    /// Small products, straight from where the matrices lie.
    ///
    /// # Safety
    /// As [`multiply`](Self::multiply).
    unsafe fn small(&self, a: Matrix, b: Matrix, c: Shared) {
        let Product { m, n, k, .. } = self.product;
        let batches = self.product.batches;
        let threads = if batches * m * n * k < SERIAL { 1 } else { threads::count() };
        let per_task = (SERIAL / 4 / (m * n * k).max(1)).max(1);
        for_each(batches.div_ceil(per_task), threads, |task| {
            for batch in task * per_task..batches.min((task + 1) * per_task) {
                let strided = |x: Matrix| Strided {
                    data: x.data.at(self.structured.start(x.operand, batch)),
                    row: x.row,
                    col: x.col,
                };
                // SAFETY: the strides stay inside of the operands, and each batch has its own part of C.
                unsafe {
                    let c = c.at((batch * m * n) as isize);
                    product::multiply([m, n, k], strided(a), strided(b), c, n as isize);
                }
            }
        });
    }

    /// Products of integers and bools.
    ///
    /// # Safety
    /// As [`multiply`](Self::multiply).
    unsafe fn integers<S: Stored<Held: Multiply> + Send>(&self, a: Matrix, b: Matrix, c: Shared) {
        let Product { m, n, k, .. } = self.product;
        let threads = if self.product.batches * m * n * k < SERIAL { 1 } else { threads::count() };
        for_each(self.product.batches * m, threads, |line| {
            let (batch, i) = (line / m, line % m);
            let a_at = self.structured.start(a.operand, batch) + i as isize * a.row;
            let b_at = self.structured.start(b.operand, batch);
            // SAFETY: each line of C has its own part; the strides stay inside of the operands.
            unsafe {
                let out = std::slice::from_raw_parts_mut(c.at::<S::Held>((line * n) as isize), n);
                out.fill(S::Held::ZERO);
                for p in 0..k as isize {
                    let x = (*a.data.at::<S>(a_at + p * a.col)).load();
                    let row = b_at + p * b.row;
                    for (j, out) in out.iter_mut().enumerate() {
                        *out = out.add_product(x, (*b.data.at::<S>(row + j as isize * b.col)).load());
                    }
                }
            }
        });
    }

    /// Half-precision operands as `f32`: the part of the buffer from the first to the last element that is used.
    fn widened(&self, data: Shared, input: usize) -> Result<Option<super::HostBuffer>> {
        let Binding { dtype, numel, .. } = self.inputs[input];
        if !dtype.is_float() || is_held(dtype) {
            return Ok(None);
        }
        let wide = alloc(&self.pool, numel * 4)?;
        let to = Shared(wide.as_ptr());
        const PART: usize = 16_384;
        let threads = if numel < 4 * PART { 1 } else { threads::count() };
        for_each(numel.div_ceil(PART), threads, |part| {
            let count = PART.min(numel - part * PART);
            let at = (part * PART) as isize;
            // SAFETY: both buffers hold `numel` elements; parts are disjoint.
            unsafe { widen(dtype, to.at::<f32>(at).cast(), data.at::<u16>(at).cast(), count) }
        });
        Ok(Some(wide))
    }
}

/// The arithmetic of integer products.
trait Multiply: Copy + Send + Sync {
    const ZERO: Self;
    fn add_product(self, a: Self, b: Self) -> Self;
}

macro_rules! multiply {
    ($($t:ty)*) => {$(
        impl Multiply for $t {
            const ZERO: Self = 0;
            #[inline(always)]
            fn add_product(self, a: Self, b: Self) -> Self {
                Integer::add(self, Integer::mul(a, b))
            }
        }
    )*};
}
multiply!(i32 i64);

impl Multiply for super::convert::Bit {
    const ZERO: Self = Self(0);
    fn add_product(self, a: Self, b: Self) -> Self {
        Self(self.0 | (a.0 & b.0))
    }
}

impl Program for MatmulProgram {
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], scalars: &[Scalar]) -> Result<()> {
        let mut buffers = [std::ptr::null_mut(); MAX_BUFFERS + 1];
        let count = inputs.len() + 1 + outputs.len();
        for (slot, buffer) in buffers.iter_mut().zip(inputs) {
            *slot = address(buffer)?;
        }
        for (slot, buffer) in buffers[inputs.len() + 1..].iter_mut().zip(outputs) {
            *slot = address(buffer)?;
        }
        let Product { batches, m, n, a, b, x, .. } = &self.product;
        let scratch = match self.direct {
            Some(_) => None,
            None => Some(alloc(&self.pool, batches * m * n * self.acc.size())?),
        };
        buffers[inputs.len()] = match (&scratch, self.direct) {
            (Some(buffer), _) => buffer.as_ptr(),
            (None, direct) => buffers[inputs.len() + 1 + direct.unwrap_or_default()],
        };
        let data = |matrix: &kinds::Matrix| Shared(buffers[matrix.operand.input]);
        let wide = [self.widened(data(a), a.operand.input)?, self.widened(data(b), b.operand.input)?];
        let held =
            |matrix, wide: &Option<super::HostBuffer>| wide.as_ref().map_or(data(matrix), |wide| Shared(wide.as_ptr()));
        let (a, b) = (Matrix::of(a, held(a, &wide[0])), Matrix::of(b, held(b, &wide[1])));
        // Gradients of distances are of full width.
        let x = x.as_ref().map(|x| Matrix::of(x, data(x)));
        // SAFETY: the scheduler passes the buffers that the kernel describes.
        unsafe {
            self.multiply(a, b, x, Shared(buffers[inputs.len()]));
            if let Some(epilogue) = &self.epilogue {
                epilogue.run(&buffers[..count], scalars)?;
            }
        }
        Ok(())
    }
}
