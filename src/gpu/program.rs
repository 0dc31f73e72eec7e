//! The steps of a fused program as statements on four lanes, and the places of its leaves in memory.

use std::{fmt::Write, ops::Range};

use super::{
    codegen::{Builder, Slot},
    context::Target,
    guard, ops,
    types::{Ty, half, is_emulated},
};
use crate::{
    DType, Error, Result,
    graph::kernel::{Binding, Code, Fused, Leaf},
    layout::Strides,
};

/// Writes the steps of a program for an iteration space: four neighbours along the flattened `lanes` axes at a time (flat index `i`, a
/// multiple of 4), at one coordinate `s0, s1 ..` of each other axis.
pub(super) struct Emitter<'a> {
    pub program: &'a Fused,
    pub inputs: &'a [Binding],
    pub outputs: &'a [Binding],
    pub lanes: Range<usize>,
    /// In front of the names of its parameters; two emitters of one kernel need different ones.
    pub prefix: &'static str,
    /// `Code::Acc`.
    pub acc: Option<(&'a str, DType)>,
    /// For each step, which of its arguments the driver must not see through.
    pub opaque: Vec<[bool; 3]>,
}

/// Where four lanes find their elements.
pub(super) enum Place {
    /// All at one.
    Same(String),
    /// At four neighbours from a multiple of 4 on.
    Quad(String),
    /// `stride` apart.
    Step(String, String),
    /// Anywhere: a `vec4<i32>`.
    Wide(String),
}

impl Place {
    pub fn lanes(&self) -> String {
        match self {
            Place::Same(at) => format!("vec4<i32>({at})"),
            Place::Quad(at) => format!("(vec4<i32>({at}) + vec4<i32>(0, 1, 2, 3))"),
            Place::Step(at, by) => format!("(vec4<i32>({at}) + vec4<i32>(0, 1, 2, 3) * {by})"),
            Place::Wide(at) => at.clone(),
        }
    }
}

impl<'a> Emitter<'a> {
    pub fn new(program: &'a Fused, inputs: &'a [Binding], outputs: &'a [Binding], lanes: Range<usize>) -> Self {
        Self { program, inputs, outputs, lanes, prefix: "", acc: None, opaque: guard::opaque(program) }
    }

