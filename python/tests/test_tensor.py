"""Tensors behave as NumPy's arrays and PyTorch's tensors do."""

import copy
import inspect
import math
import operator
import pickle

import numpy as np
import pytest
from peers import devices, numbers

import kiln

DEVICES = devices()


def test_inference_of_dtypes():
    for data, dtype in [
        (1.5, "float32"), ([1, 2.5], "float32"), (3, "int64"), ([1, True], "int64"), (True, "bool"),
        ([[True], [False]], "bool"), ([], "float32"), (2**63, "uint64"), (np.float64(1), "float64"),
        (np.zeros(2, np.int16), "int16"), (range(3), "int64"), (kiln.zeros(2, dtype="int8"), "int8"),
    ]:  # fmt: skip
        assert kiln.tensor(data).dtype == kiln.DType(dtype), data
    assert kiln.tensor([1, 2], dtype=kiln.float16).dtype == kiln.float16
    assert kiln.tensor([[1, 2], [3, 4]]).shape == (2, 2)
    assert kiln.tensor([kiln.tensor([1, 2]), np.array([3, 4]), (5, 6)]).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert kiln.tensor([[], []]).shape == (2, 0)


@pytest.mark.parametrize(
    "data, error, message",
    [
        ([[1, 2], [3]], ValueError, "sequences of 2 and 1 elements stand side by side at depth 1"),
        ([[1], 2], ValueError, "a number stands at depth 1 beside a sequence"),
        ([1, [2]], ValueError, "a sequence stands at depth 1 beside a number"),
        ("abc", TypeError, "'abc' is not a number"),
        (["a"], TypeError, "'a' is not a number"),
        ({1: 2}, TypeError, "dict holds no numbers"),
        (None, TypeError, "NoneType holds no numbers"),
        (object(), TypeError, "object holds no numbers"),
        (2**64, OverflowError, "does not fit into 64 bits"),
        (1j, TypeError, "complex holds no numbers"),
    ],
)
def test_data_that_is_none(data, error, message):
    with pytest.raises(error, match=message):
        kiln.tensor(data)


def test_integers_must_fit():
    assert kiln.tensor([255, 0], dtype="uint8").tolist() == [255, 0]
    for value, dtype in ((256, "uint8"), (-1, "uint64"), (128, "int8"), (2**63, "int64")):
        with pytest.raises(OverflowError, match=f"does not fit into {dtype}"):
            kiln.tensor([value], dtype=dtype)
    deep = []
    deep.append(deep)
    with pytest.raises(ValueError, match="nested deeper than the 8 axes"):
        kiln.tensor(deep)


def test_dtypes_are_objects():
    assert kiln.float32 == kiln.DType("float32") == kiln.DType(np.float32) == kiln.DType(np.dtype("f4"))
    assert kiln.float32 == kiln.DType(float) and kiln.DType(int) == kiln.int64 and kiln.DType(bool) == kiln.bool
    assert kiln.float32 != kiln.float64 and {kiln.int8: 1}[kiln.DType("int8")] == 1
    assert repr(kiln.bfloat16) == str(kiln.bfloat16) == "kiln.bfloat16"
    assert (kiln.int16.itemsize, kiln.int16.name, kiln.int16.is_floating_point) == (2, "int16", False)
    assert pickle.loads(pickle.dumps(kiln.int16)) == kiln.int16
    with pytest.raises(ValueError, match='"float31" is not one'):
        kiln.zeros(2, dtype="float31")
    with pytest.raises(TypeError, match="is not one of Kiln's dtypes"):
        kiln.zeros(2, dtype=complex)


