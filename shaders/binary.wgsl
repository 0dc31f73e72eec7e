// Functions of two f32.

fn maximum_f32(a: F, b: F) -> F {
    return select(select(b, a, a > b), a, is_nan(a));
}

fn minimum_f32(a: F, b: F) -> F {
    return select(select(b, a, a < b), a, is_nan(a));
}

// The whole number that goes with the remainder.
fn floor_divide_f32(a: F, b: F) -> F {
    let q = floor((a - remainder_f32(a, b)) / b + F(0.5));
    let side = select(F(-1.0), F(0.0), (a == F(0.0)) | ((a < F(0.0)) == (b < F(0.0))));
    let finite = select(q, side, is_inf(b) & !is_inf(a) & !is_nan(a));
    return select(finite, a / b, (b == F(0.0)) | (is_inf(a / b) & !is_inf(a)));
}

// The remainder of truncated division, exact for quotients of up to 12 bits by halves of b; the sign is then moved to
// that of b.
fn remainder_f32(a: F, b: F) -> F {
    let q = trunc(a / b);
    let high = bitcast<F>(bitcast<U>(b) & U(0xfffff000u));
    let r = (a - q * high) - q * (b - high);
    let step = r + b;
    let y = select(r, step, (r != F(0.0)) & ((r < F(0.0)) != (b < F(0.0))));
    return select(y, select(b, a, (a == F(0.0)) | ((a < F(0.0)) == (b < F(0.0)))), is_inf(b) & !is_inf(a) & !is_nan(a));
}

// The power of a positive finite base: 2^(b * log2(a)), with the logarithm as a sum of two floats.
fn pow_positive_f32(a: F, b: F) -> F {
    let e = exponent_f32(a);
    let m = mantissa_f32(a);
    // log(m) = 2 atanh(s); s as a sum of two floats, products by halves of 12 bits.
    let f = m - F(1.0);
    let d = m + F(1.0);
    let d_low = m - (d - F(1.0));
    let s = f / d;
    let sh = bitcast<F>(bitcast<U>(s) & U(0xfffff000u));
    let dh = bitcast<F>(bitcast<U>(d) & U(0xfffff000u));
    let rest = ((f - sh * dh) - sh * (d - dh)) - sh * d_low;
    let sl = rest / d;
    let z = s * s;
    let tail = s * z * (((F(0.23336811) * z + F(0.28550587)) * z + F(0.400001239)) * z + F(0.666666666));
    // log2(a) = e + 2 / ln(2) * (sh + sl) + tail / ln(2); the constant's first half has 12 bits.
    let high = sh * 2.884765625;
    let low = sh * 0.0006244559 + sl * 2.885390081777927 + tail * 1.4426950408889634;
    let top = e + high;
    let lost = (e - top) + high;
    let log_low = low + lost;
    let bh = bitcast<F>(bitcast<U>(b) & U(0xfffff000u));
    let th = bitcast<F>(bitcast<U>(top + log_low) & U(0xfffff000u));
    let tl = (top - th) + log_low;
    let product = bh * th;
    let rest_product = (b - bh) * th + b * tl;
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
