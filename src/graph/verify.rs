//! What every kernel must be, whichever pass has made it.
//!
//! Checked after each pass in builds with debug assertions, and with `KILN_DEBUG`. A pass that breaks a rule is a fault
//! of Kiln's own, named in a panic: wrong kernels would read and write anywhere.

use super::{
    debug,
    kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output, Structured},
};
use crate::{
    DType,
    op::{Class, Role},
};

/// Checks a kernel that a pass has made.
///
/// # Panics
/// If it breaks a rule.
pub(super) fn verify(pass: &str, kernel: &Kernel) {
    if (cfg!(debug_assertions) || debug::is_on())
        && let Err(broken) = check(kernel)
    {
        panic!("{pass}: kernel {}: {broken}\n{kernel:?}", kernel.name);
    }
}

type Checked = Result<(), String>;

macro_rules! ensure {
    ($rule:expr, $($message:tt)*) => {
        if !$rule {
            return Err(format!($($message)*));
        }
    };
}

fn check(kernel: &Kernel) -> Checked {
    check_aliases(kernel)?;
    match &kernel.body {
        Body::Fused(fused) => Program { fused, kernel, result: None }.check(),
        Body::Structured(structured) => check_structured(structured, kernel),
    }
}

fn check_aliases(kernel: &Kernel) -> Checked {
    let mut taken = vec![false; kernel.inputs.len()];
    for (i, output) in kernel.outputs.iter().enumerate() {
        let Some(input) = output.alias else { continue };
        ensure!(input < taken.len(), "output {i} takes over input {input}, which does not exist");
        let Binding { dtype, numel, .. } = kernel.inputs[input];
        let fits = dtype == output.dtype && numel == output.numel;
        ensure!(fits, "output {i} takes over input {input} of another dtype or size");
        ensure!(!std::mem::replace(&mut taken[input], true), "two outputs take over input {input}");
        let is_pointwise = matches!(&kernel.body, Body::Fused(fused) if fused.kept == fused.dims.len());
        ensure!(is_pointwise, "output {i} takes over an input in a kernel that is not elementwise");
    }
    Ok(())
}

/// The elements from the first to the last that axes reach from an offset.
fn reach(offset: isize, axes: impl Iterator<Item = (usize, isize)>) -> (isize, isize) {
    axes.fold((offset, offset), |(low, high), (size, stride)| {
        let by = size.saturating_sub(1) as isize * stride;
        (low + by.min(0), high + by.max(0))
    })
}

fn is_inside(what: &str, (low, high): (isize, isize), binding: &Binding) -> Checked {
    let inside = low >= 0 && (high as usize) < binding.numel;
    ensure!(inside, "{what} reaches from {low} to {high} in a buffer of {} elements", binding.numel);
    Ok(())
}

/// A program with what it may refer to.
struct Program<'a> {
    fused: &'a Fused,
    kernel: &'a Kernel,
    /// In an epilogue, the dtype of the op's result and how many of the axes are batches.
    result: Option<(DType, usize)>,
}

