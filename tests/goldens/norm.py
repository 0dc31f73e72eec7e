"""Writes the goldens of normalisation, attention and embedding: python tests/goldens/norm.py

Their terms cancel, so that values are compared by the size of the largest one.
"""

import torch
import torch.nn.functional as F
from golden import *


def is_single(x):
    return x.dtype == f32


def layer(x, sizes, affine=True, eps=1e-5, **notes):
    inputs = [x] + ([draw(sizes, dtype=x.dtype), draw(sizes, dtype=x.dtype)] if affine else [])
    case("layer_norm", lambda x, w=None, b=None: F.layer_norm(x, sizes, w, b, eps), *inputs, args={"sizes": list(sizes), "eps": eps}, norm=True, double=is_single(x), **notes)


def rms(x, sizes, affine=True, eps=None, **notes):
    inputs = [x] + ([draw(sizes, dtype=x.dtype)] if affine else [])
    case("rms_norm", lambda x, w=None: F.rms_norm(x, sizes, w, eps), *inputs, args={"sizes": list(sizes), "eps": eps}, norm=True, double=is_single(x), **notes)


def group(x, groups, affine=True, eps=1e-5, **notes):
    c = (x.shape[1],)
    inputs = [x] + ([draw(c, dtype=x.dtype), draw(c, dtype=x.dtype)] if affine else [])
    case("group_norm", lambda x, w=None, b=None: F.group_norm(x, groups, w, b, eps), *inputs, args={"groups": groups, "eps": eps}, norm=True, double=is_single(x), **notes)


def instance(x, eps=1e-5, **notes):
    case("instance_norm", lambda x: F.instance_norm(x, eps=eps), x, args={"eps": eps}, norm=True, double=is_single(x), **notes)


def batch(x, training, momentum=0.1, eps=1e-5, **notes):
    """Outputs: the result and, moved, the running statistics."""
    c = (x.shape[1],)
    kind = f64 if is_single(x) else x.dtype
    mean, var = draw(c, dtype=kind), draw(c, 0.5, 2, dtype=kind)
    args = {"training": training, "momentum": momentum, "eps": eps}
    inputs = [x, draw(c, dtype=x.dtype), draw(c, dtype=x.dtype)]
    args |= {"mean": encode(mean)[2], "var": encode(var)[2]}
    case("batch_norm", lambda x, w, b: F.batch_norm(x, mean.clone(), var.clone(), w, b, training, momentum, eps), *inputs, args=args, norm=True, double=is_single(x), **notes)
    m, v = mean.clone(), var.clone()
    F.batch_norm(x.to(kind), m, v, None, None, training, momentum, eps)
    case("batch_norm_statistics", lambda x: (m, v), x, args=args, grad=False, norm=True, double=is_single(x), **notes)


F16 = {"rtol": 2e-3, "why": "PyTorch rounds between its steps, Kiln once"}
BF16 = {"rtol": 2e-2, "why": "PyTorch rounds between its steps, Kiln once"}
FAR = {"rtol": 1e-3, "why": "differences of numbers far from 0 have three digits left"}
layer(draw((3, 5)), (5,))
layer(draw((2, 3, 4)), (3, 4))
layer(draw((4, 7)), (7,), affine=False, eps=0.1)
layer(draw((0, 5)), (5,))
layer(draw((3, 1)), (1,))
layer(draw((2, 6)) + 1e4, (6,), **FAR)
layer(of([[1.0, NAN, 2.0], [INF, 0.0, 1.0], [1.0, 2.0, 3.0]]), (3,), affine=False)
layer(draw((3, 8), dtype=f16), (8,), **F16)
layer(draw((3, 8), dtype=bf16), (8,), **BF16)
layer(draw((3, 8), dtype=f64), (8,))
rms(draw((3, 5)), (5,))
rms(draw((2, 3, 4)), (3, 4), eps=1e-3)
rms(draw((0, 4)), (4,), affine=False)
rms(draw((2, 4)) * 1e10, (4,))
rms(draw((3, 8), dtype=f16), (8,), eps=1e-5, **F16)
group(draw((2, 6, 3, 4)), 3)
group(draw((2, 6, 5)), 1, affine=False)
group(draw((3, 8)), 2)
group(draw((0, 4, 3)), 2)
group(draw((2, 4, 3, 3)) + 1e4, 2, **FAR)
instance(draw((2, 3, 5)))
instance(draw((2, 3, 4, 2)), eps=0.01)
instance(draw((1, 2, 3, 3)) * 1e6)
instance(draw((2, 2, 6), dtype=f64))
for training in (True, False):
    batch(draw((4, 3)), training)
    batch(draw((2, 3, 5)), training, momentum=0.3)
    batch(draw((2, 3, 4, 3)), training, eps=0.01)
    batch(draw((2, 1, 2, 2, 3)), training)
    batch(draw((3, 2, 4), dtype=f64), training, momentum=1.0)
