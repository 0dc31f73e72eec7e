//! Making tensors.

use super::Tensor;
use crate::{DType, Device, Element, Error, Result, Scalar, Shape, op::Op};

impl Tensor {
    /// A tensor filled with one number.
    pub fn full(shape: impl Into<Shape>, value: impl Into<Scalar>, dtype: DType, device: &Device) -> Tensor {
        Tensor::lazy(Op::Const(value.into()), device, dtype, shape.into(), [None; 3])
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Tensor {
        Tensor::full(shape, 0i64, dtype, device)
    }

    /// A tensor of ones.
    pub fn ones(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Tensor {
        Tensor::full(shape, 1i64, dtype, device)
    }

    /// Zeros of this tensor's shape, dtype and device.
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros(*self.shape(), self.dtype(), self.device())
    }

    /// Ones of this tensor's shape, dtype and device.
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones(*self.shape(), self.dtype(), self.device())
    }

    /// A copy of a slice, in row-major order.
    ///
    /// # Errors
    /// If the slice does not have as many elements as the shape, or the device lacks memory.
    pub fn from_slice<T: Element>(data: &[T], shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        if data.len() != shape.numel() {
            return Err(Error::shape("from_slice", &shape, format!("{} elements do not fill it", data.len())));
        }
        let buffer = device.executor().upload(bytemuck::cast_slice(data))?;
        Ok(Tensor::ready(buffer, device, T::DTYPE, shape))
    }

    /// The elements of a vector, in row-major order.
    ///
    /// # Errors
    /// As [`from_slice`](Self::from_slice).
    pub fn from_vec<T: Element>(data: Vec<T>, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        Tensor::from_slice(&data, shape, device)
    }
}
