//! Matrix products of floats, by the crates `gemm-f32` and `gemm-f64`: `gemm` itself would bring complex numbers along.

pub(super) use gemm_common::Parallelism;

use super::strided::Strided;

/// A float that there are products of.
pub(super) trait Gemm: Copy + Send + Sync {
    const ZERO: Self;
    const ONE: Self;
    /// The kernels for this processor: sizes, destination, operands (each with the strides along rows and down columns),
    /// factors, conjugations.
    fn kernels() -> Kernels<Self>;
}

#[rustfmt::skip]
type Kernels<T> = unsafe fn(
    usize, usize, usize, *mut T, isize, isize, bool, *const T, isize, isize, *const T, isize, isize, T, T, bool, bool,
    bool, Parallelism,
);

impl Gemm for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    fn kernels() -> Kernels<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Gemm for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    fn kernels() -> Kernels<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// `C = A B`, where C has `m` rows of `n` elements, each `row` behind the one before.
///
/// # Safety
/// The operands' elements lie where their strides say, and C's are nobody else's.
pub(super) unsafe fn multiply<T: Gemm>(
    [m, n, k]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    row: usize,
    parallelism: Parallelism,
) {
    // The kernels prefer results whose columns are dense: the transposed product.
    let mut product = ([m, n], a, b, [row as isize, 1]);
    if row > 1 {
        let turned = |x: Strided<T>| Strided { data: x.data, row: x.col, col: x.row };
        product = ([n, m], turned(b), turned(a), [1, row as isize]);
    }
    let ([m, n], mut a, mut b, [c_row, c_col]) = product;
    if a.col < 0 && k > 0 {
        // They want the inner axis to run forwards in the first operand.
        let last = k as isize - 1;
        a = Strided { data: a.data.wrapping_offset(last * a.col), col: -a.col, ..a };
        b = Strided { data: b.data.wrapping_offset(last * b.row), row: -b.row, ..b };
    }
    let (zero, one) = (T::ZERO, T::ONE);
    // SAFETY: the caller's promise; the same elements are read in another order.
    unsafe {
        T::kernels()(
            m,
            n,
            k,
            c,
            c_col,
            c_row,
            false,
            a.data,
            a.col,
            a.row,
            b.data,
            b.col,
            b.row,
            zero,
            one,
            false,
            false,
            false,
            parallelism,
        );
    }
}
