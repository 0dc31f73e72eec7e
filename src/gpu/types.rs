//! How each dtype is held in kernels and in memory: one row of text each.

use super::context::Target;
use crate::{DType, Scalar, dtype::Compute};

/// The WGSL type in which a value is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ty {
    Bool,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Ty {
    /// Without 64-bit arithmetic, 64-bit dtypes are held in 32 bits: integers by their low word, floats rounded.
    pub fn of(dtype: DType, target: &Target) -> Ty {
        match dtype.compute() {
            Compute::Bool => Ty::Bool,
            Compute::I32 => Ty::I32,
            Compute::U32 => Ty::U32,
            Compute::I64 if target.int64 => Ty::I64,
            Compute::I64 => Ty::I32,
            Compute::U64 if target.int64 => Ty::U64,
            Compute::U64 => Ty::U32,
            Compute::F32 => Ty::F32,
            Compute::F64 if target.f64 => Ty::F64,
            Compute::F64 => Ty::F32,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Ty::Bool => "bool",
            Ty::I32 => "i32",
            Ty::U32 => "u32",
            Ty::I64 => "i64",
            Ty::U64 => "u64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
        }
    }

    pub fn vec(self) -> String {
        format!("vec4<{}>", self.name())
    }

    pub const fn is_wide(self) -> bool {
        matches!(self, Ty::I64 | Ty::U64 | Ty::F64)
    }
}

/// Whether the dtype is held in fewer bits than it has.
pub(super) fn is_emulated(dtype: DType, target: &Target) -> bool {
    match dtype {
        DType::I64 | DType::U64 => !target.int64,
        DType::F64 => !target.f64,
        _ => false,
    }
}

/// How a buffer of a dtype is declared and accessed. In the texts `B` stands for the buffer and `i` for the element.
pub(super) struct Access {
    /// The array's element: four values, one value, or a word of packed ones.
    pub element: &'static str,
    /// One value at element `i`.
    pub load: &'static str,
    /// The four values from element `i` on, a multiple of 4.
    pub load_quad: &'static str,
    /// `v` to element `i`; empty for dtypes whose elements share a word.
    pub store: &'static str,
    /// Four values `v` from element `i` on, a multiple of 4.
    pub store_quad: &'static str,
    /// Library functions that the texts call.
    pub calls: &'static [&'static str],
}

const fn quads(element: &'static str) -> Access {
    Access {
        element,
        load: "return B[u32(i) >> 2u][u32(i) & 3u];",
        load_quad: "return B[u32(i) >> 2u];",
        store: "B[u32(i) >> 2u][u32(i) & 3u] = v;",
        store_quad: "B[u32(i) >> 2u] = v;",
        calls: &[],
    }
}

const fn singles(element: &'static str) -> Access {
    Access {
        element,
        load: "return B[i];",
        load_quad: "return V(B[i], B[i + 1], B[i + 2], B[i + 3]);",
        store: "B[i] = v;",
        store_quad: "B[i] = v.x; B[i + 1] = v.y; B[i + 2] = v.z; B[i + 3] = v.w;",
        calls: &[],
    }
}

/// The even (0) and the odd (1) ones of eight floats that were loaded as four numbers of 64 bits, `name`.
pub(super) fn half(odd: usize, name: &str) -> String {
    match odd {
        0 => format!("bitcast<F>(U({name}))"),
        _ => format!("bitcast<F>(U({name} >> U(32u)))"),
    }
}

impl Access {
    /// Of a buffer of `f32` that some accesses take by eight.
    pub const OCTO: Self = Access {
        element: "vec4<u64>",
        load: "return bitcast<f32>(u32(B[u32(i) >> 3u][(u32(i) >> 1u) & 3u] >> ((u32(i) & 1u) * 32u)));",
        load_quad: "let w = B[u32(i) >> 3u]; let h = select(w.xy, w.zw, (i & 4) != 0); \
                    return bitcast<vec4<f32>>(vec4<u32>(vec4<u64>(h.x, h.x >> 32u, h.y, h.y >> 32u)));",
        store: "",
        store_quad: "",
        calls: &[],
    };

