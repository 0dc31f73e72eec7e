// [2, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [1, 1, 2, 128, 15, 31, 8, 8, 8, 16, 32, 512, 32, 512, 32]
struct Params { w0: u32, w1: u32, w2: u32, w3: i32, w4: i32, w5: i32, w6: i32, w7: i32, w8: i32, w9: u32, w10: u32, w11: i32, w12: i32, w13: i32, w14: i32, }
var<immediate> given: Params;
var<private> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> b3: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> b4: array<vec4<f32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn add_sq_l2_f32(acc: F, a: F, b: F) -> F {
    let d = a - b;
    return acc + d * d;
}
fn relu_f32(x: F) -> F {
    return select(x, F(0.0), x <= F(0.0));
}
fn b0_load_quad(i: i32) -> vec4<f32> { return b0[u32(i) >> 2u]; }
fn b1_load_quad(i: i32) -> vec4<f32> { return b1[u32(i) >> 2u]; }
fn b2_load_quad(i: i32) -> vec4<f32> { return b2[u32(i) >> 2u]; }
fn b3_store_quad(i: i32, v: vec4<f32>) { b3[u32(i) >> 2u] = v; }
fn b4_store_quad(i: i32, v: vec4<f32>) { b4[u32(i) >> 2u] = v; }
fn finish(s0: u32, s1: u32, i: u32, acc: vec4<f32>) {
let v0 = acc;
let v1 = b2_load_quad((i32(i)));
let v2 = v0 + v1;
let v3 = relu_f32(v2);
b3_store_quad((i32(s0) * p.w11 + i32(s1) * p.w12 + i32(i)), v0);
b4_store_quad((i32(s0) * p.w13 + i32(s1) * p.w14 + i32(i)), v3);
}
@compute @workgroup_size(8, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
p = given;
let t = wid.x + wid.y * groups.x;
if t >= p.w2 { return; }
let row = (t % p.w1) * 16u;
let batch = t / p.w0 / p.w1;
let col = ((t / p.w1) % p.w0) * 32u + lid.x * 4u;
let s0 = batch;
let base_a = 0 + i32(s0) * p.w3;
let base_b = 0;
let a_at0 = base_a + min(i32(row + 0u + lid.x), p.w4) * p.w7;
let a_at1 = base_a + min(i32(row + 8u + lid.x), p.w4) * p.w7;
let b_at0 = vec4<i32>(base_b) + min(vec4<i32>(i32(col + 0u)) + vec4<i32>(0, 1, 2, 3), vec4<i32>(p.w5)) * p.w8;
var c0_0 = F(0.0);
var c1_0 = F(0.0);
var c2_0 = F(0.0);
var c3_0 = F(0.0);
var c4_0 = F(0.0);
var c5_0 = F(0.0);
var c6_0 = F(0.0);
var c7_0 = F(0.0);
var c8_0 = F(0.0);
var c9_0 = F(0.0);
var c10_0 = F(0.0);
var c11_0 = F(0.0);
var c12_0 = F(0.0);
var c13_0 = F(0.0);
var c14_0 = F(0.0);
var c15_0 = F(0.0);
var q = 0;
for (; q + 3 < p.w6; q += 4) {
let a0 = b0_load_quad(a_at0 + q);
let a1 = b0_load_quad(a_at1 + q);
let tx_0 = b1_load_quad(b_at0.x + q);
let ty_0 = b1_load_quad(b_at0.y + q);
let tz_0 = b1_load_quad(b_at0.z + q);
let tw_0 = b1_load_quad(b_at0.w + q);
let b0_0 = F(tx_0.x, ty_0.x, tz_0.x, tw_0.x);
let b1_0 = F(tx_0.y, ty_0.y, tz_0.y, tw_0.y);
let b2_0 = F(tx_0.z, ty_0.z, tz_0.z, tw_0.z);
let b3_0 = F(tx_0.w, ty_0.w, tz_0.w, tw_0.w);
let s0_0 = subgroupBroadcast(a0.x, 0u);
let s1_0 = subgroupBroadcast(a0.y, 0u);
let s2_0 = subgroupBroadcast(a0.z, 0u);
let s3_0 = subgroupBroadcast(a0.w, 0u);
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(s0_0), b0_0);
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(s1_0), b1_0);
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(s2_0), b2_0);
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(s3_0), b3_0);
let s0_1 = subgroupBroadcast(a0.x, 1u);
let s1_1 = subgroupBroadcast(a0.y, 1u);
let s2_1 = subgroupBroadcast(a0.z, 1u);
let s3_1 = subgroupBroadcast(a0.w, 1u);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(s0_1), b0_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(s1_1), b1_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(s2_1), b2_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(s3_1), b3_0);
let s0_2 = subgroupBroadcast(a0.x, 2u);
let s1_2 = subgroupBroadcast(a0.y, 2u);
let s2_2 = subgroupBroadcast(a0.z, 2u);
let s3_2 = subgroupBroadcast(a0.w, 2u);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(s0_2), b0_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(s1_2), b1_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(s2_2), b2_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(s3_2), b3_0);
let s0_3 = subgroupBroadcast(a0.x, 3u);
let s1_3 = subgroupBroadcast(a0.y, 3u);
let s2_3 = subgroupBroadcast(a0.z, 3u);
let s3_3 = subgroupBroadcast(a0.w, 3u);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(s0_3), b0_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(s1_3), b1_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(s2_3), b2_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(s3_3), b3_0);
let s0_4 = subgroupBroadcast(a0.x, 4u);
let s1_4 = subgroupBroadcast(a0.y, 4u);
let s2_4 = subgroupBroadcast(a0.z, 4u);
let s3_4 = subgroupBroadcast(a0.w, 4u);
c4_0 = add_sq_l2_f32(c4_0, vec4<f32>(s0_4), b0_0);
c4_0 = add_sq_l2_f32(c4_0, vec4<f32>(s1_4), b1_0);
c4_0 = add_sq_l2_f32(c4_0, vec4<f32>(s2_4), b2_0);
c4_0 = add_sq_l2_f32(c4_0, vec4<f32>(s3_4), b3_0);
let s0_5 = subgroupBroadcast(a0.x, 5u);
let s1_5 = subgroupBroadcast(a0.y, 5u);
let s2_5 = subgroupBroadcast(a0.z, 5u);
let s3_5 = subgroupBroadcast(a0.w, 5u);
c5_0 = add_sq_l2_f32(c5_0, vec4<f32>(s0_5), b0_0);
c5_0 = add_sq_l2_f32(c5_0, vec4<f32>(s1_5), b1_0);
c5_0 = add_sq_l2_f32(c5_0, vec4<f32>(s2_5), b2_0);
c5_0 = add_sq_l2_f32(c5_0, vec4<f32>(s3_5), b3_0);
let s0_6 = subgroupBroadcast(a0.x, 6u);
let s1_6 = subgroupBroadcast(a0.y, 6u);
let s2_6 = subgroupBroadcast(a0.z, 6u);
let s3_6 = subgroupBroadcast(a0.w, 6u);
c6_0 = add_sq_l2_f32(c6_0, vec4<f32>(s0_6), b0_0);
c6_0 = add_sq_l2_f32(c6_0, vec4<f32>(s1_6), b1_0);
c6_0 = add_sq_l2_f32(c6_0, vec4<f32>(s2_6), b2_0);
c6_0 = add_sq_l2_f32(c6_0, vec4<f32>(s3_6), b3_0);
let s0_7 = subgroupBroadcast(a0.x, 7u);
let s1_7 = subgroupBroadcast(a0.y, 7u);
let s2_7 = subgroupBroadcast(a0.z, 7u);
let s3_7 = subgroupBroadcast(a0.w, 7u);
c7_0 = add_sq_l2_f32(c7_0, vec4<f32>(s0_7), b0_0);
c7_0 = add_sq_l2_f32(c7_0, vec4<f32>(s1_7), b1_0);
c7_0 = add_sq_l2_f32(c7_0, vec4<f32>(s2_7), b2_0);
c7_0 = add_sq_l2_f32(c7_0, vec4<f32>(s3_7), b3_0);
let s0_8 = subgroupBroadcast(a1.x, 0u);
let s1_8 = subgroupBroadcast(a1.y, 0u);
let s2_8 = subgroupBroadcast(a1.z, 0u);
let s3_8 = subgroupBroadcast(a1.w, 0u);
c8_0 = add_sq_l2_f32(c8_0, vec4<f32>(s0_8), b0_0);
c8_0 = add_sq_l2_f32(c8_0, vec4<f32>(s1_8), b1_0);
c8_0 = add_sq_l2_f32(c8_0, vec4<f32>(s2_8), b2_0);
c8_0 = add_sq_l2_f32(c8_0, vec4<f32>(s3_8), b3_0);
let s0_9 = subgroupBroadcast(a1.x, 1u);
let s1_9 = subgroupBroadcast(a1.y, 1u);
let s2_9 = subgroupBroadcast(a1.z, 1u);
let s3_9 = subgroupBroadcast(a1.w, 1u);
c9_0 = add_sq_l2_f32(c9_0, vec4<f32>(s0_9), b0_0);
c9_0 = add_sq_l2_f32(c9_0, vec4<f32>(s1_9), b1_0);
c9_0 = add_sq_l2_f32(c9_0, vec4<f32>(s2_9), b2_0);
c9_0 = add_sq_l2_f32(c9_0, vec4<f32>(s3_9), b3_0);
let s0_10 = subgroupBroadcast(a1.x, 2u);
let s1_10 = subgroupBroadcast(a1.y, 2u);
let s2_10 = subgroupBroadcast(a1.z, 2u);
let s3_10 = subgroupBroadcast(a1.w, 2u);
c10_0 = add_sq_l2_f32(c10_0, vec4<f32>(s0_10), b0_0);
c10_0 = add_sq_l2_f32(c10_0, vec4<f32>(s1_10), b1_0);
c10_0 = add_sq_l2_f32(c10_0, vec4<f32>(s2_10), b2_0);
c10_0 = add_sq_l2_f32(c10_0, vec4<f32>(s3_10), b3_0);
let s0_11 = subgroupBroadcast(a1.x, 3u);
let s1_11 = subgroupBroadcast(a1.y, 3u);
let s2_11 = subgroupBroadcast(a1.z, 3u);
let s3_11 = subgroupBroadcast(a1.w, 3u);
c11_0 = add_sq_l2_f32(c11_0, vec4<f32>(s0_11), b0_0);
c11_0 = add_sq_l2_f32(c11_0, vec4<f32>(s1_11), b1_0);
c11_0 = add_sq_l2_f32(c11_0, vec4<f32>(s2_11), b2_0);
c11_0 = add_sq_l2_f32(c11_0, vec4<f32>(s3_11), b3_0);
let s0_12 = subgroupBroadcast(a1.x, 4u);
let s1_12 = subgroupBroadcast(a1.y, 4u);
let s2_12 = subgroupBroadcast(a1.z, 4u);
let s3_12 = subgroupBroadcast(a1.w, 4u);
c12_0 = add_sq_l2_f32(c12_0, vec4<f32>(s0_12), b0_0);
c12_0 = add_sq_l2_f32(c12_0, vec4<f32>(s1_12), b1_0);
c12_0 = add_sq_l2_f32(c12_0, vec4<f32>(s2_12), b2_0);
c12_0 = add_sq_l2_f32(c12_0, vec4<f32>(s3_12), b3_0);
let s0_13 = subgroupBroadcast(a1.x, 5u);
let s1_13 = subgroupBroadcast(a1.y, 5u);
let s2_13 = subgroupBroadcast(a1.z, 5u);
let s3_13 = subgroupBroadcast(a1.w, 5u);
c13_0 = add_sq_l2_f32(c13_0, vec4<f32>(s0_13), b0_0);
c13_0 = add_sq_l2_f32(c13_0, vec4<f32>(s1_13), b1_0);
c13_0 = add_sq_l2_f32(c13_0, vec4<f32>(s2_13), b2_0);
c13_0 = add_sq_l2_f32(c13_0, vec4<f32>(s3_13), b3_0);
let s0_14 = subgroupBroadcast(a1.x, 6u);
let s1_14 = subgroupBroadcast(a1.y, 6u);
let s2_14 = subgroupBroadcast(a1.z, 6u);
let s3_14 = subgroupBroadcast(a1.w, 6u);
c14_0 = add_sq_l2_f32(c14_0, vec4<f32>(s0_14), b0_0);
c14_0 = add_sq_l2_f32(c14_0, vec4<f32>(s1_14), b1_0);
c14_0 = add_sq_l2_f32(c14_0, vec4<f32>(s2_14), b2_0);
c14_0 = add_sq_l2_f32(c14_0, vec4<f32>(s3_14), b3_0);
let s0_15 = subgroupBroadcast(a1.x, 7u);
let s1_15 = subgroupBroadcast(a1.y, 7u);
let s2_15 = subgroupBroadcast(a1.z, 7u);
let s3_15 = subgroupBroadcast(a1.w, 7u);
c15_0 = add_sq_l2_f32(c15_0, vec4<f32>(s0_15), b0_0);
c15_0 = add_sq_l2_f32(c15_0, vec4<f32>(s1_15), b1_0);
c15_0 = add_sq_l2_f32(c15_0, vec4<f32>(s2_15), b2_0);
c15_0 = add_sq_l2_f32(c15_0, vec4<f32>(s3_15), b3_0);
}
if row + 0u < p.w9 && col + 0u < p.w10 { finish(s0, row + 0u, col + 0u, c0_0); }
if row + 1u < p.w9 && col + 0u < p.w10 { finish(s0, row + 1u, col + 0u, c1_0); }
if row + 2u < p.w9 && col + 0u < p.w10 { finish(s0, row + 2u, col + 0u, c2_0); }
if row + 3u < p.w9 && col + 0u < p.w10 { finish(s0, row + 3u, col + 0u, c3_0); }
if row + 4u < p.w9 && col + 0u < p.w10 { finish(s0, row + 4u, col + 0u, c4_0); }
if row + 5u < p.w9 && col + 0u < p.w10 { finish(s0, row + 5u, col + 0u, c5_0); }
if row + 6u < p.w9 && col + 0u < p.w10 { finish(s0, row + 6u, col + 0u, c6_0); }
if row + 7u < p.w9 && col + 0u < p.w10 { finish(s0, row + 7u, col + 0u, c7_0); }
if row + 8u < p.w9 && col + 0u < p.w10 { finish(s0, row + 8u, col + 0u, c8_0); }
if row + 9u < p.w9 && col + 0u < p.w10 { finish(s0, row + 9u, col + 0u, c9_0); }
if row + 10u < p.w9 && col + 0u < p.w10 { finish(s0, row + 10u, col + 0u, c10_0); }
if row + 11u < p.w9 && col + 0u < p.w10 { finish(s0, row + 11u, col + 0u, c11_0); }
if row + 12u < p.w9 && col + 0u < p.w10 { finish(s0, row + 12u, col + 0u, c12_0); }
if row + 13u < p.w9 && col + 0u < p.w10 { finish(s0, row + 13u, col + 0u, c13_0); }
if row + 14u < p.w9 && col + 0u < p.w10 { finish(s0, row + 14u, col + 0u, c14_0); }
if row + 15u < p.w9 && col + 0u < p.w10 { finish(s0, row + 15u, col + 0u, c15_0); }
}
