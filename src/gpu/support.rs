//! What a device without 64-bit floats refuses.
//!
//! It holds them in 32 bits, which is enough to convert them from and to other dtypes, and for nothing else.

use super::{context::Target, types::is_emulated};
use crate::{
    DType, Error, Result,
    graph::kernel::{Body, Code, Fused, Kernel, Structured},
};

/// An error if a kernel would round what it must not.
pub(super) fn check(kernel: &Kernel, target: &Target) -> Result<()> {
    if !is_emulated(DType::F64, target) {
        return Ok(());
    }
    match &kernel.body {
        Body::Fused(fused) => check_program(fused),
        Body::Structured(structured) if computes_f64(structured, kernel) => refuse(structured.op.name()),
        Body::Structured(structured) => check_program(&structured.epilogue),
    }
}

fn computes_f64(structured: &Structured, kernel: &Kernel) -> bool {
    let reads = structured.operands.iter().any(|operand| kernel.inputs[operand.input].dtype == DType::F64);
    reads || structured.dtype == DType::F64
}

fn check_program(fused: &Fused) -> Result<()> {
    let reads = |step: u16| {
        let instr = &fused.code[step as usize];
        instr.dtype == DType::F64 && matches!(instr.code, Code::Load(_) | Code::LoadIf(_) | Code::Gather { .. })
    };
    for instr in &fused.code {
        match instr.code {
            Code::Reduce(op) if instr.dtype == DType::F64 => return refuse(op.name()),
            Code::Where if instr.args.iter().any(|&arg| reads(arg)) => return refuse("where"),
            _ => {}
        }
    }
    match fused.outputs.iter().any(|output| reads(output.value)) {
        true => refuse("copy"),
        false => Ok(()),
    }
}

fn refuse(op: &'static str) -> Result<()> {
    Err(Error::dtype(op, DType::F64, "this device has no 64-bit floats: convert to float32"))
}
