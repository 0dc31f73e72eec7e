// [1, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1)] [10, 2, 5, 7, 5, 7, 7, 6, 6, 6]
struct Params { w0: u32, w1: u32, w2: u32, w3: u32, w4: i32, w5: i32, w6: i32, w7: i32, w8: u32, w9: i32, }
var<immediate> given: Params;
var<private> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<i32>>;
@group(0) @binding(1) var<storage, read> b1: array<vec4<i32>>;
@group(0) @binding(2) var<storage, read> b2: array<vec4<i32>>;
@group(0) @binding(3) var<storage, read_write> b3: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> b4: array<vec4<i32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn relu_i32(x: vec4<i32>) -> vec4<i32> {
    return max(x, vec4<i32>(i32(0)));
}
fn b0_load(i: i32) -> i32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load(i: i32) -> i32 { return b1[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load4(i: vec4<i32>) -> vec4<i32> { return vec4<i32>(b1_load(i.x), b1_load(i.y), b1_load(i.z), b1_load(i.w)); }
fn b2_load_quad(i: i32) -> vec4<i32> { return b2[u32(i) >> 2u]; }
fn b3_store(i: i32, v: i32) { b3[u32(i) >> 2u][u32(i) & 3u] = v; }
fn b4_store(i: i32, v: i32) { b4[u32(i) >> 2u][u32(i) & 3u] = v; }
fn finish(s0: u32, i: u32, acc: vec4<i32>) {
let v0 = acc;
let v1 = b2_load_quad((i32(i)));
let v2 = v0 + v1;
let v3 = relu_i32(v2);
{ let at = (vec4<i32>((i32(s0) * p.w7 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1);
b3_store(at.x, v0.x);
if i + 1u < p.w8 { b3_store(at.y, v0.y); }
if i + 2u < p.w8 { b3_store(at.z, v0.z); }
if i + 3u < p.w8 { b3_store(at.w, v0.w); }
}
{ let at = (vec4<i32>((i32(s0) * p.w9 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1);
b4_store(at.x, v3.x);
if i + 1u < p.w8 { b4_store(at.y, v3.y); }
if i + 2u < p.w8 { b4_store(at.z, v3.z); }
if i + 3u < p.w8 { b4_store(at.w, v3.w); }
}
}
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
p = given;
let t = (wid.x + wid.y * groups.x) * 64u + lid.x;
if t >= p.w0 { return; }
let i = (t % p.w1) * 4u;
let row = (t / p.w1) % p.w2;
let batch = t / p.w1 / p.w2;
let base_a = 0;
let base_b = 0;
let at_a = base_a + i32(row) * p.w5;
let at_b = base_b + min(vec4<i32>(i32(i)) + vec4<i32>(0, 1, 2, 3), vec4<i32>(p.w4)) * p.w6;
var acc = vec4<i32>(i32(0));
for (var q = 0; q < i32(p.w3); q++) { acc += b1_load4(at_b + vec4<i32>(q * 1)) * b0_load(at_a + q * 1); }
finish(row, i, acc);
}
