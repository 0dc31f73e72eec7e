//! The text of some dozen kernels for three kinds of devices, as it was when it was last looked at, and a check of each
//! by naga. `KILN_WRITE_SNAPSHOTS=1` writes the files anew; their difference is then the change to review.

use std::{fs, path::Path};

use super::{
    kernels::{self, scan},
    *,
};
use crate::{
    gpu::{codegen::Shader, compile::compile, context::Target},
    op::{BinaryOp, Check, ClassIds, Combine, IndexOp, ReduceOp, UnaryOp, structured::ScanOp},
};

/// A driver that runs on the CPU, a graphics card, and the limits of the web.
fn targets() -> [(&'static str, Target); 3] {
    let cpu = Target {
        subgroup: Some(8),
        int64: true,
        f64: true,
        cpu: true,
        immediates: 128,
        workgroup_memory: 32_768,
        bindings: 32,
        max_binding: 1 << 27,
        max_groups: 65_535,
        max_loop: 65_000,
    };
    let card = Target { subgroup: Some(32), cpu: false, max_loop: usize::MAX, ..cpu };
    let web = Target {
        subgroup: None,
        int64: false,
        f64: false,
        cpu: false,
        immediates: 0,
        bindings: 8,
        max_loop: usize::MAX,
        ..cpu
    };
    [("cpu", cpu), ("card", card), ("web", web)]
}

/// A gather, class ids, coordinates, random numbers and a load under a condition.
fn indices() -> Kernel {
    let mut b = Build::new(&[12, 10], 2);
    let ids = b.load(DType::I64);
    let table = b.input(DType::F32, 70);
    let leaf = b.leaf(table, &[0, 1], 0, (10, 7));
    let check = Check { op: IndexOp::Gather, axis: 0 };
    let row = b.push(Code::Gather { leaf, check: Some(check) }, &[ids], DType::F32);
    let classes = ClassIds { check: Check { op: IndexOp::CrossEntropy, axis: 1 }, classes: 7, ignore: Some(-100) };
    let class = b.push(Code::ClassId(classes), &[ids], DType::I32);
    let strides = contiguous_strides(&[12, 10]);
    b.fused.leaves.push(Leaf { input: None, dtype: DType::I32, strides, offset: -3, axis: (0, 0) });
    let at = b.push(Code::Index(b.fused.leaves.len() as u16 - 1), &[], DType::I32);
    let counter = b.push(Code::Cast, &[at], DType::U32);
    b.scalars.extend([DType::U32, DType::U32]);
    let bits = b.push(Code::Random { seed: 0, word: 1 }, &[counter], DType::U32);
    let inside = b.push(Code::Binary(BinaryOp::Ge), &[at, class], DType::Bool);
    let source = b.input(DType::F32, 120);
    let leaf = b.leaf(source, &[10, 1], -3, (0, 0));
    let padded = b.push(Code::LoadIf(leaf), &[inside], DType::F32);
    let chosen = b.push(Code::Where, &[inside, row, padded], DType::F32);
    b.output(chosen);
    b.output(bits);
    b.kernel()
}

/// An elementwise program in another dtype than `F32`.
fn unary(op: UnaryOp, dtype: DType) -> Kernel {
    let mut b = Build::new(&[33], 1);
    let x = b.load(dtype);
    let y = b.push(Code::Unary(op), &[x], dtype);
    b.output(y);
    b.kernel()
}

fn distances(combine: Combine) -> Kernel {
    let mut kernel = kernels::matmul(&[2], 16, 32, 8, [false, true], DType::F32, 0).0;
    kernels::combine_by(&mut kernel, combine);
    kernel
}

fn all() -> Vec<(&'static str, Kernel)> {
    use ReduceOp::*;
    let product = |batch: &[usize], [m, n, k]: [usize; 3], t, dtype| kernels::matmul(batch, m, n, k, t, dtype, 0).0;
    let reduction =
        |op, dtype, dims: &[usize], kept, strides: &[isize]| kernels::reduction(op, dtype, dims, kept, strides).0;
    vec![
        ("chain", kernels::chain(6, 8).0),
        ("indices", indices()),
        ("erf f64", unary(UnaryOp::Erf, DType::F64)),
        ("abs i64", unary(UnaryOp::Abs, DType::I64)),
        ("exp f16", unary(UnaryOp::Exp, DType::F16)),
        ("softmax of short rows", kernels::softmax(3, 10).0),
        ("softmax of long rows", kernels::softmax(5, 512).0),
        ("sum of rows", reduction(Sum, DType::F32, &[7, 37], 1, &[37, 1])),
        ("sum of columns", reduction(Sum, DType::F32, &[6, 40], 1, &[1, 6])),
        ("sum of all", reduction(Sum, DType::F32, &[1 << 20], 0, &[1])),
        ("max of f64", reduction(Max, DType::F64, &[3, 50], 1, &[50, 1])),
        ("product", product(&[], [64, 64, 32], [false, false], DType::F32)),
        ("product of odd sizes", product(&[2], [13, 18, 11], [true, false], DType::F32)),
        ("product of transposes", product(&[2], [36, 72, 20], [true, true], DType::F32)),
        ("product of i32", product(&[], [5, 6, 7], [false, true], DType::I32)),
        ("product of a long inner axis", product(&[], [32, 32, 4096], [false, false], DType::F32)),
        ("squared distances", distances(Combine::SqL2)),
        ("powers of distances", distances(Combine::Lp(3.0))),
        ("scatter_add", kernels::scatter(DType::F32, DType::I64, 20, 5, 6).0),
        ("cumsum", scan(ScanOp::Sum, DType::F32, [5, 20], false, false)),
        ("cumsum of long lines", scan(ScanOp::Sum, DType::F32, [2, 100_000], false, true)),
        ("cumprod of i64", scan(ScanOp::Prod, DType::I64, [5, 20], true, false)),
        ("cummax", scan(ScanOp::ArgMax, DType::F32, [5, 20], false, false)),
        ("logcumsumexp", scan(ScanOp::LogSumExp, DType::F32, [5, 20], false, false)),
        ("recurrence of f64", scan(ScanOp::Linear, DType::F64, [5, 20], false, true)),
    ]
}

fn text(kernel: &Kernel, target: &Target) -> String {
    match compile(kernel, target) {
        Ok((Shader { source, slots, words, .. }, grid)) => format!("// {grid:?} {slots:?} {words:?}\n{source}"),
        Err(error) => format!("// {error}\n"),
    }
}

#[test]
fn shaders_are_as_they_were() {
    let write = std::env::var_os("KILN_WRITE_SNAPSHOTS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gpu/tests/snapshots");
    for (device, target) in targets() {
        let folder = folder.join(device);
        for (name, kernel) in all() {
            let file = folder.join(format!("{}.wgsl", name.replace(' ', "_")));
            let now = text(&kernel, &target);
            if write {
                fs::create_dir_all(&folder).and_then(|()| fs::write(&file, now)).expect("the snapshot is written");
                continue;
            }
            let then = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let line = then.lines().zip(now.lines()).position(|(then, now)| then != now);
            assert!(
                then == now,
                "{} differs from line {:?} on; if it should, run with KILN_WRITE_SNAPSHOTS=1 and look at the difference",
                file.display(),
                line.map(|line| line + 1)
            );
        }
    }
}

#[test]
fn naga_accepts_every_shader() {
    use wgpu::naga::{
        front::wgsl,
        valid::{Capabilities, ValidationFlags, Validator},
    };
    for (device, target) in targets() {
        for (name, kernel) in all() {
            if let Ok((shader, _)) = compile(&kernel, &target) {
                let source = &shader.source;
                let module = wgsl::parse_str(source).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
                let mut capabilities = Capabilities::SUBGROUP;
                capabilities.set(Capabilities::IMMEDIATES, target.immediates > 0);
                capabilities.set(Capabilities::SHADER_INT64, target.int64);
                capabilities.set(Capabilities::FLOAT64, target.f64);
                let valid = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
                valid.unwrap_or_else(|e| panic!("{name} on {device}: {}", e.emit_to_string(source)));
            }
        }
    }
}
