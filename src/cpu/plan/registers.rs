//! Where each register of a plan lies in the scratch memory.

use super::Plan;

/// Bytes behind a tile's register that may be written to.
const SLACK: usize = 128;

/// Where a register lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    One,
    Rows,
    /// A tile that lives as long as the task.
    Kept,
    /// A tile that other registers take over after its last use.
    Temporary,
}

/// The registers of a plan, with the bytes of each.
#[derive(Default)]
pub(super) struct Registers(Vec<(Place, usize)>);

impl Registers {
    pub fn add(&mut self, place: Place, bytes: usize) -> u16 {
        self.0.push((place, bytes.next_multiple_of(64)));
        (self.0.len() - 1) as u16
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn is_temporary(&self, register: u16) -> bool {
        self.0[register as usize].0 == Place::Temporary
    }

    /// Gives every register its place in the scratch memory; temporary ones share it.
    pub fn allocate(&self, plan: &mut Plan) {
        let mut offsets = vec![0; self.0.len()];
        let mut end = 0;
        for place in [Place::One, Place::Kept, Place::Rows] {
            let start = end;
            for (offset, &(_, bytes)) in offsets.iter_mut().zip(&self.0).filter(|(_, p)| p.0 == place) {
                *offset = end;
                end += bytes;
            }
            plan.row_bytes = start..end;
        }
        let size = self.0.iter().filter(|p| p.0 == Place::Temporary).map(|p| p.1 + SLACK).max().unwrap_or(0);
        let mut most = 0;
        for stage in &plan.stages {
            let mut last = vec![0; self.0.len()];
            for (i, step) in stage.body.iter().enumerate() {
                step.reads(&plan.links).chain([step.dst]).for_each(|r| last[r as usize] = i);
            }
            let mut free: Vec<usize> = Vec::new();
            let mut known = vec![false; self.0.len()];
            for (i, step) in stage.body.iter().enumerate() {
                let dst = step.dst as usize;
                if self.is_temporary(step.dst) && !known[dst] {
                    known[dst] = true;
                    let at = free.pop().unwrap_or_else(|| {
                        most += 1;
                        most - 1
                    });
                    offsets[dst] = end + at * size;
                }
                for r in step.reads(&plan.links).chain([step.dst]) {
                    let r = r as usize;
                    if known[r] && last[r] == i {
                        known[r] = false;
                        free.push((offsets[r] - end) / size);
                    }
                }
            }
        }
        plan.registers = offsets;
        plan.scratch = end + most * size;
    }
}
