"""Writes the goldens of the tensor ops, which tests/integration/goldens.rs checks: what PyTorch computes, forward and backward.

    pip install "torch>=2.4" numpy && python tests/goldens/make.py

The other programs of this folder write those of the layers; golden.py says what a file holds.
"""

import itertools
import numpy as np
import torch
import torch.nn.functional as F
from golden import *

# Where the function and its gradient are finite, then the special values that a kernel could get wrong.
ALL, POSITIVE, UNIT = (-3, 3), (0.1, 4), (-0.9, 0.9)
UNARY = {
    "neg": (torch.neg, ALL), "abs": (torch.abs, ALL), "sign": (torch.sign, ALL), "floor": (torch.floor, ALL),
    "ceil": (torch.ceil, ALL), "round": (torch.round, ALL), "trunc": (torch.trunc, ALL), "square": (torch.square, ALL),
    "exp": (torch.exp, ALL), "exp2": (torch.exp2, ALL), "expm1": (torch.expm1, ALL), "log": (torch.log, POSITIVE),
    "log2": (torch.log2, POSITIVE), "log1p": (torch.log1p, (-0.9, 4)), "sqrt": (torch.sqrt, POSITIVE),
    "rsqrt": (torch.rsqrt, POSITIVE), "reciprocal": (torch.reciprocal, POSITIVE), "sin": (torch.sin, (-9, 9)),
    "cos": (torch.cos, (-9, 9)), "tan": (torch.tan, (-1.3, 1.3)), "sinh": (torch.sinh, ALL), "cosh": (torch.cosh, ALL),
    "tanh": (torch.tanh, ALL), "asin": (torch.asin, UNIT), "acos": (torch.acos, UNIT), "atan": (torch.atan, ALL),
    "erf": (torch.erf, ALL), "sigmoid": (torch.sigmoid, ALL), "softplus": (F.softplus, ALL), "relu": (torch.relu, ALL),
    "selu": (F.selu, ALL), "gelu": (F.gelu, ALL), "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), ALL),
    "silu": (F.silu, ALL), "mish": (F.mish, ALL), "hardswish": (F.hardswish, (-4, 4)),
    "hardsigmoid": (F.hardsigmoid, (-4, 4)),
}
for op, (f, domain) in UNARY.items():
    for shape in SHAPES:
        case(op, f, draw(shape, *domain))
    # PyTorch's 1/6 of hardsigmoid is an f32.
    wider = {"rtol": 1e-7, "why": "1/6 is rounded to f32 in PyTorch"} if op in ("hardsigmoid", "hardswish") else {}
    case(op, f, draw((5,), *domain, dtype=f64), **wider)
    for half in (f16, bf16):
        case(op, f, draw((5,), *domain, dtype=half), grad=False)
    # The sine of a huge number depends on how many digits of pi a driver has; 100 is far enough.
    special = SPECIAL[SPECIAL.abs().nan_to_num(0, 0, 0) < 1e3] if op in ("sin", "cos", "tan") else SPECIAL
    if op == "gelu":
        # PyTorch gives NaN for gelu(inf), or inf, as the number of elements has it.
        special = special[special.isfinite()]
    case(op, f, special, grad=False, exact=True)
for op in ("neg", "abs", "sign", "floor", "ceil", "round", "trunc", "square", "relu"):
    case(op, UNARY[op][0], of([-7, -1, 0, 1, 2, 100, -46341], i32))
    case(op, UNARY[op][0], of([-7, -1, 0, 1, 2, 3000000000], i64))
for op in ("exp", "sqrt", "sin", "sigmoid"):
    case(op, UNARY[op][0], of([0, 1, 2, 9], i32))
