// Functions of f64, for which WGSL has arithmetic alone. D is vec4<f64>, L vec4<i64>, W vec4<u64>; a Pair is the sum of
// two D, the second below the rounding of the first.

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

// NaN where a lane is not right.
fn poison_f64(ok: B) -> D {
    return bitcast<D>(select(W(0x7ff8000000000000lu), W(0lu), ok));
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

// A number that is not negative, with the sign of another.
fn copysign_f64(x: D, sign: D) -> D {
    return bitcast<D>(bitcast<W>(x) | (bitcast<W>(sign) & W(0x8000000000000000lu)));
}

fn is_negative_f64(x: D) -> B {
    return (bitcast<W>(x) >> U(63u)) == W(1lu);
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

// The nearest whole number, ties to even. Past 2^52 every double is whole; below, the sum with 2^52 is rounded to one.
fn round_f64(x: D) -> D {
    let a = abs_f64(x);
    let whole = opaque_f64(a + D(4503599627370496.0)) - D(4503599627370496.0);
    return select(x, copysign_f64(whole, x), a < D(4503599627370496.0));
}

fn trunc_f64(x: D) -> D {
    let a = abs_f64(x);
    let near = round_f64(a);
    return copysign_f64(select(near, near - D(1.0), near > a), x);
}

fn floor_f64(x: D) -> D {
    let near = round_f64(x);
    return select(near, near - D(1.0), near > x);
}

fn ceil_f64(x: D) -> D {
    let near = round_f64(x);
    return select(near, copysign_f64(abs_f64(near + D(1.0)), x), near < x);
}

fn relu_f64(x: D) -> D {
    return select(x, D(0.0), x <= D(0.0));
}

fn leaky_relu_f64(x: D, slope: D) -> D {
    return select(x * slope, x, x > D(0.0));
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

fn maximum_f64(a: D, b: D) -> D {
    return select(select(b, a, a > b), a, is_nan_f64(a));
}

fn minimum_f64(a: D, b: D) -> D {
    return select(select(b, a, a < b), a, is_nan_f64(a));
}

// 2^e for e in -1022..=1023.
fn power_of_two_f64(e: L) -> D {
    return bitcast<D>((e + L(1023li)) << U(52u));
}

// x * 2^e for e in -2044..=2046, by two factors.
fn scale_f64(x: D, e: L) -> D {
    let half = e >> U(1u);
    return x * power_of_two_f64(half) * power_of_two_f64(e - half);
}

// The exponent of a positive finite number.
fn exponent_f64(x: D) -> L {
    let small = x < D(2.2250738585072014e-308lf);
    let bits = bitcast<L>(select(x, x * D(4503599627370496.0), small));
    return (bits >> U(52u)) - select(L(1023li), L(1075li), small);
}

// x + 1.5 * 2^52, in which x is rounded to a whole number, for |x| < 2^51; that as a float and as an integer.
fn shifted_f64(x: D) -> D {
    return opaque_f64(x + D(6755399441055744.0));
}

fn whole_f64(shifted: D) -> D {
    return shifted - D(6755399441055744.0);
}

fn whole_i64(shifted: D) -> L {
    return bitcast<L>(shifted) - L(0x4338000000000000li);
}

// The first 26 bits of the mantissa.
fn head_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) & W(0xfffffffff8000000lu));
}

// a + b without a rest, where a is 0 or |a| >= |b|.
fn quick_sum_f64(a: D, b: D) -> Pair {
    let sum = opaque_f64(a + b);
    return Pair(sum, b - (sum - a));
}

fn sum_f64(a: D, b: D) -> Pair {
    let sum = opaque_f64(a + b);
    let part = opaque_f64(sum - a);
    return Pair(sum, (a - (sum - part)) + (b - part));
}

// a * b without a rest.
fn product_f64(a: D, b: D) -> Pair {
    let ah = head_f64(a);
    let bh = head_f64(b);
    let al = a - ah;
    let bl = b - bh;
    let product = opaque_f64(a * b);
    return Pair(product, (((ah * bh - product) + ah * bl) + al * bh) + al * bl);
}

