"""Writes scan.jsonl: what PyTorch makes of cumulative sums, products, extremes and logarithms of sums.

    pip install "torch>=2.4" numpy && python tests/goldens/scan.py
"""

from golden import *

FLOATS = [draw((7,)), draw((3, 5)), draw((2, 3, 4)), draw((1, 6, 1)), of([[2.0, 0.0, 3.0, 0.0, 4.0], [0.0, 1.5, 2.0, 3.0, 0.5]])]
TIES = [of([[1.0, 3.0, 3.0, 2.0, 3.0], [-1.0, -1.0, -2.0, -2.0, 0.0]])]
HARD = [
    of([[1.0, INF, 2.0, -INF, 3.0], [-INF, -INF, 1.0, INF, INF], [1.0, NAN, 2.0, NAN, INF], [0.0, -0.0, 0.0, -0.0, 1.0]])
]
SCANS = {"cumsum": torch.cumsum, "cumprod": torch.cumprod, "logcumsumexp": torch.logcumsumexp,
    "cummax": torch.cummax, "cummin": torch.cummin}


def scan(op, f, x, axis, grad=True, **notes):
    # The positions have no gradient, so that the values alone are differentiated.
    if op in ("cummax", "cummin"):
        case(op, lambda x: f(x, axis)[0], x, args=[axis, "values"], grad=grad, **notes)
        case(op, lambda x: f(x, axis)[1], x, args=[axis, "positions"], grad=False, **notes)
        return
    # 64-bit unsigned sums of unsigned numbers, as in NumPy.
    wide = torch.uint64 if x.dtype == u8 else None
    case(op, lambda x: f(x, axis).to(wide) if wide else f(x, axis), x, args=[axis], grad=grad, **notes)


for op, f in SCANS.items():
    for x in FLOATS + (TIES if op.startswith("cumm") else []):
        for axis in range(x.dim()):
            scan(op, f, x, axis)
            scan(op, f, x.to(f64), axis - x.dim())
    for half in (f16, bf16):
        scan(op, f, draw((3, 4), 0.5, 1.5, dtype=half), 1, grad=False)
    for x in HARD:
        for axis in (0, 1):
            scan(op, f, x, axis, grad=False)
    if op != "logcumsumexp":
        for dtype in (i32, i64, u8, boolean):
            x = of([[1, 0, 3], [7, 2, 2]], dtype) if dtype != boolean else of([[True, False, True], [True, True, True]], boolean)
            scan(op, f, x, 1)
    scan(op, f, torch.zeros(0, 3), 0)
    scan(op, f, torch.zeros(0, 3), 1)
    scan(op, f, of(2.5), 0)
write("scan")
