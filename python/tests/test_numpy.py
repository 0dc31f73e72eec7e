"""NumPy, of either generation: arrays become tensors and back, without copies where memory allows."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest
from peers import NUMPY_DTYPES, NUMPY_VERSION, address, devices, numbers

import kiln


def layouts(a):
    """Views of an array of shape (2, 3, 4)."""
    yield a
    yield a.T
    yield a.transpose(2, 0, 1)
    yield a[:, 1:, ::2]
    yield a[1]
    yield a[::-1, :, ::-1]
    yield np.broadcast_to(a[:, :1], (2, 5, 4))
    yield a[1:, 2:, 3:].reshape(())
    yield a[:, :0]
    yield a[:0].T


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_every_dtype_and_layout_is_shared_both_ways(dtype):
    for a in layouts(numbers(dtype)):
        t = kiln.from_numpy(a)
        assert t.shape == a.shape and t.dtype == kiln.DType(a.dtype) and str(t.dtype) == f"kiln.{dtype}"
        assert t.ndim == a.ndim and t.size == a.size and t.nbytes == a.nbytes
        b = t.numpy()
        assert b.dtype == a.dtype
        np.testing.assert_array_equal(a, b)
        if a.size:
            assert address(a) == address(b)
            assert all(m == n for m, n, size in zip(a.strides, b.strides, a.shape) if size > 1)
            assert all(m == n for m, n, size in zip(a.strides, t.strides, a.shape) if size > 1)
        assert b.flags.writeable == a.flags.writeable


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_dlpack_of_every_dtype_both_ways(dtype):
    if dtype == "bool" and NUMPY_VERSION < (2, 0):
        pytest.skip("NumPy 1 exchanges no bools by DLPack")
    for a in layouts(numbers(dtype)):
        t = kiln.from_dlpack(a)
        np.testing.assert_array_equal(t.numpy(), a)
        b = np.from_dlpack(t)
        np.testing.assert_array_equal(b, a)
        if a.size:
            assert address(t.numpy()) == address(a)
            # What walks backwards is copied for those that cannot walk so; DLPack before 1.0, which NumPy speaks up to
            # 2.0, has no flag for what must not be written, so that is copied, too.
            lent = a.flags.writeable or NUMPY_VERSION >= (2, 1)
            assert (address(b) == address(a)) == (lent and all(stride >= 0 for stride in a.strides))


def test_writes_show_on_both_sides():
    a = np.zeros(3, np.float32)
    t = kiln.from_numpy(a)
    a[0] = 5
    assert t.tolist() == [5, 0, 0]
    t.numpy()[1] = 6
    assert a.tolist() == [5, 6, 0]
    np.asarray(t)[2] = 7
    assert (a + t).tolist() == [10, 12, 14]
    if NUMPY_VERSION >= (2, 1):
        np.from_dlpack(t)[0] = 8
        assert a[0] == 8
    c = t.clone()
    a[:] = 0
    assert c.numpy().any() and not t.numpy().any()


def test_copies_where_they_are_asked_for():
    a = numbers("float32")
    assert address(kiln.tensor(a).numpy()) != address(a)
    assert address(kiln.asarray(a).numpy()) == address(a)
    assert address(kiln.asarray(a, copy=True).numpy()) != address(a)
    assert address(kiln.from_dlpack(a, copy=True).numpy()) != address(a)
    assert address(kiln.from_dlpack(a, copy=False).numpy()) == address(a)
    t = kiln.from_numpy(a)
    assert address(np.asarray(t)) == address(a) and address(np.array(t)) != address(a)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert t.__array__(copy=True).base is None
    with pytest.raises(ValueError, match="must be copied to become float64"):
        t.__array__(np.float64, copy=False)
    if NUMPY_VERSION >= (2, 1):
        assert address(np.from_dlpack(t, copy=True)) != address(a)
        assert address(np.from_dlpack(t, copy=False)) == address(a)
        np.from_dlpack(t, device="cpu", copy=None)


def test_what_must_not_be_written_to_stays_so():
    a = numbers("float32")
    a.flags.writeable = False
    t = kiln.from_numpy(a)
    assert not t.numpy().flags.writeable and not t.T[1:].numpy().flags.writeable
    assert kiln.tensor(a).numpy().flags.writeable
    assert (t + 1).numpy().flags.writeable
    if NUMPY_VERSION >= (2, 1):
        assert not np.from_dlpack(t).flags.writeable
        assert not kiln.from_dlpack(a).numpy().flags.writeable
        with pytest.raises(BufferError, match="must not be written to"):
            t.__dlpack__(copy=False)


def test_arrays_that_cannot_be_shared():
    odd = np.frombuffer(b"\x00" + np.arange(3, dtype=np.int32).tobytes(), np.uint8)[1:].view(np.int32)
    assert address(odd) % 4 != 0
    assert kiln.tensor(odd).tolist() == kiln.asarray(odd).tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match="no multiple of their size: allow a copy"):
        kiln.from_numpy(odd)
    bools = np.array([0, 1, 2, 255], np.uint8).view(bool)
    assert kiln.asarray(bools).tolist() == [False, True, True, True]
    assert kiln.tensor(bools).sum().item() == 3
    with pytest.raises(BufferError, match="neither 0 nor 1"):
        kiln.from_numpy(bools)
    swapped = np.arange(3, dtype=">f4" if sys.byteorder == "little" else "<f4")
    assert kiln.tensor(swapped).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="foreign byte order must be copied"):
        kiln.from_numpy(swapped)
    pairs = np.zeros(2, np.dtype([("a", "f8"), ("b", "i4")]))
    pairs["a"] = [1, 2]
    assert kiln.tensor(pairs["a"]).tolist() == kiln.asarray(pairs["a"]).tolist() == [1, 2]
    with pytest.raises(ValueError, match="no multiples of its elements must be copied"):
        kiln.from_numpy(pairs["a"])
    aligned = np.zeros(2, np.dtype([("a", "f4"), ("b", "i4")]))
    kiln_b = kiln.from_numpy(aligned["b"])
    aligned["b"] = [3, 4]
    assert kiln_b.tolist() == [3, 4] and kiln_b.strides == (8,)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros(2, complex), "complex numbers are not supported: take its real and imag"),
        (np.array(["a"]), "strings are not numbers"),
        (np.array([None]), "Python objects"),
        (np.array(["2020"], "M8[D]"), "convert them to int64"),
        (np.zeros(2, [("a", "f4")]), "take one of its fields"),
        (np.zeros(2, np.longdouble), "convert it with astype"),
    ],
)
def test_dtypes_that_tensors_do_not_have(array, message):
    for function in (kiln.from_numpy, kiln.tensor, kiln.asarray):
        with pytest.raises(TypeError, match=message):
            function(array)


def test_arrays_of_more_axes_than_tensors():
    with pytest.raises(BufferError, match="rank 9 is above the limit of 8"):
        kiln.from_numpy(np.zeros([1] * 9))
    with pytest.raises(TypeError, match="from_numpy takes a NumPy array, not list"):
        kiln.from_numpy([1])


# Where ml_dtypes is not installed; in a process of its own, as the module looks for the library once.
WITHOUT_ML_DTYPES = """
import sys
sys.modules["ml_dtypes"] = None
import kiln
t = kiln.tensor([1.5, 2], dtype=kiln.bfloat16)
try:
    t.numpy()
