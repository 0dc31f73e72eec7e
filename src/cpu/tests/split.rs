//! Reduced axes in parts against whole ones.

use std::{ops::Range, sync::Arc};

use crate::{
    DType, Device, DeviceOptions, Memory, Result, Tensor,
    cpu::CpuExecutor,
    graph::{
        executor::{Buffer, Caps, Executor, Program, Waiting},
        kernel::Kernel,
    },
};

/// The CPU, which asks for parts as a GPU does.
struct InParts {
    cpu: Arc<dyn Executor>,
    parts: usize,
}

impl Executor for InParts {
    fn caps(&self) -> Caps {
        self.cpu.caps()
    }
    fn alloc(&self, bytes: usize) -> Result<Buffer> {
        self.cpu.alloc(bytes)
    }
    fn upload(&self, data: &[u8]) -> Result<Buffer> {
        self.cpu.upload(data)
    }
    fn window(&self, buffer: &Buffer, bytes: Range<usize>) -> Buffer {
        self.cpu.window(buffer, bytes)
    }
    fn read<'a>(&'a self, buffer: &'a Buffer, out: &'a mut [u8]) -> Waiting<'a> {
        self.cpu.read(buffer, out)
    }
    fn parts(&self, _: &Kernel) -> usize {
        self.parts
    }
    fn compile(&self, kernel: &Kernel) -> Result<Arc<dyn Program>> {
        self.cpu.compile(kernel)
    }
    fn submit(&self) -> Result<()> {
        self.cpu.submit()
    }
    fn wait(&self) -> Waiting<'_> {
        self.cpu.wait()
    }
    fn memory(&self) -> Memory {
        self.cpu.memory()
    }
    fn empty_cache(&self) {
        self.cpu.empty_cache();
    }
    fn pipelines(&self) -> u64 {
        self.cpu.pipelines()
    }
}

/// The same work on a device that computes in parts and on one that does not; and how many kernels either needed.
fn compare(parts: usize, what: &str, tolerance: f64, work: impl Fn(&Device) -> Result<Tensor>) -> [u64; 2] {
    let device = |parts| {
        let executor = Arc::new(InParts { cpu: CpuExecutor::open(), parts });
        Device::with_executor(executor, DeviceOptions::default())
    };
    let [whole, cut] = [1, parts].map(|parts| {
        let device = device(parts);
        let y = work(&device).unwrap_or_else(|e| panic!("{what}: {e}"));
        let values = y.to_dtype(DType::F64).to_vec::<f64>().unwrap_or_else(|e| panic!("{what}: {e}"));
        (values, device.stats().pipelines)
    });
    assert_eq!(whole.0.len(), cut.0.len(), "{what}");
    for (i, (a, b)) in whole.0.iter().zip(&cut.0).enumerate() {
        let near = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(1.0);
        assert!(near, "{what}, {parts} parts: element {i} is {b}, not {a}");
    }
    [whole.1, cut.1]
}

/// Numbers from -1 to 1 that do not repeat soon.
fn numbers(shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let x = Tensor::arange(0, count as i64, 1, DType::F32, device)?;
    let x = (x * 0.7).sin();
    let x = if dtype.is_float() { x } else { (x * 5.0).round() };
    x.to_dtype(dtype).reshape(shape)
}

#[test]
fn reductions() {
    let shapes: &[(&[usize], isize)] =
        &[(&[1000], 0), (&[1003], 0), (&[3, 700], 1), (&[700, 3], 0), (&[130, 8], 0), (&[5, 257, 6], 1), (&[2, 64], 1)];
    for &(shape, axis) in shapes {
        for dtype in [DType::F32, DType::F64, DType::F16, DType::I32, DType::I64, DType::U8] {
            for parts in [2, 3, 16] {
                let what = format!("{shape:?} along {axis} of {dtype}");
                let tolerance = if dtype == DType::F16 { 1e-3 } else { 1e-5 };
                compare(parts, &what, tolerance, |d| numbers(shape, dtype, d)?.sum(axis));
                compare(parts, &what, 0.0, |d| numbers(shape, dtype, d)?.max(axis));
                compare(parts, &what, 0.0, |d| numbers(shape, dtype, d)?.min(axis));
                compare(parts, &what, tolerance, |d| Ok((numbers(shape, dtype, d)?.mean(axis)? * 2.0).exp()));
            }
        }
    }
    let any = |d: &Device| numbers(&[3, 500], DType::F32, d)?.gt(2.0)?.any(1);
    let [whole, cut] = compare(7, "any", 0.0, any);
    assert!(cut > whole);
}

#[test]
fn several_reductions_of_one_kernel() {
    let work = |d: &Device| {
        let x = numbers(&[6, 900], DType::F32, d)?;
        Tensor::stack(&[&x.sum(1)?, &x.abs().max(1)?, &(&x * &x).mean(1)?], 0)
    };
    compare(5, "three reductions", 1e-5, work);
    // One that follows from another cannot be cut.
    compare(5, "softmax", 0.0, |d| numbers(&[4, 900], DType::F32, d)?.softmax(1));
    compare(5, "variance", 1e-5, |d| numbers(&[4, 900], DType::F32, d)?.var(1, 1.0));
}

#[test]
fn products() {
    for (batch, m, k, n) in [(1, 8, 300, 5), (3, 2, 256, 7), (2, 33, 515, 1), (1, 1, 64, 1)] {
        for dtype in [DType::F32, DType::F64, DType::F16, DType::I32] {
            let operands = |d: &Device| {
                Ok::<_, crate::Error>((numbers(&[batch, m, k], dtype, d)?, numbers(&[batch, k, n], dtype, d)?))
            };
            let tolerance = if dtype == DType::F16 { 2e-3 } else { 1e-5 };
            let what = format!("{batch} x {m} x {k} x {n} of {dtype}");
            let product = |d: &Device| {
                let (a, b) = operands(d)?;
                Ok(a.matmul(&b)?.relu() + 1)
            };
            let [whole, cut] = compare(4, &what, tolerance, product);
            assert!(k < 128 || cut > whole, "{what}: nothing was cut");
        }
    }
    for p in [0.0, 1.0, 2.0, f64::INFINITY] {
        let distances = |d: &Device| {
            let (a, b) = (numbers(&[5, 400], DType::F32, d)?, numbers(&[7, 400], DType::F32, d)?);
            a.cdist(&(b * 0.5), p)
        };
        compare(3, &format!("distances by {p}"), 1e-5, distances);
    }
}
