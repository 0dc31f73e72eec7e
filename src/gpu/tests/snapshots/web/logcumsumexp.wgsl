// [1, 1, 1] [Input(0), Output(0)] [2, 20, 4, 5, 0, 20, 1, 0, 20, 1]
struct Params { w0: u32, w1: u32, w2: u32, w3: u32, w4: i32, w5: i32, w6: i32, w7: i32, w8: i32, w9: i32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn exp_f32(x: F) -> F {
    return exp_scaled_f32(x, 0);
}
fn exp_rest_f32(x: F, n: F) -> F {
    let r = x - n * 0.693359375 + n * 2.12194440e-4;
    return r + r * r * exp_tail_f32(r);
}
fn exp_scaled_f32(x: F, k: i32) -> F {
    let c = clamp(x, F(-104.0), F(91.0));
    let n = round(c * 1.4426950408889634);
    let y = scale_f32(F(1.0) + exp_rest_f32(c, n), I(n) + I(k));
    return select(y, x, is_nan(x));
}
fn exp_tail_f32(r: F) -> F {
    return (((F(0.00139262249) * r + F(0.00836321214)) * r + F(0.0416665544)) * r + F(0.166665768)) * r + F(0.5);
}
fn exponent_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return F(bits >> U(23u)) - select(F(0.0), F(23.0), small);
}
fn is_inf(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) == U(0x7f800000u);
}
fn is_nan(x: F) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}
fn log_f32(x: F) -> F {
    let e = exponent_f32(x);
    let y = e * 0.693359375 + (log_near_f32(mantissa_f32(x) - F(1.0)) - e * 2.12194440e-4);
    return log_special_f32(x, y);
}
fn log_near_f32(f: F) -> F {
    let s = f / (F(2.0) + f);
    let z = s * s;
    let h = f * f * 0.5;
    let r = z * (((F(0.23336811) * z + F(0.28550587)) * z + F(0.400001239)) * z + F(0.666666666));
    return f - (h - s * (h + r));
}
fn log_special_f32(x: F, y: F) -> F {
    let special = select(bitcast<F>(U(0x7fc00000u) | (bitcast<U>(x) & U(1u))), bitcast<F>(U(0xff800000u)), x == F(0.0));
    return select(select(special, x, is_inf(x) & (x > F(0.0))), y, (x > F(0.0)) & !is_inf(x) & !is_nan(x));
}
fn mantissa_f32(x: F) -> F {
    let small = x < F(1.1754943508222875e-38);
    let bits = bitcast<I>(select(x, x * 8388608.0, small)) - I(0x3f3504f3);
    return bitcast<F>((bits & I(0x7fffff)) + I(0x3f3504f3));
}
fn scale_f32(x: F, e: I) -> F {
    let half = e >> U(1u);
    let a = bitcast<F>((half + I(127)) << U(23u));
    let b = bitcast<F>((e - half + I(127)) << U(23u));
    return x * a * b;
}
fn b0_load(i: i32) -> f32 { return b0[u32(i) >> 2u][u32(i) & 3u]; }
fn b0_load4(i: vec4<i32>) -> vec4<f32> { return vec4<f32>(b0_load(i.x), b0_load(i.y), b0_load(i.z), b0_load(i.w)); }
fn b1_store(i: i32, v: f32) { b1[u32(i) >> 2u][u32(i) & 3u] = v; }
alias V = vec4<f32>;
alias P = vec4<f32>;
struct S { largest: V, sum: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x, V(1)); }
fn power(x: V, largest: V) -> V { return select(exp_f32(x - largest), V(1), x == largest); }
fn join(a: S, b: S) -> S {
    let largest = select(a.largest, b.largest, !(b.largest <= a.largest));
    return S(largest, a.sum * power(a.largest, largest) + b.sum * power(b.largest, largest));
}
fn result(s: S) -> V { return s.largest + log_f32(s.sum); }
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
let next = lift(b0_load4((x_at + vec4<i32>(at * p.w6))), vec4<f32>(0), at);
if q == 0u { state = next; } else { state = join(state, next); }
let y = result(state);
let to = (y_at + vec4<i32>(at * p.w9));
b1_store(to.x, y.x);
if line.y <= p.w2 { b1_store(to.y, y.y); }
if line.z <= p.w2 { b1_store(to.z, y.z); }
if line.w <= p.w2 { b1_store(to.w, y.w); }
}
}
