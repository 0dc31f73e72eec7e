//! The accumulators of reductions: their types, where they start, and how a team's become one.

use std::fmt::Write;

use super::{codegen::Builder, context::Target, types::Ty};
use crate::{DType, op::ReduceOp};

/// Who works on a row.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Team {
    /// One thread, on four neighbouring rows, an element of each at a time.
    Column,
    /// One thread.
    Thread,
    /// The lanes of one subgroup.
    Subgroup(u32),
    /// A whole workgroup.
    Group(u32),
}

/// The type that accumulates: bools count as `u32`.
pub(super) fn accumulator(dtype: DType, target: &Target) -> Ty {
    match Ty::of(dtype, target) {
        Ty::Bool => Ty::U32,
        ty => ty,
    }
}

pub(super) fn combine(b: &mut Builder, op: ReduceOp, ty: Ty, x: &str, y: &str) -> String {
    let function = match op {
        ReduceOp::Sum => return format!("({x} + {y})"),
        ReduceOp::Prod => return format!("({x} * {y})"),
        ReduceOp::Max => "maximum",
        ReduceOp::Min => "minimum",
    };
    format!("{}({x}, {y})", b.call(&format!("{function}_{}", ty.name())))
}

/// All of several values, combined in pairs of neighbours.
pub(super) fn tree(b: &mut Builder, op: ReduceOp, ty: Ty, mut values: Vec<String>) -> String {
    while values.len() > 1 {
        let pair = |pair: &[String]| match pair {
            [x, y] => combine(b, op, ty, x, y),
            rest => rest.concat(),
        };
        values = values.chunks(2).map(pair).collect();
    }
    values.concat()
}

pub(super) fn identity(b: &mut Builder, op: ReduceOp, ty: Ty) -> String {
    let value = match (op, ty) {
        (ReduceOp::Sum, _) => format!("{}(0)", ty.name()),
        (ReduceOp::Prod, _) => format!("{}(1)", ty.name()),
        (ReduceOp::Max, _) => format!("{}()", b.call(&format!("lowest_{}", ty.name()))),
        (ReduceOp::Min, _) => format!("{}()", b.call(&format!("highest_{}", ty.name()))),
    };
    format!("{}({value})", ty.vec())
}

/// Combines the accumulator `a` over its four lanes and over the team.
pub(super) fn across(team: Team, b: &mut Builder, a: &str, op: ReduceOp, ty: Ty, body: &mut String) {
    if team == Team::Column {
        return;
    }
    for swizzle in ["zwxy", "yxwz"] {
        let _ = writeln!(body, "{a} = {};", combine(b, op, ty, a, &format!("{a}.{swizzle}")));
    }
    let (v, s) = (ty.vec(), ty.name());
    let subgroup = if ty.is_wide() { None } else { b.target.subgroup };
    if let (Team::Subgroup(lanes), _) | (Team::Group(_), Some(lanes)) = (team, subgroup) {
        let mut reach = 1;
        while reach < lanes {
            let other = format!("{v}(subgroupShuffleXor({a}.x, {reach}u))");
            let _ = writeln!(body, "{a} = {};", combine(b, op, ty, a, &other));
            reach *= 2;
        }
    }
    let Team::Group(threads) = team else { return };
    let shared = format!("shared_{s}");
    let declaration = format!("var<workgroup> {shared}: array<{s}, {threads}>;\n");
    if !b.items.contains(&declaration) {
        b.items += &declaration;
    }
    let parts = match subgroup {
        Some(lanes) => {
            let _ = writeln!(body, "if lid.x % {lanes}u == 0u {{ {shared}[lid.x / {lanes}u] = {a}.x; }}");
            threads / lanes
        }
        None => {
            let _ = writeln!(body, "{shared}[lid.x] = {a}.x;");
            threads
        }
    };
    let _ = writeln!(body, "workgroupBarrier();");
    let mut half = parts / 2;
    while half > 0 {
        let (x, y) = (format!("{v}({shared}[lid.x])"), format!("{v}({shared}[lid.x + {half}u])"));
        let sum = combine(b, op, ty, &x, &y);
        let _ = writeln!(body, "if lid.x < {half}u {{ {shared}[lid.x] = ({sum}).x; }}\nworkgroupBarrier();");
        half /= 2;
    }
    let _ = writeln!(body, "{a} = {v}({shared}[0]);\nworkgroupBarrier();");
}
