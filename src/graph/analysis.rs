//! What passes and executors ask of a program: who reads whom, what is needed, and in which sweep over a row a value is
//! known.

use super::kernel::{Code, Fused, Instr};
use crate::op::ReduceOp;

impl Instr {
    /// The steps whose values it takes.
    pub fn reads(&self) -> &[u16] {
        &self.args[..self.code.arity()]
    }

    pub fn reads_mut(&mut self) -> &mut [u16] {
        &mut self.args[..self.code.arity()]
    }
}

impl Fused {
    /// The reductions, by step.
    pub fn reductions(&self) -> impl Iterator<Item = (usize, ReduceOp)> {
        self.code.iter().enumerate().filter_map(|(i, instr)| match instr.code {
            Code::Reduce(op) => Some((i, op)),
            _ => None,
        })
    }

    /// For each step, the longest chain of reductions that it stands behind, itself among them.
    pub fn levels(&self) -> Vec<usize> {
        let mut levels: Vec<usize> = Vec::with_capacity(self.code.len());
        for instr in &self.code {
            let before = instr.reads().iter().map(|&arg| levels[arg as usize]).max().unwrap_or(0);
            levels.push(before + usize::from(matches!(instr.code, Code::Reduce(_))));
        }
        levels
    }

    /// For each step, how many steps and outputs take its value.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.code.len()];
        self.code.iter().flat_map(Instr::reads).for_each(|&arg| uses[arg as usize] += 1);
        self.outputs.iter().for_each(|output| uses[output.value as usize] += 1);
        uses
    }

    /// Marks what the marked steps need, through steps for which `through` holds.
    pub fn mark_needed(&self, needed: &mut [bool], through: impl Fn(usize, &Instr) -> bool) {
        for (i, instr) in self.code.iter().enumerate().rev() {
            if needed[i] && through(i, instr) {
                instr.reads().iter().for_each(|&arg| needed[arg as usize] = true);
            }
        }
    }

    /// For each step, whether `from` holds for it or for a step that it follows from.
    pub fn follows(&self, from: impl Fn(&Instr) -> bool) -> Vec<bool> {
        let mut follows: Vec<bool> = Vec::with_capacity(self.code.len());
        for instr in &self.code {
            follows.push(from(instr) || instr.reads().iter().any(|&arg| follows[arg as usize]));
        }
        follows
    }

    /// Whether the program needs each element of its rows once, for reductions that do not follow from one another.
    pub fn is_one_sweep(&self) -> bool {
        let levels = self.levels();
        let once = |(instr, &level): (&Instr, &usize)| match instr.code {
            Code::Reduce(_) => level == 1,
            _ => instr.per_row || level == 0,
        };
        self.code.iter().zip(&levels).all(once) && self.outputs.iter().all(|o| self.code[o.value as usize].per_row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, op::BinaryOp};

    /// `x - max(x)` and its sum.
    fn program() -> Fused {
        let step = |code, args, per_row| Instr { code, args, dtype: DType::F32, per_row };
        let code = vec![
            step(Code::Load(0), [0; 3], false),
            step(Code::Reduce(ReduceOp::Max), [0; 3], true),
            step(Code::Binary(BinaryOp::Sub), [0, 1, 0], false),
            step(Code::Reduce(ReduceOp::Sum), [2, 0, 0], true),
        ];
        let output = crate::graph::kernel::Output { value: 3, strides: Default::default(), offset: 0 };
        Fused { dims: vec![3, 4], kept: 1, leaves: vec![], code, outputs: vec![output] }
    }

    #[test]
    fn chains_of_reductions_are_counted() {
        let program = program();
        assert_eq!(program.levels(), [0, 1, 1, 2]);
        assert_eq!(program.uses(), [2, 1, 1, 1]);
        assert_eq!(program.reductions().map(|(i, _)| i).collect::<Vec<_>>(), [1, 3]);
        assert!(!program.is_one_sweep());
    }

    #[test]
    fn what_is_needed_is_found_from_the_end() {
        let program = program();
        let mut needed = [false, false, true, false];
        program.mark_needed(&mut needed, |_, _| true);
        assert_eq!(needed, [true, true, true, false]);
        let mut needed = [false, false, false, true];
        program.mark_needed(&mut needed, |_, instr| !matches!(instr.code, Code::Binary(_)));
        assert_eq!(needed, [false, false, true, true]);
        assert_eq!(program.follows(|instr| instr.code == Code::Reduce(ReduceOp::Max)), [false, true, true, true]);
    }
}
