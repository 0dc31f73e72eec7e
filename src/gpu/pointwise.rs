//! Fused elementwise programs.

use super::{
    codegen::{Builder, Shader, grid},
    context::Target,
    program::Walk,
};
use crate::{
    Result,
    graph::kernel::{Binding, Fused},
};

/// The kernel's text and its grid.
pub(super) fn build(
    program: &Fused,
    inputs: &[Binding],
    outputs: &[Binding],
    target: &Target,
) -> Result<(Shader, [u32; 3])> {
    let lanes = 0..program.dims.len();
    let walk = Walk { program, inputs, outputs, lanes, prefix: "", acc: None };
    let mut b = Builder::new(target);
    let mut body = walk.lane_coordinates(&mut b)?;
    for step in 0..program.code.len() {
        body += &walk.step(&mut b, step)?;
    }
    for output in 0..outputs.len() {
        body += &walk.store(&mut b, output)?;
    }
    b.items = format!("fn quad(i: u32) {{\n{body}}}\n");
    // Drivers on the CPU pay per invocation: theirs compute two quads each.
    let (threads, quads) = if target.cpu { (64, 2) } else { (256, 1) };
    let count = walk.count();
    let n = b.size("count", count)?;
    let mut main = format!("let i = ((wid.x + wid.y * groups.x) * {threads}u + lid.x) * {}u;\n", quads * 4);
    for quad in 0..quads {
        main += &format!("if i + {}u < {n} {{ quad(i + {}u); }}\n", quad * 4, quad * 4);
    }
    let shader = b.finish([threads as u32, 1, 1], &main)?;
    Ok((shader, grid(count.div_ceil(threads * quads * 4), target)?))
}
