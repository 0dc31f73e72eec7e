//! The text of a kernel: bindings, parameters, the library functions that it calls, and its body.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{
    context::Target,
    encoder::WINDOW_BYTES,
    library,
    types::{Access, Ty},
};
use crate::{DType, Error, Result, op::Check};

/// Where a binding's buffer comes from at launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Input(usize),
    Output(usize),
    /// Where kernels report indices out of range.
    Status,
}

/// A finished kernel text with what its launch needs.
pub(super) struct Shader {
    pub source: String,
    /// Per binding.
    pub slots: Vec<Slot>,
    pub writable: Vec<bool>,
    pub words: Vec<u32>,
    /// Scalars by their first word.
    pub scalars: Vec<(usize, usize)>,
    pub immediates: bool,
}

struct Bound {
    slot: Slot,
    dtype: DType,
    writable: bool,
    /// Access functions in use.
    uses: BTreeSet<&'static str>,
}

/// A check of indices: what a thread remembers of the last one out of range, and whom it reports it for.
struct Report {
    ty: IndexTy,
    /// Parameters: op and axis, size of the axis.
    check: String,
    size: String,
}

/// How a kernel holds an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexTy {
    Number(Ty),
    /// The words of a number of 64 bits that the device cannot compute with.
    Words {
        signed: bool,
    },
}

impl IndexTy {
    fn name(self) -> &'static str {
        match self {
            IndexTy::Number(ty) => ty.name(),
            IndexTy::Words { .. } => "vec2<u32>",
        }
    }
}

/// Builds the text of one kernel.
pub(super) struct Builder<'a> {
    pub target: &'a Target,
    bound: Vec<Bound>,
    roles: BTreeMap<String, usize>,
    words: Vec<u32>,
    signed: Vec<bool>,
    scalars: Vec<(usize, usize)>,
    calls: BTreeSet<&'static str>,
    reports: Vec<Report>,
    /// Declarations and functions of the kernel itself.
    pub items: String,
}

impl<'a> Builder<'a> {
    pub fn new(target: &'a Target) -> Self {
        Self {
            target,
            bound: Vec::new(),
            roles: BTreeMap::new(),
            words: Vec::new(),
            signed: Vec::new(),
            scalars: Vec::new(),
            calls: BTreeSet::new(),
            reports: Vec::new(),
            items: String::new(),
        }
    }

    /// A buffer's binding. One that is both read and written is bound once.
    pub fn bind(&mut self, slot: Slot, dtype: DType, writable: bool) -> usize {
        let at = self.bound.iter().position(|b| b.slot == slot).unwrap_or_else(|| {
            self.bound.push(Bound { slot, dtype, writable, uses: BTreeSet::new() });
            self.bound.len() - 1
        });
        self.bound[at].writable |= writable;
        at
    }

    /// A call of an access function: `load`, `load_quad`, `load_octo`, `load_words`, `store`, `store_quad` or `store_octo`.
    pub fn access(&mut self, binding: usize, function: &'static str, args: &str) -> String {
        let bound = &mut self.bound[binding];
        bound.uses.insert(function);
        if function == "load4" {
            bound.uses.insert("load");
        }
        format!("b{binding}_{function}({args})")
    }

    fn word(&mut self, role: String, value: u32, signed: bool) -> String {
        let at = *self.roles.entry(role).or_insert_with(|| {
            self.words.push(value);
            self.signed.push(signed);
            self.words.len() - 1
        });
        format!("p.w{at}")
    }

    /// An unsigned parameter. The same role is passed once.
    pub fn size(&mut self, role: &str, value: usize) -> Result<String> {
        Ok(self.word(role.to_owned(), index(value as isize)? as u32, false))
    }

    /// A signed parameter: a stride or an offset.
    pub fn step(&mut self, role: &str, value: isize) -> Result<String> {
        Ok(self.word(role.to_owned(), index(value)? as u32, true))
    }

    /// A number of the kernel, as a parameter of this type: other numbers need no other kernel.
    pub fn number(&mut self, role: &str, value: f64, ty: Ty) -> String {
        if ty != Ty::F64 {
            let word = self.word(role.to_owned(), (value as f32).to_bits(), false);
            return format!("bitcast<f32>({word})");
        }
        let bits = value.to_bits();
        let low = self.word(format!("{role} low"), bits as u32, false);
        let high = self.word(format!("{role} high"), (bits >> 32) as u32, false);
        format!("{}({low}, {high})", self.call("f64_from_words"))
    }

