"""The functions of the Array API standard, 2024.12, for ``kiln.Tensor``.

Libraries find this module by ``x.__array_namespace__()``. It has the standard's names and arguments; `kiln` itself has
those of PyTorch. What the standard has besides, and why it is not here:

- complex numbers (``complex64``, ``conj``, ``imag``, ``real``, the module ``fft``): Kiln has no complex dtypes;
- ``nonzero``, ``unique_*`` and masks that select: there the values decide on the shape, which is read from the elements
  (``x[mask]`` does so all the same);
- ``cumulative_sum``, ``cumulative_prod``, ``searchsorted``, ``nextafter``, shifts of bits, the module ``linalg``: Kiln has
  no kernels for them yet;
- writing to elements (``x[0] = 1``): tensors are values.

Where Kiln computes in other dtypes than NumPy, the standard leaves it open: floats are float32 by default.
"""

from __future__ import annotations

import builtins as _builtins
import math as _math
from collections.abc import Sequence as _Sequence
from typing import Any as _Any

from . import _kiln
from ._kiln import (
    Device,
    DType,
    Tensor,
    arange,
    bool,
    float32,
    float64,
    from_dlpack,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ._kiln import acos as acos
from ._kiln import asin as asin
from ._kiln import atan as atan
from ._kiln import atan2 as atan2
from ._kiln import ceil as ceil
from ._kiln import cos as cos
from ._kiln import cosh as cosh
from ._kiln import exp as exp
from ._kiln import expm1 as expm1
from ._kiln import floor as floor
from ._kiln import isfinite as isfinite
from ._kiln import isinf as isinf
from ._kiln import isnan as isnan
from ._kiln import log as log
from ._kiln import log1p as log1p
from ._kiln import log2 as log2
from ._kiln import reciprocal as reciprocal
from ._kiln import sin as sin
from ._kiln import sinh as sinh
from ._kiln import sqrt as sqrt
from ._kiln import square as square
from ._kiln import tan as tan
from ._kiln import tanh as tanh
from ._kiln import trunc as trunc

__array_api_version__ = "2024.12"

e = _math.e
inf = _math.inf
nan = _math.nan
pi = _math.pi
newaxis = None

_Shape = int | _Sequence[int]
_Axes = int | _Sequence[int] | None

_SIGNED = (int8, int16, int32, int64)
_UNSIGNED = (uint8, uint16, uint32, uint64)
_FLOATS = (float32, float64)
_KINDS = {
    "bool": (bool,),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": _SIGNED + _UNSIGNED,
    "real floating": _FLOATS,
    "complex floating": (),
    "numeric": _SIGNED + _UNSIGNED + _FLOATS,
}


# Creation.


def asarray(
    obj: _Any, /, *, dtype: DType | None = None, device: Device | str | None = None, copy: _builtins.bool | None = None
) -> Tensor:
    return _kiln.asarray(obj, dtype=dtype, device=device, copy=copy)


def _shape(shape: _Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def zeros(shape: _Shape, *, dtype: DType | None = None, device: Device | str | None = None) -> Tensor:
    return _kiln.zeros(_shape(shape), dtype=dtype, device=device)


def ones(shape: _Shape, *, dtype: DType | None = None, device: Device | str | None = None) -> Tensor:
    return _kiln.ones(_shape(shape), dtype=dtype, device=device)


def full(
    shape: _Shape, fill_value: float, *, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    return _kiln.full(_shape(shape), fill_value, dtype=dtype, device=device)


empty = zeros


def zeros_like(x: Tensor, /, *, dtype: DType | None = None, device: Device | str | None = None) -> Tensor:
    return _kiln.zeros_like(x, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: DType | None = None, device: Device | str | None = None) -> Tensor:
    return _kiln.ones_like(x, dtype=dtype, device=device)


def full_like(
    x: Tensor, /, fill_value: float, *, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    return _kiln.full_like(x, fill_value, dtype=dtype, device=device)


empty_like = zeros_like


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    n_cols = n_rows if n_cols is None else n_cols
    rows = arange(n_rows, device=device).reshape(n_rows, 1)
    return (arange(n_cols, device=device) - rows == k).to(dtype or float32)


def linspace(
    start: float,
    stop: float,
    /,
    num: int,
    *,
    dtype: DType | None = None,
    device: Device | str | None = None,
    endpoint: _builtins.bool = True,
) -> Tensor:
    if endpoint:
        return _kiln.linspace(start, stop, num, dtype=dtype, device=device)
    return _kiln.linspace(start, stop, num + 1, dtype=dtype, device=device)[:num]


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    order = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        order[:2] = [1, 0]
    shape = [arrays[i].shape[0] for i in order]
    result = []
    for i, x in enumerate(arrays):
        sizes = [1] * len(arrays)
        sizes[order.index(i)] = -1
        result.append(x.reshape(sizes).expand(shape))
    return result


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    return x.tril(k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    return x.triu(k)


# Dtypes.


def astype(
    x: Tensor, dtype: DType, /, *, copy: _builtins.bool = True, device: Device | str | None = None
) -> Tensor:
    y = x.astype(dtype, copy)
    return y if device is None else y.to(device=device)


def broadcast_to(x: Tensor, /, shape: _Shape) -> Tensor:
    return x.expand(_shape(shape))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    rank = _builtins.max((len(shape) for shape in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != 1 and result[axis] not in (1, size):
                raise ValueError(f"broadcast_shapes: {shapes} do not broadcast together")
            result[axis] = size if size != 1 else result[axis]
    return tuple(result)


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    shape = broadcast_shapes(*(x.shape for x in arrays))
    return [x.expand(shape) for x in arrays]


def result_type(*arrays_and_dtypes: Tensor | DType | float) -> DType:
    dtypes: list[DType] = []
    numbers: list[float] = []
    for x in arrays_and_dtypes:
        if isinstance(x, Tensor):
            dtypes.append(x.dtype)
        elif isinstance(x, DType):
            dtypes.append(x)
        else:
            numbers.append(x)
    if not dtypes:
        raise ValueError("result_type: numbers alone have no dtype")
    # A sum has the dtype to which its terms are promoted; that of bools is one of integers.
    total = dtypes[0]
    for dtype in dtypes[1:]:
        if dtype != total:
            total = (_kiln.zeros(0, dtype=total, device="cpu") + _kiln.zeros(0, dtype=dtype, device="cpu")).dtype
    for number in numbers:
        if isinstance(number, _builtins.bool):
            continue
        if total == bool or (isinstance(number, float) and not total.is_floating_point):
            total = (_kiln.zeros(0, dtype=total, device="cpu") + number).dtype
    return total


def can_cast(from_: DType | Tensor, to: DType, /) -> _builtins.bool:
    return result_type(from_, to) == to


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> _builtins.bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    for one in kinds:
        if isinstance(one, str):
            if one not in _KINDS:
                raise ValueError(f"isdtype: {one!r} is none of {list(_KINDS)}")
            if dtype in _KINDS[one]:
                return True
        elif dtype == one:
            return True
    return False


class finfo:
    """The limits of a float dtype."""

    def __init__(self, type: DType | Tensor, /) -> None:
        self.dtype = type.dtype if isinstance(type, Tensor) else type
        limits = {
            "float16": (16, 2.0**-10, 65504.0, 2.0**-14),
            "bfloat16": (16, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126),
            "float32": (32, 2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126),
            "float64": (64, 2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022),
        }
        if self.dtype.name not in limits:
            raise TypeError(f"finfo: {self.dtype} is no dtype of floats")
        self.bits, self.eps, self.max, self.smallest_normal = limits[self.dtype.name]
        self.min = -self.max


class iinfo:
    """The limits of an integer dtype."""

    def __init__(self, type: DType | Tensor, /) -> None:
        self.dtype = type.dtype if isinstance(type, Tensor) else type
        if not isdtype(self.dtype, "integral"):
            raise TypeError(f"iinfo: {self.dtype} is no dtype of integers")
        self.bits = 8 * self.dtype.itemsize
        signed = self.dtype in _SIGNED
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -self.max - 1 if signed else 0


# Elementwise functions.


def _pair(a: Tensor | float, b: Tensor | float) -> tuple[Tensor, Tensor]:
    """Both as tensors; one of them may be a number."""
    if not isinstance(a, Tensor):
        if not isinstance(b, Tensor):
            raise TypeError("one of the operands must be a tensor")
        return _kiln.full_like(b, a, dtype=result_type(b, a)), b
    if not isinstance(b, Tensor):
        return a, _kiln.full_like(a, b, dtype=result_type(a, b))
    return a, b


def add(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1 + x2  # type: ignore[return-value]


def subtract(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1 - x2  # type: ignore[return-value]


def multiply(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1 * x2  # type: ignore[return-value]


def divide(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1 / x2  # type: ignore[return-value]


def floor_divide(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1 // x2  # type: ignore[return-value]


def remainder(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1 % x2  # type: ignore[return-value]


def pow(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    return x1**x2  # type: ignore[no-any-return]


def equal(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.eq(b)


def not_equal(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.ne(b)


def less(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.lt(b)


def less_equal(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.le(b)


def greater(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.gt(b)


def greater_equal(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.ge(b)


def maximum(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.maximum(b)


def minimum(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.minimum(b)


def logical_and(x1: Tensor | _builtins.bool, x2: Tensor | _builtins.bool, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.bool().logical_and(b.bool())


def logical_or(x1: Tensor | _builtins.bool, x2: Tensor | _builtins.bool, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.bool().logical_or(b.bool())


def logical_xor(x1: Tensor | _builtins.bool, x2: Tensor | _builtins.bool, /) -> Tensor:
    a, b = _pair(x1, x2)
    return a.bool().logical_xor(b.bool())


def logical_not(x: Tensor, /) -> Tensor:
    return x.bool().logical_not()


def bitwise_and(x1: Tensor | int, x2: Tensor | int, /) -> Tensor:
    return x1 & x2  # type: ignore[return-value]


def bitwise_or(x1: Tensor | int, x2: Tensor | int, /) -> Tensor:
    return x1 | x2  # type: ignore[return-value]


def bitwise_xor(x1: Tensor | int, x2: Tensor | int, /) -> Tensor:
    return x1 ^ x2  # type: ignore[return-value]


def bitwise_invert(x: Tensor, /) -> Tensor:
    return ~x


def abs(x: Tensor, /) -> Tensor:
    return x.abs()


def negative(x: Tensor, /) -> Tensor:
    return -x


def positive(x: Tensor, /) -> Tensor:
    return +x


def round(x: Tensor, /) -> Tensor:
    return x.round()


def sign(x: Tensor, /) -> Tensor:
    # In PyTorch the sign of NaN is 0.
    return where(isnan(x), x, x.sign())


def log10(x: Tensor, /) -> Tensor:
    # In float64 the quotient of both logarithms is rounded once.
    return (x.double().log() / _math.log(10)).to(x.dtype)


def logaddexp(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    high = a.maximum(b)
    # Equal infinities have no difference.
    return where(a == b, high + _math.log(2), high + (-(a - b).abs()).exp().log1p())


def hypot(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    a, b = a.abs(), b.abs()
    high, low = a.maximum(b), a.minimum(b)
    ratio = where(high == 0, 0.0, low / high)
    length = where(low == high, high * _math.sqrt(2), high * (ratio.square() + 1).sqrt())
    # The length is infinite if a side is, whatever the other is.
    return where((a == inf) | (b == inf), inf, length)


def signbit(x: Tensor, /) -> Tensor:
    # The reciprocal tells the zeros apart.
    return where(x == 0, x.reciprocal(), x) < 0


def copysign(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    a, b = _pair(x1, x2)
    return where(signbit(b), -a.abs(), a.abs())


def asinh(x: Tensor, /) -> Tensor:
    y = x.double().abs()
    # Near 0 nothing is lost, and far from it no square overflows.
    near = (y + y.square() / ((y.square() + 1).sqrt() + 1)).log1p()
    return copysign(where(y > 1e100, y.log() + _math.log(2), near), x.double()).to(x.dtype)


def acosh(x: Tensor, /) -> Tensor:
    y = x.double()
    t = y - 1
    near = (t + (t * (y + 1)).sqrt()).log1p()
    return where(y > 1e100, y.log() + _math.log(2), near).to(x.dtype)


def atanh(x: Tensor, /) -> Tensor:
    y = x.double()
    return (0.5 * (2 * y / (1 - y)).log1p()).to(x.dtype)


def clip(x: Tensor, /, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    return x.clamp(min, max)


# Choosing and moving elements.


def where(condition: Tensor, x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    if not isinstance(x1, Tensor) and not isinstance(x2, Tensor):
        raise TypeError("where: one of the values must be a tensor")
    return _kiln.where(condition, x1, x2)


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: shape {x.shape} has several axes: say which")
        axis = 0
    return x.index_select(axis, indices)


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    return x.gather(axis, indices)


def concat(arrays: _Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    dtype = result_type(*arrays)
    if axis is None:
        return _kiln.cat([x.ravel().to(dtype) for x in arrays], 0)
    return _kiln.cat([x.to(dtype) for x in arrays], axis)


def stack(arrays: _Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    dtype = result_type(*arrays)
    return _kiln.stack([x.to(dtype) for x in arrays], axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    return tuple(x.unbind(axis))


def expand_dims(x: Tensor, /, *, axis: int = 0) -> Tensor:
    return x.unsqueeze(axis)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    axes = (axis,) if isinstance(axis, int) else axis
    axes = tuple(i + x.ndim if i < 0 else i for i in axes)
    if any_size := [i for i in axes if x.shape[i] != 1]:
        raise ValueError(f"squeeze: axes {any_size} of shape {x.shape} are not of size 1")
    for i in sorted(axes, reverse=True):
        x = x.squeeze(i)
    return x


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    return x.permute(axes)


def matrix_transpose(x: Tensor, /) -> Tensor:
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: shape {x.shape} is no matrix")
    return x.mT


def moveaxis(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    sources = (source,) if isinstance(source, int) else source
    destinations = (destination,) if isinstance(destination, int) else destination
    if len(sources) != len(destinations):
        raise ValueError(f"moveaxis: {len(sources)} axes do not go to {len(destinations)} places")
    sources = tuple(i % x.ndim for i in sources)
    order = [i for i in range(x.ndim) if i not in sources]
    for place, axis in sorted(zip((i % x.ndim for i in destinations), sources)):
        order.insert(place, axis)
    return x.permute(order)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: _builtins.bool | None = None) -> Tensor:
    y = x.reshape(shape)
    return y.clone() if copy else y


def flip(x: Tensor, /, *, axis: _Axes = None) -> Tensor:
    return x.flip() if axis is None else x.flip(axis)


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: _Axes = None) -> Tensor:
    if axis is None:
        if not isinstance(shift, int):
            raise ValueError("roll: of several shifts, say by axis= where they belong")
        return x.ravel().roll(shift, 0).reshape(x.shape)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else shift
    for one, along in zip(shifts, axes, strict=True):
        x = x.roll(one, along)
    return x


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    if axis is None:
        x, axis = x.ravel(), 0
    size = x.shape[axis]
    counts = [repeats] * size if isinstance(repeats, int) else _kiln.asarray(repeats).expand(size).tolist()
    return x.index_select(axis, _kiln.tensor([i for i, n in enumerate(counts) for _ in range(n)], dtype=int64).to(x.device))


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    missing = x.ndim - len(repetitions)
    if missing < 0:
        x = x.reshape((1,) * -missing + x.shape)
    return x.repeat((1,) * _builtins.max(missing, 0) + tuple(repetitions))


# Reductions.


def _total(x: Tensor, dtype: DType | None) -> Tensor:
    if dtype is not None:
        return x.to(dtype)
    # Sums of unsigned integers stay so.
    return x.to(uint64) if x.dtype in _UNSIGNED else x


def sum(x: Tensor, /, *, axis: _Axes = None, dtype: DType | None = None, keepdims: _builtins.bool = False) -> Tensor:
    y = _total(x, dtype).sum(axis, keepdims)
    return y if dtype is None else y.to(dtype)


def prod(x: Tensor, /, *, axis: _Axes = None, dtype: DType | None = None, keepdims: _builtins.bool = False) -> Tensor:
    y = _total(x, dtype).prod(axis, keepdims)
    return y if dtype is None else y.to(dtype)


def mean(x: Tensor, /, *, axis: _Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.mean(axis, keepdims)


def max(x: Tensor, /, *, axis: _Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.max(axis, keepdims)


def min(x: Tensor, /, *, axis: _Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.min(axis, keepdims)


def var(x: Tensor, /, *, axis: _Axes = None, correction: float = 0.0, keepdims: _builtins.bool = False) -> Tensor:
    return x.var(axis, correction, keepdims)


def std(x: Tensor, /, *, axis: _Axes = None, correction: float = 0.0, keepdims: _builtins.bool = False) -> Tensor:
    return x.std(axis, correction, keepdims)


def any(x: Tensor, /, *, axis: _Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.any(axis, keepdims)


def all(x: Tensor, /, *, axis: _Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.all(axis, keepdims)


def count_nonzero(x: Tensor, /, *, axis: _Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.bool().to(int64).sum(axis, keepdims)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.argmax(axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.argmin(axis, keepdims)


def sort(x: Tensor, /, *, axis: int = -1, descending: _builtins.bool = False, stable: _builtins.bool = True) -> Tensor:
    return x.topk(x.shape[axis], axis, descending)[0]


def argsort(
    x: Tensor, /, *, axis: int = -1, descending: _builtins.bool = False, stable: _builtins.bool = True
) -> Tensor:
    return x.topk(x.shape[axis], axis, descending)[1]


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    parts = [part for part in (prepend, x, append) if part is not None]
    y = concat(parts, axis=axis) if len(parts) > 1 else x
    for _ in range(n):
        size = y.shape[axis]
        y = y.narrow(axis, 1, size - 1) - y.narrow(axis, 0, size - 1)
    return y


# Products.


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    return x1.matmul(x2)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    return (x1 * x2).sum(axis)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[_Sequence[int], _Sequence[int]] = 2) -> Tensor:
    if isinstance(axes, int):
        left, right = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        left, right = [i % x1.ndim for i in axes[0]], [i % x2.ndim for i in axes[1]]
    rows, columns = [i for i in range(x1.ndim) if i not in left], [i for i in range(x2.ndim) if i not in right]
    if [x1.shape[i] for i in left] != [x2.shape[i] for i in right]:
        raise ValueError(f"tensordot: shapes {x1.shape} and {x2.shape} differ along axes {left} and {right}")
    m, k = _math.prod(x1.shape[i] for i in rows), _math.prod(x1.shape[i] for i in left)
    n = _math.prod(x2.shape[i] for i in columns)
    product = x1.permute(rows + left).reshape(m, k) @ x2.permute(right + columns).reshape(k, n)
    return product.reshape([x1.shape[i] for i in rows] + [x2.shape[i] for i in columns])


# What there is.


class _Info:
    def capabilities(self) -> dict[str, _Any]:
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 8}

    def default_device(self) -> Device:
        return _kiln.get_default_device()

    def default_dtypes(self, *, device: Device | str | None = None) -> dict[str, DType]:
        return {"real floating": float32, "integral": int64, "indexing": int64}

    def dtypes(
        self, *, device: Device | str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        every = (bool, *_SIGNED, *_UNSIGNED, *_FLOATS)
        return {dtype.name: dtype for dtype in every if kind is None or isdtype(dtype, kind)}

    def devices(self) -> list[Device]:
        return [Device(name) for name, _ in _kiln.devices()]


def __array_namespace_info__() -> _Info:
    return _Info()
