//! What the fuzz targets share.

use kiln::prelude::*;

/// Asserts that two tensors have the same dtype, shape and bits.
pub fn assert_same(a: &Tensor, b: &Tensor) {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
    // Fields are written in one order, whatever the strides.
    let bits = |x: &Tensor| npy::fields_to_bytes(&[("x", x)]).expect("what was read can be written");
    assert_eq!(bits(a), bits(b));
}
