// Functions of f64, for which WGSL has arithmetic alone. D is vec4<f64>, L vec4<i64>, W vec4<u64>.

fn f64_from_words(low: u32, high: u32) -> f64 {
    return bitcast<f64>((u64(high) << 32u) | u64(low));
}

fn constant_f64(bits: u64) -> D {
    var b = bits;
    return D(bitcast<f64>(b));
}

fn lowest_f64() -> f64 {
    return constant_f64(0xfff0000000000000lu).x;
}

fn highest_f64() -> f64 {
    return constant_f64(0x7ff0000000000000lu).x;
}

fn is_nan_f64(x: D) -> B {
    return (bitcast<W>(x) & W(0x7ffffffffffffffflu)) > W(0x7ff0000000000000lu);
}

fn is_inf_f64(x: D) -> B {
    return (bitcast<W>(x) & W(0x7ffffffffffffffflu)) == W(0x7ff0000000000000lu);
}

fn opaque_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) ^ W(u64(zero_word())));
}

fn abs_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) & W(0x7ffffffffffffffflu));
}

// Saturating conversions; NaN gives 0.
fn f64_to_i64(x: D) -> L {
    let v = L(clamp(x, D(-9223372036854775808.0), D(9223372036854774784.0)));
    return select(select(v, L(9223372036854775807li), x >= D(9223372036854775808.0)), L(0li), is_nan_f64(x));
}

fn f64_to_u64(x: D) -> W {
    let v = W(clamp(x, D(0.0), D(18446744073709549568.0)));
    return select(select(v, W(18446744073709551615lu), x >= D(18446744073709551616.0)), W(0lu), is_nan_f64(x));
}

fn f64_to_i32(x: D) -> I {
    return select(I(clamp(x, D(-2147483648.0), D(2147483647.0))), I(0), is_nan_f64(x));
}

fn f64_to_u32(x: D) -> U {
    return select(U(clamp(x, D(0.0), D(4294967295.0))), U(0u), is_nan_f64(x));
}

fn f32_to_i64(x: F) -> L {
    let v = L(clamp(x, F(-9223372036854775808.0), F(9223371487098961920.0)));
    return select(select(v, L(9223372036854775807li), x >= F(9223372036854775808.0)), L(0li), is_nan(x));
}

fn f32_to_u64(x: F) -> W {
    let v = W(clamp(x, F(0.0), F(18446742974197923840.0)));
    return select(select(v, W(18446744073709551615lu), x >= F(18446744073709551616.0)), W(0lu), is_nan(x));
}

fn sign_f64(x: D) -> D {
    return select(D(0.0), D(1.0), x > D(0.0)) - select(D(0.0), D(1.0), x < D(0.0));
}

// Past 2^52 every double is whole.
fn trunc_f64(x: D) -> D {
    let small = abs_f64(x) < D(4503599627370496.0);
    return select(x, D(L(select(D(0.0), x, small))), small);
}

fn floor_f64(x: D) -> D {
    let t = trunc_f64(x);
    return select(t, t - D(1.0), t > x);
}

fn ceil_f64(x: D) -> D {
    let t = trunc_f64(x);
    return select(t, t + D(1.0), t < x);
}

fn round_f64(x: D) -> D {
    let f = floor_f64(x);
    let d = x - f;
    let odd = floor_f64(f * D(0.5)) * D(2.0) != f;
    return select(f, f + D(1.0), (d > D(0.5)) | ((d == D(0.5)) & odd));
}

fn relu_f64(x: D) -> D {
    return select(x, D(0.0), x <= D(0.0));
}

fn sqrt_f64(x: D) -> D {
    return sqrt(x);
}

fn rsqrt_f64(x: D) -> D {
    return D(1.0) / sqrt(x);
}

fn reciprocal_f64(x: D) -> D {
    return D(1.0) / x;
}

// 2^e for e in -2044..=2046, as two factors.
fn scale_f64(x: D, e: L) -> D {
    let half = e >> U(1u);
    let a = bitcast<D>((half + L(1023li)) << U(52u));
    let b = bitcast<D>((e - half + L(1023li)) << U(52u));
    return x * a * b;
}

// exp(r) - 1 for |r| <= ln(2) / 2.
fn exp_near_f64(r: D) -> D {
    var y = D(1.0);
    for (var i = 16; i > 1; i--) {
        y = D(1.0) + y * r / D(f64(i));
    }
    return y * r;
}

fn exp_f64(x: D) -> D {
    let c = clamp(x, D(-746.0), D(710.0));
    let n = round_f64(c * D(1.4426950408889634074lf));
    let r = (c - n * D(0.693147180369123816490lf)) - n * D(1.90821492927058770002e-10lf);
    return select(scale_f64(D(1.0) + exp_near_f64(r), L(n)), x, is_nan_f64(x));
}

fn exp2_f64(x: D) -> D {
    let c = clamp(x, D(-1076.0), D(1025.0));
    let n = round_f64(c);
    let y = scale_f64(D(1.0) + exp_near_f64((c - n) * D(0.69314718055994530942lf)), L(n));
    return select(y, x, is_nan_f64(x));
}

