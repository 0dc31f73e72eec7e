"""Writes the goldens of distances: python tests/goldens/cdist.py

Singles are computed in f64, from the differences themselves; PyTorch has no `cdist` of halves, so that theirs is that of
their values as singles.
"""

import torch
import torch.nn.functional as F
from golden import *

F16 = {"rtol": 1e-2, "why": "PyTorch rounds between its steps, Kiln once"}
BF16 = {"rtol": 2e-2, "why": "PyTorch rounds between its steps, Kiln once"}


def is_single(x):
    return x.dtype == f32


def cdist(a, b, p, **notes):
    direct = lambda a, b: torch.cdist(a, b, p, compute_mode="donot_use_mm_for_euclid_dist")
    f = (lambda a, b: direct(a.float(), b.float()).to(a.dtype)) if a.dtype in (f16, bf16) else direct
    # Which differences tie for the largest depends on how they are rounded.
    case("cdist", f, a, b, args={"p": str(p)}, double=is_single(a) and p != INF, **notes)


for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF):
    cdist(draw((3, 2)), draw((4, 2)), p)
    cdist(draw((2, 1, 3, 2)), draw((3, 4, 2)), p)
    cdist(draw((2, 2, 5)), draw((3, 5)), p)
    cdist(draw((1, 1, 1, 1, 2, 1, 3, 2)), draw((2, 1, 4, 2)), p)
    cdist(draw((2, 1, 1, 1, 1, 1, 3, 2)), draw((1, 3, 1, 1, 1, 1, 2, 2)), p)
    cdist(draw((1, 1)), draw((1, 1)), p)
    cdist(draw((3, 1)), draw((5, 1)), p)
    cdist(draw((33, 7)), draw((40, 7)), p, norm=True)
    cdist(draw((4, 3, 19)), draw((1, 6, 19)), p, norm=True)
    cdist(draw((0, 3)), draw((4, 3)), p)
    cdist(draw((3, 2)), draw((0, 2)), p)
    cdist(draw((3, 0)), draw((2, 0)), p)
    cdist(draw((0, 3, 2)), draw((1, 4, 2)), p)
    # Equal rows, equal coordinates, and largest differences that tie.
    cdist(of([[1, 2], [1, 2], [0, 0.5], [-1, 2]]), of([[1, 2], [2, 3], [0, 1], [1, -2]]), p)
    # The largest difference is NaN if there is one; PyTorch's `cdist` alone passes over it.
    nan, inf = (NAN, INF) if p != INF else (3, 5)
    cdist(of([[1, 2, nan], [INF, 0, 1], [1, 2, 3], [-INF, 0, 1]]), of([[1, 2, 3], [inf, 2, 1], [0, 1, 2]]), p, grad=False)
    cdist(of([[1, 2, nan], [1, 2, 3]]), of([[2, 0, 3], [0, 1, 2]]), p)
    cdist(draw((3, 2)) * 1e10, draw((4, 2)) * 1e10, p)
    cdist(draw((3, 2)) * 1e-8, draw((4, 2)) * 1e-8, p, exact=True)
    cdist(draw((4, 3)) * 0.01 + 1000, draw((5, 3)) * 0.01 + 1000, p, exact=True)
    cdist(draw((3, 5), dtype=f64), draw((4, 5), dtype=f64), p)
    cdist(draw((3, 5), dtype=f16), draw((4, 5), dtype=f16), p, **F16)
    cdist(draw((3, 5), dtype=f16) * 100, draw((4, 5), dtype=f16) * 100, p, **F16)
    cdist(draw((3, 5), dtype=bf16), draw((4, 5), dtype=bf16), p, **BF16)
write("cdist")


def pairwise(a, b, p=2.0, eps=1e-6, keepdim=False, **notes):
    f = lambda a, b: F.pairwise_distance(a, b, p, eps, keepdim)
    case("pairwise_distance", f, a, b, args={"p": str(p), "eps": eps, "keepdim": keepdim}, double=is_single(a), **notes)


for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF):
    pairwise(draw((3, 4)), draw((3, 4)), p)
    pairwise(draw((3, 4)), draw((4,)), p, eps=0.01, keepdim=True)
    pairwise(draw((4,)), draw((4,)), p)
    pairwise(draw((2, 3, 4)), draw((3, 1)), p)
    pairwise(draw((1, 1)), draw((1, 1)), p, keepdim=True)
    pairwise(of([[1, 2, 3], [1, 2, 3], [0, 0, 1]]), of([[1, 2, 3], [2, 1, 4], [0, 1, 0]]), p, eps=0.0)
    pairwise(of([[1, NAN, 3], [INF, 2, 3], [1, 2, 3]]), of([[1, 2, 3], [1, 2, 3], [3, 2, 2]]), p, grad=False)
    pairwise(draw((2, 3)) * 1e8, draw((2, 3)) * 1e8, p)
    if p != INF:
        pairwise(draw((0, 3)), draw((0, 3)), p)
    pairwise(draw((2, 3), dtype=f64), draw((2, 3), dtype=f64), p)
    pairwise(draw((2, 6), dtype=f16), draw((2, 6), dtype=f16), p, eps=0.0, **F16)
    pairwise(draw((2, 6), dtype=bf16), draw((2, 6), dtype=bf16), p, eps=0.0, **BF16)


def cosine(a, b, dim=1, eps=1e-8, **notes):
    case("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, dim, eps), a, b, args={"dim": dim, "eps": eps}, double=is_single(a), **notes)


cosine(draw((3, 4)), draw((3, 4)))
cosine(draw((3, 4)), draw((3, 4)), dim=0)
cosine(draw((2, 3, 4)), draw((4,)), dim=-1)
cosine(draw((3, 1, 4)), draw((1, 2, 4)), dim=2)
cosine(draw((5,)), draw((5,)), dim=0, eps=0.1)
cosine(draw((3, 1)), draw((3, 1)))
cosine(draw((0, 3)), draw((0, 3)))
cosine(draw((3, 0)), draw((3, 0)))
cosine(of([[0, 0], [1, 0], [0, 0], [1, 1]]), of([[1, 2], [0, 0], [0, 0], [-1, -1]]))
cosine(draw((2, 3)) * 1e-5, draw((2, 3)), eps=1e-3)
cosine(draw((2, 3)) * 1e15, draw((2, 3)) * 1e-15, eps=0.0)
cosine(of([[1, NAN], [1, INF], [1, 2]]), of([[1, 2], [1, 2], [2, 4]]), grad=False)
cosine(draw((2, 5), dtype=f64), draw((2, 5), dtype=f64))
cosine(draw((2, 5), dtype=f16), draw((2, 5), dtype=f16), eps=1e-4, **F16)
cosine(draw((2, 5), dtype=bf16), draw((2, 5), dtype=bf16), **BF16)
write("distance")
