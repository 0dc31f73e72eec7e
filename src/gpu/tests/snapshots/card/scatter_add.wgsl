// [1, 1, 1] [Input(0), Input(1), Output(0)] [30, 5, 20, 6, 1, 5, 0, 1, 5, 0, 0, 1, 0, 1, 5]
struct Params { w0: u32, w1: u32, w2: u32, w3: u32, w4: u32, w5: u32, w6: i32, w7: i32, w8: i32, w9: i32, w10: i32, w11: i32, w12: i32, w13: i32, w14: i32, }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b1: array<i64>;
@group(0) @binding(2) var<storage, read_write> b2: array<vec4<f32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn poison_f32(ok: B) -> F {
    return bitcast<F>(select(U(0x7fc00000u), U(0u), ok));
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load(i: i32) -> i64 { return b1[i]; }
fn b2_load(i: i32) -> f32 { return b2[u32(i) >> 2u][u32(i) & 3u]; }
fn b2_store(i: i32, v: f32) { b2[u32(i) >> 2u][u32(i) & 3u] = v; }
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let t = (wid.x + wid.y * groups.x) * 64u + lid.x;
if t >= p.w0 { return; }
var rest = t % p.w1;
let first = (t / p.w1) * p.w4;
let end = min(first + p.w4, p.w3);
let c0 = rest % p.w5;
rest = rest / p.w5;
let src_at = p.w6 + i32(c0) * p.w7;
let index_at = p.w9 + i32(c0) * p.w10;
let out_at = p.w12 + i32(c0) * p.w13;
for (var q = first; q < end; q++) { b2_store(out_at + i32(q) * p.w14, f32(0)); }
var bad = false;
for (var q = 0u; q < p.w2; q++) {
let given = b1_load(index_at + i32(q) * p.w11);
let index = given;
let to = index;
if to >= i64(first) && to < i64(end) { let at = out_at + i32(to) * p.w14; b2_store(at, b2_load(at) + b0_load(src_at + i32(q) * p.w8)); } }
}
