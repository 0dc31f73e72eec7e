"""JAX, whose arrays never change: they come as tensors that must not be written to."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from peers import NUMPY_DTYPES, peer  # noqa: E402

import kiln  # noqa: E402

jax = peer("jax")
jnp = peer("jax", "jax.numpy")
DTYPES = [*NUMPY_DTYPES, "bfloat16"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_both_ways(dtype):
    x = jnp.arange(24).reshape(2, 3, 4).astype(dtype)
    for y in (x, x.T, x[1], x[1, 2, 3], x[:, :0]):
        t = kiln.from_dlpack(y)
        assert t.dtype == getattr(kiln, dtype) == kiln.DType(y.dtype) and t.shape == y.shape
        assert t.tolist() == y.tolist()
        z = jnp.from_dlpack(t)
        assert z.dtype == y.dtype and z.tolist() == y.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_of_kiln(dtype):
    t = kiln.arange(24).to(dtype).reshape(2, 3, 4)
    assert jnp.from_dlpack(t).unsafe_buffer_pointer() == kiln.from_dlpack(jnp.from_dlpack(t)).numpy().ctypes.data if (
        dtype != "bfloat16"
    ) else True
    for s in (t, t.permute(2, 0, 1), t[1], t[1, 2, 3], t.flip(1), t[:, :0]):
        assert jnp.from_dlpack(s).tolist() == s.tolist()


def test_memory_is_shared():
    t = kiln.tensor([1.0, 2.0, 3.0])
    x = jnp.from_dlpack(t, copy=False)
    assert x.unsafe_buffer_pointer() == t.numpy().ctypes.data
    back = kiln.from_dlpack(x, copy=False)
    assert back.numpy().ctypes.data == t.numpy().ctypes.data


def test_arrays_must_not_be_written_to():
    x = jnp.arange(3)
    t = kiln.from_dlpack(x)
    assert not t.numpy().flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        t.numpy()[0] = 1
    assert t.clone().numpy().flags.writeable
    del x
    np.testing.assert_array_equal((t + t).numpy(), [0, 2, 4])


def test_copy():
    x = jnp.arange(3)
    assert kiln.from_dlpack(x, copy=True).numpy().flags.writeable
    assert kiln.tensor(x).tolist() == [0, 1, 2]
