//! Matrix products and distance matrices: which kernel, the parts that all share, and the plain one for every dtype.

use std::fmt::Write;

use super::{
    codegen::{Builder, Shader, Slot, grid},
    context::Target,
    matmul_lanes, matmul_shared,
    program::Emitter,
    types::Ty,
};
use crate::{
    DType, Error, Result,
    graph::{
        kernel::{Binding, Structured},
        kinds::{self, Matrix},
    },
    op::Combine,
};

/// A product with its surroundings, as the kernel builders see it.
pub(super) struct Product<'a> {
    pub structured: &'a Structured,
    pub matmul: kinds::Product,
    pub inputs: &'a [Binding],
    pub outputs: &'a [Binding],
}

/// How four neighbours of an operand are loaded.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reach {
    /// As one quad along the product's inner axis.
    Inner,
    /// As one quad along the other axis.
    Outer,
    /// One by one.
    Single,
}

/// The kernel's text and its grid.
pub(super) fn build(
    structured: &Structured,
    inputs: &[Binding],
    outputs: &[Binding],
    target: &Target,
) -> Result<(Shader, [u32; 3])> {
    let product = &Product { structured, matmul: kinds::Product::of(structured), inputs, outputs };
    let kinds::Product { m, n, k, .. } = product.matmul;
    if k > target.max_loop {
        let reason =
            format!("an inner axis of {k} elements takes more turns of a loop than this driver allows a thread");
        return Err(Error::argument(structured.op.name(), reason));
    }
    // Powers are long and outweigh loads: written out for every accumulator of a tile they would compile for minutes.
    // A third operand would take as many registers again as a tile has.
    let long = matches!(product.matmul.combine, Combine::Lp(_) | Combine::LpGrad(_));
    if product.ty(target) != Ty::F32 || m < 4 || n < 4 || long {
        return plain(product, target);
    }
    if target.cpu { matmul_lanes::build(product, target) } else { matmul_shared::build(product, target) }
}

impl<'a> Product<'a> {
    /// The type that accumulates.
    pub fn ty(&self, target: &Target) -> Ty {
        Ty::of(self.structured.dtype, target)
    }

    pub fn accumulator(&self) -> DType {
        match self.structured.dtype {
            DType::F16 | DType::BF16 => DType::F32,
            dtype => dtype,
        }
    }