case("logical_not", torch.logical_not, of([True, False], boolean))
case("logical_not", torch.logical_not, of([0, 1, -8], i32))
case("logical_not", torch.logical_not, of([0.0, -0.0, 0.5, NAN]), grad=False)
case("bitwise_not", torch.bitwise_not, of([True, False], boolean))
case("bitwise_not", torch.bitwise_not, of([0, 1, -8], i32))
case("leaky_relu", lambda x: F.leaky_relu(x, 0.1), draw((7,)), args=[0.1])
case("leaky_relu", lambda x: F.leaky_relu(x, 0.01), SPECIAL, args=[0.01], grad=False)
case("elu", lambda x: F.elu(x, 1.5), draw((7,)), args=[1.5])
# Of NaN PyTorch's gradient is 1, ours NaN.
case("elu", lambda x: F.elu(x, 1.0), SPECIAL[:-1], args=[1.0], exact=True)
case("elu", lambda x: F.elu(x, 1.0), of([NAN]), args=[1.0], grad=False)
case("celu", lambda x: F.celu(x, 1.5), of([0.758, -1.408, -1.064, -0.253, -0.329, -1.19, -2.308]), args=[1.5])
for alpha in (1.0, 0.25, -2.0):
    case("celu", lambda x: F.celu(x, alpha), SPECIAL, args=[alpha], grad=False)
for alpha in (0.0, -0.5):
    case("elu", lambda x: F.elu(x, alpha), SPECIAL, args=[alpha], grad=False)
    case("leaky_relu", lambda x: F.leaky_relu(x, alpha), SPECIAL, args=[alpha], grad=False)
case("clamp", lambda x: x.clamp(-1, 1), of([-2.0, -1.0, -0.5, 0.0, 1.0, 2.0, INF, -INF, NAN]), args=[-1.0, 1.0])
case("clamp", lambda x: x.clamp(-1, 1), of([-2, -1, 0, 1, 2], i32), args=[-1, 1])
case("clamp", lambda x: x.clamp(1, -1), draw((7,)), args=[1.0, -1.0])
write("unary")

BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "floor_divide": torch.floor_divide, "remainder": torch.remainder, "maximum": torch.maximum, "minimum": torch.minimum,
    "atan2": torch.atan2, "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
}
PAIRS = [((7,), (7,)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((2, 3, 4), ()), ((), (5,)), ((1,), (2, 1, 3)), ((0, 3), (3,)), ((), ())]
EDGES = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, 1e30, INF, -INF, NAN]
TIES = of([1.0, 2.0, 2.0, -1.0]), of([1.0, 1.0, 3.0, -1.0])
for op, f in BINARY.items():
    low = 0.2 if op == "pow" else -3
    for a, b in PAIRS:
        left, right = draw(a, low, 3), draw(b, 0.3, 3)
        if op == "floor_divide":
            # PyTorch has no gradient here; ours is zero.
            case(op, f, left, right, grad=False)
        else:
            case(op, f, left, right)
    case(op, f, draw((5,), low, 3, f64), draw((5,), 0.3, 3, f64), grad=op != "floor_divide")
    case(op, f, draw((5,), low, 3, f16), draw((5,), 0.3, 3, f16), grad=False)
    case(op, f, draw((5,), low, 3, bf16), draw((5,), 0.3, 3, bf16), grad=False)
    edges = torch.cartesian_prod(of(EDGES), of(EDGES))
    case(op, f, edges[:, 0], edges[:, 1], grad=False, exact=True)
    if op not in ("atan2", "pow"):
        integers = torch.tensor([(a, b) for a in (-7, -1, 0, 3, 8) for b in (-3, -1, 1, 2, 5)])
        case(op, f, integers[:, 0].to(i32), integers[:, 1].to(i32))
        case(op, f, integers[:, 0], integers[:, 1])
        case(op, f, of([7, 200, 3], u8), of([2, 100, 5], u8))
for op in ("maximum", "minimum"):
    case(op, BINARY[op], *TIES)
