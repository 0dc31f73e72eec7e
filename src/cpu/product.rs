//! Small products of `f32` matrices, straight from where they lie: packing them as `gemm` does would cost as much as
//! it saves.

use super::{
    simd::has_vectors,
    strided::Strided,
    vector::{Vector, vectorised},
};

/// Multiply-adds up to which this is faster.
const SMALL: usize = 80 * 80 * 80;
/// Elements of B up to which its columns may be copied next to each other first.
const COPIED: usize = 2048;

/// Whether [`multiply`] is the better choice.
pub(super) fn suits([m, n, k]: [usize; 3], b_col: isize) -> bool {
    has_vectors() && m * n * k <= SMALL && (b_col == 1 || n * k <= COPIED)
}

/// `C = A B` of sizes `m` by `k` and `k` by `n`, with the columns of C side by side and its rows `c_row` apart.
///
/// # Safety
/// The matrices must lie in memory that may be read, and for C written to.
pub(super) unsafe fn multiply(size: [usize; 3], a: Strided<f32>, b: Strided<f32>, c: *mut f32, c_row: isize) {
    let [_, n, k] = size;
    if b.col == 1 {
        // SAFETY: the caller's contract.
        return unsafe { strips(size, &a, &b, c, c_row) };
    }
    let mut copy = [0.0; COPIED];
    for (p, row) in copy[..n * k].chunks_exact_mut(n.max(1)).enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            // SAFETY: as above.
            *x = unsafe { *b.data.offset(p as isize * b.row + j as isize * b.col) };
        }
    }
    let b = Strided { data: copy.as_ptr(), row: n as isize, col: 1 };
    // SAFETY: as above; the copy holds all of B.
    unsafe { strips(size, &a, &b, c, c_row) }
}

/// Columns of C side by side, as many as fit into a few registers.
struct Strip<'a> {
    m: usize,
    k: usize,
    a: &'a Strided<f32>,
    b: *const f32,
    b_row: isize,
    c: *mut f32,
    c_row: isize,
    /// Columns, where they fill no register.
    part: usize,
}

impl Strip<'_> {
    /// Computes `R` rows of `W` registers, or of `part` columns.
    ///
    /// # Safety
    /// The processor must offer `V`, rows `i..i + R` and the columns must be inside of the matrices.
    #[inline(always)]
    unsafe fn rows<V: Vector, const R: usize, const W: usize, const PART: bool>(&self, i: usize) {
        // SAFETY: the caller's contract: the rows and columns are inside of the matrices.
        unsafe {
            let mut sums = [[V::splat(0.0); W]; R];
            let mut a = self.a.data.offset(i as isize * self.a.row);
            let mut b = self.b;
            for _ in 0..self.k {
                let mut y = [V::splat(0.0); W];
                for (w, y) in y.iter_mut().enumerate() {
                    *y = if PART { V::load_part(b, self.part) } else { V::load(b.add(w * V::LEN)) };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*a.offset(r as isize * self.a.row));
                    for (sum, y) in sums.iter_mut().zip(y) {
                        *sum = x.mul_add(y, *sum);
                    }
                }
                a = a.wrapping_offset(self.a.col);
                b = b.wrapping_offset(self.b_row);
            }
            for (r, sums) in sums.into_iter().enumerate() {
                let c = self.c.offset((i + r) as isize * self.c_row);
                for (w, sum) in sums.into_iter().enumerate() {
                    if PART { sum.store_part(c, self.part) } else { sum.store(c.add(w * V::LEN)) }
                }
            }
        }
    }

    /// Computes all rows: six at a time, because with four registers of columns that keeps the multipliers busy.
    ///
    /// # Safety
    /// The processor must offer `V`, and the columns must be inside of the matrices.
    #[inline(always)]
    unsafe fn run<V: Vector, const W: usize, const PART: bool>(&self) {
        let mut i = 0;
        // SAFETY: the caller's contract; each block ends at `m` at the latest.
        unsafe {
            while i + 6 <= self.m {
                self.rows::<V, 6, W, PART>(i);
                i += 6;
            }
            if i + 4 <= self.m {
                self.rows::<V, 4, W, PART>(i);
                i += 4;
            }
            if i + 2 <= self.m {
                self.rows::<V, 2, W, PART>(i);
                i += 2;
            }
            if i < self.m {
                self.rows::<V, 1, W, PART>(i);
            }
        }
    }
}

vectorised! {
    /// [`multiply`] for a B whose columns lie side by side.
    ///
    /// # Safety
    /// As there.
    unsafe fn strips<V>(size: [usize; 3], a: &Strided<f32>, b: &Strided<f32>, c: *mut f32, c_row: isize) {
        let [m, n, k] = size;
        let mut j = 0;
        while j < n {
            // SAFETY: the caller's contract; the strip ends at `n` at the latest.
            unsafe {
                let strip =
                    Strip { m, k, a, b: b.data.add(j), b_row: b.row, c: c.add(j), c_row, part: n - j };
                // Sums of four columns of registers fit into 32 of them, not into 16.
                j += if V::LEN >= 16 && strip.part >= 4 * V::LEN {
                    strip.run::<V, 4, false>();
                    4 * V::LEN
                } else if strip.part >= 2 * V::LEN {
                    strip.run::<V, 2, false>();
                    2 * V::LEN
                } else if strip.part >= V::LEN {
                    strip.run::<V, 1, false>();
                    V::LEN
                } else {
                    strip.run::<V, 1, true>();
                    strip.part
                };
            }
        }
    }
}
