"""TensorFlow, which takes and gives capsules of before DLPack 1.0, and must be handed dense, aligned memory."""

import pytest
from peers import NUMPY_DTYPES, peer

import kiln

tf = peer("tensorflow")
DTYPES = [*NUMPY_DTYPES, "bfloat16"]


def layouts(t):
    yield t
    yield t.T
    yield t[:, 1:, ::2]
    yield t[1]
    yield t[1, 2, 3]
    yield t.flip(0)
    yield t[:, :0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_to_tensorflow(dtype):
    t = kiln.arange(24).to(dtype).reshape(2, 3, 4)
    for s in layouts(t):
        x = tf.experimental.dlpack.from_dlpack(kiln.to_dlpack(s))
        assert x.dtype.name == dtype and tuple(x.shape) == s.shape
        # TensorFlow aborts the process if memory is not aligned as it wants it.
        assert (x if dtype == "bool" else x + x).numpy().tolist() == (s if dtype == "bool" else s + s).tolist()
    x = tf.experimental.dlpack.from_dlpack(t.__dlpack__())
    assert x.numpy().tolist() == t.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_from_tensorflow(dtype):
    x = tf.cast(tf.reshape(tf.range(24), (2, 3, 4)), dtype)
    t = kiln.from_dlpack(tf.experimental.dlpack.to_dlpack(x))
    assert t.dtype == getattr(kiln, dtype) == kiln.DType(x.dtype) and t.tolist() == x.numpy().tolist()
    assert kiln.from_dlpack(x).tolist() == kiln.tensor(x).tolist() == t.tolist()
    del x
    assert t.sum().item() == (1 * 23 if dtype == "bool" else 276)


def test_kept_memory_is_shared():
    t = kiln.tensor([1.0, 2.0, 3.0])
    capsule = kiln.to_dlpack(t)
    x = tf.experimental.dlpack.from_dlpack(capsule)
    back = kiln.from_dlpack(tf.experimental.dlpack.to_dlpack(x))
    assert back.numpy().ctypes.data == t.numpy().ctypes.data
    with pytest.raises(ValueError, match="has been taken before"):
        kiln.from_dlpack(capsule)


def test_versioned_capsules_are_not_tensorflows():
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.experimental.dlpack.from_dlpack(kiln.tensor([1.0]).__dlpack__(max_version=(1, 0)))
