//! Matrix products for drivers that run on the CPU: wide register tiles, no shared memory, no barriers. The lanes of a
//! workgroup own neighbouring columns; each loads the left operand for one of the rows and hands it round.

use std::fmt::Write;

use super::{
    codegen::{Builder, Shader, grid},
    context::Target,
    matmul::{Product, Reach},
    types::half,
};
use crate::{Result, graph::kinds};

/// Steps of an epilogue up to which it is written out for every accumulator; a loop over them compiles in less time
/// for long ones, and in more for short ones.
const INLINE: usize = 8;
const XYZW: [&str; 4] = ["x", "y", "z", "w"];

/// The tile of one workgroup: `rows` by `lanes * 4 * quads` columns.
struct Tile {
    lanes: usize,
    rows: usize,
    quads: usize,
    /// Rows are handed round by subgroup broadcasts; otherwise every lane loads them all, at the same address.
    broadcast: bool,
}

impl Tile {
    fn of(m: usize, n: usize, target: &Target) -> Self {
        let lanes = target.subgroup.map_or(8, |lanes| lanes as usize);
        let broadcast = target.subgroup.is_some();
        let quads = if n > lanes * 4 { 2 } else { 1 };
        let most = if broadcast { 4 * lanes.min(8) } else { 8 };
        let rows = m.next_multiple_of(lanes).min(most.max(lanes));
        Self { lanes, rows: if broadcast { rows } else { 8 }, quads, broadcast }
    }
}

