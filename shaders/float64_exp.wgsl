// Exponentials, logarithms, powers and what is made of them, in f64. Polynomials are fitted to 2^-58 of their function.

// (exp(r) - 1 - r) / r^2 for |r| <= 0.35.
fn exp_tail_f64(r: D) -> D {
    return D(0.5) + r * (((((((((D(2.091262257917699e-09lf) * r + D(2.5102326283976865e-08lf)) * r
        + D(2.755727999726856e-07lf)) * r + D(2.755726429782735e-06lf)) * r + D(2.4801587319096055e-05lf)) * r
        + D(0.00019841269865786428lf)) * r + D(0.0013888888888886153lf)) * r + D(0.008333333333329503lf)) * r
        + D(0.041666666666666664lf)) * r + D(0.16666666666666669lf));
}

// The whole number of ln(2) in x, as `shifted_f64`.
fn exp_steps_f64(x: D) -> D {
    return shifted_f64(x * D(1.4426950408889634lf));
}

// exp(x + low) - 1 without n times ln(2), which comes in two parts, the first of 33 bits.
fn exp_rest_f64(x: D, low: D, n: D) -> D {
    let h = x - n * D(0.6931471804855391lf);
    let l = n * D(7.440617110012397e-11lf) - low;
    let r = h - l;
    return h - (l - r * r * exp_tail_f64(r));
}

// exp(x + low)
fn exp_sum_f64(x: D, low: D) -> D {
    let c = clamp(x, D(-746.0), D(711.0));
    let n = exp_steps_f64(c);
    return scale_f64(D(1.0) + exp_rest_f64(c, low, whole_f64(n)), whole_i64(n));
}

fn exp_f64(x: D) -> D {
    return select(exp_sum_f64(x, D(0.0)), x, is_nan_f64(x));
}

// exp(x) / 2, which overflows later.
fn half_exp_f64(x: D) -> D {
    let c = clamp(x, D(-746.0), D(711.0));
    let n = exp_steps_f64(c);
    let y = scale_f64(D(1.0) + exp_rest_f64(c, D(0.0), whole_f64(n)), whole_i64(n) - L(1li));
    return select(y, x, is_nan_f64(x));
}

fn exp2_f64(x: D) -> D {
    let c = clamp(x, D(-1076.0), D(1025.0));
    let n = shifted_f64(c);
    let r = (c - whole_f64(n)) * D(0.6931471805599453lf);
    let y = scale_f64(D(1.0) + (r + r * r * exp_tail_f64(r)), whole_i64(n));
    return select(y, x, is_nan_f64(x));
}

fn expm1_f64(x: D) -> D {
    let c = clamp(x, D(-40.0), D(711.0));
    let shifted = exp_steps_f64(c);
    let n = whole_i64(shifted);
    let rest = exp_rest_f64(c, D(0.0), whole_f64(shifted));
    // 2^n * rest + 2^n - 1, which is 2^n * (rest + (1 - 2^-n)) where 2^n may be large.
    let grown = scale_f64(rest + (D(1.0) - power_of_two_f64(-min(n, L(60li)))), n);
    let factor = power_of_two_f64(min(n, L(0li)));
    let shrunk = (factor - D(1.0)) + factor * rest;
    let far = select(shrunk, grown, n >= L(0li));
    let near = x + x * x * exp_tail_f64(x);
    let y = select(far, near, abs_f64(x) < D(0.35lf));
    return select(y, x, is_nan_f64(x) | (x == D(0.0)));
}

// (log((1 + s) / (1 - s)) - 2 s) / s by z = s^2, for |s| <= 0.172.
fn log_tail_f64(z: D) -> D {
    return z * (((((((D(0.13094416666525344lf) * z + D(0.1326802614042874lf)) * z + D(0.15386267672882226lf)) * z
        + D(0.18181795124476754lf)) * z + D(0.22222222396552982lf)) * z + D(0.2857142857078221lf)) * z
        + D(0.4000000000000091lf)) * z + D(0.6666666666666666lf));
}

