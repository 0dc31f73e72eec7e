"""Writes what PyTorch makes of NaN and infinity: python tests/goldens/nonfinite.py

tests/integration/nonfinite.rs runs every case on every device. PyTorch computes singles in f64 ("double") where its kernels for f32
take short cuts through which NaN spreads to places that it does not belong to, or gets lost.
"""

import torch
import torch.nn.functional as F
from golden import *

SPECIAL = [NAN, INF, -INF]
POINTS = [NAN, INF, -INF, 0.0, -0.0, 1.5, -2.0]
FLOATS = (f32, f64, f16)
LOOSE = {f32: {}, f64: {"rtol": 1e-7, "why": "PyTorch's constants are f32"}}


def variants(x):
    """A tensor as it is, then with each special value in one place, in all places, and both infinities."""
    yield x
    places = (0, x.numel() // 2, x.numel() - 1)
    for at, value in zip(places, SPECIAL):
        y = x.clone()
        y.view(-1)[at] = value
        yield y
    yield from (torch.full_like(x, value) for value in SPECIAL)
    y = x.clone()
    y.view(-1)[0], y.view(-1)[-1] = INF, -INF
    yield y


def rows(count, dtype=f32, low=1, high=4):
    """The variants of one vector of whole numbers as the rows of a matrix."""
    return torch.stack(list(variants(torch.tensor(random.integers(low, high, count), dtype=f64).to(dtype))))


def plain(op, f, *inputs, args=None, **notes):
    case(op, f, *inputs, args=args, grad=False, **notes)


# Elementwise.
UNARY = {
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil,
    "round": torch.round, "trunc": torch.trunc, "square": torch.square, "exp": torch.exp, "exp2": torch.exp2,
    "expm1": torch.expm1, "log": torch.log, "log2": torch.log2, "log1p": torch.log1p, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal, "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh, "asin": torch.asin, "acos": torch.acos,
    "atan": torch.atan, "erf": torch.erf, "sigmoid": torch.sigmoid, "softplus": F.softplus, "relu": torch.relu,
    "selu": F.selu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu,
    "mish": F.mish, "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid,
}
for op, f in UNARY.items():
    # Halves are computed as singles.
    for dtype in FLOATS if op in ("exp", "log", "sqrt", "sign", "relu") else (f32, f64):
        # What PyTorch makes of gelu(inf) and the like depends on the number of elements; f64 is without such short cuts.
        wide = lambda x: f(x.to(f64)).to(x.dtype)
        plain(op, wide, of(POINTS, dtype), **LOOSE.get(dtype, {}))
plain("leaky_relu", lambda x: F.leaky_relu(x, 0.25), of(POINTS), args=[0.25])
plain("elu", lambda x: F.elu(x, 1.0), of(POINTS), args=[1.0])
plain("celu", lambda x: F.celu(x, 0.5), of(POINTS), args=[0.5])
PAIRS = [of([a for a in POINTS for _ in POINTS]), of([b for _ in POINTS for b in POINTS])]
ARITHMETIC = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "remainder": torch.remainder, "floor_divide": torch.floor_divide, "maximum": torch.maximum,
    "minimum": torch.minimum, "atan2": torch.atan2,
}
COMPARE = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge}
for op, f in (ARITHMETIC | COMPARE).items():
    for dtype in (f32, f64) if op in ARITHMETIC else (f32, f64, bf16):
        a, b = (x.to(dtype) for x in PAIRS)
        if op == "floor_divide":
            # PyTorch's quotient by infinity is NaN, Python's and ours -1 or 0: see binary.jsonl.
            kept = ~(b.isinf() & a.isfinite())
            a, b = a[kept], b[kept]
        plain(op, f, a, b)
        # An operand against itself, which compilers simplify.
        plain(f"self_{op}", lambda x: f(x, x), of(POINTS, dtype))
plain("clamp", lambda x: x.clamp(-1, 1), of(POINTS), args=[-1.0, 1.0])
plain("clamp", lambda x: x.clamp(-INF, INF), of(POINTS), args=["-inf", "inf"])
CONDITION = of([True, False] * 3 + [True], boolean)
plain("where", lambda c, a, b: torch.where(c, a, b), CONDITION, of(POINTS), of(POINTS[::-1]))
plain("masked_fill", lambda x, m: x.masked_fill(m, -INF), of(POINTS), CONDITION, args=["-inf"])
plain("masked_fill", lambda x, m: x.masked_fill(m, 0), of(POINTS), CONDITION, args=[0.0])

