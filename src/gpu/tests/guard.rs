//! What keeps drivers from folding, and that it stands only where they could.

use super::*;
use crate::{
    gpu::guard::opaque,
    op::{BinaryOp, ReduceOp, UnaryOp},
};

/// Steps of a program with an argument that is opaque.
fn guarded(b: Build) -> Vec<usize> {
    opaque(&b.fused).iter().enumerate().filter(|(_, args)| args.contains(&true)).map(|(step, _)| step).collect()
}

#[test]
fn operands_that_come_from_one_value() {
    let f32 = DType::F32;
    let mut b = Build::new(&[8], 1);
    let (x, y) = (b.load(f32), b.load(f32));
    let apart = b.push(Code::Binary(BinaryOp::Sub), &[x, y], f32);
    let same = b.push(Code::Binary(BinaryOp::Sub), &[x, x], f32);
    let negative = b.push(Code::Unary(UnaryOp::Neg), &[x], f32);
    let cancel = b.push(Code::Binary(BinaryOp::Add), &[x, negative], f32);
    let back = b.push(Code::Binary(BinaryOp::Sub), &[apart, x], f32);
    b.push(Code::Binary(BinaryOp::Mul), &[x, x], f32);
    b.push(Code::Binary(BinaryOp::Max), &[x, negative], f32);
    let less = b.push(Code::Binary(BinaryOp::Lt), &[x, y], DType::Bool);
    let choice = b.push(Code::Where, &[less, x, y], f32);
    assert_eq!(guarded(b), [same, cancel, back, choice].map(usize::from));
}

#[test]
fn nothing_in_a_softmax_or_a_layer_norm() {
    let f32 = DType::F32;
    let mut b = Build::new(&[4, 8], 1);
    let x = b.load(f32);
    let max = b.push(Code::Reduce(ReduceOp::Max), &[x], f32);
    let shifted = b.push(Code::Binary(BinaryOp::Sub), &[x, max], f32);
    let e = b.push(Code::Unary(UnaryOp::Exp), &[shifted], f32);
    let sum = b.push(Code::Reduce(ReduceOp::Sum), &[e], f32);
    b.push(Code::Binary(BinaryOp::Div), &[e, sum], f32);
    let square = b.push(Code::Unary(UnaryOp::Square), &[shifted], f32);
    let variance = b.push(Code::Reduce(ReduceOp::Sum), &[square], f32);
    let scale = b.push(Code::Unary(UnaryOp::Rsqrt), &[variance], f32);
    b.push(Code::Binary(BinaryOp::Mul), &[shifted, scale], f32);
    assert!(guarded(b).is_empty());
}

#[test]
fn integers_are_left_to_the_driver() {
    let mut b = Build::new(&[8], 1);
    let x = b.load(DType::I32);
    b.push(Code::Binary(BinaryOp::Sub), &[x, x], DType::I32);
    assert!(guarded(b).is_empty());
}
