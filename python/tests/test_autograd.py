"""Gradients as in PyTorch."""

import gc

import pytest
from peers import devices

import kiln


@pytest.mark.parametrize("device", devices())
def test_gradients_add_up(device):
    x = kiln.tensor([1.0, 2.0], device=device, requires_grad=True)
    assert x.requires_grad and x.is_leaf and x.grad is None
    y = (x * x).sum()
    assert y.requires_grad and not y.is_leaf and y.grad is None
    y.backward()
    assert x.grad.tolist() == [2, 4] and str(x.grad.device) == device
    (3 * x).sum().backward()
    assert x.grad.tolist() == [5, 7] and not x.grad.requires_grad
    x.grad = None
    assert x.grad is None
    x.grad = kiln.ones(2, device=device)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_leaves_are_made_and_unmade():
    x = kiln.ones(2)
    assert not x.requires_grad and x.is_leaf
    assert x.requires_grad_() is x and x.requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad
    x.requires_grad = True
    y = x * 2
    with pytest.raises(RuntimeError, match=r"use detach\(\) instead"):
        y.requires_grad = False
    assert not y.detach().requires_grad
    with pytest.raises(TypeError, match="only floats have gradients, not int64"):
        kiln.tensor([1], requires_grad=True)
    with pytest.raises(RuntimeError, match="no results, have a grad"):
        y.grad = kiln.ones(2)
    with pytest.raises(RuntimeError, match="a gradient of shape"):
        x.grad = kiln.ones(3)


def test_no_grad():
    x = kiln.ones(2, requires_grad=True)
    with kiln.no_grad():
        assert not kiln.is_grad_enabled() and not (x * 2).requires_grad
        with kiln.no_grad():
            pass
        assert not kiln.is_grad_enabled()
    assert kiln.is_grad_enabled() and (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError):
        with kiln.no_grad():
            1 / 0
    assert kiln.is_grad_enabled()


def test_a_tape_is_used_once():
    x = kiln.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 4]
    with pytest.raises(RuntimeError):
        y.backward()


def test_gradients_of_what_is_no_number():
    x = kiln.tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(kiln.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 40]
    y = x * x
    y.backward(kiln.tensor([1.0, 1.0]), retain_graph=True)
    assert x.grad.tolist() == [4, 44]
    with pytest.raises(ValueError, match="only a single number has a gradient"):
        (x * x).backward()
    with pytest.raises(RuntimeError, match="does not depend on anything"):
        kiln.ones(1).backward()


def test_grad():
    x = kiln.tensor(3.0, requires_grad=True)
    w = kiln.tensor(2.0, requires_grad=True)
    y = w * x * x
    dx, dw = kiln.grad(y, [x, w])
    assert (dx.item(), dw.item()) == (12, 9) and x.grad is None
    (first,) = kiln.grad(x * x * x, x, create_graph=True)
    assert kiln.grad(first, x)[0].item() == 18
    with pytest.raises(RuntimeError, match="tensor 0 is not tracked"):
        kiln.grad(y, [kiln.ones(1)])


def test_leaves_that_are_gone_are_forgotten():
    x = kiln.ones(1, requires_grad=True)
    for _ in range(1000):
        kiln.ones(1, requires_grad=True)
    gc.collect()
    (x * 2).backward()
    assert x.grad.tolist() == [2]


@pytest.mark.parametrize("device", devices())
def test_a_network_learns_xor(device):
    kiln.manual_seed(0)
    x = kiln.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], device=device)
    y = kiln.tensor([[0.0], [1], [1], [0]], device=device)
    shapes = [(2, 16), (16,), (16, 1), (1,)]
    parameters = [kiln.randn(*shape, device=device).requires_grad_() for shape in shapes]
    for _ in range(200):
        w, b, v, c = parameters
        loss = (((x @ w + b).tanh() @ v + c - y) ** 2).mean()
        loss.backward()
        parameters = [(p.detach() - 0.1 * p.grad).requires_grad_() for p in parameters]
    assert loss.item() < 0.02
