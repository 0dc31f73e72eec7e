// Packing, conversion and tests that every kernel may need. F, I, U and B are vec4 of f32, i32, u32 and bool.

// NaN and infinity are told by their bits: compilers may assume that neither exists.
fn is_nan(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}

fn is_inf(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) == U(0x7f800000u);
}

// The same number, but one of which a compiler knows nothing: `zero_word` is a parameter of the kernel, always 0. It keeps
// compilers from taking `x - x` for 0, or `(x + y) - x` for y.
fn opaque_f32(x: F) -> F {
    return bitcast<F>(bitcast<U>(x) ^ U(zero_word()));
}

fn bytes_u32(w: u32) -> U {
    return (U(w) >> U(0u, 8u, 16u, 24u)) & U(255u);
}

fn bytes_i32(w: u32) -> I {
    return bitcast<I>(U(w) << U(24u, 16u, 8u, 0u)) >> U(24u);
}

fn pack_bytes(v: U) -> u32 {
    let b = (v & U(255u)) << U(0u, 8u, 16u, 24u);
    return b.x | b.y | b.z | b.w;
}

fn halves_u32(a: u32, b: u32) -> U {
    return (U(a, a, b, b) >> U(0u, 16u, 0u, 16u)) & U(65535u);
}

fn halves_i32(a: u32, b: u32) -> I {
    return bitcast<I>(U(a, a, b, b) << U(16u, 0u, 16u, 0u)) >> U(16u);
}

fn pack_halves(v: U) -> vec2<u32> {
    let h = v & U(65535u);
    return vec2<u32>(h.x | (h.y << 16u), h.z | (h.w << 16u));
}

// Subnormal halves are scaled from integers, so that a device that flushes subnormal floats reads them too.
fn from_f16(h: U) -> F {
    let magnitude = h & U(0x7fffu);
    let normal = (magnitude << U(13u)) + U(0x38000000u);
    let special = (magnitude << U(13u)) | U(0x7f800000u);
    let small = bitcast<U>(F(magnitude) * 5.9604644775390625e-8);
    let bits = select(select(normal, special, magnitude >= U(0x7c00u)), small, magnitude < U(0x400u));
    return bitcast<F>(bits | ((h & U(0x8000u)) << U(16u)));
}

// To nearest, ties to even; past the largest half to infinity.
fn to_f16(x: F) -> U {
    let bits = bitcast<U>(x);
    let magnitude = bits & U(0x7fffffffu);
    let normal = (magnitude - U(0x38000000u) + U(0xfffu) + ((magnitude >> U(13u)) & U(1u))) >> U(13u);
    let small = U(round(bitcast<F>(min(magnitude, U(0x38800000u))) * 16777216.0));
    let finite = select(normal, small, magnitude < U(0x38800000u));
    let special = select(U(0x7c00u), U(0x7e00u), magnitude > U(0x7f800000u));
    let h = select(finite, special, magnitude >= U(0x477ff000u));
    return h | ((bits >> U(16u)) & U(0x8000u));
}

fn to_bf16(x: F) -> U {
    let bits = bitcast<U>(x);
    let rounded = (bits + U(0x7fffu) + ((bits >> U(16u)) & U(1u))) >> U(16u);
    return select(rounded, (bits >> U(16u)) | U(0x40u), is_nan(x));
}

fn round_f16(x: F) -> F {
    return from_f16(to_f16(x));
}

fn round_bf16(x: F) -> F {
    return bitcast<F>(to_bf16(x) << U(16u));
}

fn wrap_i8(x: I) -> I {
    return (x << U(24u)) >> U(24u);
}

fn wrap_i16(x: I) -> I {
    return (x << U(16u)) >> U(16u);
}

fn wrap_u8(x: U) -> U {
    return x & U(255u);
}

fn wrap_u16(x: U) -> U {
    return x & U(65535u);
}

