"""The number of a tensor's elements, which answers to NumPy's users and to PyTorch's."""

from __future__ import annotations

from typing import overload


class Size(int):
    """``x.size`` is the number of elements; ``x.size()`` is the shape, and ``x.size(dim)`` the size of one axis."""

    _shape: tuple[int, ...]

    def __new__(cls, count: int, shape: tuple[int, ...]) -> Size:
        size = super().__new__(cls, count)
        size._shape = shape
        return size

    @overload
    def __call__(self, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def __call__(self, dim: int) -> int: ...
    def __call__(self, dim: int | None = None) -> tuple[int, ...] | int:
        return self._shape if dim is None else self._shape[dim]

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)
