"""Writes the goldens of pooling: python tests/goldens/pool.py"""

import torch
import torch.nn.functional as F
from golden import *


def pool(op, x, kernel, **options):
    args = {"kernel_size": kernel, **options}
    f = getattr(F, op)
    case(op, lambda x: f(x, kernel, **options), x, args=args, norm=op.startswith("avg"))
    if op.startswith("max"):
        n = op[-2]
        indices = lambda x: F.__dict__[f"max_pool{n}d"](x, kernel, return_indices=True, **options)[1]
        case(f"{op}_indices", indices, x, args=args, grad=False)


def adaptive(op, x, size):
    case(op, lambda x: getattr(F, op)(x, size), x, args={"output_size": size}, norm="avg" in op)


TIES = of([[[[1, 1, 0, 2], [1, 1, 2, 2], [0, -1, NAN, 3], [-1, 0, 3, NAN]]]])
LOW = of([[[[-INF, -INF, 1, INF], [-INF, -INF, INF, 2], [5, 4, -INF, 0]]]])
pool("max_pool1d", draw((2, 3, 8)), 2)
pool("max_pool1d", draw((3, 9)), 3, stride=2, padding=1, ceil_mode=True)
pool("max_pool1d", draw((1, 2, 12)), 4, stride=1, dilation=2)
pool("max_pool1d", draw((1, 1, 12)), 11, stride=1, padding=5)
pool("max_pool2d", draw((2, 3, 6, 8)), 2)
pool("max_pool2d", draw((2, 2, 7, 5)), 2)
pool("max_pool2d", draw((2, 2, 7, 6)), 3, stride=2, padding=1)
pool("max_pool2d", draw((1, 2, 7, 6)), (3, 2), stride=(2, 3), padding=(1, 0), dilation=(2, 1), ceil_mode=True)
pool("max_pool2d", draw((1, 2, 6, 6)), (2, 3), stride=(3, 3), ceil_mode=True)
pool("max_pool2d", draw((1, 1, 8, 9)), 5, stride=2, padding=2)
pool("max_pool2d", draw((3, 5, 5)), 3, stride=3, padding=1, ceil_mode=True)
pool("max_pool2d", draw((0, 2, 4, 4)), 2)
pool("max_pool2d", TIES, 2)
pool("max_pool2d", LOW, 2, stride=1, padding=1)
pool("max_pool2d", draw((1, 2, 5, 6), dtype=f16), 2)
pool("max_pool2d", draw((1, 2, 5, 6), dtype=bf16), 3, stride=1, padding=1)
pool("max_pool2d", draw((1, 2, 5, 6), dtype=f64), 2, ceil_mode=True)
pool("max_pool3d", draw((1, 2, 4, 5, 4)), 2)
pool("max_pool3d", draw((1, 1, 4, 5, 6)), (3, 2, 2), stride=(1, 2, 2), padding=1)

pool("avg_pool1d", draw((2, 3, 8)), 2)
pool("avg_pool1d", draw((3, 9)), 4, stride=3, padding=2, ceil_mode=True)
pool("avg_pool2d", draw((2, 3, 6, 8)), 2)
pool("avg_pool2d", draw((1, 2, 7, 6)), 3, stride=2, padding=1, count_include_pad=False)
pool("avg_pool2d", draw((1, 2, 7, 6)), (3, 2), stride=(2, 3), padding=(1, 1), ceil_mode=True)
pool("avg_pool2d", draw((1, 2, 7, 6)), 4, stride=1, padding=2, ceil_mode=True, count_include_pad=False)
pool("avg_pool2d", draw((2, 5, 5)), 2, divisor_override=3)
pool("avg_pool2d", draw((0, 2, 4, 4)), 2)
pool("avg_pool2d", LOW, 2)
pool("avg_pool2d", draw((1, 2, 5, 6), dtype=f16), 2)
pool("avg_pool2d", draw((1, 2, 5, 6), dtype=bf16), 3)
pool("avg_pool3d", draw((1, 2, 4, 5, 4)), 2)

for size in (1, 3, 5, 9):
    adaptive("adaptive_avg_pool1d", draw((2, 2, 7)), size)
    adaptive("adaptive_max_pool1d", draw((2, 7)), size)
for size in ((1, 1), (2, 3), (7, 4), (5, 9)):
    adaptive("adaptive_avg_pool2d", draw((2, 3, 6, 7)), size)
    adaptive("adaptive_max_pool2d", draw((1, 2, 6, 7)), size)
adaptive("adaptive_avg_pool2d", draw((2, 4, 4), dtype=f16), (3, 3))
adaptive("adaptive_max_pool2d", TIES, (3, 2))
adaptive("adaptive_avg_pool2d", draw((0, 2, 4, 4)), (3, 2))
pool("max_pool3d", draw((2, 1, 3, 3, 3), dtype=f16), 3, padding=1, ceil_mode=True)
pool("max_pool3d", of([[[[1.0, 1.0], [NAN, 0.0]], [[INF, -INF], [1.0, 1.0]]]]), (1, 2, 2), stride=1)
pool("avg_pool1d", draw((0, 2, 6)), 3)
pool("avg_pool1d", of([[[1.0, INF, -INF, NAN, 2.0, 3e38, 3e38]]]), 2, stride=1)
pool("avg_pool1d", draw((1, 2, 9), dtype=bf16), 3, padding=1, count_include_pad=False)
pool("avg_pool3d", draw((2, 5, 4, 6)), (2, 3, 1), stride=(1, 2, 3), padding=(1, 1, 0), ceil_mode=True)
pool("avg_pool3d", draw((1, 1, 3, 3, 3)), 2, stride=1, padding=1, count_include_pad=False)
pool("avg_pool3d", draw((1, 1, 2, 2, 2)), 2, divisor_override=5)
for size in ((1, 1, 1), (2, 3, 1), (5, 2, 4), (3, 3, 3)):
    adaptive("adaptive_avg_pool3d", draw((1, 2, 4, 3, 5)), size)
    adaptive("adaptive_max_pool3d", draw((2, 4, 3, 5)), size)
write("pool")
