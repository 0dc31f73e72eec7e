//! Making tensors.

use std::ptr::NonNull;

use super::Tensor;
use crate::{
    DType, Device, Element, Error, Result, Scalar, Shape,
    graph::executor::HostMemory,
    layout::{Strides, View},
    op::Op,
    shape::MAX_RANK,
};

/// The most elements that [`Tensor::arange`] makes: as many as a shape can have.
const MOST: f64 = (isize::MAX / 8) as f64;

impl Tensor {
    /// A tensor filled with one number. Integers cut its fraction off.
    ///
    /// # Errors
    /// If the number is out of the dtype's range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// assert_eq!(Tensor::full([2], 7, DType::I64, &device)?.to_vec::<i64>()?, [7, 7]);
    /// assert!(Tensor::full([2], 300, DType::U8, &device).is_err());
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn full(shape: impl Into<Shape>, value: impl Into<Scalar>, dtype: DType, device: &Device) -> Result<Tensor> {
        let value = value.into();
        value.check("full", dtype)?;
        Ok(Tensor::filled(shape, value, dtype, device))
    }

    /// A tensor filled with a number that is known to be in the dtype's range; others are cast.
    pub(crate) fn filled(shape: impl Into<Shape>, value: impl Into<Scalar>, dtype: DType, device: &Device) -> Tensor {
        Tensor::lazy(Op::Const(value.into()), device, dtype, shape.into(), [None; 3])
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Tensor {
        Tensor::filled(shape, 0i64, dtype, device)
    }

    /// A tensor of ones.
    pub fn ones(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Tensor {
        Tensor::filled(shape, 1i64, dtype, device)
    }

    /// Zeros of this tensor's shape, dtype and device.
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros(*self.shape(), self.dtype(), self.device())
    }

    /// Ones of this tensor's shape, dtype and device.
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones(*self.shape(), self.dtype(), self.device())
    }

    /// One number in this tensor's shape, dtype and device.
    ///
    /// # Errors
    /// If the number is out of the dtype's range.
    pub fn full_like(&self, value: impl Into<Scalar>) -> Result<Tensor> {
        Tensor::full(*self.shape(), value, self.dtype(), self.device())
    }