# Sums and products whose terms a compiler may cancel or collect.
X, Y = of([NAN, INF, -INF, -1.5, 1e38, 3e38, 1e-3]), of([1.0, 2.0, 3.0, INF, 3e38, -3e38, 1e30])
IDENTITIES = {
    "x + -x": lambda x, y: x + -x, "-x + x": lambda x, y: -x + x, "x * (1 / x)": lambda x, y: x * (1 / x),
    "x * y / y": lambda x, y: x * y / y, "(x + y) - x": lambda x, y: (x + y) - x, "x - (x - y)": lambda x, y: x - (x - y),
    "(x - y) + y": lambda x, y: (x - y) + y, "x * y - x * y": lambda x, y: x * y - x * y,
    "x * y + x * -y": lambda x, y: x * y + x * -y, "x * 2 - x": lambda x, y: x * 2 - x,
    "x * 0": lambda x, y: x * 0, "x * 0 + y": lambda x, y: x * 0 + y, "x + 0": lambda x, y: x + 0, "0 / x": lambda x, y: 0 / x,
    "|x| - |x|": lambda x, y: x.abs() - x.abs(), "sqrt(x)^2": lambda x, y: x.sqrt().square(),
    "sqrt(x) * sqrt(x)": lambda x, y: x.sqrt() * x.sqrt(), "rsqrt(x)^2": lambda x, y: x.rsqrt().square(),
    "log(exp x)": lambda x, y: x.exp().log(), "exp(log x)": lambda x, y: x.log().exp(),
    "x < y ? x : y": lambda x, y: torch.where(x < y, x, y), "x > y ? x : y": lambda x, y: torch.where(x > y, x, y),
    "x < 0 ? 0 : x": lambda x, y: torch.where(x < 0, 0.0, x), "x == x ? x : y": lambda x, y: torch.where(x == x, x, y),
    "x + y <= x": lambda x, y: x + y <= x, "x - y > 0": lambda x, y: x - y > 0, "!(x < y)": lambda x, y: ~(x < y),
}
for op, f in IDENTITIES.items():
    loose = {"rtol": 1e-4, "why": "the exponential takes on the rounding of the logarithm"} if "exp" in op else {}
    plain(op, f, X, Y, **loose)
    plain(op, f, X.to(f64), Y.to(f64), **loose)

# Reductions.
REDUCE = {
    "sum": torch.sum, "mean": torch.mean, "prod": torch.prod, "max": torch.amax, "min": torch.amin, "any": torch.any,
    "all": torch.all, "logsumexp": torch.logsumexp,
}
for op, f in REDUCE.items():
    for count, dtype in [(5, t) for t in FLOATS] + [(1, f32), (1, f64), (70, f32), (1100, f32)]:
        x = rows(count, dtype, 1, 3)
        if count > 100:
            if op not in ("sum", "max"):
                continue
            x = x[1:4] if op == "sum" else x[2:3]
        # Products of many numbers would overflow.
        x = x.clamp(-INF, 1) if op == "prod" and count > 5 else x
        wide = lambda x, axis: f(x.to(f64), axis).to(x.dtype if op not in ("any", "all") else boolean)
        plain(op, lambda x: wide(x, 1), x, args={"axes": [1]})
        if count < 70:
            plain(op, lambda x: wide(x, 0), x.t().contiguous(), args={"axes": [0]})
        if count == 5:
            plain(op, lambda x: wide(x.flatten(), 0), x, args={"axes": [0, 1]})
for op, f in (("var", torch.var), ("std", torch.std)):
    for count, dtype in ((5, f32), (5, f64), (5, f16), (70, f32), (1, f32)):
        for correction in (0, 1):
            wide = lambda x: f(x.to(f64), 1, correction=correction).to(x.dtype)
            plain(op, wide, rows(count, dtype), args={"axes": [1], "correction": correction})
for op, f in (("argmax", torch.argmax), ("argmin", torch.argmin)):
    for count, dtype in ((5, f32), (5, f64), (5, bf16), (1, f32), (70, f32)):
        plain(op, lambda x: f(x, 1), rows(count, dtype), args=[1])
for op, f in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
    for count, dtype in [(5, t) for t in FLOATS] + [(1, t) for t in FLOATS] + [(2, f32), (70, f32)]:
        plain(op, lambda x: f(x.to(f64), 1).to(x.dtype), rows(count, dtype), args=[1])
        plain(op, lambda x: f(x.to(f64), 0).to(x.dtype), rows(count, dtype).t().contiguous(), args=[0])
for count, dtype in ((5, f32), (5, f64), (5, f16), (1, f32)):
    for largest in (True, False):
        k = min(3, count)
        # The places of equals are not told by PyTorch.
        plain("topk", lambda x: x.topk(k, 1, largest)[0], rows(count, dtype), args=[k, 1, largest])

