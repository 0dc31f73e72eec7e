//! Scans. A thread goes through four neighbouring lines; where there are few long ones, a workgroup goes through them
//! tile by tile and combines what its threads have in a tree.

use std::fmt::Write;

use super::{
    codegen::{Builder, Shader, Slot, grid},
    context::Target,
    types::Ty,
};
use crate::{
    Error, Result,
    graph::{
        kernel::{Binding, Structured},
        kinds::Line,
    },
    op::{StructuredOp, structured::ScanOp},
};

const TEXT: &str = include_str!("../../shaders/scan.wgsl");

/// Threads of a workgroup that shares lines, and the elements that each takes of a tile.
const THREADS: usize = 256;
const RUN: usize = 8;

/// Lines from which every thread has lines of its own, as long as a driver lets a thread go through one.
const MANY: usize = 4096;

struct Scan {
    op: ScanOp,
    lines: Vec<usize>,
    length: usize,
    /// Of the elements, and of the results.
    types: [Ty; 2],
}

/// The kernel's text and its grid.
pub(super) fn build(structured: &Structured, inputs: &[Binding], target: &Target) -> Result<(Shader, [u32; 3])> {
    let StructuredOp::Scan { op, reverse, .. } = structured.op else { unreachable!("it is a scan") };
    let along = structured.batch();
    let source = |operand: usize| structured.operands[operand].input;
    let scan = Scan {
        op,
        lines: structured.batch_sizes(),
        length: structured.axes[along].size,
        types: [inputs[source(0)].dtype, structured.dtype].map(|dtype| Ty::of(dtype, target)),
    };
    let mut b = Builder::new(target);
    b.items = scan.functions(&mut b);
    let lines: usize = scan.lines.iter().product();
    let units = lines.div_ceil(4);
    let is_short = scan.length <= if target.cpu { target.max_loop / 2 } else { 4 * RUN };
    let shared = !(is_short || lines >= MANY && scan.length <= target.max_loop);
    let most = target.max_loop.saturating_mul(if shared { THREADS * RUN } else { 1 });
    if scan.length > most {
        let reason =
            format!("{} elements along an axis are more than the {most} that this driver goes through", scan.length);
        return Err(Error::argument(op.name(), reason));
    }
    let mut body = String::new();
    let unit = if shared { "(wid.x + wid.y * groups.x)" } else { "((wid.x + wid.y * groups.x) * 64u + lid.x)" };
    let count = b.size("units", units)?;
    let _ = writeln!(body, "let unit = {unit};\nif unit >= {count} {{ return; }}");
    let length = b.size("length", scan.length)?;
    let last = b.size("last line", lines - 1)?;
    let _ = writeln!(body, "let line = vec4<u32>(unit * 4u) + vec4<u32>(0u, 1u, 2u, 3u);");
    let _ = writeln!(body, "var rest = min(line, vec4<u32>({last}));");
    for axis in (0..scan.lines.len()).rev() {
        let size = b.size(&format!("d{axis}"), scan.lines[axis])?;
        let _ = writeln!(body, "let c{axis} = vec4<i32>(rest % vec4<u32>({size}));\nrest = rest / vec4<u32>({size});");
    }
    let mut place = |b: &mut Builder, name: &str, line: &Line| -> Result<String> {
        let mut terms = vec![format!("vec4<i32>({})", b.step(&format!("{name} offset"), line.offset)?)];
        for axis in 0..scan.lines.len() {
            terms.push(format!("c{axis} * {}", b.step(&format!("{name} line{axis}"), line.strides[axis])?));
        }
        let _ = writeln!(body, "let {name}_at = {};", terms.join(" + "));
        Ok(format!("({name}_at + vec4<i32>(at * {}))", b.step(&format!("{name} step"), line.axis)?))
    };
    let mut loads = Vec::new();
    for operand in 0..structured.operands.len() {
        let at = place(&mut b, ["x", "z"][operand], &Line::read(structured, operand, along))?;
        let binding = b.bind(Slot::Input(source(operand)), inputs[source(operand)].dtype, false);
        loads.push(b.access(binding, "load4", &at));
    }
    let to = place(&mut b, "y", &Line::written(structured, along))?;
    let out = b.bind(Slot::Output(0), structured.dtype, true);
    let mut store = format!("let to = {to};\n");
    for (lane, c) in ["x", "y", "z", "w"].iter().enumerate() {
        let write = b.access(out, "store", &format!("to.{c}, y.{c}"));
        let _ = match lane {
            0 => writeln!(store, "{write};"),
            _ => writeln!(store, "if line.{c} <= {last} {{ {write}; }}"),
        };
    }
    let first = loads.first().cloned().unwrap_or_default();
    let load = format!("lift({first}, {}, at)", loads.get(1).unwrap_or(&format!("{}(0)", scan.types[0].vec())));
    let position = |q: &str| if reverse { format!("i32({length}) - 1 - i32({q})") } else { format!("i32({q})") };
    if shared {
        scan.tiles(&mut b, &mut body, &length, [&load, &store], position);
        return Ok((b.finish([THREADS as u32, 1, 1], &body)?, grid(units, target)?));
    }
    let _ = writeln!(body, "var state: S;\nfor (var q = 0u; q < {length}; q++) {{\nlet at = {};", position("q"));
    let _ = writeln!(body, "let next = {load};\nif q == 0u {{ state = next; }} else {{ state = join(state, next); }}");
    let _ = writeln!(body, "let y = result(state);\n{store}}}");
    Ok((b.finish([64, 1, 1], &body)?, grid(units.div_ceil(64), target)?))
}