// The nearest float to a double given by its words, which the device cannot compute with.
fn from_f64_bits(w: vec2<u32>) -> f32 {
    let sign = w.y & 0x80000000u;
    let exponent = i32((w.y >> 20u) & 2047u) - 896;
    let top = ((w.y & 0xfffffu) << 3u) | (w.x >> 29u);
    let rest = w.x & 0x1fffffffu;
    let up = select(0u, 1u, rest > 0x10000000u || (rest == 0x10000000u && (top & 1u) == 1u));
    if exponent == 1151 {
        return bitcast<f32>(sign | 0x7f800000u | select(0u, 0x400000u, (top | rest) != 0u));
    }
    if exponent >= 255 {
        return bitcast<f32>(sign | 0x7f800000u);
    }
    if exponent <= 0 {
        return bitcast<f32>(sign);
    }
    return bitcast<f32>(sign | ((u32(exponent) << 23u) + top + up));
}

fn to_f64_bits(x: f32) -> vec2<u32> {
    let bits = bitcast<u32>(x);
    let magnitude = bits & 0x7fffffffu;
    let exponent = magnitude >> 23u;
    let wide = select(exponent + 896u, 2047u, exponent == 255u);
    let high = (wide << 20u) | ((magnitude & 0x7fffffu) >> 3u);
    return vec2<u32>(select(0u, magnitude << 29u, exponent != 0u), (bits & 0x80000000u) | select(0u, high, exponent != 0u));
}

// NaN where a lane is not right, which no compiler can tell in advance.
fn poison_f32(ok: B) -> F {
    return bitcast<F>(select(U(0x7fc00000u), U(0u), ok));
}

// The nearest number of 32 bits to one of 64 that is given by its words.
fn nearest_i32(w: vec2<u32>) -> i32 {
    let low = bitcast<i32>(w.x);
    let high = bitcast<i32>(w.y);
    return select(select(0x7fffffff, -0x7fffffff - 1, high < 0), low, high == (low >> 31u));
}

fn nearest_u32(w: vec2<u32>) -> u32 {
    return select(0xffffffffu, w.x, w.y == 0u);
}

// Saturating conversions; NaN gives 0.
fn f32_to_i32(x: F) -> I {
    let v = I(clamp(x, F(-2147483648.0), F(2147483520.0)));
    return select(select(v, I(0x7fffffff), x >= F(2147483648.0)), I(0), is_nan(x));
}

fn f32_to_u32(x: F) -> U {
    let v = U(clamp(x, F(0.0), F(4294967040.0)));
    return select(select(v, U(0xffffffffu), x >= F(4294967296.0)), U(0u), is_nan(x));
}

// 2^e for e in -252..=254, as two factors, so that results go over into subnormals and infinity as they should.
fn scale_f32(x: F, e: I) -> F {
    let half = e >> U(1u);
    let a = bitcast<F>((half + I(127)) << U(23u));
    let b = bitcast<F>((e - half + I(127)) << U(23u));
    return x * a * b;
}

// Where maxima and minima start. The bits are not written as constants, which must be finite.
fn lowest_f32() -> f32 {
    var bits = 0xff800000u;
    return bitcast<f32>(bits);
}

fn highest_f32() -> f32 {
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
}

fn lowest_i32() -> i32 {
    return i32(-2147483648);
}

fn highest_i32() -> i32 {
    return 2147483647;
}

fn lowest_u32() -> u32 {
    return 0u;
}

fn highest_u32() -> u32 {
    return 4294967295u;
}

fn lowest_i64() -> i64 {
    return -9223372036854775807li - 1li;
}

fn highest_i64() -> i64 {
    return 9223372036854775807li;
}

fn lowest_u64() -> u64 {
    return 0lu;
}

fn highest_u64() -> u64 {
    return 18446744073709551615lu;
}

// A sign extended by hand: Mesa's software driver (22.3) gets some comparisons of numbers wrong that i64(x) widened.
fn i32_to_u64(x: I) -> vec4<u64> {
    let sign = vec4<u64>(0x80000000lu);
    return (vec4<u64>(bitcast<U>(x)) ^ sign) - sign;
}
