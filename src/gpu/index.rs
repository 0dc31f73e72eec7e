//! Scatter-add: one thread walks each line in order, so that the sum does not depend on chance.

use std::fmt::Write;

use super::{
    codegen::{Builder, Shader, Slot, grid},
    context::Target,
    types::Ty,
};
use crate::{
    Result,
    graph::kernel::{Binding, Line, ScatterAdd},
};

/// Threads that share a line between them, each for a range of the output: every index is read by all of them.
fn parts(lines: usize, to: usize, target: &Target) -> usize {
    let wanted = if target.cpu { 64 } else { 1 << 14 };
    (wanted / lines.max(1)).clamp(1, to.min(256))
}

/// The kernel's text and its grid.
pub(super) fn build(scatter: &ScatterAdd, inputs: &[Binding], target: &Target) -> Result<(Shader, [u32; 3])> {
    let mut b = Builder::new(target);
    let lines: usize = scatter.lines.iter().product();
    let parts = parts(lines, scatter.to, target);
    let span = scatter.to.div_ceil(parts);
    let threads = lines * parts;
    let src = b.bind(Slot::Input(0), inputs[0].dtype, false);
    let index = b.bind(Slot::Input(1), inputs[1].dtype, false);
    let out = b.bind(Slot::Output(0), scatter.dtype, true);
    let (count, per_part) = (b.size("threads", threads)?, b.size("lines", lines)?);
    let (from, to, span) = (b.size("from", scatter.from)?, b.size("to", scatter.to)?, b.size("span", span)?);
    let mut body = String::new();
    let _ = writeln!(body, "let t = (wid.x + wid.y * groups.x) * 64u + lid.x;\nif t >= {count} {{ return; }}");
    let _ = writeln!(body, "var rest = t % {per_part};\nlet first = (t / {per_part}) * {span};");
    let _ = writeln!(body, "let end = min(first + {span}, {to});");
    for axis in (0..scatter.lines.len()).rev() {
        let size = b.size(&format!("d{axis}"), scatter.lines[axis])?;
        let _ = writeln!(body, "let c{axis} = rest % {size};\nrest = rest / {size};");
    }
    let mut place = |b: &mut Builder, name: &str, line: &Line, at: &str| -> Result<String> {
        let mut terms = vec![b.step(&format!("{name} offset"), line.offset)?];
        for axis in 0..scatter.lines.len() {
            terms.push(format!("i32(c{axis}) * {}", b.step(&format!("{name} line{axis}"), line.strides[axis])?));
        }
        let _ = writeln!(body, "let {name}_at = {};", terms.join(" + "));
        Ok(format!("{name}_at + i32({at}) * {}", b.step(&format!("{name} axis"), line.axis)?))
    };
    let src_at = place(&mut b, "src", &scatter.src, "q")?;
    let index_at = place(&mut b, "index", &scatter.index, "q")?;
    let zero_at = place(&mut b, "out", &scatter.out, "q")?;
    let out_at = zero_at.replace("i32(q)", "i32(to)");
    let ty = Ty::of(scatter.dtype, target);
    let zero = b.access(out, "store", &format!("{zero_at}, {}(0)", ty.name()));
    let load_index = b.access(index, "load", &index_at);
    let load = b.access(src, "load", &src_at);
    let old = b.access(out, "load", "at");
    let store = b.access(out, "store", &format!("at, {old} + {load}"));
    let s = Ty::of(inputs[1].dtype, target).name();
    let _ = writeln!(body, "for (var q = first; q < end; q++) {{ {zero}; }}");
    let _ = writeln!(body, "for (var q = 0u; q < {from}; q++) {{\nlet to = {load_index};");
    let _ = writeln!(body, "if to >= {s}(first) && to < {s}(end) {{ let at = {out_at}; {store}; }} }}");
    Ok((b.finish([64, 1, 1], &body)?, grid(threads.div_ceil(64), target)?))
}