    /// The strides of a matrix from batch to batch.
    fn batch<'m>(&self, matrix: &'m Matrix) -> &'m [isize] {
        &matrix.operand.strides[..self.structured.batch()]
    }

    pub fn bind(&self, b: &mut Builder, matrix: &Matrix) -> usize {
        let input = matrix.operand.input;
        let slot = match self.outputs.iter().position(|o| o.alias == Some(input)) {
            Some(output) => Slot::Output(output),
            None => Slot::Input(input),
        };
        b.bind(slot, self.inputs[input].dtype, false)
    }

    /// How to load four neighbours: `inner` and `outer` are the strides along and across the product's inner axis.
    pub fn reach(&self, matrix: &Matrix, inner: isize, outer: isize, outer_size: usize) -> Reach {
        let batch = self.batch(matrix);
        let aligned = matrix.operand.offset % 4 == 0 && batch.iter().all(|stride| stride % 4 == 0);
        match () {
            () if aligned && inner == 1 && outer % 4 == 0 => Reach::Inner,
            () if aligned && outer == 1 && inner % 4 == 0 && outer_size.is_multiple_of(4) => Reach::Outer,
            () => Reach::Single,
        }
    }

    /// Whether an input's eight neighbours across the inner axis may be loaded at once. `inner` is the stride along it.
    pub fn octo(&self, matrix: &Matrix, inner: isize, outer_size: usize, target: &Target) -> bool {
        let operand = &matrix.operand;
        let mut steps = self.batch(matrix).iter().chain([&inner, &operand.offset]);
        let aligned = outer_size.is_multiple_of(8) && steps.all(|step| step % 8 == 0);
        let alone = self.outputs.iter().all(|output| output.alias != Some(operand.input));
        target.octo() && alone && aligned && self.inputs[operand.input].dtype == DType::F32
    }

    /// The statement by which accumulator `acc` takes in a row's element `a`, the same for four columns, and theirs, `x`.
    pub fn step(&self, b: &mut Builder, acc: &str, a: &str, x: &str) -> String {
        let ty = self.ty(b.target);
        if let Combine::LpGrad(p) = self.matmul.combine {
            let (name, power) = match p {
                1.0 => ("l1_grad", String::new()),
                2.0 => ("l2_grad", String::new()),
                p => ("lp_grad", format!(", {}", b.number("p", p - 1.0, ty))),
            };
            let function = b.call(&format!("{name}_{}", ty.name()));
            return format!("{acc} += {function}(third - {x}{power}) * {a};");
        }
        let row = format!("{}({a})", ty.vec());
        let name = match self.matmul.combine {
            Combine::Product if ty == Ty::F32 && !b.target.cpu => return format!("{acc} = fma({row}, {x}, {acc});"),
            Combine::Product => return format!("{acc} += {x} * {a};"),
            Combine::SqL2 => "add_sq_l2",
            Combine::L1 => "add_l1",
            Combine::Lp(_) => "add_lp",
            Combine::Chebyshev => "keep_chebyshev",
            Combine::Hamming => "add_hamming",
            Combine::LpGrad(_) => unreachable!("a gradient has a third operand"),
        };
        let function = b.call(&format!("{name}_{}", ty.name()));
        match self.matmul.combine {
            Combine::Lp(p) => {
                let p = b.number("p", p, ty);
                format!("{acc} = {function}({acc}, {row}, {x}, {p});")
            }
            _ => format!("{acc} = {function}({acc}, {row}, {x});"),
        }
    }

    /// Statements for the batch coordinates and the operands' first elements `base_a`, `base_b`, from `batch`.
    pub fn bases(&self, b: &mut Builder, emitter: &Emitter) -> Result<String> {
        let mut text = emitter.coordinates(b, 0..self.structured.batch(), "batch")?;
        let third = self.matmul.x.iter().map(|x| ("x", x));
        for (name, matrix) in [("a", &self.matmul.a), ("b", &self.matmul.b)].into_iter().chain(third) {
            let mut terms = vec![match matrix.operand.offset {
                0 => "0".to_owned(),
                offset => b.step(&format!("{name} offset"), offset)?,
            }];
            for (axis, &stride) in self.batch(matrix).iter().enumerate().filter(|(_, stride)| **stride != 0) {
                terms.push(format!("i32(s{axis}) * {}", b.step(&format!("{name} batch{axis}"), stride)?));
            }
            let _ = writeln!(text, "let base_{name} = {};", terms.join(" + "));
        }
        Ok(text)
    }

    /// A stride of an operand as text; 1 is part of the structure.
    pub fn stride(&self, b: &mut Builder, role: &str, stride: isize) -> Result<String> {
        if stride == 1 { Ok("1".into()) } else { b.step(role, stride) }
    }

    pub fn emitter(&self) -> Emitter<'a> {
        let axes = self.structured.batch();
        let emitter = Emitter::new(&self.structured.epilogue, self.inputs, self.outputs, axes + 1..axes + 2);
        Emitter { prefix: "e", acc: Some(("acc", self.accumulator())), ..emitter }
    }

    /// Declares `finish`, which stores four results of one row, and gives a call of it.
    pub fn epilogue(&self, b: &mut Builder, emitter: &Emitter, row: &str, col: &str, acc: &str) -> Result<String> {
        let axes = self.structured.batch();
        let mut text = String::from("fn finish(");
        let mut call = String::from("finish(");
        for axis in 0..axes {
            let _ = write!(text, "s{axis}: u32, ");
            let _ = write!(call, "s{axis}, ");
        }
        let _ = writeln!(text, "s{axes}: u32, i: u32, acc: {}) {{", self.ty(b.target).vec());
        let _ = write!(call, "{row}, {col}, {acc});");
        text += &emitter.lane_coordinates(b)?;
        for step in 0..emitter.program.code.len() {
            text += &emitter.step(b, step)?;
        }
        for output in 0..emitter.program.outputs.len() {
            text += &emitter.store(b, output)?;
        }
        text += "}\n";
        if !b.items.contains("fn finish(") {
            b.items += &text;
        }
        Ok(call)
    }
}

