// Functions of one f32. Polynomials are fitted to about 1e-8, below the rounding of f32. The registry (src/op/unary.rs) states
// the bound of each; tests/integration/accuracy.rs holds them to it.

// y with the sign of x.
fn with_sign_f32(y: F, x: F) -> F {
    return bitcast<F>((bitcast<U>(y) & U(0x7fffffffu)) | (bitcast<U>(x) & U(0x80000000u)));
}

fn abs_f32(x: F) -> F {
    return abs(x);
}

fn sign_f32(x: F) -> F {
    return select(F(0.0), F(1.0), x > F(0.0)) - select(F(0.0), F(1.0), x < F(0.0));
}

fn floor_f32(x: F) -> F {
    return floor(x);
}

fn ceil_f32(x: F) -> F {
    return ceil(x);
}

fn round_f32(x: F) -> F {
    return round(x);
}

fn trunc_f32(x: F) -> F {
    return trunc(x);
}

fn relu_f32(x: F) -> F {
    return select(x, F(0.0), x <= F(0.0));
}

fn sqrt_f32(x: F) -> F {
    return sqrt(x);
}

fn rsqrt_f32(x: F) -> F {
    return F(1.0) / sqrt(x);
}

fn reciprocal_f32(x: F) -> F {
    return F(1.0) / x;
}

// (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2.
fn exp_tail_f32(r: F) -> F {
    return (((F(0.00139262249) * r + F(0.00836321214)) * r + F(0.0416665544)) * r + F(0.166665768)) * r + F(0.5);
}

// exp(r) - 1, r being x less n logarithms of 2.
fn exp_rest_f32(x: F, n: F) -> F {
    let r = x - n * 0.693359375 + n * 2.12194440e-4;
    return r + r * r * exp_tail_f32(r);
}

// exp(x) * 2^k, also where exp(x) alone overflows.
fn exp_scaled_f32(x: F, k: i32) -> F {
    let c = clamp(x, F(-104.0), F(91.0));
    let n = round(c * 1.4426950408889634);
    let y = scale_f32(F(1.0) + exp_rest_f32(c, n), I(n) + I(k));
    return select(y, x, is_nan(x));
}

fn exp_f32(x: F) -> F {
    return exp_scaled_f32(x, 0);
}

fn exp2_f32(x: F) -> F {
    let c = clamp(x, F(-150.0), F(129.0));
    let n = round(c);
    let r = (c - n) * 0.6931471805599453;
    let y = scale_f32(F(1.0) + (r + r * r * exp_tail_f32(r)), I(n));
    return select(y, x, is_nan(x));
}

fn expm1_f32(x: F) -> F {
    let c = clamp(x, F(-18.0), F(89.0));
    let n = round(c * 1.4426950408889634);
    // 2^n - 1 + 2^n (exp(r) - 1), by half of the scale, which is finite even where the result overflows.
    let scale = bitcast<F>((I(n) + I(126)) << U(23u));
    let y = (scale * exp_rest_f32(c, n) + (scale - F(0.5))) * 2.0;
    return select(y, x, is_nan(x) | (abs(x) < F(1e-8)));
}

// log(1 + f), with 1 + f in [sqrt(1/2), sqrt(2)).
fn log_near_f32(f: F) -> F {
    let s = f / (F(2.0) + f);
    let z = s * s;
    let h = f * f * 0.5;
    let r = z * (((F(0.23336811) * z + F(0.28550587)) * z + F(0.400001239)) * z + F(0.666666666));
    return f - (h - s * (h + r));
}

// Exponent and mantissa (in [sqrt(1/2), sqrt(2))) of a positive finite number.
fn exponent_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return F(bits >> U(23u)) - select(F(0.0), F(23.0), small);
}

fn mantissa_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return bitcast<F>((bits & I(0x7fffff)) + I(0x3f3504f3));
}

