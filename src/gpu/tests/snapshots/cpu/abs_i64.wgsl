// [1, 1, 1] [Input(0), Output(0)] [33]
struct Params { w0: u32, }
var<immediate> given: Params;
var<private> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<i64>;
@group(0) @binding(1) var<storage, read_write> b1: array<i64>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn abs_i64(x: vec4<i64>) -> vec4<i64> {
    return select(x, vec4<i64>(i64(0)) - x, x < vec4<i64>(i64(0)));
}
fn b0_load_quad(i: i32) -> vec4<i64> { return vec4<i64>(b0[i], b0[i + 1], b0[i + 2], b0[i + 3]); }
fn b1_store_quad(i: i32, v: vec4<i64>) { b1[i] = v.x; b1[i + 1] = v.y; b1[i + 2] = v.z; b1[i + 3] = v.w; }
fn quad(i: u32) {
let v0 = b0_load_quad((i32(i)));
let v1 = abs_i64(v0);
b1_store_quad((i32(i)), v1);
}
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
p = given;
let i = ((wid.x + wid.y * groups.x) * 64u + lid.x) * 8u;
if i + 0u < p.w0 { quad(i + 0u); }
if i + 4u < p.w0 { quad(i + 4u); }
}
