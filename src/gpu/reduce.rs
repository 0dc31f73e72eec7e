//! Fused programs with row reductions: every stage goes through the row again and recomputes what it needs.

use std::fmt::Write;

use super::{
    accumulate::{Team, accumulator, across, combine, identity, tree},
    codegen::{Builder, Shader, grid},
    context::Target,
    ops,
    program::Emitter,
    types::Ty,
};
use crate::{
    DType, Error, Result,
    graph::kernel::{Binding, Code, Fused},
};

/// How often each value can be computed: `level` counts the reductions in a row that it stands behind.
struct Stages {
    level: Vec<usize>,
    /// Loops over the row that feed reductions.
    loops: usize,
}

impl Stages {
    fn of(program: &Fused) -> Self {
        let level = program.levels();
        let loops = program.reductions().map(|(i, _)| level[i]).max().unwrap_or(0);
        Self { level, loops }
    }
}

struct Reduction<'a> {
    emitter: Emitter<'a>,
    stages: Stages,
    team: Team,
    rows: usize,
    inner: usize,
    /// Rows are gone through by eight elements rather than by four.
    eight: bool,
}

/// The kernel's text and its grid.
pub(super) fn build(
    program: &Fused,
    inputs: &[Binding],
    outputs: &[Binding],
    target: &Target,
) -> Result<(Shader, [u32; 3])> {
    let [rows, inner] = sizes(program);
    let team = lasting_team(program, rows, inner, target)?;
    let lanes = if team == Team::Column { 0..program.kept } else { program.kept..program.dims.len() };
    let emitter = Emitter::new(program, inputs, outputs, lanes);
    let per_row = program.outputs.iter().all(|o| program.code[o.value as usize].per_row);
    let eight = team != Team::Column && per_row && inner >= 64 && emitter.by_eight(target);
    Reduction { emitter, stages: Stages::of(program), team, rows, inner, eight }.kernel(target)
}

/// How many rows a program has, and how many elements each has.
fn sizes(program: &Fused) -> [usize; 2] {
    let (rows, inner) = program.dims.split_at(program.kept);
    [rows, inner].map(|dims| dims.iter().product())
}

fn team(program: &Fused, rows: usize, inner: usize, target: &Target) -> Team {
    let rank = program.dims.len();
    // Which way memory runs, by the leaves that change along the rows.
    let mut columns = 0;
    for leaf in program.leaves.iter().filter(|leaf| leaf.input.is_some()) {
        let inner = &leaf.strides[program.kept..rank];
        if inner.iter().any(|stride| *stride != 0) {
            columns += if inner.last() == Some(&1) { -1 } else { 0 };
            columns += if program.kept > 0 && leaf.strides[program.kept - 1] == 1 { 1 } else { 0 };
        }
    }
    let wide = program.reductions().any(|(i, _)| Ty::of(program.code[i].dtype, target).is_wide());
    let short = if target.cpu { 64 } else { 32 };
    match target.subgroup {
        _ if columns > 0 && rows >= 4 => Team::Column,
        _ if inner <= short => Team::Thread,
        None if target.cpu => Team::Thread,
        _ if wide && target.cpu => Team::Thread,
        Some(lanes) if target.cpu => Team::Subgroup(lanes),
        Some(lanes) if !wide && inner <= 1024 => Team::Subgroup(lanes),
        _ => Team::Group(256),
    }
}

/// Turns of loops that a thread takes to go through rows.
fn turns(program: &Fused, team: Team, inner: usize) -> usize {
    let at_once = match team {
        Team::Column => 1,
        Team::Thread => 4,
        Team::Subgroup(threads) | Team::Group(threads) => 4 * threads as usize,
    };
    let steps: usize = program.code.iter().map(ops::turns).sum();
    let stores_elements = program.outputs.iter().any(|output| !program.code[output.value as usize].per_row);
    let sweeps = Stages::of(program).loops + usize::from(stores_elements);
    inner.div_ceil(at_once).saturating_mul(1 + steps).saturating_mul(sweeps)
}

/// The best team for rows that the driver lets go through them.
fn lasting_team(program: &Fused, rows: usize, inner: usize, target: &Target) -> Result<Team> {
    let lasts = |team: &Team| turns(program, *team, inner) <= target.max_loop;
    let teams = [Some(team(program, rows, inner, target)), Some(Team::Thread), target.subgroup.map(Team::Subgroup)];
    teams.into_iter().flatten().find(lasts).ok_or_else(|| {
        let name = program.reductions().next().map_or("reduction", |(_, op)| op.name());
        let reason = format!("rows of {inner} elements take more turns of a loop than this driver allows a thread");
        Error::argument(name, reason)
    })
}