// Where the logarithm is no finite number: its arguments are 0, infinite, negative or NaN.
fn log_special_f32(x: F, y: F) -> F {
    let special = select(bitcast<F>(U(0x7fc00000u) | (bitcast<U>(x) & U(1u))), bitcast<F>(U(0xff800000u)), x == F(0.0));
    return select(select(special, x, is_inf(x) & (x > F(0.0))), y, (x > F(0.0)) & !is_inf(x) & !is_nan(x));
}

fn log_f32(x: F) -> F {
    let e = exponent_f32(x);
    let y = e * 0.693359375 + (log_near_f32(mantissa_f32(x) - F(1.0)) - e * 2.12194440e-4);
    return log_special_f32(x, y);
}

fn log2_f32(x: F) -> F {
    return log_special_f32(x, exponent_f32(x) + log_near_f32(mantissa_f32(x) - F(1.0)) * 1.4426950408889634);
}

fn log1p_f32(x: F) -> F {
    return select(log_f32(F(1.0) + x), log_near_f32(x), (x > F(-0.29)) & (x < F(0.41)));
}

// x less n times pi / 2, for |n| up to 2^13: pi / 2 in parts of up to 11 bits, whose products with n are exact.
fn reduce_angle_f32(x: F, n: F) -> F {
    return (((x - n * 1.5703125) - n * 0.0004837512969970703) - n * 7.549533620476723e-08) - n * 2.563344151594519e-12;
}

// Word i of 2 / pi as a binary fraction, after a word of zeros.
fn word_of_turns_f32(i: u32) -> u32 {
    let low = select(select(0u, 0xa2f9836eu, i == 1u), select(0x4e441529u, 0xfc2757d1u, i == 3u), i > 1u);
    let high = select(select(0xf534ddc0u, 0xdb629599u, i == 5u), select(0x3c439041u, 0xfe5163abu, i == 7u), i > 5u);
    return select(low, high, i > 3u);
}

// The upper word of a product of up to 24 bits by 32.
fn high_product_f32(m: u32, w: u32) -> u32 {
    let top = (m >> 12u) * (w >> 16u);
    let middle = (m >> 12u) * (w & 0xffffu) + (((m & 0xfffu) * (w & 0xffffu)) >> 12u);
    return (top >> 4u) + ((((top & 15u) << 12u) + (m & 0xfffu) * (w >> 16u) + (middle >> 4u)) >> 16u);
}

// x less the nearest multiple of pi / 2, and that multiple modulo 4, for finite |x| from 2^13 on (Payne and Hanek): the
// product of its 24 bits with those 96 bits of 2 / pi that do not give multiples of 4.
fn far_angle_f32(x: f32) -> vec2<f32> {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    let m = (bits & 0x7fffffu) | 0x800000u;
    let p = (bits >> 23u) - 120u;
    let i = p >> 5u;
    let s = p & 31u;
    let b = word_of_turns_f32(i + 1u);
    let c = word_of_turns_f32(i + 2u);
    let w = (word_of_turns_f32(i) << s) | ((b >> 1u) >> (31u - s));
    let v = (b << s) | ((c >> 1u) >> (31u - s));
    let u = (c << s) | ((word_of_turns_f32(i + 3u) >> 1u) >> (31u - s));
    let low = m * v + high_product_f32(m, u);
    let high = m * w + high_product_f32(m, v) + select(0u, 1u, low < m * v);
    // Two bits of quarter turns and the fraction; of its upper half, the distance to the next quarter.
    let fraction = (high << 2u) | (low >> 30u);
    let up = fraction >> 31u;
    let flip = 0u - up;
    let r = (f32(fraction ^ flip) * 2.3283064365386963e-10 + f32((low << 2u) ^ flip) * 5.421010862427522e-20) * 1.5707963267948966;
    let q = f32((high >> 30u) + up);
    return select(1.0, -1.0, x < 0.0) * vec2<f32>(select(r, -r, up == 1u), q);
}

