//! Scatter-add: one thread goes through each line in order, so that the sum does not depend on chance.

use std::fmt::Write;

use super::{
    bounds::poison,
    codegen::{Builder, IndexTy, Shader, Slot, grid},
    context::Target,
    types::{Ty, is_emulated},
};
use crate::{
    DType, Result,
    graph::{
        kernel::{Binding, Structured},
        kinds::{Line, ScatterAdd},
    },
};

/// Threads that share a line between them, each for a range of the output: every index is read by all of them.
fn shares(lines: usize, to: usize, target: &Target) -> usize {
    let wanted = if target.cpu { 64 } else { 1 << 14 };
    // A range is gone through up to twice: to clear it, and to mark it.
    let least = to.div_ceil(target.max_loop / 6);
    (wanted / lines.max(1)).clamp(1, to.min(256)).max(least)
}

/// Into how many parts the source is cut.
pub(super) fn parts(structured: &Structured, target: &Target) -> usize {
    ScatterAdd::of(structured).from.div_ceil(target.max_loop / 2)
}

/// The kernel's text and its grid.
pub(super) fn build(structured: &Structured, inputs: &[Binding], target: &Target) -> Result<(Shader, [u32; 3])> {
    let scatter = ScatterAdd::of(structured);
    let [source, indices] = [0, 1].map(|operand| structured.operands[operand].input);
    let mut b = Builder::new(target);
    let lines: usize = scatter.lines.iter().product();
    let parts = shares(lines, scatter.to, target);
    let span = scatter.to.div_ceil(parts);
    let threads = lines * parts;
    let src = b.bind(Slot::Input(source), inputs[source].dtype, false);
    let index = b.bind(Slot::Input(indices), inputs[indices].dtype, false);
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
    let (zero, bad) = (format!("{}(0)", ty.name()), poison(&mut b, ty, 1, "!bad"));
    let [zero, bad] = [zero, bad].map(|value| b.access(out, "store", &format!("{zero_at}, {value}")));
    let load = b.access(src, "load", &src_at);
    let old = b.access(out, "load", "at");
    let store = b.access(out, "store", &format!("at, {old} + {load}"));
    let dtype = inputs[indices].dtype;
    let (index_ty, signed) = (Ty::of(dtype, target), dtype.is_signed());
    let s = index_ty.name();
    let (exact, value, report) = if is_emulated(dtype, target) {
        let nearest = b.call(if dtype == DType::I64 { "nearest_i32" } else { "nearest_u32" });
        let load = b.access(index, "load_words", &index_at);
        (load, format!("{nearest}(given)"), IndexTy::Words { signed })
    } else {
        (b.access(index, "load", &index_at), "given".to_owned(), IndexTy::Number(index_ty))
    };
    let _ = writeln!(body, "for (var q = first; q < end; q++) {{ {zero}; }}\nvar bad = false;");
    let _ = writeln!(body, "for (var q = 0u; q < {from}; q++) {{\nlet given = {exact};\nlet index = {value};");
    let from_end = signed && scatter.check.is_some_and(|check| check.op.counts_from_end());
    let _ = match from_end {
        true => writeln!(body, "let to = select(index, index + {s}({to}), index < {s}(0));"),
        false => writeln!(body, "let to = index;"),
    };
    if let Some(check) = scatter.check {
        let at = b.report("scatter", check, scatter.to, report)?;
        let low = if signed { format!("to < {s}(0) || ") } else { String::new() };
        let _ = writeln!(body, "let outside = {low}to >= {s}({to});\nbad = bad || outside;");
        let _ = writeln!(body, "culprit{at} = select(culprit{at}, given, outside);\nfault{at} = bad;");
    }
    let _ = writeln!(body, "if to >= {s}(first) && to < {s}(end) {{ let at = {out_at}; {store}; }} }}");
    if scatter.check.is_some() {
        // The line has lost an element.
        let _ = writeln!(body, "if bad {{ for (var q = first; q < end; q++) {{ {bad}; }} }}");
    }
    Ok((b.finish([64, 1, 1], &body)?, grid(threads.div_ceil(64), target)?))
}
