//! Arrays of the `ndarray` crate.
//!
//! | from, to | call | memory |
//! |---|---|---|
//! | `Array` | `Tensor::from`, `try_from` if the rank is dynamic | taken over |
//! | `ArcArray` | the same | shared |
//! | `ArrayView` | the same, or [`Tensor::from_ndarray`] for any device | copied |
//! | to a view | [`Tensor::as_ndarray`] | shared if the tensor is on the CPU and not of bools |
//! | to `Array`, `ArcArray` | `try_from(&tensor)`, or [`Tensor::to_ndarray`] for a dynamic rank | copied |

use std::{marker::PhantomData, slice};

use ndarray::{
    ArcArray, Array, ArrayBase, ArrayD, ArrayView, ArrayViewD, Axis, Data, Dimension, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5,
    Ix6, IxDyn, ShapeBuilder,
};

use crate::{
    DType, Device, Element, Error, Result, Shape, Tensor,
    graph::executor::Buffer,
    layout::{Strides, View},
    shape::MAX_RANK,
};

impl Tensor {
    /// A copy of an array or view of any layout. An owned or shared array becomes a tensor on the CPU without a copy by
    /// `Tensor::from`.
    ///
    /// # Errors
    /// If the rank is above [`MAX_RANK`], or the device lacks memory.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let array = ndarray::array![[1.0f32, 2.0], [3.0, 4.0]];
    /// let x = Tensor::from_ndarray(&array.t(), &Device::cpu())?;
    /// assert_eq!(x.to_vec::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[doc(alias = "from_numpy")]
    pub fn from_ndarray<S, D>(array: &ArrayBase<S, D>, device: &Device) -> Result<Tensor>
    where
        S: Data<Elem: Element>,
        D: Dimension,
    {
        let shape = Shape::try_new(array.shape())?;
        match array.as_slice() {
            Some(data) => Tensor::from_slice(data, shape, device),
            None => Tensor::from_vec(array.iter().copied().collect(), shape, device),
        }
    }

    /// A copy of the elements as an array in standard layout. Waits for the device.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the device fails.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::ones([2, 3], DType::F32, &Device::cpu());
    /// assert_eq!(x.to_ndarray::<f32>()?, ndarray::ArrayD::<f32>::ones(vec![2, 3]));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[doc(alias = "numpy")]
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        let array = ArrayD::from_shape_vec(self.shape().dims(), self.to_vec()?);
        array.map_err(|error| Error::shape("to_ndarray", self.shape(), error.to_string()))
    }

    /// The elements, of which `view()` is an array without a copy: strides are the tensor's. Waits for the device. What
    /// is on a GPU is copied to host memory once. So are bools, since [others](crate::dlpack) with whom memory was shared
    /// may have left other bytes than 0 and 1 in it.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the device fails.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0, 6, 1, DType::F32, &Device::cpu())?.reshape([2, 3])?.t();
    /// let x = x.as_ndarray::<f32>()?;
    /// assert_eq!(x.view()[[2, 1]], 5.0);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn as_ndarray<T: Element>(&self) -> Result<NdArrayRef<T>> {
        if T::DTYPE != self.dtype() {
            let reason = format!("asked for {}; convert with `to_dtype`", T::DTYPE);
            return Err(Error::dtype("as_ndarray", self.dtype(), reason));
        }
        let tensor = match T::DTYPE {
            DType::Bool => Tensor::from_vec(self.to_vec::<T>()?, *self.shape(), &Device::cpu())?,
            _ => self.detach().to_device(&Device::cpu())?,
        };
        let buffer = tensor.realize()?;
        Ok(NdArrayRef { tensor, buffer, elements: PhantomData })
    }

    /// A tensor on the CPU over the array's memory, whatever its strides.
    fn take_over<T: Element, D: Dimension>(array: Array<T, D>) -> Result<Tensor> {
        let shape = Shape::try_new(array.shape())?;
        let strides = strides_of(&array);
        let (data, offset) = array.into_raw_vec_and_offset();
        let whole = Shape::try_new(&[data.len()])?;
        let memory = Tensor::from_memory(data, T::DTYPE, whole, &Device::cpu())?;
        Ok(memory.with_view(View { shape, strides, offset: offset.unwrap_or(0) as isize }))
    }

    /// A tensor on the CPU over memory that arrays share.
    fn share<T: Element, D: Dimension>(array: ArcArray<T, D>) -> Result<Tensor> {
        let (shape, device) = (Shape::try_new(array.shape())?, Device::cpu());
        if shape.numel() == 0 {
            return Ok(Tensor::zeros(shape, T::DTYPE, &device));
        }
        let view = View { shape, strides: strides_of(&array), offset: 0 };
        let (before, len) = reach(&view);
        let buffer = device.executor().adopt(Box::new(Held { array: array.into_dyn(), before, len }))?;
        let memory = Tensor::ready(buffer, &device, T::DTYPE, Shape::try_new(&[len])?);
        Ok(memory.with_view(View { offset: before as isize, ..view }))
    }
}

fn strides_of<S: Data, D: Dimension>(array: &ArrayBase<S, D>) -> Strides {
    let mut strides: Strides = [0; MAX_RANK];
    strides[..array.ndim()].copy_from_slice(array.strides());
    strides
}

/// The elements that lie before the first one of a view that has some, and those from the lowest to the highest.
fn reach(view: &View) -> (usize, usize) {
    let (low, high) = view.reach().unwrap_or_else(|| unreachable!("elements that exist can be addressed"));
    (low.unsigned_abs(), (high - low) as usize + 1)
}