// x less the nearest multiple of pi / 2, and that multiple modulo 4. Large angles are rare: they are taken one by one.
fn angle_f32(x: F) -> array<F, 2> {
    let n = round(x * 0.6366197723675814);
    var r = reduce_angle_f32(x, n);
    var q = n;
    var far = abs(x) > F(12000.0);
    while any(far) {
        let i = select(select(select(3u, 2u, far.z), 1u, far.y), 0u, far.x);
        let one = U(0u, 1u, 2u, 3u) == U(i);
        let angle = far_angle_f32(select(select(x.z, x.w, i == 3u), select(x.x, x.y, i == 1u), i < 2u));
        r = select(r, F(angle.x), one);
        q = select(q, F(angle.y), one);
        far = far & !one;
    }
    return array<F, 2>(r, q);
}

fn sin_near_f32(r: F) -> F {
    let z = r * r;
    return r + r * z * ((F(-0.000195878706) * z + F(0.00833274818)) * z + F(-0.166666647));
}

fn cos_near_f32(r: F) -> F {
    let z = r * r;
    return F(1.0) - (z * 0.5 - z * z * ((F(2.45479217e-5) * z + F(-0.00138883029)) * z + F(0.0416666647)));
}

// NaN for angles that are not finite.
fn finite_angle_f32(y: F, x: F) -> F {
    return select(y, bitcast<F>(bitcast<U>(x) | U(0x7fc00000u)), is_inf(x) | is_nan(x));
}

// The sine of x + k * pi / 2.
fn sin_quadrant_f32(x: F, k: i32) -> F {
    let angle = angle_f32(x);
    let q = I(angle[1]) + I(k);
    let y = select(sin_near_f32(angle[0]), cos_near_f32(angle[0]), (q & I(1)) == I(1));
    return finite_angle_f32(select(y, -y, (q & I(2)) == I(2)), x);
}

fn sin_f32(x: F) -> F {
    return select(sin_quadrant_f32(x, 0), x, abs(x) < F(1e-4));
}

fn cos_f32(x: F) -> F {
    return sin_quadrant_f32(x, 1);
}

fn tan_f32(x: F) -> F {
    let angle = angle_f32(x);
    let r = angle[0];
    let z = r * r;
    let t = r + r * z * ((((((F(0.0043866429) * z + F(6.9276867e-5)) * z + F(0.01085116)) * z + F(0.021276524)) * z + F(0.054060962)) * z
        + F(0.133326546)) * z + F(0.3333335));
    let y = select(t, F(-1.0) / t, (I(angle[1]) & I(1)) == I(1));
    return finite_angle_f32(select(y, x, abs(x) < F(1e-4)), x);
}

fn sinh_f32(x: F) -> F {
    let a = abs(x);
    let z = x * x;
    let near = a + a * z * (((F(2.80628026e-6) * z + F(0.00019838102)) * z + F(0.00833333968)) * z + F(0.166666666));
    let half = exp_scaled_f32(a, -1);
    return with_sign_f32(select(half - F(0.25) / half, near, a < F(1.0)), x);
}

fn cosh_f32(x: F) -> F {
    let half = exp_scaled_f32(abs(x), -1);
    return half + F(0.25) / half;
}

fn tanh_f32(x: F) -> F {
    let z = x * x;
    let a = abs(x);
    let near = a + a * z * ((((F(-0.00609685239) * z + F(0.020997274)) * z + F(-0.0538509296)) * z + F(0.133327699)) * z + F(-0.333333289));
    let far = F(1.0) - F(2.0) / (exp_f32(a * 2.0) + F(1.0));
    return with_sign_f32(select(far, near, a < F(0.625)), x);
}

// For |x| <= 1/2.
fn asin_near_f32(x: F) -> F {
    let z = x * x;
    return x + x * z * ((((F(0.0380850236) * z + F(0.0265545422)) * z + F(0.0450013801)) * z + F(0.0749885507)) * z + F(0.166666724));
}

fn asin_f32(x: F) -> F {
    let a = abs(x);
    let far = F(1.5707963267948966) - asin_near_f32(sqrt((F(1.0) - a) * 0.5)) * 2.0;
    return select(select(far, -far, x < F(0.0)), asin_near_f32(x), a <= F(0.5));
}

