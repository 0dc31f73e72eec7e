// Functions of one f32. Polynomials are fitted to about 1e-8, below the rounding of f32.

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

fn exp_f32(x: F) -> F {
    let c = clamp(x, F(-104.0), F(89.0));
    let n = round(c * 1.4426950408889634);
    let r = c - n * 0.693359375 + n * 2.12194440e-4;
    let y = scale_f32(F(1.0) + (r + r * r * exp_tail_f32(r)), I(n));
    return select(y, x, is_nan(x));
}

fn exp2_f32(x: F) -> F {
    let c = clamp(x, F(-150.0), F(129.0));
    let n = round(c);
    let r = (c - n) * 0.6931471805599453;
    let y = scale_f32(F(1.0) + (r + r * r * exp_tail_f32(r)), I(n));
    return select(y, x, is_nan(x));
}

fn expm1_f32(x: F) -> F {
    return select(exp_f32(x) - F(1.0), x + x * x * exp_tail_f32(x), abs(x) < F(0.3466));
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

// x minus the nearest multiple of pi / 2.
fn reduce_angle_f32(x: F, n: F) -> F {
    return (((x - n * 1.5703125) - n * 4.83751296997070312e-4) - n * 7.549650967121124e-8) - n * 5.126688e-12;
}

fn sin_near_f32(r: F) -> F {
    let z = r * r;
    return r + r * z * ((F(-0.000195878706) * z + F(0.00833274818)) * z + F(-0.166666647));
}

fn cos_near_f32(r: F) -> F {
    let z = r * r;
    return F(1.0) - (z * 0.5 - z * z * ((F(2.45479217e-5) * z + F(-0.00138883029)) * z + F(0.0416666647)));
}

// The sine of x + k * pi / 2.
fn sin_quadrant_f32(x: F, k: i32) -> F {
    let n = round(x * 0.6366197723675814);
    let r = reduce_angle_f32(x, n);
    let q = I(clamp(n, F(-1e9), F(1e9))) + I(k);
    let y = select(sin_near_f32(r), cos_near_f32(r), (q & I(1)) == I(1));
    let signed = select(y, -y, (q & I(2)) == I(2));
    return select(signed, bitcast<F>(bitcast<U>(x) | U(0x7fc00000u)), is_inf(x) | is_nan(x));
}

fn sin_f32(x: F) -> F {
    return select(sin_quadrant_f32(x, 0), x, abs(x) < F(1e-4));
}

fn cos_f32(x: F) -> F {
    return sin_quadrant_f32(x, 1);
}

fn tan_f32(x: F) -> F {
    return sin_f32(x) / cos_f32(x);
}

fn sinh_f32(x: F) -> F {
    let z = x * x;
    let near = x + x * z * (((F(2.80628026e-6) * z + F(0.00019838102)) * z + F(0.00833333968)) * z + F(0.166666666));
    let h = exp_f32(abs(x) * 0.5);
    let far = (h * 0.5) * h - F(0.5) / (h * h);
    return select(select(far, -far, x < F(0.0)), near, abs(x) < F(1.0));
}

fn cosh_f32(x: F) -> F {
    let h = exp_f32(abs(x) * 0.5);
    return (h * 0.5) * h + F(0.5) / (h * h);
}

fn tanh_f32(x: F) -> F {
    let z = x * x;
    let near = x + x * z * ((((F(-0.00609685239) * z + F(0.020997274)) * z + F(-0.0538509296)) * z + F(0.133327699)) * z + F(-0.333333289));
    let far = F(1.0) - F(2.0) / (exp_f32(abs(x) * 2.0) + F(1.0));
    return select(select(far, -far, x < F(0.0)), near, abs(x) < F(0.625));
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
    return select(select(y, -y, x < F(0.0)), x, is_nan(x));
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
    return F(1.0) / (F(1.0) + exp_f32(-x));
}

fn softplus_f32(x: F) -> F {
    return select(select(x, F(0.0), x < F(0.0)) + log1p_f32(exp_f32(-abs(x))), x, is_nan(x));
}

fn selu_f32(x: F) -> F {
    return select(x, expm1_f32(x) * 1.6732632423543772, x < F(0.0)) * 1.0507009873554805;
}

// x times the Gaussian distribution function, whose tail is 2^(a * polynomial) / 2 at a = |x|, fitted up to 5.6, where
// it is 1e-8; from there the polynomial only falls.
fn gelu_f32(x: F) -> F {
    let a = abs(x);
    let y = a * (((((((F(-1.84106188e-6) * a + F(2.72935637e-5)) * a + F(-0.000127740157)) * a + F(-0.000281089821)) * a + F(0.00725650595)) * a
        + F(-0.0526338685)) * a + F(-0.45916114)) * a + F(-1.15111091));
    let tail = exp2(y) * 0.5;
    return x * select(F(1.0) - tail, tail, x < F(0.0));
}

// (1 + tanh(u)) / 2 is sigmoid(2 u), which keeps its precision where it is small.
fn gelu_tanh_f32(x: F) -> F {
    return x * sigmoid_f32((x + x * x * x * 0.044715) * 1.5957691216057308);
}

fn silu_f32(x: F) -> F {
    return x * sigmoid_f32(x);
}

fn mish_f32(x: F) -> F {
    return x * tanh_f32(softplus_f32(x));
}

fn hardsigmoid_f32(x: F) -> F {
    let y = (x + F(3.0)) * 0.16666666666666667;
    return select(select(y, F(0.0), y < F(0.0)), F(1.0), y > F(1.0));
}

fn hardswish_f32(x: F) -> F {
    return x * hardsigmoid_f32(x);
}
