//! Checks of indices and class ids, lane by lane.

use std::fmt::Write;

use super::{
    codegen::{Builder, IndexTy},
    program::Emitter,
    types::{Ty, is_emulated},
};
use crate::{
    DType, Result,
    graph::kernel::{Code, Leaf},
    op::{Check, ClassIds},
};

/// The vector, or the number, that stands for the results of an index out of range. NaN does not stand in the text, as
/// compilers may not.
pub(super) fn poison(b: &mut Builder, ty: Ty, width: usize, ok: &str) -> String {
    let of = |number: &str| if width == 4 { format!("{}({number})", ty.vec()) } else { number.to_owned() };
    match ty {
        Ty::Bool => of("true"),
        Ty::I32 => of("-1"),
        Ty::I64 => of("-1li"),
        Ty::U32 => of("0xffffffffu"),
        Ty::U64 => of("18446744073709551615lu"),
        Ty::F32 | Ty::F64 => {
            let all = if width == 4 { ok.to_owned() } else { format!("vec4<bool>({ok})") };
            let call = format!("{}({all})", b.call(if ty == Ty::F32 { "poison_f32" } else { "poison_f64" }));
            if width == 4 { call } else { format!("{call}.x") }
        }
    }
}

/// Four indices as the kernel computes with them.
struct Indices {
    /// Their name, and the type of one.
    name: String,
    ty: Ty,
    /// The four of them for a report.
    exact: [String; 4],
    report: IndexTy,
}

