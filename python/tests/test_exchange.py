"""DLPack's exchange in C, as a library that is written in C sees it, and what it costs."""

import ctypes

import numpy as np
import pytest
from peers import devices, peer

import kiln


class Api(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("prev_api", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("export", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(ctypes.c_void_p))),
        ("import_", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))),
        ("look", ctypes.c_void_p),
        ("current_stream", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))),
    ]


class Prototype(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


def api(tensors: type) -> Api:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return Api.from_address(pointer(tensors.__dlpack_c_exchange_api__, b"dlpack_exchange_api"))


def move(x, to: type):
    """A tensor of one library as one of another, by the functions that both offer."""
    managed, result = ctypes.c_void_p(), ctypes.c_void_p()
    api(type(x)).export(x, ctypes.byref(managed))
    api(to).import_(managed, ctypes.byref(result))
    moved = ctypes.cast(result, ctypes.py_object).value
    # The reference that was given.
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(moved))
    return moved


def test_the_table_is_complete():
    table = api(kiln.Tensor)
    assert (table.major, table.minor) >= (1, 3) and table.allocate and not table.prev_api
    stream = ctypes.c_void_p(1)
    assert table.current_stream(1, 0, ctypes.byref(stream)) == 0 and stream.value is None


def test_tensors_move_without_a_copy():
    torch = peer("torch")
    t = kiln.arange(6).reshape(2, 3).T
    x = move(t, torch.Tensor)
    assert isinstance(x, torch.Tensor) and x.tolist() == t.tolist() and x.stride() == t.stride()
    x[0, 0] = 7
    assert t.tolist()[0][0] == 7
    back = move(x, kiln.Tensor)
    assert isinstance(back, kiln.Tensor) and back.tolist() == t.tolist()
    assert back.numpy().__array_interface__["data"][0] == x.data_ptr()


def test_errors_pass_through_c():
    with pytest.raises(BufferError, match="detach"):
        move(kiln.ones(2, requires_grad=True), kiln.Tensor)
    for device in devices():
        assert move(kiln.ones(2, device=device) + 1, kiln.Tensor).tolist() == [2, 2]


def test_memory_is_allocated_for_others():
    told = []
    set_error = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)(lambda _, *error: told.append(error))
    kind = ctypes.PYFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(Prototype), ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p, type(set_error)
    )
    allocate = kind(api(kiln.Tensor).allocate)
    prototype = Prototype(None, 1, 0, 2, 2, 32, 1, (ctypes.c_int64 * 2)(2, 3), None, 0)
    managed, result = ctypes.c_void_p(), ctypes.c_void_p()
    assert allocate(ctypes.byref(prototype), ctypes.byref(managed), None, set_error) == 0
    assert api(kiln.Tensor).import_(managed, ctypes.byref(result)) == 0
    x = ctypes.cast(result, ctypes.py_object).value
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(x))
    assert x.shape == (2, 3) and x.dtype == kiln.float32 and x.numpy().flags.writeable
    prototype.device_type = 2
    assert allocate(ctypes.byref(prototype), ctypes.byref(managed), None, set_error) != 0
    assert told[0][0] == b"BufferError" and b"CUDA" in told[0][1]


def test_pytorchs_functions_are_used(monkeypatch):
    torch = peer("torch")

    def slow(self, *args, **kwargs):
        raise AssertionError("the exchange in C was not used")

    monkeypatch.setattr(torch.Tensor, "__dlpack__", slow)
    x = torch.arange(6.0).reshape(2, 3)
    assert kiln.from_dlpack(x).tolist() == x.tolist()
    assert kiln.from_dlpack(x, copy=True).tolist() == x.tolist()


def test_what_pytorch_does_not_export_is_refused():
    torch = peer("torch")
    odd = [
        torch.ones(2, requires_grad=True),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, device="meta"),
    ]
    for x in odd:
        with pytest.raises((BufferError, RuntimeError, TypeError, ValueError)):
            kiln.from_dlpack(x)


def test_ml_dtypes_are_exchanged():
    ml_dtypes = peer("ml_dtypes")
    a = np.array([[1.5, -2.0], [0.25, 3.0]], ml_dtypes.bfloat16)
    t = kiln.from_numpy(a)
    assert t.dtype == kiln.bfloat16 and t.tolist() == a.astype(float).tolist()
    b = t.T.numpy()
    assert b.dtype == a.dtype and b.tolist() == a.T.tolist()
    b[0, 0] = 7
    assert a[0, 0] == 7 and t.tolist()[0][0] == 7
    assert kiln.tensor(a).dtype == kiln.asarray(a.T).dtype == kiln.bfloat16
    with pytest.raises(TypeError, match="float8"):
        kiln.from_numpy(np.zeros(2, ml_dtypes.float8_e4m3fn))
