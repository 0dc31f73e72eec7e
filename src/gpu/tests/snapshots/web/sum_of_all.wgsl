// [1, 1, 1] [Input(0), Output(0)] [1, 1048576, 0]
struct Params { w0: u32, w1: u32, w2: u32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
fn zero_word() -> u32 { return p.w2; }
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn opaque_f32(x: F) -> F {
    return bitcast<F>(bitcast<U>(x) ^ U(zero_word()));
}
fn b0_load_quad(i: i32) -> vec4<f32> { return b0[u32(i) >> 2u]; }
fn b1_store(i: i32, v: f32) { b1[u32(i) >> 2u][u32(i) & 3u] = v; }
var<workgroup> shared_f32: array<f32, 256>;
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let team = (wid.x + wid.y * groups.x) * 1u + lid.y;
if team >= p.w0 { return; }
let lane = lid.x;
var a1 = vec4<f32>(f32(0));
{ var at = lane * 4u;
while at + 3072u < p.w1 {
var r1_0: vec4<f32>;
var r1_1: vec4<f32>;
var r1_2: vec4<f32>;
var r1_3: vec4<f32>;
{ let q = at + 0u;
let i = q;
let v0 = b0_load_quad((i32(i)));

r1_0 = v0;
}
{ let q = at + 1024u;
let i = q;
let v0 = b0_load_quad((i32(i)));

r1_1 = v0;
}
{ let q = at + 2048u;
let i = q;
let v0 = b0_load_quad((i32(i)));

r1_2 = v0;
}
{ let q = at + 3072u;
let i = q;
let v0 = b0_load_quad((i32(i)));

r1_3 = v0;
}
a1 = (a1 + ((r1_0 + r1_1) + (r1_2 + r1_3)));

at += 4096u; }
while at < p.w1 {
var r1_0: vec4<f32>;
{ let q = at + 0u;
let i = q;
let v0 = b0_load_quad((i32(i)));

r1_0 = v0;
}
a1 = (a1 + r1_0);
at += 1024u; } }
a1 = (a1 + a1.zwxy);
a1 = (a1 + a1.yxwz);
shared_f32[lid.x] = a1.x;
workgroupBarrier();
if lid.x < 128u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 128u]))).x; }
workgroupBarrier();
if lid.x < 64u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 64u]))).x; }
workgroupBarrier();
if lid.x < 32u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 32u]))).x; }
workgroupBarrier();
if lid.x < 16u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 16u]))).x; }
workgroupBarrier();
if lid.x < 8u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 8u]))).x; }
workgroupBarrier();
if lid.x < 4u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 4u]))).x; }
workgroupBarrier();
if lid.x < 2u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 2u]))).x; }
workgroupBarrier();
if lid.x < 1u { shared_f32[lid.x] = ((vec4<f32>(shared_f32[lid.x]) + vec4<f32>(shared_f32[lid.x + 1u]))).x; }
workgroupBarrier();
a1 = vec4<f32>(shared_f32[0]);
workgroupBarrier();
let v1 = a1;
let v2 = v1 + opaque_f32(v1);
if lane == 0u { b1_store(0, v2.x);
 }
}