impl Emitter<'_> {
    /// An argument that holds indices. Those of 64 bits that a device without such numbers finds in memory become the
    /// nearest of 32.
    fn indices(&self, b: &mut Builder, step: usize, text: &mut String) -> Result<Indices> {
        let arg = self.program.code[step].args[0];
        let instr = &self.program.code[arg as usize];
        let ty = Ty::of(instr.dtype, b.target);
        if let (Code::Load(at), true) = (instr.code, is_emulated(instr.dtype, b.target)) {
            let signed = instr.dtype == DType::I64;
            let (leaf, place) = self.leaf(b, at)?;
            let binding = self.input(b, leaf.input.unwrap_or_default());
            let _ = writeln!(text, "let at{step} = {};", place.lanes());
            for lane in ["x", "y", "z", "w"] {
                let load = b.access(binding, "load_words", &format!("at{step}.{lane}"));
                let _ = writeln!(text, "let w{step}{lane} = {load};");
            }
            let exact = ["x", "y", "z", "w"].map(|lane| format!("w{step}{lane}"));
            let nearest = b.call(if signed { "nearest_i32" } else { "nearest_u32" });
            let four = exact.each_ref().map(|words| format!("{nearest}({words})"));
            let _ = writeln!(text, "let x{step} = {}({});", ty.vec(), four.join(", "));
            return Ok(Indices { name: format!("x{step}"), ty, exact, report: IndexTy::Words { signed } });
        }
        let name = format!("v{arg}");
        let exact = ["x", "y", "z", "w"].map(|lane| format!("{name}.{lane}"));
        Ok(Indices { name, ty, exact, report: IndexTy::Number(ty) })
    }

    /// Remembers an index among the four that is `bad`, for the report at the kernel's end.
    fn remember(
        &self,
        b: &mut Builder,
        step: usize,
        (check, size): (Check, usize),
        indices: &Indices,
        bad: &str,
        text: &mut String,
    ) -> Result<()> {
        let role = format!("{}v{step}", self.prefix);
        let at = b.report(&role, check, size, indices.report)?;
        let mut bad = bad.to_owned();
        // The lanes behind the last element compute with what happens to lie there.
        let shared = self.program.code[step].per_row && self.lanes.start >= self.program.kept;
        if self.has_tail() && !shared {
            let count = b.size(&format!("{}count", self.prefix), self.count())?;
            bad = format!("({bad} & ((vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>({count})))");
        }
        let [x, y, z, w] = &indices.exact;
        let _ = writeln!(text, "let bad{step} = {bad};");
        let one = format!("select(select(select({w}, {z}, bad{step}.z), {y}, bad{step}.y), {x}, bad{step}.x)");
        let _ = writeln!(text, "culprit{at} = select(culprit{at}, {one}, any(bad{step}));");
        let _ = writeln!(text, "fault{at} = fault{at} | any(bad{step});");
        Ok(())
    }

    /// The statements of `Code::Gather`.
    pub fn gather(&self, b: &mut Builder, step: usize, leaf: u16, check: Option<Check>) -> Result<String> {
        let mut text = String::new();
        let indices = self.indices(b, step, &mut text)?;
        let (v, s) = (indices.ty.vec(), indices.ty.name());
        let (Leaf { axis: (stride, size), input, dtype, .. }, place) = self.leaf(b, leaf)?;
        let stride = b.step(&format!("{}l{leaf}g", self.prefix), *stride)?;
        let count = b.size(&format!("{}l{leaf}n", self.prefix), *size)?;
        let index = &indices.name;
        let signed = matches!(indices.ty, Ty::I32 | Ty::I64);
        let from_end = signed && check.is_some_and(|check| check.op.counts_from_end());
        let _ = match from_end {
            true => {
                writeln!(text, "let k{step} = select({index}, {index} + {v}({s}({count})), {index} < {v}({s}(0)));")
            }
            false => writeln!(text, "let k{step} = {index};"),
        };
        let low = if signed { format!("(k{step} >= {v}({s}(0))) & ") } else { String::new() };
        let _ = writeln!(text, "let ok{step} = {low}(k{step} < {v}({s}({count})));");
        let binding = self.input(b, input.unwrap_or_default());
        let at = format!("({} + vec4<i32>(k{step}) * {stride})", place.lanes());
        let load = b.access(binding, "load4", &format!("select(vec4<i32>(0), {at}, ok{step})"));
        let ty = Ty::of(*dtype, b.target);
        let other = match check {
            Some(_) => poison(b, ty, 4, &format!("ok{step}")),
            None => format!("{}({}(0))", ty.vec(), ty.name()),
        };
        let _ = writeln!(text, "let v{step} = select({other}, {load}, ok{step});");
        if let Some(check) = check {
            self.remember(b, step, (check, *size), &indices, &format!("!ok{step}"), &mut text)?;
        }
        Ok(text)
    }

    /// The statements of `Code::ClassId`.
    pub fn class_id(&self, b: &mut Builder, step: usize, ids: &ClassIds) -> Result<String> {
        let mut text = String::new();
        let indices = self.indices(b, step, &mut text)?;
        let (v, s, id) = (indices.ty.vec(), indices.ty.name(), &indices.name);
        let count = b.size(&format!("{}v{step} size", self.prefix), ids.classes)?;
        let low = match indices.ty {
            Ty::I32 | Ty::I64 => format!("({id} >= {v}({s}(0))) & "),
            _ => String::new(),
        };
        let _ = writeln!(text, "let ok{step} = {low}({id} < {v}({s}({count})));");
        let out = Ty::of(self.program.code[step].dtype, b.target);
        let (to, t) = (out.vec(), out.name());
        let number = |value: i64| format!("{to}({t}({value}))");
        let mut class = format!("select({}, {to}({id}), ok{step})", number(ClassIds::OUTSIDE));
        let mut bad = format!("!ok{step}");
        let ignored = ids.ignore.filter(|&ignore| match indices.ty {
            Ty::I64 => true,
            Ty::U64 => ignore >= 0,
            Ty::U32 => u32::try_from(ignore).is_ok(),
            _ => i32::try_from(ignore).is_ok(),
        });
        if let Some(ignore) = ignored {
            let ignore = b.integer(&format!("{}v{step} ignore", self.prefix), ignore, indices.ty);
            let _ = writeln!(text, "let skip{step} = {id} == {v}({ignore});");
            class = format!("select({class}, {}, skip{step})", number(ClassIds::IGNORED));
            bad = format!("({bad} & !skip{step})");
        }
        let _ = writeln!(text, "let v{step} = {class};");
        self.remember(b, step, (ids.check, ids.classes), &indices, &bad, &mut text)?;
        Ok(text)
    }
}