fn acos_f32(x: F) -> F {
    let edge = asin_near_f32(sqrt((F(1.0) - abs(x)) * 0.5)) * 2.0;
    let far = select(edge, F(3.141592653589793) - edge, x < F(0.0));
    return select(far, F(1.5707963267948966) - asin_near_f32(x), abs(x) <= F(0.5));
}

fn atan_f32(x: F) -> F {
    let a = abs(x);
    let inverse = select(a, F(1.0) / a, a > F(1.0));
    let shift = inverse > F(0.41421356);
    let t = select(inverse, (inverse - F(1.0)) / (inverse + F(1.0)), shift);
    let z = t * t;
    let near = t + t * z * ((((F(-0.0645159726) * z + F(0.107436316)) * z + F(-0.142639464)) * z + F(0.199995402)) * z + F(-0.333333318));
    let half = near + select(F(0.0), F(0.7853981633974483), shift);
    let y = select(half, F(1.5707963267948966) - half, a > F(1.0));
    return select(with_sign_f32(y, x), x, is_nan(x));
}

// (erf(x) / x - 2 / sqrt(pi)) / x^2 for |x| < 0.92, by z = x^2.
fn erf_near_f32(z: F) -> F {
    return ((((F(8.84095889e-5) * z + F(-0.00082581665)) * z + F(0.00521153249)) * z + F(-0.0268637264)) * z + F(0.11283774)) * z + F(-0.376126387);
}

// 1 - erf(a) for a >= 0.92; past 4, where it is below 2e-8, to two digits.
fn erf_rest_f32(a: F) -> F {
    let u = min(a, F(4.0)) - F(2.45);
    let exponent = (((((((F(-1.63922101e-6) * u + F(1.39610467e-5)) * u + F(-8.20390981e-5)) * u + F(0.000444046178)) * u + F(-0.00227335572)) * u
        + F(0.0113022829)) * u + F(0.942231951)) * u + F(5.25837384)) * u + F(7.5415396);
    let over = max(a, F(4.0)) - F(4.0);
    return exp_f32(-exponent - over * (over + F(8.236)));
}

fn erf_f32(x: F) -> F {
    let z = x * x;
    let far = F(1.0) - erf_rest_f32(abs(x));
    let y = select(select(far, -far, x < F(0.0)), x * (F(1.1283791670955126) + z * erf_near_f32(z)), abs(x) < F(0.92));
    return select(y, x, is_nan(x));
}

fn sigmoid_f32(x: F) -> F {
    let e = exp_f32(-abs(x));
    return select(F(1.0), e, x < F(0.0)) / (F(1.0) + e);
}

fn softplus_f32(x: F) -> F {
    // log(1 + e), from 0.41 on as log(2) + log((1 + e) / 2), whose argument is exact.
    let e = exp_f32(-abs(x));
    let large = e > F(0.41);
    let y = log_near_f32(select(e, (e - F(1.0)) * 0.5, large)) + select(F(0.0), F(0.6931471805599453), large);
    return select(select(x, F(0.0), x < F(0.0)) + y, x, is_nan(x));
}

fn selu_f32(x: F) -> F {
    return select(x, expm1_f32(x) * 1.6732632423543772, x < F(0.0)) * 1.0507009873554805;
}

// 2^-40, so that compilers do not know it: they would multiply by it sooner. The low bits of x do not reach it.
fn unit_f32(x: F) -> F {
    return bitcast<F>(max(bitcast<U>(x) >> U(9u), U(0x2b800000u)));
}

// x / (1 + exp(-z)) for z of the sign of x, given exp(-|z|) as 2^n (1 + p), with n from -167 on, which stands for 0. The
// product may end above the subnormal numbers where the exponential alone does not: it is divided by 2^40 last. At minus
// infinity 0 times infinity is NaN, as in PyTorch.
fn times_logistic_f32(x: F, n: F, p: F) -> F {
    let e = (F(1.0) + p) * bitcast<F>((I(n) + I(167)) << U(23u));
    let negative = x < F(0.0);
    let y = select(x, x * e, negative) / (F(1.0) + e * 9.094947017729282e-13);
    return select(y, y * unit_f32(x), negative);
}

