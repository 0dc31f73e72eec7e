// [2, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [1, 1, 2, 143, 12, 17, 11, 13, 18, 13, 18, 234, 18, 18, 234, 18]
struct Params { w0: u32, w1: u32, w2: u32, w3: i32, w4: i32, w5: i32, w6: i32, w7: i32, w8: i32, w9: u32, w10: u32, w11: i32, w12: i32, w13: u32, w14: i32, w15: i32, }
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
fn relu_f32(x: F) -> F {
    return select(x, F(0.0), x <= F(0.0));
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b0_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_load(i: i32) -> f32 { return b1[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b1_load(i.x), b1_load(i.y), b1_load(i.z), b1_load(i.w)); }
fn b2_load_quad(i: i32) -> vec4<f32> { return b2[u32(i) >> 2u]; }
fn b3_store(i: i32, v: f32) { b3[u32(i) >> 2u][u32(i) & 3u] = v; }
fn b4_store(i: i32, v: f32) { b4[u32(i) >> 2u][u32(i) & 3u] = v; }
fn finish(s0: u32, s1: u32, i: u32, acc: vec4<f32>) {
let v0 = acc;
let v1 = b2_load_quad((i32(i)));
let v2 = v0 + v1;
let v3 = relu_f32(v2);
{ let at = (vec4<i32>((i32(s0) * p.w11 + i32(s1) * p.w12 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1);
b3_store(at.x, v0.x);
if i + 1u < p.w13 { b3_store(at.y, v0.y); }
if i + 2u < p.w13 { b3_store(at.z, v0.z); }
if i + 3u < p.w13 { b3_store(at.w, v0.w); }
}
{ let at = (vec4<i32>((i32(s0) * p.w14 + i32(s1) * p.w15 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1);
b4_store(at.x, v3.x);
if i + 1u < p.w13 { b4_store(at.y, v3.y); }
if i + 2u < p.w13 { b4_store(at.z, v3.z); }
if i + 3u < p.w13 { b4_store(at.w, v3.w); }
}
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
let a_at0 = base_a + min(i32(row + 0u + lid.x), p.w4) * 1;
let a_at1 = base_a + min(i32(row + 8u + lid.x), p.w4) * 1;
let b_at0 = vec4<i32>(base_b) + min(vec4<i32>(i32(col + 0u)) + vec4<i32>(0, 1, 2, 3), vec4<i32>(p.w5)) * 1;
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
let a0 = b0_load4(vec4<i32>(a_at0) + (vec4<i32>(q) + vec4<i32>(0, 1, 2, 3)) * p.w7);
let a1 = b0_load4(vec4<i32>(a_at1) + (vec4<i32>(q) + vec4<i32>(0, 1, 2, 3)) * p.w7);
let b0_0 = b1_load4(b_at0 + vec4<i32>((q + 0) * p.w8));
let b1_0 = b1_load4(b_at0 + vec4<i32>((q + 1) * p.w8));
let b2_0 = b1_load4(b_at0 + vec4<i32>((q + 2) * p.w8));
let b3_0 = b1_load4(b_at0 + vec4<i32>((q + 3) * p.w8));
let s0_0 = subgroupBroadcast(a0.x, 0u);
let s1_0 = subgroupBroadcast(a0.y, 0u);
let s2_0 = subgroupBroadcast(a0.z, 0u);
let s3_0 = subgroupBroadcast(a0.w, 0u);
c0_0 += b0_0 * s0_0;
c0_0 += b1_0 * s1_0;
c0_0 += b2_0 * s2_0;
c0_0 += b3_0 * s3_0;
let s0_1 = subgroupBroadcast(a0.x, 1u);
let s1_1 = subgroupBroadcast(a0.y, 1u);
let s2_1 = subgroupBroadcast(a0.z, 1u);
let s3_1 = subgroupBroadcast(a0.w, 1u);
c1_0 += b0_0 * s0_1;
c1_0 += b1_0 * s1_1;
c1_0 += b2_0 * s2_1;
c1_0 += b3_0 * s3_1;
let s0_2 = subgroupBroadcast(a0.x, 2u);
let s1_2 = subgroupBroadcast(a0.y, 2u);
let s2_2 = subgroupBroadcast(a0.z, 2u);
let s3_2 = subgroupBroadcast(a0.w, 2u);
c2_0 += b0_0 * s0_2;
c2_0 += b1_0 * s1_2;
c2_0 += b2_0 * s2_2;
c2_0 += b3_0 * s3_2;
let s0_3 = subgroupBroadcast(a0.x, 3u);
let s1_3 = subgroupBroadcast(a0.y, 3u);
let s2_3 = subgroupBroadcast(a0.z, 3u);
let s3_3 = subgroupBroadcast(a0.w, 3u);
c3_0 += b0_0 * s0_3;
c3_0 += b1_0 * s1_3;
c3_0 += b2_0 * s2_3;
c3_0 += b3_0 * s3_3;
let s0_4 = subgroupBroadcast(a0.x, 4u);
let s1_4 = subgroupBroadcast(a0.y, 4u);
let s2_4 = subgroupBroadcast(a0.z, 4u);
let s3_4 = subgroupBroadcast(a0.w, 4u);
c4_0 += b0_0 * s0_4;
c4_0 += b1_0 * s1_4;
c4_0 += b2_0 * s2_4;
c4_0 += b3_0 * s3_4;
let s0_5 = subgroupBroadcast(a0.x, 5u);
let s1_5 = subgroupBroadcast(a0.y, 5u);
let s2_5 = subgroupBroadcast(a0.z, 5u);
let s3_5 = subgroupBroadcast(a0.w, 5u);
c5_0 += b0_0 * s0_5;
c5_0 += b1_0 * s1_5;
c5_0 += b2_0 * s2_5;
c5_0 += b3_0 * s3_5;
let s0_6 = subgroupBroadcast(a0.x, 6u);
let s1_6 = subgroupBroadcast(a0.y, 6u);
let s2_6 = subgroupBroadcast(a0.z, 6u);
let s3_6 = subgroupBroadcast(a0.w, 6u);
c6_0 += b0_0 * s0_6;
c6_0 += b1_0 * s1_6;
c6_0 += b2_0 * s2_6;
c6_0 += b3_0 * s3_6;
let s0_7 = subgroupBroadcast(a0.x, 7u);
let s1_7 = subgroupBroadcast(a0.y, 7u);
let s2_7 = subgroupBroadcast(a0.z, 7u);
let s3_7 = subgroupBroadcast(a0.w, 7u);
c7_0 += b0_0 * s0_7;
c7_0 += b1_0 * s1_7;
c7_0 += b2_0 * s2_7;
c7_0 += b3_0 * s3_7;
let s0_8 = subgroupBroadcast(a1.x, 0u);
let s1_8 = subgroupBroadcast(a1.y, 0u);
let s2_8 = subgroupBroadcast(a1.z, 0u);
let s3_8 = subgroupBroadcast(a1.w, 0u);
c8_0 += b0_0 * s0_8;
c8_0 += b1_0 * s1_8;
c8_0 += b2_0 * s2_8;
c8_0 += b3_0 * s3_8;
let s0_9 = subgroupBroadcast(a1.x, 1u);
let s1_9 = subgroupBroadcast(a1.y, 1u);
let s2_9 = subgroupBroadcast(a1.z, 1u);
let s3_9 = subgroupBroadcast(a1.w, 1u);
c9_0 += b0_0 * s0_9;
c9_0 += b1_0 * s1_9;
c9_0 += b2_0 * s2_9;
c9_0 += b3_0 * s3_9;
let s0_10 = subgroupBroadcast(a1.x, 2u);
let s1_10 = subgroupBroadcast(a1.y, 2u);
let s2_10 = subgroupBroadcast(a1.z, 2u);
let s3_10 = subgroupBroadcast(a1.w, 2u);
c10_0 += b0_0 * s0_10;
c10_0 += b1_0 * s1_10;
c10_0 += b2_0 * s2_10;
c10_0 += b3_0 * s3_10;
let s0_11 = subgroupBroadcast(a1.x, 3u);
let s1_11 = subgroupBroadcast(a1.y, 3u);
let s2_11 = subgroupBroadcast(a1.z, 3u);
let s3_11 = subgroupBroadcast(a1.w, 3u);
c11_0 += b0_0 * s0_11;
c11_0 += b1_0 * s1_11;
c11_0 += b2_0 * s2_11;
c11_0 += b3_0 * s3_11;
let s0_12 = subgroupBroadcast(a1.x, 4u);
let s1_12 = subgroupBroadcast(a1.y, 4u);
let s2_12 = subgroupBroadcast(a1.z, 4u);
let s3_12 = subgroupBroadcast(a1.w, 4u);
c12_0 += b0_0 * s0_12;
c12_0 += b1_0 * s1_12;
c12_0 += b2_0 * s2_12;
c12_0 += b3_0 * s3_12;
let s0_13 = subgroupBroadcast(a1.x, 5u);
let s1_13 = subgroupBroadcast(a1.y, 5u);
let s2_13 = subgroupBroadcast(a1.z, 5u);
let s3_13 = subgroupBroadcast(a1.w, 5u);
c13_0 += b0_0 * s0_13;
c13_0 += b1_0 * s1_13;
c13_0 += b2_0 * s2_13;
c13_0 += b3_0 * s3_13;
let s0_14 = subgroupBroadcast(a1.x, 6u);
let s1_14 = subgroupBroadcast(a1.y, 6u);
let s2_14 = subgroupBroadcast(a1.z, 6u);
let s3_14 = subgroupBroadcast(a1.w, 6u);
c14_0 += b0_0 * s0_14;
c14_0 += b1_0 * s1_14;
c14_0 += b2_0 * s2_14;
c14_0 += b3_0 * s3_14;
let s0_15 = subgroupBroadcast(a1.x, 7u);
let s1_15 = subgroupBroadcast(a1.y, 7u);
let s2_15 = subgroupBroadcast(a1.z, 7u);
let s3_15 = subgroupBroadcast(a1.w, 7u);
c15_0 += b0_0 * s0_15;
c15_0 += b1_0 * s1_15;
c15_0 += b2_0 * s2_15;
c15_0 += b3_0 * s3_15;
}
for (; q < p.w6; q++) {
let a0 = b0_load(a_at0 + q * p.w7);
let a1 = b0_load(a_at1 + q * p.w7);
let b_0 = b1_load4(b_at0 + vec4<i32>(q * p.w8));
c0_0 += b_0 * subgroupBroadcast(a0, 0u);
c1_0 += b_0 * subgroupBroadcast(a0, 1u);
c2_0 += b_0 * subgroupBroadcast(a0, 2u);
c3_0 += b_0 * subgroupBroadcast(a0, 3u);
c4_0 += b_0 * subgroupBroadcast(a0, 4u);
c5_0 += b_0 * subgroupBroadcast(a0, 5u);
c6_0 += b_0 * subgroupBroadcast(a0, 6u);
c7_0 += b_0 * subgroupBroadcast(a0, 7u);
c8_0 += b_0 * subgroupBroadcast(a1, 0u);
c9_0 += b_0 * subgroupBroadcast(a1, 1u);
c10_0 += b_0 * subgroupBroadcast(a1, 2u);
c11_0 += b_0 * subgroupBroadcast(a1, 3u);
c12_0 += b_0 * subgroupBroadcast(a1, 4u);
c13_0 += b_0 * subgroupBroadcast(a1, 5u);
c14_0 += b_0 * subgroupBroadcast(a1, 6u);
c15_0 += b_0 * subgroupBroadcast(a1, 7u);
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
