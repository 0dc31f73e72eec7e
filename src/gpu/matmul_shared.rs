//! Matrix products for real GPUs: tiles in shared memory, double buffered, eight by eight results per thread.

use std::fmt::Write;

use super::{
    codegen::{Builder, Shader, grid},
    context::Target,
    matmul::{Product, Reach},
};
use crate::{Result, graph::kinds};

const XYZW: [&str; 4] = ["x", "y", "z", "w"];

/// Workgroups that keep a large GPU busy.
pub(super) const ENOUGH: usize = 128;

/// A workgroup's tile of `threads * 4 * halves` rows and columns, `depth` deep; a thread has `halves` quads of both.
struct Tile {
    threads: usize,
    halves: usize,
    depth: usize,
}

impl Tile {
    fn of(m: usize, n: usize, batches: usize, target: &Target) -> Self {
        let tiles = |side: usize| m.div_ceil(side) * n.div_ceil(side) * batches;
        // Two buffers of both operands, the left one padded against bank conflicts.
        let fits = |side: usize, depth: usize| 2 * 4 * depth * (2 * side + 4) <= target.workgroup_memory;
        let (threads, halves) = match () {
            () if tiles(128) >= ENOUGH && fits(128, 8) => (16, 2),
            () if tiles(64) >= ENOUGH => (8, 2),
            () => (8, 1),
        };
        Self { threads, halves, depth: if fits(threads * 4 * halves, 16) { 16 } else { 8 } }
    }

    fn side(&self) -> usize {
        self.threads * 4 * self.halves
    }
}

