"""Functions of single elements."""

from __future__ import annotations

import builtins as _builtins
import math as _math
from collections.abc import Callable as _Callable

from .. import _kiln
from .._kiln import (
    Tensor,
    acos,
    asin,
    atan,
    atan2,
    ceil,
    cos,
    cosh,
    exp,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    reciprocal,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from ._dtypes import result_type
from ._manipulation import where

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_or",
    "bitwise_xor",
    "ceil",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
]


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
    return x1**x2


def _of_tensors(
    name: str, method: _Callable[[Tensor, Tensor], Tensor]
) -> _Callable[[Tensor | float, Tensor | float], Tensor]:
    """A function of two tensors, one of which may be a number."""

    def function(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
        return method(*_pair(x1, x2))

    function.__name__ = function.__qualname__ = name
    return function


equal = _of_tensors("equal", Tensor.eq)
not_equal = _of_tensors("not_equal", Tensor.ne)
less = _of_tensors("less", Tensor.lt)
less_equal = _of_tensors("less_equal", Tensor.le)
greater = _of_tensors("greater", Tensor.gt)
greater_equal = _of_tensors("greater_equal", Tensor.ge)
maximum = _of_tensors("maximum", Tensor.maximum)
minimum = _of_tensors("minimum", Tensor.minimum)


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
    return where((a == _math.inf) | (b == _math.inf), _math.inf, length)


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
