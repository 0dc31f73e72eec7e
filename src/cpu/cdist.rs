//! Distance matrices and their gradients: the differences of every row and every column, folded in registers.

use super::{
    parallel::{Shared, for_each},
    simd::{Float, Instructions, simd},
    strided::Strided,
};
use crate::op::{Combine, numeric::Real};

/// Columns that lie side by side for a pass over the inner axis.
const PANEL: usize = 32;
/// Rows that a pass takes at once.
const ROWS: usize = 4;
/// Steps of a pass: a panel of them stays in the L1 cache, and the parts of long sums are added up on their own.
const DEPTH: usize = 256;
/// Rows of a task at most.
const TASK: usize = 64;

/// How a row's coordinate `a` and a column's `b` join what there is.
trait Norm: Copy {
    /// Whether a step is many instructions: one register of columns for each row then keeps the processor busy, where
    /// short steps need two.
    const LONG: bool = false;
    /// Whether there is a third operand.
    const THIRD: bool = false;
    /// Whether the results of the parts of an inner axis are not added up, but the largest one counts.
    const LARGEST: bool = false;

    /// `x` is the third operand's element at the place of the result, 0 without one.
    fn take<T: Real>(self, acc: T, a: T, b: T, x: T) -> T;
}

/// The sum of squares.
#[derive(Clone, Copy)]
struct SqL2;

/// The sum of magnitudes.
#[derive(Clone, Copy)]
struct L1;

/// The sum of powers of magnitudes, by way of their logarithms: off by less than the exponent's rounding in any range.
#[derive(Clone, Copy)]
struct Lp(f64);

/// The largest magnitude.
#[derive(Clone, Copy)]
struct Chebyshev;

/// The count of differences that are not 0.
#[derive(Clone, Copy)]
struct Hamming;

/// Weights times differences: the gradient of Euclidean distances.
#[derive(Clone, Copy)]
struct L2Grad;

/// Weights times signs.
#[derive(Clone, Copy)]
struct L1Grad;

/// Weights times powers of differences, with their sign.
#[derive(Clone, Copy)]
struct LpGrad(f64);

impl Norm for L2Grad {
    const THIRD: bool = true;

    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, x: T) -> T {
        a.mul_add(x - b, acc)
    }
}

impl Norm for L1Grad {
    const THIRD: bool = true;

    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, x: T) -> T {
        let (d, zero) = (x - b, T::from_f64(0.0));
        // NaN stays.
        let sign = if d > zero { T::from_f64(1.0) } else { d };
        acc + a * if d < zero { T::from_f64(-1.0) } else { sign }
    }
}

impl Norm for LpGrad {
    const LONG: bool = true;
    const THIRD: bool = true;

    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, x: T) -> T {
        let (d, zero) = (x - b, T::from_f64(0.0));
        let power = (d.abs().log2() * T::from_f64(self.0 - 1.0)).exp2();
        let power = if d < zero { -power } else { power };
        acc + a * if d == zero { zero } else { power }
    }
}

impl Norm for SqL2 {
    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, _: T) -> T {
        let d = a - b;
        d.mul_add(d, acc)
    }
}

impl Norm for L1 {
    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, _: T) -> T {
        acc + (a - b).abs()
    }
}

impl Norm for Lp {
    const LONG: bool = true;

    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, _: T) -> T {
        acc + ((a - b).abs().log2() * T::from_f64(self.0)).exp2()
    }
}

impl Norm for Chebyshev {
    const LARGEST: bool = true;

    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, _: T) -> T {
        acc.max_positive((a - b).abs())
    }
}

impl Norm for Hamming {
    #[inline(always)]
    fn take<T: Real>(self, acc: T, a: T, b: T, _: T) -> T {
        let magnitude = (a - b).abs();
        acc + if magnitude > T::from_f64(0.0) { T::from_f64(1.0) } else { magnitude }
    }
}

impl<T: Copy> Strided<T> {
    /// The part from this row and column on.
    fn from(self, row: usize, column: usize) -> Self {
        let data = self.data.wrapping_offset(row as isize * self.row + column as isize * self.col);
        Self { data, ..self }
    }

    fn t(self) -> Self {
        Self { row: self.col, col: self.row, ..self }
    }

    /// Copies the first elements of the first rows; the rest of `to` stays as it is.
    ///
    /// # Safety
    /// The rows and columns must exist, where `to` has room for them.
    #[inline(never)]
    unsafe fn copy<const W: usize>(self, to: &mut [[T; W]; ROWS], rows: usize, columns: usize) {
        for (r, to) in to.iter_mut().enumerate().take(rows) {
            for (j, to) in to.iter_mut().enumerate().take(columns) {
                // SAFETY: the caller's contract.
                *to = unsafe { *self.from(r, j).data };
            }
        }
    }

