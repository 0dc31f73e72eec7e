// [1, 1, 1] [Input(0), Output(0)] [1, 1048576, 0]
struct Params { w0: u32, w1: u32, w2: u32, }
var<immediate> given: Params;
var<private> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<u64>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
fn zero_word() -> u32 { return p.w2; }
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn opaque_f32(x: F) -> F {
    return bitcast<F>(bitcast<U>(x) ^ U(zero_word()));
}
fn b0_load_octo(i: i32) -> vec4<u64> { return b0[u32(i) >> 3u]; }
fn b1_store(i: i32, v: f32) { b1[u32(i) >> 2u][u32(i) & 3u] = v; }
@compute @workgroup_size(8, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
p = given;
let team = (wid.x + wid.y * groups.x) * 1u + lid.y;
if team >= p.w0 { return; }
let lane = lid.x;
var a1 = vec4<f32>(f32(0));
{ var at = lane * 8u;
while at + 192u < p.w1 {
var r1_0: vec4<f32>;
var r1_1: vec4<f32>;
var r1_2: vec4<f32>;
var r1_3: vec4<f32>;
var r1_4: vec4<f32>;
var r1_5: vec4<f32>;
var r1_6: vec4<f32>;
var r1_7: vec4<f32>;
{ let q = at + 0u;
let i = q;
let w0 = b0_load_octo((i32(i)));

{ let v0 = bitcast<F>(U(w0));
r1_0 = v0;
 }
{ let v0 = bitcast<F>(U(w0 >> U(32u)));
r1_1 = v0;
 }
}
{ let q = at + 64u;
let i = q;
let w0 = b0_load_octo((i32(i)));

{ let v0 = bitcast<F>(U(w0));
r1_2 = v0;
 }
{ let v0 = bitcast<F>(U(w0 >> U(32u)));
r1_3 = v0;
 }
}
{ let q = at + 128u;
let i = q;
let w0 = b0_load_octo((i32(i)));

{ let v0 = bitcast<F>(U(w0));
r1_4 = v0;
 }
{ let v0 = bitcast<F>(U(w0 >> U(32u)));
r1_5 = v0;
 }
}
{ let q = at + 192u;
let i = q;
let w0 = b0_load_octo((i32(i)));

{ let v0 = bitcast<F>(U(w0));
r1_6 = v0;
 }
{ let v0 = bitcast<F>(U(w0 >> U(32u)));
r1_7 = v0;
 }
}
a1 = (a1 + (((r1_0 + r1_1) + (r1_2 + r1_3)) + ((r1_4 + r1_5) + (r1_6 + r1_7))));

at += 256u; }
while at < p.w1 {
var r1_0: vec4<f32>;
var r1_1: vec4<f32>;
{ let q = at + 0u;
let i = q;
let w0 = b0_load_octo((i32(i)));

{ let v0 = bitcast<F>(U(w0));
r1_0 = v0;
 }
{ let v0 = bitcast<F>(U(w0 >> U(32u)));
r1_1 = v0;
 }
}
a1 = (a1 + (r1_0 + r1_1));
at += 64u; } }
a1 = (a1 + a1.zwxy);
a1 = (a1 + a1.yxwz);
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 1u)));
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 2u)));
a1 = (a1 + vec4<f32>(subgroupShuffleXor(a1.x, 4u)));
let v1 = a1;
let v2 = v1 + opaque_f32(v1);
if lane == 0u { b1_store(0, v2.x);
 }
}
