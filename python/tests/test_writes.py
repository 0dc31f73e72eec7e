"""Who lends memory sees what is written to it, however the tensor came to be."""

import ctypes

import numpy as np
import pytest
from peers import NUMPY_VERSION, address, peer

import kiln

TENSORS = {
    "zeros": lambda: kiln.zeros(2, 3),
    "ones": lambda: kiln.ones(2, 3, dtype=kiln.int64),
    "full": lambda: kiln.full((2, 3), 7.5),
    "bool": lambda: kiln.zeros(2, 3, dtype=kiln.bool),
    "zeros_like": lambda: kiln.zeros_like(kiln.rand(2, 3)),
    "arange": lambda: kiln.arange(6).reshape(2, 3),
    "eye": lambda: kiln.eye(2, 3),
    "rand": lambda: kiln.rand(2, 3, seed=1),
    "pending": lambda: kiln.ones(2, 3) * 2 + kiln.arange(3),
    "folded": lambda: -kiln.ones(2, 3),
    "copied": lambda: kiln.tensor([[1, 2, 3], [4, 5, 6]]),
    "view of zeros": lambda: kiln.zeros(3, 4).T[1:3],
    "reversed": lambda: kiln.arange(6).reshape(2, 3).flip(0),
}


@pytest.mark.parametrize("name", TENSORS)
def test_numpy_writes_to_the_tensor(name):
    t = TENSORS[name]()
    view = t[:, 1]
    a = t.numpy()
    assert address(a) == address(t.numpy()) == address(np.asarray(t))
    a[0, 1], a[1, 2] = 9, 4
    assert t.tolist() == a.tolist() and t.tolist()[0][1] == (9 if name != "bool" else True)
    assert view.tolist() == a[:, 1].tolist()
    assert (t + 1).tolist() == (a + 1).tolist()
    assert t.sum().item() == pytest.approx(a.sum())
    if name != "bool":
        np.testing.assert_allclose(t.matmul(t.T).numpy(), a @ a.T, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in TENSORS if name != "reversed"])
def test_dlpack_writes_to_the_tensor(name):
    torch = peer("torch")
    t = TENSORS[name]()
    x, y = torch.from_dlpack(t), torch.from_dlpack(t)
    assert x.data_ptr() == y.data_ptr()
    x[0, 1] = 9
    assert t.tolist() == x.tolist()
    assert (t * 2).tolist() == (x * 2).tolist()


def test_what_was_asked_for_before_keeps_its_value():
    t = kiln.zeros(3)
    before = t + 1
    t.numpy()[:] = 5
    assert before.tolist() == [1, 1, 1] and (t + 1).tolist() == [6, 6, 6]


def test_memory_outlives_the_array():
    t = kiln.zeros(3)
    t.numpy()[1] = 5
    again = t.numpy()
    assert again.tolist() == t.tolist() == [0, 5, 0]


def test_repeated_elements_are_not_written_to():
    for t in (kiln.zeros(3, 1).expand(3, 4), kiln.full((1,), 2.0).expand(5), kiln.tensor(1.0).expand(2, 2)):
        a = t.numpy()
        assert not a.flags.writeable and a.tolist() == t.tolist()
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 1
        if NUMPY_VERSION >= (2, 1):
            assert not np.from_dlpack(t).flags.writeable
        # The struct of before DLPack 1.0 cannot say so: it holds a copy.
        copy = kiln.from_dlpack(t.__dlpack__())
        assert copy.is_contiguous() and copy.tolist() == t.tolist()


def test_a_lent_constant_is_one_for_every_op():
    x, w = kiln.zeros(2, 3), kiln.ones(3, 2)
    x.numpy()[:], w.numpy()[:] = [[1, 2, 3], [4, 5, 6]], [[1, 0], [0, 1], [1, 1]]
    assert (x @ w).tolist() == [[4, 5], [10, 11]]
    assert kiln.where(x > 3, x, kiln.zeros(1)).tolist() == [[0, 0, 0], [4, 5, 6]]
    assert (x + w.sum(1)).tolist() == [[2, 3, 5], [5, 6, 8]]
    assert x.gather(1, kiln.tensor([[2], [0]])).tolist() == [[3], [4]]
    scalar = kiln.tensor(0.0) * 1
    scalar.numpy()[...] = 3
    assert (x * scalar).tolist() == [[3, 6, 9], [12, 15, 18]]


def test_empty_tensors_are_lent():
    t = kiln.zeros(0, 3)
    assert t.numpy().shape == (0, 3) == np.asarray(t).shape
    assert ctypes.sizeof(ctypes.c_void_p) == 8
