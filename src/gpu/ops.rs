//! Elementwise ops as WGSL expressions on four lanes.

use super::{
    codegen::Builder,
    context::Target,
    library,
    types::{Ty, is_emulated, narrow},
};
use crate::{
    DType, Error, Result,
    graph::kernel::{Code, Instr},
    op::{BinaryOp, UnaryOp},
};

/// What a device that lacks a 64-bit type can still do with it: the rest is refused.
fn check(op: &'static str, dtype: DType, target: &Target, low_word_suffices: bool) -> Result<()> {
    match dtype {
        _ if !is_emulated(dtype, target) => Ok(()),
        DType::F64 => Err(Error::dtype(op, dtype, "this device has no 64-bit floats: convert to float32")),
        _ if low_word_suffices => Ok(()),
        _ => Err(Error::dtype(op, dtype, "this device has no 64-bit integers: convert to int32 or uint32")),
    }
}

fn call(builder: &mut Builder, op: &'static str, dtype: DType, ty: Ty, args: &str) -> Result<String> {
    let name = format!("{op}_{}", ty.name());
    if library::find(&name).is_none() {
        let reason = format!("GPU kernels cannot compute this in {}: convert to float32 or int32", ty.name());
        return Err(Error::dtype(op, dtype, reason));
    }
    Ok(format!("{}({args})", builder.call(&name)))
}

/// A float of which the driver knows nothing: see `guard`.
pub(super) fn opaque(builder: &mut Builder, ty: Ty, x: &str) -> String {
    format!("{}({x})", builder.call(&format!("opaque_{}", ty.name())))
}

pub(super) fn unary(builder: &mut Builder, op: UnaryOp, dtype: DType, x: &str) -> Result<String> {
    let ty = Ty::of(dtype, builder.target);
    let name = op.info().name;
    let borrows = dtype == DType::U64 && matches!(op, UnaryOp::Neg | UnaryOp::BitNot);
    check(name, dtype, builder.target, !borrows)?;
    let unsigned = matches!(ty, Ty::U32 | Ty::U64);
    Ok(match op {
        UnaryOp::Neg if unsigned => format!("{}({}(0)) - {x}", ty.vec(), ty.name()),
        UnaryOp::Neg => format!("-{x}"),
        UnaryOp::Abs | UnaryOp::Relu if unsigned => x.to_owned(),
        UnaryOp::Square => format!("{x} * {x}"),
        UnaryOp::Not => format!("!{x}"),
        UnaryOp::BitNot if ty == Ty::Bool => format!("!{x}"),
        UnaryOp::BitNot => format!("~{x}"),
        // Drivers take the square of a square root for its argument, which may be negative.
        UnaryOp::Sqrt | UnaryOp::Rsqrt => {
            let root = call(builder, name, dtype, ty, x)?;
            opaque(builder, ty, &root)
        }
        _ => call(builder, name, dtype, ty, x)?,
    })
}

/// `dtype` is that of the arguments.
pub(super) fn binary(builder: &mut Builder, op: BinaryOp, dtype: DType, a: &str, b: &str) -> Result<String> {
    let ty = Ty::of(dtype, builder.target);
    let name = op.info().name;
    let low_word_suffices = match op {
        BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::Pow => false,
        BinaryOp::Sub => dtype != DType::U64,
        _ => true,
    };
    check(name, dtype, builder.target, low_word_suffices)?;
    let bool = ty == Ty::Bool;
    let sign = match op {
        BinaryOp::Add if bool => "|",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul if bool => "&",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Eq => "==",
        // The translator's `!=` is false for NaN.
        BinaryOp::Ne => return Ok(format!("!({a} == {b})")),
        // Of bools, `a < b` is `!a & b`.
        BinaryOp::Lt if bool => return Ok(format!("!{a} & {b}")),
        BinaryOp::Le if bool => return Ok(format!("!{a} | {b}")),
        BinaryOp::Gt if bool => return Ok(format!("{a} & !{b}")),
        BinaryOp::Ge if bool => return Ok(format!("{a} | !{b}")),
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::And | BinaryOp::BitAnd => "&",
        BinaryOp::Max if bool => "|",
        BinaryOp::Or | BinaryOp::BitOr => "|",
        BinaryOp::Min if bool => "&",
        BinaryOp::Xor => "!=",
        BinaryOp::BitXor if bool => "!=",
        BinaryOp::BitXor => "^",
        _ => return call(builder, name, dtype, ty, &format!("{a}, {b}")),
    };
    Ok(format!("{a} {sign} {b}"))
}

/// The value of one dtype as the type that holds another, not yet wrapped to its width.
pub(super) fn cast(builder: &mut Builder, from: DType, to: DType, x: &str) -> String {
    let (a, b) = (Ty::of(from, builder.target), Ty::of(to, builder.target));
    let (v, s) = (b.vec(), b.name());
    match (a, b) {
        _ if a == b => x.to_owned(),
        // `!=` may be false for NaN.
        (_, Ty::Bool) => format!("!({x} == {}({}(0)))", a.vec(), a.name()),
        (Ty::Bool, _) => format!("select({v}({s}(0)), {v}({s}(1)), {x})"),
        // Widened with the sign of the source, then reinterpreted.
        (Ty::U32, Ty::I64) => format!("{v}(vec4<u64>({x}))"),
        (Ty::I32, Ty::I64 | Ty::U64) => format!("{v}({}({x}))", builder.call("i32_to_u64")),
        (Ty::F32, Ty::I32 | Ty::U32) => format!("{}({x})", builder.call(&format!("f32_to_{s}"))),
        (Ty::F32 | Ty::F64, Ty::I64 | Ty::U64) | (Ty::F64, Ty::I32 | Ty::U32) => {
            format!("{}({x})", builder.call(&format!("{}_to_{s}", a.name())))
        }
        _ => format!("{v}({x})"),
    }
}

/// Rounds or wraps a value that was just computed to its dtype, where the register is wider.
pub(super) fn narrowed(builder: &mut Builder, dtype: DType, x: String) -> String {
    match narrow(dtype) {
        Some(function) => format!("{}({x})", builder.call(function)),
        None => x,
    }
}

/// Turns that the loops inside of a step take at the most.
pub(super) fn turns(instr: &Instr) -> usize {
    let wide = instr.dtype == DType::F64;
    match instr.code {
        Code::Random { .. } => 11,
        Code::Unary(UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Tan) if !wide => 5,
        Code::Binary(BinaryOp::Rem | BinaryOp::FloorDiv) if wide => 129,
        Code::Binary(BinaryOp::Rem | BinaryOp::FloorDiv) if instr.dtype.is_float() => 25,
        Code::Binary(BinaryOp::Pow) if !instr.dtype.is_float() => 65,
        _ => 0,
    }
}
