// [1, 1, 1] [Input(0), Output(0), Output(1)] [3, 10, 10, 10, 10]
struct Params { w0: u32, w1: u32, w2: i32, w3: i32, w4: u32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> b2: array<vec4<f32>>;
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
fn log_f32(x: F) -> F {
    let e = exponent_f32(x);
    let y = e * 0.693359375 + (log_near_f32(mantissa_f32(x) - F(1.0)) - e * 2.12194440e-4);
    return log_special_f32(x, y);
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
fn lowest_f32() -> f32 {
    var bits = 0xff800000u;
    return bitcast<f32>(bits);
}
fn mantissa_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return bitcast<F>((bits & I(0x7fffff)) + I(0x3f3504f3));
}
fn maximum_f32(a: F, b: F) -> F {
    return select(select(b, a, a > b), a, is_nan(a));
}
fn scale_f32(x: F, e: I) -> F {
    let half = e >> U(1u);
    let a = bitcast<F>((half + I(127)) << U(23u));
    let b = bitcast<F>((e - half + I(127)) << U(23u));
    return x * a * b;
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b0_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_store(i: i32, v: f32) { b1[u32(i) >> 2u][u32(i) & 3u] = v; }
fn b2_store(i: i32, v: f32) { b2[u32(i) >> 2u][u32(i) & 3u] = v; }
@compute @workgroup_size(32, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let team = (wid.x + wid.y * groups.x) * 32u + lid.x;
if team >= p.w0 { return; }
let lane = 0u;
let s0 = team;
var a1 = vec4<f32>(lowest_f32());
{ var at = lane * 4u;
while at < p.w1 {
var r1_0: vec4<f32>;
{ let q = at + 0u;
let i = q;
let v0 = b0_load4((vec4<i32>((i32(s0) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_0 = select(vec4<f32>(lowest_f32()), v0, (vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>(p.w1));
}
a1 = maximum_f32(a1, r1_0);
at += 4u; } }
a1 = maximum_f32(a1, a1.zwxy);
a1 = maximum_f32(a1, a1.yxwz);
let v1 = a1;
var a4 = vec4<f32>(f32(0));
{ var at = lane * 4u;
while at < p.w1 {
var r4_0: vec4<f32>;
{ let q = at + 0u;
let i = q;
let v0 = b0_load4((vec4<i32>((i32(s0) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));
let v2 = v0 - v1;
let v3 = exp_f32(v2);

r4_0 = select(vec4<f32>(f32(0)), v3, (vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>(p.w1));
}
a4 = (a4 + r4_0);
at += 4u; } }
a4 = (a4 + a4.zwxy);
a4 = (a4 + a4.yxwz);
let v4 = a4;
let v6 = log_f32(v4);
{ var at = lane * 4u;
while at < p.w1 {
{ let q = at + 0u;
let i = q;
let v0 = b0_load4((vec4<i32>((i32(s0) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));
let v2 = v0 - v1;
let v3 = exp_f32(v2);
let v5 = v3 / v4;
{ let at = (vec4<i32>((i32(s0) * p.w3 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1);
b1_store(at.x, v5.x);
if i + 1u < p.w4 { b1_store(at.y, v5.y); }
if i + 2u < p.w4 { b1_store(at.z, v5.z); }
if i + 3u < p.w4 { b1_store(at.w, v5.w); }
}

}
at += 4u; } }
if lane == 0u { b2_store((i32(s0)), v6.x);
 }
}