    /// Columns `from..from + to.len() / N` of rows `first..first + N`, column by column; zeros stand for rows past
    /// `rows`.
    ///
    /// # Safety
    /// The columns and the rows below `rows` must exist.
    unsafe fn pack<const N: usize>(self, to: &mut [[T; N]], first: usize, rows: usize, from: usize, zero: T) {
        let count = N.min(rows - first);
        for (q, line) in to.iter_mut().enumerate() {
            let at = first as isize * self.row + (from + q) as isize * self.col;
            for (i, x) in line.iter_mut().enumerate() {
                // SAFETY: the row and the column exist.
                *x = if i < count { unsafe { *self.data.offset(at + i as isize * self.row) } } else { zero };
            }
        }
    }
}

/// What comes of the rows of `a`, `c.len() / n` of them, and the `n` columns of `b`, with `k` coordinates each; of `x` at
/// the places of the results too, if there is one.
///
/// # Safety
/// The operands must have these sizes.
pub(super) unsafe fn distances<T: Float>(
    combine: Combine,
    (a, b, x): (Strided<T>, Strided<T>, Option<Strided<T>>),
    (n, k): (usize, usize),
    c: &mut [T],
    threads: usize,
) {
    let (m, zero) = (c.len() / n, T::default());
    let panels = n.div_ceil(PANEL);
    let mut columns = vec![[zero; PANEL]; panels * k];
    let whole = Shared(columns.as_mut_ptr().cast());
    for_each(panels, threads, |panel| {
        // SAFETY: each panel has its own part; the columns of `b` exist.
        unsafe {
            let part = std::slice::from_raw_parts_mut(whole.at::<[T; PANEL]>((panel * k) as isize), k);
            b.t().pack(part, panel * PANEL, n, 0, zero);
        }
    });
    let rows = Shared(c.as_mut_ptr().cast());
    let per_task = TASK.min(m.div_ceil(threads).next_multiple_of(ROWS));
    for_each(m.div_ceil(per_task), threads, |task| {
        let first = task * per_task;
        let count = per_task.min(m - first);
        // SAFETY: each task has its own rows.
        let c = unsafe { std::slice::from_raw_parts_mut(rows.at::<T>((first * n) as isize), count * n) };
        let groups = count.div_ceil(ROWS);
        let mut packed = vec![[zero; ROWS]; groups * k.min(DEPTH)];
        for from in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - from);
            let packed = &mut packed[..groups * depth];
            for (group, lines) in packed.chunks_exact_mut(depth).enumerate() {
                // SAFETY: the rows of `a` exist.
                unsafe { a.pack(lines, first + group * ROWS, m, from, zero) };
            }
            for panel in 0..panels {
                let lines = &columns[panel * k + from..][..depth];
                let x = x.map(|x| x.from(first, panel * PANEL));
                let at = Place { column: panel * PANEL, pitch: n, first: from == 0, x };
                sweep_by(combine, packed, lines, c, at);
            }
        }
    });
}

/// Where the results of a panel go.
#[derive(Clone, Copy)]
struct Place<T> {
    column: usize,
    pitch: usize,
    /// Whether nothing is there yet.
    first: bool,
    /// The third operand from this place on.
    x: Option<Strided<T>>,
}

/// All rows with one panel.
fn sweep_by<T: Float>(combine: Combine, rows: &[[T; ROWS]], panel: &[[T; PANEL]], c: &mut [T], at: Place<T>) {
    match combine {
        Combine::Product => unreachable!("products have kernels of their own"),
        Combine::SqL2 => sweep(SqL2, rows, panel, c, at),
        Combine::L1 => sweep(L1, rows, panel, c, at),
        Combine::Lp(p) => sweep(Lp(p), rows, panel, c, at),
        Combine::Chebyshev => sweep(Chebyshev, rows, panel, c, at),
        Combine::Hamming => sweep(Hamming, rows, panel, c, at),
        Combine::LpGrad(1.0) => sweep(L1Grad, rows, panel, c, at),
        Combine::LpGrad(2.0) => sweep(L2Grad, rows, panel, c, at),
        Combine::LpGrad(p) => sweep(LpGrad(p), rows, panel, c, at),
    }
}

