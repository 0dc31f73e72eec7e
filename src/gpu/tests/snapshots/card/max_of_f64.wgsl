// [3, 1, 1] [Input(0), Output(0)] [3, 50, 50, 0]
struct Params { w0: u32, w1: u32, w2: i32, w3: u32, }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<f64>;
@group(0) @binding(1) var<storage, read_write> b1: array<f64>;
fn zero_word() -> u32 { return p.w3; }
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias D = vec4<f64>;
alias L = vec4<i64>;
alias W = vec4<u64>;
struct Pair { high: D, low: D }
struct Angle { high: D, low: D, quarter: L }
fn constant_f64(bits: u64) -> D {
    var b = bits;
    return D(bitcast<f64>(b));
}
fn is_nan_f64(x: D) -> B {
    return (bitcast<W>(x) & W(0x7ffffffffffffffflu)) > W(0x7ff0000000000000lu);
}
fn lowest_f64() -> f64 {
    return constant_f64(0xfff0000000000000lu).x;
}
fn maximum_f64(a: D, b: D) -> D {
    return select(select(b, a, a > b), a, is_nan_f64(a));
}
fn opaque_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) ^ W(u64(zero_word())));
}
fn b0_load(i: i32) -> f64 { return b0[i]; }
fn b0_load4(i: vec4<i32>) -> vec4<f64> { return vec4<f64>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_store(i: i32, v: f64) { b1[i] = v; }
var<workgroup> shared_f64: array<f64, 256>;
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let team = (wid.x + wid.y * groups.x) * 1u + lid.y;
if team >= p.w0 { return; }
let lane = lid.x;
let s0 = team;
var a1 = vec4<f64>(lowest_f64());
{ var at = lane * 4u;
while at < p.w1 {
var r1_0: vec4<f64>;
{ let q = at + 0u;
let i = q;
let v0 = b0_load4((vec4<i32>((i32(s0) * p.w2 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));

r1_0 = select(vec4<f64>(lowest_f64()), v0, (vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>(p.w1));
}
a1 = maximum_f64(a1, r1_0);
at += 1024u; } }
a1 = maximum_f64(a1, a1.zwxy);
a1 = maximum_f64(a1, a1.yxwz);
shared_f64[lid.x] = a1.x;
workgroupBarrier();
if lid.x < 128u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 128u]))).x; }
workgroupBarrier();
if lid.x < 64u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 64u]))).x; }
workgroupBarrier();
if lid.x < 32u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 32u]))).x; }
workgroupBarrier();
if lid.x < 16u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 16u]))).x; }
workgroupBarrier();
if lid.x < 8u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 8u]))).x; }
workgroupBarrier();
if lid.x < 4u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 4u]))).x; }
workgroupBarrier();
if lid.x < 2u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 2u]))).x; }
workgroupBarrier();
if lid.x < 1u { shared_f64[lid.x] = (maximum_f64(vec4<f64>(shared_f64[lid.x]), vec4<f64>(shared_f64[lid.x + 1u]))).x; }
workgroupBarrier();
a1 = vec4<f64>(shared_f64[0]);
workgroupBarrier();
let v1 = a1;
let v2 = v1 + opaque_f64(v1);
if lane == 0u { b1_store((i32(s0)), v2.x);
 }
}
