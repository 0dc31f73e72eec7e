// [2, 1, 1] [Input(0), Output(0)] [7, 37, 37, 0]
struct Params { w0: u32, w1: u32, w2: i32, w3: u32, }
var<immediate> p: Params;
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
fn b1_store(i: i32, v: f32) { b1[u32(i) >> 2u][u32(i) & 3u] = v; }
@compute @workgroup_size(32, 4, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let team = (wid.x + wid.y * groups.x) * 4u + lid.y;
if team >= p.w0 { return; }
let lane = lid.x;
let s0 = team;
var a1 = vec4<f32>(f32(0));
{ var at = lane * 4u;
while at < p.w1 {
var r1_0: vec4<f32>;
{ let q = at + 0u;
let i = q;
let v0 = b0_load4((vec4<i32>((i32(s0) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_0 = select(vec4<f32>(f32(0)), v0, (vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>(p.w1));
}
a1 = (a1 + r1_0);
at += 128u; } }
a1 = (a1 + a1.zwxy);
a1 = (a1 + a1.yxwz);
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 1u)));
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 2u)));
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 4u)));
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 8u)));
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 16u)));
let v1 = a1;
let v2 = v1 + opaque_f32(v1);
if lane == 0u { b1_store((i32(s0)), v2.x);
 }
}
