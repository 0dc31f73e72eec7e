"""Writes the goldens of values and gradients at NaN, infinities, ties and zeros: python tests/goldens/selection.py

What is not chosen must not show: 0 times infinity is NaN.
"""

import torch
import torch.nn.functional as F
from golden import *

POINTS = of([NAN, INF, -INF, 0.0, -0.0, 3.0, -3.0, 1.0, -1.0, 0.5, -0.5, 1e20, -1e20])
for name, f in {
    "relu": F.relu, "selu": F.selu, "hardsigmoid": F.hardsigmoid, "abs": torch.abs,
    "softplus": F.softplus, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "square": torch.square, "exp": torch.exp, "erf": torch.erf,
    "atan": torch.atan, "reciprocal": torch.reciprocal,
}.items():
    case(name, f, POINTS)
# hardswish(-inf) is NaN: -inf times 0.
case("hardswish", F.hardswish, POINTS)
case("elu", lambda x: F.elu(x, 1.5), POINTS, args={"alpha": 1.5})
case("celu", lambda x: F.celu(x, 1.5), POINTS, args={"alpha": 1.5})
case("leaky_relu", lambda x: F.leaky_relu(x, 0.1), POINTS, args={"slope": 0.1})
case("clamp", lambda x: x.clamp(-1, 1), POINTS, args={"low": -1.0, "high": 1.0})

A = of([NAN, 1.0, NAN, 1.0, INF, INF, 2.0, -INF, -INF, 0.0])
B = of([1.0, NAN, NAN, 1.0, 1.0, INF, 1.0, 1.0, -INF, -0.0])
case("maximum", torch.maximum, A, B)
case("minimum", torch.minimum, A, B)
BASE = of([0.0, 0.0, 0.0, 0.0, 0.0, 2.0, -2.0, INF, 2.0, NAN, 0.0, 1.0, INF])
POWER = of([0.0, 2.0, 1.0, -1.0, 0.5, 0.0, 2.0, 2.0, INF, 0.0, NAN, NAN, 0.0])
case("pow", torch.pow, BASE, POWER)
case("atan2", torch.atan2, of([0.0, 0.0, 1.0, NAN, 3.0]), of([0.0, -1.0, 0.0, 1.0, -4.0]))

# PyTorch's amax loses all gradients of a row with a NaN, its max shares them among the NaNs.
for values in ([1.0, NAN, 2.0], [NAN, NAN, 1.0], [INF, 1.0, INF], [-INF, -INF, -INF], [2.0, 2.0, 1.0], [0.0, -0.0, -1.0]):
    case("max", torch.max, of(values))
    case("min", torch.min, of(values))
for values in ([0.0, 3.0, 4.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0], [1.0, NAN, 2.0]):
    case("prod", torch.prod, of(values))
for values in ([5.0], [2.0, 2.0, 2.0], [1.0, NAN, 2.0]):
    case("std", torch.std, of(values))
    case("var", torch.var, of(values))
for values in ([-INF, 1.0, 2.0], [1.0, NAN, 2.0], [INF, 1.0, 2.0]):
    case("softmax", lambda x: x.softmax(-1), of(values))
    case("log_softmax", lambda x: x.log_softmax(-1), of(values), grad=False)
    case("logsumexp", lambda x: x.logsumexp(-1), of(values))

LOGITS = of([[1.0, 2.0, -INF], [0.5, -INF, 3.0]])
IDS = of([1, 2], i64)
WEIGHT = of([1.0, 2.0, 3.0])


def classes(x, ids, weight=None, **options):
    inputs = [x, ids] + ([] if weight is None else [weight])
    call = lambda x, t, w=None: F.cross_entropy(x, t, w if w is None else w.detach(), **options)
    case("cross_entropy", call, *inputs, args=options)


classes(LOGITS, IDS)
classes(LOGITS, IDS, WEIGHT)
classes(LOGITS, IDS, WEIGHT, label_smoothing=0.1)
classes(LOGITS, IDS, label_smoothing=0.1)
# PyTorch's gradient of a row that is ignored is NaN where its scores are: ours is 0, so that only the loss is compared.
BROKEN = of([[1.0, 2.0, NAN], [0.5, 1.0, 3.0], [-INF, -INF, -INF], [INF, 0.0, 1.0]])
case("cross_entropy", lambda x, t: F.cross_entropy(x, t, ignore_index=7), BROKEN, of([7, 2, 7, 7], i64), args={"ignore_index": 7}, grad=False)

for p, y in ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.25, 0.0)):
    case("bce", lambda p, y: F.binary_cross_entropy(p, y.detach()), of([p]), of([y]))
for x, y in ((INF, 0.0), (NAN, 0.0), (100.0, 1.0), (-100.0, 0.0), (100.0, 0.0), (-3.0, 0.25)):
    case("bce_with_logits", F.binary_cross_entropy_with_logits, of([x]), of([y]))
FAR = of([INF, -INF, 1e30, -1e30, 0.0, 0.5, 1.0])
case("smooth_l1", lambda x: F.smooth_l1_loss(x, torch.zeros(7), reduction="none"), FAR)
case("l1", lambda x: F.l1_loss(x, torch.zeros(7), reduction="none"), FAR)

Q, K, V = draw((2, 3, 4), -1, 1), draw((2, 5, 4), -1, 1), draw((2, 5, 2), -1, 1)
HIDDEN = torch.zeros(3, 5)
HIDDEN[1] = -INF
HIDDEN[2, :2] = -INF
case("attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m.detach()), Q, K, V, HIDDEN)
case("attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), Q, K, V, HIDDEN == 0)

ZERO, ONES = of([[0.0, 0.0, 0.0], [1.0, 0.0, -1.0]]), of([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
for p in (1.0, 2.0, 3.0, 1.5, 0.5, INF):
    args = {"p": "inf" if p == INF else p}
    case("pairwise_distance", lambda x, y: F.pairwise_distance(x, y, p, 0.0), ZERO, ONES, args=args)
    case("cdist", lambda x, y: torch.cdist(x, y, p), ZERO, of([[0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]), args=args)
case("layer_norm", lambda x: F.layer_norm(x, (3,)), ZERO, rtol=1e-4)
case("rms_norm", lambda x: F.rms_norm(x, (3,), eps=1e-5), ZERO)
case("where", lambda c, x: torch.where(c, x, x.exp()), of([True, False, True], boolean), of([1000.0, 1.0, -INF]))
write("selection")
