// Functions of two f32.

fn maximum_f32(a: F, b: F) -> F {
    return select(select(b, a, a > b), a, is_nan(a));
}

fn minimum_f32(a: F, b: F) -> F {
    return select(select(b, a, a < b), a, is_nan(a));
}

// The quotient of the magnitudes of two numbers as a whole number, and what it leaves of the first; right for quotients
// below 2^12, where products with halves of b are exact.
fn divide_f32(a: F, b: F) -> array<F, 2> {
    let q = floor(a / b);
    let high = bitcast<F>(bitcast<U>(b) & U(0xfffff000u));
    // The mask takes nothing away, but keeps compilers from adding the halves.
    let r = (a - q * high) - bitcast<F>(bitcast<U>(q) & U(0xfffff000u)) * (b - high);
    // The quotient was rounded, perhaps to the next whole number.
    let below = r < F(0.0);
    let above = r >= b;
    let whole = q + select(F(0.0), F(1.0), above) - select(F(0.0), F(1.0), below);
    let rest = r + select(F(0.0), b, below) - select(F(0.0), b, above);
    let smaller = a < b;
    return array<F, 2>(select(whole, F(0.0), smaller), select(rest, a, smaller));
}

// The biased exponent of a magnitude, which goes on below 1 for subnormal numbers.
fn biased_exponent_f32(x: F) -> I {
    let small = x < F(1e-30);
    return bitcast<I>(bitcast<U>(select(x, x * 16777216.0, small)) >> U(23u)) - select(I(0), I(24), small);
}

// How often b must be doubled until a is less than 2^12 times as large; of magnitudes.
fn excess_f32(a: F, b: F) -> I {
    let excess = biased_exponent_f32(a) - biased_exponent_f32(b) - I(11);
    return select(I(0), max(excess, I(0)), (b > F(0.0)) & (bitcast<U>(a) < U(0x7f800000u)));
}

// x * 2^n for n up to 278.
fn doubled_f32(x: F, n: I) -> F {
    let many = n > I(240);
    return scale_f32(select(x, x * 16777216.0, many), n - select(I(0), I(24), many));
}

// The whole number that goes with the remainder, correctly rounded.
fn floor_divide_f32(a: F, b: F) -> F {
    let y = abs(b);
    let sign = bitcast<F>(bitcast<U>(a) ^ bitcast<U>(b));
    // Long division, 7 bits at a time after the first 12. It has one turn where the quotient is small.
    var left = excess_f32(abs(a), y);
    var part = divide_f32(abs(a), doubled_f32(y, left));
    var q = U(part[0]);
    // Bits of the quotient that are not kept: how many, whether one is 1, and whether all are.
    var lost = I(0);
    var some = B(false);
    var ones = B(true);
    while any(left > I(0)) {
        let step = min(left, I(7));
        left -= step;
        part = divide_f32(part[1], doubled_f32(y, left));
        let digit = U(part[0]);
        let keep = q < U(0x1000000u);
        q = select(q, (q << bitcast<U>(step)) | digit, keep);
        lost += select(step, I(0), keep);
        some = some | (!keep & (digit > U(0u)));
        ones = ones & (keep | (digit == (U(1u) << bitcast<U>(step)) - U(1u)));
    }
    // Down to the next whole number, if the quotient is negative.
    let down = (bitcast<I>(sign) < I(0)) & (part[1] > F(0.0));
    let carry = down & ((lost == I(0)) | ones);
    q += select(U(0u), U(1u), carry);
    // To 24 bits, to nearest, ties to even; with 1 more than all ones, nothing is left of the bits that are not kept.
    let extra = U(max(I(8) - bitcast<I>(countLeadingZeros(q)), I(0)));
    let half = (U(1u) << extra) >> U(1u);
    let rest = q & ((U(1u) << extra) - U(1u));
    let top = q >> extra;
    let uneven = ((top & U(1u)) == U(1u)) | ((some | down) & (lost > I(0)) & !carry);
    let up = (rest > half) | ((rest == half) & (half > U(0u)) & uneven);
    let whole = scale_f32(F(top + select(U(0u), U(1u), up)), min(bitcast<I>(extra) + lost, I(250)));
    // By 0 it is the quotient; of infinity there is none.
    let nan = bitcast<F>(bitcast<U>(a) | U(0x7fc00000u));
    let edge = select(select(with_sign_f32(whole, sign), nan, is_inf(a) | is_nan(a)), a / b, b == F(0.0));
    return select(edge, b, is_nan(b));
}

// What the division leaves of a, with the sign of b.
fn remainder_f32(a: F, b: F) -> F {
    let y = abs(b);
    var left = excess_f32(abs(a), y);
    var r = divide_f32(abs(a), doubled_f32(y, left))[1];
    while any(left > I(0)) {
        left = max(left - I(11), I(0));
        r = divide_f32(r, doubled_f32(y, left))[1];
    }
    let differ = bitcast<I>(bitcast<U>(a) ^ bitcast<U>(b)) < I(0);
    let rest = with_sign_f32(select(r, y - r, differ & (r > F(0.0))), b);
    let nan = bitcast<F>(bitcast<U>(a) | U(0x7fc00000u));
    return select(select(rest, nan, is_inf(a) | is_nan(a) | (b == F(0.0))), b, is_nan(b));
}

