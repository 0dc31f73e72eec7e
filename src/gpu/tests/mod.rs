//! Kernels written by hand, on a device and in a plain interpreter.

mod engine;
mod guard;
mod interpret;
mod kernels;
mod numerics;
mod snapshots;

use std::sync::Arc;

use super::{GpuExecutor, adapters, context::Context, open};
use crate::{
    DType, DeviceOptions, Element, Result, Scalar,
    dtype::for_dtype,
    graph::{
        executor::{Buffer, Executor},
        kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output},
        wait::block_on,
    },
    layout::{Strides, contiguous_strides},
};

/// The first adapter; `None` only if the tests are told to do without.
fn gpu(options: &DeviceOptions) -> Option<Arc<dyn Executor>> {
    if std::env::var("KILN_TEST_GPU").is_ok_and(|v| v == "off") {
        return None;
    }
    assert!(
        !adapters(options).is_empty(),
        "no GPU: install one's driver or `apt install mesa-vulkan-drivers`, or set KILN_TEST_GPU=off"
    );
    Some(pollster::block_on(open(&crate::GpuSelector::Index(0), options)).expect("the device opens").1)
}

fn options(change: impl FnOnce(&mut DeviceOptions)) -> DeviceOptions {
    let mut options = DeviceOptions { webgpu_limits: false, ..DeviceOptions::default() };
    change(&mut options);
    options
}

/// The kernels that real GPUs get, on whatever there is.
fn as_real_gpu(options: &DeviceOptions) -> Option<Arc<dyn Executor>> {
    gpu(options)?;
    let (_, mut context, _) = pollster::block_on(Context::open(&0.into(), options)).expect("the device opens");
    context.target.cpu = false;
    Some(Arc::new(GpuExecutor::new(Arc::new(context)).expect("the device opens")))
}

fn default_gpu() -> Option<Arc<dyn Executor>> {
    gpu(&options(|_| ()))
}

/// Values as the bytes of a dtype.
fn bytes(dtype: DType, values: &[f64]) -> Vec<u8> {
    for_dtype!(dtype, T => {
        values.iter().flat_map(|v| {
            let scalar = if dtype.is_float() { Scalar::Float(*v) } else { Scalar::Int(*v as i64) };
            bytemuck::bytes_of(&T::from_scalar(scalar.cast(dtype))).to_vec()
        }).collect()
    })
}

fn values(dtype: DType, data: &[u8]) -> Vec<f64> {
    match dtype {
        DType::Bool => data.iter().map(|b| f64::from(*b)).collect(),
        DType::I8 => bytemuck::pod_collect_to_vec::<u8, i8>(data).iter().map(|v| f64::from(*v)).collect(),
        DType::U8 => data.iter().map(|v| f64::from(*v)).collect(),
        DType::I16 => bytemuck::pod_collect_to_vec::<u8, i16>(data).iter().map(|v| f64::from(*v)).collect(),
        DType::U16 => bytemuck::pod_collect_to_vec::<u8, u16>(data).iter().map(|v| f64::from(*v)).collect(),
        DType::I32 => bytemuck::pod_collect_to_vec::<u8, i32>(data).iter().map(|v| f64::from(*v)).collect(),
        DType::U32 => bytemuck::pod_collect_to_vec::<u8, u32>(data).iter().map(|v| f64::from(*v)).collect(),
        DType::I64 => bytemuck::pod_collect_to_vec::<u8, i64>(data).iter().map(|v| *v as f64).collect(),
        DType::U64 => bytemuck::pod_collect_to_vec::<u8, u64>(data).iter().map(|v| *v as f64).collect(),
        DType::F16 => bytemuck::pod_collect_to_vec::<u8, half::f16>(data).iter().map(|v| v.to_f64()).collect(),
        DType::BF16 => bytemuck::pod_collect_to_vec::<u8, half::bf16>(data).iter().map(|v| v.to_f64()).collect(),
        DType::F32 => bytemuck::pod_collect_to_vec::<u8, f32>(data).iter().map(|v| f64::from(*v)).collect(),
        DType::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(data),
    }
}

