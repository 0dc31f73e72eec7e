//! Conversions by the names that PyTorch has for them.

use kiln::DType;
use pyo3::prelude::*;

use crate::tensor::{PyTensor, wrap};

macro_rules! casts {
    ($($name:ident $dtype:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            fn $name(&self) -> PyResult<Self> {
                wrap(Ok(self.tensor().to_dtype(DType::$dtype)))
            }
        )*}
    };
}

casts! {
    bool Bool "The tensor as bools: whether each element is not 0.";
    byte U8 "The tensor as uint8.";
    char I8 "The tensor as int8.";
    short I16 "The tensor as int16.";
    int I32 "The tensor as int32.";
    long I64 "The tensor as int64.";
    half F16 "The tensor as float16.";
    bfloat16 BF16 "The tensor as bfloat16.";
    float F32 "The tensor as float32.";
    double F64 "The tensor as float64.";
}