// log(1 + f) + low for 1 + f in [sqrt(1/2), sqrt(2)).
fn log_near_f64(f: D, low: D) -> D {
    let s = f / (D(2.0) + f);
    let h = f * f * D(0.5);
    return f - (h - (s * (h + log_tail_f64(s * s)) + low));
}

// The exponent of a positive number, and its mantissa in [sqrt(1/2), sqrt(2)).
fn log_bits_f64(x: D) -> L {
    return bitcast<L>(select(x, x * D(4503599627370496.0), x < D(2.2250738585072014e-308lf))) - L(0x3fe6a09e667f3bcdli);
}

fn log_exponent_f64(x: D) -> D {
    return D(log_bits_f64(x) >> U(52u)) - select(D(0.0), D(52.0), x < D(2.2250738585072014e-308lf));
}

fn log_mantissa_f64(x: D) -> D {
    return bitcast<D>((log_bits_f64(x) & L(0xfffffffffffffli)) + L(0x3fe6a09e667f3bcdli));
}

// Where the logarithm is no finite number: its arguments are 0, infinite, negative or NaN.
fn log_special_f64(x: D, y: D) -> D {
    let special = select(constant_f64(0x7ff8000000000000lu), constant_f64(0xfff0000000000000lu), x == D(0.0));
    return select(select(special, x, is_inf_f64(x) & (x > D(0.0))), y, (x > D(0.0)) & !is_inf_f64(x) & !is_nan_f64(x));
}

fn log_f64(x: D) -> D {
    let e = log_exponent_f64(x);
    let y = e * D(0.6931471804855391lf) + log_near_f64(log_mantissa_f64(x) - D(1.0), e * D(7.440617110012397e-11lf));
    return log_special_f64(x, y);
}

// log2(x) = e + log(m) / ln(2), the logarithm of m in two parts, the first of 26 bits.
fn log2_f64(x: D) -> D {
    let e = log_exponent_f64(x);
    let f = log_mantissa_f64(x) - D(1.0);
    let s = f / (D(2.0) + f);
    let h = f * f * D(0.5);
    let high = head_f64(f - h);
    let low = ((f - high) - h) + s * (h + log_tail_f64(s * s));
    // 1 / ln(2) with 26 bits first.
    let main = high * D(1.4426950216293335lf);
    let rest = (low + high) * D(1.9259629911266175e-08lf) + low * D(1.4426950216293335lf);
    let sum = quick_sum_f64(e, main);
    return log_special_f64(x, sum.high + (sum.low + rest));
}

// Of 1 + x its rounding, c, is added to the logarithm.
fn log1p_f64(x: D) -> D {
    let sum = sum_f64(D(1.0), x);
    let u = sum.high;
    let e = log_exponent_f64(u);
    let c = select(D(0.0), sum.low / u, !is_inf_f64(x));
    let far = e * D(0.6931471804855391lf) + log_near_f64(log_mantissa_f64(u) - D(1.0), e * D(7.440617110012397e-11lf) + c);
    let near = log_near_f64(x, D(0.0));
    let y = select(log_special_f64(u, far), near, (x > D(-0.29lf)) & (x < D(0.41lf)));
    return select(y, x, x == D(0.0));
}