// The power of a positive finite base: 2^(b * log2(a)), with the logarithm as a sum of two floats.
fn pow_positive_f32(a: F, b: F) -> F {
    let e = exponent_f32(a);
    let m = mantissa_f32(a);
    // log(m) = 2 atanh(s); s as a sum of two floats, products by halves of 12 bits. Terms that are added up must not have
    // factors in common, nor be what was added before: drivers merge such terms, and round them. Masks hide that.
    let f = m - F(1.0);
    let d = m + F(1.0);
    let s = f / d;
    let sh = bitcast<F>(bitcast<U>(s) & U(0xfffff000u));
    let dh = bitcast<F>(bitcast<U>(d) & U(0xfffff000u));
    let rest = (f - sh * dh) - bitcast<F>(bitcast<U>(sh) & U(0xffffff00u)) * (m - (dh - F(1.0)));
    let sl = rest / d;
    let z = s * s;
    let tail = s * z * (((F(0.23336811) * z + F(0.28550587)) * z + F(0.400001239)) * z + F(0.666666666));
    // log2(a) = e + 2 / ln(2) * (sh + sl) + tail / ln(2); the constant's first half has 12 bits.
    let high = sh * 2.884765625;
    let low = s * 0.0006244567779 + sl * 2.884765625 + tail * 1.4426950408889634;
    let top = bitcast<F>(bitcast<U>(e + high) & U(0xffffff00u));
    let lost = (e - top) + high;
    let log_low = low + lost;
    let bh = bitcast<F>(bitcast<U>(b) & U(0xfffff000u));
    let whole = top + log_low;
    let th = bitcast<F>(bitcast<U>(whole) & U(0xfffff000u));
    let tl = (top - th) + log_low;
    let product = bh * th;
    let rest_product = (b - bh) * (whole - tl) + b * tl;
    let n = round(clamp(product + rest_product, F(-150.0), F(129.0)));
    let r = clamp((product - n) + rest_product, F(-1.0), F(1.0)) * 0.6931471805599453;
    let y = scale_f32(F(1.0) + (r + r * r * exp_tail_f32(r)), I(n));
    let over = product + rest_product;
    return select(select(y, bitcast<F>(U(0x7f800000u)), over > F(129.0)), F(0.0), over < F(-150.0));
}

fn pow_f32(a: F, b: F) -> F {
    let magnitude = abs(a);
    let infinity = bitcast<F>(U(0x7f800000u));
    let whole = (floor(b) == b) | is_inf(b);
    let odd = whole & (abs(b) < F(16777216.0)) & (floor(b * 0.5) != b * 0.5);
    let edge = (magnitude == F(0.0)) | is_inf(a);
    let grows = (magnitude == F(0.0)) == (b < F(0.0));
    var y = pow_positive_f32(select(magnitude, F(1.0), edge | is_nan(a)), select(b, F(0.0), is_inf(b) | is_nan(b)));
    y = select(y, select(F(0.0), infinity, grows), edge);
    let far = (magnitude > F(1.0)) == (b > F(0.0));
    y = select(y, select(F(0.0), infinity, far), is_inf(b));
    let negative = (bitcast<U>(a) >> U(31u)) == U(1u);
    y = select(y, -y, negative & odd);
    let nan = bitcast<F>(U(0x7fc00000u) | (bitcast<U>(a) & U(1u)));
    y = select(y, nan, (a < F(0.0)) & !is_inf(a) & !whole);
    y = select(y, nan, is_nan(a) | is_nan(b));
    return select(y, F(1.0), (b == F(0.0)) | (a == F(1.0)) | ((magnitude == F(1.0)) & is_inf(b)));
}

fn atan2_f32(y: F, x: F) -> F {
    let ay = abs(y);
    let ax = abs(x);
    let both = is_inf(ay) & is_inf(ax);
    let large = select(ax, ay, ay > ax);
    let small = select(ay, ax, ay > ax);
    let ratio = select(select(small / large, F(0.0), large == F(0.0)), F(1.0), both);
    let near = atan_f32(ratio);
    let first = select(near, F(1.5707963267948966) - near, ay > ax);
    let angle = select(first, F(3.141592653589793) - first, (bitcast<U>(x) >> U(31u)) == U(1u));
    let signed = bitcast<F>((bitcast<U>(angle) & U(0x7fffffffu)) | (bitcast<U>(y) & U(0x80000000u)));
    return select(select(signed, x, is_nan(x)), y, is_nan(y));
}

fn leaky_relu_f32(x: F, slope: F) -> F {
    return select(x * slope, x, x > F(0.0));
}

fn elu_f32(x: F, alpha: F) -> F {
    return select(x, expm1_f32(x) * alpha, x < F(0.0));
}

fn celu_f32(x: F, alpha: F) -> F {
    let ratio = x / alpha;
    // A ratio that is still smaller may be subnormal and lack digits; the curve is straight there.
    let straight = abs(ratio) < F(1e-20);
    return select(x, expm1_f32(ratio) * alpha, (x < F(0.0)) & !straight);
}
