//! Ownership of a managed array.

use std::{ffi::c_void, fmt, mem::ManuallyDrop, ptr::NonNull};

use super::abi::{DLManagedTensor, DLManagedTensorVersioned, DLTensor, VERSION};
use crate::{Error, Result};

/// One of the two structs in which an array changes hands: [`DLManagedTensorVersioned`], or [`DLManagedTensor`] for
/// libraries that know no other. Implemented for these alone.
pub trait Managed: sealed::Sealed + Sized + fmt::Debug + 'static {}

impl Managed for DLManagedTensor {}
impl Managed for DLManagedTensorVersioned {}

pub(super) mod sealed {
    use std::ffi::c_void;

    use super::{DLTensor, Result};

    pub trait Sealed: Sized {
        /// A struct that `deleter` frees.
        fn new(
            dl_tensor: DLTensor,
            flags: u64,
            manager_ctx: *mut c_void,
            deleter: unsafe extern "C" fn(*mut Self),
        ) -> Self;
        /// Whether the fields behind the flags are where they should be.
        fn check(&self) -> Result<()>;
        fn flags(&self) -> u64;
        /// Valid after [`check`](Self::check).
        fn dl_tensor(&self) -> &DLTensor;
        fn manager_ctx(&self) -> *mut c_void;
        fn deleter(&self) -> Option<unsafe extern "C" fn(*mut Self)>;
    }
}
use sealed::Sealed;

impl Sealed for DLManagedTensor {
    fn new(
        dl_tensor: DLTensor,
        _flags: u64,
        manager_ctx: *mut c_void,
        deleter: unsafe extern "C" fn(*mut Self),
    ) -> Self {
        Self { dl_tensor, manager_ctx, deleter: Some(deleter) }
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn flags(&self) -> u64 {
        0
    }

    fn dl_tensor(&self) -> &DLTensor {
        &self.dl_tensor
    }

    fn manager_ctx(&self) -> *mut c_void {
        self.manager_ctx
    }

    fn deleter(&self) -> Option<unsafe extern "C" fn(*mut Self)> {
        self.deleter
    }
}

impl Sealed for DLManagedTensorVersioned {
    fn new(
        dl_tensor: DLTensor,
        flags: u64,
        manager_ctx: *mut c_void,
        deleter: unsafe extern "C" fn(*mut Self),
    ) -> Self {
        Self { version: VERSION, manager_ctx, deleter: Some(deleter), flags, dl_tensor }
    }

    fn check(&self) -> Result<()> {
        if self.version.major == VERSION.major {
            return Ok(());
        }
        let reason = format!("the array comes in version {}.{} of DLPack", self.version.major, self.version.minor);
        Err(Error::argument("from_dlpack", format!("{reason}, but only {}.x is known", VERSION.major)))
    }

    fn flags(&self) -> u64 {
        self.flags
    }

    fn dl_tensor(&self) -> &DLTensor {
        &self.dl_tensor
    }

    fn manager_ctx(&self) -> *mut c_void {
        self.manager_ctx
    }

    fn deleter(&self) -> Option<unsafe extern "C" fn(*mut Self)> {
        self.deleter
    }
}

/// An array on its way from one library to another. Dropping it frees the array by its deleter.
///
/// [`Tensor::to_dlpack`](crate::Tensor::to_dlpack) makes one, [`Tensor::from_dlpack`](crate::Tensor::from_dlpack)
/// takes one. Other libraries exchange the raw pointer.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::dlpack::Handle;
///
/// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0], [3], &Device::cpu())?;
/// let raw = x.to_dlpack(None)?.into_raw(); // for a C function that takes a `DLManagedTensorVersioned *`
/// // SAFETY: the pointer was just given away, and nobody else has it.
/// let handle = unsafe { Handle::from_raw(raw)? };
/// assert_eq!(Tensor::from_dlpack(handle, Some(false))?.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub struct Handle<M: Managed>(NonNull<M>);

// SAFETY: the struct is read only while a handle owns it, and DLPack allows the deleter on any thread.
unsafe impl<M: Managed> Send for Handle<M> {}
// SAFETY: a shared handle only reads the struct.
unsafe impl<M: Managed> Sync for Handle<M> {}

impl<M: Managed> Handle<M> {
    /// The owner of a struct that its deleter frees as a box.
    pub(super) fn new(managed: Box<M>) -> Self {
        Self(NonNull::from(Box::leak(managed)))
    }

    /// Takes over an array from its producer.
    ///
    /// # Errors
    /// If the pointer is NULL or not aligned.
    ///
    /// # Safety
    /// The pointer must be NULL, or point to a struct of this type (of any version, but not smaller) that nobody else
    /// uses or frees and whose deleter may be called on any thread. What the struct says must be true until then: `shape` and `strides`, if not NULL,
    /// point to `ndim` numbers, and the elements that they describe can be read at `data`.
    ///
    /// The memory may be shared with others, but must not be written to on another thread while Kiln reads it.
    pub unsafe fn from_raw(managed: *mut M) -> Result<Self> {
        match NonNull::new(managed) {
            Some(managed) if managed.is_aligned() => Ok(Self(managed)),
            Some(_) => Err(Error::argument("from_dlpack", "the pointer to the array's struct is not aligned")),
            None => Err(Error::argument("from_dlpack", "the pointer to the array's struct is NULL")),
        }
    }

    /// Gives the array away: whoever takes the pointer calls the deleter.
    pub fn into_raw(self) -> *mut M {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The array.
    ///
    /// # Errors
    /// If it comes in a version of DLPack with another layout.
    pub fn dl_tensor(&self) -> Result<&DLTensor> {
        let managed = self.managed();
        managed.check()?;
        Ok(managed.dl_tensor())
    }

    /// Whether the consumer must not write to the elements. The struct of before version 1.0 never says so.
    pub fn is_read_only(&self) -> bool {
        self.managed().flags() & DLManagedTensorVersioned::READ_ONLY != 0
    }

    /// Whether the elements were copied for the consumer, so that nobody else sees what it writes.
    pub fn is_copied(&self) -> bool {
        self.managed().flags() & DLManagedTensorVersioned::IS_COPIED != 0
    }

    fn managed(&self) -> &M {
        // SAFETY: the handle owns the struct, which is only read while it does.
        unsafe { self.0.as_ref() }
    }
}

impl<M: Managed> Drop for Handle<M> {
    fn drop(&mut self) {
        let deleter = self.managed().deleter();
        if let Some(deleter) = deleter {
            // SAFETY: the handle owns the struct and goes away with it.
            unsafe { deleter(self.0.as_ptr()) };
        }
    }
}

impl<M: Managed> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(self.managed()).finish()
    }
}