/// Into how many parts rows are best cut, so that there is work for the whole device.
pub(super) fn parts(program: &Fused, target: &Target) -> usize {
    let [rows, inner] = sizes(program);
    let team = team(program, rows, inner, target);
    let (teams, wanted, least) = match (team, target.cpu) {
        (Team::Column, true) => (rows.div_ceil(4), 512, 64),
        (Team::Column, false) => (rows.div_ceil(4), 1 << 16, 32),
        (Team::Thread, _) => (rows, 512, 1024),
        (_, true) => (rows, 16, 8192),
        (_, false) => (rows, 1024, 4096),
    };
    // Every part leaves up to eight bytes per row, which a kernel must be able to bind.
    let most = target.max_binding / (8 * rows.next_multiple_of(4));
    let busy = if inner < 2 * least { 1 } else { (wanted / teams).min(inner / least).min(most).clamp(1, 1024) };
    // The parts may be a little larger than an even share.
    busy.max(turns(program, team, inner).div_ceil(target.max_loop / 2))
}

impl Reduction<'_> {
    fn kernel(&self, target: &Target) -> Result<(Shader, [u32; 3])> {
        let emitter = &self.emitter;
        let program = emitter.program;
        let mut b = Builder::new(target);
        let mut body = String::new();
        let column = self.team == Team::Column;
        let teams = if column { self.rows.div_ceil(4) } else { self.rows };
        let narrow = if target.cpu { 8 } else { 32 };
        let [width, height] = match self.team {
            Team::Column | Team::Thread => [(teams as u32 / 8).next_power_of_two().clamp(narrow, 64), 1],
            Team::Subgroup(lanes) => [lanes, if target.cpu { 1 } else { 4 }],
            Team::Group(threads) => [threads, 1],
        };
        let (index, lane, step) = match self.team {
            Team::Column | Team::Thread => (format!("(wid.x + wid.y * groups.x) * {width}u + lid.x"), "0u", 1),
            _ => (format!("(wid.x + wid.y * groups.x) * {height}u + lid.y"), "lid.x", width),
        };
        let teams_word = b.size("teams", teams)?;
        let _ = writeln!(body, "let team = {index};\nif team >= {teams_word} {{ return; }}\nlet lane = {lane};");
        let inner = b.size("inner", self.inner)?;
        if column {
            body += "let i = team * 4u;\n";
            body += &emitter.lane_coordinates(&mut b)?;
        } else {
            body += &emitter.coordinates(&mut b, 0..program.kept, "team")?;
        }
        let quad = self.quad();
        for stage in 0..=self.stages.loops {
            for (i, instr) in program.code.iter().enumerate() {
                if instr.per_row && self.stages.level[i] == stage && !matches!(instr.code, Code::Reduce(_)) {
                    body += &emitter.step(&mut b, i)?;
                }
            }
            self.stage(&mut b, stage, &inner, step * quad, &mut body)?;
        }
        for (i, output) in program.outputs.iter().enumerate() {
            if program.code[output.value as usize].per_row {
                let store = emitter.store(&mut b, i)?;
                body += &if column { store } else { format!("if lane == 0u {{ {store} }}\n") };
            }
        }
        let shader = b.finish([width, height, 1], &body)?;
        let per_group = match self.team {
            Team::Column | Team::Thread => width,
            _ => height,
        };
        Ok((shader, grid(teams.div_ceil(per_group as usize), target)?))
    }

    /// Elements of a row that one thread takes at a time.
    fn quad(&self) -> u32 {
        match self.team {
            Team::Column => 1,
            _ if self.eight => 8,
            _ => 4,
        }
    }

    /// One loop over the row: the reductions of this level, and outputs per element that are known by now.
    fn stage(&self, b: &mut Builder, stage: usize, inner: &str, step: u32, body: &mut String) -> Result<()> {
        let emitter = &self.emitter;
        let program = emitter.program;
        let level = &self.stages.level;
        let reduces: Vec<_> = program.reductions().filter(|(i, _)| level[*i] == stage + 1).collect();
        let outputs: Vec<usize> = (0..program.outputs.len())
            .filter(|&o| {
                let value = program.outputs[o].value as usize;
                !program.code[value].per_row && level[value] == stage
            })
            .collect();
        if reduces.is_empty() && outputs.is_empty() {
            return Ok(());
        }
        // What this loop computes per element.
        let mut needed = vec![false; program.code.len()];
        for (i, _) in &reduces {
            needed[program.code[*i].args[0] as usize] = true;
        }
        for &o in &outputs {
            needed[program.outputs[o].value as usize] = true;
        }
        program.mark_needed(&mut needed, |_, instr| !instr.per_row);
        needed.iter_mut().zip(&program.code).for_each(|(needed, instr)| *needed &= !instr.per_row);
        let column = self.team == Team::Column;
        let mut steps = match column {
            true => emitter.coordinates(b, program.kept..program.dims.len(), "q")?,
            false => format!("let i = q;\n{}", emitter.lane_coordinates(b)?),
        };
        // The loads of eight elements, and the even and the odd four of them.
        let mut halves = [String::new(), String::new()];
        let mut four = String::new();
        for i in (0..needed.len()).filter(|&i| needed[i]) {
            match program.code[i].code {
                Code::Load(at) if self.eight => {
                    let (load, values) = emitter.load_eight(b, i, at)?;
                    steps += &load;
                    halves.iter_mut().zip(values).for_each(|(half, value)| {
                        let _ = writeln!(half, "let v{i} = {value};");
                    });
                }
                _ if self.eight => four += &emitter.step(b, i)?,
                _ => steps += &emitter.step(b, i)?,
            }
        }
        for &o in &outputs {
            steps += &emitter.store(b, o)?;
        }
        let size = needed.iter().filter(|n| **n).count();
        let unroll: u32 = if self.inner < 4 * step as usize {
            1
        } else if size <= 6 {
            4
        } else if size <= 16 {
            2
        } else {
            1
        };
        let masked = !column && emitter.has_tail();
        let mut feeds = Vec::new();
        for &(i, op) in &reduces {
            let instr = &program.code[i];
            let ty = accumulator(instr.dtype, b.target);
            let start = identity(b, op, ty);
            let argument = instr.args[0];
            let from = program.code[argument as usize].dtype;
            let to = if Ty::of(instr.dtype, b.target) == Ty::Bool { DType::U32 } else { instr.dtype };
            let mut value = ops::cast(b, from, to, &format!("v{argument}"));
            if masked {
                let mask = format!("(vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>({inner})");
                value = format!("select({start}, {value}, {mask})");
            }
            let _ = writeln!(body, "var a{i} = {start};");
            feeds.push((i, op, ty, value));
        }
        // What the values of one element, four or eight of them, give to the accumulators.
        let feed =
            |at: usize| -> String { feeds.iter().map(|(i, .., value)| format!("r{i}_{at} = {value};\n")).collect() };
        // Several steps in a row. Their values are combined with one another first: each write to an accumulator costs
        // drivers on the CPU a choice between the old and the new value, by the loop's mask.
        let mut turn = |many: u32| {
            let mut text = String::new();
            let parts = if self.eight { 2 * many as usize } else { many as usize };
            for (i, _, ty, _) in &feeds {
                text.extend((0..parts).map(|part| format!("var r{i}_{part}: {};\n", ty.vec())));
            }
            for u in 0..many {
                let _ = writeln!(text, "{{ let q = at + {}u;\n{steps}", u * step);
                let u = u as usize;
                match self.eight {
                    true => {
                        for (odd, half) in halves.iter().enumerate() {
                            let _ = writeln!(text, "{{ {half}{four}{} }}", feed(2 * u + odd));
                        }
                    }
                    false => text += &feed(u),
                }
                text += "}\n";
            }
            for (i, op, ty, _) in &feeds {
                let values = (0..parts).map(|part| format!("r{i}_{part}")).collect();
                let all = tree(b, *op, *ty, values);
                let _ = writeln!(text, "a{i} = {};", combine(b, *op, *ty, &format!("a{i}"), &all));
            }
            text
        };
        let quad = self.quad();
        let _ = writeln!(body, "{{ var at = lane * {quad}u;");
        if unroll > 1 {
            let _ = writeln!(body, "while at + {}u < {inner} {{\n{}", (unroll - 1) * step, turn(unroll));
            let _ = writeln!(body, "at += {}u; }}", unroll * step);
        }
        let _ = writeln!(body, "while at < {inner} {{\n{}at += {step}u; }} }}", turn(1));
        for &(i, op) in &reduces {
            let dtype = program.code[i].dtype;
            let ty = accumulator(dtype, b.target);
            across(self.team, b, &format!("a{i}"), op, ty, body);
            let value =
                if Ty::of(dtype, b.target) == Ty::Bool { format!("(a{i} != vec4<u32>(0u))") } else { format!("a{i}") };
            let _ = writeln!(body, "let v{i} = {};", ops::narrowed(b, dtype, value));
        }
        Ok(())
    }
}
