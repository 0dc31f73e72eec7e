"""Functions of whole axes."""

from __future__ import annotations

import builtins as _builtins

from .._kiln import DType, Tensor, int64, uint8, uint16, uint32, uint64
from ._creation import full
from ._manipulation import concat
from ._shapes import Axes

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "max",
    "mean",
    "min",
    "prod",
    "sort",
    "std",
    "sum",
    "var",
]


def _total(x: Tensor, dtype: DType | None) -> Tensor:
    if dtype is not None:
        return x.to(dtype)
    # Sums of unsigned integers stay so.
    return x.to(uint64) if x.dtype in (uint8, uint16, uint32, uint64) else x


def sum(x: Tensor, /, *, axis: Axes = None, dtype: DType | None = None, keepdims: _builtins.bool = False) -> Tensor:
    y = _total(x, dtype).sum(axis, keepdims)
    return y if dtype is None else y.to(dtype)


def prod(x: Tensor, /, *, axis: Axes = None, dtype: DType | None = None, keepdims: _builtins.bool = False) -> Tensor:
    y = _total(x, dtype).prod(axis, keepdims)
    return y if dtype is None else y.to(dtype)


def _cumulative(
    x: Tensor, name: str, axis: int | None, dtype: DType | None, initial: int | None
) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"cumulative_{name}: an array of {x.ndim} dimensions needs an axis")
        axis = 0
    y = getattr(_total(x, dtype), f"cum{name}")(axis)
    if dtype is not None:
        y = y.to(dtype)
    if initial is None:
        return y
    shape = list(y.shape)
    shape[axis] = 1
    return concat([full(tuple(shape), initial, dtype=y.dtype, device=y.device), y], axis=axis)


def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: _builtins.bool = False,
) -> Tensor:
    return _cumulative(x, "sum", axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: _builtins.bool = False,
) -> Tensor:
    return _cumulative(x, "prod", axis, dtype, 1 if include_initial else None)


def mean(x: Tensor, /, *, axis: Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.mean(axis, keepdims)


def max(x: Tensor, /, *, axis: Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.max(axis, keepdims)


def min(x: Tensor, /, *, axis: Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.min(axis, keepdims)


def var(x: Tensor, /, *, axis: Axes = None, correction: float = 0.0, keepdims: _builtins.bool = False) -> Tensor:
    return x.var(axis, correction, keepdims)


def std(x: Tensor, /, *, axis: Axes = None, correction: float = 0.0, keepdims: _builtins.bool = False) -> Tensor:
    return x.std(axis, correction, keepdims)


def any(x: Tensor, /, *, axis: Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.any(axis, keepdims)


def all(x: Tensor, /, *, axis: Axes = None, keepdims: _builtins.bool = False) -> Tensor:
    return x.all(axis, keepdims)


def count_nonzero(x: Tensor, /, *, axis: Axes = None, keepdims: _builtins.bool = False) -> Tensor:
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
