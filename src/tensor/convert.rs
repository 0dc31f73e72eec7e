//! Taking values out of tensors, and moving them between devices.

use super::Tensor;
use crate::{
    DType, Device, Element, Error, Result,
    autograd::{self, Rule},
    dtype::normalize_bools,
};

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
        let mut out = vec![T::default(); self.numel()];
        // SAFETY: the slice covers the vector's own elements, and is left with valid ones: any bits are a number.
        let bytes = unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), size_of_val(&out[..])) };
        let read = self.read(bytes);
        if T::DTYPE == DType::Bool {
            // Kernels store nothing but 0 and 1; other owners of shared memory may have left anything.
            normalize_bools(bytes);
        }
        read?;
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

    /// The tensor on another device; on its own device the tensor itself. Waits for the device that it leaves.
    ///
    /// Gradients flow back to the device that the tensor came from.
    ///
    /// # Errors
    /// If a device fails or lacks memory.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::ones([2], DType::F32, &Device::cpu());
    /// let y = x.to_device(&Device::best())?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[doc(alias = "cuda")]
    #[doc(alias = "to")]
    pub fn to_device(&self, device: &Device) -> Result<Tensor> {
        if device == self.device() {
            return Ok(self.clone());
        }
        let x = self.detach().contiguous();
        let buffer = x.realize()?;
        let bytes = x.numel() * x.dtype().size();
        let moved = match buffer.host().and_then(|host| host.get(..bytes)) {
            Some(host) => device.executor().upload(host)?,
            None => device.executor().upload(&x.to_bytes()?)?,
        };
        let y = Tensor::ready(moved, device, self.dtype(), *self.shape());
        let home = self.device().clone();
        Ok(autograd::track(y, &[self], |_| Rule::custom(move |g| Ok(vec![Some(g.to_device(&home)?)]))))
    }

    /// The bytes of the elements in row-major order, as they lie in memory.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = vec![0; self.numel() * self.dtype().size()];
        self.read(&mut out)?;
        Ok(out)
    }

    /// The elements in row-major order, to the bit: halves as `U16`, since a kernel that moves them makes a signalling
    /// NaN a quiet one.
    pub(crate) fn exact(&self) -> Result<Tensor> {
        if !matches!(self.dtype(), DType::F16 | DType::BF16) {
            return Ok(self.detach().contiguous());
        }
        let bits = Tensor::ready(self.realize()?, self.device(), DType::U16, self.node.shape);
        Ok(bits.with_view(*self.view()).contiguous())
    }

    fn read(&self, out: &mut [u8]) -> Result<()> {
        let buffer = self.exact()?.realize()?;
        self.device().executor().read(&buffer, out)
    }
}