impl Program<'_> {
    fn check(&self) -> Checked {
        let Fused { dims, kept, leaves, code, outputs } = self.fused;
        ensure!(*kept <= dims.len(), "{kept} rows' axes of {}", dims.len());
        // The op's own axes are of whatever size.
        let merged = &dims[..self.result.map_or(dims.len(), |(_, batch)| batch)];
        ensure!(merged.iter().all(|&size| size > 1), "an axis of {dims:?} is empty or needless");
        for (i, leaf) in leaves.iter().enumerate() {
            self.check_leaf(leaf).map_err(|broken| format!("leaf {i}: {broken}"))?;
        }
        for (i, instr) in code.iter().enumerate() {
            self.check_instr(i, instr).map_err(|broken| format!("step {i}: {broken}"))?;
        }
        ensure!(!outputs.is_empty(), "it stores nothing");
        ensure!(outputs.len() == self.kernel.outputs.len(), "{} outputs, other bindings", outputs.len());
        for (i, (output, binding)) in outputs.iter().zip(&self.kernel.outputs).enumerate() {
            self.check_output(output, binding).map_err(|broken| format!("output {i}: {broken}"))?;
        }
        Ok(())
    }

    fn axes<'a>(&'a self, strides: &'a [isize]) -> impl Iterator<Item = (usize, isize)> + 'a {
        self.fused.dims.iter().copied().zip(strides.iter().copied())
    }

    fn check_leaf(&self, leaf: &Leaf) -> Checked {
        let Some(input) = leaf.input else { return Ok(()) };
        ensure!(input < self.kernel.inputs.len(), "input {input} does not exist");
        let binding = &self.kernel.inputs[input];
        ensure!(binding.dtype == leaf.dtype, "{} of an input of {}", leaf.dtype, binding.dtype);
        Ok(())
    }

    fn check_instr(&self, at: usize, instr: &Instr) -> Checked {
        let Instr { code, dtype, per_row, .. } = *instr;
        let Fused { dims, kept, leaves, code: steps, .. } = self.fused;
        let args = instr.reads();
        ensure!(args.iter().all(|&arg| (arg as usize) < at), "it comes before one of its arguments");
        let has_rows = *kept < dims.len();
        ensure!(has_rows || !per_row, "a value per row in a program without reductions");
        let of = |arg: usize| steps[args[arg] as usize];
        let is_reduction = matches!(code, Code::Reduce(_));
        ensure!(!is_reduction || per_row, "a reduction that is one value per element");
        let rows_only = is_reduction || !per_row || args.iter().all(|&arg| steps[arg as usize].per_row);
        ensure!(rows_only, "a value per row of what is one per element");
        let leaf = |i: u16| leaves.get(i as usize).ok_or_else(|| format!("leaf {i} does not exist"));
        match code {
            Code::Acc => ensure!(self.result.map(|(dtype, _)| dtype) == Some(dtype), "an accumulator of {dtype}"),
            Code::Load(i) | Code::LoadIf(i) | Code::Gather { leaf: i, .. } => {
                let leaf = leaf(i)?;
                let Some(input) = leaf.input else { return Err("it loads coordinates".into()) };
                ensure!(leaf.dtype == dtype, "{dtype} of a leaf of {}", leaf.dtype);
                let constant = leaf.strides[*kept..dims.len()].iter().all(|&stride| stride == 0);
                ensure!(!per_row || constant, "a row's value walks along the row");
                let binding = &self.kernel.inputs[input];
                match code {
                    Code::Load(_) => is_inside("it", reach(leaf.offset, self.axes(&leaf.strides)), binding)?,
                    Code::Gather { .. } => {
                        ensure!(of(0).dtype.is_int(), "an index of {}", of(0).dtype);
                        let (stride, size) = leaf.axis;
                        let axes = self.axes(&leaf.strides).chain([(size, stride)]);
                        is_inside("it", reach(leaf.offset, axes), binding)?;
                    }
                    _ => ensure!(of(0).dtype == DType::Bool, "a condition of {}", of(0).dtype),
                }
            }
            Code::Index(i) => {
                ensure!(leaf(i)?.input.is_none(), "coordinates in memory");
                ensure!(dtype == leaf(i)?.dtype, "{dtype} of a leaf of {}", leaf(i)?.dtype);
            }
            Code::Scalar(i) => {
                let found = self.kernel.scalars.get(i as usize).copied();
                ensure!(found == Some(dtype), "{dtype} of scalar {i}, which is {found:?}");
            }
            Code::Random { seed, .. } => {
                ensure!((seed as usize) + 1 < self.kernel.scalars.len(), "there is no seed {seed}");
                ensure!(of(0).dtype == DType::U32, "a counter of {}", of(0).dtype);
            }
            Code::Unary(_) => ensure!(of(0).dtype == dtype || dtype == DType::Bool, "{dtype} of {}", of(0).dtype),
            Code::Binary(op) => {
                let (a, b) = (of(0).dtype, of(1).dtype);
                let expected = if op.info().class == Class::Compare { DType::Bool } else { a };
                ensure!(a == b && dtype == expected, "{dtype} of {a} and {b}");
            }
            Code::Where => {
                let [test, a, b] = [0, 1, 2].map(|arg| of(arg).dtype);
                ensure!(test == DType::Bool && a == dtype && b == dtype, "{dtype} of {test}, {a} and {b}");
            }
            Code::Reduce(_) => {
                // Parts of narrow results are kept wide.
                ensure!(of(0).dtype == dtype || of(0).dtype.is_narrow(), "{dtype} of {}", of(0).dtype);
            }
            Code::ClassId(_) | Code::Cast => {}
        }
        Ok(())
    }

    fn check_output(&self, output: &Output, binding: &Binding) -> Checked {
        let value = self.fused.code.get(output.value as usize);
        let Some(value) = value else { return Err(format!("step {} does not exist", output.value)) };
        ensure!(value.dtype == binding.dtype, "{} into a buffer of {}", value.dtype, binding.dtype);
        let (kept, rank) = (self.fused.kept, self.fused.dims.len());
        let constant = output.strides[kept..rank].iter().all(|&stride| stride == 0);
        ensure!(value.per_row == constant || kept == rank, "a row's value is stored per element, or the reverse");
        let stored = if value.per_row { kept } else { rank };
        let moves = self.axes(&output.strides[..stored]).all(|(size, stride)| size == 1 || stride != 0);
        ensure!(moves, "elements are stored over each other");
        is_inside("it", reach(output.offset, self.axes(&output.strides)), binding)
    }
}