simd! {
    /// The same for one way to combine.
    fn sweep<N: Norm, T: Float>(norm: N, rows: &[[T; ROWS]], panel: &[[T; PANEL]], c: &mut [T], at: Place<T>) {
        // Two registers for each row, or one; the choice is made when this is compiled.
        if const { floats::<L, T, N>() >= 32 } {
            tiles::<N, T, T::At<L>, 32>(norm, rows, panel, c, at);
        } else if const { floats::<L, T, N>() >= 16 } {
            tiles::<N, T, T::At<L>, 16>(norm, rows, panel, c, at);
        } else if const { floats::<L, T, N>() >= 8 } {
            tiles::<N, T, T::At<L>, 8>(norm, rows, panel, c, at);
        } else {
            tiles::<N, T, T::At<L>, 4>(norm, rows, panel, c, at);
        }
    }
}

/// The columns of a tile.
const fn floats<L: Instructions, T, N: Norm>() -> usize {
    L::BYTES / size_of::<T>() * if N::LONG { 1 } else { 2 }
}

#[inline(always)]
fn tiles<N: Norm, T: Float + Into<R>, R: Real + Into<T>, const W: usize>(
    norm: N,
    rows: &[[T; ROWS]],
    panel: &[[T; PANEL]],
    c: &mut [T],
    at: Place<T>,
) {
    let groups = c.chunks_mut(ROWS * at.pitch).zip(rows.chunks_exact(panel.len()));
    for (number, (lines, group)) in groups.enumerate() {
        for column in (0..PANEL).step_by(W) {
            let from = at.column + column;
            if from >= at.pitch {
                break;
            }
            let mut x = [[T::default(); W]; ROWS];
            if N::THIRD
                && let Some(third) = at.x
            {
                let third = third.from(number * ROWS, column);
                // SAFETY: `distances`' contract: the third operand has an element at the place of each result.
                unsafe { third.copy(&mut x, lines.len() / at.pitch, at.pitch - from) };
            }
            let acc = cast(tile::<N, T, R, W>(norm, group, panel, column, &cast(x)));
            if at.first && from + W <= at.pitch {
                for (line, acc) in lines.chunks_exact_mut(at.pitch).zip(acc) {
                    let Some(to) = line[from..].first_chunk_mut() else { break };
                    *to = acc;
                }
            } else {
                put(&acc, lines, from, at, N::LARGEST);
            }
        }
    }
}

/// Loops, as the closures of `map` would not be compiled for the caller's level.
#[inline(always)]
fn cast<A: Real + Into<B>, B: Real, const W: usize>(from: [[A; W]; ROWS]) -> [[B; W]; ROWS] {
    let mut to = [[B::from_f64(0.0); W]; ROWS];
    for (to, from) in to.iter_mut().zip(&from) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = (*from).into();
        }
    }
    to
}

/// Joins a tile with what is there of its lines from column `from` on, up to their ends.
#[inline(never)]
fn put<T: Float, const W: usize>(tile: &[[T; W]; ROWS], lines: &mut [T], from: usize, at: Place<T>, largest: bool) {
    for (line, values) in lines.chunks_exact_mut(at.pitch).zip(tile) {
        let to = at.pitch.min(from + W);
        let Some(to) = line.get_mut(from..to) else { break };
        if at.first {
            to.copy_from_slice(&values[..to.len()]);
        } else {
            for (to, &x) in to.iter_mut().zip(values) {
                *to = if largest { to.max_positive(x) } else { *to + x };
            }
        }
    }
}

/// The results of four rows and `W` columns of a panel. Written so that the compiler keeps them in vector registers.
#[inline(always)]
fn tile<N: Norm, T: Float + Into<R>, R: Real, const W: usize>(
    norm: N,
    rows: &[[T; ROWS]],
    panel: &[[T; PANEL]],
    column: usize,
    x: &[[R; W]; ROWS],
) -> [[R; W]; ROWS] {
    let [mut c0, mut c1, mut c2, mut c3] = [[R::from_f64(0.0); W]; ROWS];
    for (a, b) in rows.iter().zip(panel) {
        let Some(b) = b[column..].first_chunk::<W>() else { break };
        for j in 0..W {
            let b = b[j].into();
            c0[j] = norm.take(c0[j], a[0].into(), b, x[0][j]);
            c1[j] = norm.take(c1[j], a[1].into(), b, x[1][j]);
            c2[j] = norm.take(c2[j], a[2].into(), b, x[2][j]);
            c3[j] = norm.take(c3[j], a[3].into(), b, x[3][j]);
        }
    }
    [c0, c1, c2, c3]
}