    pub fn of(dtype: DType, target: &Target) -> Access {
        match dtype {
            DType::F32 => quads("vec4<f32>"),
            DType::I32 => quads("vec4<i32>"),
            DType::U32 => quads("vec4<u32>"),
            DType::I64 if target.int64 => singles("i64"),
            DType::U64 if target.int64 => singles("u64"),
            DType::F64 if target.f64 => singles("f64"),
            DType::Bool => Access {
                element: "u32",
                load: "return ((B[u32(i) >> 2u] >> ((u32(i) & 3u) * 8u)) & 255u) != 0u;",
                load_quad: "return bytes_u32(B[u32(i) >> 2u]) != vec4<u32>(0u);",
                store: "",
                store_quad: "B[u32(i) >> 2u] = pack_bytes(select(vec4<u32>(0u), vec4<u32>(1u), v));",
                calls: &["bytes_u32", "pack_bytes"],
            },
            DType::U8 => Access {
                element: "u32",
                load: "return (B[u32(i) >> 2u] >> ((u32(i) & 3u) * 8u)) & 255u;",
                load_quad: "return bytes_u32(B[u32(i) >> 2u]);",
                store: "",
                store_quad: "B[u32(i) >> 2u] = pack_bytes(v);",
                calls: &["bytes_u32", "pack_bytes"],
            },
            DType::I8 => Access {
                element: "u32",
                load: "return bitcast<i32>(B[u32(i) >> 2u] << (24u - (u32(i) & 3u) * 8u)) >> 24u;",
                load_quad: "return bytes_i32(B[u32(i) >> 2u]);",
                store: "",
                store_quad: "B[u32(i) >> 2u] = pack_bytes(bitcast<vec4<u32>>(v));",
                calls: &["bytes_i32", "pack_bytes"],
            },
            DType::U16 => Access {
                element: "u32",
                load: "return (B[u32(i) >> 1u] >> ((u32(i) & 1u) * 16u)) & 65535u;",
                load_quad: "return halves_u32(B[u32(i) >> 1u], B[(u32(i) >> 1u) + 1u]);",
                store: "",
                store_quad: "let w = pack_halves(v); B[u32(i) >> 1u] = w.x; B[(u32(i) >> 1u) + 1u] = w.y;",
                calls: &["halves_u32", "pack_halves"],
            },
            DType::I16 => Access {
                element: "u32",
                load: "return bitcast<i32>(B[u32(i) >> 1u] << (16u - (u32(i) & 1u) * 16u)) >> 16u;",
                load_quad: "return halves_i32(B[u32(i) >> 1u], B[(u32(i) >> 1u) + 1u]);",
                store: "",
                store_quad: "let w = pack_halves(bitcast<vec4<u32>>(v)); B[u32(i) >> 1u] = w.x; B[(u32(i) >> 1u) + 1u] = w.y;",
                calls: &["halves_i32", "pack_halves"],
            },
            DType::F16 => Access {
                element: "u32",
                load: "return from_f16(vec4<u32>((B[u32(i) >> 1u] >> ((u32(i) & 1u) * 16u)) & 65535u)).x;",
                load_quad: "return from_f16(halves_u32(B[u32(i) >> 1u], B[(u32(i) >> 1u) + 1u]));",
                store: "",
                store_quad: "let w = pack_halves(to_f16(v)); B[u32(i) >> 1u] = w.x; B[(u32(i) >> 1u) + 1u] = w.y;",
                calls: &["from_f16", "to_f16", "halves_u32", "pack_halves"],
            },
            DType::BF16 => Access {
                element: "u32",
                load: "return bitcast<f32>((B[u32(i) >> 1u] >> ((u32(i) & 1u) * 16u)) << 16u);",
                load_quad: "return bitcast<vec4<f32>>(halves_u32(B[u32(i) >> 1u], B[(u32(i) >> 1u) + 1u]) << vec4<u32>(16u));",
                store: "",
                store_quad: "let w = pack_halves(to_bf16(v)); B[u32(i) >> 1u] = w.x; B[(u32(i) >> 1u) + 1u] = w.y;",
                calls: &["to_bf16", "halves_u32", "pack_halves"],
            },
            DType::I64 => Access {
                element: "vec2<u32>",
                load: "return bitcast<i32>(B[i].x);",
                load_quad: "return bitcast<vec4<i32>>(vec4<u32>(B[i].x, B[i + 1].x, B[i + 2].x, B[i + 3].x));",
                store: "B[i] = vec2<u32>(bitcast<u32>(v), bitcast<u32>(v >> 31u));",
                store_quad: "let w = bitcast<vec4<u32>>(v); let s = bitcast<vec4<u32>>(v >> vec4<u32>(31u)); B[i] = vec2<u32>(w.x, s.x); \
                             B[i + 1] = vec2<u32>(w.y, s.y); B[i + 2] = vec2<u32>(w.z, s.z); B[i + 3] = vec2<u32>(w.w, s.w);",
                calls: &[],
            },
            DType::U64 => Access {
                element: "vec2<u32>",
                load: "return B[i].x;",
                load_quad: "return vec4<u32>(B[i].x, B[i + 1].x, B[i + 2].x, B[i + 3].x);",
                store: "B[i] = vec2<u32>(v, 0u);",
                store_quad: "B[i] = vec2<u32>(v.x, 0u); B[i + 1] = vec2<u32>(v.y, 0u); B[i + 2] = vec2<u32>(v.z, 0u); \
                             B[i + 3] = vec2<u32>(v.w, 0u);",
                calls: &[],
            },
            DType::F64 => Access {
                element: "vec2<u32>",
                load: "return from_f64_bits(B[i]);",
                load_quad: "return vec4<f32>(from_f64_bits(B[i]), from_f64_bits(B[i + 1]), from_f64_bits(B[i + 2]), from_f64_bits(B[i + 3]));",
                store: "B[i] = to_f64_bits(v);",
                store_quad: "B[i] = to_f64_bits(v.x); B[i + 1] = to_f64_bits(v.y); B[i + 2] = to_f64_bits(v.z); B[i + 3] = to_f64_bits(v.w);",
                calls: &["from_f64_bits", "to_f64_bits"],
            },
        }
    }
}

/// The function that rounds or wraps a value to a dtype narrower than its register.
pub(super) fn narrow(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::I8 => Some("wrap_i8"),
        DType::I16 => Some("wrap_i16"),
        DType::U8 => Some("wrap_u8"),
        DType::U16 => Some("wrap_u16"),
        DType::F16 => Some("round_f16"),
        DType::BF16 => Some("round_bf16"),
        _ => None,
    }
}

/// The words in which a scalar is passed.
pub(super) fn scalar_words(scalar: Scalar, dtype: DType, target: &Target) -> [u32; 2] {
    let wide = match (Ty::of(dtype, target), scalar.cast(dtype)) {
        (Ty::Bool, s) => s.to_bool().into(),
        (Ty::F32, s) => (s.to_f64() as f32).to_bits().into(),
        (Ty::F64, s) => s.to_f64().to_bits(),
        (Ty::U32 | Ty::U64, s) => s.to_u64(),
        (Ty::I32 | Ty::I64, s) => s.to_i64() as u64,
    };
    [wide as u32, (wide >> 32) as u32]
}
