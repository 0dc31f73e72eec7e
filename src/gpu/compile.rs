//! The shaders of a kernel. Nothing here needs a device: what one can do is its `Target`.

use super::{
    codegen::{Shader, Slot},
    context::Target,
    index, matmul, pointwise, reduce, support,
};
use crate::{
    DType, Error, Result,
    graph::kernel::{Binding, Body, Kernel, Structured},
    op::StructuredOp,
};

/// One dispatch.
pub(super) struct Pass {
    pub shader: Shader,
    pub grid: [u32; 3],
    pub flops: u64,
}

/// What computes a kernel, in order.
#[derive(Default)]
pub(super) struct Passes {
    pub passes: Vec<Pass>,
    /// Bytes of the buffers that live between the passes.
    pub scratch: Vec<usize>,
}

/// Writes a kernel as shaders. An error names the op and dtype that the target cannot compute.
pub(super) fn compile(kernel: &Kernel, target: &Target) -> Result<Passes> {
    support::check(kernel, target)?;
    let mut out = Passes::default();
    let Kernel { inputs, outputs, .. } = kernel;
    match &kernel.body {
        Body::Fused(fused) if fused.kept == fused.dims.len() => {
            out.push(pointwise::build(fused, inputs, outputs, target)?, 0);
        }
        Body::Fused(fused) => {
            for pass in reduce::build(fused, inputs, outputs, target)? {
                out.scratch.extend(pass.scratch);
                out.push((pass.shader, pass.grid), 0);
            }
        }
        Body::Structured(structured) => match structured.op {
            StructuredOp::Matmul(_) => out.product(structured, inputs, outputs, target)?,
            StructuredOp::ScatterAdd { .. } => out.push(index::build(structured, inputs, target)?, 0),
        },
    }
    match out.passes.iter().map(|pass| pass.shader.slots.len()).find(|&bound| bound > target.bindings) {
        Some(bound) => {
            let reason = format!("{bound} buffers are more than the {} that this device can bind", target.bindings);
            Err(Error::argument("kernel", reason))
        }
        None => Ok(out),
    }
}

impl Passes {
    /// A product, cut along its inner axis where that gives the device more to do.
    fn product(
        &mut self,
        structured: &Structured,
        inputs: &[Binding],
        outputs: &[Binding],
        target: &Target,
    ) -> Result<()> {
        let product = matmul::Product::new(structured, inputs, outputs);
        let Some((first, second)) = matmul::split(&product, target) else {
            self.push(matmul::build(&product, target)?, product.flops());
            return Ok(());
        };
        let numel = first.epilogue.dims.iter().product();
        let parts = [Binding { dtype: DType::F32, numel, alias: None }];
        self.scratch.push(numel * 4);
        let product = matmul::Product::new(&first, inputs, &parts);
        let (mut shader, grid) = matmul::build(&product, target)?;
        shader.redirect(Slot::Output(0), Slot::Scratch(0));
        self.push((shader, grid), product.flops());
        let all = [inputs, &parts].concat();
        for mut pass in reduce::build(&second, &all, outputs, target)? {
            pass.shader.redirect(Slot::Input(inputs.len()), Slot::Scratch(0));
            self.push((pass.shader, pass.grid), 0);
        }
        Ok(())
    }

    fn push(&mut self, (shader, grid): (Shader, [u32; 3]), flops: u64) {
        self.passes.push(Pass { shader, grid, flops });
    }
}