fn expm1_f64(x: D) -> D {
    return select(exp_f64(x) - D(1.0), exp_near_f64(x), abs_f64(x) < D(0.35));
}

fn log_f64(x: D) -> D {
    let small = x < D(2.2250738585072014e-308lf);
    let bits = bitcast<L>(select(x, x * D(4503599627370496.0), small)) - L(0x3fe6a09e667f3bcdli);
    let e = D(bits >> U(52u)) - select(D(0.0), D(52.0), small);
    let m = bitcast<D>((bits & L(0xfffffffffffffli)) + L(0x3fe6a09e667f3bcdli));
    let f = m - D(1.0);
    let s = f / (D(1.0) + m);
    let z = s * s;
    var r = D(0.0);
    for (var i = 25; i >= 3; i -= 2) {
        r = (r + D(2.0) / D(f64(i))) * z;
    }
    let h = f * f * D(0.5);
    let y = e * D(0.693147180369123816490lf) + (f - (h - (s * (h + r) + e * D(1.90821492927058770002e-10lf))));
    let special = select(constant_f64(0x7ff8000000000000lu), constant_f64(0xfff0000000000000lu), x == D(0.0));
    return select(select(special, x, is_inf_f64(x) & (x > D(0.0))), y, (x > D(0.0)) & !is_inf_f64(x) & !is_nan_f64(x));
}

fn log2_f64(x: D) -> D {
    return log_f64(x) * D(1.4426950408889634074lf);
}

fn log1p_f64(x: D) -> D {
    let u = D(1.0) + x;
    let y = log_f64(u) + select(D(0.0), (x - (u - D(1.0))) / u, (abs_f64(x) < D(9007199254740992.0)) & (u > D(0.0)));
    return select(y, x, u == D(1.0));
}

// The sine of x + k * pi / 2, for |x| up to about 1e6.
fn sin_quadrant_f64(x: D, k: i64) -> D {
    let n = round_f64(x * D(0.63661977236758134308lf));
    let r = ((x - n * D(1.57079632673412561417lf)) - n * D(6.07710050630396597660e-11lf)) - n * D(2.02226624879595063154e-21lf);
    let z = r * r;
    var s = D(1.0);
    var c = D(1.0);
    for (var i = 20; i > 0; i -= 2) {
        s = D(1.0) - s * z / D(f64(i * (i + 1)));
        c = D(1.0) - c * z / D(f64(i * (i - 1)));
    }
    let q = L(clamp(n, D(-1e15), D(1e15))) + L(k);
    let y = select(s * r, c, (q & L(1li)) == L(1li));
    return select(select(y, -y, (q & L(2li)) == L(2li)), constant_f64(0x7ff8000000000000lu), is_inf_f64(x) | is_nan_f64(x));
}

fn sin_f64(x: D) -> D {
    return sin_quadrant_f64(x, 0li);
}

fn cos_f64(x: D) -> D {
    return sin_quadrant_f64(x, 1li);
}

fn tan_f64(x: D) -> D {
    return sin_f64(x) / cos_f64(x);
}

fn sinh_f64(x: D) -> D {
    let t = expm1_f64(abs_f64(x));
    let near = (t + t / (t + D(1.0))) * D(0.5);
    let h = exp_f64(abs_f64(x) * D(0.5));
    let y = select((h * D(0.5)) * h, near, abs_f64(x) < D(22.0));
    return select(y, -y, x < D(0.0));
}

fn cosh_f64(x: D) -> D {
    let h = exp_f64(abs_f64(x) * D(0.5));
    return (h * D(0.5)) * h + D(0.5) / (h * h);
}

fn tanh_f64(x: D) -> D {
    let t = expm1_f64(D(2.0) * min(abs_f64(x), D(30.0)));
    let y = t / (t + D(2.0));
    return select(select(y, -y, x < D(0.0)), x, is_nan_f64(x));
}

// The argument is halved three times; what is left is below 0.1.
fn atan_f64(x: D) -> D {
    let a = abs_f64(x);
    let inverse = a > D(1.0);
    var t = select(a, D(1.0) / a, inverse);
    for (var i = 0; i < 3; i++) {
        t = t / (D(1.0) + sqrt(D(1.0) + t * t));
    }
    let z = t * t;
    var r = D(0.0);
    for (var i = 19; i > 0; i -= 2) {
        r = D(1.0) / D(f64(i)) - r * z;
    }
    let near = r * t * D(8.0);
    let y = select(near, D(1.57079632679489661923lf) - near, inverse);
    return select(select(y, -y, x < D(0.0)), x, is_nan_f64(x));
}

fn asin_f64(x: D) -> D {
    let near = atan_f64(x / sqrt((D(1.0) - x) * (D(1.0) + x)));
    return select(near, sign_f64(x) * D(1.57079632679489661923lf), abs_f64(x) == D(1.0));
}

fn acos_f64(x: D) -> D {
    let far = D(2.0) * atan_f64(sqrt((D(1.0) - x) / (D(1.0) + x)));
    return select(far, D(3.14159265358979323846lf), x == D(-1.0));
}

