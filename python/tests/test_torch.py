"""PyTorch: both libraries see the same memory."""

import numpy as np
import pytest
from peers import NUMPY_DTYPES, devices, numbers, peer

import kiln

torch = peer("torch")

DTYPES = [*NUMPY_DTYPES, "bfloat16"]


def layouts(x):
    yield x
    yield x.permute(2, 0, 1)
    yield x[:, 1:, ::2]
    yield x[1]
    yield x[:, :1].expand(2, 5, 4)
    yield x[1, 2, 3]
    yield x[:, :0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_layout_is_shared_both_ways(dtype):
    for x in layouts(torch.arange(24).reshape(2, 3, 4).to(getattr(torch, dtype))):
        t = kiln.from_dlpack(x)
        assert t.dtype == getattr(kiln, dtype) == kiln.DType(x.dtype) and t.shape == tuple(x.shape)
        y = torch.from_dlpack(t)
        assert y.dtype == x.dtype and torch.equal(x, y)
        if x.numel():
            assert y.data_ptr() == x.data_ptr() and y.stride() == x.stride() == t.stride()
        assert t.tolist() == x.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_kiln_are_shared(dtype):
    t = kiln.arange(24).to(dtype).reshape(2, 3, 4)
    for s in layouts(t):
        x = torch.from_dlpack(s)
        assert x.dtype == getattr(torch, dtype) and tuple(x.shape) == s.shape and x.tolist() == s.tolist()
    x, y = torch.from_dlpack(t), torch.from_dlpack(t.permute(1, 2, 0))
    assert x.data_ptr() == y.data_ptr() and x.data_ptr() % 64 == 0


def test_writes_show_on_both_sides():
    x = torch.zeros(3)
    t = kiln.from_dlpack(x)
    x += 1
    assert t.tolist() == [1, 1, 1]
    torch.from_dlpack(t)[0] = 5
    assert x.tolist() == [5, 1, 1] == t.tolist()


def test_what_walks_backwards_is_copied():
    t = kiln.arange(6).reshape(2, 3).flip(0, 1)
    assert torch.from_dlpack(t).tolist() == t.tolist() == [[5, 4, 3], [2, 1, 0]]


def test_copies_and_devices():
    x = torch.arange(3)
    t = kiln.from_dlpack(x, copy=True)
    x[0] = 9
    assert t[0].item() == 0
    y = torch.from_dlpack(t, copy=True)
    y[0] = 9
    assert t[0].item() == 0
    torch.from_dlpack(t, device="cpu", copy=False)[0] = 9
    assert t[0].item() == 9
    for device in devices():
        assert torch.from_dlpack(kiln.tensor([1, 2], device=device)).tolist() == [1, 2]
        assert kiln.from_dlpack(x, device=device).tolist() == [9, 1, 2]
        assert kiln.tensor(x, device=device).tolist() == [9, 1, 2]


def test_gradients_do_not_cross():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(BufferError, match="require gradient"):
        kiln.from_dlpack(x)
    with pytest.raises(BufferError, match="detach"):
        torch.from_dlpack(kiln.ones(2, requires_grad=True) * 2)
    assert kiln.from_dlpack(x.detach()).tolist() == [1, 1]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e4m3fn])
def test_dtypes_that_tensors_do_not_have(dtype):
    with pytest.raises(BufferError, match="from_dlpack: (complex numbers|floats of 8 bits) are not supported"):
        kiln.from_dlpack(torch.zeros(2).to(dtype))


def test_other_tensors_that_are_refused():
    for x in (torch.zeros(2, device="meta"), torch.eye(2).to_sparse()):
        with pytest.raises((BufferError, RuntimeError, ValueError)):
            kiln.from_dlpack(x)
    with pytest.raises(BufferError, match="rank 9 is above the limit of 8"):
        kiln.from_dlpack(torch.zeros([1] * 9))


def test_old_capsules():
    from torch.utils import dlpack

    x = torch.arange(3)
    assert kiln.from_dlpack(dlpack.to_dlpack(x)).tolist() == [0, 1, 2]
    assert dlpack.from_dlpack(kiln.to_dlpack(kiln.arange(3))).tolist() == [0, 1, 2]
    capsule = x.__dlpack__(max_version=(1, 0))
    kiln.from_dlpack(capsule)
    with pytest.raises(ValueError, match="has been taken before"):
        kiln.from_dlpack(capsule)


def test_results_agree():
    a, b = numbers("float32", (4, 5)), numbers("float32", (5, 3)) - 7
    expected = torch.softmax(torch.from_numpy(a) @ torch.from_numpy(b) / 100, dim=1)
    got = ((kiln.from_numpy(a) @ kiln.from_numpy(b)) / 100).softmax(1)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-6)


def test_gradients_agree():
    def loss(x, w, tanh):
        return (tanh(x @ w) ** 2).mean()

    x, w = numbers("float32", (4, 5)) / 20, numbers("float32", (5, 3)) / 15
    xs = [torch.tensor(v, requires_grad=True) for v in (x, w)]
    loss(*xs, torch.tanh).backward()
    ts = [kiln.tensor(v, requires_grad=True) for v in (x, w)]
    loss(*ts, kiln.tanh).backward()
    for t, x in zip(ts, xs):
        np.testing.assert_allclose(t.grad.numpy(), x.grad.numpy(), rtol=1e-5, atol=1e-7)