fn check_structured(structured: &Structured, kernel: &Kernel) -> Checked {
    let Structured { op, axes, operands, dtype, epilogue } = structured;
    ensure!(axes.iter().all(|axis| axis.size > 0), "an empty axis among {axes:?}");
    let (kept, batch) = (structured.kept(), structured.batch());
    ensure!(axes[batch..].iter().all(|axis| !axis.is_batch()), "a batch axis behind another one");
    let sizes: Vec<usize> = axes.iter().take(kept).map(|axis| axis.size).collect();
    ensure!(epilogue.dims == sizes, "an epilogue over {:?} behind axes of {sizes:?}", epilogue.dims);
    ensure!(epilogue.kept == kept, "an epilogue with reductions");
    ensure!(axes[..kept].iter().all(|axis| axis.role != Role::Reduced), "a reduced axis in the result");
    ensure!(op.has_epilogue() || structured.is_bare(), "{} has no epilogue", op.name());
    for (i, operand) in operands.iter().enumerate() {
        ensure!(operand.input < kernel.inputs.len(), "operand {i}: input {} does not exist", operand.input);
        let reached = reach(operand.offset, axes.iter().map(|axis| axis.size).zip(operand.strides));
        is_inside(&format!("operand {i}"), reached, &kernel.inputs[operand.input])?;
    }
    Program { fused: epilogue, kernel, result: Some((*dtype, batch)) }.check()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layout::contiguous_strides, op::BinaryOp};

    /// `x + x` over six elements.
    fn sum() -> Kernel {
        let strides = contiguous_strides(&[6]);
        let step = |code, args| Instr { code, args, dtype: DType::F32, per_row: false };
        let binding = Binding { dtype: DType::F32, numel: 6, alias: None };
        Kernel {
            name: "add".into(),
            body: Body::Fused(Fused {
                dims: vec![6],
                kept: 1,
                leaves: vec![Leaf { input: Some(0), dtype: DType::F32, strides, offset: 0, axis: (0, 0) }],
                code: vec![step(Code::Load(0), [0; 3]), step(Code::Binary(BinaryOp::Add), [0; 3])],
                outputs: vec![Output { value: 1, strides, offset: 0 }],
            }),
            inputs: vec![binding],
            outputs: vec![Binding { alias: Some(0), ..binding }],
            scalars: Vec::new(),
        }
    }

    /// What is said of the kernel after a change.
    fn broken(change: impl FnOnce(&mut Fused, &mut Vec<Binding>, &mut Vec<Binding>)) -> String {
        let mut kernel = sum();
        let Body::Fused(fused) = &mut kernel.body else { panic!("it is fused") };
        change(fused, &mut kernel.inputs, &mut kernel.outputs);
        check(&kernel).expect_err("a rule is broken")
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        assert_eq!(check(&sum()), Ok(()));
        assert_eq!(broken(|f, _, _| f.dims[0] = 1), "an axis of [1] is empty or needless");
        assert_eq!(broken(|f, _, _| f.leaves[0].input = Some(1)), "leaf 0: input 1 does not exist");
        assert_eq!(broken(|f, _, _| f.outputs.clear()), "it stores nothing");
    }

    #[test]
    fn reads_and_writes_stay_inside() {
        let outside = broken(|f, _, _| f.leaves[0].offset = 1);
        assert_eq!(outside, "step 0: it reaches from 1 to 6 in a buffer of 6 elements");
        let outside = broken(|f, _, _| f.outputs[0].offset = -1);
        assert_eq!(outside, "output 0: it reaches from -1 to 4 in a buffer of 6 elements");
        assert_eq!(broken(|f, _, _| f.outputs[0].strides[0] = 0), "output 0: elements are stored over each other");
    }

    #[test]
    fn steps_come_after_their_arguments_and_have_their_dtypes() {
        assert_eq!(broken(|f, _, _| f.code[1].args[0] = 1), "step 1: it comes before one of its arguments");
        assert_eq!(broken(|f, _, _| f.code[1].dtype = DType::I32), "step 1: int32 of float32 and float32");
        assert_eq!(
            broken(|f, _, _| f.code[1].per_row = true),
            "step 1: a value per row in a program without reductions"
        );
        assert_eq!(broken(|f, _, _| f.code[1].code = Code::Acc), "step 1: an accumulator of float32");
        assert_eq!(broken(|_, _, o| o[0].dtype = DType::F16), "output 0 takes over input 0 of another dtype or size");
        assert_eq!(broken(|_, i, _| i[0].dtype = DType::F16), "output 0 takes over input 0 of another dtype or size");
    }
}
