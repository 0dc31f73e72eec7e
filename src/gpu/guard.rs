//! Which operands are kept from the driver's algebra.
//!
//! Drivers take `x - x` for 0, `x / x` for 1, `x == x` for true, `(x + y) - x` for `y` and `x * y + x * z` for
//! `x * (y + z)`. With NaN and infinity, and where something overflows or is rounded, these are other numbers. Each such
//! identity needs one value on both sides of an operation. So where both operands come from one value, one of them goes
//! through `opaque`: an exclusive or with a parameter that is always 0, which no compiler can know. Functions that a driver
//! may have an inverse for, as square roots, give opaque values themselves (`ops::unary`).

use crate::{
    graph::kernel::{Code, Fused},
    op::BinaryOp,
};

/// For each step of a program, which of its arguments are to be opaque.
pub(super) fn opaque(program: &Fused) -> Vec<[bool; 3]> {
    let code = &program.code;
    let words = code.len().div_ceil(64);
    // The steps that a value comes from, as bits: loads, scalars and reductions, behind which no compiler sees.
    let mut sources = vec![0u64; words * code.len()];
    let mut result = Vec::with_capacity(code.len());
    for (at, instr) in code.iter().enumerate() {
        let args = instr.reads();
        if matches!(instr.code, Code::Unary(_) | Code::Binary(_) | Code::Where | Code::Cast) {
            for &arg in args {
                for word in 0..words {
                    sources[at * words + word] |= sources[arg as usize * words + word];
                }
            }
        } else {
            sources[at * words + at / 64] |= 1 << (at % 64);
        }
        let related = |a: usize, b: usize| {
            let [a, b] = [a, b].map(|arg| &sources[args[arg] as usize * words..][..words]);
            a.iter().zip(b).any(|(a, b)| a & b != 0)
        };
        let float = |arg: usize| code[args[arg] as usize].dtype.is_float();
        result.push(match instr.code {
            // These have no such identities.
            Code::Binary(BinaryOp::Max | BinaryOp::Min) => [false; 3],
            Code::Binary(BinaryOp::Mul) if args[0] == args[1] => [false; 3],
            Code::Binary(_) => [false, float(1) && related(0, 1), false],
            // `x < y ? x : y` is no minimum where one is NaN.
            Code::Where => [false, float(1) && related(0, 1), float(2) && related(0, 2)],
            _ => [false; 3],
        });
    }
    result
}
