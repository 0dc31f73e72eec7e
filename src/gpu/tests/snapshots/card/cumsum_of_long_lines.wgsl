// [1, 1, 1] [Input(0), Output(0)] [1, 100000, 1, 2, 0, 100000, 1, 0, 100000, 1, 0]
struct Params { w0: u32, w1: u32, w2: u32, w3: u32, w4: i32, w5: i32, w6: i32, w7: i32, w8: i32, w9: i32, w10: u32, }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
fn zero_word() -> u32 { return p.w10; }
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn is_inf(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) == U(0x7f800000u);
}
fn is_nan(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}
fn opaque_f32(x: F) -> F {
    return bitcast<F>(bitcast<U>(x) ^ U(zero_word()));
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b0_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_store(i: i32, v: f32) { b1[u32(i) >> 2u][u32(i) & 3u] = v; }
alias V = vec4<f32>;
alias P = vec4<f32>;
struct S { high: V, low: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x, V(0)); }
fn join(a: S, b: S) -> S {
    let sum = a.high + b.high;
    let from_b = opaque_f32(sum) - a.high;
    let lost = (a.high - opaque_f32(sum - from_b)) + (b.high - from_b);
    return S(sum, a.low + b.low + lost);
}
fn result(s: S) -> V { return select(s.high + s.low, s.high, is_nan(s.high) | is_inf(s.high)); }
var<workgroup> runs: array<S, 256>;
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let unit = (wid.x + wid.y * groups.x);
if unit >= p.w0 { return; }
let line = vec4<u32>(unit * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
var rest = min(line, vec4<u32>(p.w2));
let c0 = vec4<i32>(rest % vec4<u32>(p.w3));
rest = rest / vec4<u32>(p.w3);
let x_at = vec4<i32>(p.w4) + c0 * p.w5;
let y_at = vec4<i32>(p.w7) + c0 * p.w8;
var before: S;
for (var base = 0u; base < p.w1; base += 2048u) {
let first = base + lid.x * 8u;
var s0: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 0u, p.w1 - 1u));
s0 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
var s1: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 1u, p.w1 - 1u));
s1 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s1 = join(s0, s1);
var s2: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 2u, p.w1 - 1u));
s2 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s2 = join(s1, s2);
var s3: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 3u, p.w1 - 1u));
s3 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s3 = join(s2, s3);
var s4: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 4u, p.w1 - 1u));
s4 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s4 = join(s3, s4);
var s5: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 5u, p.w1 - 1u));
s5 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s5 = join(s4, s5);
var s6: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 6u, p.w1 - 1u));
s6 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s6 = join(s5, s6);
var s7: S;
{ let at = i32(p.w1) - 1 - i32(min(first + 7u, p.w1 - 1u));
s7 = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at); }
s7 = join(s6, s7);
var run = s7;
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 1u { run = join(runs[lid.x - 1u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 2u { run = join(runs[lid.x - 2u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 4u { run = join(runs[lid.x - 4u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 8u { run = join(runs[lid.x - 8u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 16u { run = join(runs[lid.x - 16u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 32u { run = join(runs[lid.x - 32u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 64u { run = join(runs[lid.x - 64u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
if lid.x >= 128u { run = join(runs[lid.x - 128u], run); }
workgroupBarrier();
runs[lid.x] = run;
workgroupBarrier();
var front = before;
let is_first = base == 0u && lid.x == 0u;
if lid.x > 0u { front = runs[lid.x - 1u];
if base > 0u { front = join(before, front); } }
if first + 0u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 0u));
if !is_first { s0 = join(front, s0); }
let y = result(s0);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 1u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 1u));
if !is_first { s1 = join(front, s1); }
let y = result(s1);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 2u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 2u));
if !is_first { s2 = join(front, s2); }
let y = result(s2);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 3u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 3u));
if !is_first { s3 = join(front, s3); }
let y = result(s3);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 4u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 4u));
if !is_first { s4 = join(front, s4); }
let y = result(s4);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 5u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 5u));
if !is_first { s5 = join(front, s5); }
let y = result(s5);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 6u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 6u));
if !is_first { s6 = join(front, s6); }
let y = result(s6);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
if first + 7u < p.w1 { let at = i32(p.w1) - 1 - i32((first + 7u));
if !is_first { s7 = join(front, s7); }
let y = result(s7);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
let all = runs[255u];
if base == 0u { before = all; } else { before = join(before, all); }
workgroupBarrier(); }
}
