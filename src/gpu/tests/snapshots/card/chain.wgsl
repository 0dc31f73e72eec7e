// [1, 1, 1] [Input(0), Input(1), Input(2), Input(3), Input(4), Output(0), Output(1)] [8, 6, 3, 0, 0, 48]
struct Params { w0: u32, w1: i32, w2: i32, w3: u32, w4: u32, w5: u32, }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> b3: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> b5: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> b6: array<vec4<f32>>;
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
fn is_nan(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}
fn scale_f32(x: F, e: I) -> F {
    let half = e >> U(1u);
    let a = bitcast<F>((half + I(127)) << U(23u));
    let b = bitcast<F>((e - half + I(127)) << U(23u));
    return x * a * b;
}
fn tanh_f32(x: F) -> F {
    let z = x * x;
    let a = abs(x);
    let near = a + a * z * ((((F(-0.00609685239) * z + F(0.020997274)) * z + F(-0.0538509296)) * z + F(0.133327699)) * z + F(-0.333333289));
    let far = F(1.0) - F(2.0) / (exp_f32(a * 2.0) + F(1.0));
    return with_sign_f32(select(far, near, a < F(0.625)), x);
}
fn with_sign_f32(y: F, x: F) -> F {
    return bitcast<F>((bitcast<U>(y) & U(0x7fffffffu)) | (bitcast<U>(x) & U(0x80000000u)));
}
fn b0_load_quad(i: i32) -> vec4<f32> { return b0[u32(i) >> 2u]; }
fn b1_load_quad(i: i32) -> vec4<f32> { return b1[u32(i) >> 2u]; }
fn b2_load(i: i32) -> f32 { return b2[u32(i) >> 2u][u32(i) & 3u]; }
fn b3_load(i: i32) -> f32 { return b3[u32(i) >> 2u][u32(i) & 3u]; }
fn b3_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b3_load(i.x), b3_load(i.y), b3_load(i.z), b3_load(i.w)); }
fn b4_load(i: i32) -> f32 { return b4[u32(i) >> 2u][u32(i) & 3u]; }
fn b4_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b4_load(i.x), b4_load(i.y), b4_load(i.z), b4_load(i.w)); }
fn b5_store_quad(i: i32, v: vec4<f32>) { b5[u32(i) >> 2u] = v; }
fn b6_store_quad(i: i32, v: vec4<f32>) { b6[u32(i) >> 2u] = v; }
fn quad(i: u32) {
let c1 = i % p.w0;
let cr1 = i / p.w0;
let c0 = cr1;
let v0 = b0_load_quad((i32(i)));
let v1 = b1_load_quad((i32(c1)));
let v2 = v0 + v1;
let v3 = vec4<f32>(b2_load((i32(c0))));
let v4 = v2 + v3;
let v5 = b3_load4((vec4<i32>((i32(c0) + i32(c1) * p.w1)) + vec4<i32>(0, 1, 2, 3) * p.w1));
let v6 = v4 + v5;
let v7 = b4_load4((vec4<i32>((p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));
let v8 = v6 + v7;
let v9 = vec4<f32>(bitcast<f32>(p.w3));
let v10 = v8 * v9;
let v11 = tanh_f32(v10);
b5_store_quad((i32(i)), v8);
b6_store_quad((i32(i)), v11);
}
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let i = ((wid.x + wid.y * groups.x) * 256u + lid.x) * 4u;
if i + 0u < p.w5 { quad(i + 0u); }
}
