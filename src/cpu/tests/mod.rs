//! The executor against the slow interpreter.

mod elementwise;
mod reductions;
mod split;
mod structured;

use super::{CpuExecutor, reference};
use crate::{
    DType, MAX_RANK, Scalar,
    graph::{
        executor::Buffer,
        kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output},
        wait::block_on,
    },
    layout::{Strides, collapse},
};
use DType::*;

/// A small generator of test data.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    fn data(&mut self, dtype: DType, numel: usize) -> Vec<u8> {
        let mut out = vec![0; numel * dtype.size()];
        for i in 0..numel {
            let r = self.next();
            let value = match dtype {
                Bool => (r % 2).to_ne_bytes(),
                F64 => ((r % 4001) as f64 / 1000.0 - 2.0).to_ne_bytes(),
                F16 | BF16 | F32 => (((r % 4001) as f32 / 1000.0 - 2.0).to_bits() as u64).to_ne_bytes(),
                U8 | U16 | U32 | U64 => (r % 7).to_ne_bytes(),
                _ => ((r % 7) as i64 - 3).to_ne_bytes(),
            };
            reference::store(&mut out, dtype, i as isize, value);
        }
        out
    }
}

/// A kernel under construction.
struct Build {
    fused: Fused,
    inputs: Vec<Binding>,
    outputs: Vec<Binding>,
    scalars: Vec<DType>,
}

impl Build {
    fn new(dims: &[usize], kept: usize) -> Self {
        let fused = Fused { dims: dims.to_vec(), kept, leaves: vec![], code: vec![], outputs: vec![] };
        Self { fused, inputs: vec![], outputs: vec![], scalars: vec![] }
    }

    fn instr(&mut self, code: Code, args: &[u16], dtype: DType) -> u16 {
        let reduces = matches!(code, Code::Reduce(_));
        let per_row = reduces;
        let mut all = [0; 3];
        all[..args.len()].copy_from_slice(args);
        self.fused.code.push(Instr { code, args: all, dtype, per_row });
        (self.fused.code.len() - 1) as u16
    }

    fn leaf(&mut self, dtype: DType, strides: Strides, axis: (isize, usize)) -> u16 {
        // Room for every place, also with negative steps.
        let reach = |sign: isize| -> isize {
            let ends = self.fused.dims.iter().zip(&strides).map(|(d, s)| (*d as isize - 1) * s);
            ends.filter(|e| e * sign > 0).sum()
        };
        let offset = -reach(-1) + 2;
        let numel = (offset + reach(1)) as usize + 1 + axis.0 as usize * axis.1;
        self.inputs.push(Binding { dtype, numel, alias: None });
        let input = Some(self.inputs.len() - 1);
        self.fused.leaves.push(Leaf { input, dtype, strides, offset, axis });
        (self.fused.leaves.len() - 1) as u16
    }

    fn load(&mut self, dtype: DType, strides: Strides) -> u16 {
        let leaf = self.leaf(dtype, strides, (0, 0));
        self.instr(Code::Load(leaf), &[], dtype)
    }

    fn dense(&mut self, dtype: DType) -> u16 {
        let strides = reference::dense(&self.fused.dims);
        self.load(dtype, strides)
    }

    fn scalar(&mut self, dtype: DType) -> u16 {
        self.scalars.push(dtype);
        self.instr(Code::Scalar(self.scalars.len() as u16 - 1), &[], dtype)
    }

    fn store(&mut self, value: u16) {
        self.store_as(value, reference::dense(&self.fused.dims));
    }

    fn store_row(&mut self, value: u16) {
        let strides = reference::dense(&self.fused.dims[..self.fused.kept]);
        self.store_as(value, strides);
    }

    fn store_as(&mut self, value: u16, strides: Strides) {
        let numel = self.fused.dims.iter().zip(&strides).map(|(d, s)| (d - 1) * s.unsigned_abs()).sum::<usize>() + 1;
        self.outputs.push(Binding { dtype: self.fused.code[value as usize].dtype, numel, alias: None });
        self.fused.outputs.push(Output { value, strides, offset: 0 });
    }

    fn kernel(self) -> Kernel {
        let Self { mut fused, inputs, outputs, scalars } = self;
        let mut dims = fused.dims.clone();
        let mut all: Vec<&mut Strides> = fused.leaves.iter_mut().map(|l| &mut l.strides).collect();
        all.extend(fused.outputs.iter_mut().map(|o| &mut o.strides));
        fused.kept = collapse(&mut dims, fused.kept, &mut all);
        fused.dims = dims;
        Kernel { name: "test".into(), body: Body::Fused(fused), inputs, outputs, scalars }
    }
}

fn strides(list: &[isize]) -> Strides {
    let mut out = [0; MAX_RANK];
    out[..list.len()].copy_from_slice(list);
    out
}

fn value(data: &[u8], dtype: DType, i: usize) -> f64 {
    let bytes = reference::load(data, dtype, i as isize);
    match dtype {
        Bool => bytes[0] as f64,
        I64 => i64::from_ne_bytes(bytes) as f64,
        U64 => u64::from_ne_bytes(bytes) as f64,
        F64 => f64::from_ne_bytes(bytes),
        F16 | BF16 | F32 => f32::from_bits(u64::from_ne_bytes(bytes) as u32) as f64,
        U8 | U16 | U32 => u64::from_ne_bytes(bytes) as u32 as f64,
        _ => u64::from_ne_bytes(bytes) as i32 as f64,
    }
}

/// Runs a kernel on data of its own and compares.
fn check(kernel: &Kernel, seed: u64) {
    let mut rng = Rng(seed);
    let inputs: Vec<Vec<u8>> = kernel.inputs.iter().map(|b| rng.data(b.dtype, b.numel)).collect();
    check_with(kernel, &inputs);
}

fn check_with(kernel: &Kernel, inputs: &[Vec<u8>]) {
    let scalars: Vec<Scalar> = (0..kernel.scalars.len()).map(|i| Scalar::Float(i as f64 * 0.75 + 0.5)).collect();
    let expected = reference::run(kernel, inputs, &scalars);
    let executor = CpuExecutor::open();
    let buffers: Vec<Buffer> = inputs.iter().map(|d| executor.upload(d).unwrap()).collect();
    let outputs: Vec<Buffer> = kernel
        .outputs
        .iter()
        .map(|o| match o.alias {
            Some(input) => buffers[input].clone(),
            None => executor.upload(&vec![0xa5; o.numel * o.dtype.size()]).unwrap(),
        })
        .collect();
    let program = executor.compile(kernel).unwrap();
    program.launch(&buffers.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>(), &scalars).unwrap();
    for (o, (binding, expected)) in kernel.outputs.iter().zip(&expected).enumerate() {
        let mut got = vec![0; expected.len()];
        block_on(&*executor, executor.read(&outputs[o], &mut got)).unwrap();
        let tolerance = match binding.dtype {
            F16 => 1e-3,
            BF16 => 8e-3,
            F32 => 1e-5,
            F64 => 1e-12,
            _ => 0.0,
        };
        let finite = (0..binding.numel).map(|i| value(expected, binding.dtype, i).abs()).filter(|v| v.is_finite());
        let floor = tolerance * finite.fold(1.0, f64::max);
        for i in 0..binding.numel {
            let (e, g) = (value(expected, binding.dtype, i), value(&got, binding.dtype, i));
            let same = e == g || (e.is_nan() && g.is_nan()) || (e - g).abs() <= tolerance * e.abs() + floor;
            assert!(same, "output {o} of {}, element {i}: {g} instead of {e}\n{kernel:?}", binding.dtype);
        }
    }
}