/// Into how many parts a product of few tiles and a long inner axis is best cut along that axis.
pub(super) fn parts(structured: &Structured, outputs: &[Binding], target: &Target) -> usize {
    let kinds::Product { m, n, k, batches, .. } = kinds::Product::of(structured);
    if k > target.max_loop {
        return k.div_ceil(target.max_loop / 2);
    }
    let tiles = m.div_ceil(32) * n.div_ceil(32) * batches;
    let narrow = outputs.iter().any(|output| output.dtype.is_narrow());
    let single = Ty::of(structured.dtype, target) == Ty::F32;
    if target.cpu || narrow || !single || tiles * 2 > matmul_shared::ENOUGH {
        return 1;
    }
    let sums = 4 * m * n * batches;
    let most = (k / 128).min(matmul_shared::ENOUGH / tiles).min(16).min(target.max_binding / sums);
    (2..=most).rev().find(|parts| k.is_multiple_of(parts * 4)).unwrap_or(1)
}

/// One row by four columns per thread, in any dtype.
fn plain(product: &Product, target: &Target) -> Result<(Shader, [u32; 3])> {
    let kinds::Product { m, n, k, a, b: right, .. } = &product.matmul;
    let mut b = Builder::new(target);
    let emitter = product.emitter();
    let ty = product.ty(target);
    let (from_a, from_b) = (product.bind(&mut b, a), product.bind(&mut b, right));
    let quads = n.div_ceil(4);
    let threads = product.matmul.batches * m * quads;
    let (count, columns, rows) = (b.size("threads", threads)?, b.size("quads", quads)?, b.size("m", *m)?);
    let (inner, last) = (b.size("k", *k)?, b.step("last column", *n as isize - 1)?);
    let mut body = String::new();
    let _ = writeln!(body, "let t = (wid.x + wid.y * groups.x) * 64u + lid.x;\nif t >= {count} {{ return; }}");
    let _ = writeln!(body, "let i = (t % {columns}) * 4u;\nlet row = (t / {columns}) % {rows};");
    let _ = writeln!(body, "let batch = t / {columns} / {rows};");
    body += &product.bases(&mut b, &emitter)?;
    let (a_row, a_col) = (product.stride(&mut b, "a row", a.row)?, product.stride(&mut b, "a col", a.col)?);
    let (b_row, b_col) = (product.stride(&mut b, "b row", right.row)?, product.stride(&mut b, "b col", right.col)?);
    let _ = writeln!(body, "let at_a = base_a + i32(row) * {a_row};");
    let outer = product.reach(right, right.row, right.col, *n) == Reach::Outer;
    let load_b = if outer {
        let _ = writeln!(body, "let at_b = base_b + i32(i);");
        b.access(from_b, "load_quad", &format!("at_b + q * {b_row}"))
    } else {
        let _ = writeln!(
            body,
            "let at_b = base_b + min(vec4<i32>(i32(i)) + vec4<i32>(0, 1, 2, 3), vec4<i32>({last})) * {b_col};"
        );
        b.access(from_b, "load4", &format!("at_b + vec4<i32>(q * {b_row})"))
    };
    let load_a = b.access(from_a, "load", &format!("at_a + q * {a_col}"));
    if let Some(x) = &product.matmul.x {
        let from_x = product.bind(&mut b, x);
        let (x_row, x_col) = (product.stride(&mut b, "x row", x.row)?, product.stride(&mut b, "x col", x.col)?);
        let columns = format!("min(vec4<i32>(i32(i)) + vec4<i32>(0, 1, 2, 3), vec4<i32>({last}))");
        let load = b.access(from_x, "load4", &format!("base_x + i32(row) * {x_row} + {columns} * {x_col}"));
        let _ = writeln!(body, "let third = {load};");
    }
    let _ = writeln!(body, "var acc = {v}({s}(0));", v = ty.vec(), s = ty.name());
    let step = product.step(&mut b, "acc", &load_a, &load_b);
    let _ = writeln!(body, "for (var q = 0; q < i32({inner}); q++) {{ {step} }}");
    body += &product.epilogue(&mut b, &emitter, "row", "i", "acc")?;
    body += "\n";
    Ok((b.finish([64, 1, 1], &body)?, grid(threads.div_ceil(64), target)?))
}
