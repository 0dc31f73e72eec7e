// [1, 1, 1] [Input(0), Output(0)] [33]
struct Params { w0: u32, }
@group(1) @binding(0) var<uniform> p: Params;
@group(0) @binding(0) var<storage, read> b0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec2<u32>>;
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
fn abs_i32(x: vec4<i32>) -> vec4<i32> {
    return select(x, vec4<i32>(i32(0)) - x, x < vec4<i32>(i32(0)));
}
fn b0_load_quad(i: i32) -> vec4<i32> { return bitcast<vec4<i32>>(vec4<u32>(b0[i].x, b0[i + 1].x, b0[i + 2].x, b0[i + 3].x)); }
fn b1_store_quad(i: i32, v: vec4<i32>) { let w = bitcast<vec4<u32>>(v); let s = bitcast<vec4<u32>>(v >> vec4<u32>(31u)); b1[i] = vec2<u32>(w.x, s.x); b1[i + 1] = vec2<u32>(w.y, s.y); b1[i + 2] = vec2<u32>(w.z, s.z); b1[i + 3] = vec2<u32>(w.w, s.w); }
fn quad(i: u32) {
let v0 = b0_load_quad((i32(i)));
let v1 = abs_i32(v0);
b1_store_quad((i32(i)), v1);
}
@compute @workgroup_size(256, 1, 1)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
let i = ((wid.x + wid.y * groups.x) * 256u + lid.x) * 4u;
if i + 0u < p.w0 { quad(i + 0u); }
}
