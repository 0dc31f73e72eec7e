// [8, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [2, 2, 8, 720, 35, 71, 20, 36, 20, 36, 72, 2592, 72, 2592, 72]
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
let row = (t % p.w1) * 32u;
let batch = t / p.w0 / p.w1;
let col = ((t / p.w1) % p.w0) * 64u + lid.x * 4u;
let s0 = batch;
let base_a = 0 + i32(s0) * p.w3;
let base_b = 0;
let a_at0 = base_a + min(i32(row + 0u + lid.x), p.w4) * 1;
let a_at1 = base_a + min(i32(row + 8u + lid.x), p.w4) * 1;
let a_at2 = base_a + min(i32(row + 16u + lid.x), p.w4) * 1;
let a_at3 = base_a + min(i32(row + 24u + lid.x), p.w4) * 1;
let a_quad = base_a + min(i32(row + lid.x * 4u), p.w4 - 3);
let b_at0 = vec4<i32>(base_b) + min(vec4<i32>(i32(col + 0u)) + vec4<i32>(0, 1, 2, 3), vec4<i32>(p.w5)) * p.w8;
let b_at1 = vec4<i32>(base_b) + min(vec4<i32>(i32(col + 32u)) + vec4<i32>(0, 1, 2, 3), vec4<i32>(p.w5)) * p.w8;
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
for (; q + 3 < p.w6; q += 4) {
let ax = b0_load_quad(a_quad + (q + 0) * p.w7);
let ay = b0_load_quad(a_quad + (q + 1) * p.w7);
let az = b0_load_quad(a_quad + (q + 2) * p.w7);
let aw = b0_load_quad(a_quad + (q + 3) * p.w7);
let tx_0 = b1_load_quad(b_at0.x + q);
let ty_0 = b1_load_quad(b_at0.y + q);
let tz_0 = b1_load_quad(b_at0.z + q);
let tw_0 = b1_load_quad(b_at0.w + q);
let tx_1 = b1_load_quad(b_at1.x + q);
let ty_1 = b1_load_quad(b_at1.y + q);
let tz_1 = b1_load_quad(b_at1.z + q);
let tw_1 = b1_load_quad(b_at1.w + q);
let b0_0 = F(tx_0.x, ty_0.x, tz_0.x, tw_0.x);
let b0_1 = F(tx_1.x, ty_1.x, tz_1.x, tw_1.x);
let b1_0 = F(tx_0.y, ty_0.y, tz_0.y, tw_0.y);
let b1_1 = F(tx_1.y, ty_1.y, tz_1.y, tw_1.y);
let b2_0 = F(tx_0.z, ty_0.z, tz_0.z, tw_0.z);
let b2_1 = F(tx_1.z, ty_1.z, tz_1.z, tw_1.z);
let b3_0 = F(tx_0.w, ty_0.w, tz_0.w, tw_0.w);
let b3_1 = F(tx_1.w, ty_1.w, tz_1.w, tw_1.w);
let s0_0 = subgroupBroadcast(ax.x, 0u);
let s1_0 = subgroupBroadcast(ay.x, 0u);
let s2_0 = subgroupBroadcast(az.x, 0u);
let s3_0 = subgroupBroadcast(aw.x, 0u);
c0_0 += b0_0 * s0_0;
c0_0 += b1_0 * s1_0;
c0_0 += b2_0 * s2_0;
c0_0 += b3_0 * s3_0;
c0_1 += b0_1 * s0_0;
c0_1 += b1_1 * s1_0;
c0_1 += b2_1 * s2_0;
c0_1 += b3_1 * s3_0;
let s0_1 = subgroupBroadcast(ax.y, 0u);
let s1_1 = subgroupBroadcast(ay.y, 0u);
let s2_1 = subgroupBroadcast(az.y, 0u);
let s3_1 = subgroupBroadcast(aw.y, 0u);
c1_0 += b0_0 * s0_1;
c1_0 += b1_0 * s1_1;
c1_0 += b2_0 * s2_1;
c1_0 += b3_0 * s3_1;
c1_1 += b0_1 * s0_1;
c1_1 += b1_1 * s1_1;
c1_1 += b2_1 * s2_1;
c1_1 += b3_1 * s3_1;
let s0_2 = subgroupBroadcast(ax.z, 0u);
let s1_2 = subgroupBroadcast(ay.z, 0u);
let s2_2 = subgroupBroadcast(az.z, 0u);
let s3_2 = subgroupBroadcast(aw.z, 0u);
c2_0 += b0_0 * s0_2;
c2_0 += b1_0 * s1_2;
c2_0 += b2_0 * s2_2;
c2_0 += b3_0 * s3_2;
c2_1 += b0_1 * s0_2;
c2_1 += b1_1 * s1_2;
c2_1 += b2_1 * s2_2;
c2_1 += b3_1 * s3_2;
let s0_3 = subgroupBroadcast(ax.w, 0u);
let s1_3 = subgroupBroadcast(ay.w, 0u);
let s2_3 = subgroupBroadcast(az.w, 0u);
let s3_3 = subgroupBroadcast(aw.w, 0u);
c3_0 += b0_0 * s0_3;
c3_0 += b1_0 * s1_3;
c3_0 += b2_0 * s2_3;
c3_0 += b3_0 * s3_3;
c3_1 += b0_1 * s0_3;
c3_1 += b1_1 * s1_3;
c3_1 += b2_1 * s2_3;
c3_1 += b3_1 * s3_3;
let s0_4 = subgroupBroadcast(ax.x, 1u);
let s1_4 = subgroupBroadcast(ay.x, 1u);
let s2_4 = subgroupBroadcast(az.x, 1u);
let s3_4 = subgroupBroadcast(aw.x, 1u);
c4_0 += b0_0 * s0_4;
c4_0 += b1_0 * s1_4;
c4_0 += b2_0 * s2_4;
c4_0 += b3_0 * s3_4;
c4_1 += b0_1 * s0_4;
c4_1 += b1_1 * s1_4;
c4_1 += b2_1 * s2_4;
c4_1 += b3_1 * s3_4;
let s0_5 = subgroupBroadcast(ax.y, 1u);
let s1_5 = subgroupBroadcast(ay.y, 1u);
let s2_5 = subgroupBroadcast(az.y, 1u);
let s3_5 = subgroupBroadcast(aw.y, 1u);
c5_0 += b0_0 * s0_5;
c5_0 += b1_0 * s1_5;
c5_0 += b2_0 * s2_5;
c5_0 += b3_0 * s3_5;
c5_1 += b0_1 * s0_5;
c5_1 += b1_1 * s1_5;
c5_1 += b2_1 * s2_5;
c5_1 += b3_1 * s3_5;
let s0_6 = subgroupBroadcast(ax.z, 1u);
let s1_6 = subgroupBroadcast(ay.z, 1u);
let s2_6 = subgroupBroadcast(az.z, 1u);
let s3_6 = subgroupBroadcast(aw.z, 1u);
c6_0 += b0_0 * s0_6;
c6_0 += b1_0 * s1_6;
c6_0 += b2_0 * s2_6;
c6_0 += b3_0 * s3_6;
c6_1 += b0_1 * s0_6;
c6_1 += b1_1 * s1_6;
c6_1 += b2_1 * s2_6;
c6_1 += b3_1 * s3_6;
let s0_7 = subgroupBroadcast(ax.w, 1u);
let s1_7 = subgroupBroadcast(ay.w, 1u);
let s2_7 = subgroupBroadcast(az.w, 1u);
let s3_7 = subgroupBroadcast(aw.w, 1u);
c7_0 += b0_0 * s0_7;
c7_0 += b1_0 * s1_7;
c7_0 += b2_0 * s2_7;
c7_0 += b3_0 * s3_7;
c7_1 += b0_1 * s0_7;
c7_1 += b1_1 * s1_7;
c7_1 += b2_1 * s2_7;
c7_1 += b3_1 * s3_7;
let s0_8 = subgroupBroadcast(ax.x, 2u);
let s1_8 = subgroupBroadcast(ay.x, 2u);
let s2_8 = subgroupBroadcast(az.x, 2u);
let s3_8 = subgroupBroadcast(aw.x, 2u);
c8_0 += b0_0 * s0_8;
c8_0 += b1_0 * s1_8;
c8_0 += b2_0 * s2_8;
c8_0 += b3_0 * s3_8;
c8_1 += b0_1 * s0_8;
c8_1 += b1_1 * s1_8;
c8_1 += b2_1 * s2_8;
c8_1 += b3_1 * s3_8;
let s0_9 = subgroupBroadcast(ax.y, 2u);
let s1_9 = subgroupBroadcast(ay.y, 2u);
let s2_9 = subgroupBroadcast(az.y, 2u);
let s3_9 = subgroupBroadcast(aw.y, 2u);
c9_0 += b0_0 * s0_9;
c9_0 += b1_0 * s1_9;
c9_0 += b2_0 * s2_9;
c9_0 += b3_0 * s3_9;
c9_1 += b0_1 * s0_9;
c9_1 += b1_1 * s1_9;
c9_1 += b2_1 * s2_9;
c9_1 += b3_1 * s3_9;
let s0_10 = subgroupBroadcast(ax.z, 2u);
let s1_10 = subgroupBroadcast(ay.z, 2u);
let s2_10 = subgroupBroadcast(az.z, 2u);
let s3_10 = subgroupBroadcast(aw.z, 2u);
c10_0 += b0_0 * s0_10;
c10_0 += b1_0 * s1_10;
c10_0 += b2_0 * s2_10;
c10_0 += b3_0 * s3_10;
c10_1 += b0_1 * s0_10;
c10_1 += b1_1 * s1_10;
c10_1 += b2_1 * s2_10;
c10_1 += b3_1 * s3_10;
let s0_11 = subgroupBroadcast(ax.w, 2u);
let s1_11 = subgroupBroadcast(ay.w, 2u);
let s2_11 = subgroupBroadcast(az.w, 2u);
let s3_11 = subgroupBroadcast(aw.w, 2u);
c11_0 += b0_0 * s0_11;
c11_0 += b1_0 * s1_11;
c11_0 += b2_0 * s2_11;
c11_0 += b3_0 * s3_11;
c11_1 += b0_1 * s0_11;
c11_1 += b1_1 * s1_11;
c11_1 += b2_1 * s2_11;
c11_1 += b3_1 * s3_11;
let s0_12 = subgroupBroadcast(ax.x, 3u);
let s1_12 = subgroupBroadcast(ay.x, 3u);
let s2_12 = subgroupBroadcast(az.x, 3u);
let s3_12 = subgroupBroadcast(aw.x, 3u);
c12_0 += b0_0 * s0_12;
c12_0 += b1_0 * s1_12;
c12_0 += b2_0 * s2_12;
c12_0 += b3_0 * s3_12;
c12_1 += b0_1 * s0_12;
c12_1 += b1_1 * s1_12;
c12_1 += b2_1 * s2_12;
c12_1 += b3_1 * s3_12;
let s0_13 = subgroupBroadcast(ax.y, 3u);
let s1_13 = subgroupBroadcast(ay.y, 3u);
let s2_13 = subgroupBroadcast(az.y, 3u);
let s3_13 = subgroupBroadcast(aw.y, 3u);
c13_0 += b0_0 * s0_13;
c13_0 += b1_0 * s1_13;
c13_0 += b2_0 * s2_13;
c13_0 += b3_0 * s3_13;
c13_1 += b0_1 * s0_13;
c13_1 += b1_1 * s1_13;
c13_1 += b2_1 * s2_13;
c13_1 += b3_1 * s3_13;
let s0_14 = subgroupBroadcast(ax.z, 3u);
let s1_14 = subgroupBroadcast(ay.z, 3u);
let s2_14 = subgroupBroadcast(az.z, 3u);
let s3_14 = subgroupBroadcast(aw.z, 3u);
c14_0 += b0_0 * s0_14;
c14_0 += b1_0 * s1_14;
c14_0 += b2_0 * s2_14;
c14_0 += b3_0 * s3_14;
c14_1 += b0_1 * s0_14;
c14_1 += b1_1 * s1_14;
c14_1 += b2_1 * s2_14;
c14_1 += b3_1 * s3_14;
let s0_15 = subgroupBroadcast(ax.w, 3u);
let s1_15 = subgroupBroadcast(ay.w, 3u);
let s2_15 = subgroupBroadcast(az.w, 3u);
let s3_15 = subgroupBroadcast(aw.w, 3u);
c15_0 += b0_0 * s0_15;
c15_0 += b1_0 * s1_15;
c15_0 += b2_0 * s2_15;
c15_0 += b3_0 * s3_15;
c15_1 += b0_1 * s0_15;
c15_1 += b1_1 * s1_15;
c15_1 += b2_1 * s2_15;
c15_1 += b3_1 * s3_15;
let s0_16 = subgroupBroadcast(ax.x, 4u);
let s1_16 = subgroupBroadcast(ay.x, 4u);
let s2_16 = subgroupBroadcast(az.x, 4u);
let s3_16 = subgroupBroadcast(aw.x, 4u);
c16_0 += b0_0 * s0_16;
c16_0 += b1_0 * s1_16;
c16_0 += b2_0 * s2_16;
c16_0 += b3_0 * s3_16;
c16_1 += b0_1 * s0_16;
c16_1 += b1_1 * s1_16;
c16_1 += b2_1 * s2_16;
c16_1 += b3_1 * s3_16;
let s0_17 = subgroupBroadcast(ax.y, 4u);
let s1_17 = subgroupBroadcast(ay.y, 4u);
let s2_17 = subgroupBroadcast(az.y, 4u);
let s3_17 = subgroupBroadcast(aw.y, 4u);
c17_0 += b0_0 * s0_17;
c17_0 += b1_0 * s1_17;
c17_0 += b2_0 * s2_17;
c17_0 += b3_0 * s3_17;
c17_1 += b0_1 * s0_17;
c17_1 += b1_1 * s1_17;
c17_1 += b2_1 * s2_17;
c17_1 += b3_1 * s3_17;
let s0_18 = subgroupBroadcast(ax.z, 4u);
let s1_18 = subgroupBroadcast(ay.z, 4u);
let s2_18 = subgroupBroadcast(az.z, 4u);
let s3_18 = subgroupBroadcast(aw.z, 4u);
c18_0 += b0_0 * s0_18;
c18_0 += b1_0 * s1_18;
c18_0 += b2_0 * s2_18;
c18_0 += b3_0 * s3_18;
c18_1 += b0_1 * s0_18;
c18_1 += b1_1 * s1_18;
c18_1 += b2_1 * s2_18;
c18_1 += b3_1 * s3_18;
let s0_19 = subgroupBroadcast(ax.w, 4u);
let s1_19 = subgroupBroadcast(ay.w, 4u);
let s2_19 = subgroupBroadcast(az.w, 4u);
let s3_19 = subgroupBroadcast(aw.w, 4u);
c19_0 += b0_0 * s0_19;
c19_0 += b1_0 * s1_19;
c19_0 += b2_0 * s2_19;
c19_0 += b3_0 * s3_19;
c19_1 += b0_1 * s0_19;
c19_1 += b1_1 * s1_19;
c19_1 += b2_1 * s2_19;
c19_1 += b3_1 * s3_19;
let s0_20 = subgroupBroadcast(ax.x, 5u);
let s1_20 = subgroupBroadcast(ay.x, 5u);
let s2_20 = subgroupBroadcast(az.x, 5u);
let s3_20 = subgroupBroadcast(aw.x, 5u);
c20_0 += b0_0 * s0_20;
c20_0 += b1_0 * s1_20;
c20_0 += b2_0 * s2_20;
c20_0 += b3_0 * s3_20;
c20_1 += b0_1 * s0_20;
c20_1 += b1_1 * s1_20;
c20_1 += b2_1 * s2_20;
c20_1 += b3_1 * s3_20;
let s0_21 = subgroupBroadcast(ax.y, 5u);
let s1_21 = subgroupBroadcast(ay.y, 5u);
let s2_21 = subgroupBroadcast(az.y, 5u);
let s3_21 = subgroupBroadcast(aw.y, 5u);
c21_0 += b0_0 * s0_21;
c21_0 += b1_0 * s1_21;
c21_0 += b2_0 * s2_21;
c21_0 += b3_0 * s3_21;
c21_1 += b0_1 * s0_21;
c21_1 += b1_1 * s1_21;
c21_1 += b2_1 * s2_21;
c21_1 += b3_1 * s3_21;
let s0_22 = subgroupBroadcast(ax.z, 5u);
let s1_22 = subgroupBroadcast(ay.z, 5u);
let s2_22 = subgroupBroadcast(az.z, 5u);
let s3_22 = subgroupBroadcast(aw.z, 5u);
c22_0 += b0_0 * s0_22;
c22_0 += b1_0 * s1_22;
c22_0 += b2_0 * s2_22;
c22_0 += b3_0 * s3_22;
c22_1 += b0_1 * s0_22;
c22_1 += b1_1 * s1_22;
c22_1 += b2_1 * s2_22;
c22_1 += b3_1 * s3_22;
let s0_23 = subgroupBroadcast(ax.w, 5u);
let s1_23 = subgroupBroadcast(ay.w, 5u);
let s2_23 = subgroupBroadcast(az.w, 5u);
let s3_23 = subgroupBroadcast(aw.w, 5u);
c23_0 += b0_0 * s0_23;
c23_0 += b1_0 * s1_23;
c23_0 += b2_0 * s2_23;
c23_0 += b3_0 * s3_23;
c23_1 += b0_1 * s0_23;
c23_1 += b1_1 * s1_23;
c23_1 += b2_1 * s2_23;
c23_1 += b3_1 * s3_23;
let s0_24 = subgroupBroadcast(ax.x, 6u);
let s1_24 = subgroupBroadcast(ay.x, 6u);
let s2_24 = subgroupBroadcast(az.x, 6u);
let s3_24 = subgroupBroadcast(aw.x, 6u);
c24_0 += b0_0 * s0_24;
c24_0 += b1_0 * s1_24;
c24_0 += b2_0 * s2_24;
c24_0 += b3_0 * s3_24;
c24_1 += b0_1 * s0_24;
c24_1 += b1_1 * s1_24;
c24_1 += b2_1 * s2_24;
c24_1 += b3_1 * s3_24;
let s0_25 = subgroupBroadcast(ax.y, 6u);
let s1_25 = subgroupBroadcast(ay.y, 6u);
let s2_25 = subgroupBroadcast(az.y, 6u);
let s3_25 = subgroupBroadcast(aw.y, 6u);
c25_0 += b0_0 * s0_25;
c25_0 += b1_0 * s1_25;
c25_0 += b2_0 * s2_25;
c25_0 += b3_0 * s3_25;
c25_1 += b0_1 * s0_25;
c25_1 += b1_1 * s1_25;
c25_1 += b2_1 * s2_25;
c25_1 += b3_1 * s3_25;
let s0_26 = subgroupBroadcast(ax.z, 6u);
let s1_26 = subgroupBroadcast(ay.z, 6u);
let s2_26 = subgroupBroadcast(az.z, 6u);
let s3_26 = subgroupBroadcast(aw.z, 6u);
c26_0 += b0_0 * s0_26;
c26_0 += b1_0 * s1_26;
c26_0 += b2_0 * s2_26;
c26_0 += b3_0 * s3_26;
c26_1 += b0_1 * s0_26;
c26_1 += b1_1 * s1_26;
c26_1 += b2_1 * s2_26;
c26_1 += b3_1 * s3_26;
let s0_27 = subgroupBroadcast(ax.w, 6u);
let s1_27 = subgroupBroadcast(ay.w, 6u);
let s2_27 = subgroupBroadcast(az.w, 6u);
let s3_27 = subgroupBroadcast(aw.w, 6u);
c27_0 += b0_0 * s0_27;
c27_0 += b1_0 * s1_27;
c27_0 += b2_0 * s2_27;
c27_0 += b3_0 * s3_27;
c27_1 += b0_1 * s0_27;
c27_1 += b1_1 * s1_27;
c27_1 += b2_1 * s2_27;
c27_1 += b3_1 * s3_27;
let s0_28 = subgroupBroadcast(ax.x, 7u);
let s1_28 = subgroupBroadcast(ay.x, 7u);
let s2_28 = subgroupBroadcast(az.x, 7u);
let s3_28 = subgroupBroadcast(aw.x, 7u);
c28_0 += b0_0 * s0_28;
c28_0 += b1_0 * s1_28;
c28_0 += b2_0 * s2_28;
c28_0 += b3_0 * s3_28;
c28_1 += b0_1 * s0_28;
c28_1 += b1_1 * s1_28;
c28_1 += b2_1 * s2_28;
c28_1 += b3_1 * s3_28;
let s0_29 = subgroupBroadcast(ax.y, 7u);
let s1_29 = subgroupBroadcast(ay.y, 7u);
let s2_29 = subgroupBroadcast(az.y, 7u);
let s3_29 = subgroupBroadcast(aw.y, 7u);
c29_0 += b0_0 * s0_29;
c29_0 += b1_0 * s1_29;
c29_0 += b2_0 * s2_29;
c29_0 += b3_0 * s3_29;
c29_1 += b0_1 * s0_29;
c29_1 += b1_1 * s1_29;
c29_1 += b2_1 * s2_29;
c29_1 += b3_1 * s3_29;
let s0_30 = subgroupBroadcast(ax.z, 7u);
let s1_30 = subgroupBroadcast(ay.z, 7u);
let s2_30 = subgroupBroadcast(az.z, 7u);
let s3_30 = subgroupBroadcast(aw.z, 7u);
c30_0 += b0_0 * s0_30;
c30_0 += b1_0 * s1_30;
c30_0 += b2_0 * s2_30;
c30_0 += b3_0 * s3_30;
c30_1 += b0_1 * s0_30;
c30_1 += b1_1 * s1_30;
c30_1 += b2_1 * s2_30;
c30_1 += b3_1 * s3_30;
let s0_31 = subgroupBroadcast(ax.w, 7u);
let s1_31 = subgroupBroadcast(ay.w, 7u);
let s2_31 = subgroupBroadcast(az.w, 7u);
let s3_31 = subgroupBroadcast(aw.w, 7u);
c31_0 += b0_0 * s0_31;
c31_0 += b1_0 * s1_31;
c31_0 += b2_0 * s2_31;
c31_0 += b3_0 * s3_31;
c31_1 += b0_1 * s0_31;
c31_1 += b1_1 * s1_31;
c31_1 += b2_1 * s2_31;
c31_1 += b3_1 * s3_31;
}
if row + 0u < p.w9 && col + 0u < p.w10 { finish(s0, row + 0u, col + 0u, c0_0); }
if row + 0u < p.w9 && col + 32u < p.w10 { finish(s0, row + 0u, col + 32u, c0_1); }
if row + 1u < p.w9 && col + 0u < p.w10 { finish(s0, row + 1u, col + 0u, c1_0); }
if row + 1u < p.w9 && col + 32u < p.w10 { finish(s0, row + 1u, col + 32u, c1_1); }
if row + 2u < p.w9 && col + 0u < p.w10 { finish(s0, row + 2u, col + 0u, c2_0); }
if row + 2u < p.w9 && col + 32u < p.w10 { finish(s0, row + 2u, col + 32u, c2_1); }
if row + 3u < p.w9 && col + 0u < p.w10 { finish(s0, row + 3u, col + 0u, c3_0); }
if row + 3u < p.w9 && col + 32u < p.w10 { finish(s0, row + 3u, col + 32u, c3_1); }
if row + 4u < p.w9 && col + 0u < p.w10 { finish(s0, row + 4u, col + 0u, c4_0); }
if row + 4u < p.w9 && col + 32u < p.w10 { finish(s0, row + 4u, col + 32u, c4_1); }
if row + 5u < p.w9 && col + 0u < p.w10 { finish(s0, row + 5u, col + 0u, c5_0); }
if row + 5u < p.w9 && col + 32u < p.w10 { finish(s0, row + 5u, col + 32u, c5_1); }
if row + 6u < p.w9 && col + 0u < p.w10 { finish(s0, row + 6u, col + 0u, c6_0); }
if row + 6u < p.w9 && col + 32u < p.w10 { finish(s0, row + 6u, col + 32u, c6_1); }
if row + 7u < p.w9 && col + 0u < p.w10 { finish(s0, row + 7u, col + 0u, c7_0); }
if row + 7u < p.w9 && col + 32u < p.w10 { finish(s0, row + 7u, col + 32u, c7_1); }
if row + 8u < p.w9 && col + 0u < p.w10 { finish(s0, row + 8u, col + 0u, c8_0); }
if row + 8u < p.w9 && col + 32u < p.w10 { finish(s0, row + 8u, col + 32u, c8_1); }
if row + 9u < p.w9 && col + 0u < p.w10 { finish(s0, row + 9u, col + 0u, c9_0); }
if row + 9u < p.w9 && col + 32u < p.w10 { finish(s0, row + 9u, col + 32u, c9_1); }
if row + 10u < p.w9 && col + 0u < p.w10 { finish(s0, row + 10u, col + 0u, c10_0); }
if row + 10u < p.w9 && col + 32u < p.w10 { finish(s0, row + 10u, col + 32u, c10_1); }
if row + 11u < p.w9 && col + 0u < p.w10 { finish(s0, row + 11u, col + 0u, c11_0); }
if row + 11u < p.w9 && col + 32u < p.w10 { finish(s0, row + 11u, col + 32u, c11_1); }
if row + 12u < p.w9 && col + 0u < p.w10 { finish(s0, row + 12u, col + 0u, c12_0); }
if row + 12u < p.w9 && col + 32u < p.w10 { finish(s0, row + 12u, col + 32u, c12_1); }
if row + 13u < p.w9 && col + 0u < p.w10 { finish(s0, row + 13u, col + 0u, c13_0); }
if row + 13u < p.w9 && col + 32u < p.w10 { finish(s0, row + 13u, col + 32u, c13_1); }
if row + 14u < p.w9 && col + 0u < p.w10 { finish(s0, row + 14u, col + 0u, c14_0); }
if row + 14u < p.w9 && col + 32u < p.w10 { finish(s0, row + 14u, col + 32u, c14_1); }
if row + 15u < p.w9 && col + 0u < p.w10 { finish(s0, row + 15u, col + 0u, c15_0); }
if row + 15u < p.w9 && col + 32u < p.w10 { finish(s0, row + 15u, col + 32u, c15_1); }
if row + 16u < p.w9 && col + 0u < p.w10 { finish(s0, row + 16u, col + 0u, c16_0); }
if row + 16u < p.w9 && col + 32u < p.w10 { finish(s0, row + 16u, col + 32u, c16_1); }
if row + 17u < p.w9 && col + 0u < p.w10 { finish(s0, row + 17u, col + 0u, c17_0); }
if row + 17u < p.w9 && col + 32u < p.w10 { finish(s0, row + 17u, col + 32u, c17_1); }
if row + 18u < p.w9 && col + 0u < p.w10 { finish(s0, row + 18u, col + 0u, c18_0); }
if row + 18u < p.w9 && col + 32u < p.w10 { finish(s0, row + 18u, col + 32u, c18_1); }
if row + 19u < p.w9 && col + 0u < p.w10 { finish(s0, row + 19u, col + 0u, c19_0); }
if row + 19u < p.w9 && col + 32u < p.w10 { finish(s0, row + 19u, col + 32u, c19_1); }
if row + 20u < p.w9 && col + 0u < p.w10 { finish(s0, row + 20u, col + 0u, c20_0); }
if row + 20u < p.w9 && col + 32u < p.w10 { finish(s0, row + 20u, col + 32u, c20_1); }
if row + 21u < p.w9 && col + 0u < p.w10 { finish(s0, row + 21u, col + 0u, c21_0); }
if row + 21u < p.w9 && col + 32u < p.w10 { finish(s0, row + 21u, col + 32u, c21_1); }
if row + 22u < p.w9 && col + 0u < p.w10 { finish(s0, row + 22u, col + 0u, c22_0); }
if row + 22u < p.w9 && col + 32u < p.w10 { finish(s0, row + 22u, col + 32u, c22_1); }
if row + 23u < p.w9 && col + 0u < p.w10 { finish(s0, row + 23u, col + 0u, c23_0); }
if row + 23u < p.w9 && col + 32u < p.w10 { finish(s0, row + 23u, col + 32u, c23_1); }
if row + 24u < p.w9 && col + 0u < p.w10 { finish(s0, row + 24u, col + 0u, c24_0); }
if row + 24u < p.w9 && col + 32u < p.w10 { finish(s0, row + 24u, col + 32u, c24_1); }
if row + 25u < p.w9 && col + 0u < p.w10 { finish(s0, row + 25u, col + 0u, c25_0); }
if row + 25u < p.w9 && col + 32u < p.w10 { finish(s0, row + 25u, col + 32u, c25_1); }
if row + 26u < p.w9 && col + 0u < p.w10 { finish(s0, row + 26u, col + 0u, c26_0); }
if row + 26u < p.w9 && col + 32u < p.w10 { finish(s0, row + 26u, col + 32u, c26_1); }
if row + 27u < p.w9 && col + 0u < p.w10 { finish(s0, row + 27u, col + 0u, c27_0); }
if row + 27u < p.w9 && col + 32u < p.w10 { finish(s0, row + 27u, col + 32u, c27_1); }
if row + 28u < p.w9 && col + 0u < p.w10 { finish(s0, row + 28u, col + 0u, c28_0); }
if row + 28u < p.w9 && col + 32u < p.w10 { finish(s0, row + 28u, col + 32u, c28_1); }
if row + 29u < p.w9 && col + 0u < p.w10 { finish(s0, row + 29u, col + 0u, c29_0); }
if row + 29u < p.w9 && col + 32u < p.w10 { finish(s0, row + 29u, col + 32u, c29_1); }
if row + 30u < p.w9 && col + 0u < p.w10 { finish(s0, row + 30u, col + 0u, c30_0); }
if row + 30u < p.w9 && col + 32u < p.w10 { finish(s0, row + 30u, col + 32u, c30_1); }
if row + 31u < p.w9 && col + 0u < p.w10 { finish(s0, row + 31u, col + 0u, c31_0); }
if row + 31u < p.w9 && col + 32u < p.w10 { finish(s0, row + 31u, col + 32u, c31_1); }
}
