// [2, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [1, 2, 2, 63, 63, 32, 32, 64, 64, 64, 64, 64]
struct Params { w0: u32, w1: u32, w2: u32, w3: i32, w4: i32, w5: i32, w6: i32, w7: i32, w8: u32, w9: u32, w10: i32, w11: i32, }
var<immediate> given: Params;
var<private> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b1: array<vec4<u64>>;
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
fn b0_load_quad(i: i32) -> vec4<f32> { return b0[u32(i) >> 2u]; }
fn b1_load_octo(i: i32) -> vec4<u64> { return b1[u32(i) >> 3u]; }
fn b2_load_quad(i: i32) -> vec4<f32> { return b2[u32(i) >> 2u]; }
fn b3_store_quad(i: i32, v: vec4<f32>) { b3[u32(i) >> 2u] = v; }
fn b4_store_quad(i: i32, v: vec4<f32>) { b4[u32(i) >> 2u] = v; }
fn finish(s0: u32, i: u32, acc: vec4<f32>) {
let v0 = acc;
let v1 = b2_load_quad((i32(i)));
let v2 = v0 + v1;
let v3 = relu_f32(v2);
b3_store_quad((i32(s0) * p.w10 + i32(i)), v0);
b4_store_quad((i32(s0) * p.w11 + i32(i)), v3);
}
@compute @workgroup_size(8, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
p = given;
let t = wid.x + wid.y * groups.x;
if t >= p.w2 { return; }
let row = (t % p.w1) * 32u;
let batch = t / p.w0 / p.w1;
let col = ((t / p.w1) % p.w0) * 64u + lid.x * 8u;
let base_a = 0;
let base_b = 0;
let a_at0 = base_a + min(i32(row + 0u + lid.x), p.w3) * p.w6;
let a_at1 = base_a + min(i32(row + 8u + lid.x), p.w3) * p.w6;
let a_at2 = base_a + min(i32(row + 16u + lid.x), p.w3) * p.w6;
let a_at3 = base_a + min(i32(row + 24u + lid.x), p.w3) * p.w6;
let b_at0 = base_b + min(i32(col), p.w4 - 7);
let b_at1 = base_b + min(i32(col), p.w4 - 7);
var c0_0 = F(0.0);
var c0_1 = F(0.0);
var c1_0 = F(0.0);
var c1_1 = F(0.0);
var c2_0 = F(0.0);
var c2_1 = F(0.0);
var c3_0 = F(0.0);
var c3_1 = F(0.0);
var c4_0 = F(0.0);
var c4_1 = F(0.0);
var c5_0 = F(0.0);
var c5_1 = F(0.0);
var c6_0 = F(0.0);
var c6_1 = F(0.0);
var c7_0 = F(0.0);
var c7_1 = F(0.0);
var c8_0 = F(0.0);
var c8_1 = F(0.0);
var c9_0 = F(0.0);
var c9_1 = F(0.0);
var c10_0 = F(0.0);
var c10_1 = F(0.0);
var c11_0 = F(0.0);
var c11_1 = F(0.0);
var c12_0 = F(0.0);
var c12_1 = F(0.0);
var c13_0 = F(0.0);
var c13_1 = F(0.0);
var c14_0 = F(0.0);
var c14_1 = F(0.0);
var c15_0 = F(0.0);
var c15_1 = F(0.0);
var c16_0 = F(0.0);
var c16_1 = F(0.0);
var c17_0 = F(0.0);
var c17_1 = F(0.0);
var c18_0 = F(0.0);
var c18_1 = F(0.0);
var c19_0 = F(0.0);
var c19_1 = F(0.0);
var c20_0 = F(0.0);
var c20_1 = F(0.0);
var c21_0 = F(0.0);
var c21_1 = F(0.0);
var c22_0 = F(0.0);
var c22_1 = F(0.0);
var c23_0 = F(0.0);
var c23_1 = F(0.0);
var c24_0 = F(0.0);
var c24_1 = F(0.0);
var c25_0 = F(0.0);
var c25_1 = F(0.0);
var c26_0 = F(0.0);
var c26_1 = F(0.0);
var c27_0 = F(0.0);
var c27_1 = F(0.0);
var c28_0 = F(0.0);
var c28_1 = F(0.0);
var c29_0 = F(0.0);
var c29_1 = F(0.0);
var c30_0 = F(0.0);
var c30_1 = F(0.0);
var c31_0 = F(0.0);
var c31_1 = F(0.0);
var q = 0;
for (; q + 3 < p.w5; q += 4) {
let a0 = b0_load_quad(a_at0 + q);
let a1 = b0_load_quad(a_at1 + q);
let a2 = b0_load_quad(a_at2 + q);
let a3 = b0_load_quad(a_at3 + q);
let b0 = b1_load_octo(b_at0 + (q + 0) * p.w7);
let b0_0 = bitcast<F>(U(b0));
let b0_1 = bitcast<F>(U(b0 >> U(32u)));
let b1 = b1_load_octo(b_at0 + (q + 1) * p.w7);
let b1_0 = bitcast<F>(U(b1));
let b1_1 = bitcast<F>(U(b1 >> U(32u)));
let b2 = b1_load_octo(b_at0 + (q + 2) * p.w7);
let b2_0 = bitcast<F>(U(b2));
let b2_1 = bitcast<F>(U(b2 >> U(32u)));
let b3 = b1_load_octo(b_at0 + (q + 3) * p.w7);
let b3_0 = bitcast<F>(U(b3));
let b3_1 = bitcast<F>(U(b3 >> U(32u)));
let s0_0 = subgroupBroadcast(a0.x, 0u);
let s1_0 = subgroupBroadcast(a0.y, 0u);
let s2_0 = subgroupBroadcast(a0.z, 0u);
let s3_0 = subgroupBroadcast(a0.w, 0u);
c0_0 += b0_0 * s0_0;
c0_0 += b1_0 * s1_0;
c0_0 += b2_0 * s2_0;
c0_0 += b3_0 * s3_0;
c0_1 += b0_1 * s0_0;
c0_1 += b1_1 * s1_0;
c0_1 += b2_1 * s2_0;
c0_1 += b3_1 * s3_0;
let s0_1 = subgroupBroadcast(a0.x, 1u);
let s1_1 = subgroupBroadcast(a0.y, 1u);
let s2_1 = subgroupBroadcast(a0.z, 1u);
let s3_1 = subgroupBroadcast(a0.w, 1u);
c1_0 += b0_0 * s0_1;
c1_0 += b1_0 * s1_1;
c1_0 += b2_0 * s2_1;
c1_0 += b3_0 * s3_1;
c1_1 += b0_1 * s0_1;
c1_1 += b1_1 * s1_1;
c1_1 += b2_1 * s2_1;
c1_1 += b3_1 * s3_1;
let s0_2 = subgroupBroadcast(a0.x, 2u);
let s1_2 = subgroupBroadcast(a0.y, 2u);
let s2_2 = subgroupBroadcast(a0.z, 2u);
let s3_2 = subgroupBroadcast(a0.w, 2u);
c2_0 += b0_0 * s0_2;
c2_0 += b1_0 * s1_2;
c2_0 += b2_0 * s2_2;
c2_0 += b3_0 * s3_2;
c2_1 += b0_1 * s0_2;
c2_1 += b1_1 * s1_2;
c2_1 += b2_1 * s2_2;
c2_1 += b3_1 * s3_2;
let s0_3 = subgroupBroadcast(a0.x, 3u);
let s1_3 = subgroupBroadcast(a0.y, 3u);
let s2_3 = subgroupBroadcast(a0.z, 3u);
let s3_3 = subgroupBroadcast(a0.w, 3u);
c3_0 += b0_0 * s0_3;
c3_0 += b1_0 * s1_3;
c3_0 += b2_0 * s2_3;
c3_0 += b3_0 * s3_3;
c3_1 += b0_1 * s0_3;
c3_1 += b1_1 * s1_3;
c3_1 += b2_1 * s2_3;
c3_1 += b3_1 * s3_3;
let s0_4 = subgroupBroadcast(a0.x, 4u);
let s1_4 = subgroupBroadcast(a0.y, 4u);
let s2_4 = subgroupBroadcast(a0.z, 4u);
let s3_4 = subgroupBroadcast(a0.w, 4u);
c4_0 += b0_0 * s0_4;
c4_0 += b1_0 * s1_4;
c4_0 += b2_0 * s2_4;
c4_0 += b3_0 * s3_4;
c4_1 += b0_1 * s0_4;
c4_1 += b1_1 * s1_4;
c4_1 += b2_1 * s2_4;
c4_1 += b3_1 * s3_4;
let s0_5 = subgroupBroadcast(a0.x, 5u);
let s1_5 = subgroupBroadcast(a0.y, 5u);
let s2_5 = subgroupBroadcast(a0.z, 5u);
let s3_5 = subgroupBroadcast(a0.w, 5u);
c5_0 += b0_0 * s0_5;
c5_0 += b1_0 * s1_5;
c5_0 += b2_0 * s2_5;
c5_0 += b3_0 * s3_5;
c5_1 += b0_1 * s0_5;
c5_1 += b1_1 * s1_5;
c5_1 += b2_1 * s2_5;
c5_1 += b3_1 * s3_5;
let s0_6 = subgroupBroadcast(a0.x, 6u);
let s1_6 = subgroupBroadcast(a0.y, 6u);
let s2_6 = subgroupBroadcast(a0.z, 6u);
let s3_6 = subgroupBroadcast(a0.w, 6u);
c6_0 += b0_0 * s0_6;
c6_0 += b1_0 * s1_6;
c6_0 += b2_0 * s2_6;
c6_0 += b3_0 * s3_6;
c6_1 += b0_1 * s0_6;
c6_1 += b1_1 * s1_6;
c6_1 += b2_1 * s2_6;
c6_1 += b3_1 * s3_6;
let s0_7 = subgroupBroadcast(a0.x, 7u);
let s1_7 = subgroupBroadcast(a0.y, 7u);
let s2_7 = subgroupBroadcast(a0.z, 7u);
let s3_7 = subgroupBroadcast(a0.w, 7u);
c7_0 += b0_0 * s0_7;
c7_0 += b1_0 * s1_7;
c7_0 += b2_0 * s2_7;
c7_0 += b3_0 * s3_7;
c7_1 += b0_1 * s0_7;
c7_1 += b1_1 * s1_7;
c7_1 += b2_1 * s2_7;
c7_1 += b3_1 * s3_7;
let s0_8 = subgroupBroadcast(a1.x, 0u);
let s1_8 = subgroupBroadcast(a1.y, 0u);
let s2_8 = subgroupBroadcast(a1.z, 0u);
let s3_8 = subgroupBroadcast(a1.w, 0u);
c8_0 += b0_0 * s0_8;
c8_0 += b1_0 * s1_8;
c8_0 += b2_0 * s2_8;
c8_0 += b3_0 * s3_8;
c8_1 += b0_1 * s0_8;
c8_1 += b1_1 * s1_8;
c8_1 += b2_1 * s2_8;
c8_1 += b3_1 * s3_8;
let s0_9 = subgroupBroadcast(a1.x, 1u);
let s1_9 = subgroupBroadcast(a1.y, 1u);
let s2_9 = subgroupBroadcast(a1.z, 1u);
let s3_9 = subgroupBroadcast(a1.w, 1u);
c9_0 += b0_0 * s0_9;
c9_0 += b1_0 * s1_9;
c9_0 += b2_0 * s2_9;
c9_0 += b3_0 * s3_9;
c9_1 += b0_1 * s0_9;
c9_1 += b1_1 * s1_9;
c9_1 += b2_1 * s2_9;
c9_1 += b3_1 * s3_9;
let s0_10 = subgroupBroadcast(a1.x, 2u);
let s1_10 = subgroupBroadcast(a1.y, 2u);
let s2_10 = subgroupBroadcast(a1.z, 2u);
let s3_10 = subgroupBroadcast(a1.w, 2u);
c10_0 += b0_0 * s0_10;
c10_0 += b1_0 * s1_10;
c10_0 += b2_0 * s2_10;
c10_0 += b3_0 * s3_10;
c10_1 += b0_1 * s0_10;
c10_1 += b1_1 * s1_10;
c10_1 += b2_1 * s2_10;
c10_1 += b3_1 * s3_10;
let s0_11 = subgroupBroadcast(a1.x, 3u);
let s1_11 = subgroupBroadcast(a1.y, 3u);
let s2_11 = subgroupBroadcast(a1.z, 3u);
let s3_11 = subgroupBroadcast(a1.w, 3u);
c11_0 += b0_0 * s0_11;
c11_0 += b1_0 * s1_11;
c11_0 += b2_0 * s2_11;
c11_0 += b3_0 * s3_11;
c11_1 += b0_1 * s0_11;
c11_1 += b1_1 * s1_11;
c11_1 += b2_1 * s2_11;
c11_1 += b3_1 * s3_11;
let s0_12 = subgroupBroadcast(a1.x, 4u);
let s1_12 = subgroupBroadcast(a1.y, 4u);
let s2_12 = subgroupBroadcast(a1.z, 4u);
let s3_12 = subgroupBroadcast(a1.w, 4u);
c12_0 += b0_0 * s0_12;
c12_0 += b1_0 * s1_12;
c12_0 += b2_0 * s2_12;
c12_0 += b3_0 * s3_12;
c12_1 += b0_1 * s0_12;
c12_1 += b1_1 * s1_12;
c12_1 += b2_1 * s2_12;
c12_1 += b3_1 * s3_12;
let s0_13 = subgroupBroadcast(a1.x, 5u);
let s1_13 = subgroupBroadcast(a1.y, 5u);
let s2_13 = subgroupBroadcast(a1.z, 5u);
let s3_13 = subgroupBroadcast(a1.w, 5u);
c13_0 += b0_0 * s0_13;
c13_0 += b1_0 * s1_13;
c13_0 += b2_0 * s2_13;
c13_0 += b3_0 * s3_13;
c13_1 += b0_1 * s0_13;
c13_1 += b1_1 * s1_13;
c13_1 += b2_1 * s2_13;
c13_1 += b3_1 * s3_13;
let s0_14 = subgroupBroadcast(a1.x, 6u);
let s1_14 = subgroupBroadcast(a1.y, 6u);
let s2_14 = subgroupBroadcast(a1.z, 6u);
let s3_14 = subgroupBroadcast(a1.w, 6u);
c14_0 += b0_0 * s0_14;
c14_0 += b1_0 * s1_14;
c14_0 += b2_0 * s2_14;
c14_0 += b3_0 * s3_14;
c14_1 += b0_1 * s0_14;
c14_1 += b1_1 * s1_14;
c14_1 += b2_1 * s2_14;
c14_1 += b3_1 * s3_14;
let s0_15 = subgroupBroadcast(a1.x, 7u);
let s1_15 = subgroupBroadcast(a1.y, 7u);
let s2_15 = subgroupBroadcast(a1.z, 7u);
let s3_15 = subgroupBroadcast(a1.w, 7u);
c15_0 += b0_0 * s0_15;
c15_0 += b1_0 * s1_15;
c15_0 += b2_0 * s2_15;
c15_0 += b3_0 * s3_15;
c15_1 += b0_1 * s0_15;
c15_1 += b1_1 * s1_15;
c15_1 += b2_1 * s2_15;
c15_1 += b3_1 * s3_15;
let s0_16 = subgroupBroadcast(a2.x, 0u);
let s1_16 = subgroupBroadcast(a2.y, 0u);
let s2_16 = subgroupBroadcast(a2.z, 0u);
let s3_16 = subgroupBroadcast(a2.w, 0u);
c16_0 += b0_0 * s0_16;
c16_0 += b1_0 * s1_16;
c16_0 += b2_0 * s2_16;
c16_0 += b3_0 * s3_16;
c16_1 += b0_1 * s0_16;
c16_1 += b1_1 * s1_16;
c16_1 += b2_1 * s2_16;
c16_1 += b3_1 * s3_16;
let s0_17 = subgroupBroadcast(a2.x, 1u);
let s1_17 = subgroupBroadcast(a2.y, 1u);
let s2_17 = subgroupBroadcast(a2.z, 1u);
let s3_17 = subgroupBroadcast(a2.w, 1u);
c17_0 += b0_0 * s0_17;
c17_0 += b1_0 * s1_17;
c17_0 += b2_0 * s2_17;
c17_0 += b3_0 * s3_17;
c17_1 += b0_1 * s0_17;
c17_1 += b1_1 * s1_17;
c17_1 += b2_1 * s2_17;
c17_1 += b3_1 * s3_17;
let s0_18 = subgroupBroadcast(a2.x, 2u);
let s1_18 = subgroupBroadcast(a2.y, 2u);
let s2_18 = subgroupBroadcast(a2.z, 2u);
let s3_18 = subgroupBroadcast(a2.w, 2u);
c18_0 += b0_0 * s0_18;
c18_0 += b1_0 * s1_18;
c18_0 += b2_0 * s2_18;
c18_0 += b3_0 * s3_18;
c18_1 += b0_1 * s0_18;
c18_1 += b1_1 * s1_18;
c18_1 += b2_1 * s2_18;
c18_1 += b3_1 * s3_18;
let s0_19 = subgroupBroadcast(a2.x, 3u);
let s1_19 = subgroupBroadcast(a2.y, 3u);
let s2_19 = subgroupBroadcast(a2.z, 3u);
let s3_19 = subgroupBroadcast(a2.w, 3u);
c19_0 += b0_0 * s0_19;
c19_0 += b1_0 * s1_19;
c19_0 += b2_0 * s2_19;
c19_0 += b3_0 * s3_19;
c19_1 += b0_1 * s0_19;
c19_1 += b1_1 * s1_19;
c19_1 += b2_1 * s2_19;
c19_1 += b3_1 * s3_19;
let s0_20 = subgroupBroadcast(a2.x, 4u);
let s1_20 = subgroupBroadcast(a2.y, 4u);
let s2_20 = subgroupBroadcast(a2.z, 4u);
let s3_20 = subgroupBroadcast(a2.w, 4u);
c20_0 += b0_0 * s0_20;
c20_0 += b1_0 * s1_20;
c20_0 += b2_0 * s2_20;
c20_0 += b3_0 * s3_20;
c20_1 += b0_1 * s0_20;
c20_1 += b1_1 * s1_20;
c20_1 += b2_1 * s2_20;
c20_1 += b3_1 * s3_20;
let s0_21 = subgroupBroadcast(a2.x, 5u);
let s1_21 = subgroupBroadcast(a2.y, 5u);
let s2_21 = subgroupBroadcast(a2.z, 5u);
let s3_21 = subgroupBroadcast(a2.w, 5u);
c21_0 += b0_0 * s0_21;
c21_0 += b1_0 * s1_21;
c21_0 += b2_0 * s2_21;
c21_0 += b3_0 * s3_21;
c21_1 += b0_1 * s0_21;
c21_1 += b1_1 * s1_21;
c21_1 += b2_1 * s2_21;
c21_1 += b3_1 * s3_21;
let s0_22 = subgroupBroadcast(a2.x, 6u);
let s1_22 = subgroupBroadcast(a2.y, 6u);
let s2_22 = subgroupBroadcast(a2.z, 6u);
let s3_22 = subgroupBroadcast(a2.w, 6u);
c22_0 += b0_0 * s0_22;
c22_0 += b1_0 * s1_22;
c22_0 += b2_0 * s2_22;
c22_0 += b3_0 * s3_22;
c22_1 += b0_1 * s0_22;
c22_1 += b1_1 * s1_22;
c22_1 += b2_1 * s2_22;
c22_1 += b3_1 * s3_22;
let s0_23 = subgroupBroadcast(a2.x, 7u);
let s1_23 = subgroupBroadcast(a2.y, 7u);
let s2_23 = subgroupBroadcast(a2.z, 7u);
let s3_23 = subgroupBroadcast(a2.w, 7u);
c23_0 += b0_0 * s0_23;
c23_0 += b1_0 * s1_23;
c23_0 += b2_0 * s2_23;
c23_0 += b3_0 * s3_23;
c23_1 += b0_1 * s0_23;
c23_1 += b1_1 * s1_23;
c23_1 += b2_1 * s2_23;
c23_1 += b3_1 * s3_23;
let s0_24 = subgroupBroadcast(a3.x, 0u);
let s1_24 = subgroupBroadcast(a3.y, 0u);
let s2_24 = subgroupBroadcast(a3.z, 0u);
let s3_24 = subgroupBroadcast(a3.w, 0u);
c24_0 += b0_0 * s0_24;
c24_0 += b1_0 * s1_24;
c24_0 += b2_0 * s2_24;
c24_0 += b3_0 * s3_24;
c24_1 += b0_1 * s0_24;
c24_1 += b1_1 * s1_24;
c24_1 += b2_1 * s2_24;
c24_1 += b3_1 * s3_24;
let s0_25 = subgroupBroadcast(a3.x, 1u);
let s1_25 = subgroupBroadcast(a3.y, 1u);
let s2_25 = subgroupBroadcast(a3.z, 1u);
let s3_25 = subgroupBroadcast(a3.w, 1u);
c25_0 += b0_0 * s0_25;
c25_0 += b1_0 * s1_25;
c25_0 += b2_0 * s2_25;
c25_0 += b3_0 * s3_25;
c25_1 += b0_1 * s0_25;
c25_1 += b1_1 * s1_25;
c25_1 += b2_1 * s2_25;
c25_1 += b3_1 * s3_25;
let s0_26 = subgroupBroadcast(a3.x, 2u);
let s1_26 = subgroupBroadcast(a3.y, 2u);
let s2_26 = subgroupBroadcast(a3.z, 2u);
let s3_26 = subgroupBroadcast(a3.w, 2u);
c26_0 += b0_0 * s0_26;
c26_0 += b1_0 * s1_26;
c26_0 += b2_0 * s2_26;
c26_0 += b3_0 * s3_26;
c26_1 += b0_1 * s0_26;
c26_1 += b1_1 * s1_26;
c26_1 += b2_1 * s2_26;
c26_1 += b3_1 * s3_26;
let s0_27 = subgroupBroadcast(a3.x, 3u);
let s1_27 = subgroupBroadcast(a3.y, 3u);
let s2_27 = subgroupBroadcast(a3.z, 3u);
let s3_27 = subgroupBroadcast(a3.w, 3u);
c27_0 += b0_0 * s0_27;
c27_0 += b1_0 * s1_27;
c27_0 += b2_0 * s2_27;
c27_0 += b3_0 * s3_27;
c27_1 += b0_1 * s0_27;
c27_1 += b1_1 * s1_27;
c27_1 += b2_1 * s2_27;
c27_1 += b3_1 * s3_27;
let s0_28 = subgroupBroadcast(a3.x, 4u);
let s1_28 = subgroupBroadcast(a3.y, 4u);
let s2_28 = subgroupBroadcast(a3.z, 4u);
let s3_28 = subgroupBroadcast(a3.w, 4u);
c28_0 += b0_0 * s0_28;
c28_0 += b1_0 * s1_28;
c28_0 += b2_0 * s2_28;
c28_0 += b3_0 * s3_28;
c28_1 += b0_1 * s0_28;
c28_1 += b1_1 * s1_28;
c28_1 += b2_1 * s2_28;
c28_1 += b3_1 * s3_28;
let s0_29 = subgroupBroadcast(a3.x, 5u);
let s1_29 = subgroupBroadcast(a3.y, 5u);
let s2_29 = subgroupBroadcast(a3.z, 5u);
let s3_29 = subgroupBroadcast(a3.w, 5u);
c29_0 += b0_0 * s0_29;
c29_0 += b1_0 * s1_29;
c29_0 += b2_0 * s2_29;
c29_0 += b3_0 * s3_29;
c29_1 += b0_1 * s0_29;
c29_1 += b1_1 * s1_29;
c29_1 += b2_1 * s2_29;
c29_1 += b3_1 * s3_29;
let s0_30 = subgroupBroadcast(a3.x, 6u);
let s1_30 = subgroupBroadcast(a3.y, 6u);
let s2_30 = subgroupBroadcast(a3.z, 6u);
let s3_30 = subgroupBroadcast(a3.w, 6u);
c30_0 += b0_0 * s0_30;
c30_0 += b1_0 * s1_30;
c30_0 += b2_0 * s2_30;
c30_0 += b3_0 * s3_30;
c30_1 += b0_1 * s0_30;
c30_1 += b1_1 * s1_30;
c30_1 += b2_1 * s2_30;
c30_1 += b3_1 * s3_30;
let s0_31 = subgroupBroadcast(a3.x, 7u);
let s1_31 = subgroupBroadcast(a3.y, 7u);
let s2_31 = subgroupBroadcast(a3.z, 7u);
let s3_31 = subgroupBroadcast(a3.w, 7u);
c31_0 += b0_0 * s0_31;
c31_0 += b1_0 * s1_31;
c31_0 += b2_0 * s2_31;
c31_0 += b3_0 * s3_31;
c31_1 += b0_1 * s0_31;
c31_1 += b1_1 * s1_31;
c31_1 += b2_1 * s2_31;
c31_1 += b3_1 * s3_31;
}
if row + 0u < p.w8 && col + 0u < p.w9 { finish(row + 0u, col + 0u, F(c0_0.x, c0_1.x, c0_0.y, c0_1.y)); }
if row + 0u < p.w8 && col + 4u < p.w9 { finish(row + 0u, col + 4u, F(c0_0.z, c0_1.z, c0_0.w, c0_1.w)); }
if row + 1u < p.w8 && col + 0u < p.w9 { finish(row + 1u, col + 0u, F(c1_0.x, c1_1.x, c1_0.y, c1_1.y)); }
if row + 1u < p.w8 && col + 4u < p.w9 { finish(row + 1u, col + 4u, F(c1_0.z, c1_1.z, c1_0.w, c1_1.w)); }
if row + 2u < p.w8 && col + 0u < p.w9 { finish(row + 2u, col + 0u, F(c2_0.x, c2_1.x, c2_0.y, c2_1.y)); }
if row + 2u < p.w8 && col + 4u < p.w9 { finish(row + 2u, col + 4u, F(c2_0.z, c2_1.z, c2_0.w, c2_1.w)); }
if row + 3u < p.w8 && col + 0u < p.w9 { finish(row + 3u, col + 0u, F(c3_0.x, c3_1.x, c3_0.y, c3_1.y)); }
if row + 3u < p.w8 && col + 4u < p.w9 { finish(row + 3u, col + 4u, F(c3_0.z, c3_1.z, c3_0.w, c3_1.w)); }
if row + 4u < p.w8 && col + 0u < p.w9 { finish(row + 4u, col + 0u, F(c4_0.x, c4_1.x, c4_0.y, c4_1.y)); }
if row + 4u < p.w8 && col + 4u < p.w9 { finish(row + 4u, col + 4u, F(c4_0.z, c4_1.z, c4_0.w, c4_1.w)); }
if row + 5u < p.w8 && col + 0u < p.w9 { finish(row + 5u, col + 0u, F(c5_0.x, c5_1.x, c5_0.y, c5_1.y)); }
if row + 5u < p.w8 && col + 4u < p.w9 { finish(row + 5u, col + 4u, F(c5_0.z, c5_1.z, c5_0.w, c5_1.w)); }
if row + 6u < p.w8 && col + 0u < p.w9 { finish(row + 6u, col + 0u, F(c6_0.x, c6_1.x, c6_0.y, c6_1.y)); }
if row + 6u < p.w8 && col + 4u < p.w9 { finish(row + 6u, col + 4u, F(c6_0.z, c6_1.z, c6_0.w, c6_1.w)); }
if row + 7u < p.w8 && col + 0u < p.w9 { finish(row + 7u, col + 0u, F(c7_0.x, c7_1.x, c7_0.y, c7_1.y)); }
if row + 7u < p.w8 && col + 4u < p.w9 { finish(row + 7u, col + 4u, F(c7_0.z, c7_1.z, c7_0.w, c7_1.w)); }
if row + 8u < p.w8 && col + 0u < p.w9 { finish(row + 8u, col + 0u, F(c8_0.x, c8_1.x, c8_0.y, c8_1.y)); }
if row + 8u < p.w8 && col + 4u < p.w9 { finish(row + 8u, col + 4u, F(c8_0.z, c8_1.z, c8_0.w, c8_1.w)); }
if row + 9u < p.w8 && col + 0u < p.w9 { finish(row + 9u, col + 0u, F(c9_0.x, c9_1.x, c9_0.y, c9_1.y)); }
if row + 9u < p.w8 && col + 4u < p.w9 { finish(row + 9u, col + 4u, F(c9_0.z, c9_1.z, c9_0.w, c9_1.w)); }
if row + 10u < p.w8 && col + 0u < p.w9 { finish(row + 10u, col + 0u, F(c10_0.x, c10_1.x, c10_0.y, c10_1.y)); }
if row + 10u < p.w8 && col + 4u < p.w9 { finish(row + 10u, col + 4u, F(c10_0.z, c10_1.z, c10_0.w, c10_1.w)); }
if row + 11u < p.w8 && col + 0u < p.w9 { finish(row + 11u, col + 0u, F(c11_0.x, c11_1.x, c11_0.y, c11_1.y)); }
if row + 11u < p.w8 && col + 4u < p.w9 { finish(row + 11u, col + 4u, F(c11_0.z, c11_1.z, c11_0.w, c11_1.w)); }
if row + 12u < p.w8 && col + 0u < p.w9 { finish(row + 12u, col + 0u, F(c12_0.x, c12_1.x, c12_0.y, c12_1.y)); }
if row + 12u < p.w8 && col + 4u < p.w9 { finish(row + 12u, col + 4u, F(c12_0.z, c12_1.z, c12_0.w, c12_1.w)); }
if row + 13u < p.w8 && col + 0u < p.w9 { finish(row + 13u, col + 0u, F(c13_0.x, c13_1.x, c13_0.y, c13_1.y)); }
if row + 13u < p.w8 && col + 4u < p.w9 { finish(row + 13u, col + 4u, F(c13_0.z, c13_1.z, c13_0.w, c13_1.w)); }
if row + 14u < p.w8 && col + 0u < p.w9 { finish(row + 14u, col + 0u, F(c14_0.x, c14_1.x, c14_0.y, c14_1.y)); }
if row + 14u < p.w8 && col + 4u < p.w9 { finish(row + 14u, col + 4u, F(c14_0.z, c14_1.z, c14_0.w, c14_1.w)); }
if row + 15u < p.w8 && col + 0u < p.w9 { finish(row + 15u, col + 0u, F(c15_0.x, c15_1.x, c15_0.y, c15_1.y)); }
if row + 15u < p.w8 && col + 4u < p.w9 { finish(row + 15u, col + 4u, F(c15_0.z, c15_1.z, c15_0.w, c15_1.w)); }
if row + 16u < p.w8 && col + 0u < p.w9 { finish(row + 16u, col + 0u, F(c16_0.x, c16_1.x, c16_0.y, c16_1.y)); }
if row + 16u < p.w8 && col + 4u < p.w9 { finish(row + 16u, col + 4u, F(c16_0.z, c16_1.z, c16_0.w, c16_1.w)); }
if row + 17u < p.w8 && col + 0u < p.w9 { finish(row + 17u, col + 0u, F(c17_0.x, c17_1.x, c17_0.y, c17_1.y)); }
if row + 17u < p.w8 && col + 4u < p.w9 { finish(row + 17u, col + 4u, F(c17_0.z, c17_1.z, c17_0.w, c17_1.w)); }
if row + 18u < p.w8 && col + 0u < p.w9 { finish(row + 18u, col + 0u, F(c18_0.x, c18_1.x, c18_0.y, c18_1.y)); }
if row + 18u < p.w8 && col + 4u < p.w9 { finish(row + 18u, col + 4u, F(c18_0.z, c18_1.z, c18_0.w, c18_1.w)); }
if row + 19u < p.w8 && col + 0u < p.w9 { finish(row + 19u, col + 0u, F(c19_0.x, c19_1.x, c19_0.y, c19_1.y)); }
if row + 19u < p.w8 && col + 4u < p.w9 { finish(row + 19u, col + 4u, F(c19_0.z, c19_1.z, c19_0.w, c19_1.w)); }
if row + 20u < p.w8 && col + 0u < p.w9 { finish(row + 20u, col + 0u, F(c20_0.x, c20_1.x, c20_0.y, c20_1.y)); }
if row + 20u < p.w8 && col + 4u < p.w9 { finish(row + 20u, col + 4u, F(c20_0.z, c20_1.z, c20_0.w, c20_1.w)); }
if row + 21u < p.w8 && col + 0u < p.w9 { finish(row + 21u, col + 0u, F(c21_0.x, c21_1.x, c21_0.y, c21_1.y)); }
if row + 21u < p.w8 && col + 4u < p.w9 { finish(row + 21u, col + 4u, F(c21_0.z, c21_1.z, c21_0.w, c21_1.w)); }
if row + 22u < p.w8 && col + 0u < p.w9 { finish(row + 22u, col + 0u, F(c22_0.x, c22_1.x, c22_0.y, c22_1.y)); }
if row + 22u < p.w8 && col + 4u < p.w9 { finish(row + 22u, col + 4u, F(c22_0.z, c22_1.z, c22_0.w, c22_1.w)); }
if row + 23u < p.w8 && col + 0u < p.w9 { finish(row + 23u, col + 0u, F(c23_0.x, c23_1.x, c23_0.y, c23_1.y)); }
if row + 23u < p.w8 && col + 4u < p.w9 { finish(row + 23u, col + 4u, F(c23_0.z, c23_1.z, c23_0.w, c23_1.w)); }
if row + 24u < p.w8 && col + 0u < p.w9 { finish(row + 24u, col + 0u, F(c24_0.x, c24_1.x, c24_0.y, c24_1.y)); }
if row + 24u < p.w8 && col + 4u < p.w9 { finish(row + 24u, col + 4u, F(c24_0.z, c24_1.z, c24_0.w, c24_1.w)); }
if row + 25u < p.w8 && col + 0u < p.w9 { finish(row + 25u, col + 0u, F(c25_0.x, c25_1.x, c25_0.y, c25_1.y)); }
if row + 25u < p.w8 && col + 4u < p.w9 { finish(row + 25u, col + 4u, F(c25_0.z, c25_1.z, c25_0.w, c25_1.w)); }
if row + 26u < p.w8 && col + 0u < p.w9 { finish(row + 26u, col + 0u, F(c26_0.x, c26_1.x, c26_0.y, c26_1.y)); }
if row + 26u < p.w8 && col + 4u < p.w9 { finish(row + 26u, col + 4u, F(c26_0.z, c26_1.z, c26_0.w, c26_1.w)); }
if row + 27u < p.w8 && col + 0u < p.w9 { finish(row + 27u, col + 0u, F(c27_0.x, c27_1.x, c27_0.y, c27_1.y)); }
if row + 27u < p.w8 && col + 4u < p.w9 { finish(row + 27u, col + 4u, F(c27_0.z, c27_1.z, c27_0.w, c27_1.w)); }
if row + 28u < p.w8 && col + 0u < p.w9 { finish(row + 28u, col + 0u, F(c28_0.x, c28_1.x, c28_0.y, c28_1.y)); }
if row + 28u < p.w8 && col + 4u < p.w9 { finish(row + 28u, col + 4u, F(c28_0.z, c28_1.z, c28_0.w, c28_1.w)); }
if row + 29u < p.w8 && col + 0u < p.w9 { finish(row + 29u, col + 0u, F(c29_0.x, c29_1.x, c29_0.y, c29_1.y)); }
if row + 29u < p.w8 && col + 4u < p.w9 { finish(row + 29u, col + 4u, F(c29_0.z, c29_1.z, c29_0.w, c29_1.w)); }
if row + 30u < p.w8 && col + 0u < p.w9 { finish(row + 30u, col + 0u, F(c30_0.x, c30_1.x, c30_0.y, c30_1.y)); }
if row + 30u < p.w8 && col + 4u < p.w9 { finish(row + 30u, col + 4u, F(c30_0.z, c30_1.z, c30_0.w, c30_1.w)); }
if row + 31u < p.w8 && col + 0u < p.w9 { finish(row + 31u, col + 0u, F(c31_0.x, c31_1.x, c31_0.y, c31_1.y)); }
if row + 31u < p.w8 && col + 4u < p.w9 { finish(row + 31u, col + 4u, F(c31_0.z, c31_1.z, c31_0.w, c31_1.w)); }
}
