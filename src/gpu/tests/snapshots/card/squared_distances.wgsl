// [2, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [1, 1, 2, 128, 15, 31, 8, 7, 8, 8, 16, 32, 512, 32, 512, 32]
struct Params { w0: u32, w1: u32, w2: u32, w3: i32, w4: i32, w5: i32, w6: i32, w7: i32, w8: i32, w9: i32, w10: u32, w11: u32, w12: i32, w13: i32, w14: i32, w15: i32, }
var<immediate> p: Params;
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
var<workgroup> tile_a: array<F, 288>;
var<workgroup> tile_b: array<F, 256>;
fn finish(s0: u32, s1: u32, i: u32, acc: vec4<f32>) {
let v0 = acc;
let v1 = b2_load_quad((i32(i)));
let v2 = v0 + v1;
let v3 = relu_f32(v2);
b3_store_quad((i32(s0) * p.w12 + i32(s1) * p.w13 + i32(i)), v0);
b4_store_quad((i32(s0) * p.w14 + i32(s1) * p.w15 + i32(i)), v3);
}
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let t = wid.x + wid.y * groups.x;
if t >= p.w2 { return; }
let batch = t / (p.w0 * p.w1);
let u = t % (p.w0 * p.w1);
let band = u / (8u * p.w0);
let height = min(8u, p.w1 - band * 8u);
let v = u - band * 8u * p.w0;
let row0 = (band * 8u + v % height) * 32u;
let col0 = (v / height) * 32u;
let tx = lid.x % 8u;
let ty = lid.x / 8u;
let s0 = batch;
let base_a = 0 + i32(s0) * p.w3;
let base_b = 0;
let a_o0 = i32((lid.x + 0u) / 4u);
let a_k0 = i32((lid.x + 0u) % 4u) * 4;
let a_at0 = base_a + min(i32(row0) + a_o0, p.w4) * p.w8;
var a_v0 = F(0.0);
let a_o1 = i32((lid.x + 64u) / 4u);
let a_k1 = i32((lid.x + 64u) % 4u) * 4;
let a_at1 = base_a + min(i32(row0) + a_o1, p.w4) * p.w8;
var a_v1 = F(0.0);
let b_o0 = i32((lid.x + 0u) / 4u);
let b_k0 = i32((lid.x + 0u) % 4u) * 4;
let b_at0 = base_b + min(i32(col0) + b_o0, p.w5) * p.w9;
var b_v0 = F(0.0);
let b_o1 = i32((lid.x + 64u) / 4u);
let b_k1 = i32((lid.x + 64u) % 4u) * 4;
let b_at1 = base_b + min(i32(col0) + b_o1, p.w5) * p.w9;
var b_v1 = F(0.0);
var c0_0 = F(0.0);
var c1_0 = F(0.0);
var c2_0 = F(0.0);
var c3_0 = F(0.0);
var k0 = 0;
var fill = 0u;
a_v0 = select(F(0.0), b0_load_quad(a_at0 + min(k0 + a_k0, p.w7 - 3) * 1), (vec4<i32>(k0 + a_k0) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
a_v1 = select(F(0.0), b0_load_quad(a_at1 + min(k0 + a_k1, p.w7 - 3) * 1), (vec4<i32>(k0 + a_k1) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
b_v0 = select(F(0.0), b1_load_quad(b_at0 + min(k0 + b_k0, p.w7 - 3) * 1), (vec4<i32>(k0 + b_k0) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
b_v1 = select(F(0.0), b1_load_quad(b_at1 + min(k0 + b_k1, p.w7 - 3) * 1), (vec4<i32>(k0 + b_k1) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
tile_a[(fill + u32(a_k0) + 0u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.x;
tile_a[(fill + u32(a_k0) + 1u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.y;
tile_a[(fill + u32(a_k0) + 2u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.z;
tile_a[(fill + u32(a_k0) + 3u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.w;
tile_a[(fill + u32(a_k1) + 0u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.x;
tile_a[(fill + u32(a_k1) + 1u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.y;
tile_a[(fill + u32(a_k1) + 2u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.z;
tile_a[(fill + u32(a_k1) + 3u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.w;
tile_b[(fill + u32(b_k0) + 0u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.x;
tile_b[(fill + u32(b_k0) + 1u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.y;
tile_b[(fill + u32(b_k0) + 2u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.z;
tile_b[(fill + u32(b_k0) + 3u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.w;
tile_b[(fill + u32(b_k1) + 0u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.x;
tile_b[(fill + u32(b_k1) + 1u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.y;
tile_b[(fill + u32(b_k1) + 2u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.z;
tile_b[(fill + u32(b_k1) + 3u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.w;
workgroupBarrier();
loop {
let use_at = fill;
k0 += 16;
fill = 16u - fill;
let more = k0 < p.w6;
if more { a_v0 = select(F(0.0), b0_load_quad(a_at0 + min(k0 + a_k0, p.w7 - 3) * 1), (vec4<i32>(k0 + a_k0) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
a_v1 = select(F(0.0), b0_load_quad(a_at1 + min(k0 + a_k1, p.w7 - 3) * 1), (vec4<i32>(k0 + a_k1) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
b_v0 = select(F(0.0), b1_load_quad(b_at0 + min(k0 + b_k0, p.w7 - 3) * 1), (vec4<i32>(k0 + b_k0) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
b_v1 = select(F(0.0), b1_load_quad(b_at1 + min(k0 + b_k1, p.w7 - 3) * 1), (vec4<i32>(k0 + b_k1) + vec4<i32>(0, 1, 2, 3)) < vec4<i32>(p.w6));
 }
let a0_0 = tile_a[(use_at + 0u) * 9u + ty + 0u];
let b0_0 = tile_b[(use_at + 0u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a0_0.x), b0_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a0_0.y), b0_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a0_0.z), b0_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a0_0.w), b0_0);
let a1_0 = tile_a[(use_at + 1u) * 9u + ty + 0u];
let b1_0 = tile_b[(use_at + 1u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a1_0.x), b1_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a1_0.y), b1_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a1_0.z), b1_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a1_0.w), b1_0);
let a2_0 = tile_a[(use_at + 2u) * 9u + ty + 0u];
let b2_0 = tile_b[(use_at + 2u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a2_0.x), b2_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a2_0.y), b2_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a2_0.z), b2_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a2_0.w), b2_0);
let a3_0 = tile_a[(use_at + 3u) * 9u + ty + 0u];
let b3_0 = tile_b[(use_at + 3u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a3_0.x), b3_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a3_0.y), b3_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a3_0.z), b3_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a3_0.w), b3_0);
let a4_0 = tile_a[(use_at + 4u) * 9u + ty + 0u];
let b4_0 = tile_b[(use_at + 4u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a4_0.x), b4_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a4_0.y), b4_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a4_0.z), b4_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a4_0.w), b4_0);
let a5_0 = tile_a[(use_at + 5u) * 9u + ty + 0u];
let b5_0 = tile_b[(use_at + 5u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a5_0.x), b5_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a5_0.y), b5_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a5_0.z), b5_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a5_0.w), b5_0);
let a6_0 = tile_a[(use_at + 6u) * 9u + ty + 0u];
let b6_0 = tile_b[(use_at + 6u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a6_0.x), b6_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a6_0.y), b6_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a6_0.z), b6_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a6_0.w), b6_0);
let a7_0 = tile_a[(use_at + 7u) * 9u + ty + 0u];
let b7_0 = tile_b[(use_at + 7u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a7_0.x), b7_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a7_0.y), b7_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a7_0.z), b7_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a7_0.w), b7_0);
let a8_0 = tile_a[(use_at + 8u) * 9u + ty + 0u];
let b8_0 = tile_b[(use_at + 8u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a8_0.x), b8_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a8_0.y), b8_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a8_0.z), b8_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a8_0.w), b8_0);
let a9_0 = tile_a[(use_at + 9u) * 9u + ty + 0u];
let b9_0 = tile_b[(use_at + 9u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a9_0.x), b9_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a9_0.y), b9_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a9_0.z), b9_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a9_0.w), b9_0);
let a10_0 = tile_a[(use_at + 10u) * 9u + ty + 0u];
let b10_0 = tile_b[(use_at + 10u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a10_0.x), b10_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a10_0.y), b10_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a10_0.z), b10_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a10_0.w), b10_0);
let a11_0 = tile_a[(use_at + 11u) * 9u + ty + 0u];
let b11_0 = tile_b[(use_at + 11u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a11_0.x), b11_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a11_0.y), b11_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a11_0.z), b11_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a11_0.w), b11_0);
let a12_0 = tile_a[(use_at + 12u) * 9u + ty + 0u];
let b12_0 = tile_b[(use_at + 12u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a12_0.x), b12_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a12_0.y), b12_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a12_0.z), b12_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a12_0.w), b12_0);
let a13_0 = tile_a[(use_at + 13u) * 9u + ty + 0u];
let b13_0 = tile_b[(use_at + 13u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a13_0.x), b13_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a13_0.y), b13_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a13_0.z), b13_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a13_0.w), b13_0);
let a14_0 = tile_a[(use_at + 14u) * 9u + ty + 0u];
let b14_0 = tile_b[(use_at + 14u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a14_0.x), b14_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a14_0.y), b14_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a14_0.z), b14_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a14_0.w), b14_0);
let a15_0 = tile_a[(use_at + 15u) * 9u + ty + 0u];
let b15_0 = tile_b[(use_at + 15u) * 8u + tx + 0u];
c0_0 = add_sq_l2_f32(c0_0, vec4<f32>(a15_0.x), b15_0);
c1_0 = add_sq_l2_f32(c1_0, vec4<f32>(a15_0.y), b15_0);
c2_0 = add_sq_l2_f32(c2_0, vec4<f32>(a15_0.z), b15_0);
c3_0 = add_sq_l2_f32(c3_0, vec4<f32>(a15_0.w), b15_0);
if !more { break; }
tile_a[(fill + u32(a_k0) + 0u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.x;
tile_a[(fill + u32(a_k0) + 1u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.y;
tile_a[(fill + u32(a_k0) + 2u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.z;
tile_a[(fill + u32(a_k0) + 3u) * 9u + u32(a_o0) / 4u][u32(a_o0) % 4u] = a_v0.w;
tile_a[(fill + u32(a_k1) + 0u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.x;
tile_a[(fill + u32(a_k1) + 1u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.y;
tile_a[(fill + u32(a_k1) + 2u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.z;
tile_a[(fill + u32(a_k1) + 3u) * 9u + u32(a_o1) / 4u][u32(a_o1) % 4u] = a_v1.w;
tile_b[(fill + u32(b_k0) + 0u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.x;
tile_b[(fill + u32(b_k0) + 1u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.y;
tile_b[(fill + u32(b_k0) + 2u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.z;
tile_b[(fill + u32(b_k0) + 3u) * 8u + u32(b_o0) / 4u][u32(b_o0) % 4u] = b_v0.w;
tile_b[(fill + u32(b_k1) + 0u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.x;
tile_b[(fill + u32(b_k1) + 1u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.y;
tile_b[(fill + u32(b_k1) + 2u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.z;
tile_b[(fill + u32(b_k1) + 3u) * 8u + u32(b_o1) / 4u][u32(b_o1) % 4u] = b_v1.w;
workgroupBarrier();
}
if row0 + 0u + ty * 4u < p.w10 && col0 + 0u + tx * 4u < p.w11 { finish(s0, row0 + 0u + ty * 4u, col0 + 0u + tx * 4u, c0_0); }
if row0 + 1u + ty * 4u < p.w10 && col0 + 0u + tx * 4u < p.w11 { finish(s0, row0 + 1u + ty * 4u, col0 + 0u + tx * 4u, c1_0); }
if row0 + 2u + ty * 4u < p.w10 && col0 + 0u + tx * 4u < p.w11 { finish(s0, row0 + 2u + ty * 4u, col0 + 0u + tx * 4u, c2_0); }
if row0 + 3u + ty * 4u < p.w10 && col0 + 0u + tx * 4u < p.w11 { finish(s0, row0 + 3u + ty * 4u, col0 + 0u + tx * 4u, c3_0); }
}
