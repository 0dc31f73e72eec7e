//! The structs of DLPack 1.x, as [its header](https://github.com/dmlc/dlpack/blob/main/include/dlpack/dlpack.h)
//! lays them out.

use std::{ffi::c_void, mem::offset_of};

use crate::DType;

/// The version of the structs that Kiln fills. Any minor version of the same major one can be read.
pub const VERSION: DLPackVersion = DLPackVersion { major: 1, minor: 3 };

/// Version of the structs: another major number is another layout.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct DLPackVersion {
    pub major: u32,
    pub minor: u32,
}

/// The device that holds the elements.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DLDevice {
    /// One of the constants of this type.
    pub device_type: i32,
    /// Which of several devices of the type.
    pub device_id: i32,
}

#[allow(missing_docs)]
impl DLDevice {
    pub const CPU: i32 = 1;
    pub const CUDA: i32 = 2;
    pub const CUDA_HOST: i32 = 3;
    pub const OPENCL: i32 = 4;
    pub const VULKAN: i32 = 7;
    pub const METAL: i32 = 8;
    pub const VPI: i32 = 9;
    pub const ROCM: i32 = 10;
    pub const ROCM_HOST: i32 = 11;
    pub const EXT_DEV: i32 = 12;
    pub const CUDA_MANAGED: i32 = 13;
    pub const ONE_API: i32 = 14;
    pub const WEBGPU: i32 = 15;
    pub const HEXAGON: i32 = 16;
    pub const MAIA: i32 = 17;
    pub const TRAINIUM: i32 = 18;

    /// Whether the elements lie in memory that the processor reads like its own.
    pub fn is_host(self) -> bool {
        matches!(self.device_type, Self::CPU | Self::CUDA_HOST | Self::ROCM_HOST)
    }

    /// The name of the device's type.
    pub fn name(self) -> &'static str {
        match self.device_type {
            Self::CPU => "CPU",
            Self::CUDA => "CUDA",
            Self::CUDA_HOST => "CUDA host",
            Self::OPENCL => "OpenCL",
            Self::VULKAN => "Vulkan",
            Self::METAL => "Metal",
            Self::VPI => "VPI",
            Self::ROCM => "ROCm",
            Self::ROCM_HOST => "ROCm host",
            Self::EXT_DEV => "extension",
            Self::CUDA_MANAGED => "CUDA managed",
            Self::ONE_API => "oneAPI",
            Self::WEBGPU => "WebGPU",
            Self::HEXAGON => "Hexagon",
            Self::MAIA => "MAIA",
            Self::TRAINIUM => "Trainium",
            _ => "unknown",
        }
    }
}

/// The type of an element: `lanes` numbers of `bits` bits.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DLDataType {
    /// One of the constants of this type; above them stand floats of 4 to 8 bits.
    pub code: u8,
    /// The size of one number.
    pub bits: u8,
    /// How many numbers make an element; 1 but for vectors.
    pub lanes: u16,
}

#[allow(missing_docs)]
impl DLDataType {
    pub const INT: u8 = 0;
    pub const UINT: u8 = 1;
    pub const FLOAT: u8 = 2;
    pub const OPAQUE_HANDLE: u8 = 3;
    pub const BFLOAT: u8 = 4;
    pub const COMPLEX: u8 = 5;
    pub const BOOL: u8 = 6;
}

impl From<DType> for DLDataType {
    fn from(dtype: DType) -> Self {
        let code = match dtype {
            DType::Bool => Self::BOOL,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => Self::INT,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Self::UINT,
            DType::BF16 => Self::BFLOAT,
            DType::F16 | DType::F32 | DType::F64 => Self::FLOAT,
        };
        Self { code, bits: 8 * dtype.size() as u8, lanes: 1 }
    }
}

/// A strided array, without an owner.
#[repr(C)]
#[derive(Debug)]
pub struct DLTensor {
    /// Where the elements lie; may be NULL if there are none.
    pub data: *mut c_void,
    /// The device whose memory `data` points to.
    pub device: DLDevice,
    /// The number of axes.
    pub ndim: i32,
    /// The type of the elements.
    pub dtype: DLDataType,
    /// The size of each axis.
    pub shape: *mut i64,
    /// The step along each axis, in elements; NULL, in structs of before version 1.2, for row-major order.
    pub strides: *mut i64,
    /// How far behind `data` the first element lies, in bytes.
    pub byte_offset: u64,
}

/// An array that says how to free it, as DLPack had it before version 1.0.
#[repr(C)]
#[derive(Debug)]
pub struct DLManagedTensor {
    /// The array.
    pub dl_tensor: DLTensor,
    /// The producer's business.
    pub manager_ctx: *mut c_void,
    /// Frees the struct and what it points to. Called once, from any thread; NULL if there is nothing to free.
    pub deleter: Option<unsafe extern "C" fn(*mut DLManagedTensor)>,
}

/// An array that says how to free it, and what its layout and its owner's terms are.
#[repr(C)]
#[derive(Debug)]
pub struct DLManagedTensorVersioned {
    /// The version of this struct. After another major version than 1 only the deleter may be used.
    pub version: DLPackVersion,
    /// The producer's business.
    pub manager_ctx: *mut c_void,
    /// Frees the struct and what it points to. Called once, from any thread; NULL if there is nothing to free.
    pub deleter: Option<unsafe extern "C" fn(*mut DLManagedTensorVersioned)>,
    /// Bits of the constants of this type.
    pub flags: u64,
    /// The array.
    pub dl_tensor: DLTensor,
}

impl DLManagedTensorVersioned {
    /// The consumer must not write to the elements.
    pub const READ_ONLY: u64 = 1;
    /// The producer made a copy for the consumer.
    pub const IS_COPIED: u64 = 2;
    /// Elements of fewer than 8 bits take whole bytes.
    pub const SUBBYTE_PADDED: u64 = 4;
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<DLTensor>() == 48);
    assert!(offset_of!(DLTensor, device) == 8);
    assert!(offset_of!(DLTensor, ndim) == 16);
    assert!(offset_of!(DLTensor, dtype) == 20);
    assert!(offset_of!(DLTensor, shape) == 24);
    assert!(offset_of!(DLTensor, strides) == 32);
    assert!(offset_of!(DLTensor, byte_offset) == 40);
    assert!(size_of::<DLManagedTensor>() == 64);
    assert!(offset_of!(DLManagedTensor, manager_ctx) == 48);
    assert!(offset_of!(DLManagedTensor, deleter) == 56);
    assert!(size_of::<DLManagedTensorVersioned>() == 80);
    assert!(offset_of!(DLManagedTensorVersioned, manager_ctx) == 8);
    assert!(offset_of!(DLManagedTensorVersioned, deleter) == 16);
    assert!(offset_of!(DLManagedTensorVersioned, flags) == 24);
    assert!(offset_of!(DLManagedTensorVersioned, dl_tensor) == 32);
};
