"""What shapes and axes are written as."""

from collections.abc import Sequence

Shape = int | Sequence[int]
Axes = int | Sequence[int] | None


def sizes(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)
