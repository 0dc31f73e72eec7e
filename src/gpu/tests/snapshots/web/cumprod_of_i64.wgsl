// [1, 1, 1] [Input(0), Output(0)] [2, 20, 4, 5, 0, 1, 5, 0, 1, 5]
struct Params { w0: u32, w1: u32, w2: u32, w3: u32, w4: i32, w5: i32, w6: i32, w7: i32, w8: i32, w9: i32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec2<u32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn b0_load(i: i32) -> i32 { return bitcast<i32>(b0[i].x); }
fn b0_load4(i: vec4<i32>) -> vec4<i32> { return vec4<i32>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_store(i: i32, v: i32) { b1[i] = vec2<u32>(bitcast<u32>(v), bitcast<u32>(v >> 31u)); }
alias V = vec4<i32>;
alias P = vec4<i32>;
struct S { product: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x); }
fn join(a: S, b: S) -> S { return S(a.product * b.product); }
fn result(s: S) -> V { return s.product; }
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let unit = ((wid.x + wid.y * groups.x) * 64u + lid.x);
if unit >= p.w0 { return; }
let line = vec4<u32>(unit * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
var rest = min(line, vec4<u32>(p.w2));
let c0 = vec4<i32>(rest % vec4<u32>(p.w3));
rest = rest / vec4<u32>(p.w3);
let x_at = vec4<i32>(p.w4) + c0 * p.w5;
let y_at = vec4<i32>(p.w7) + c0 * p.w8;
var state: S;
for (var q = 0u; q < p.w1; q++) {
let at = i32(q);
let next = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<i32>(0), at);
if q == 0u { state = next; } else { state = join(state, next); }
let y = result(state);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
}
