"""Writes the goldens of interpolation, unfold and fold: python tests/goldens/resample.py"""

import torch
import torch.nn.functional as F
from golden import *

MODES = {("linear", 1): "linear", ("linear", 2): "bilinear", ("linear", 3): "trilinear", ("cubic", 2): "bicubic"}


def resize(x, mode="nearest", **target):
    """`target` is size or scale_factor, and align_corners."""
    n = x.dim() - 2
    torch_mode = MODES.get((mode, n), mode)
    f = lambda x: F.interpolate(x, mode=torch_mode, **target)
    case(f"interpolate{n}", f, x, args={"mode": mode, **target}, norm=True, **HALF.get(x.dtype, {}))


HALF = {
    f16: {"rtol": 2e-3, "why": "PyTorch rounds its weights or the sums of gradients to halves"},
    bf16: {"rtol": 2e-2, "why": "PyTorch rounds its weights or the sums of gradients to halves"},
}
for mode in ("nearest", "nearest-exact"):
    resize(draw((2, 3, 5)), mode, size=(8,))
    resize(draw((1, 2, 7)), mode, scale_factor=(0.4,))
    resize(draw((2, 2, 3, 4)), mode, size=(5, 3))
    resize(draw((1, 1, 1, 1)), mode, size=(3, 2))
    resize(draw((2, 1, 4, 6)), mode, scale_factor=(1.7, 0.6))
    resize(draw((1, 2, 2, 3, 2)), mode, size=(3, 2, 5))
resize(of([[[1, 2, 3]]], u8), "nearest", size=(7,))
resize(draw((1, 2, 3, 3), dtype=f16), "nearest", size=(6, 6))
resize(draw((1, 2, 3, 3), dtype=f64), "nearest", size=(4, 7))
for align_corners in (False, True):
    for mode in ("linear", "cubic"):
        resize(draw((2, 3, 4, 5)), mode, size=(7, 3), align_corners=align_corners)
        resize(draw((1, 2, 5, 4)), mode, scale_factor=(0.5, 2.3), align_corners=align_corners)
        resize(draw((1, 1, 1, 3)), mode, size=(4, 1), align_corners=align_corners)
        resize(draw((2, 1, 3, 3), -1e18, 1e18), mode, size=(5, 5), align_corners=align_corners)
        resize(draw((1, 2, 3, 4), dtype=f64), mode, size=(6, 7), align_corners=align_corners)
        resize(draw((1, 2, 3, 4), dtype=f16), mode, size=(6, 7), align_corners=align_corners)
        resize(draw((1, 2, 3, 4), dtype=bf16), mode, size=(6, 7), align_corners=align_corners)
    resize(draw((2, 3, 5)), "linear", size=(9,), align_corners=align_corners)
    resize(draw((1, 1, 6)), "linear", scale_factor=(0.7,), align_corners=align_corners)
    resize(draw((1, 2, 2, 3, 4)), "linear", size=(3, 2, 6), align_corners=align_corners)
resize(of([[[[1.0, NAN, 2.0], [INF, 0.0, -1.0]]]]), "linear", size=(3, 5), align_corners=False)


def unfold(x, kernel_size, **options):
    case("unfold", lambda x: F.unfold(x, kernel_size, **options), x, args={"kernel_size": kernel_size, **options})


def fold(x, output_size, kernel_size, **options):
    args = {"output_size": output_size, "kernel_size": kernel_size, **options}
    # Large terms may cancel.
    case("fold", lambda x: F.fold(x, output_size, kernel_size, **options), x, args=args, norm=True)


unfold(draw((2, 3, 5, 6)), (2, 3))
unfold(draw((2, 1, 4, 4)), 3, padding=1)
unfold(draw((1, 2, 7, 6)), (3, 2), stride=(2, 3), padding=(1, 2), dilation=(2, 1))
unfold(draw((3, 4, 4)), 2, stride=2)
unfold(draw((0, 2, 3, 3)), 2)
unfold(draw((1, 1, 1, 1)), 1)
unfold(of([[[[1.0, NAN], [INF, -INF]]]]), 2, padding=1)
unfold(draw((1, 2, 4, 4), dtype=f16), (2, 2), stride=2)
fold(draw((2, 18, 20)), (5, 7), (2, 3))
fold(draw((1, 9, 16)), (4, 4), 3, padding=1)
fold(draw((1, 12, 9)), (7, 6), (3, 2), stride=(2, 3), padding=(1, 2), dilation=(2, 1))
fold(draw((12, 4)), (4, 4), 2, stride=2)
fold(draw((0, 8, 4)), (3, 3), 2)
fold(draw((1, 1, 1)), (1, 1), 1)
fold(draw((1, 4, 9), -1e30, 1e30), (4, 4), 2)
fold(draw((1, 8, 4), dtype=f16), (4, 4), (2, 2), stride=2)
for align_corners in (False, True):
    for size in ((3, 4), (9, 2), (12, 15), (1, 1)):
        resize(draw((2, 1, 7, 11)), "linear", size=size, align_corners=align_corners, antialias=True)
resize(draw((1, 2, 6, 5), dtype=f64), "linear", size=(4, 3), align_corners=False, antialias=True)
resize(draw((1, 1, 40, 3)), "linear", size=(3, 3), align_corners=False, antialias=True)
write("resample")
