//! The shader of a kernel. Nothing here needs a device: what one can do is its `Target`.

use super::{codegen::Shader, context::Target, index, matmul, pointwise, reduce, scan, support};
use crate::{
    Error, Result,
    graph::kernel::{Body, Fused, Kernel},
    op::StructuredOp,
};

/// A kernel as a shader, and the workgroups of its dispatch. An error names the op and dtype that the target cannot
/// compute.
pub(super) fn compile(kernel: &Kernel, target: &Target) -> Result<(Shader, [u32; 3])> {
    support::check(kernel, target)?;
    let Kernel { inputs, outputs, .. } = kernel;
    let (shader, grid) = match &kernel.body {
        Body::Fused(fused) if has_rows(fused) => reduce::build(fused, inputs, outputs, target),
        Body::Fused(fused) => pointwise::build(fused, inputs, outputs, target),
        Body::Structured(structured) => match structured.op {
            StructuredOp::Matmul(_) => matmul::build(structured, inputs, outputs, target),
            StructuredOp::ScatterAdd { .. } => index::build(structured, inputs, target),
            StructuredOp::Scan { .. } => scan::build(structured, inputs, target),
        },
    }?;
    let bound = shader.slots.len();
    if bound > target.bindings {
        let reason = format!("{bound} buffers are more than the {} that this device can bind", target.bindings);
        return Err(Error::argument("kernel", reason));
    }
    Ok((shader, grid))
}

/// Into how many parts the reduced axis of a kernel is best cut.
pub(super) fn parts(kernel: &Kernel, target: &Target) -> usize {
    match &kernel.body {
        Body::Fused(fused) if has_rows(fused) => reduce::parts(fused, target),
        Body::Fused(_) => 1,
        Body::Structured(structured) => match structured.op {
            StructuredOp::Matmul(_) => matmul::parts(structured, &kernel.outputs, target),
            StructuredOp::ScatterAdd { .. } => index::parts(structured, target),
            StructuredOp::Scan { .. } => 1,
        },
    }
}

fn has_rows(fused: &Fused) -> bool {
    fused.kept < fused.dims.len()
}
