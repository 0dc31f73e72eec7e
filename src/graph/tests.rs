//! What fuses, seen by an executor that computes nothing.

use std::{
    future::ready,
    ops::Range,
    sync::{Arc, Mutex},
};

use super::{
    executor::{Buffer, Caps, Executor, Program, Storage, Waiting},
    kernel::{Body, Kernel},
};
use crate::{DType, Device, DeviceOptions, Memory, Result, Scalar, Tensor};

#[derive(Default)]
struct Recorder {
    kernels: Mutex<Vec<Kernel>>,
    narrow_rows: bool,
    max_binding_bytes: Option<usize>,
    windows: Mutex<Vec<Range<usize>>>,
}

struct Nothing;

impl Storage for Nothing {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl Program for Nothing {
    fn launch(&self, _: &[&Buffer], _: &[&Buffer], _: &[Scalar]) -> Result<()> {
        Ok(())
    }
}

impl Executor for Recorder {
    fn caps(&self) -> Caps {
        Caps {
            status_buffers: 0,
            max_buffers: 16,
            max_code: 256,
            max_epilogue: 4,
            max_row: 4096,
            narrow_rows: self.narrow_rows,
            max_binding_bytes: self.max_binding_bytes.unwrap_or(usize::MAX),
            max_buffer_bytes: usize::MAX,
            binding_alignment: 256,
        }
    }
    fn alloc(&self, _: usize) -> Result<Buffer> {
        Ok(Arc::new(Nothing))
    }
    fn upload(&self, data: &[u8]) -> Result<Buffer> {
        self.alloc(data.len())
    }
    fn window(&self, _: &Buffer, bytes: Range<usize>) -> Buffer {
        self.windows.lock().unwrap().push(bytes);
        Arc::new(Nothing)
    }
    fn read<'a>(&'a self, _: &'a Buffer, _: &'a mut [u8]) -> Waiting<'a> {
        Box::pin(ready(Ok(())))
    }
    fn compile(&self, kernel: &Kernel) -> Result<Arc<dyn Program>> {
        self.kernels.lock().unwrap().push(kernel.clone());
        Ok(Arc::new(Nothing))
    }
    fn submit(&self) -> Result<()> {
        Ok(())
    }
    fn wait(&self) -> Waiting<'_> {
        Box::pin(ready(Ok(())))
    }
    fn memory(&self) -> Memory {
        Memory::default()
    }
    fn empty_cache(&self) {}
    fn pipelines(&self) -> u64 {
        0
    }
}

/// A device and what it was asked to run.
fn device(narrow_rows: bool) -> (Device, Arc<Recorder>) {
    let recorder = Arc::new(Recorder { narrow_rows, ..Recorder::default() });
    (Device::with_executor(recorder.clone(), DeviceOptions::default()), recorder)
}

/// A device whose kernels see so many bytes of a buffer.
fn limited(bytes: usize) -> (Device, Arc<Recorder>) {
    let recorder = Arc::new(Recorder { max_binding_bytes: Some(bytes), ..Recorder::default() });
    (Device::with_executor(recorder.clone(), DeviceOptions::default()), recorder)
}

/// The kernels of the flush, by name.
fn flush(device: &Device, recorder: &Recorder) -> Vec<String> {
    device.flush().unwrap();
    recorder.kernels.lock().unwrap().drain(..).map(|k| k.name).collect()
}

fn input(shape: &[usize], device: &Device) -> Tensor {
    Tensor::ready(Arc::new(Nothing), device, DType::F32, shape.into())
}

#[test]
fn a_chain_with_broadcasts_and_live_values_is_one_kernel() {
    let (device, recorder) = device(true);
    let (x, b) = (input(&[8, 4], &device), input(&[4], &device));
    let inner = (&x + &b).exp();
    let outer = (&inner * 2.0).sin() - &x;
    assert_eq!(flush(&device, &recorder), ["add+exp+mul+sin+sub"]);
    drop((inner, outer));
}

#[test]
fn softmax_and_what_follows_is_one_kernel() {
    let (device, recorder) = device(true);
    let x = input(&[8, 10], &device);
    let y = x.exp().softmax(1).unwrap() * 2.0;
    assert_eq!(flush(&device, &recorder).len(), 1);
    let variance = x.var(0, 1.0).unwrap();
    assert_eq!(flush(&device, &recorder).len(), 1);
    drop((y, variance));
}

#[test]
fn rows_that_are_too_long_are_not_walked_twice() {
    let (device, recorder) = device(true);
    let x = input(&[1 << 16], &device);
    let y = x.softmax(0).unwrap();
    assert_eq!(flush(&device, &recorder), ["max", "sub+exp", "sum", "div"]);
    drop(y);
}

#[test]
fn a_product_takes_its_epilogue_along() {
    let (device, recorder) = device(true);
    let (x, w, b) = (input(&[8, 4], &device), input(&[6, 4], &device), input(&[6], &device));
    let y = (x.matmul(&w.t()).unwrap() + &b).relu();
    assert_eq!(flush(&device, &recorder), ["matmul+add+relu"]);
    let kernels = recorder.kernels.lock().unwrap();
    assert!(kernels.is_empty());
    drop(y);
}