    /// A tensor of rank 0.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::scalar(1.5f32, &Device::cpu());
    /// assert_eq!((x.rank(), x.item::<f32>()?), (0, 1.5));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn scalar<T: Element>(value: T, device: &Device) -> Tensor {
        Tensor::filled((), value.to_scalar(), T::DTYPE, device)
    }

    /// A copy of a slice, in row-major order.
    ///
    /// # Errors
    /// If the slice does not have as many elements as the shape, or the device lacks memory.
    #[doc(alias = "constant")]
    #[doc(alias = "convert_to_tensor")]
    #[doc(alias = "tensor")]
    pub fn from_slice<T: Element>(data: &[T], shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        fills("from_slice", data.len(), &shape)?;
        let buffer = device.executor().upload(bytemuck::cast_slice(data))?;
        Ok(Tensor::ready(buffer, device, T::DTYPE, shape))
    }

    /// The elements of a vector, in row-major order. On the CPU the tensor takes the vector's memory over.
    ///
    /// # Errors
    /// As [`from_slice`](Self::from_slice).
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_vec(vec![1i64, 2, 3, 4], [2, 2], &Device::cpu())?;
    /// assert_eq!(x.t().to_vec::<i64>()?, [1, 3, 2, 4]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn from_vec<T: Element>(data: Vec<T>, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        fills("from_vec", data.len(), &shape)?;
        Tensor::from_memory(data, T::DTYPE, shape, device)
    }

    /// A tensor over memory that holds at least the elements of `shape`, valid for `dtype` and aligned for it.
    pub(crate) fn from_memory<T>(data: Vec<T>, dtype: DType, shape: Shape, device: &Device) -> Result<Tensor>
    where
        T: bytemuck::NoUninit + Send + Sync,
    {
        let buffer = device.executor().adopt(Box::new(Memory(data)))?;
        Ok(Tensor::ready(buffer, device, dtype, shape))
    }

    /// The numbers `start, start + step, ...` before `end`, as NumPy's `arange`.
    ///
    /// # Errors
    /// If the step is 0 or one of the numbers is not finite, the dtype is `Bool` or does not hold them all, or there
    /// are too many.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// assert_eq!(Tensor::arange(0, 10, 3, DType::I64, &device)?.to_vec::<i64>()?, [0, 3, 6, 9]);
    /// assert_eq!(Tensor::arange(1.0, 0.0, -0.25, DType::F32, &device)?.to_vec::<f32>()?, [1.0, 0.75, 0.5, 0.25]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn arange(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        step: impl Into<Scalar>,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let numbers = [start.into(), end.into(), step.into()];
        number("arange", dtype)?;
        let error = || {
            let [start, end, step] = numbers.map(Scalar::to_f64);
            Error::argument("arange", format!("{start}..{end} in steps of {step} does not end"))
        };
        let [Some(start), Some(end), Some(step)] = numbers.map(whole) else {
            let [start, end, step] = numbers.map(Scalar::to_f64);
            let count = ((end - start) / step).ceil().max(0.0);
            if step == 0.0 || ![start, end, step].iter().all(|v| v.is_finite()) || count > MOST {
                return Err(error());
            }
            inside("arange", dtype, [start, start + step * (count - 1.0).max(0.0)].map(Scalar::Float))?;
            let index = Tensor::coordinates(View::contiguous((count as usize).into()), device);
            return Ok((index.to_dtype(wide(dtype)) * step + start).to_dtype(dtype));
        };
        if step == 0 {
            return Err(error());
        }
        // Both differences and steps fit into 66 bits.
        let count = ((end - start + step - step.signum()) / step).max(0);
        if count as f64 > MOST {
            return Err(error());
        }
        let last = start + step * (count - 1).max(0);
        inside("arange", dtype, [start, last].map(Scalar::whole))?;
        let count = count as usize;
        if start.abs().max(last.abs()) < i32::MAX as i128 && step.abs() < i32::MAX as i128 {
            let view = View { shape: count.into(), strides: along(0, step as isize), offset: start as isize };
            return Ok(Tensor::coordinates(view, device).to_dtype(dtype));
        }
        // Coordinates stay small, as GPUs count in 32 bits.
        let work = if dtype == DType::U64 { DType::U64 } else { DType::I64 };
        let [start, step] = [start, step].map(|v| Tensor::filled((), Scalar::whole(v), work, device));
        let index = Tensor::coordinates(View::contiguous(count.into()), device).to_dtype(work);
        Ok(index.mul(step)?.add(start)?.to_dtype(dtype))
    }

    /// `count` numbers from `start` to `end`, both included, in equal steps.
    ///
    /// # Errors
    /// If a bound is not finite or out of the dtype's range, or the dtype is `Bool`.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::linspace(0.0, 1.0, 5, DType::F32, &Device::cpu())?;
    /// assert_eq!(x.to_vec::<f32>()?, [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn linspace(start: f64, end: f64, count: usize, dtype: DType, device: &Device) -> Result<Tensor> {
        number("linspace", dtype)?;
        if !start.is_finite() || !end.is_finite() {
            return Err(Error::argument("linspace", format!("the range from {start} to {end} must be finite")));
        }
        inside("linspace", dtype, [start, end].map(Scalar::Float))?;
        let (end, step) = if count > 1 { (end, (end - start) / (count - 1) as f64) } else { (start, 0.0) };
        let up = View { shape: Shape::try_new(&[count])?, strides: along(0, 1), offset: 0 };
        let down = View { strides: along(0, -1), offset: count as isize - 1, ..up };
        let [up, down] = [up, down].map(|view| Tensor::coordinates(view, device));
        // Either half counts from its own end, so that both ends are exact.
        let near = up.lt(&down)?;
        let (head, tail) = (up.to_dtype(wide(dtype)) * step + start, end - down.to_dtype(wide(dtype)) * step);
        Ok(near.where_(head, tail)?.to_dtype(dtype))
    }

    /// The identity matrix of `n` rows.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// assert_eq!(Tensor::eye(2, DType::F32, &Device::cpu()).to_vec::<f32>()?, [1.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn eye(n: usize, dtype: DType, device: &Device) -> Tensor {
        Tensor::eye_rect(n, n, dtype, device)
    }

    /// A matrix with ones on its main diagonal, zeros elsewhere.
    pub fn eye_rect(rows: usize, columns: usize, dtype: DType, device: &Device) -> Tensor {
        let diagonal = Tensor::diagonals([rows, columns].into(), device);
        super::settle(diagonal.eq(0i64)).to_dtype(dtype)
    }

    /// Column minus row, over the last two axes of a shape of rank 2 or more.
    pub(super) fn diagonals(shape: Shape, device: &Device) -> Tensor {
        let mut strides = [0; MAX_RANK];
        (strides[shape.rank() - 2], strides[shape.rank() - 1]) = (-1, 1);
        Tensor::coordinates(View { shape, strides, offset: 0 }, device)
    }

    /// The positions of the elements of a view, as `I32` where they fit, else `I64`.
    pub(crate) fn coordinates(view: View, device: &Device) -> Tensor {
        let (mut low, mut high) = (view.offset, view.offset);
        for axis in 0..view.shape.rank() {
            let span = view.strides[axis].saturating_mul(view.shape[axis].saturating_sub(1) as isize);
            if span < 0 { low = low.saturating_add(span) } else { high = high.saturating_add(span) }
        }
        let fits = low >= i32::MIN as isize && high <= i32::MAX as isize;
        let dtype = if fits { DType::I32 } else { DType::I64 };
        Tensor::lazy(Op::Index(Box::new(view)), device, dtype, view.shape, [None; 3])
    }
}

/// A vector as the bytes of its elements.
struct Memory<T>(Vec<T>);

impl<T: bytemuck::NoUninit + Send + Sync> HostMemory for Memory<T> {
    fn bytes(&mut self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(NonNull::from(&mut self.0[..]).cast(), size_of_val(&self.0[..]))
    }

    fn is_read_only(&self) -> bool {
        false
    }
}

/// Strides that step along one axis alone.
pub(super) fn along(axis: usize, step: isize) -> Strides {
    let mut strides = [0; MAX_RANK];
    strides[axis] = step;
    strides
}

fn fills(op: &'static str, count: usize, shape: &Shape) -> Result<()> {
    if count == shape.numel() {
        return Ok(());
    }
    Err(Error::shape(op, shape, format!("the data has {count} elements, the shape {}", shape.numel())))
}

fn number(op: &'static str, dtype: DType) -> Result<()> {
    if dtype == DType::Bool { Err(Error::dtype(op, dtype, "needs a number")) } else { Ok(()) }
}

/// A number without a fraction as an integer; of a float only where all its neighbours are numbers too.
fn whole(value: Scalar) -> Option<i128> {
    match value {
        Scalar::Float(v) if v.fract() != 0.0 || v.abs() >= (1i64 << 53) as f64 => None,
        value => Some(value.to_i128()),
    }
}

/// Checks that an integer type holds these numbers.
fn inside(op: &'static str, dtype: DType, numbers: [Scalar; 2]) -> Result<()> {
    if dtype.is_int() { numbers.iter().try_for_each(|number| number.check(op, dtype)) } else { Ok(()) }
}

/// The dtype in which fractions of `dtype` are computed before they are rounded.
fn wide(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}
