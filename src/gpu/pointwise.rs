//! Fused elementwise programs.

use super::{
    codegen::{Builder, Shader, grid},
    context::Target,
    program::Emitter,
};
use crate::{
    Result,
    graph::kernel::{Binding, Code, Fused},
};

/// The kernel's text and its grid.
pub(super) fn build(
    program: &Fused,
    inputs: &[Binding],
    outputs: &[Binding],
    target: &Target,
) -> Result<(Shader, [u32; 3])> {
    let lanes = 0..program.dims.len();
    let emitter = Emitter::new(program, inputs, outputs, lanes);
    if emitter.by_eight(target) {
        return by_eight(&emitter, target);
    }
    let mut b = Builder::new(target);
    let mut body = emitter.lane_coordinates(&mut b)?;
    for step in 0..program.code.len() {
        body += &emitter.step(&mut b, step)?;
    }
    for output in 0..outputs.len() {
        body += &emitter.store(&mut b, output)?;
    }
    b.items = format!("fn quad(i: u32) {{\n{body}}}\n");
    // Drivers on the CPU pay per invocation: theirs compute two quads each.
    let (threads, quads) = if target.cpu { (64, 2) } else { (256, 1) };
    let count = emitter.count();
    let n = b.size("count", count)?;
    let mut main = format!("let i = ((wid.x + wid.y * groups.x) * {threads}u + lid.x) * {}u;\n", quads * 4);
    for quad in 0..quads {
        main += &format!("if i + {}u < {n} {{ quad(i + {}u); }}\n", quad * 4, quad * 4);
    }
    let shader = b.finish([threads as u32, 1, 1], &main)?;
    Ok((shader, grid(count.div_ceil(threads * quads * 4), target)?))
}

/// Elements by eight, two times eight per thread.
fn by_eight(emitter: &Emitter, target: &Target) -> Result<(Shader, [u32; 3])> {
    const THREADS: usize = 128;
    let mut b = Builder::new(target);
    let code = &emitter.program.code;
    let mut body = emitter.lane_coordinates(&mut b)?;
    let mut parameters = Vec::new();
    let mut calls = [Vec::new(), Vec::new()];
    let mut steps = String::new();
    for (step, instr) in code.iter().enumerate() {
        if let Code::Load(at) = instr.code {
            let (load, halves) = emitter.load_eight(&mut b, step, at)?;
            body += &load;
            parameters.push(format!("v{step}: F"));
            calls.iter_mut().zip(halves).for_each(|(call, half)| call.push(half));
        } else {
            steps += &emitter.step(&mut b, step)?;
        }
    }
    let results: Vec<String> = emitter.program.outputs.iter().map(|output| format!("v{}", output.value)).collect();
    let fields: Vec<String> = (0..results.len()).map(|output| format!("o{output}: F")).collect();
    b.items = format!("struct Results {{ {} }}\nfn four({}) -> Results {{\n", fields.join(", "), parameters.join(", "));
    b.items += &format!("{steps}return Results({});\n}}\n", results.join(", "));
    for (half, call) in ["even", "odd"].iter().zip(calls) {
        body += &format!("let {half} = four({});\n", call.join(", "));
    }
    for output in 0..results.len() {
        body += &emitter.store_eight(&mut b, output, &format!("even.o{output}"), &format!("odd.o{output}"))?;
    }
    b.items += &format!("fn eight(i: u32) {{\n{body}}}\n");
    let count = emitter.count();
    let n = b.size("count", count)?;
    let mut main = format!("let i = ((wid.x + wid.y * groups.x) * {THREADS}u + lid.x) * 16u;\n");
    for at in [0, 8] {
        main += &format!("if i + {at}u < {n} {{ eight(i + {at}u); }}\n");
    }
    let shader = b.finish([THREADS as u32, 1, 1], &main)?;
    Ok((shader, grid(count.div_ceil(THREADS * 16), target)?))
}