case("pow", torch.pow, of([-2, -1, 0, 1, 2, 3, 7], i32), of([3, 2, 0, 5, 10, 4, 1], i32))
case("pow", torch.pow, of([-2.0, -1.5, 0.0, 0.0, 3.0]), of([2.0, 3.0, 0.0, 2.0, 0.0]))
case("pow", lambda x: x**2, of([-2.0, 0.0, 3.0]), args=[2.0])
case("pow", lambda x: x**-1, of([-2.0, 0.5, 3.0]), args=[-1.0])
case("pow", lambda x: x**0.5, of([4.0, 0.5, 3.0]), args=[0.5])
case("pow", lambda x: x**3, of([4, -5, 3], i32), args=[3])
case("remainder", torch.remainder, of([5.5, -5.5, 5.5, -5.5, 1.0, 6.0]), of([2.0, 2.0, -2.0, -2.0, 0.1, 3.0]))
case("floor_divide", torch.floor_divide, of([5.5, -5.5, 5.5, -5.5, 1.0, 6.0]), of([2.0, 2.0, -2.0, -2.0, 0.1, 3.0]), grad=False)
for op in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"):
    f = getattr(torch, op)
    case(op, f, of([True, True, False, False], boolean), of([True, False, True, False], boolean))
    case(op, f, of([12, -1, 7], i32), of([10, 6, 0], i32))
    if op.startswith("logical"):
        case(op, f, of([0.0, -0.0, 0.5, NAN]), of([1.0, 0.0, -2.0, 0.0]), grad=False)
mask = of([[True], [False], [True]], boolean)
case("where", torch.where, mask, draw((3, 4)), draw((4,)))
case("where", torch.where, of([True, False], boolean), of([NAN, NAN]), of([1.0, 2.0]))
case("where", torch.where, mask, of([[1], [2], [3]], i64), draw((1,)))
for a, b in [(u8, i32), (boolean, i32), (i64, f32), (i32, f16), (f16, f32), (u8, torch.int8), (f32, f64), (bf16, f32), (boolean, f32)]:
    case("add", torch.add, of([1, 0, 1], a), of([3, 4, 5], b), grad=False)
    case("mul", torch.mul, of([[1], [0]], a), of([3, 4, 5], b), grad=False)
case("div", torch.div, of([1, 2, 7], i32), of([2, 4, 2], i32))
write("binary")

DTYPES = [boolean, torch.int8, torch.int16, i32, i64, u8, torch.uint16, torch.uint32, torch.uint64, f16, bf16, f32, f64]
for a, b in itertools.product(DTYPES, DTYPES):
    if a == boolean:
        values = [0, 1]
    elif a.is_floating_point:
        # Where the conversion is defined: truncation, within the target's range.
        values = [0, 1, 1.7, 100.25, 127] + ([-1.7, -100.25, -0.0] if b.is_signed else [])
        values += [65504, 1e-3, INF, -INF, NAN] if b.is_floating_point or b == boolean else []
        values += [1e-40] if a.itemsize >= 4 and b.itemsize >= 4 and b.is_floating_point else []
        values += [1e5, 1 + 2**-9, 3e-6] if a.itemsize >= 4 and b.is_floating_point else []
    else:
        info = torch.iinfo(a)
        values = [v for v in (0, 1, 2, 127, 128, 255, 256, 300, 40000, 70000, 16777217, 3000000000, 2**53 + 1) if v <= info.max]
        values += [-1, -2, -128] if info.min < 0 else []
    # PyTorch goes from bfloat16 and float16 to the wide unsigned types through float: the values above are exact there.
    case("to_dtype", lambda x: x.to(b), of(values, a), args=[name(b)], grad=False)
for a, b in [(f32, f16), (f16, f32), (f32, f64), (bf16, f32)]:
    case("to_dtype", lambda x: x.to(b), draw((5,), dtype=a), args=[name(b)])
write("cast")

CUBE = draw((2, 3, 4))
FLOATS = [
    (CUBE, None), (CUBE, [0]), (CUBE, [1]), (CUBE, [-1]), (CUBE, [0, 2]), (CUBE, [1, 2]), (CUBE, [0, 1, 2]),
    (draw((5,)), [0]), (draw((1, 3, 1)), [0]), (draw((1, 3, 1)), [0, 2]), (draw((130, 3)), [0]), (draw((3, 130)), [1]),
    (of([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]]), [1]), (of([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [1.0, 2.0, 4.0]]), [1]),
]
HARD = [
    (of([[1.0, NAN, 3.0], [-INF, 2.0, INF]]), [1]), (of([[-INF, -INF], [INF, INF], [-INF, 0.0]]), [1]),
    (of([[1e38, 1e38, -3e38], [1e-30, 1e-30, 0.0]]), [1]), (draw(()), None),
]
def reduction(op, f, x, axes, **notes):
    dims = list(range(x.dim())) if axes is None else axes
    for keepdim in (False, True):
        extra = {k: v for k, v in notes.items() if k not in ("correction",)}
        args = {"axes": axes, "keepdim": keepdim} | ({"correction": notes["correction"]} if "correction" in notes else {})
        case(op, lambda x: f(x, dims, keepdim), x, args=args, **extra)

