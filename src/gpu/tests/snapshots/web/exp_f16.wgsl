// [1, 1, 1] [Input(0), Output(0)] [33]
struct Params { w0: u32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<u32>;
@group(0) @binding(1) var<storage, read_write> b1: array<u32>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn exp_f32(x: F) -> F {
    return exp_scaled_f32(x, 0);
}
fn exp_rest_f32(x: F, n: F) -> F {
    let r = x - n * 0.693359375 + n * 2.12194440e-4;
    return r + r * r * exp_tail_f32(r);
}
fn exp_scaled_f32(x: F, k: i32) -> F {
    let c = clamp(x, F(-104.0), F(91.0));
    let n = round(c * 1.4426950408889634);
    let y = scale_f32(F(1.0) + exp_rest_f32(c, n), I(n) + I(k));
    return select(y, x, is_nan(x));
}
fn exp_tail_f32(r: F) -> F {
    return (((F(0.00139262249) * r + F(0.00836321214)) * r + F(0.0416665544)) * r + F(0.166665768)) * r + F(0.5);
}
fn from_f16(h: U) -> F {
    let magnitude = h & U(0x7fffu);
    let normal = (magnitude << U(13u)) + U(0x38000000u);
    let special = (magnitude << U(13u)) | U(0x7f800000u);
    let small = bitcast<U>(F(magnitude) * 5.9604644775390625e-8);
    let bits = select(select(normal, special, magnitude >= U(0x7c00u)), small, magnitude < U(0x400u));
    return bitcast<F>(bits | ((h & U(0x8000u)) << U(16u)));
}
fn halves_u32(a: u32, b: u32) -> U {
    return (U(a, a, b, b) >> U(0u, 16u, 0u, 16u)) & U(65535u);
}
fn is_nan(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}
fn pack_halves(v: U) -> vec2<u32> {
    let h = v & U(65535u);
    return vec2<u32>(h.x | (h.y << 16u), h.z | (h.w << 16u));
}
fn round_f16(x: F) -> F {
    return from_f16(to_f16(x));
}
fn scale_f32(x: F, e: I) -> F {
    let half = e >> U(1u);
    let a = bitcast<F>((half + I(127)) << U(23u));
    let b = bitcast<F>((e - half + I(127)) << U(23u));
    return x * a * b;
}
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
fn b0_load_quad(i: i32) -> vec4<f32> { return from_f16(halves_u32(b0[u32(i) >> 1u], b0[(u32(i) >> 1u) + 1u])); }
fn b1_store_quad(i: i32, v: vec4<f32>) { let w = pack_halves(to_f16(v)); b1[u32(i) >> 1u] = w.x; b1[(u32(i) >> 1u) + 1u] = w.y; }
fn quad(i: u32) {
let v0 = b0_load_quad((i32(i)));
let v1 = round_f16(exp_f32(v0));
b1_store_quad((i32(i)), v1);
}
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let i = ((wid.x + wid.y * groups.x) * 256u + lid.x) * 4u;
if i + 0u < p.w0 { quad(i + 0u); }
}
