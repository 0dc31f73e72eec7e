//! Taking values out of tensors, and moving them between devices.

use std::pin::pin;

use super::Tensor;
use crate::{
    DType, Device, Element, Error, Result,
    autograd::{self, Rule},
    dtype::normalize_bools,
    graph::wait::{Watched, block_on},
};

impl Tensor {
    /// The elements in row-major order. Waits for the device.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the device fails.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        block_on(self.device().executor(), self.elements("to_vec"))
    }

    /// The elements in row-major order, as [`to_vec`](Self::to_vec), for asynchronous programs. The thread that polls the
    /// future computes what the CPU has to, and never waits: neither for a GPU nor for another thread.
    ///
    /// # Errors
    /// As [`to_vec`](Self::to_vec).
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// # pollster::block_on(async {
    /// let x = Tensor::arange(0.0, 3.0, 1.0, DType::F32, &Device::best());
    /// assert_eq!((x? * 2.0).to_vec_async::<f32>().await?, [0.0, 2.0, 4.0]);
    /// # Ok::<(), kiln::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn to_vec_async<T: Element>(&self) -> Result<Vec<T>> {
        Watched { device: self.device(), future: pin!(self.elements("to_vec_async")) }.await
    }

    /// The only element. Waits for the device.
    ///
    /// # Errors
    /// If there is not exactly one, `T` is not the tensor's dtype, or the device fails.
    pub fn item<T: Element>(&self) -> Result<T> {
        self.has_one_element("item")?;
        Ok(block_on(self.device().executor(), self.elements("item"))?[0])
    }

    /// The only element, as [`item`](Self::item), for asynchronous programs; see [`to_vec_async`](Self::to_vec_async).
    ///
    /// # Errors
    /// As [`item`](Self::item).
    pub async fn item_async<T: Element>(&self) -> Result<T> {
        self.has_one_element("item_async")?;
        Ok(Watched { device: self.device(), future: pin!(self.elements("item_async")) }.await?[0])
    }

    fn has_one_element(&self, op: &'static str) -> Result<()> {
        match self.numel() {
            1 => Ok(()),
            _ => Err(Error::shape(op, self.shape(), "there must be exactly one element")),
        }
    }

    async fn elements<T: Element>(&self, op: &'static str) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype() {
            return Err(Error::dtype(op, self.dtype(), format!("asked for {}; convert with `to_dtype`", T::DTYPE)));
        }
        let mut out = vec![T::default(); self.numel()];
        // SAFETY: the slice covers the vector's own elements, and is left with valid ones: any bits are a number.
        let bytes = unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), size_of_val(&out[..])) };
        let read = self.read(bytes).await;
        if T::DTYPE == DType::Bool {
            // Kernels store nothing but 0 and 1; other owners of shared memory may have left anything.
            normalize_bools(bytes);
        }
        read?;
        Ok(out)
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
        block_on(self.device().executor(), self.read(&mut out))?;
        Ok(out)
    }

    /// The elements in row-major order, to the bit: halves as `U16`, since a kernel that moves them makes a signalling
    /// NaN a quiet one.
    pub(crate) fn exact(&self) -> Result<Tensor> {
        block_on(self.device().executor(), self.exact_async())
    }

    async fn exact_async(&self) -> Result<Tensor> {
        if !matches!(self.dtype(), DType::F16 | DType::BF16) {
            return Ok(self.detach().contiguous());
        }
        let bits = Tensor::ready(self.realize_async().await?, self.device(), DType::U16, self.node.whole.shape);
        Ok(bits.with_view(*self.view()).contiguous())
    }

    async fn read(&self, out: &mut [u8]) -> Result<()> {
        let buffer = self.exact_async().await?.realize_async().await?;
        self.device().executor().read(&buffer, out).await
    }
}