# Norms.
for dtype in (f32, f64):
    x = rows(6, dtype)
    w, b = of([1, -2, 0, 0.5, 1, 3], dtype), of([0, 1, 2, -1, 0, 0.5], dtype)
    plain("layer_norm", lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-5), x, w, b, args={"sizes": [6], "eps": 1e-5})
    plain("rms_norm", lambda x, w: F.rms_norm(x, (6,), w, 1e-5), x, w, args={"sizes": [6], "eps": 1e-5})
    plain("layer_norm", lambda x: F.layer_norm(x, (1,), eps=1e-5), rows(1, dtype), args={"sizes": [1], "eps": 1e-5})
    plain("rms_norm", lambda x: F.rms_norm(x, (1,), eps=1e-5), rows(1, dtype), args={"sizes": [1], "eps": 1e-5})
    images = rows(12, dtype).reshape(8, 4, 3)
    plain("group_norm", lambda x: F.group_norm(x, 2, eps=1e-5), images, args={"groups": 2, "eps": 1e-5})
    plain("instance_norm", lambda x: F.instance_norm(x, eps=1e-5), images, args={"eps": 1e-5})
    # Every channel another variant.
    channels = rows(6, dtype).t().contiguous()
    for training in (True, False):
        f = lambda x: F.batch_norm(x, torch.zeros(8, dtype=dtype), torch.ones(8, dtype=dtype), training=training, eps=1e-5)
        plain("batch_norm", f, channels, args={"training": training, "eps": 1e-5})

# Products.
for m, k, n in ((1, 1, 1), (3, 1, 5), (4, 1, 8), (2, 3, 4), (5, 6, 9), (33, 18, 37)):
    a, b = draw((m, k), 1, 3).round(), draw((k, n), 1, 3).round()
    big = m > 5
    for value in (NAN,) if big else SPECIAL:
        for dtype in (f32,) if big else (f32, f64, f16):
            first, second = a.to(dtype), b.to(dtype)
            first[-1, -1] = value
            wide = lambda a, b: (a.to(f64) @ b.to(f64)).to(a.dtype)
            plain("matmul", wide, first, second)
            first, second = a.to(dtype), b.to(dtype)
            second[-1, -1] = value
            plain("matmul", wide, first, second)
            # Zero times infinity.
            if not big:
                plain("matmul", wide, torch.zeros_like(first), second)
x = torch.stack([of([[INF, 1], [2, 3]]), of([[1, 2], [-INF, 3]]), of([[NAN, 0], [0, 0]])])
plain("matmul", torch.matmul, x, torch.ones(3, 2, 3), double=True)
plain("linear_relu", lambda x, w, b: (x @ w + b).relu(), rows(4), draw((4, 8), 1, 2).round(), of([1, -2, INF, -INF, NAN, 0, 1, 2]), double=True)
for p in (0.0, 1.0, 1.5, 2.0, INF):
    a, b = (rows(3), of([[1, 2, 3], [0, 1, 2], [INF, 1, 1]])) if p != INF else (rows(3)[[0, 2, 3, 5, 6]], of([[1, 2, 3], [0, 1, 2]]))
    f = lambda a, b: torch.cdist(a, b, p, compute_mode="donot_use_mm_for_euclid_dist")
    plain("cdist", f, a, b, args={"p": str(p)}, double=p != INF)
    plain("cdist", f, a[:, :1], b[:, :1], args={"p": str(p)}, double=p != INF)
plain("pairwise_distance", lambda a, b: F.pairwise_distance(a, b), rows(3), rows(3), double=True)
plain("pairwise_distance", lambda a, b: F.pairwise_distance(a, b), rows(3), of([1, 2, 3]).expand(8, 3), double=True)
plain("cosine_similarity", lambda a, b: F.cosine_similarity(a, b), rows(3), of([1, 2, 3]).expand(8, 3), double=True)