batch(draw((3, 2, 4)) + 1e3, True, **FAR)
batch(draw((1, 2, 3)), True)
for dtype, rounding in ((f16, F16), (bf16, BF16)):
    rms(draw((2, 5), dtype=dtype), (5,), eps=1e-2, **rounding)
    group(draw((2, 4, 3), dtype=dtype), 2, **rounding)
    instance(draw((2, 3, 5), dtype=dtype), eps=0.01, **rounding)
    batch(draw((4, 3, 2), dtype=dtype), True, **rounding)
rms(of([[1.0, NAN, 2.0], [INF, 0.0, 1.0], [1.0, 2.0, 3.0]]), (3,), affine=False, eps=1e-3)
group(of([[[1.0, NAN], [2.0, 1.0], [0.5, 1.0], [3.0, 1.0]]]), 2, affine=False)
write("norm")


def attend(q, k, v, mask=None, **options):
    inputs = [q, k, v] + ([mask] if mask is not None else [])
    f = lambda q, k, v, m=None: F.scaled_dot_product_attention(q, k, v, attn_mask=m, **options)
    case("attention", f, *inputs, args=options, norm=True, double=is_single(q), **{f16: {"rtol": 5e-3, "why": "weights are rounded to halves"}, bf16: {"rtol": 2e-2, "why": "weights are rounded to halves"}}.get(q.dtype, {}))


attend(draw((2, 3, 4)), draw((2, 5, 4)), draw((2, 5, 6)))
attend(draw((1, 2, 5, 3)), draw((1, 2, 5, 3)), draw((1, 2, 5, 3)), is_causal=True)
attend(draw((3, 4)), draw((6, 4)), draw((6, 2)), is_causal=True, scale=0.3)
attend(draw((2, 2, 3, 4)), draw((2, 2, 4, 4)), draw((2, 2, 4, 4)), mask=draw((3, 4)))
attend(draw((2, 3, 4)), draw((2, 3, 4)), draw((2, 3, 4)), mask=of([[1, 0, 1], [0, 1, 0], [1, 1, 1]], boolean))
attend(draw((1, 1, 4)), draw((1, 1, 4)), draw((1, 1, 4)))
attend(draw((0, 2, 4)), draw((0, 3, 4)), draw((0, 3, 4)))
attend(draw((2, 3, 4)) * 100, draw((2, 3, 4)) * 100, draw((2, 3, 4)))
attend(draw((2, 3, 4), -1, 1, dtype=f16), draw((2, 3, 4), -1, 1, dtype=f16), draw((2, 3, 4), -1, 1, dtype=f16))


def embed(indices, weight, padding_idx=None):
    case("embedding", lambda i, w: F.embedding(i, w, padding_idx), indices, weight, args={"padding_idx": padding_idx}, norm=True)


embed(of([1, 0, 3, 1, 1], i64), draw((4, 3)))
embed(of([[1, 0], [2, 1]], i32), draw((4, 3)), padding_idx=1)
embed(of([], i64), draw((4, 3)))
embed(of(2, i64), draw((5, 2)))
embed(of([[0], [0]], i64), draw((1, 1), dtype=f16))
attend(draw((2, 3, 4), -1, 1, dtype=bf16), draw((2, 3, 4), -1, 1, dtype=bf16), draw((2, 3, 4), -1, 1, dtype=bf16))
attend(of([[1.0, 2.0], [NAN, 1.0]]), draw((3, 2)), draw((3, 2)))
embed(of([3, 3, 0], i64), draw((4, 2), dtype=bf16))
write("attention")
