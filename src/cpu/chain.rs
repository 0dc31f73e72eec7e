//! Cheap steps that follow each other: done in one loop, the value in between never leaves the processor's registers.

use super::vector::vectorised;
use crate::{
    dtype::Compute,
    op::{BinaryOp, UnaryOp},
};

/// Links that one chain may have.
pub(super) const MAX_LINKS: usize = 32;

/// What a link does to the value: `x` on its left, `y` its own operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkOp {
    Neg,
    Abs,
    Square,
    Relu,
    Sqrt,
    Rsqrt,
    Recip,
    Add,
    Mul,
    /// `x - y`
    Sub,
    /// `y - x`
    From,
    /// `x / y`
    Div,
    /// `y / x`
    Over,
    /// The larger one; NaN if one is NaN.
    Max,
    /// The smaller one; NaN if one is NaN.
    Min,
}

/// One step of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub op: LinkOp,
    /// The register of its own operand, and whether that is a single value.
    pub operand: Option<(u16, bool)>,
}

impl LinkOp {
    /// The link that computes a unary op.
    pub fn unary(op: UnaryOp, compute: Compute) -> Option<Self> {
        let link = match op {
            UnaryOp::Neg => Self::Neg,
            UnaryOp::Abs => Self::Abs,
            UnaryOp::Square => Self::Square,
            UnaryOp::Relu => Self::Relu,
            UnaryOp::Sqrt => Self::Sqrt,
            UnaryOp::Rsqrt => Self::Rsqrt,
            UnaryOp::Reciprocal => Self::Recip,
            _ => return None,
        };
        (compute == Compute::F32).then_some(link)
    }

    /// The link that computes a binary op; the chain's value is the operand `side`.
    pub fn binary(op: BinaryOp, compute: Compute, side: usize) -> Option<Self> {
        let link = match (op, side) {
            (BinaryOp::Add, _) => Self::Add,
            (BinaryOp::Mul, _) => Self::Mul,
            (BinaryOp::Sub, 0) => Self::Sub,
            (BinaryOp::Sub, _) => Self::From,
            (BinaryOp::Div, 0) => Self::Div,
            (BinaryOp::Div, _) => Self::Over,
            // Of two zeros the second one: the sides differ.
            (BinaryOp::Max, 0) => Self::Max,
            (BinaryOp::Min, 0) => Self::Min,
            _ => return None,
        };
        (compute == Compute::F32).then_some(link)
    }
}

/// A link whose operand has been found.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub op: LinkOp,
    pub operand: *const f32,
    pub single: bool,
}

/// Registers of the processor that one pass through the links works on: enough to hide the latency of an instruction
/// and the choice of the next.
const WIDE: usize = 8;

/// One link applied to every register of a block; `$y` loads its operand's part `i`.
macro_rules! apply {
    ($x:ident, $V:ident, $link:ident, |$i:ident| $y:expr) => {
        match $link.op {
            LinkOp::Neg => each!($x, |x| x.neg()),
            LinkOp::Abs => each!($x, |x| x.abs()),
            LinkOp::Square => each!($x, |x| x.mul(x)),
            // NaN stays: it is the second operand. So does -0, which the addition turns into 0.
            LinkOp::Relu => each!($x, |x| $V::splat(0.0).higher(x).add($V::splat(0.0))),
            LinkOp::Sqrt => each!($x, |x| x.sqrt()),
            LinkOp::Rsqrt => each!($x, |x| $V::splat(1.0).div(x.sqrt())),
            LinkOp::Recip => each!($x, |x| $V::splat(1.0).div(x)),
            LinkOp::Add => with!($x, $V, $link, |$i| $y, |x, y| x.add(y)),
            LinkOp::Mul => with!($x, $V, $link, |$i| $y, |x, y| x.mul(y)),
            LinkOp::Sub => with!($x, $V, $link, |$i| $y, |x, y| x.sub(y)),
            LinkOp::From => with!($x, $V, $link, |$i| $y, |x, y| y.sub(x)),
            LinkOp::Div => with!($x, $V, $link, |$i| $y, |x, y| x.div(y)),
            LinkOp::Over => with!($x, $V, $link, |$i| $y, |x, y| y.div(x)),
            LinkOp::Max => with!($x, $V, $link, |$i| $y, |x, y| x.if_nan_else(x.higher(y))),
            LinkOp::Min => with!($x, $V, $link, |$i| $y, |x, y| x.if_nan_else(x.lower(y))),
        }
    };
}

macro_rules! each {
    ($x:ident, |$value:ident| $e:expr) => {
        for slot in &mut $x {
            let $value = *slot;
            *slot = $e;
        }
    };
}

macro_rules! with {
    ($x:ident, $V:ident, $link:ident, |$i:ident| $operand:expr, |$value:ident, $y:ident| $e:expr) => {
        if $link.single {
            let $y = $V::splat(*$link.operand);
            each!($x, |$value| $e);
        } else {
            for ($i, slot) in $x.iter_mut().enumerate() {
                let ($value, $y) = (*slot, $operand);
                *slot = $e;
            }
        }
    };
}

vectorised! {
    /// Takes `n` floats from `src` through the links to `dst`, a block after the other.
    ///
    /// # Safety
    /// `src`, and operands that are not single values, must hold `n` floats, and `dst` must have room for them. `dst`
    /// may be one of the others, but must not overlap them otherwise.
    pub(super) unsafe fn run<V>(dst: *mut f32, src: *const f32, n: usize, links: &[Bound]) {
        // SAFETY: everything stays below `n`, see above.
        unsafe {
            let mut at = 0;
            while at + WIDE * V::LEN <= n {
                let mut x = [V::splat(0.0); WIDE];
                for (i, slot) in x.iter_mut().enumerate() {
                    *slot = V::load(src.add(at + i * V::LEN));
                }
                for link in links {
                    apply!(x, V, link, |i| V::load(link.operand.add(at + i * V::LEN)));
                }
                for (i, value) in x.into_iter().enumerate() {
                    value.store(dst.add(at + i * V::LEN));
                }
                at += WIDE * V::LEN;
            }
            while at + V::LEN <= n {
                let mut x = [V::load(src.add(at))];
                for link in links {
                    apply!(x, V, link, |i| V::load(link.operand.add(at + i)));
                }
                x[0].store(dst.add(at));
                at += V::LEN;
            }
            if at < n {
                let rest = n - at;
                let mut x = [V::load_part(src.add(at), rest)];
                for link in links {
                    apply!(x, V, link, |i| V::load_part(link.operand.add(at + i), rest));
                }
                x[0].store_part(dst.add(at), rest);
            }
        }
    }
}