// A series of positive terms near 0, a continued fraction beyond.
fn erf_f64(x: D) -> D {
    let a = min(abs_f64(x), D(6.0));
    let z = a * a;
    var s = D(0.0);
    for (var i = 60; i > 0; i--) {
        s = (s + D(1.0)) * z * D(2.0) / D(f64(2 * i + 1));
    }
    let scale = exp_f64(-z) * D(1.1283791670955125739lf);
    let near = scale * a * (s + D(1.0));
    var t = a;
    for (var i = 60; i > 0; i--) {
        t = a + D(f64(i) * f64(0.5)) / t;
    }
    let y = select(D(1.0) - scale * D(0.5) / t, near, a < D(2.5));
    return select(select(y, -y, x < D(0.0)), x, is_nan_f64(x));
}

fn sigmoid_f64(x: D) -> D {
    return D(1.0) / (D(1.0) + exp_f64(-x));
}

fn softplus_f64(x: D) -> D {
    return select(select(x, D(0.0), x < D(0.0)) + log1p_f64(exp_f64(-abs_f64(x))), x, is_nan_f64(x));
}

fn selu_f64(x: D) -> D {
    return select(x, expm1_f64(x) * D(1.6732632423543772lf), x < D(0.0)) * D(1.0507009873554805lf);
}

fn gelu_f64(x: D) -> D {
    return x * D(0.5) * (D(1.0) + erf_f64(x * D(0.70710678118654752440lf)));
}

fn gelu_tanh_f64(x: D) -> D {
    return x * D(0.5) * (D(1.0) + tanh_f64((x + x * x * x * D(0.044715lf)) * D(0.79788456080286535588lf)));
}

fn silu_f64(x: D) -> D {
    return x * sigmoid_f64(x);
}

fn mish_f64(x: D) -> D {
    return x * tanh_f64(softplus_f64(x));
}

fn hardsigmoid_f64(x: D) -> D {
    let y = x / D(6.0) + D(0.5);
    return select(select(y, D(0.0), y < D(0.0)), D(1.0), y > D(1.0));
}

fn hardswish_f64(x: D) -> D {
    return x * hardsigmoid_f64(x);
}

fn maximum_f64(a: D, b: D) -> D {
    return select(select(b, a, a > b), a, is_nan_f64(a));
}

fn minimum_f64(a: D, b: D) -> D {
    return select(select(b, a, a < b), a, is_nan_f64(a));
}

// The whole number that goes with the remainder.
fn floor_divide_f64(a: D, b: D) -> D {
    let q = floor_f64((a - remainder_f64(a, b)) / b + D(0.5));
    let side = select(D(-1.0), D(0.0), (a == D(0.0)) | ((a < D(0.0)) == (b < D(0.0))));
    let finite = select(q, side, is_inf_f64(b) & !is_inf_f64(a) & !is_nan_f64(a));
    return select(finite, a / b, (b == D(0.0)) | (is_inf_f64(a / b) & !is_inf_f64(a)));
}

fn remainder_f64(a: D, b: D) -> D {
    let r = a - b * trunc_f64(a / b);
    let y = select(r, r + b, (r != D(0.0)) & ((r < D(0.0)) != (b < D(0.0))));
    return select(y, select(b, a, (a == D(0.0)) | ((a < D(0.0)) == (b < D(0.0)))), is_inf_f64(b) & !is_inf_f64(a) & !is_nan_f64(a));
}

fn pow_f64(a: D, b: D) -> D {
    let magnitude = abs_f64(a);
    let whole = (floor_f64(b) == b) | is_inf_f64(b);
    let odd = whole & (abs_f64(b) < D(9007199254740992.0)) & (floor_f64(b * D(0.5)) != b * D(0.5));
    var y = exp_f64(b * log_f64(magnitude));
    y = select(y, -y, ((bitcast<W>(a) >> U(63u)) == W(1lu)) & odd);
    let nan = constant_f64(0x7ff8000000000000lu);
    y = select(y, nan, (a < D(0.0)) & !is_inf_f64(a) & !whole);
    y = select(y, nan, is_nan_f64(a) | is_nan_f64(b));
    return select(y, D(1.0), (b == D(0.0)) | (a == D(1.0)) | ((magnitude == D(1.0)) & is_inf_f64(b)));
}

fn atan2_f64(y: D, x: D) -> D {
    let ay = abs_f64(y);
    let ax = abs_f64(x);
    let both = is_inf_f64(ay) & is_inf_f64(ax);
    let large = select(ax, ay, ay > ax);
    let small = select(ay, ax, ay > ax);
    let near = atan_f64(select(select(small / large, D(0.0), large == D(0.0)), D(1.0), both));
    let first = select(near, D(1.57079632679489661923lf) - near, ay > ax);
    let angle = select(first, D(3.14159265358979323846lf) - first, (bitcast<W>(x) >> U(63u)) == W(1lu));
    let signed = bitcast<D>((bitcast<W>(angle) & W(0x7ffffffffffffffflu)) | (bitcast<W>(y) & W(0x8000000000000000lu)));
    return select(select(signed, x, is_nan_f64(x)), y, is_nan_f64(y));
}
