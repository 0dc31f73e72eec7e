"""Subscripts give what NumPy gives."""

import numpy as np
import pytest
from peers import devices, numbers

import kiln

BASIC = [
    np.s_[0], np.s_[-1], np.s_[1, 2], np.s_[1, 2, 3], np.s_[:], np.s_[...], np.s_[..., 0], np.s_[0, ..., 1],
    np.s_[:, 1], np.s_[:, 1:], np.s_[:, ::2], np.s_[::-1], np.s_[:, ::-1, ::-2], np.s_[1:0], np.s_[:, 5:], np.s_[:, -2:],
    np.s_[:, :, 1:4:2], np.s_[None], np.s_[:, None], np.s_[..., None], np.s_[None, 0, None, :, ..., 1], np.s_[()],
    np.s_[:, :, ::100], np.s_[:, :, 3 :: -(2**62)], np.s_[:, 2:0:-1], np.s_[:, 2::-1], np.s_[np.int64(1)], np.s_[:, -100:100],
]  # fmt: skip
CHOSEN = [
    [0, 1, 1], [-1], [[0, 1], [1, 0]], np.s_[:, [2, 0]], np.s_[..., [0, -1]], np.s_[[0, 1], [2, 0]],
    np.s_[:, [0, 2], [1, 3]], np.s_[[[0], [1]], [0, 2]], np.s_[1:, [0, 2], ::2], np.s_[[True, False]],
    np.s_[:, [True, False, True]], np.s_[None, [1]], np.s_[[0, 1], 1:], np.s_[:, np.array([], dtype=int)],
]  # fmt: skip


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("key", [*BASIC, *CHOSEN], ids=str)
def test_keys(key, device):
    a = numbers("float32")
    got, expected = kiln.tensor(a, device=device)[key], a[key]
    assert got.shape == expected.shape and str(got.device) == device
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("key", BASIC, ids=str)
def test_basic_keys_are_views(key):
    a = numbers("float32")
    got, expected = kiln.from_numpy(a)[key].numpy(), a[key]
    if isinstance(expected, np.ndarray) and expected.size:
        assert got.ctypes.data == expected.ctypes.data


def test_masks_and_positions_of_tensors():
    a = numbers("float32")
    t = kiln.from_numpy(a)
    assert t[t > 5].tolist() == a[a > 5].tolist() and t[t < 0].shape == (0,)
    assert t[(t > 5).any(-1)].tolist() == a[(a > 5).any(-1)].tolist()
    assert t[:, kiln.tensor([2, 0])].tolist() == a[:, [2, 0]].tolist()
    assert t[:, np.array([2, 0], np.uint8)].tolist() == a[:, [2, 0]].tolist()
    rows = kiln.arange(2)
    assert t[rows, :, 0].tolist() == a[np.arange(2), :, 0].tolist()
    assert t[0][kiln.arange(3), kiln.tensor([1, 0, 3])].tolist() == a[0][np.arange(3), [1, 0, 3]].tolist()


@pytest.mark.parametrize(
    "key, error, message",
    [
        (2, IndexError, "index 2 is out of range for axis 0 of size 2"),
        (-3, IndexError, "index -3 is out of range"),
        (np.s_[0, 0, 0, 0], IndexError, r"4 indices are too many for shape \[2, 3, 4\]"),
        ([2], IndexError, "index 2 is out of range"),
        (np.s_[:, [-4]], IndexError, "index -4 is out of range for axis 1 of size 3"),
        (np.s_[..., ...], IndexError, "one ellipsis"),
        ([True], IndexError, r"a mask of shape \[1\] does not fit axes of sizes \[2\]"),
        ([0.5], IndexError, "positions are integers or bools, not float32"),
        ("a", TypeError, "str is no index of a tensor"),
        (1.0, TypeError, "float is no index"),
        (True, TypeError, "bool is no index"),
    ],
)
def test_keys_that_fit_nothing(key, error, message):
    with pytest.raises(error, match=message):
        kiln.from_numpy(numbers("float32"))[key]


def test_gradients_flow_through():
    x = kiln.ones(3, requires_grad=True)
    (x[[0, 0, 2]] * kiln.tensor([1.0, 2.0, 3.0]) + x[::2].sum()).sum().backward()
    assert x.grad.tolist() == [6, 0, 6]