impl Scan {
    /// The op's part of the library, for the types of this kernel.
    fn functions(&self, b: &mut Builder) -> String {
        let [element, out] = self.types;
        let (part, name) = (element.vec(), element.name());
        let (section, calls): (&str, Vec<(&str, String)>) = match self.op {
            ScanOp::Sum if element == Ty::F32 => {
                let opaque = b.call("opaque_f32").to_owned();
                let special = format!("{}(s.high) | {}(s.high)", b.call("is_nan"), b.call("is_inf"));
                ("sum", vec![("opaque", opaque), ("is_special(s.high)", special)])
            }
            ScanOp::Sum => ("plain_sum", vec![]),
            ScanOp::Prod => ("product", vec![]),
            ScanOp::Linear => ("linear", vec![]),
            ScanOp::ArgMax | ScanOp::ArgMin => {
                let order = if self.op == ScanOp::ArgMax { ">=" } else { "<=" };
                let is_nan = match element {
                    Ty::F32 => Some(b.call("is_nan")),
                    Ty::F64 => Some(b.call("is_nan_f64")),
                    _ => None,
                };
                let ordered = format!("(b.best {order} a.best)");
                let better = is_nan
                    .map_or(ordered.clone(), |is_nan| format!("({is_nan}(b.best) | (!{is_nan}(a.best) & {ordered}))"));
                ("position", vec![("is_better(b.best, a.best)", better)])
            }
            ScanOp::LogSumExp => {
                let [exp, log] = ["exp", "log"].map(|f| b.call(&format!("{f}_{name}")).to_owned());
                ("logarithm", vec![("exp_of", exp), ("log_of", log)])
            }
        };
        let text = TEXT.split("\n// op: ").find_map(|text| text.strip_prefix(section)?.strip_prefix('\n'));
        let mut text = text.unwrap_or_default().to_owned();
        for (from, to) in calls {
            text = text.replace(from, &to);
        }
        let text: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let text = text.join("\n");
        format!("alias V = {part};\nalias P = {};\n{text}\n", out.vec())
    }

    /// A workgroup on its lines: every thread combines a run of elements, the runs' states are combined in a tree, and
    /// each thread goes on from what is in front of it.
    fn tiles(
        &self,
        b: &mut Builder,
        body: &mut String,
        length: &str,
        [load, store]: [&str; 2],
        position: impl Fn(&str) -> String,
    ) {
        let tile = THREADS * RUN;
        let _ = writeln!(b.items, "var<workgroup> runs: array<S, {THREADS}>;");
        let _ = writeln!(body, "var before: S;\nfor (var base = 0u; base < {length}; base += {tile}u) {{");
        let _ = writeln!(body, "let first = base + lid.x * {RUN}u;");
        for i in 0..RUN {
            let q = format!("min(first + {i}u, {length} - 1u)");
            let _ = writeln!(body, "var s{i}: S;\n{{ let at = {};\ns{i} = {load}; }}", position(&q));
            if i > 0 {
                let _ = writeln!(body, "s{i} = join(s{}, s{i});", i - 1);
            }
        }
        let _ = writeln!(body, "var run = s{};\nruns[lid.x] = run;\nworkgroupBarrier();", RUN - 1);
        // Written out: drivers on the CPU count the turns of every loop.
        for step in std::iter::successors(Some(1), |step| Some(step * 2)).take_while(|step| *step < THREADS) {
            let _ = writeln!(body, "if lid.x >= {step}u {{ run = join(runs[lid.x - {step}u], run); }}");
            let _ = writeln!(body, "workgroupBarrier();\nruns[lid.x] = run;\nworkgroupBarrier();");
        }
        let _ = writeln!(body, "var front = before;\nlet is_first = base == 0u && lid.x == 0u;");
        let _ = writeln!(body, "if lid.x > 0u {{ front = runs[lid.x - 1u];");
        let _ = writeln!(body, "if base > 0u {{ front = join(before, front); }} }}");
        for i in 0..RUN {
            let _ = writeln!(body, "if first + {i}u < {length} {{ let at = {};", position(&format!("(first + {i}u)")));
            let _ = writeln!(body, "if !is_first {{ s{i} = join(front, s{i}); }}\nlet y = result(s{i});\n{store}}}");
        }
        let _ = writeln!(body, "let all = runs[{}u];", THREADS - 1);
        let _ = writeln!(body, "if base == 0u {{ before = all; }} else {{ before = join(before, all); }}");
        let _ = writeln!(body, "workgroupBarrier(); }}");
    }
}