def prod(x, dims, keepdim):
    for d in sorted((d % x.dim() for d in dims), reverse=True):
        x = x.prod(d, keepdim)
    return x

def flags(f):
    def g(x, dims, keepdim):
        x = x != 0
        for d in sorted((d % x.dim() for d in dims), reverse=True):
            x = f(x, d, keepdim)
        return x
    return g

REDUCE = {"sum": torch.sum, "mean": torch.mean, "prod": prod, "max": torch.amax, "min": torch.amin,
    "logsumexp": torch.logsumexp, "any": flags(torch.any), "all": flags(torch.all)}
for op, f in REDUCE.items():
    for x, axes in FLOATS:
        reduction(op, f, x, axes)
    reduction(op, f, draw((3, 4), dtype=f64), [1])
    for half in (f16, bf16):
        reduction(op, f, draw((3, 4), 0.5, 1.5, dtype=half), [1], grad=False)
    for x, axes in HARD:
        if x.dim() > 0 or op not in ("prod", "any", "all"):
            reduction(op, f, x, axes, grad=False)
    if op not in ("mean", "logsumexp"):
        for dtype in (i32, i64, u8, boolean):
            x = of([[1, 0, 3], [7, 2, 2]], dtype) if dtype != boolean else of([[True, False, True], [True, True, True]], boolean)
            # 64-bit unsigned sums of unsigned numbers, as in NumPy.
            wide = torch.uint64 if dtype == u8 and op in ("sum", "prod") else None
            reduction(op, lambda *a: f(*a).to(wide) if wide else f(*a), x, [1])
    if op not in ("max", "min"):
        reduction(op, f, torch.zeros(0, 3), [0])
        reduction(op, f, torch.zeros(0, 3), [1])
for correction in (0, 1):
    for op, f in {"var": torch.var, "std": torch.std}.items():
        for x, axes in FLOATS[:-2] + [(torch.full((2, 3), 100.0) + draw((2, 3)), [1])]:
            far = {"rtol": 1e-4, "why": "the distances from the mean are 100 times smaller than the numbers"} if x.max() > 50 else {}
            if min(x.shape[d] for d in (axes or [0])) > 1:
                reduction(op, lambda x, d, k: f(x, d, correction=correction, keepdim=k), x, axes, correction=correction, **far)
        reduction(op, lambda x, d, k: f(x, d, correction=correction, keepdim=k), of([[2.0, 2.0, 2.0]]), [1], correction=correction)
        reduction(op, lambda x, d, k: f(x, d, correction=correction, keepdim=k), of([[1.0, NAN], [INF, 1.0]]), [1], correction=correction, grad=False)
for op, f in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
    for x in [CUBE, of([[1.0, 2.0, 2.0], [3.0, 3.0, 1.0]]), of([[1.0, NAN, 9.0], [INF, -INF, NAN]]), of([[-0.0, 0.0], [-INF, -INF]])]:
        for axis in range(x.dim()):
            # PyTorch does not say which of equals it gives; NumPy does.
            first = getattr(np, op)(x.numpy(), axis)
            case(op, lambda x: torch.tensor(first), x, args=[axis], grad=False)
    case(op, lambda x: f(x, 1), of([[3, 1, 2], [-5, 0, 7]], i32), args=[1])
for op, f in {"softmax": torch.softmax, "log_softmax": torch.log_softmax}.items():
    for x, axis in [(CUBE, 0), (CUBE, 1), (CUBE, -1), (draw((5,)), 0), (draw((3, 1)), 1), (draw((3, 130)), 1), (draw((0, 3)), 1), (draw((3, 4), dtype=f64), 1)]:
        case(op, lambda x: f(x, axis), x, args=[axis])
    case(op, lambda x: f(x, 1), of([[1e4, -1e4, 0.0], [-INF, 0.0, 1.0], [88.0, 89.0, 90.0]]), args=[1])
    case(op, lambda x: f(x, 1), of([[-INF, -INF], [INF, 0.0], [NAN, 0.0]]), args=[1], grad=False)
    case(op, lambda x: f(x, 1), draw((3, 4), dtype=f16), args=[1], grad=False)
