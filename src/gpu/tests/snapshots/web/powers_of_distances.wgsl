// [4, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [256, 8, 16, 8, 31, 128, 8, 8, 1077936128, 512, 32, 512, 32]
struct Params { w0: u32, w1: u32, w2: u32, w3: u32, w4: i32, w5: i32, w6: i32, w7: i32, w8: u32, w9: i32, w10: i32, w11: i32, w12: i32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> b3: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> b4: array<vec4<f32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn add_lp_f32(acc: F, a: F, b: F, p: f32) -> F {
    return acc + exp2_f32(log2_f32(abs(a - b)) * p);
}
fn exp2_f32(x: F) -> F {
    let c = clamp(x, F(-150.0), F(129.0));
    let n = round(c);
    let r = (c - n) * 0.6931471805599453;
    let y = scale_f32(F(1.0) + (r + r * r * exp_tail_f32(r)), I(n));
    return select(y, x, is_nan(x));
}
fn exp_tail_f32(r: F) -> F {
    return (((F(0.00139262249) * r + F(0.00836321214)) * r + F(0.0416665544)) * r + F(0.166665768)) * r + F(0.5);
}
fn exponent_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return F(bits >> U(23u)) - select(F(0.0), F(23.0), small);
}
fn is_inf(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) == U(0x7f800000u);
}
fn is_nan(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}
fn log2_f32(x: F) -> F {
    return log_special_f32(x, exponent_f32(x) + log_near_f32(mantissa_f32(x) - F(1.0)) * 1.4426950408889634);
}
fn log_near_f32(f: F) -> F {
    let s = f / (F(2.0) + f);
    let z = s * s;
    let h = f * f * 0.5;
    let r = z * (((F(0.23336811) * z + F(0.28550587)) * z + F(0.400001239)) * z + F(0.666666666));
    return f - (h - s * (h + r));
}
fn log_special_f32(x: F, y: F) -> F {
    let special = select(bitcast<F>(U(0x7fc00000u) | (bitcast<U>(x) & U(1u))), bitcast<F>(U(0xff800000u)), x == F(0.0));
    return select(select(special, x, is_inf(x) & (x > F(0.0))), y, (x > F(0.0)) & !is_inf(x) & !is_nan(x));
}
fn mantissa_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return bitcast<F>((bits & I(0x7fffff)) + I(0x3f3504f3));
}
fn relu_f32(x: F) -> F {
    return select(x, F(0.0), x <= F(0.0));
}
fn scale_f32(x: F, e: I) -> F {
    let half = e >> U(1u);
    let a = bitcast<F>((half + I(127)) << U(23u));
    let b = bitcast<F>((e - half + I(127)) << U(23u));
    return x * a * b;
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load(i: i32) -> f32 { return b1[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b1_load(i.x), b1_load(i.y), b1_load(i.z), b1_load(i.w)); }
fn b2_load_quad(i: i32) -> vec4<f32> { return b2[u32(i) >> 2u]; }
fn b3_store_quad(i: i32, v: vec4<f32>) { b3[u32(i) >> 2u] = v; }
fn b4_store_quad(i: i32, v: vec4<f32>) { b4[u32(i) >> 2u] = v; }
fn finish(s0: u32, s1: u32, i: u32, acc: vec4<f32>) {
let v0 = acc;
let v1 = b2_load_quad((i32(i)));
let v2 = v0 + v1;
let v3 = relu_f32(v2);
b3_store_quad((i32(s0) * p.w9 + i32(s1) * p.w10 + i32(i)), v0);
b4_store_quad((i32(s0) * p.w11 + i32(s1) * p.w12 + i32(i)), v3);
}
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let t = (wid.x + wid.y * groups.x) * 64u + lid.x;
if t >= p.w0 { return; }
let i = (t % p.w1) * 4u;
let row = (t / p.w1) % p.w2;
let batch = t / p.w1 / p.w2;
let s0 = batch;
let base_a = 0 + i32(s0) * p.w5;
let base_b = 0;
let at_a = base_a + i32(row) * p.w6;
let at_b = base_b + min(vec4<i32>(i32(i)) + vec4<i32>(0, 1, 2, 3), vec4<i32>(p.w4)) * p.w7;
var acc = vec4<f32>(f32(0));
for (var q = 0; q < i32(p.w3); q++) { acc = add_lp_f32(acc, vec4<f32>(b0_load(at_a + q * 1)), b1_load4(at_b + vec4<i32>(q * 1)), bitcast<f32>(p.w8)); }
finish(s0, row, i, acc);
}
