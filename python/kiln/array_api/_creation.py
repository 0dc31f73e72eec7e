"""Arrays out of nothing, and out of other things."""

from __future__ import annotations

import builtins as _builtins
from typing import Any as _Any

from .. import _kiln
from .._kiln import Device, DType, Tensor, arange, float32, from_dlpack
from ._shapes import Shape, sizes

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]


def asarray(
    obj: _Any, /, *, dtype: DType | None = None, device: Device | str | None = None, copy: _builtins.bool | None = None
) -> Tensor:
    return _kiln.asarray(obj, dtype=dtype, device=device, copy=copy)


def zeros(shape: Shape, *, dtype: DType | None = None, device: Device | str | None = None) -> Tensor:
    return _kiln.zeros(sizes(shape), dtype=dtype, device=device)


def ones(shape: Shape, *, dtype: DType | None = None, device: Device | str | None = None) -> Tensor:
    return _kiln.ones(sizes(shape), dtype=dtype, device=device)


def full(
    shape: Shape, fill_value: float, *, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    return _kiln.full(sizes(shape), fill_value, dtype=dtype, device=device)


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