    /// An integer of the kernel, as a parameter of this type, which holds it.
    pub fn integer(&mut self, role: &str, value: i64, ty: Ty) -> String {
        let low = self.word(format!("{role} low"), value as u32, false);
        match ty {
            Ty::I64 | Ty::U64 => {
                let high = self.word(format!("{role} high"), (value >> 32) as u32, false);
                let wide = format!("(u64({low}) | (u64({high}) << 32u))");
                if ty == Ty::I64 { format!("bitcast<i64>{wide}") } else { wide }
            }
            Ty::I32 => format!("bitcast<i32>({low})"),
            _ => low,
        }
    }

    /// A scalar passed at launch, as the type in which its dtype is held.
    pub fn scalar(&mut self, scalar: usize, ty: Ty) -> String {
        let role = format!("scalar{scalar}");
        let at = match self.roles.get(&role) {
            Some(&at) => at,
            None => {
                let at = self.words.len();
                self.scalars.push((at, scalar));
                self.words.extend([0, 0]);
                self.signed.extend([false, false]);
                self.roles.insert(role, at);
                at
            }
        };
        let (low, high) = (format!("p.w{at}"), format!("p.w{}", at + 1));
        let wide = format!("(u64({low}) | (u64({high}) << 32u))");
        match ty {
            Ty::Bool => format!("({low} != 0u)"),
            Ty::U32 => low,
            Ty::I32 => format!("bitcast<i32>({low})"),
            Ty::F32 => format!("bitcast<f32>({low})"),
            Ty::U64 => wide,
            Ty::I64 => format!("bitcast<i64>{wide}"),
            Ty::F64 => format!("{}({low}, {high})", self.call("f64_from_words")),
        }
    }

