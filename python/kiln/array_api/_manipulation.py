"""Functions that choose and move elements, and products."""

from __future__ import annotations

import builtins as _builtins
import math as _math
from collections.abc import Sequence as _Sequence

from .. import _kiln
from .._kiln import Tensor, int64
from ._dtypes import result_type
from ._shapes import Axes, Shape, sizes

__all__ = [
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "matmul",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "stack",
    "take",
    "take_along_axis",
    "tensordot",
    "tile",
    "unstack",
    "vecdot",
    "where",
]


def broadcast_to(x: Tensor, /, shape: Shape) -> Tensor:
    return x.expand(sizes(shape))


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


def flip(x: Tensor, /, *, axis: Axes = None) -> Tensor:
    return x.flip() if axis is None else x.flip(axis)


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: Axes = None) -> Tensor:
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