// The logarithm to base 2 of a positive finite number, to about 2^-66.
fn log2_pair_f64(x: D) -> Pair {
    let e = log_exponent_f64(x);
    let m = log_mantissa_f64(x);
    // log(m) = s * (2 + z * (2/3 + tail)) with s = (m - 1) / (m + 1) and z = s^2.
    let f = m - D(1.0);
    let d = sum_f64(m, D(1.0));
    let sh = f / d.high;
    let back = product_f64(sh, d.high);
    let s = quick_sum_f64(sh, (((f - back.high) - back.low) - sh * d.low) / d.high);
    let square = product_f64(s.high, s.high);
    let z = quick_sum_f64(square.high, square.low + s.high * s.low * D(2.0));
    let tail = z.high * (((((((D(0.1173010786189303lf) * z.high + D(0.1170557189567721lf)) * z.high
        + D(0.13334829573906534lf)) * z.high + D(0.1538459450380989lf)) * z.high + D(0.18181818339697634lf)) * z.high
        + D(0.22222222221636845lf)) * z.high + D(0.28571428571429397lf)) * z.high + D(0.4lf));
    let third = quick_sum_f64(D(0.6666666666666666lf), tail);
    let inner = pair_product_f64(z, quick_sum_f64(third.high, third.low + D(3.700743415417188e-17lf)));
    let two = quick_sum_f64(D(2.0), inner.high);
    let natural = pair_product_f64(s, quick_sum_f64(two.high, two.low + inner.low));
    let y = pair_product_f64(natural, Pair(D(1.4426950408889634lf), D(2.0355273740931033e-17lf)));
    let sum = quick_sum_f64(e, y.high);
    return quick_sum_f64(sum.high, sum.low + y.low);
}

// The power of a positive finite base, for a finite b: 2^(b * log2(a)).
fn pow_positive_f64(a: D, b: D) -> D {
    let logarithm = log2_pair_f64(a);
    // Past 2^65 every exponent leads to 0, 1 or infinity.
    let c = clamp(b, D(-36893488147419103232.0), D(36893488147419103232.0));
    let product = product_f64(c, logarithm.high);
    let low = product.low + c * logarithm.low;
    let x = clamp(product.high, D(-1080.0), D(1030.0));
    let n = shifted_f64(x);
    let r = (x - whole_f64(n)) * D(0.6931471805599453lf);
    let l = select(D(0.0), low * D(0.6931471805599453lf), x == product.high);
    let s = r + l;
    return scale_f64(D(1.0) + (r + (l + s * s * exp_tail_f64(s))), whole_i64(n));
}

fn pow_f64(a: D, b: D) -> D {
    let magnitude = abs_f64(a);
    let zero = D(0.0);
    let infinity = constant_f64(0x7ff0000000000000lu);
    let whole = (trunc_f64(b) == b) | is_inf_f64(b);
    let odd = whole & (abs_f64(b) < D(9007199254740992.0)) & (trunc_f64(b * D(0.5)) != b * D(0.5));
    let edge = (magnitude == zero) | is_inf_f64(a);
    var y = pow_positive_f64(select(magnitude, D(1.0), edge | is_nan_f64(a)), select(b, zero, is_inf_f64(b) | is_nan_f64(b)));
    y = select(y, select(zero, infinity, (magnitude == zero) == (b < zero)), edge);
    y = select(y, select(zero, infinity, (magnitude > D(1.0)) == (b > zero)), is_inf_f64(b));
    y = select(y, -y, is_negative_f64(a) & odd);
    let nan = constant_f64(0x7ff8000000000000lu);
    y = select(y, nan, (a < zero) & !is_inf_f64(a) & !whole);
    y = select(y, nan, is_nan_f64(a) | is_nan_f64(b));
    return select(y, D(1.0), (b == zero) | (a == D(1.0)) | ((magnitude == D(1.0)) & is_inf_f64(b)));
}

fn sinh_f64(x: D) -> D {
    let z = x * x;
    let near = x + x * (z * ((((((D(7.746178593018827e-13lf) * z + D(1.6057679623801638e-10lf)) * z
        + D(2.5052117695907823e-08lf)) * z + D(2.7557319191381816e-06lf)) * z + D(0.00019841269841324198lf)) * z
        + D(0.008333333333333299lf)) * z + D(0.16666666666666666lf)));
    let e = half_exp_f64(abs_f64(x));
    let far = copysign_f64(e - D(0.25) / e, x);
    return select(select(far, near, abs_f64(x) < D(1.0)), x, x == D(0.0));
}

