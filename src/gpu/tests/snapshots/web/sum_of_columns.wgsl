// [1, 1, 1] [Input(0), Output(0)] [2, 40, 6, 0]
struct Params { w0: u32, w1: u32, w2: i32, w3: u32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
fn zero_word() -> u32 { return p.w3; }
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn opaque_f32(x: F) -> F {
    return bitcast<F>(bitcast<U>(x) ^ U(zero_word()));
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b0_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_store_quad(i: i32, v: vec4<f32>) { b1[u32(i) >> 2u] = v; }
@compute @workgroup_size(32, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let team = (wid.x + wid.y * groups.x) * 32u + lid.x;
if team >= p.w0 { return; }
let lane = 0u;
let i = team * 4u;
var a1 = vec4<f32>(f32(0));
{ var at = lane * 1u;
while at + 3u < p.w1 {
var r1_0: vec4<f32>;
var r1_1: vec4<f32>;
var r1_2: vec4<f32>;
var r1_3: vec4<f32>;
{ let q = at + 0u;
let s1 = q;
let v0 = b0_load4((vec4<i32>((i32(s1) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_0 = v0;
}
{ let q = at + 1u;
let s1 = q;
let v0 = b0_load4((vec4<i32>((i32(s1) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_1 = v0;
}
{ let q = at + 2u;
let s1 = q;
let v0 = b0_load4((vec4<i32>((i32(s1) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_2 = v0;
}
{ let q = at + 3u;
let s1 = q;
let v0 = b0_load4((vec4<i32>((i32(s1) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_3 = v0;
}
a1 = (a1 + ((r1_0 + r1_1) + (r1_2 + r1_3)));

at += 4u; }
while at < p.w1 {
var r1_0: vec4<f32>;
{ let q = at + 0u;
let s1 = q;
let v0 = b0_load4((vec4<i32>((i32(s1) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_0 = v0;
}
a1 = (a1 + r1_0);
at += 1u; } }
let v1 = a1;
let v2 = v1 + opaque_f32(v1);
b1_store_quad((i32(i)), v2);
}