/// Runs a kernel and reads its outputs.
fn run(gpu: &dyn Executor, kernel: &Kernel, inputs: &[Vec<f64>], scalars: &[Scalar]) -> Result<Vec<Vec<f64>>> {
    let program = gpu.compile(kernel)?;
    let buffers: Vec<Buffer> =
        kernel.inputs.iter().zip(inputs).map(|(b, v)| gpu.upload(&bytes(b.dtype, v))).collect::<Result<_>>()?;
    let mut outputs = Vec::new();
    for binding in &kernel.outputs {
        outputs.push(match binding.alias {
            Some(input) => buffers[input].clone(),
            None => gpu.alloc(binding.numel * binding.dtype.size())?,
        });
    }
    program.launch(&buffers.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>(), scalars)?;
    let mut results = Vec::new();
    for (binding, buffer) in kernel.outputs.iter().zip(&outputs) {
        let mut data = vec![0; binding.numel * binding.dtype.size()];
        block_on(gpu, gpu.read(buffer, &mut data))?;
        results.push(values(binding.dtype, &data));
    }
    Ok(results)
}

/// Builds fused programs step by step.
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

    fn dense(&self) -> Strides {
        contiguous_strides(&self.fused.dims)
    }

    fn input(&mut self, dtype: DType, numel: usize) -> usize {
        self.inputs.push(Binding { dtype, numel, alias: None });
        self.inputs.len() - 1
    }

    fn leaf(&mut self, input: usize, strides: &[isize], offset: isize, axis: (isize, usize)) -> u16 {
        let mut all = Strides::default();
        all[..strides.len()].copy_from_slice(strides);
        let dtype = self.inputs[input].dtype;
        self.fused.leaves.push(Leaf { input: Some(input), dtype, strides: all, offset, axis });
        self.fused.leaves.len() as u16 - 1
    }

    fn push(&mut self, code: Code, args: &[u16], dtype: DType) -> u16 {
        let mut all = [0; 3];
        all[..args.len()].copy_from_slice(args);
        let per_row = self.fused.kept < self.fused.dims.len()
            && match code {
                Code::Reduce(_) => true,
                Code::Load(at) | Code::Index(at) => self.is_row(at),
                Code::LoadIf(at) | Code::Gather { leaf: at, .. } => {
                    self.is_row(at) && self.fused.code[args[0] as usize].per_row
                }
                _ => args.iter().all(|arg| self.fused.code[*arg as usize].per_row),
            };
        self.fused.code.push(Instr { code, args: all, dtype, per_row });
        self.fused.code.len() as u16 - 1
    }

    fn is_row(&self, leaf: u16) -> bool {
        let inner = self.fused.kept..self.fused.dims.len();
        self.fused.leaves[leaf as usize].strides[inner].iter().all(|s| *s == 0)
    }

    /// A new input that covers the space, and its load.
    fn load(&mut self, dtype: DType) -> u16 {
        let dense = self.dense();
        let input = self.input(dtype, self.fused.dims.iter().product());
        let leaf = self.leaf(input, &dense, 0, (0, 0));
        self.push(Code::Load(leaf), &[], dtype)
    }

    fn output(&mut self, value: u16) {
        let instr = self.fused.code[value as usize];
        let kept = if instr.per_row { self.fused.kept } else { self.fused.dims.len() };
        let strides = contiguous_strides(&self.fused.dims[..kept]);
        let numel = self.fused.dims[..kept].iter().product();
        self.fused.outputs.push(Output { value, strides, offset: 0 });
        self.outputs.push(Binding { dtype: instr.dtype, numel, alias: None });
    }

    fn kernel(self) -> Kernel {
        Kernel {
            name: "test".into(),
            body: Body::Fused(self.fused),
            inputs: self.inputs,
            outputs: self.outputs,
            scalars: self.scalars,
        }
    }
}

/// Numbers that look random, in a range.
fn noise(count: usize, low: f64, high: f64, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| f64::from((low + (high - low) * next()) as f32)).collect()
}

fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let near = g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * w.abs().max(1.0);
        assert!(near, "{what}: element {i} is {g}, not {w}");
    }
}