fn cosh_f64(x: D) -> D {
    let e = half_exp_f64(abs_f64(x));
    return e + D(0.25) / e;
}

fn tanh_f64(x: D) -> D {
    let t = expm1_f64(D(2.0) * min(abs_f64(x), D(22.0)));
    return select(copysign_f64(t / (t + D(2.0)), x), x, is_nan_f64(x));
}

fn sigmoid_f64(x: D) -> D {
    let e = exp_f64(-abs_f64(x));
    return select(D(1.0), e, x < D(0.0)) / (D(1.0) + e);
}

fn softplus_f64(x: D) -> D {
    return select(select(x, D(0.0), x < D(0.0)) + log1p_f64(exp_f64(-abs_f64(x))), x, is_nan_f64(x));
}

fn selu_f64(x: D) -> D {
    return select(x * D(1.0507009873554805lf), expm1_f64(x) * D(1.7580993408473768lf), x < D(0.0));
}

fn elu_f64(x: D, alpha: D) -> D {
    return select(x, expm1_f64(x) * alpha, x < D(0.0));
}

fn celu_f64(x: D, alpha: D) -> D {
    let ratio = x / alpha;
    // As for f32.
    let straight = abs_f64(ratio) < D(1e-20lf);
    return select(x, expm1_f64(ratio) * alpha, (x < D(0.0)) & !straight);
}

// x * exp(-a + low) * factor, where it is smaller than the exponential's smallest number but not than its own. For
// infinity, where the others are 0, NaN.
fn tail_f64(x: D, a: D, low: D, factor: D) -> D {
    let c = clamp(-a, D(-800.0), D(0.0));
    let n = exp_steps_f64(c);
    let y = scale_f64(x * ((D(1.0) + exp_rest_f64(c, low, whole_f64(n))) * factor), whole_i64(n));
    return select(y, x * exp_f64(-a), a > D(799.0));
}

fn silu_f64(x: D) -> D {
    let a = abs_f64(x);
    let e = exp_f64(-a);
    return select(x / (D(1.0) + e), tail_f64(x, a, D(0.0), D(1.0) / (D(1.0) + e)), x < D(0.0));
}

// tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2), by exp(-x) above 0.
fn mish_f64(x: D) -> D {
    let a = abs_f64(x);
    let e = exp_f64(-a);
    let below = tail_f64(x, a, D(0.0), (e + D(2.0)) / (e * (e + D(2.0)) + D(2.0)));
    let above = D(1.0) + D(2.0) * e;
    return select(x * (above / (above + D(2.0) * e * e)), below, x < D(0.0));
}

// (1 + 2 b) * exp(b^2) * erfc(b) for b in 0..=28.
fn erfc_factor_f64(b: D) -> D {
    let t = (b - D(4.0)) / (b + D(4.0));
    return (((((((((((((((((((((((D(2.9111659955327447e-10lf) * t + D(2.1031095817570338e-09lf)) * t
        + D(1.6868082625932292e-09lf)) * t + D(-1.660879467182853e-08lf)) * t + D(-1.9106294487779176e-08lf)) * t
        + D(1.1328048304274549e-07lf)) * t + D(7.703495881102781e-08lf)) * t + D(-8.277591913537945e-07lf)) * t
        + D(2.916445562939141e-07lf)) * t + D(5.710769473216913e-06lf)) * t + D(-1.1220902504340601e-05lf)) * t
        + D(-2.4399505458525544e-05lf)) * t + D(0.00015062131217624512lf)) * t + D(-0.00019925664291065565lf)) * t
        + D(-0.0007577732147971718lf)) * t + D(0.005031969972225688lf)) * t + D(-0.016197734067039865lf)) * t
        + D(0.03716751553787908lf)) * t + D(-0.06633036581154421lf)) * t + D(0.09373283499833329lf)) * t
        + D(-0.10103906603632955lf)) * t + D(0.06809705425469303lf)) * t + D(0.015379652102620111lf)) * t
        + D(-0.13962111684056253lf)) * t + D(1.2329951186255526lf);
}

