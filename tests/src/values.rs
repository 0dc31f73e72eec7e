//! Values of any dtype, for comparison.

use half::{bf16, f16};
use kiln::{DType, Device, Element, Result, Scalar, Shape, Tensor};

/// Runs a block with `$T` bound to the Rust type of a dtype.
macro_rules! for_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {{
        macro_rules! with {
            ($t:ty) => {{
                type $T = $t;
                $body
            }};
        }
        match $dtype {
            DType::Bool => with!(bool),
            DType::I8 => with!(i8),
            DType::I16 => with!(i16),
            DType::I32 => with!(i32),
            DType::I64 => with!(i64),
            DType::U8 => with!(u8),
            DType::U16 => with!(u16),
            DType::U32 => with!(u32),
            DType::U64 => with!(u64),
            DType::F16 => with!(f16),
            DType::BF16 => with!(bf16),
            DType::F32 => with!(f32),
            DType::F64 => with!(f64),
        }
    }};
}

/// A contiguous tensor of these values.
pub fn tensor(values: &[Scalar], shape: &Shape, dtype: DType, device: &Device) -> Result<Tensor> {
    for_dtype!(dtype, T => {
        let values: Vec<T> = values.iter().map(|&v| T::from_scalar(v)).collect();
        Tensor::from_slice(&values, *shape, device)
    })
}

/// The elements in row-major order.
pub fn values(tensor: &Tensor) -> Result<Vec<Scalar>> {
    for_dtype!(tensor.dtype(), T => Ok(tensor.to_vec::<T>()?.into_iter().map(T::to_scalar).collect()))
}

/// The first place where two lists differ: floats by more than `relative * |expected| + absolute`, others at all.
///
/// NaN equals NaN. With both tolerances 0 the floats must have the same bits.
pub fn difference(got: &[Scalar], expected: &[Scalar], relative: f64, absolute: f64) -> Option<String> {
    if got.len() != expected.len() {
        return Some(format!("{} elements instead of {}", got.len(), expected.len()));
    }
    let same = |a: Scalar, b: Scalar| match (a, b) {
        (Scalar::Float(a), Scalar::Float(b)) if a.is_nan() || b.is_nan() => a.is_nan() && b.is_nan(),
        (Scalar::Float(a), Scalar::Float(b)) if relative == 0.0 && absolute == 0.0 => a.to_bits() == b.to_bits(),
        (Scalar::Float(a), Scalar::Float(b)) if a.is_infinite() || b.is_infinite() => a == b,
        (Scalar::Float(a), Scalar::Float(b)) => (a - b).abs() <= relative * b.abs() + absolute,
        _ => a == b,
    };
    let at = got.iter().zip(expected).position(|(&a, &b)| !same(a, b))?;
    Some(format!("element {at}: {:?} instead of {:?}", got[at], expected[at]))
}