pub(super) fn build(product: &Product, target: &Target) -> Result<(Shader, [u32; 3])> {
    let kinds::Product { m, n, k, a, b: right, batches, .. } = &product.matmul;
    let tile = Tile::of(*m, *n, *batches, target);
    let Tile { threads, halves, depth } = tile;
    let side = tile.side();
    let all = threads * threads;
    let mut b = Builder::new(target);
    let emitter = product.emitter();
    let (from_a, from_b) = (product.bind(&mut b, a), product.bind(&mut b, right));
    let (tiles_m, tiles_n) = (m.div_ceil(side), n.div_ceil(side));
    let groups = tiles_m * tiles_n * batches;
    // Both tiles lie with the product's axis outermost, so that a thread reads neighbours of either as one quad.
    let quads = side / 4;
    let (pitch_a, pitch_b) = (quads + 1, quads);
    let _ = writeln!(b.items, "var<workgroup> tile_a: array<F, {}>;", 2 * depth * pitch_a);
    let _ = writeln!(b.items, "var<workgroup> tile_b: array<F, {}>;", 2 * depth * pitch_b);

    let mut body = String::new();
    let (across, down, count) = (b.size("tiles n", tiles_n)?, b.size("tiles m", tiles_m)?, b.size("groups", groups)?);
    let _ = writeln!(body, "let t = wid.x + wid.y * groups.x;\nif t >= {count} {{ return; }}");
    // Eight rows of tiles at a time, so that both operands are reused while they are in the cache.
    let _ = writeln!(body, "let batch = t / ({across} * {down});\nlet u = t % ({across} * {down});");
    let _ = writeln!(body, "let band = u / (8u * {across});\nlet height = min(8u, {down} - band * 8u);");
    let _ = writeln!(body, "let v = u - band * 8u * {across};");
    let _ = writeln!(body, "let row0 = (band * 8u + v % height) * {side}u;\nlet col0 = (v / height) * {side}u;");
    let _ = writeln!(body, "let tx = lid.x % {threads}u;\nlet ty = lid.x / {threads}u;");
    body += &product.bases(&mut b, &emitter)?;
    let (last_row, last_col) = (b.step("last row", *m as isize - 1)?, b.step("last column", *n as isize - 1)?);
    let inner = b.step("k", *k as isize)?;
    let last_inner = b.step("last k", *k as isize - 1)?;

    // Each thread fetches `fetches` quads of each tile: along the axis in which its operand is contiguous.
    let fetches = depth * quads / all;
    let mut prefetch = String::new();
    let mut keep = String::new();
    let sides = [
        ("a", a.row, a.col, from_a, &last_row, "row0", pitch_a, *m, a),
        ("b", right.col, right.row, from_b, &last_col, "col0", pitch_b, *n, right),
    ];
    for (name, outer, along, binding, last, first, pitch, size, operand) in sides {
        let reach = product.reach(operand, along, outer, size);
        let by_outer = product.stride(&mut b, &format!("{name} outer"), outer)?;
        let by_inner = product.stride(&mut b, &format!("{name} inner"), along)?;
        for f in 0..fetches {
            let id = format!("(lid.x + {}u)", f * all);
            // Quads along the product's axis are turned as they are stored.
            let turned = reach == Reach::Inner || (reach == Reach::Single && along == 1);
            if turned {
                let per = depth / 4;
                let _ =
                    writeln!(body, "let {name}_o{f} = i32({id} / {per}u);\nlet {name}_k{f} = i32({id} % {per}u) * 4;");
                let _ = writeln!(
                    body,
                    "let {name}_at{f} = base_{name} + min(i32({first}) + {name}_o{f}, {last}) * {by_outer};"
                );
                let from = format!("k0 + {name}_k{f}");
                let load = match reach {
                    Reach::Inner if k % 4 == 0 => b.access(binding, "load_quad", &format!("{name}_at{f} + min({from}, {last_inner} - 3) * {by_inner}")),
                    _ => b.access(
                        binding,
                        "load4",
                        &format!("vec4<i32>({name}_at{f}) + min(vec4<i32>({from}) + vec4<i32>(0, 1, 2, 3), vec4<i32>({last_inner})) * {by_inner}"),
                    ),
                };
                let ty = "select(F(0.0), ";
                let mask = format!("(vec4<i32>({from}) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>({inner})");
                let _ = writeln!(prefetch, "{name}_v{f} = {ty}{load}, {mask});");
                for (c, component) in XYZW.iter().enumerate() {
                    let _ = writeln!(
                        keep,
                        "tile_{name}[(fill + u32({name}_k{f}) + {c}u) * {pitch}u + u32({name}_o{f}) / 4u][u32({name}_o{f}) % 4u] = {name}_v{f}.{component};"
                    );
                }
            } else {
                let _ =
                    writeln!(body, "let {name}_k{f} = i32({id} / {quads}u);\nlet {name}_o{f} = i32({id} % {quads}u);");
                let from = format!("min(k0 + {name}_k{f}, {last_inner}) * {by_inner}");
                let load = if reach == Reach::Outer {
                    let _ = writeln!(
                        body,
                        "let {name}_at{f} = base_{name} + min(i32({first}) + {name}_o{f} * 4, {last} - 3);"
                    );
                    b.access(binding, "load_quad", &format!("{name}_at{f} + {from}"))
                } else {
                    let lanes = format!("vec4<i32>(i32({first}) + {name}_o{f} * 4) + vec4<i32>(0, 1, 2, 3)");
                    let _ = writeln!(
                        body,
                        "let {name}_at{f} = vec4<i32>(base_{name}) + min({lanes}, vec4<i32>({last})) * {by_outer};"
                    );
                    b.access(binding, "load4", &format!("{name}_at{f} + vec4<i32>({from})"))
                };
                let _ = writeln!(prefetch, "{name}_v{f} = select(F(0.0), {load}, k0 + {name}_k{f} < {inner});");
                let _ = writeln!(
                    keep,
                    "tile_{name}[(fill + u32({name}_k{f})) * {pitch}u + u32({name}_o{f})] = {name}_v{f};"
                );
            }
            let _ = writeln!(body, "var {name}_v{f} = F(0.0);");
        }
    }
    for r in 0..halves * 4 {
        for j in 0..halves {
            let _ = writeln!(body, "var c{r}_{j} = F(0.0);");
        }
    }
    let _ = writeln!(body, "var k0 = 0;\nvar fill = 0u;\n{prefetch}{keep}workgroupBarrier();\nloop {{");
    let _ = writeln!(body, "let use_at = fill;\nk0 += {depth};\nfill = {depth}u - fill;\nlet more = k0 < {inner};");
    let _ = writeln!(body, "if more {{ {prefetch} }}");
    for d in 0..depth {
        for h in 0..halves {
            let _ = writeln!(body, "let a{d}_{h} = tile_a[(use_at + {d}u) * {pitch_a}u + ty + {}u];", h * threads);
            let _ = writeln!(body, "let b{d}_{h} = tile_b[(use_at + {d}u) * {pitch_b}u + tx + {}u];", h * threads);
        }
        for r in 0..halves * 4 {
            for j in 0..halves {
                let a = format!("a{d}_{}.{}", r / 4, XYZW[r % 4]);
                let step = product.step(&mut b, &format!("c{r}_{j}"), &a, &format!("b{d}_{j}"));
                let _ = writeln!(body, "{step}");
            }
        }
    }
    let _ = writeln!(body, "if !more {{ break; }}\n{keep}workgroupBarrier();\n}}");
    let (rows, cols) = (b.size("m", *m)?, b.size("n", *n)?);
    for r in 0..halves * 4 {
        for j in 0..halves {
            let row = format!("row0 + {}u + ty * 4u", (r / 4) * threads * 4 + r % 4);
            let col = format!("col0 + {}u + tx * 4u", j * threads * 4);
            let finish = product.epilogue(&mut b, &emitter, &row, &col, &format!("c{r}_{j}"))?;
            let _ = writeln!(body, "if {row} < {rows} && {col} < {cols} {{ {finish} }}");
        }
    }
    Ok((b.finish([all as u32, 1, 1], &body)?, grid(groups, target)?))
}