// erf(x) / x - 2 / sqrt(pi) for |x| <= 1.
fn erf_tail_f64(z: D) -> D {
    return z * (((((((((((D(6.174097221305255e-11lf) * z + D(-1.1500357159785296e-09lf)) * z
        + D(1.4692484859133263e-08lf)) * z + D(-1.6355118610877705e-07lf)) * z + D(1.6461446656928561e-06lf)) * z
        + D(-1.4925622504489842e-05lf)) * z + D(0.00012055332214716276lf)) * z + D(-0.0008548327010033328lf)) * z
        + D(0.005223977625303518lf)) * z + D(-0.026866170645123838lf)) * z + D(0.11283791670955111lf)) * z
        + D(-0.37612638903183754lf));
}

fn erf_f64(x: D) -> D {
    let near = x * (D(1.1283791670955126lf) + erf_tail_f64(x * x));
    let b = min(abs_f64(x), D(6.5));
    // b^2 by its first bits, as exp takes on the rounding of a large argument.
    let h = head_f64(b);
    let e = exp_sum_f64(-(h * h), (h - b) * (h + b));
    let far = copysign_f64(D(1.0) - e * erfc_factor_f64(b) / (D(1.0) + D(2.0) * b), x);
    return select(select(far, near, abs_f64(x) < D(1.0)), x, is_nan_f64(x));
}

// x times the Gaussian distribution function, which for a = -x > 0 is erfc(a / sqrt(2)) / 2.
fn gelu_f64(x: D) -> D {
    let a = abs_f64(x);
    let c = min(a, D(39.0));
    let h = head_f64(c);
    let low = (h - c) * (h + c) * D(0.5);
    let b = c * D(0.7071067811865476lf);
    let factor = erfc_factor_f64(b) / (D(2.0) + D(4.0) * b);
    let square = select(h * h * D(0.5), a, a > D(1000.0));
    let below = tail_f64(x, square, low, factor);
    let y = x * D(0.7071067811865476lf);
    let near = x * (D(0.5) + D(0.5) * y * (D(1.1283791670955126lf) + erf_tail_f64(y * y)));
    let above = x * (D(1.0) - exp_sum_f64(-(h * h * D(0.5)), low) * factor);
    return select(select(above, below, x < D(0.0)), near, a < D(0.6lf));
}

// (1 + tanh(u)) / 2 is sigmoid(2 u) with 2 u = x * (c + d * x^2), which is needed to more than its rounding where the
// exponential of it is small.
fn gelu_tanh_f64(x: D) -> D {
    let a = abs_f64(x);
    let c = min(a, D(25.0));
    let cube = pair_product_f64(product_f64(c, c), Pair(D(0.07135481627260025lf), D(-6.175149918155315e-19lf)));
    let sum = sum_f64(D(1.5957691216057308lf), cube.high);
    let u = pair_product_f64(quick_sum_f64(sum.high, sum.low + (D(-9.96930880911092e-17lf) + cube.low)), Pair(c, D(0.0)));
    let e = exp_sum_f64(-u.high, -u.low);
    let square = select(u.high, a, a > D(1000.0));
    let below = tail_f64(x, square, -u.low, D(1.0) / (D(1.0) + e));
    return select(x / (D(1.0) + e), below, x < D(0.0));
}

fn hardsigmoid_f64(x: D) -> D {
    let y = (x + D(3.0)) / D(6.0);
    return select(select(y, D(0.0), y < D(0.0)), D(1.0), y > D(1.0));
}

fn hardswish_f64(x: D) -> D {
    return x * hardsigmoid_f64(x);
}