def test_devices():
    cpu = kiln.Device("cpu")
    assert cpu == kiln.zeros(1).device and str(cpu) == "cpu" and cpu.type == "cpu" and hash(cpu) == hash(kiln.Device("cpu"))
    assert kiln.devices()[0][0] == "cpu" and isinstance(kiln.best_device(), kiln.Device)
    assert pickle.loads(pickle.dumps(cpu)) == cpu
    with pytest.raises(ValueError, match="no such device|no GPU|device"):
        kiln.Device("nonsense")
    with pytest.raises(ValueError):
        kiln.zeros(1, device="gpu:99")
    for device in DEVICES:
        t = kiln.ones(2, device=device)
        assert str(t.to("cpu").device) == str(t.cpu().device) == "cpu"
        assert str(kiln.zeros(1).to(device).device) == str(kiln.zeros(1).to(t.device).device) == device
        assert kiln.zeros(1).to(device, kiln.int8).dtype == kiln.int8
        assert kiln.zeros(1).to(t.to("int32")).dtype == kiln.int32
        t.device.sync(), t.device.empty_cache()
    if len(DEVICES) > 1:
        with pytest.raises(ValueError, match="tensors on cpu and gpu:0: move one"):
            kiln.ones(2) + kiln.ones(2, device="gpu:0")


def test_making():
    assert kiln.zeros(2, 3).shape == kiln.zeros((2, 3)).shape == kiln.ones([2, 3]).shape == (2, 3)
    assert kiln.zeros(()).shape == kiln.zeros().shape == () and kiln.zeros(2, dtype=kiln.int8).tolist() == [0, 0]
    assert kiln.full((2,), 7).tolist() == [7, 7] and kiln.full(2, 7).dtype == kiln.int64
    assert kiln.full(2, 1.5).dtype == kiln.float32 and kiln.full((), True).item() is True
    assert kiln.arange(3).tolist() == [0, 1, 2] and kiln.arange(1, 2, 0.5).tolist() == [1, 1.5]
    assert kiln.arange(3.0).dtype == kiln.float32 and kiln.arange(3, dtype="uint8").dtype == kiln.uint8
    assert kiln.linspace(0, 1, 3).tolist() == [0, 0.5, 1] and kiln.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    x = kiln.arange(2)
    assert [f(x).tolist() for f in (kiln.zeros_like, kiln.ones_like)] == [[0, 0], [1, 1]]
    assert kiln.full_like(x, 5).tolist() == [5, 5]
    assert kiln.cat([x, x]).tolist() == [0, 1, 0, 1] and kiln.stack([x, x], 1).tolist() == [[0, 0], [1, 1]]
    with pytest.raises(ValueError, match="a size cannot be -1"):
        kiln.zeros(-1)
    with pytest.raises(ValueError, match="more elements than can be addressed"):
        kiln.zeros(1 << 40, 1 << 40)
    with pytest.raises(ValueError, match="does not end"):
        kiln.arange(0, 1, 0)


def test_random_numbers():
    kiln.manual_seed(1)
    first = kiln.randn(4).tolist(), kiln.rand(4).tolist()
    assert first != (kiln.randn(4).tolist(), kiln.rand(4).tolist())
    kiln.manual_seed(1)
    assert first == (kiln.randn(4).tolist(), kiln.rand(4).tolist())
    assert kiln.rand(3, seed=5).tolist() == kiln.rand(3, seed=5).tolist()
    dice = kiln.randint(1, 7, (100,), seed=2)
    assert dice.dtype == kiln.int64 and 1 <= dice.min().item() <= dice.max().item() <= 6


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("function", OPERATORS)
def test_operators(function, device):
    a, b = numbers("float32", (3, 4)) + 1, numbers("float32", (4,)) + 2
    s, t = kiln.tensor(a, device=device), kiln.tensor(b, device=device)
    for got, expected in [
        (function(s, t), function(a, b)),
        (function(s, 2), function(a, np.float32(2))),
        (function(2.0, s), function(np.float32(2), a)),
        (function(s.to(kiln.int32), 3), function(a.astype(np.int32), np.int32(3))),
        (function(3, s.to(kiln.int32)), function(np.int32(3), a.astype(np.int32))),
    ]:
        assert str(got.device) == device
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)