pub(super) fn build(product: &Product, target: &Target) -> Result<(Shader, [u32; 3])> {
    let kinds::Product { m, n, k, a, b: right, batches, .. } = &product.matmul;
    let Tile { lanes, rows, quads, broadcast } = Tile::of(*m, *n, target);
    let mut b = Builder::new(target);
    let emitter = product.emitter();
    let (from_a, from_b) = (product.bind(&mut b, a), product.bind(&mut b, right));
    let (tiles_m, tiles_n) = (m.div_ceil(rows), n.div_ceil(lanes * 4 * quads));
    let groups = tiles_m * tiles_n * batches;
    let reach_b = product.reach(right, right.row, right.col, *n);
    let octo = quads == 2 && reach_b == Reach::Outer && product.octo(right, right.row, *n, target);
    // Columns between neighbouring lanes, and between the quads of one.
    let (stride, apart) = if octo { (8, 4) } else { (4, lanes * 4) };
    let mut body = String::new();
    let (across, down) = (b.size("tiles n", tiles_n)?, b.size("tiles m", tiles_m)?);
    let count = b.size("groups", groups)?;
    let _ = writeln!(body, "let t = wid.x + wid.y * groups.x;\nif t >= {count} {{ return; }}");
    // Neighbouring workgroups share the columns of the right operand, which stay in the cache.
    let _ = writeln!(body, "let row = (t % {down}) * {rows}u;\nlet batch = t / {across} / {down};");
    let _ = writeln!(body, "let col = ((t / {down}) % {across}) * {}u + lid.x * {stride}u;", lanes * 4 * quads);
    body += &product.bases(&mut b, &emitter)?;
    let (last_row, last_col) = (b.step("last row", *m as isize - 1)?, b.step("last column", *n as isize - 1)?);
    let inner = b.step("k", *k as isize)?;
    let (a_row, a_col) = (product.stride(&mut b, "a row", a.row)?, product.stride(&mut b, "a col", a.col)?);
    let (b_row, b_col) = (product.stride(&mut b, "b row", right.row)?, product.stride(&mut b, "b col", right.col)?);

    let reach_a = match product.reach(a, a.col, a.row, *m) {
        Reach::Outer if !broadcast || rows > lanes * 4 => Reach::Single,
        reach => reach,
    };
    // Where the left operand's rows start: one per lane and group of rows, or one per row if every lane loads all.
    let holders = if broadcast { rows.div_ceil(lanes) } else { rows };
    for g in 0..holders {
        let at = if broadcast { format!("row + {}u + lid.x", g * lanes) } else { format!("row + {g}u") };
        let _ = writeln!(body, "let a_at{g} = base_a + min(i32({at}), {last_row}) * {a_row};");
    }
    if reach_a == Reach::Outer {
        let _ = writeln!(body, "let a_quad = base_a + min(i32(row + lid.x * 4u), {last_row} - 3);");
    }
    for j in 0..quads {
        let at = format!("i32(col + {}u)", j * apart);
        if octo {
            let _ = writeln!(body, "let b_at{j} = base_b + min(i32(col), {last_col} - 7);");
        } else if reach_b == Reach::Outer {
            let _ = writeln!(body, "let b_at{j} = base_b + min({at}, {last_col} - 3);");
        } else {
            let columns = format!("min(vec4<i32>({at}) + vec4<i32>(0, 1, 2, 3), vec4<i32>({last_col}))");
            let _ = writeln!(body, "let b_at{j} = vec4<i32>(base_b) + {columns} * {b_col};");
        }
    }
    for r in 0..rows {
        for j in 0..quads {
            let _ = writeln!(body, "var c{r}_{j} = F(0.0);");
        }
    }
    let from_row = |component: &str, r: usize| match (reach_a, broadcast) {
        (Reach::Outer, _) => format!("subgroupBroadcast(a{component}.{}, {}u)", XYZW[r % 4], r / 4),
        (_, true) => format!("subgroupBroadcast(a{}.{component}, {}u)", r / lanes, r % lanes),
        (_, false) => format!("a{r}.{component}"),
    };

    let _ = writeln!(body, "var q = 0;\nfor (; q + 3 < {inner}; q += 4) {{");
    if reach_a == Reach::Outer {
        for component in XYZW.iter().enumerate() {
            let load = b.access(from_a, "load_quad", &format!("a_quad + (q + {}) * {a_col}", component.0));
            let _ = writeln!(body, "let a{} = {load};", component.1);
        }
    } else {
        for g in 0..holders {
            let load = match reach_a {
                Reach::Inner => b.access(from_a, "load_quad", &format!("a_at{g} + q")),
                _ => b.access(
                    from_a,
                    "load4",
                    &format!("vec4<i32>(a_at{g}) + (vec4<i32>(q) + vec4<i32>(0, 1, 2, 3)) * {a_col}"),
                ),
            };
            let _ = writeln!(body, "let a{g} = {load};");
        }
    }
    if reach_b == Reach::Inner {
        for j in 0..quads {
            for c in XYZW {
                let load = b.access(from_b, "load_quad", &format!("b_at{j}.{c} + q"));
                let _ = writeln!(body, "let t{c}_{j} = {load};");
            }
        }
    }
    for (kk, component) in XYZW.iter().enumerate() {
        if octo {
            let load = b.access(from_b, "load_octo", &format!("b_at0 + (q + {kk}) * {b_row}"));
            let _ = writeln!(body, "let b{kk} = {load};");
        }
        for j in 0..quads {
            let load = match reach_b {
                _ if octo => half(j, &format!("b{kk}")),
                Reach::Inner => {
                    format!("F(tx_{j}.{component}, ty_{j}.{component}, tz_{j}.{component}, tw_{j}.{component})")
                }
                Reach::Outer => b.access(from_b, "load_quad", &format!("b_at{j} + (q + {kk}) * {b_row}")),
                Reach::Single => b.access(from_b, "load4", &format!("b_at{j} + vec4<i32>((q + {kk}) * {b_row})")),
            };
            let _ = writeln!(body, "let b{kk}_{j} = {load};");
        }
    }
    // All four steps of one accumulator in a row: there are more of them than registers.
    for r in 0..rows {
        for (kk, component) in XYZW.iter().enumerate() {
            let _ = writeln!(body, "let s{kk}_{r} = {};", from_row(component, r));
        }
        for (j, kk) in (0..quads).flat_map(|j| (0..4).map(move |kk| (j, kk))) {
            let step = product.step(&mut b, &format!("c{r}_{j}"), &format!("s{kk}_{r}"), &format!("b{kk}_{j}"));
            let _ = writeln!(body, "{step}");
        }
    }
    body += "}\n";
    if k % 4 != 0 {
        let _ = writeln!(body, "for (; q < {inner}; q++) {{");
        for g in 0..holders {
            let load = b.access(from_a, "load", &format!("a_at{g} + q * {a_col}"));
            let _ = writeln!(body, "let a{g} = {load};");
        }
        if octo {
            let load = b.access(from_b, "load_octo", &format!("b_at0 + q * {b_row}"));
            let _ = writeln!(body, "let b0 = {load};");
        }
        for j in 0..quads {
            let load = match reach_b {
                _ if octo => half(j, "b0"),
                Reach::Outer => b.access(from_b, "load_quad", &format!("b_at{j} + q * {b_row}")),
                _ => b.access(from_b, "load4", &format!("b_at{j} + vec4<i32>(q * {b_row})")),
            };
            let _ = writeln!(body, "let b_{j} = {load};");
        }
        for r in 0..rows {
            let s =
                if broadcast { format!("subgroupBroadcast(a{}, {}u)", r / lanes, r % lanes) } else { format!("a{r}") };
            for j in 0..quads {
                let step = product.step(&mut b, &format!("c{r}_{j}"), &s, &format!("b_{j}"));
                let _ = writeln!(body, "{step}");
            }
        }
        body += "}\n";
    }
    let (rows_word, cols_word) = (b.size("m", *m)?, b.size("n", *n)?);
    let result = |r: usize, j: usize| match (octo, j) {
        (false, _) => format!("c{r}_{j}"),
        (true, 0) => format!("F(c{r}_0.x, c{r}_1.x, c{r}_0.y, c{r}_1.y)"),
        (true, _) => format!("F(c{r}_0.z, c{r}_1.z, c{r}_0.w, c{r}_1.w)"),
    };
    let inline = emitter.program.code.len() <= INLINE;
    for r in (0..rows).filter(|_| inline) {
        for j in 0..quads {
            let (row, col) = (format!("row + {r}u"), format!("col + {}u", j * apart));
            let finish = product.epilogue(&mut b, &emitter, &row, &col, &result(r, j))?;
            let _ = writeln!(body, "if {row} < {rows_word} && {col} < {cols_word} {{ {finish} }}");
        }
    }
    if !inline {
        let all: Vec<String> = (0..rows * quads).map(|e| result(e / quads, e % quads)).collect();
        let _ = writeln!(body, "var c = array<F, {}>({});", all.len(), all.join(", "));
        let finish = product.epilogue(&mut b, &emitter, "r", "j", "c[e]")?;
        let _ = writeln!(body, "for (var e = 0u; e < {}u; e++) {{", all.len());
        let _ = writeln!(body, "let r = row + e / {quads}u;\nlet j = col + (e % {quads}u) * {apart}u;");
        let _ = writeln!(body, "if r < {rows_word} && j < {cols_word} {{ {finish} }} }}");
    }
    Ok((b.finish([lanes as u32, 1, 1], &body)?, grid(groups, target)?))
}
