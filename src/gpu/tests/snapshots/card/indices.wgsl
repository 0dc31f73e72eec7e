// [1, 1, 1] [Input(0), Input(1), Input(2), Output(0), Output(1), Status] [119, 10, 10, 7, 0, 7, 7, 4294967196, 4294967295, 1281, 4294967293, 0, 0, 0, 0, 4294967293, 120]
struct Params { w0: u32, w1: u32, w2: i32, w3: u32, w4: u32, w5: u32, w6: u32, w7: u32, w8: u32, w9: u32, w10: i32, w11: u32, w12: u32, w13: u32, w14: u32, w15: i32, w16: u32, }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<i64>;
@group(0) @binding(1) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> b3: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> b4: array<vec4<u32>>;
struct Status { count: atomic<u32>, check: u32, size: u32, low: u32, high: u32 }
@group(0) @binding(5) var<storage, read_write> status: Status;
fn report(check: u32, size: u32, low: u32, high: u32) {
if atomicAdd(&status.count, 1u) == 0u {
status.check = check; status.size = size; status.low = low; status.high = high; }
}
var<private> fault0: bool = false;
var<private> culprit0: i64;
var<private> fault1: bool = false;
var<private> culprit1: i64;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn mul_high(a: u32, b: U) -> U {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & U(0xffffu);
    let bh = b >> U(16u);
    let middle = ah * bl + ((al * bl) >> U(16u));
    let low = al * bh + (middle & U(0xffffu));
    return ah * bh + (middle >> U(16u)) + (low >> U(16u));
}
fn philox(counter: U, low: u32, high: u32, word: u32) -> U {
    var a = counter;
    var b = U(0u);
    var c = U(0u);
    var d = U(0u);
    var key = vec2<u32>(low, high);
    for (var i = 0; i < 10; i++) {
        let h0 = mul_high(0xD2511F53u, a);
        let l0 = 0xD2511F53u * a;
        let h1 = mul_high(0xCD9E8D57u, c);
        let l1 = 0xCD9E8D57u * c;
        a = h1 ^ b ^ U(key.x);
        b = l1;
        c = h0 ^ d ^ U(key.y);
        d = l0;
        key += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return select(select(a, b, word == 1u), select(c, d, word == 3u), word >= 2u);
}
fn poison_f32(ok: B) -> F {
    return bitcast<F>(select(U(0x7fc00000u), U(0u), ok));
}
fn b0_load_quad(i: i32) -> vec4<i64> { return vec4<i64>(b0[i], b0[i + 1], b0[i + 2], b0[i + 3]); }
fn b1_load(i: i32) -> f32 { return b1[u32(i) >> 2u][u32(i) & 3u]; }
fn b1_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b1_load(i.x), b1_load(i.y), b1_load(i.z), b1_load(i.w)); }
fn b2_load(i: i32) -> f32 { return b2[u32(i) >> 2u][u32(i) & 3u]; }
fn b2_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b2_load(i.x), b2_load(i.y), b2_load(i.z), b2_load(i.w)); }
fn b3_store_quad(i: i32, v: vec4<f32>) { b3[u32(i) >> 2u] = v; }
fn b4_store_quad(i: i32, v: vec4<u32>) { b4[u32(i) >> 2u] = v; }
fn quad(i: u32) {
let wide = min(vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(p.w0));
let c1 = wide % vec4<u32>(p.w1);
let cr1 = wide / vec4<u32>(p.w1);
let c0 = cr1;
let v0 = b0_load_quad((i32(i)));
let k1 = select(v0, v0 + vec4<i64>(i64(p.w3)), v0 < vec4<i64>(i64(0)));
let ok1 = (k1 >= vec4<i64>(i64(0))) & (k1 < vec4<i64>(i64(p.w3)));
let v1 = select(poison_f32(ok1), b1_load4(select(vec4<i32>(0), ((vec4<i32>(0) + vec4<i32>(c1)) + vec4<i32>(k1) * p.w2), ok1)), ok1);
let bad1 = !ok1;
culprit0 = select(culprit0, select(select(select(v0.w, v0.z, bad1.z), v0.y, bad1.y), v0.x, bad1.x), any(bad1));
fault0 = fault0 | any(bad1);
let ok2 = (v0 >= vec4<i64>(i64(0))) & (v0 < vec4<i64>(i64(p.w6)));
let skip2 = v0 == vec4<i64>(bitcast<i64>(u64(p.w7) | (u64(p.w8) << 32u)));
let v2 = select(select(vec4<i32>(i32(-1)), vec4<i32>(v0), ok2), vec4<i32>(i32(-2)), skip2);
let bad2 = (!ok2 & !skip2);
culprit1 = select(culprit1, select(select(select(v0.w, v0.z, bad2.z), v0.y, bad2.y), v0.x, bad2.x), any(bad2));
fault1 = fault1 | any(bad2);
let v3 = vec4<i32>((vec4<i32>((p.w10 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1));
let v4 = vec4<u32>(v3);
let v5 = philox(v4, p.w11, p.w13, 1u);
let v6 = v3 >= v2;
let v7 = select(vec4<f32>(f32(0)), b2_load4(select(vec4<i32>(0), (vec4<i32>((p.w15 + i32(i))) + vec4<i32>(0, 1, 2, 3) * 1), v6)), v6);
let v8 = select(v7, v1, v6);
b3_store_quad((i32(i)), v8);
b4_store_quad((i32(i)), v5);
}
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let i = ((wid.x + wid.y * groups.x) * 256u + lid.x) * 4u;
if i + 0u < p.w16 { quad(i + 0u); }
if fault0 { report(p.w4, p.w5, u32(bitcast<u64>(culprit0)), u32(bitcast<u64>(culprit0) >> 32u)); }
if fault1 { report(p.w9, p.w6, u32(bitcast<u64>(culprit1)), u32(bitcast<u64>(culprit1) >> 32u)); }
}
