//! What the fuzz targets share.

use kiln::prelude::*;

/// Asserts that two tensors have the same dtype, shape and bits.
pub fn assert_same(a: &Tensor, b: &Tensor) {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
    let bits = |x: &Tensor| npy::to_bytes(&x.contiguous()).expect("what was read can be written");
    assert_eq!(bits(a), bits(b));
}