fn pair_product_f64(a: Pair, b: Pair) -> Pair {
    let p = product_f64(a.high, b.high);
    return quick_sum_f64(p.high, p.low + (a.high * b.low + a.low * b.high));
}

// The remainder of |a| by |b|, exactly: multiples of b are taken off, 25 bits of the quotient at a time.
fn positive_remainder_f64(a: D, b: D) -> D {
    let divisor = abs_f64(b);
    let valid = !is_nan_f64(a) & !is_nan_f64(b) & !is_inf_f64(a) & (b != D(0.0));
    var rest = select(D(0.0), abs_f64(a), valid);
    let small = select(D(1.0), divisor, valid);
    let bottom = exponent_f64(small);
    for (var i = 0; i < 128 && any(rest >= small); i++) {
        let up = max(exponent_f64(rest) - bottom - L(25li), L(0li));
        let third = up / L(3li);
        let factor = power_of_two_f64(third);
        let multiple = (small * factor) * factor * power_of_two_f64(up - third - third);
        let quotient = trunc_f64(rest / multiple);
        let high = head_f64(multiple);
        let left = (rest - quotient * high) - quotient * (multiple - high);
        rest = select(rest, select(left, left + multiple, left < D(0.0)), rest >= small);
    }
    return select(constant_f64(0x7ff8000000000000lu), rest, valid);
}

// With the sign of b, also where it is 0.
fn remainder_f64(a: D, b: D) -> D {
    let rest = copysign_f64(positive_remainder_f64(a, b), a);
    let other = is_negative_f64(rest) != is_negative_f64(b);
    return select(select(rest, rest + b, other), copysign_f64(D(0.0), b), rest == D(0.0));
}

// A whole quotient from 2^53 on, q = a / b as it was rounded. Where q without its last step's half is whole, but less than
// the quotient, that is half way between two numbers, and goes to the even one.
fn large_quotient_f64(q: D, a: D, b: D) -> D {
    let bits = bitcast<W>(q);
    let size = abs_f64(q);
    let half = (size - bitcast<D>(bitcast<W>(size) - W(1lu))) * D(0.5);
    // Products of small numbers would lose their rests.
    let factor = select(D(1.0), power_of_two_f64(L(400li)), abs_f64(b) < D(1e-120lf));
    let c = b * factor;
    let back = product_f64(q, c);
    let rest = half * c + ((a * factor - back.high) - back.low);
    let over = (rest != D(0.0)) & (is_negative_f64(rest) == is_negative_f64(b)) & (abs_f64(rest) < abs_f64(c));
    let down = bitcast<D>(select(bits - W(1lu), bits + W(1lu), is_negative_f64(q)));
    return select(q, down, over & ((bits & W(1lu)) == W(1lu)) & (size < D(1e33lf)));
}

// (a - r) / b for the remainder r: a whole number, found from the quotient of the rounded difference and what that leaves.
fn floor_divide_f64(a: D, b: D) -> D {
    let plain = a / b;
    let rest = copysign_f64(positive_remainder_f64(a, b), a);
    let multiple = sum_f64(a, -rest);
    let near = round_f64(multiple.high / b);
    let back = product_f64(near, b);
    let left = ((multiple.high - back.high) - back.low) + multiple.low;
    let more = select(round_f64(left / b), D(0.0), is_inf_f64(b));
    let below = (rest != D(0.0)) & (is_negative_f64(rest) != is_negative_f64(b));
    let q = (near + more) - select(D(0.0), D(1.0), below);
    let signed = select(q, copysign_f64(D(0.0), plain), q == D(0.0));
    let large = (abs_f64(plain) >= D(9007199254740992.0)) & !is_inf_f64(a);
    return select(select(signed, large_quotient_f64(plain, a, b), large), plain, b == D(0.0));
}