    fn dims(&self) -> &'a [usize] {
        &self.program.dims
    }

    /// Elements along the lanes.
    pub fn count(&self) -> usize {
        self.dims()[self.lanes.clone()].iter().product()
    }

    /// Whether four lanes never cross the end of the innermost of their axes.
    fn even(&self) -> bool {
        self.lanes.is_empty() || self.dims()[self.lanes.end - 1].is_multiple_of(4)
    }

    pub fn has_tail(&self) -> bool {
        !self.count().is_multiple_of(4)
    }

    /// Whether all leaves and outputs are floats that can be moved by eight: each lies at eight neighbours from a multiple
    /// of 8 on, or is the same for all lanes. The even ones and the odd ones of eight are then four lanes each.
    pub fn by_eight(&self, target: &Target) -> bool {
        let Some(last) = self.lanes.clone().last() else { return false };
        let row = self.dims()[last].is_multiple_of(8);
        let eights = |strides: &Strides, offset: isize| {
            let mut steps = (0..self.dims().len()).filter(|axis| *axis != last).map(|axis| strides[axis]);
            let outer = self.lanes.start == 0;
            offset % 8 == 0
                && ((outer && self.is_dense(strides)) || (row && strides[last] == 1 && steps.all(|step| step % 8 == 0)))
        };
        target.octo()
            && self.acc.is_none()
            && self.count().is_multiple_of(8)
            && self.program.code.iter().all(|instr| match instr.code {
                Code::Load(at) => {
                    let leaf = &self.program.leaves[at as usize];
                    let dtype = leaf.input.map(|input| self.inputs[input].dtype);
                    let same = self.is_constant(&leaf.strides);
                    dtype == Some(DType::F32)
                        && leaf.dtype == DType::F32
                        && (same || eights(&leaf.strides, leaf.offset))
                }
                Code::Scalar(_) | Code::Unary(_) | Code::Binary(_) | Code::Where | Code::Cast | Code::Reduce(_) => true,
                _ => false,
            })
            && self.program.outputs.iter().zip(self.outputs).all(|(output, binding)| {
                match self.is_constant(&output.strides) {
                    true => binding.alias.is_none(),
                    false => binding.dtype == DType::F32 && eights(&output.strides, output.offset),
                }
            })
    }

    /// The load of the eight elements from `i` on: a statement, and then the values of the even and of the odd ones.
    pub fn load_eight(&self, b: &mut Builder, step: usize, at: u16) -> Result<(String, [String; 2])> {
        let (leaf, place) = self.leaf(b, at)?;
        let binding = self.input(b, leaf.input.unwrap_or_default());
        let name = format!("w{step}");
        Ok(match place {
            Place::Same(at) => {
                let load = b.access(binding, "load", &at);
                (format!("let {name} = F({load});\n"), [name.clone(), name])
            }
            Place::Quad(at) => {
                let load = b.access(binding, "load_octo", &at);
                (format!("let {name} = {load};\n"), [0, 1].map(|odd| half(odd, &name)))
            }
            _ => return Err(Error::dtype("kernel", leaf.dtype, "no eight neighbours")),
        })
    }

    /// The statement that stores the even and the odd results to the eight elements from `i` on.
    pub fn store_eight(&self, b: &mut Builder, output: usize, even: &str, odd: &str) -> Result<String> {
        let out = &self.program.outputs[output];
        let binding = b.bind(Slot::Output(output), self.outputs[output].dtype, true);
        match self.place(b, &format!("o{output}"), &out.strides, out.offset)? {
            Place::Quad(at) => {
                let low = format!("vec4<u64>(bitcast<U>({even}))");
                let high = format!("(vec4<u64>(bitcast<U>({odd})) << U(32u))");
                Ok(format!("{};\n", b.access(binding, "store_octo", &format!("{at}, {low} | {high}"))))
            }
            _ => Err(Error::dtype("kernel", self.outputs[output].dtype, "no eight neighbours")),
        }
    }

    fn is_dense(&self, strides: &Strides) -> bool {
        let mut step = 1;
        self.lanes.clone().rev().all(|axis| {
            let even = strides[axis] == step;
            step *= self.dims()[axis] as isize;
            even
        })
    }

    fn is_constant(&self, strides: &Strides) -> bool {
        self.lanes.clone().all(|axis| strides[axis] == 0)
    }

    /// Statements that give `s0, s1 ..` of the axes in `range` from their flat index.
    pub fn coordinates(&self, b: &mut Builder, range: Range<usize>, flat: &str) -> Result<String> {
        self.unflatten(b, range, "s", flat, "")
    }

    fn unflatten(&self, b: &mut Builder, range: Range<usize>, name: &str, flat: &str, splat: &str) -> Result<String> {
        let mut text = String::new();
        let mut rest = flat.to_owned();
        for axis in range.clone().rev() {
            if axis == range.start {
                let _ = writeln!(text, "let {name}{axis} = {rest};");
            } else {
                let size = b.size(&format!("{}d{axis}", self.prefix), self.dims()[axis])?;
                let size = if splat.is_empty() { size } else { format!("{splat}({size})") };
                let _ = writeln!(text, "let {name}{axis} = {rest} % {size};\nlet {name}r{axis} = {rest} / {size};");
                rest = format!("{name}r{axis}");
            }
        }
        Ok(text)
    }

    /// Statements that give the lanes' own coordinates from `i`, where some leaf or output needs them.
    pub fn lane_coordinates(&self, b: &mut Builder) -> Result<String> {
        let leaves = self.program.leaves.iter().map(|leaf| &leaf.strides);
        let mut all = leaves.chain(self.program.outputs.iter().map(|output| &output.strides));
        if all.all(|strides| self.is_constant(strides) || self.is_dense(strides)) {
            return Ok(String::new());
        }
        if self.even() {
            return self.unflatten(b, self.lanes.clone(), "c", "i", "");
        }
        let last = b.size(&format!("{}last", self.prefix), self.count() - 1)?;
        let flat = format!("let wide = min(vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>({last}));\n");
        Ok(flat + &self.unflatten(b, self.lanes.clone(), "c", "wide", "vec4<u32>")?)
    }

    fn place(&self, b: &mut Builder, role: &str, strides: &Strides, offset: isize) -> Result<Place> {
        let mut aligned = offset % 4 == 0;
        let mut term = |b: &mut Builder, axis: usize, coordinate: String| -> Result<String> {
            aligned &= strides[axis] % 4 == 0;
            Ok(match strides[axis] {
                1 => coordinate,
                stride => format!("{coordinate} * {}", b.step(&format!("{}{role}s{axis}", self.prefix), stride)?),
            })
        };
        let mut base = Vec::new();
        if offset != 0 {
            base.push(b.step(&format!("{}{role}o", self.prefix), offset)?);
        }
        for axis in (0..self.dims().len()).filter(|axis| !self.lanes.contains(axis) && strides[*axis] != 0) {
            base.push(term(b, axis, format!("i32(s{axis})"))?);
        }
        let sum =
            |terms: Vec<String>| if terms.is_empty() { "0".to_owned() } else { format!("({})", terms.join(" + ")) };
        if self.is_constant(strides) {
            return Ok(Place::Same(sum(base)));
        }
        if self.is_dense(strides) {
            base.push("i32(i)".into());
            return Ok(if aligned { Place::Quad(sum(base)) } else { Place::Step(sum(base), "1".into()) });
        }
        let last = self.lanes.end - 1;
        if self.even() {
            for axis in (self.lanes.start..last).filter(|axis| strides[*axis] != 0) {
                base.push(term(b, axis, format!("i32(c{axis})"))?);
            }
            return Ok(match strides[last] {
                0 => Place::Same(sum(base)),
                1 => {
                    base.push(format!("i32(c{last})"));
                    if aligned { Place::Quad(sum(base)) } else { Place::Step(sum(base), "1".into()) }
                }
                stride => {
                    let by = b.step(&format!("{}{role}s{last}", self.prefix), stride)?;
                    base.push(format!("i32(c{last}) * {by}"));
                    Place::Step(sum(base), by)
                }
            });
        }
        let mut wide = vec![format!("vec4<i32>({})", sum(base))];
        for axis in self.lanes.clone().filter(|axis| strides[*axis] != 0) {
            wide.push(term(b, axis, format!("vec4<i32>(c{axis})"))?);
        }
        Ok(Place::Wide(sum(wide)))
    }

    pub fn input(&self, b: &mut Builder, input: usize) -> usize {
        // An output that takes the input's buffer over binds it once for both.
        let slot = match self.outputs.iter().position(|o| o.alias == Some(input)) {
            Some(output) => Slot::Output(output),
            None => Slot::Input(input),
        };
        b.bind(slot, self.inputs[input].dtype, false)
    }

    pub fn leaf(&self, b: &mut Builder, at: u16) -> Result<(&'a Leaf, Place)> {
        let leaf = &self.program.leaves[at as usize];
        let place = self.place(b, &format!("l{at}"), &leaf.strides, leaf.offset)?;
        Ok((leaf, place))
    }

    fn gathered(&self, b: &mut Builder, leaf: &Leaf, at: &str, ok: &str) -> Result<String> {
        let binding = self.input(b, leaf.input.unwrap_or_default());
        let ty = Ty::of(leaf.dtype, b.target);
        let load = b.access(binding, "load4", &format!("select(vec4<i32>(0), {at}, {ok})"));
        Ok(format!("select({}({}(0)), {load}, {ok})", ty.vec(), ty.name()))
    }

    fn dtype(&self, step: u16) -> DType {
        self.program.code[step as usize].dtype
    }

    /// The statements that declare `v<step>`. Not for reductions.
    pub fn step(&self, b: &mut Builder, step: usize) -> Result<String> {
        let instr = &self.program.code[step];
        let mut args = instr.args.map(|arg| format!("v{arg}"));
        for (arg, opaque) in self.opaque[step].into_iter().enumerate() {
            if opaque {
                let ty = Ty::of(self.dtype(instr.args[arg]), b.target);
                args[arg] = ops::opaque(b, ty, &args[arg]);
            }
        }
        let [a0, a1, a2] = args;
        let dtype = instr.dtype;
        let ty = Ty::of(dtype, b.target);
        let value = match instr.code {
            Code::Acc => {
                let (name, from) = self.acc.unwrap_or(("acc", dtype));
                let value = ops::cast(b, from, dtype, name);
                ops::narrowed(b, dtype, value)
            }
            Code::Load(at) => {
                let (leaf, place) = self.leaf(b, at)?;
                let binding = self.input(b, leaf.input.unwrap_or_default());
                match place {
                    Place::Same(at) => format!("{}({})", ty.vec(), b.access(binding, "load", &at)),
                    Place::Quad(at) => b.access(binding, "load_quad", &at),
                    other => b.access(binding, "load4", &other.lanes()),
                }
            }
            Code::LoadIf(at) => {
                let (leaf, place) = self.leaf(b, at)?;
                self.gathered(b, leaf, &place.lanes(), &a0)?
            }
            Code::Gather { leaf, check } => return self.gather(b, step, leaf, check),
            Code::ClassId(ids) => return self.class_id(b, step, &ids),
            Code::Index(at) => {
                let (_, place) = self.leaf(b, at)?;
                format!("{}({})", ty.vec(), place.lanes())
            }
            Code::Scalar(at) => format!("{}({})", ty.vec(), b.scalar(at as usize, ty)),
            Code::Random { seed, word } => {
                let low = b.scalar(seed as usize, Ty::U32);
                let high = b.scalar(seed as usize + 1, Ty::U32);
                format!("{}({a0}, {low}, {high}, {word}u)", b.call("philox"))
            }
            Code::Unary(op) => {
                let value = ops::unary(b, op, dtype, &a0)?;
                ops::narrowed(b, dtype, value)
            }
            Code::Binary(op) => {
                let value = ops::binary(b, op, self.dtype(instr.args[0]), &a0, &a1)?;
                ops::narrowed(b, dtype, value)
            }
            Code::Where => format!("select({a2}, {a1}, {a0})"),
            Code::Cast => {
                let value = ops::cast(b, self.dtype(instr.args[0]), dtype, &a0);
                ops::narrowed(b, dtype, value)
            }
            Code::Reduce(op) => return Err(Error::dtype(op.name(), dtype, "no reduction here")),
        };
        if is_emulated(dtype, b.target) && matches!(instr.code, Code::Random { .. }) {
            return Err(Error::dtype("random", dtype, "this device has no 64-bit numbers"));
        }
        Ok(format!("let v{step} = {value};\n"))
    }

    /// The statement that stores an output. `lane` limits a value that all lanes share to one writer.
    pub fn store(&self, b: &mut Builder, output: usize) -> Result<String> {
        let out = &self.program.outputs[output];
        let binding = b.bind(Slot::Output(output), self.outputs[output].dtype, true);
        let place = match self.place(b, &format!("o{output}"), &out.strides, out.offset)? {
            Place::Same(at) if self.dims().is_empty() && out.offset % 4 == 0 => Place::Quad(at),
            place => place,
        };
        let value = format!("v{}", out.value);
        // The elements past the end of a binding are padding; those past the end of a row are not.
        let last = (out.offset as usize + self.count()) == self.outputs[output].numel;
        let alone = self.lanes.len() == self.dims().len() || self.rows_constant(&out.strides);
        let whole = !self.has_tail() || alone && last;
        Ok(match place {
            Place::Quad(at) if whole => format!("{};\n", b.access(binding, "store_quad", &format!("{at}, {value}"))),
            Place::Same(at) => format!("{};\n", b.access(binding, "store", &format!("{at}, {value}.x"))),
            place => {
                let at = place.lanes();
                let tail = match self.has_tail() {
                    true => Some(b.size(&format!("{}count", self.prefix), self.count())?),
                    false => None,
                };
                let mut text = format!("{{ let at = {at};\n");
                for (lane, c) in ["x", "y", "z", "w"].iter().enumerate() {
                    let store = b.access(binding, "store", &format!("at.{c}, {value}.{c}"));
                    let _ = match &tail {
                        Some(count) if lane > 0 => writeln!(text, "if i + {lane}u < {count} {{ {store}; }}"),
                        _ => writeln!(text, "{store};"),
                    };
                }
                text + "}\n"
            }
        })
    }

    /// Whether an output has one value for all coordinates outside of the lanes.
    fn rows_constant(&self, strides: &Strides) -> bool {
        (0..self.dims().len()).all(|axis| self.lanes.contains(&axis) || strides[axis] == 0)
    }
}
