"""The cases of the golden files: how they are drawn, computed and written.

One file per family, one case per line: {"op", "args", "in": [tensor..], "out": [tensor..], "grad": [tensor or null..]}.
A tensor is [dtype, shape, values]; NaN and the infinities are strings. A gradient is that of
sum(w * out) with w[i] = 0.5 + frac(0.3 + i * 0.61803398875). "rtol" and "why" stand where a case needs a wider
tolerance than its dtype has; see `tolerance` in tests/src/golden.rs. "exact" holds outputs to the relative tolerance
alone; "norm" allows the relative tolerance of the largest value everywhere, for sums whose terms cancel.
"""


import json, pathlib
import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
NAN, INF = float("nan"), float("inf")
f16, bf16, f32, f64 = torch.float16, torch.bfloat16, torch.float32, torch.float64
i32, i64, u8, boolean = torch.int32, torch.int64, torch.uint8, torch.bool
random = np.random.default_rng(20240607)
lines = []


def name(dtype):
    return str(dtype).removeprefix("torch.")


def number(value, dtype):
    if not dtype.is_floating_point:
        return bool(value) if dtype == boolean else int(value)
    if value != value or value in (INF, -INF):
        return str(value)
    # The shortest digits that give the number back.
    return float(str(np.float32(value))) if dtype != f64 else value


def encode(t):
    t = t.detach().contiguous()
    wide = t.to(f64) if t.dtype.is_floating_point else t.to(torch.int64) if t.dtype != torch.uint64 else t
    return [name(t.dtype), list(t.shape), [number(v, t.dtype) for v in wide.flatten().tolist()]]


def weights(t):
    i = torch.arange(t.numel(), dtype=f64)
    return (0.5 + (i * 0.61803398875 + 0.3).frac()).reshape(t.shape).to(t.dtype)


def case(op, f, *inputs, args=None, grad=True, double=False, **notes):
    """One line. With `double` PyTorch computes it in f64: where f32 would leave a rest of something that is 0."""
    if double:
        return doubled(op, f, *inputs, args=args, grad=grad, **notes)
    xs = [x.clone().requires_grad_() if grad and x.dtype.is_floating_point else x for x in inputs]
    out = f(*xs)
    out = list(out) if isinstance(out, (tuple, list)) else [out]
    row = {"op": op, **({"args": args} if args is not None else {}), "in": [encode(x) for x in inputs]}
    row["out"] = [encode(y) for y in out]
    tracked = [x for x in xs if x.requires_grad]
    if tracked and all(y.requires_grad for y in out):
        sum((y * weights(y)).sum() for y in out).backward()
        row["grad"] = [encode(x.grad if x.grad is not None else torch.zeros_like(x)) if x.requires_grad else None for x in xs]
    lines.append(json.dumps(row | notes, separators=(",", ":")))


def doubled(op, f, *inputs, **rest):
    narrow = [x.dtype == f32 for x in inputs]
    case(op, f, *[x.to(f64) if n else x for x, n in zip(inputs, narrow)], **rest)
    row = json.loads(lines.pop())
    back = lambda t: t and (encode(torch.tensor([float(v) for v in t[2]], dtype=f64).reshape(t[1]).to(f32)) if t[0] == "float64" else t)
    row["in"] = [back(t) for t in row["in"]]
    row["out"] = [back(t) for t in row["out"]]
    if "grad" in row:
        row["grad"] = [back(t) for t in row["grad"]]
    lines.append(json.dumps(row, separators=(",", ":")))


def write(family):
    (HERE / f"{family}.jsonl").write_text("\n".join(lines) + "\n")
    print(f"{family}: {len(lines)} cases")
    lines.clear()


def draw(shape, low=-3.0, high=3.0, dtype=f32):
    values = np.round(random.uniform(low, high, shape), 3 if dtype.is_floating_point else 0)
    return torch.tensor(values, dtype=f64).to(dtype)


def of(values, dtype=f32):
    return torch.tensor(values, dtype=f64).to(dtype) if dtype.is_floating_point else torch.tensor(values, dtype=dtype)


SHAPES = [(7,), (2, 1, 3), (), (0, 3)]
SPECIAL = of([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 1e-30, -1e-30, 1e-5, -1e-5, 20.0, -20.0, 88.0, -88.0, 100.0, -100.0, 1e30, -1e30, INF, -INF, NAN])