    /// A function of the library, by its name.
    pub fn call(&mut self, name: &str) -> &'static str {
        let name = library::find(name).unwrap_or("missing_function");
        self.calls.insert(name);
        name
    }

    /// The number of a report, which the kernel makes at its end if `fault<number>` is true by then, of `culprit<number>`.
    pub fn report(&mut self, role: &str, check: Check, size: usize, ty: IndexTy) -> Result<usize> {
        // The number of a signed index has another sign bit.
        let unsigned = matches!(ty, IndexTy::Number(Ty::U32 | Ty::U64) | IndexTy::Words { signed: false });
        let code = check.code() as usize | usize::from(unsigned) << 16;
        let check = self.size(&format!("{role} check"), code)?;
        let size = self.size(&format!("{role} size"), size)?;
        // A step may be written out more than once.
        let at = self.reports.iter().position(|known| known.check == check).unwrap_or(self.reports.len());
        if at == self.reports.len() {
            self.reports.push(Report { ty, check, size });
        }
        Ok(at)
    }

    /// Declarations for the reports, and what `main` ends with.
    fn reporting(&self) -> (String, String) {
        let (mut items, mut end) = (String::new(), String::new());
        if self.reports.is_empty() {
            return (items, end);
        }
        let _ = write!(
            items,
            "struct Status {{ count: atomic<u32>, check: u32, size: u32, low: u32, high: u32 }}\n\
             @group(0) @binding({}) var<storage, read_write> status: Status;\n\
             fn report(check: u32, size: u32, low: u32, high: u32) {{\n\
             if atomicAdd(&status.count, 1u) == 0u {{\n\
             status.check = check; status.size = size; status.low = low; status.high = high; }}\n}}\n",
            self.bound.len()
        );
        for (i, Report { ty, check, size }) in self.reports.iter().enumerate() {
            let (name, culprit) = (ty.name(), format!("culprit{i}"));
            let _ = writeln!(items, "var<private> fault{i}: bool = false;\nvar<private> {culprit}: {name};");
            let words = match ty {
                IndexTy::Number(Ty::I32) => format!("bitcast<u32>({culprit}), bitcast<u32>({culprit} >> 31u)"),
                IndexTy::Number(Ty::I64) => {
                    format!("u32(bitcast<u64>({culprit})), u32(bitcast<u64>({culprit}) >> 32u)")
                }
                IndexTy::Number(Ty::U64) => format!("u32({culprit}), u32({culprit} >> 32u)"),
                IndexTy::Number(_) => format!("{culprit}, 0u"),
                IndexTy::Words { .. } => format!("{culprit}.x, {culprit}.y"),
            };
            let _ = writeln!(end, "if fault{i} {{ report({check}, {size}, {words}); }}");
        }
        (items, end)
    }

    /// The finished text around the body of `main`, which is called with `wid`, `lid` and `groups`.
    pub fn finish(mut self, workgroup: [u32; 3], body: &str) -> Result<Shader> {
        let (reports, end) = self.reporting();
        let (buffers, accesses) = self.accesses()?;
        let wanted = library::closure(&self.calls);
        let mut functions = String::new();
        if library::need_zero_word(&wanted) {
            let zero = self.word("zero".to_owned(), 0, false);
            let _ = writeln!(functions, "fn zero_word() -> u32 {{ return {zero}; }}");
        }
        library::include(&wanted, &mut functions);
        let immediates = self.words.len() * 4 <= self.target.immediates;
        if self.words.len() * 4 > WINDOW_BYTES {
            let reason = format!("{} parameters are more than a launch can take", self.words.len());
            return Err(Error::argument("kernel", reason));
        }
        let mut text = String::new();
        let mut start = "";
        if !self.words.is_empty() {
            text.push_str("struct Params {");
            for (i, signed) in self.signed.iter().enumerate() {
                let _ = write!(text, " w{i}: {},", if *signed { "i32" } else { "u32" });
            }
            let space = if immediates { "var<immediate>" } else { "@group(1) @binding(0) var<uniform>" };
            if self.target.cpu {
                // Drivers on the CPU load a parameter once for all lanes, but only outside of branches and loops.
                let _ = writeln!(text, " }}\n{space} given: Params;\nvar<private> p: Params;");
                start = "p = given;\n";
            } else {
                let _ = writeln!(text, " }}\n{space} p: Params;");
            }
        }
        let status = (!self.reports.is_empty()).then_some((Slot::Status, true));
        let (slots, writable) = self.bound.iter().map(|b| (b.slot, b.writable)).chain(status).unzip();
        text.extend([buffers, reports, functions, accesses, self.items]);
        let [x, y, z] = workgroup;
        let _ = write!(
            text,
            "@compute @workgroup_size({x}, {y}, {z})\nfn main(@builtin(workgroup_id) wid: vec3<u32>, \
             @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {{\n{start}{body}{end}}}\n"
        );
        Ok(Shader {
            source: text,
            slots,
            writable,
            immediates: immediates && !self.words.is_empty(),
            words: self.words,
            scalars: self.scalars,
        })
    }

    /// The declarations of the buffers, and the functions that access them.
    fn accesses(&mut self) -> Result<(String, String)> {
        let (mut buffers, mut accesses) = (String::new(), String::new());
        for (i, bound) in self.bound.iter().enumerate() {
            let octo = bound.uses.iter().any(|function| function.ends_with("octo"));
            let access = if octo { Access::OCTO } else { Access::of(bound.dtype, self.target) };
            let mode = if bound.writable { "read_write" } else { "read" };
            let _ = writeln!(buffers, "@group(0) @binding({i}) var<storage, {mode}> b{i}: array<{}>;", access.element);
            let ty = Ty::of(bound.dtype, self.target);
            let (s, v) = (ty.name(), ty.vec());
            for function in &bound.uses {
                let (head, body) = match *function {
                    "load" => (format!("i: i32) -> {s}"), access.load),
                    "load_quad" => (format!("i: i32) -> {v}"), access.load_quad),
                    "load_words" => ("i: i32) -> vec2<u32>".to_owned(), "return B[i];"),
                    "load_octo" => ("i: i32) -> vec4<u64>".to_owned(), "return B[u32(i) >> 3u];"),
                    "load4" => (
                        format!("i: vec4<i32>) -> {v}"),
                        "return V(B_load(i.x), B_load(i.y), B_load(i.z), B_load(i.w));",
                    ),
                    "store" if access.store.is_empty() => {
                        let reason = "this device stores 8- and 16-bit results only four at a time";
                        return Err(Error::dtype("kernel", bound.dtype, reason));
                    }
                    "store" => (format!("i: i32, v: {s})"), access.store),
                    "store_octo" => ("i: i32, v: vec4<u64>)".to_owned(), "B[u32(i) >> 3u] = v;"),
                    _ => (format!("i: i32, v: {v})"), access.store_quad),
                };
                self.calls.extend(
                    access.calls.iter().filter(|name| body.contains(**name)).filter_map(|name| library::find(name)),
                );
                let body = body.replace('B', &format!("b{i}")).replace("V(", &format!("{v}("));
                let _ = writeln!(accesses, "fn b{i}_{function}({head} {{ {body} }}");
            }
        }
        Ok((buffers, accesses))
    }
}

/// A number of elements as kernels compute it, in 32 bits.
pub(super) fn index(value: isize) -> Result<i32> {
    i32::try_from(value)
        .map_err(|_| Error::argument("kernel", format!("{value} elements are more than a GPU kernel can index (2^31)")))
}

/// Workgroups folded into a grid whose sides stay below the device's limit.
pub(super) fn grid(groups: usize, target: &Target) -> Result<[u32; 3]> {
    let (groups, side) = (index(groups as isize)? as u32, target.max_groups);
    Ok(if groups <= side { [groups.max(1), 1, 1] } else { [side, groups.div_ceil(side), 1] })
}