# Windows.
image = of(range(1, 31)).reshape(1, 1, 5, 6)
for x in variants(image):
    weight = of([[[[1, 2], [3, -1]]], [[[2, 1], [1, 1]]]])
    plain("conv2d", lambda x, w: F.conv2d(x, w, padding=1), x, weight, args={"padding": 1}, double=True)
    plain("conv2d", lambda x, w: F.conv2d(x, w, stride=2), x, weight, args={"stride": 2}, double=True)
    plain("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2), x, weight.transpose(0, 1), args={"stride": 2}, double=True)
    plain("conv1d", lambda x, w: F.conv1d(x, w, groups=2), x.reshape(1, 2, 15), of([[[1, 2, 1]], [[-1, 1, 2]]]), args={"groups": 2}, double=True)
    for op in ("max_pool2d", "avg_pool2d"):
        for options in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}):
            plain(op, lambda x: getattr(F, op)(x, **options), x, args=options, double=True)
    plain("max_pool2d", lambda x: F.max_pool2d(x, 1), x, args={"kernel_size": 1})
    plain("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (2, 3)), x, args={"output_size": [2, 3]}, double=True)
    plain("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (2, 3)), x, args={"output_size": [2, 3]}, double=True)
    plain("unfold", lambda x: F.unfold(x, 2, padding=1), x, args={"kernel_size": 2, "padding": 1})
    plain("fold", lambda x: F.fold(F.unfold(x, 2), (5, 6), 2), x, double=True)
    plain("interpolate_nearest", lambda x: F.interpolate(x, (7, 4)), x)
    plain("interpolate_linear", lambda x: F.interpolate(x, (8, 7), mode="bilinear"), x, double=True)
    plain("interpolate_cubic", lambda x: F.interpolate(x, (8, 7), mode="bicubic"), x, double=True)

# What moves elements keeps them as they are.
for dtype in (f32, f16):
    x = rows(4, dtype)
    ids = of([[3, 0], [1, 1]] * 4, i64)
    plain("gather", lambda x, i: x.gather(1, i), x, ids, args=[1])
    plain("index_select", lambda x, i: x.index_select(0, i), x, of([7, 1, 4], i64), args=[0])
    plain("embedding", lambda i, w: F.embedding(i, w), of([[1, 4], [3, 6]], i64), x)
    plain("scatter_add", lambda x, i, s: x.scatter_add(1, i, s), torch.ones_like(x), ids, x[:, :2].contiguous(), args=[1])
    plain("tril", torch.tril, x[1:5])
    plain("triu", torch.triu, x[1:5])
    plain("cat", lambda a, b: torch.cat([a, b], 1), x, x)
    plain("pad", lambda x: F.pad(x, (1, 2)), x)
    plain("roll", lambda x: x.roll(1, 0), x)
    for to in FLOATS:
        if to != dtype:
            plain("to_dtype", lambda x: x.to(to), of(POINTS, dtype), args=[name(to)])
    plain("to_dtype", lambda x: x.to(boolean), of(POINTS, dtype), args=["bool"])

# Attention: one row of queries, keys or values is not finite. PyTorch's fast kernel makes 0 of queries that are NaN, so
# that theirs is written out.
def attend(q, k, v, is_causal):
    scores = q @ k.transpose(-1, -2) / 2**0.5
    mask = torch.ones(3, 3, dtype=torch.bool).triu(1) if is_causal else torch.zeros(3, 3, dtype=torch.bool)
    return torch.softmax(scores.masked_fill(mask, -INF), -1) @ v


for at in range(3):
    for value in SPECIAL:
        x = [draw((1, 1, 3, 2)) for _ in range(3)]
        x[at][0, 0, 1, 0] = value
        for is_causal in (False, True):
            f = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=is_causal) if at else attend(q, k, v, is_causal)
            plain("attention", f, *x, args={"is_causal": is_causal}, double=True)
mask = of([[0, -INF, -INF], [0, 0, -INF], [0, INF, 0]])
plain("attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), *[draw((1, 1, 3, 2)) for _ in range(3)], mask, double=True)

# Losses, each row or element for itself and the mean.
IDS = of([1, 0, 2, 1, 0, 2, 1, 0], i64)
SOFT = of([[0.2, 0.3, 0.5]] * 8)
for reduction in ("none", "mean"):
    args = {"reduction": reduction}
    r = {"reduction": reduction}
    plain("cross_entropy", lambda x, t: F.cross_entropy(x, t, **r), rows(3), IDS, args=args, double=True)
    plain("cross_entropy", lambda x, t: F.cross_entropy(x, t, **r), rows(3), SOFT, args=args, double=True)
    plain("cross_entropy", lambda x, t: F.cross_entropy(x, t, **r), rows(1), torch.zeros(8, dtype=i64), args=args, double=True)
    plain("nll", lambda x, t: F.nll_loss(x, t, **r), rows(3), IDS, args=args, double=True)
    # Of infinity with target 1, and of -inf, PyTorch makes NaN by 0 times infinity; ours is 0 or infinity.
    x, target = of([NAN, INF, 0.0, -0.0, 1.5, -2.0]), of([0, 0, 1, 0, 1, 0.25])
    plain("bce_with_logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t, **r), x, target, args=args, double=True)
    for op, f in (("mse", F.mse_loss), ("l1", F.l1_loss), ("smooth_l1", F.smooth_l1_loss)):
        plain(op, lambda x, t: f(x, t, **r), of(POINTS), of([0, 1, 1, INF, NAN, 2, 3]), args=args, double=True)
        plain(f"self_{op}", lambda x: f(x, x, **r), of(POINTS), args=args, double=True)
        plain(f"self_{op}", lambda x: f(x, x, **r), of([INF]), args=args, double=True)
write("nonfinite")