def test_other_operators():
    t = kiln.tensor([[1.0, -2.0], [3.0, 4.0]])
    a = t.numpy()
    np.testing.assert_array_equal((t @ t).numpy(), a @ a)
    np.testing.assert_array_equal(t.matmul(a).numpy(), a @ a)
    np.testing.assert_array_equal((a @ t).numpy(), a @ a)
    assert (-t).tolist() == (-a).tolist() and abs(t).tolist() == abs(a).tolist() and (+t).tolist() == t.tolist()
    flags = kiln.tensor([True, False])
    assert (~flags).tolist() == [False, True] and (flags & True).tolist() == [True, False]
    assert (flags | ~flags).tolist() == [True, True] and (True ^ flags).tolist() == [False, True]
    assert (kiln.tensor([6]) & 3).tolist() == [2]
    assert 3.0 in t and 5.0 not in t
    x = t
    x += 1
    assert x.tolist() == (a + 1).tolist() and t.tolist() == a.tolist()
    for wrong in ("a", None, [1]):
        with pytest.raises(TypeError):
            t + wrong
        with pytest.raises(TypeError):
            wrong @ t
    assert (t == "a") is False and (t != None) is True  # noqa: E711
    with pytest.raises(ValueError, match=r"add: shapes \[2, 2\] and \[3\]: sizes 2 and 3 of axis 1 do not broadcast"):
        t + kiln.zeros(3)
    with pytest.raises(ValueError, match="inner sizes 2 and 3 differ"):
        t @ kiln.zeros(3, 3)
    with pytest.raises(TypeError, match="floats have no bitwise ops"):
        t & t
    assert {t: 1}[t] == 1


@pytest.mark.parametrize("device", DEVICES)
def test_functions(device):
    a = np.linspace(0.1, 0.9, 7, dtype=np.float32)
    t = kiln.tensor(a, device=device)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "floor", "ceil", "sign", "square", "expm1", "log1p"):
        expected = getattr(np, name)(a)
        np.testing.assert_allclose(getattr(t, name)().numpy(), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(getattr(kiln, name)(t).numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(t.sigmoid().numpy(), 1 / (1 + np.exp(-a)), rtol=1e-5)
    np.testing.assert_allclose(kiln.softmax(t, 0).numpy(), np.exp(a) / np.exp(a).sum(), rtol=1e-5)
    np.testing.assert_allclose(t.log_softmax(0).exp().sum().item(), 1, rtol=1e-5)
    np.testing.assert_allclose((t - 0.5).relu().numpy(), np.maximum(a - 0.5, 0), atol=1e-7)
    np.testing.assert_allclose(kiln.where(t > 0.5, t, 0).numpy(), np.where(a > 0.5, a, 0))
    np.testing.assert_allclose(t.clamp(0.3, 0.6).numpy(), a.clip(0.3, 0.6))
    np.testing.assert_allclose(kiln.clamp(t, max=0.6).numpy(), a.clip(None, 0.6))
    np.testing.assert_allclose(t.masked_fill(t > 0.5, -1).numpy(), np.where(a > 0.5, -1, a))
    np.testing.assert_allclose(kiln.maximum(t, 0.5).numpy(), np.maximum(a, 0.5))
    x, y = a[:6].reshape(3, 2), a[1:5].reshape(2, 2)
    distances = np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    got = kiln.cdist(kiln.tensor(x, device=device), kiln.tensor(y, device=device))
    np.testing.assert_allclose(got.numpy(), distances, rtol=1e-5, atol=1e-6)
    odd = kiln.tensor([1.0, math.nan, math.inf], device=device)
    assert odd.isnan().tolist() == [False, True, False] and odd.isfinite().tolist() == [True, False, False]
    assert kiln.allclose(t, t + 1e-7) and not kiln.allclose(t, t + 1e-2)


@pytest.mark.parametrize("device", DEVICES)
def test_functions_with_a_parameter(device):
    a = np.array([-3.0, -0.5, 0.0, 2.0], dtype=np.float32)
    t = kiln.tensor(a, device=device)
    functions = {
        "leaky_relu": ("negative_slope", 0.01, lambda slope: np.where(a > 0, a, a * slope)),
        "elu": ("alpha", 1.0, lambda alpha: np.where(a > 0, a, alpha * np.expm1(a))),
        "celu": ("alpha", 1.0, lambda alpha: np.where(a > 0, a, alpha * np.expm1(a / alpha))),
    }
    for name, (parameter, default, f) in functions.items():
        method, function = getattr(t, name), getattr(kiln, name)
        for got in (method(), function(t)):
            np.testing.assert_allclose(got.numpy(), f(np.float32(default)), rtol=1e-6)
        for got in (method(0.25), method(**{parameter: 0.25}), function(t, 0.25)):
            np.testing.assert_allclose(got.numpy(), f(np.float32(0.25)), rtol=1e-6)
        assert list(inspect.signature(method).parameters.values())[0].default == default
        assert method.__doc__


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), [1]])
def test_reductions(axis, device):
    a = numbers("float32") - 7
    t, numpy_axis = kiln.tensor(a, device=device), tuple(axis) if isinstance(axis, list) else axis
    for name in ("sum", "mean", "max", "min", "any", "all"):
        expected = getattr(a, name)(axis=numpy_axis)
        np.testing.assert_allclose(getattr(t, name)(axis).numpy(), expected, rtol=1e-5)
        np.testing.assert_allclose(getattr(t, name)(axis=axis).numpy(), expected, rtol=1e-5)
        kept = getattr(a, name)(axis=numpy_axis, keepdims=True)
        assert getattr(t, name)(axis, keepdim=True).shape == getattr(t, name)(dim=axis, keepdims=True).shape == kept.shape
    for name in ("var", "std"):
        np.testing.assert_allclose(getattr(t, name)(axis).numpy(), getattr(a, name)(axis=numpy_axis, ddof=1), rtol=1e-5)
        got = getattr(t, name)(axis=axis, correction=0)
        np.testing.assert_allclose(got.numpy(), getattr(a, name)(axis=numpy_axis), rtol=1e-5)
    if axis is None or isinstance(axis, int):
        for name in ("argmax", "argmin"):
            assert getattr(t, name)(axis).tolist() == getattr(a, name)(axis=axis).tolist()
    if isinstance(axis, int):
        assert t.argmax(axis, keepdim=True).shape == a.argmax(axis=axis, keepdims=True).shape
    with pytest.raises(TypeError, match="dim and axis are one argument"):
        t.sum(0, axis=0)
    with pytest.raises(IndexError, match="axis 3 is out of range"):
        t.sum(3)