write("reduce")

MATRICES = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((3,), (2, 3, 4)), ((2, 5, 3), (3,)), ((2, 5, 3), (3, 4)),
    ((5, 3), (2, 3, 4)), ((2, 5, 3), (2, 3, 4)), ((1, 5, 3), (2, 3, 4)), ((2, 1, 5, 3), (3, 3, 4)), ((2, 3, 5, 3), (2, 3, 3, 4)),
    ((2, 1, 2, 3), (1, 3, 3, 2)), ((1, 1), (1, 1)), ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((2, 0, 3), (3, 4)), ((17, 33), (33, 19)),
    ((1, 65), (65, 1)), ((4, 1), (1, 4)),
]
for a, b in MATRICES:
    case("matmul", torch.matmul, draw(a), draw(b))
case("matmul", torch.matmul, draw((3, 4), dtype=f64), draw((4, 2), dtype=f64))
for half in (f16, bf16):
    case("matmul", torch.matmul, draw((3, 4), dtype=half), draw((4, 2), dtype=half), grad=False)
case("matmul", torch.matmul, draw((3, 4), -9, 9, i32), draw((4, 2), -9, 9, i32))
case("matmul", torch.matmul, of([[1.0, NAN], [INF, 0.0]]), of([[1.0, 0.0], [0.0, 2.0]]), grad=False)
write("matmul")

index = lambda *v: torch.tensor(*v, dtype=i64)
case("gather", lambda x, i: x.gather(1, i), draw((3, 4)), index([[0, 0, 3], [1, 2, 2], [3, 3, 3]]), args=[1])
case("gather", lambda x, i: x.gather(0, i), draw((3, 4)), index([[0, 1, 2, 0], [2, 2, 0, 1]]), args=[0])
case("gather", lambda x, i: x.gather(-1, i), draw((2, 3, 4)), index([[[0], [1], [3]], [[2], [2], [0]]]), args=[-1])
case("gather", lambda x, i: x.gather(0, i), draw((5,)), torch.zeros(0, dtype=i64), args=[0])
case("gather", lambda x, i: x.gather(0, i), of([5, 6, 7], i64), index([2, 0]), args=[0])
for shape, axis, at in [((4, 3), 0, [3, 0, 0]), ((4, 3), 1, [2, 2, 1, 0]), ((2, 3, 4), 1, [1]), ((5,), 0, []), ((2, 3, 4), -1, [3, 0])]:
    case("index_select", lambda x, i: x.index_select(axis, i), draw(shape), index(at), args=[axis])
case("index_select", lambda x, i: x.index_select(0, i), of([[1, 2], [3, 4]], u8), index([1, 1, 0]), args=[0])
case("masked_fill", lambda x, m: x.masked_fill(m, -1.5), draw((3, 4)), draw((3, 4)) > 0, args=[-1.5])
case("masked_fill", lambda x, m: x.masked_fill(m, -INF), draw((3, 4)), of([True, False, True, False], boolean), args=["-inf"])
case("masked_fill", lambda x, m: x.masked_fill(m, 7), of([[1, 2], [3, 4]], i32), of([[True], [False]], boolean), args=[7])
case("one_hot", lambda i: F.one_hot(i, 5), index([0, 4, 2]), args=[5])
case("one_hot", lambda i: F.one_hot(i, 3), index([[0, 1], [2, 2]]), args=[3])
case("scatter_add", lambda x, i, s: x.scatter_add(0, i, s), draw((5,)), index([0, 3, 3, 3]), draw((4,)), args=[0])
case("scatter_add", lambda x, i, s: x.scatter_add(1, i, s), draw((3, 4)), index([[0, 0, 3], [1, 2, 2], [3, 3, 3]]), draw((3, 3)), args=[1])
case("scatter_add", lambda x, i, s: x.scatter_add(0, i, s), draw((3, 4)), index([[0, 1, 2, 0], [2, 2, 0, 1]]), draw((2, 4)), args=[0])
case("scatter_add", lambda x, i, s: x.scatter_add(-1, i, s), draw((2, 2, 3)), index([[[0], [1]], [[2], [2]]]), draw((2, 2, 1)), args=[-1])
case("scatter_add", lambda x, i, s: x.scatter_add(0, i, s), of([1, 2, 3], i32), index([0, 0, 2, 2]), of([5, 6, 7, 8], i32), args=[0])
write("index")

