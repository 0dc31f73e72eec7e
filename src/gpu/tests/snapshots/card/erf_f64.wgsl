// [1, 1, 1] [Input(0), Output(0)] [33, 0]
struct Params { w0: u32, w1: u32, }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<f64>;
@group(0) @binding(1) var<storage, read_write> b1: array<f64>;
fn zero_word() -> u32 { return p.w1; }
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias D = vec4<f64>;
alias L = vec4<i64>;
alias W = vec4<u64>;
struct Pair { high: D, low: D }
struct Angle { high: D, low: D, quarter: L }
fn abs_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) & W(0x7ffffffffffffffflu));
}
fn copysign_f64(x: D, sign: D) -> D {
    return bitcast<D>(bitcast<W>(x) | (bitcast<W>(sign) & W(0x8000000000000000lu)));
}
fn erf_f64(x: D) -> D {
    let near = x * (D(1.1283791670955126lf) + erf_tail_f64(x * x));
    let b = min(abs_f64(x), D(6.5));
    let h = head_f64(b);
    let e = exp_sum_f64(-(h * h), (h - b) * (h + b));
    let far = copysign_f64(D(1.0) - e * erfc_factor_f64(b) / (D(1.0) + D(2.0) * b), x);
    return select(select(far, near, abs_f64(x) < D(1.0)), x, is_nan_f64(x));
}
fn erf_tail_f64(z: D) -> D {
    return z * (((((((((((D(6.174097221305255e-11lf) * z + D(-1.1500357159785296e-09lf)) * z
        + D(1.4692484859133263e-08lf)) * z + D(-1.6355118610877705e-07lf)) * z + D(1.6461446656928561e-06lf)) * z
        + D(-1.4925622504489842e-05lf)) * z + D(0.00012055332214716276lf)) * z + D(-0.0008548327010033328lf)) * z
        + D(0.005223977625303518lf)) * z + D(-0.026866170645123838lf)) * z + D(0.11283791670955111lf)) * z
        + D(-0.37612638903183754lf));
}
fn erfc_factor_f64(b: D) -> D {
    let t = (b - D(4.0)) / (b + D(4.0));
    return (((((((((((((((((((((((D(2.9111659955327447e-10lf) * t + D(2.1031095817570338e-09lf)) * t
        + D(1.6868082625932292e-09lf)) * t + D(-1.660879467182853e-08lf)) * t + D(-1.9106294487779176e-08lf)) * t
        + D(1.1328048304274549e-07lf)) * t + D(7.703495881102781e-08lf)) * t + D(-8.277591913537945e-07lf)) * t
        + D(2.916445562939141e-07lf)) * t + D(5.710769473216913e-06lf)) * t + D(-1.1220902504340601e-05lf)) * t
        + D(-2.4399505458525544e-05lf)) * t + D(0.00015062131217624512lf)) * t + D(-0.00019925664291065565lf)) * t
        + D(-0.0007577732147971718lf)) * t + D(0.005031969972225688lf)) * t + D(-0.016197734067039865lf)) * t
        + D(0.03716751553787908lf)) * t + D(-0.06633036581154421lf)) * t + D(0.09373283499833329lf)) * t
        + D(-0.10103906603632955lf)) * t + D(0.06809705425469303lf)) * t + D(0.015379652102620111lf)) * t
        + D(-0.13962111684056253lf)) * t + D(1.2329951186255526lf);
}
fn exp_rest_f64(x: D, low: D, n: D) -> D {
    let h = x - n * D(0.6931471804855391lf);
    let l = n * D(7.440617110012397e-11lf) - low;
    let r = h - l;
    return h - (l - r * r * exp_tail_f64(r));
}
fn exp_steps_f64(x: D) -> D {
    return shifted_f64(x * D(1.4426950408889634lf));
}
fn exp_sum_f64(x: D, low: D) -> D {
    let c = clamp(x, D(-746.0), D(711.0));
    let n = exp_steps_f64(c);
    return scale_f64(D(1.0) + exp_rest_f64(c, low, whole_f64(n)), whole_i64(n));
}
fn exp_tail_f64(r: D) -> D {
    return D(0.5) + r * (((((((((D(2.091262257917699e-09lf) * r + D(2.5102326283976865e-08lf)) * r
        + D(2.755727999726856e-07lf)) * r + D(2.755726429782735e-06lf)) * r + D(2.4801587319096055e-05lf)) * r
        + D(0.00019841269865786428lf)) * r + D(0.0013888888888886153lf)) * r + D(0.008333333333329503lf)) * r
        + D(0.041666666666666664lf)) * r + D(0.16666666666666669lf));
}
fn head_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) & W(0xfffffffff8000000lu));
}
fn is_nan_f64(x: D) -> B {
    return (bitcast<W>(x) & W(0x7ffffffffffffffflu)) > W(0x7ff0000000000000lu);
}
fn opaque_f64(x: D) -> D {
    return bitcast<D>(bitcast<W>(x) ^ W(u64(zero_word())));
}
fn power_of_two_f64(e: L) -> D {
    return bitcast<D>((e + L(1023li)) << U(52u));
}
fn scale_f64(x: D, e: L) -> D {
    let half = e >> U(1u);
    return x * power_of_two_f64(half) * power_of_two_f64(e - half);
}
fn shifted_f64(x: D) -> D {
    return opaque_f64(x + D(6755399441055744.0));
}
fn whole_f64(shifted: D) -> D {
    return shifted - D(6755399441055744.0);
}
fn whole_i64(shifted: D) -> L {
    return bitcast<L>(shifted) - L(0x4338000000000000li);
}
fn b0_load_quad(i: i32) -> vec4<f64> { return vec4<f64>(b0[i], b0[i + 1], b0[i + 2], b0[i + 3]); }
fn b1_store_quad(i: i32, v: vec4<f64>) { b1[i] = v.x; b1[i + 1] = v.y; b1[i + 2] = v.z; b1[i + 3] = v.w; }
fn quad(i: u32) {
let v0 = b0_load_quad((i32(i)));
let v1 = erf_f64(v0);
b1_store_quad((i32(i)), v1);
}
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let i = ((wid.x + wid.y * groups.x) * 256u + lid.x) * 4u;
if i + 0u < p.w0 { quad(i + 0u); }
}
