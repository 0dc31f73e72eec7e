//! Arrays of the `ndarray` crate.

use ndarray::{Array, ArrayBase, ArrayD, Data, Dimension, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

use crate::{
    Device, Element, Error, Result, Shape, Tensor,
    layout::{Strides, View},
    shape::MAX_RANK,
};

impl Tensor {
    /// A copy of an array or view of any layout. An owned array becomes a tensor without a copy by `Tensor::from`.
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

    /// The elements as an array in standard layout. Waits for the device.
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
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        let array = ArrayD::from_shape_vec(self.shape().dims(), self.to_vec()?);
        array.map_err(|error| Error::shape("to_ndarray", self.shape(), error.to_string()))
    }

    /// A tensor on the CPU over the array's memory, whatever its strides.
    fn adopt<T: Element, D: Dimension>(array: Array<T, D>) -> Result<Tensor> {
        let shape = Shape::try_new(array.shape())?;
        let mut strides: Strides = [0; MAX_RANK];
        strides[..shape.rank()].copy_from_slice(array.strides());
        let (data, offset) = array.into_raw_vec_and_offset();
        let whole = Shape::try_new(&[data.len()])?;
        let memory = Tensor::from_memory(data, T::DTYPE, whole, &Device::cpu())?;
        Ok(memory.with_view(View { shape, strides, offset: offset.unwrap_or(0) as isize }))
    }
}

/// On the CPU, without a copy, whatever the strides. Fails if the rank is above [`MAX_RANK`].
impl<T: Element> TryFrom<ArrayD<T>> for Tensor {
    type Error = Error;

    fn try_from(array: ArrayD<T>) -> Result<Self> {
        Tensor::adopt(array)
    }
}

macro_rules! from_array {
    ($($dim:ty),*) => {$(
        /// On the CPU, without a copy, whatever the strides.
        impl<T: Element> From<Array<T, $dim>> for Tensor {
            fn from(array: Array<T, $dim>) -> Self {
                // The rank is below the limit, an array that exists can be addressed, and adopting takes no memory.
                Tensor::adopt(array).unwrap_or_else(|error| unreachable!("{error}"))
            }
        }
    )*};
}
from_array!(Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6);

impl<T: Element> TryFrom<&Tensor> for Array<T, IxDyn> {
    type Error = Error;

    fn try_from(tensor: &Tensor) -> Result<Self> {
        tensor.to_ndarray()
    }
}
