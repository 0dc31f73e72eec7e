//! Results of 8 and 16 bits that are stored in 32 first.
//!
//! Several of them make one word of memory, so that a kernel can store them only four neighbours at a time. Where it
//! does not have those, it stores wide numbers, and a second kernel packs them.

use super::{
    kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output},
    lower::Lowered,
};
use crate::{
    DType,
    layout::{Strides, collapse, contiguous_strides},
};

/// The dtype of 32 bits that holds the values of a narrow one; others are as they are.
pub(crate) fn wide(dtype: DType) -> DType {
    match dtype {
        _ if !dtype.is_narrow() => dtype,
        _ if dtype.is_float() => DType::F32,
        _ if dtype.is_signed() => DType::I32,
        _ => DType::U32,
    }
}

/// Whether a kernel computes narrow results one by one.
pub(super) fn is_needed(kernel: &Kernel) -> bool {
    kernel.outputs.iter().any(|output| output.dtype.is_narrow())
        && match &kernel.body {
            Body::Fused(fused) => fused.kept < fused.dims.len(),
            // Four neighbours at a time are always of one row.
            Body::Structured(structured) => {
                let last = structured.epilogue.dims.last().copied().unwrap_or(1);
                !structured.op.stores_quads() || !last.is_multiple_of(4)
            }
        }
}

/// Makes a kernel store its narrow results in 32 bits; returns the kernels that pack them.
pub(super) fn widen(lowered: &mut Lowered, slots: &mut usize) -> Vec<Lowered> {
    let mut packing = Vec::new();
    for i in 0..lowered.outputs.len() {
        let narrow = lowered.kernel.outputs[i];
        if !narrow.dtype.is_narrow() {
            continue;
        }
        let dtype = wide(narrow.dtype);
        if let Body::Structured(structured) = &mut lowered.kernel.body
            && structured.is_bare()
        {
            structured.dtype = dtype;
            structured.epilogue.code[0].dtype = dtype;
        }
        let (dims, to) = store_wide(lowered.kernel.body.program_mut(), i, dtype);
        let temporary = *slots;
        *slots += 1;
        let binding = Binding { dtype, numel: dims.iter().product(), alias: None };
        packing.push(pack(dims, (temporary, binding), to, (lowered.outputs[i], narrow)));
        lowered.kernel.outputs[i] = binding;
        lowered.outputs[i] = temporary;
    }
    packing
}

/// Makes a program store an output in a wide dtype, without gaps and in the order in which it lies in memory; returns
/// its space in that order, and where in it the output belongs.
fn store_wide(fused: &mut Fused, output: usize, dtype: DType) -> (Vec<usize>, Output) {
    let to = fused.outputs[output];
    let Instr { per_row, dtype: held, .. } = fused.code[to.value as usize];
    let mut value = to.value;
    if held != dtype {
        value = fused.code.len() as u16;
        fused.code.push(Instr { code: Code::Cast, args: [to.value, 0, 0], dtype, per_row });
    }
    let mut order: Vec<usize> = (0..if per_row { fused.kept } else { fused.dims.len() }).collect();
    order.sort_by_key(|&axis| std::cmp::Reverse(to.strides[axis]));
    let dims: Vec<usize> = order.iter().map(|&axis| fused.dims[axis]).collect();
    let dense = contiguous_strides(&dims);
    let (mut from, mut ordered) = (Strides::default(), Strides::default());
    for (i, &axis) in order.iter().enumerate() {
        (from[axis], ordered[i]) = (dense[i], to.strides[axis]);
    }
    fused.outputs[output] = Output { value, strides: from, offset: 0 };
    (dims, Output { strides: ordered, ..to })
}

/// The kernel that casts a whole buffer to where its values belong.
fn pack(mut dims: Vec<usize>, from: (usize, Binding), to: Output, out: (usize, Binding)) -> Lowered {
    let (mut source, mut target): (Strides, Strides) = (contiguous_strides(&dims), to.strides);
    let axes = dims.len();
    let kept = collapse(&mut dims, axes, &mut [&mut source, &mut target]);
    let step = |code, dtype| Instr { code, args: [0; 3], dtype, per_row: false };
    let body = Fused {
        kept,
        dims,
        leaves: vec![Leaf { input: Some(0), dtype: from.1.dtype, strides: source, offset: 0, axis: (0, 0) }],
        code: vec![step(Code::Load(0), from.1.dtype), step(Code::Cast, out.1.dtype)],
        outputs: vec![Output { value: 1, strides: target, ..to }],
    };
    Lowered {
        kernel: Kernel {
            name: "pack".into(),
            body: Body::Fused(body),
            inputs: vec![from.1],
            outputs: vec![Binding { alias: None, ..out.1 }],
            scalars: Vec::new(),
        },
        inputs: vec![from.0],
        outputs: vec![out.0],
        scalars: Vec::new(),
        in_place: vec![false],
    }
}