def test_scans_are_those_of_numpy():
    a = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
    t = kiln.tensor(a)
    for axis in (0, 1, -1):
        np.testing.assert_allclose(t.cumsum(axis).numpy(), a.cumsum(axis), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(t.cumprod(axis=axis).numpy(), a.cumprod(axis), rtol=1e-6)
        np.testing.assert_allclose(t.logcumsumexp(axis).numpy(), np.logaddexp.accumulate(a, axis), rtol=1e-5)
        for name, extreme in (("cummax", np.maximum), ("cummin", np.minimum)):
            values, positions = getattr(t, name)(axis)
            np.testing.assert_array_equal(values.numpy(), extreme.accumulate(a, axis))
            np.testing.assert_array_equal(np.take_along_axis(a, positions.numpy(), axis), values.numpy())
    np.testing.assert_allclose(kiln.cumsum(t).numpy(), a.cumsum(), rtol=1e-6, atol=1e-6)
    assert kiln.tensor([1, 2, 3], dtype=kiln.uint8).cumsum(0).dtype == kiln.uint64
    with pytest.raises(TypeError, match="dim and axis"):
        t.cumsum(0, axis=0)


def test_views():
    a = numbers("float32")
    t = kiln.from_numpy(a)
    for got, expected in [
        (t.reshape(6, 4), a.reshape(6, 4)), (t.reshape((4, -1)), a.reshape(4, -1)), (t.view(-1), a.ravel()),
        (t.permute(2, 0, 1), a.transpose(2, 0, 1)), (t.permute((1, 0, 2)), a.transpose(1, 0, 2)),
        (t.transpose(0, 1), a.swapaxes(0, 1)), (t.transpose(), a.transpose()), (t.T, a.T), (t.mT, a.swapaxes(1, 2)),
        (t.flatten(), a.ravel()), (t.flatten(1), a.reshape(2, 12)), (t.ravel(), a.ravel()),
        (t.unsqueeze(0), a[None]), (t.unsqueeze(-1), a[..., None]), (t[:1].squeeze(), a[0]), (t[:1].squeeze(0), a[0]),
        (t.squeeze(0), a), (t[:, :1].expand(2, 5, 4), np.broadcast_to(a[:, :1], (2, 5, 4))),
        (t[:, :1].expand(-1, 5, -1), np.broadcast_to(a[:, :1], (2, 5, 4))), (t.movedim(0, 2), np.moveaxis(a, 0, 2)),
        (t.flip(0, 2), np.flip(a, (0, 2))), (t.roll(1, 2), np.roll(a, 1, 2)), (t.narrow(2, 1, 2), a[:, :, 1:3]),
        (t.select(1, -1), a[:, -1]), (t.repeat(2, 1, 1), np.tile(a, (2, 1, 1))), (t[0].t(), a[0].T),
        (t[0].tril(), np.tril(a[0])), (t[0].triu(1), np.triu(a[0], 1)),
    ]:  # fmt: skip
        assert got.shape == expected.shape
        np.testing.assert_array_equal(got.numpy(), expected)
    assert [x.tolist() for x in t.unbind(2)[1:2]] == [a[:, :, 1].tolist()]
    assert [x.shape for x in t.split(3, 2)] == [(2, 3, 3), (2, 3, 1)] and len(t.chunk(2, 2)) == 2
    assert t.stride() == (12, 4, 1) and t.stride(-1) == 1 and t.T.strides == a.T.strides
    assert t.is_contiguous() and not t.T.is_contiguous() and t.T.contiguous().is_contiguous()
    for wrong in (lambda: t.reshape(5, -1), lambda: t.reshape(-1, -1), lambda: t.reshape(7), lambda: t.t()):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(IndexError):
        t.unsqueeze(5)


def test_choosing():
    t = kiln.tensor([[3.0, 1.0, 2.0]])
    values, positions = t.topk(2)
    assert values.tolist() == [[3, 2]] and positions.tolist() == [[0, 2]]
    assert t.gather(1, kiln.tensor([[2, 0]])).tolist() == [[2, 3]]
    assert t.index_select(1, kiln.tensor([1])).tolist() == [[1]]
    assert kiln.zeros(3).scatter_add(0, kiln.tensor([1, 1]), kiln.ones(2)).tolist() == [0, 2, 0]
    assert kiln.tensor([1, 0]).one_hot(2).tolist() == [[0, 1], [1, 0]]


def test_python_numbers():
    one = kiln.tensor(2.5)
    assert (float(one), int(one), bool(one), one.item()) == (2.5, 2, True, 2.5)
    assert [10, 20, 30][kiln.tensor(1)] == 20 and bool(kiln.tensor([0])) is False
    assert isinstance(kiln.tensor(3).item(), int) and isinstance(kiln.tensor(True).item(), bool)
    assert kiln.tensor(2**64 - 1, dtype="uint64").item() == 2**64 - 1
    assert len(kiln.zeros(3, 2)) == 3 and [x.tolist() for x in kiln.arange(2)] == [0, 1]
    with pytest.raises(ValueError, match="2 elements is ambiguous"):
        bool(kiln.zeros(2))
    with pytest.raises(ValueError, match="must be exactly one element"):
        kiln.zeros(2).item()
    for wrong in (lambda: len(one), lambda: iter(one), lambda: [1][one]):
        with pytest.raises(TypeError):
            wrong()


def test_printing():
    assert repr(kiln.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(kiln.tensor([1, 2], dtype=kiln.int8)) == "tensor([1, 2], dtype=kiln.int8)"
    assert repr(kiln.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(kiln.zeros(0, 2)) == "tensor([], shape [0, 2])"
    if len(DEVICES) > 1:
        assert repr(kiln.tensor([1.0], device="gpu:0")) == "tensor([1.], device='gpu:0')"


def test_pickling():
    for t in (kiln.arange(6).reshape(2, 3).T, kiln.tensor([1.5], dtype=kiln.bfloat16), kiln.zeros(0, 2), kiln.tensor(True)):
        for again in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t)):
            assert (again.tolist(), again.dtype, again.shape) == (t.tolist(), t.dtype, t.shape)
    assert pickle.loads(pickle.dumps(kiln.ones(2, requires_grad=True))).requires_grad


def test_elements_are_not_assigned_to():
    with pytest.raises(TypeError, match="does not support item assignment"):
        kiln.zeros(2)[0] = 1