BIG = draw((3, 4, 5))
for shape, to in [((3, 4), (2, 6)), ((3, 4), (12,)), ((1,), ()), ((), (1, 1)), ((0, 3), (3, 0)), ((2, 3, 4), (6, 4))]:
    case("reshape", lambda x: x.reshape(to), draw(shape), args=[list(to)])
for start, end in [(0, -1), (1, 2), (0, 1)]:
    case("flatten", lambda x: x.flatten(start, end), BIG, args=[start, end])
for order in [(2, 0, 1), (0, 2, 1), (-1, -2, -3)]:
    case("permute", lambda x: x.permute(order), BIG, args=[list(order)])
for a, b in [(0, 1), (0, 2), (-1, -2), (1, 1)]:
    case("transpose", lambda x: x.transpose(a, b), BIG, args=[a, b])
for shape, axis in [((1, 3), 0), ((3, 1, 2), 1), ((3, 1), -1)]:
    case("squeeze", lambda x: x.squeeze(axis), draw(shape), args=[axis])
for axis in (0, 1, 2, -1):
    case("unsqueeze", lambda x: x.unsqueeze(axis), draw((3, 4)), args=[axis])
for shape, to in [((3, 1), (3, 4)), ((1,), (2, 3)), ((), (2, 2)), ((4,), (3, 4)), ((1, 3), (0, 3))]:
    case("expand", lambda x: x.expand(to), draw(shape), args=[list(to)])

def sliced(x, axis, start, end, step):
    places = range(*slice(start, end, step).indices(x.shape[axis]))
    return x.index_select(axis, torch.tensor(list(places), dtype=i64))

for axis, start, end, step in [(0, 0, 2, 1), (1, 1, 4, 2), (2, 0, 5, 3), (2, -3, -1, 1), (2, -1, None, -1), (1, 3, 0, -2), (2, 4, None, -3), (0, 2, 2, 1), (2, 1, 99, 2)]:
    case("slice", lambda x: sliced(x, axis, start, end, step), BIG, args=[axis, start, end, step])
for axes in ([0], [1, 2], [-1], []):
    case("flip", lambda x: x.flip(axes), BIG, args=[axes])
for axis, parts in [(0, [(2, 3), (1, 3)]), (1, [(2, 1), (2, 4), (2, 2)]), (-1, [(3, 2), (3, 0), (3, 1)]), (0, [(4,)])]:
    case("cat", lambda *xs: torch.cat(xs, axis), *[draw(p) for p in parts], args=[axis])
case("cat", lambda *xs: torch.cat(xs, 0), of([1, 2], i32), of([3, 4], i64), args=[0])
for axis in (0, 1, -1):
    case("stack", lambda *xs: torch.stack(xs, axis), draw((2, 3)), draw((2, 3)), draw((2, 3)), args=[axis])
for size, axis in [(2, 0), (3, 1), (5, 2), (2, -1)]:
    case("split", lambda x: x.split(size, axis), BIG, args=[size, axis])
for count, axis in [(2, 0), (3, 2), (4, 1), (2, -1), (7, 1)]:
    case("chunk", lambda x: x.chunk(count, axis), BIG, args=[count, axis])
for axis, start, length in [(0, 1, 2), (2, 0, 5), (-1, 4, 1), (1, 2, 0)]:
    case("narrow", lambda x: x.narrow(axis, start, length), BIG, args=[axis, start, length])
for shape, widths in [((3,), [(1, 2)]), ((2, 3), [(0, 1), (2, 0)]), ((2, 2, 2), [(1, 1), (0, 0), (0, 3)]), ((0, 2), [(1, 0), (1, 1)]), ((), [])]:
    flat = [w for pair in reversed(widths) for w in pair]
    case("pad", lambda x: F.pad(x, flat) if flat else x * 1, draw(shape), args=[[list(w) for w in widths]])
write("movement")