// x times the Gaussian distribution function. Its tail is the density times a ratio that falls slowly (Mills), a fraction
// whose terms are all positive.
fn gelu_f32(x: F) -> F {
    // From here on the tail is 0; at minus infinity 0 times infinity is NaN, as in PyTorch.
    let a = min(abs(x), F(15.2154));
    // exp(-a^2 / 2) by 12 bits of a, whose square is exact, and the rest.
    let h = bitcast<F>(bitcast<U>(a) & U(0xfffff000u));
    let n = round(a * a * -0.7213475204444817);
    let r = n * 2.12194440e-4 - ((h * h + n * 1.38671875) + (a - h) * (a + h)) * 0.5;
    let p = r + r * r * exp_tail_f32(r);
    let ratio = ((((F(0.0041240784) * a + F(0.04068538)) * a + F(0.18338954)) * a + F(0.43850294)) * a + F(0.5))
        / (((((F(0.010337414) * a + F(0.10198949)) * a + F(0.4698784)) * a + F(1.2031437)) * a + F(1.6748909)) * a + F(1.0));
    // 2^-40 comes last: subnormal results are rounded once.
    let below = x <= F(0.0);
    let y = select(a, x, below) * (ratio + ratio * p) * bitcast<F>((I(n) + I(167)) << U(23u)) * unit_f32(x);
    return select(x - y, y, below);
}

// (1 + tanh(u)) / 2 is the logistic function of 2 u = c x (x^2 + 1 / 0.044715), c = 0.0713548, whose exponential takes more
// digits than a float has. Their large parts are products of numbers with few bits, which are exact.
fn gelu_tanh_f32(x: F) -> F {
    let a = min(abs(x), F(11.12));
    let h = floor(a * 256.0) * 0.00390625;
    let l = a - h;
    let t = h * h + F(22.363845825195312);
    let s = floor(t * 16.0) * 0.0625;
    let large = h * s;
    let small = l * s + a * ((t - s) + (l * (a + h) + F(1.4177041073500224e-5)));
    let n = round(a * (a * a + F(22.36386)) * -0.1029432395800235);
    // Plus n ln 2 / c, whose first part has 16 bits. The mask takes nothing away, but keeps compilers from adding the parts.
    let high = bitcast<F>(bitcast<U>(large + n * 9.7138671875) & U(0xffffff00u));
    let r = (high + (small + n * 0.0002238405236960956)) * -0.07135481627260025;
    return times_logistic_f32(x, n, r + r * r * exp_tail_f32(r));
}

fn silu_f32(x: F) -> F {
    let a = min(abs(x), F(115.75));
    let n = round(a * -1.4426950408889634);
    return times_logistic_f32(x, n, exp_rest_f32(-a, n));
}

// tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2); from 20 on it is 1.
fn mish_f32(x: F) -> F {
    let c = clamp(x, F(-115.75), F(20.0));
    let n = round(c * 1.4426950408889634);
    // The exponential times 2^40, which goes last: the product may end above the subnormal numbers.
    let first = (F(1.0) + exp_rest_f32(c, n)) * bitcast<F>((I(n) + I(167)) << U(23u));
    let e = first * 9.094947017729282e-13;
    let y = x * first * ((e + F(2.0)) / (e * (e + F(2.0)) + F(2.0))) * unit_f32(x);
    return select(y, x, (x > F(20.0)) | is_nan(x));
}

fn hardsigmoid_f32(x: F) -> F {
    let y = (x + F(3.0)) * 0.16666666666666667;
    return select(select(y, F(0.0), y < F(0.0)), F(1.0), y > F(1.0));
}

fn hardswish_f32(x: F) -> F {
    return x * hardsigmoid_f32(x);
}
