"""Values of functions to 32 digits, by mpmath: what the references of tests/integration/accuracy.rs are checked with.

One line per case: the op, the bits of its arguments, and the value as the bits of two `f64` whose sum, times 2 to the power
of the last number, it is.
"""

import pathlib, random, struct
import mpmath as mp

mp.mp.prec = 2400
draw = random.Random(20240607)
SELU = (mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717"))
sigmoid = lambda x: 1 / (1 + mp.exp(-x))
softplus = lambda x: mp.log1p(mp.exp(x)) if x > -2000 else mp.exp(x)
UNARY = {
    "exp": mp.exp, "exp2": lambda x: mp.mpf(2) ** x, "expm1": mp.expm1, "log": mp.log, "log2": lambda x: mp.log(x) / mp.log(2),
    "log1p": mp.log1p, "rsqrt": lambda x: 1 / mp.sqrt(x), "reciprocal": lambda x: 1 / x,
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh,
    "asin": mp.asin, "acos": mp.acos, "atan": mp.atan, "erf": mp.erf, "sigmoid": sigmoid, "softplus": softplus,
    "selu": lambda x: SELU[0] * (x if x > 0 else SELU[1] * mp.expm1(x)),
    "gelu": lambda x: x / 2 * mp.erfc(-x / mp.sqrt(2)),
    "gelu_tanh": lambda x: x * sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)),
    "silu": lambda x: x * sigmoid(x), "mish": lambda x: x * mp.tanh(softplus(x)),
}
BINARY = {"pow": lambda a, b: a**b, "atan2": mp.atan2}
BELOW = {"elu": lambda x, alpha: alpha * mp.expm1(x), "celu": lambda x, alpha: alpha * mp.expm1(x / alpha)}
POSITIVE, UNIT = {"log", "log2", "rsqrt"}, {"asin", "acos"}
BOUNDED = {"exp", "exp2", "expm1", "sinh", "cosh", "sigmoid", "softplus", "selu", "gelu", "gelu_tanh", "silu", "mish", "erf", "elu"}


def argument(op):
    while True:
        sign = 1 if op in POSITIVE else draw.choice([-1, 1])
        wide = draw.random() < 0.3 and op not in BOUNDED
        x = sign * draw.uniform(1, 2) * 2.0 ** (draw.uniform(-1020, 1020) if wide else draw.uniform(-30, 9.4))
        if op in {"gelu", "gelu_tanh"} and abs(x) > 37 or op == "log1p" and x <= -1 or op in UNIT and abs(x) >= 1:
            continue
        return x


def line(op, args, value):
    assert value != 0
    exponent = int(mp.floor(mp.log(abs(value), 2)))
    value = mp.ldexp(value, -exponent)
    high = float(value)
    bits = [f"{struct.unpack('<Q', struct.pack('<d', v))[0]:016x}" for v in [*args, high, float(value - mp.mpf(high))]]
    return " ".join([op, *bits, str(exponent)])


lines = []
for op, f in UNARY.items():
    for _ in range(40):
        x = argument(op)
        lines.append(line(op, [x], f(mp.mpf(x))))
for op, f in BINARY.items():
    for _ in range(40):
        a, b = abs(argument("sin")), argument("log2") % 300 * draw.choice([-1, 1])
        if op == "pow" and abs(b * mp.log(a)) > 700:
            b = draw.uniform(-1, 1) * 700 / float(mp.log(a))
        lines.append(line(op, [a, b], f(mp.mpf(a), mp.mpf(b))))
for op, f in BELOW.items():
    for _ in range(40):
        x, alpha = -abs(argument("elu")), abs(argument("elu"))
        lines.append(line(op, [x, alpha], f(mp.mpf(x), mp.mpf(alpha))))
path = pathlib.Path(__file__).parent / "accuracy.txt"
path.write_text("\n".join(lines) + "\n")
