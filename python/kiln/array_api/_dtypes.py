"""Dtypes, their limits and their promotion, and what a library asks before it computes."""

from __future__ import annotations

import builtins as _builtins
from typing import Any as _Any

from .. import _kiln
from .._kiln import (
    Device,
    DType,
    Tensor,
    bool,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

__all__ = [
    "__array_namespace_info__",
    "astype",
    "bool",
    "can_cast",
    "finfo",
    "float32",
    "float64",
    "iinfo",
    "int16",
    "int32",
    "int64",
    "int8",
    "isdtype",
    "result_type",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
]

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


def astype(
    x: Tensor, dtype: DType, /, *, copy: _builtins.bool = True, device: Device | str | None = None
) -> Tensor:
    y = x.astype(dtype, copy)
    return y if device is None else y.to(device=device)


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
    # A sum has the dtype to which its terms are promoted.
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
