//! Taking values out of tensors.

use super::Tensor;
use crate::{Element, Error, Result};

impl Tensor {
    /// The elements in row-major order. Waits for the device.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the device fails.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype() {
            return Err(Error::dtype(
                "to_vec",
                self.dtype(),
                format!("asked for {}; convert with `to_dtype`", T::DTYPE),
            ));
        }
        let x = self.contiguous();
        let buffer = x.realize()?;
        let mut out = vec![T::default(); x.numel()];
        // SAFETY: the slice covers the vector's own elements, and a buffer of this dtype holds valid ones: kernels
        // and uploads store nothing but 0 and 1 as `bool`, and any bits are a number.
        let bytes = unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), size_of_val(&out[..])) };
        self.device().executor().read(&buffer, bytes)?;
        Ok(out)
    }

    /// The only element. Waits for the device.
    ///
    /// # Errors
    /// If there is not exactly one, `T` is not the tensor's dtype, or the device fails.
    pub fn item<T: Element>(&self) -> Result<T> {
        match self.numel() {
            1 => Ok(self.to_vec()?[0]),
            _ => Err(Error::shape("item", self.shape(), "there is not exactly one element")),
        }
    }
}
