//! Joins cheap steps into chains.

use super::{Kind, Step, registers::Registers};
use crate::cpu::{
    chain::{Link, LinkOp, MAX_LINKS},
    order::Extent,
    simd,
};

/// The link that a step becomes when its argument `side` comes down the chain.
fn link(step: &Step, side: usize) -> Option<Link> {
    let (op, operand) = match step.kind {
        Kind::Unary(op, compute) if side == 0 => (LinkOp::unary(op, compute)?, None),
        Kind::Binary(op, compute) if !step.single[side] => {
            (LinkOp::binary(op, compute, side)?, Some((step.args[1 - side], step.single[1 - side])))
        }
        _ => return None,
    };
    (step.extent == Extent::Elems).then_some(Link { op, operand })
}

/// A step as a link: which argument goes in, and which step before it, if any, is done in the same loop.
#[derive(Clone, Copy)]
struct Joint {
    link: Link,
    input: u16,
    before: Option<usize>,
    length: usize,
}

/// Puts steps whose value only the next one reads into one loop with it.
///
/// A step moves down to its reader, past others: registers keep their contents until their last reader, and what is
/// stored is stored after all that is computed.
pub(super) fn join(body: Vec<Step>, registers: &Registers, links: &mut Vec<Link>) -> Vec<Step> {
    // Without wide registers the compiler's own loops, step by step, do better.
    if !simd::has_vectors() {
        return body;
    }
    let mut reads = vec![0; registers.count()];
    body.iter().flat_map(|step| step.reads(links)).for_each(|r| reads[r as usize] += 1);
    let mut writer: Vec<Option<usize>> = vec![None; registers.count()];
    let mut joints: Vec<Option<Joint>> = Vec::with_capacity(body.len());
    let mut gone = vec![false; body.len()];
    for (i, step) in body.iter().enumerate() {
        let sides = [0, 1].map(|side| {
            let link = link(step, side)?;
            let input = step.args[side];
            let before = writer[input as usize].filter(|_| reads[input as usize] == 1);
            let length = before.and_then(|b| joints[b]).map_or(0, |joint: Joint| joint.length);
            let before = before.filter(|_| length < MAX_LINKS);
            Some(Joint { link, input, before, length: before.map_or(0, |_| length) + 1 })
        });
        // The longer chain goes on; the other operand waits in its register.
        let joint = sides.into_iter().flatten().max_by_key(|joint| joint.length);
        if let Some(joint) = joint {
            writer[step.dst as usize] = Some(i);
            joint.before.into_iter().for_each(|before| gone[before] = true);
        }
        joints.push(joint);
    }
    let mut out = Vec::with_capacity(body.len());
    for (i, &step) in body.iter().enumerate().filter(|(i, _)| !gone[*i]) {
        let chain = std::iter::successors(joints[i], |joint| joint.before.and_then(|before| joints[before]));
        let mut chain: Vec<Joint> = chain.collect();
        if chain.len() < 2 {
            out.push(step);
            continue;
        }
        chain.reverse();
        let kind = Kind::Chain { first: links.len() as u16, count: chain.len() as u16 };
        links.extend(chain.iter().map(|joint| joint.link));
        out.push(Step { kind, args: [chain[0].input, 0, 0], single: [false; 2], ..step });
    }
    out
}