#[test]
fn a_transposed_value_is_stored_before_it_is_read() {
    let (device, recorder) = device(true);
    let x = input(&[4, 4], &device);
    let y = x.exp();
    let z = &y + &y.t();
    assert_eq!(flush(&device, &recorder), ["exp", "add"]);
    drop((y, z));
}

#[test]
fn merging_never_makes_a_kernel_wait_for_itself() {
    let (device, recorder) = device(true);
    let x = input(&[4, 4], &device);
    let y = x.exp();
    // y -> product -> sum: the last addition must not join the kernel of y.
    let z = y.matmul(&y).unwrap().t() + &y;
    let kernels = flush(&device, &recorder);
    assert_eq!(kernels, ["exp", "matmul", "add"]);
    drop(z);
}

#[test]
fn narrow_results_of_rows_are_packed_where_the_device_asks() {
    let (device, recorder) = device(false);
    let x = input(&[8, 10], &device);
    let any = x.any(1).unwrap();
    assert_eq!(flush(&device, &recorder).last().map(String::as_str), Some("pack"));
    drop(any);
}

#[test]
fn dying_inputs_are_overwritten_and_held_ones_are_not() {
    let (device, recorder) = device(true);
    let x = input(&[8], &device);
    let y = x.exp();
    device.flush().unwrap();
    let alias = |recorder: &Recorder| recorder.kernels.lock().unwrap().pop().unwrap().outputs[0].alias;
    assert_eq!(alias(&recorder), None);
    let z = y.sin();
    drop(y);
    device.flush().unwrap();
    assert_eq!(alias(&recorder), Some(0));
    drop((x, z));
}

#[test]
fn a_training_step_is_planned_once() {
    let (device, recorder) = device(true);
    let mut w = input(&[4, 4], &device);
    let x = input(&[8, 4], &device);
    for step in 0..5 {
        let tracked = w.requires_grad();
        let loss = x.matmul(&tracked).unwrap().relu().log_softmax(1).unwrap().mean(()).unwrap();
        let grads = loss.backward().unwrap();
        w = &w - &(grads.get(&tracked).unwrap() * (0.1 / (step + 1) as f64));
        drop((grads, tracked));
        device.flush().unwrap();
    }
    assert_eq!((device.stats().plan_misses, device.stats().plan_hits), (1, 4));
    let kernels = recorder.kernels.lock().unwrap();
    let scatters = |body: &Body| matches!(body, Body::Structured(s) if s.op.name() == "scatter_add");
    assert!(!kernels.iter().any(|kernel| scatters(&kernel.body)));
}

#[test]
fn an_epilogue_that_would_be_too_long_is_left_out_as_a_whole() {
    let (device, recorder) = device(true);
    let (x, w) = (input(&[8, 4], &device), input(&[4, 6], &device));
    let y = x.matmul(&w).unwrap().exp().sin().cos().tanh().sqrt();
    assert_eq!(flush(&device, &recorder), ["matmul", "exp+sin+cos+tanh+sqrt"]);
    drop(y);
}

#[test]
fn kernels_over_large_buffers_are_cut_into_pieces_that_are_alike() {
    let (device, recorder) = limited(4096);
    let x = input(&[64, 64], &device);
    let y = x.exp();
    device.flush().unwrap();
    let kernels = recorder.kernels.lock().unwrap();
    assert_eq!(kernels.len(), 4);
    for kernel in kernels.iter() {
        let Body::Fused(fused) = &kernel.body else { panic!("{} is elementwise", kernel.name) };
        assert_eq!((fused.dims.as_slice(), fused.leaves[0].offset, fused.outputs[0].offset), (&[1024][..], 0, 0));
    }
    // Of each kernel its input and its output.
    let windows = recorder.windows.lock().unwrap();
    let starts: Vec<usize> = windows.iter().map(|window| window.start).collect();
    assert_eq!(starts, [0, 0, 4096, 4096, 8192, 8192, 12288, 12288]);
    assert!(windows.iter().all(|window| window.len() == 4096));
    drop(y);
}

#[test]
fn long_rows_leave_partial_results() {
    let (device, recorder) = limited(4096);
    let x = input(&[4096], &device);
    let y = x.exp().sum(0).unwrap() * 2.0;
    let z = x.softmax(0).unwrap();
    let kernels = flush(&device, &recorder);
    // The sum of four parts is one more kernel; what spans rows goes into kernels of its own.
    assert_eq!(kernels[..5], ["exp+sum+mul"; 5]);
    assert_eq!(kernels[5..].len(), 5 + 4 + 5 + 4);
    drop((y, z));
}

#[test]
fn nothing_is_cut_where_everything_fits() {
    let (device, recorder) = limited(1 << 20);
    let x = input(&[64, 64], &device);
    let y = x.matmul(&x.t()).unwrap().softmax(1).unwrap();
    let unlimited = self::device(false);
    let other = input(&[64, 64], &unlimited.0);
    let z = other.matmul(&other.t()).unwrap().softmax(1).unwrap();
    assert_eq!(flush(&device, &recorder), flush(&unlimited.0, &unlimited.1));
    assert!(recorder.windows.lock().unwrap().is_empty());
    drop((y, z));
}