/// A shared array that a buffer reads. Nobody writes to it: another holder who wants to gets a copy.
struct Held<T> {
    array: ArcArray<T, IxDyn>,
    before: usize,
    len: usize,
}

impl<T: Element> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: these are the elements from the array's lowest to its highest one, all within the memory of the
        // vector that it was made of, which is filled and lives as long as the array.
        let elements = unsafe { slice::from_raw_parts(self.array.as_ptr().sub(self.before), self.len) };
        bytemuck::cast_slice(elements)
    }
}

/// The elements of a tensor as an `ndarray` view; from [`Tensor::as_ndarray`].
pub struct NdArrayRef<T> {
    /// Held, so that its buffer stays what it is.
    tensor: Tensor,
    buffer: Buffer,
    elements: PhantomData<T>,
}

impl<T: Element> NdArrayRef<T> {
    /// The array, without a copy.
    pub fn view(&self) -> ArrayViewD<'_, T> {
        let view = self.tensor.view();
        let dims = view.shape.dims();
        let host = self.buffer.host().unwrap_or_default();
        if view.shape.numel() == 0 || host.is_empty() {
            // Without elements, any memory holds them all.
            let empty = ArrayViewD::from_shape(dims, &[]);
            return empty.unwrap_or_else(|error| unreachable!("{error}"));
        }
        let (before, len) = reach(view);
        let start = view.offset as usize - before;
        let bytes = &host[start * size_of::<T>()..][..len * size_of::<T>()];
        // SAFETY: the bytes are `len` elements of the tensor's dtype, which is `T`'s, and aligned as its buffers are;
        // `as_ndarray` made bools valid, and any other bits are a number.
        let elements = unsafe { slice::from_raw_parts(bytes.as_ptr().cast::<T>(), len) };
        let steps: Vec<usize> = view.strides[..dims.len()].iter().map(|step| step.unsigned_abs()).collect();
        let array = ArrayViewD::from_shape(dims.strides(&steps), elements);
        let mut array = array.unwrap_or_else(|error| unreachable!("{error}"));
        for axis in (0..dims.len()).filter(|&axis| view.strides[axis] < 0) {
            array.invert_axis(Axis(axis));
        }
        array
    }
}

/// On the CPU, without a copy, whatever the strides. Fails if the rank is above [`MAX_RANK`].
impl<T: Element> TryFrom<ArrayD<T>> for Tensor {
    type Error = Error;

    fn try_from(array: ArrayD<T>) -> Result<Self> {
        Tensor::take_over(array)
    }
}

/// On the CPU, sharing memory with the array, whatever the strides. Fails if the rank is above [`MAX_RANK`].
impl<T: Element> TryFrom<ArcArray<T, IxDyn>> for Tensor {
    type Error = Error;

    fn try_from(array: ArcArray<T, IxDyn>) -> Result<Self> {
        Tensor::share(array)
    }
}

/// A copy on the CPU. Fails if the rank is above [`MAX_RANK`].
impl<T: Element> TryFrom<ArrayView<'_, T, IxDyn>> for Tensor {
    type Error = Error;

    fn try_from(array: ArrayView<'_, T, IxDyn>) -> Result<Self> {
        Tensor::from_ndarray(&array, &Device::cpu())
    }
}

macro_rules! from_array {
    ($($dim:ty),*) => {$(
        /// On the CPU, without a copy, whatever the strides.
        impl<T: Element> From<Array<T, $dim>> for Tensor {
            fn from(array: Array<T, $dim>) -> Self {
                // The rank is below the limit, an array that exists can be addressed, and adopting takes no memory.
                Tensor::take_over(array).unwrap_or_else(|error| unreachable!("{error}"))
            }
        }

        /// On the CPU, sharing memory with the array, whatever the strides.
        impl<T: Element> From<ArcArray<T, $dim>> for Tensor {
            fn from(array: ArcArray<T, $dim>) -> Self {
                Tensor::share(array).unwrap_or_else(|error| unreachable!("{error}"))
            }
        }

        /// A copy on the CPU.
        impl<T: Element> From<ArrayView<'_, T, $dim>> for Tensor {
            fn from(array: ArrayView<'_, T, $dim>) -> Self {
                Tensor::take_over(array.to_owned()).unwrap_or_else(|error| unreachable!("{error}"))
            }
        }
    )*};
}
from_array!(Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6);

/// A copy in standard layout. Fails if `T` is not the tensor's dtype or `D` not its rank, or the device fails.
impl<T: Element, D: Dimension> TryFrom<&Tensor> for Array<T, D> {
    type Error = Error;

    fn try_from(tensor: &Tensor) -> Result<Self> {
        let array = tensor.to_ndarray()?.into_dimensionality();
        array.map_err(|_| match D::NDIM {
            Some(rank) => Error::shape("to_ndarray", tensor.shape(), format!("asked for an array of rank {rank}")),
            None => Error::shape("to_ndarray", tensor.shape(), "asked for an array of another rank"),
        })
    }
}

/// A copy in standard layout, which arrays can share. Fails as that to [`Array`] does.
impl<T: Element, D: Dimension> TryFrom<&Tensor> for ArcArray<T, D> {
    type Error = Error;

    fn try_from(tensor: &Tensor) -> Result<Self> {
        Array::try_from(tensor).map(Array::into_shared)
    }
}