except TypeError as error:
    assert "install ml_dtypes, or convert the tensor to float32 first" in str(error), error
else:
    raise AssertionError("NumPy has no bfloat16")
assert t.to(kiln.float32).numpy().tolist() == [1.5, 2]
"""


def test_bfloat16_is_not_numpys():
    subprocess.run([sys.executable, "-c", WITHOUT_ML_DTYPES], check=True)


def test_tracked_tensors_are_detached_first():
    t = kiln.tensor([1.0], requires_grad=True)
    for export in (t.numpy, lambda: np.asarray(t)):
        with pytest.raises(TypeError, match="detach"):
            export()
    with pytest.raises(BufferError, match="detach"):
        t.__dlpack__()
    assert t.detach().numpy() == 1


@pytest.mark.parametrize("device", devices())
def test_gpus_are_read_back(device):
    a = numbers("float32")
    t = kiln.tensor(a, device=device)
    assert str(t.device) == device
    np.testing.assert_array_equal(t.numpy(), a)
    np.testing.assert_array_equal(np.asarray(t), a)
    assert t.__dlpack_device__() == (1, 0)
    if NUMPY_VERSION >= (2, 1):
        np.testing.assert_array_equal(np.from_dlpack(t.T), a.T)
    if device != "cpu":
        with pytest.raises(BufferError, match=r"allow a copy, or move it with `to\(device\)`"):
            t.__dlpack__(copy=False)
        with pytest.raises(ValueError, match="must be copied"):
            t.__array__(copy=False)
        assert str(kiln.from_dlpack(a, device=device).device) == device
        with pytest.raises(BufferError, match="must be copied"):
            kiln.from_dlpack(a, device=device, copy=False)


def test_numpy_leaves_operators_to_tensors():
    a, t = np.arange(3, dtype=np.float32), kiln.tensor([1.0, 2, 3])
    for result in (a + t, t + a, a * t, np.float32(2) * t, t / np.int64(2), a @ t, a == t, a < t):
        assert isinstance(result, kiln.Tensor)
    assert (np.float32(2) * t).dtype == kiln.float32 and (a - t).tolist() == [-1, -1, -1]
    assert kiln.tensor(np.float64(1)).dtype == kiln.float64
    assert kiln.tensor([np.float64(1)]).dtype == kiln.float32


def test_capsules():
    t = kiln.tensor([1.0, 2.0])
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    legacy, versioned = t.__dlpack__(), t.__dlpack__(max_version=(1, 0))
    assert (name(legacy), name(versioned)) == (b"dltensor", b"dltensor_versioned")
    assert name(t.__dlpack__(max_version=(0, 8))) == b"dltensor"
    assert name(t.__dlpack__(max_version=(2, 0), copy=True)) == b"dltensor_versioned"
    for capsule, used in ((legacy, b"used_dltensor"), (versioned, b"used_dltensor_versioned")):
        assert kiln.from_dlpack(capsule).tolist() == [1, 2]
        assert name(capsule) == used
        with pytest.raises(ValueError, match="has been taken before"):
            kiln.from_dlpack(capsule)
    import datetime

    with pytest.raises(ValueError, match="is none of DLPack's"):
        kiln.from_dlpack(datetime.datetime_CAPI)
    with pytest.raises(TypeError, match="int has no method __dlpack__"):
        kiln.from_dlpack(3)


def test_arguments_of_dlpack():
    t = kiln.tensor([1.0])
    t.__dlpack__(stream=None), t.__dlpack__(stream=-1), t.__dlpack__(dl_device=(1, 0))
    with pytest.raises(ValueError, match="no streams"):
        t.__dlpack__(stream=1)
    with pytest.raises(BufferError, match="not to CUDA device 0"):
        t.__dlpack__(dl_device=(2, 0))


class Producer:
    """Exports an array in the ways of other libraries."""

    def __init__(self, array, device=(1, 0), old=False):
        self.array, self.device, self.old, self.asked = array, device, old, None

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **arguments):
        if self.old and arguments:
            raise TypeError("unexpected keyword argument")
        self.asked = arguments
        return self.array.__dlpack__()


def test_producers_of_before_the_standard():
    assert kiln.from_dlpack(Producer(np.arange(3), old=True)).tolist() == [0, 1, 2]
    producer = Producer(np.arange(3))
    kiln.from_dlpack(producer)
    assert producer.asked == {"max_version": (1, 3)}
    kiln.from_dlpack(producer, copy=False)
    assert producer.asked == {"max_version": (1, 3), "copy": False}


def test_arrays_on_other_devices():
    elsewhere = Producer(np.arange(3), device=(2, 1))
    assert kiln.from_dlpack(elsewhere).tolist() == [0, 1, 2]
    assert elsewhere.asked == {"max_version": (1, 3), "dl_device": (1, 0)}
    with pytest.raises(BufferError, match="on CUDA device 1 and must be copied"):
        kiln.from_dlpack(elsewhere, copy=False)
    with pytest.raises(BufferError, match=r"on CUDA device 1: copy it to the CPU first, as `x.cpu\(\)` does"):
        kiln.from_dlpack(Producer(np.arange(3), device=(2, 1), old=True))
