"""Writes the goldens of convolutions: python tests/goldens/conv.py

Their terms cancel, so that values are compared by the size of the largest one.
"""

import torch
import torch.nn.functional as F
from golden import *


def conv(n, x, w, bias=True, **options):
    """A convolution over n axes; its options go to the file as they are."""
    inputs = [x, w] + ([draw((w.shape[0],), dtype=w.dtype)] if bias else [])
    case(f"conv{n}d", lambda x, w, b=None: getattr(F, f"conv{n}d")(x, w, b, **options), *inputs, args=options, norm=True)


def transposed(n, x, w, bias=True, **options):
    outputs = w.shape[1] * options.get("groups", 1)
    inputs = [x, w] + ([draw((outputs,), dtype=w.dtype)] if bias else [])
    f = getattr(F, f"conv_transpose{n}d")
    case(f"conv_transpose{n}d", lambda x, w, b=None: f(x, w, b, **options), *inputs, args=options, norm=True)


conv(1, draw((2, 3, 9)), draw((4, 3, 3)))
conv(1, draw((2, 4, 10)), draw((6, 2, 3)), stride=2, padding=2, dilation=2, groups=2)
conv(1, draw((3, 5)), draw((2, 3, 4)), padding="same")
conv(1, draw((0, 3, 5)), draw((2, 3, 4)), padding=1)
conv(1, draw((1, 1, 2)), draw((1, 1, 5)), padding=2)
conv(2, draw((2, 3, 6, 7)), draw((4, 3, 3, 3)), padding=1)
conv(2, draw((2, 3, 6, 7)), draw((4, 3, 3, 2)), bias=False, stride=(2, 3), padding=(1, 0))
conv(2, draw((1, 4, 8, 9)), draw((6, 2, 3, 3)), stride=2, padding=(2, 3), dilation=(2, 1), groups=2)
conv(2, draw((2, 3, 5, 6)), draw((3, 1, 3, 3)), padding=1, groups=3)
conv(2, draw((2, 3, 7, 6)), draw((6, 1, 3, 2)), stride=(2, 1), padding=1, groups=3)
conv(2, draw((2, 5, 4, 3)), draw((7, 5, 1, 1)))
conv(2, draw((2, 5, 5, 4)), draw((3, 5, 1, 1)), stride=2)
conv(2, draw((3, 6, 6)), draw((2, 3, 4, 2)), padding="same", dilation=(1, 2))
conv(2, draw((1, 1, 5, 5)), draw((1, 1, 5, 5)))
conv(2, draw((1, 2, 2, 2)), draw((2, 2, 1, 1)), padding=2)
conv(2, draw((0, 2, 5, 5)), draw((3, 2, 3, 3)))
conv(2, of([[[[1.0, NAN, 2.0], [INF, 0.0, -1.0], [3.0, 1.0, -INF]]]]), of([[[[1.0, 2.0], [0.5, -1.0]]]]), bias=False, padding=1)
conv(2, draw((1, 2, 4, 4), -1e18, 1e18), draw((2, 2, 3, 3), -1e18, 1e18), padding=1)
conv(2, draw((2, 3, 6, 6), dtype=f16), draw((4, 3, 3, 3), -1, 1, dtype=f16), padding=1)
conv(2, draw((2, 3, 6, 6), dtype=bf16), draw((4, 3, 3, 3), -1, 1, dtype=bf16), padding=1)
conv(2, draw((1, 2, 5, 5), dtype=f64), draw((2, 2, 3, 3), dtype=f64), stride=2)
conv(3, draw((1, 2, 4, 5, 3)), draw((3, 2, 2, 3, 2)), padding=1)
conv(3, draw((2, 4, 4, 4, 5)), draw((4, 2, 2, 2, 3)), stride=(1, 2, 2), groups=2)
conv(3, draw((1, 3, 4, 3, 4)), draw((3, 1, 2, 2, 2)), groups=3, dilation=(2, 1, 1))
conv(3, draw((3, 2, 3, 4)), draw((2, 3, 3, 3, 2)), padding="same")

transposed(1, draw((2, 3, 5)), draw((3, 4, 3)))
transposed(1, draw((2, 4, 5)), draw((4, 3, 4)), stride=3, padding=2, output_padding=1, groups=2)
transposed(1, draw((3, 4)), draw((3, 2, 2)), dilation=3)
transposed(2, draw((2, 3, 4, 5)), draw((3, 2, 3, 3)), stride=2, padding=1, output_padding=1)
transposed(2, draw((1, 4, 3, 3)), draw((4, 1, 3, 2)), groups=4, padding=(1, 0))
transposed(2, draw((1, 4, 3, 4)), draw((4, 2, 2, 3)), bias=False, stride=(1, 2), dilation=(2, 1), groups=2)
transposed(2, draw((0, 2, 3, 3)), draw((2, 3, 2, 2)))
transposed(2, draw((2, 2, 3, 3)), draw((2, 3, 2, 2)), stride=2)
transposed(2, draw((1, 2, 3, 3), dtype=f16), draw((2, 2, 3, 3), -1, 1, dtype=f16))
transposed(3, draw((1, 2, 3, 2, 3)), draw((2, 3, 2, 2, 2)), stride=(1, 2, 1))
transposed(3, draw((1, 2, 2, 2, 2)), draw((2, 1, 2, 2, 2)), groups=2, stride=2)
transposed(1, draw((0, 3, 4)), draw((3, 2, 2)), stride=2)
transposed(1, of([[[1.0, NAN, INF, 2.0]]]), of([[[1.0, 0.5, -1.0]]]), bias=False)
transposed(3, draw((2, 3, 2, 4)), draw((2, 2, 2, 1, 3)), stride=2, padding=(1, 0, 1), output_padding=(1, 0, 1))
transposed(3, draw((1, 2, 2, 3, 2)), draw((2, 3, 2, 2, 2)), bias=False, dilation=(1, 2, 1))
transposed(2, draw((1, 2, 3, 3), dtype=bf16), draw((2, 2, 3, 3), -1, 1, dtype=bf16), stride=2)
conv(1, draw((2, 3, 9), dtype=bf16), draw((4, 3, 3), -1, 1, dtype=bf16), padding=1)
conv(3, draw((1, 2, 3, 4, 3), dtype=f16), draw((2, 2, 2, 2, 2), -1, 1, dtype=f16))
conv(3, draw((0, 2, 3, 3, 3)), draw((2, 2, 2, 2, 2)))
write("conv")
