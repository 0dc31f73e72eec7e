//! Writes `.npy` and `.npz` files to `target/tmp/written`, where `tests/corpus/check_written.py` compares them with what
//! NumPy writes. Here they are only read back.

use std::{fs, path::PathBuf};

use half::f16;
use kiln::prelude::*;

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("written");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Numbers that every dtype but `Bool` can hold if signs and fractions are dropped; the script makes the same.
fn numbers(shape: &[usize], dtype: DType) -> Tensor {
    let count = shape.iter().product();
    let value = |i: usize| match dtype {
        DType::Bool => (i % 3 == 1) as u8 as f64,
        _ if dtype.is_float() => ((i * 37 % 101) as f64 - 50.0) / 4.0,
        _ if dtype.is_signed() => (i * 37 % 101) as f64 - 50.0,
        _ => (i * 37 % 101) as f64,
    };
    Tensor::from_vec((0..count).map(value).collect(), shape, &Device::cpu()).unwrap().to_dtype(dtype)
}

fn bits(x: &Tensor) -> Vec<u8> {
    npy::fields_to_bytes(&[("x", x)]).unwrap()
}

fn save(name: &str, x: &Tensor) {
    let path = folder().join(format!("{name}.npy"));
    npy::save(&path, x).unwrap();
    assert_eq!(bits(&npy::load(path).unwrap()), bits(x), "{name}");
}

#[test]
fn arrays_of_every_dtype_and_layout() {
    for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::BF16) {
        let x = |shape: &[usize]| numbers(shape, dtype);
        save(&format!("{dtype}_0d"), &x(&[]));
        save(&format!("{dtype}_1d"), &x(&[7]));
        save(&format!("{dtype}_empty"), &x(&[0, 3]));
        save(&format!("{dtype}_4d"), &x(&[2, 1, 3, 2]));
        save(&format!("{dtype}_8d"), &x(&[1, 2, 1, 3, 1, 2, 2, 1]));
        save(&format!("{dtype}_fortran"), &x(&[4, 3, 2]).permute([2, 1, 0]).unwrap());
        save(&format!("{dtype}_strided"), &x(&[6, 6]).slice(0, 1, 6, 2).unwrap().slice(1, 5, -7, -2).unwrap());
        save(&format!("{dtype}_swapped"), &x(&[2, 3, 4]).permute([1, 0, 2]).unwrap());
        save(&format!("{dtype}_broadcast"), &x(&[3, 1]).expand([3, 4]).unwrap());
    }
}

#[test]
fn every_bit_of_a_float_is_kept() {
    let device = Device::cpu();
    let halves = [0x7c01, 0xfd55, 0x7e00, 0x8000, 0x0001, 0xfbff].map(f16::from_bits);
    let singles = [0x7f80_0001, 0xffc1_2345, 0x7fc0_0000, 0x8000_0000, 0x0000_0001, 0xff7f_ffff].map(f32::from_bits);
    for (name, x) in [
        ("float16_bits", Tensor::from_slice(&halves, [2, 3], &device).unwrap()),
        ("float32_bits", Tensor::from_slice(&singles, [2, 3], &device).unwrap()),
    ] {
        save(name, &x);
        save(&format!("{name}_fortran"), &x.t());
        save(&format!("{name}_strided"), &x.narrow(1, 1, 2).unwrap());
    }
    let x = Tensor::from_slice(&halves, [2, 3], &device).unwrap().t();
    let read: Vec<u16> = x.to_vec::<f16>().unwrap().into_iter().map(f16::to_bits).collect();
    assert_eq!(read, [0x7c01, 0x8000, 0xfd55, 0x0001, 0x7e00, 0xfbff]);
}

#[test]
fn structured_arrays() {
    let x = |shape: &[usize], dtype| numbers(shape, dtype);
    let save = |name: &str, fields: &[(&str, &Tensor)]| {
        let path = folder().join(format!("{name}.npy"));
        npy::save_fields(&path, fields).unwrap();
        let file = npy::open(path).unwrap();
        assert_eq!(file.names(), fields.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, x) in fields {
            let y = file.field(name).unwrap();
            assert_eq!((y.shape(), bits(&y)), (x.shape(), bits(x)), "{name}");
        }
    };
    let (id, flag, weight) = (x(&[5], DType::I32), x(&[5], DType::Bool), x(&[5], DType::F16));
    let (at, matrix) = (x(&[5, 3], DType::F32), x(&[2, 3, 5], DType::I16).permute([2, 1, 0]).unwrap());
    save("fields", &[("id", &id), ("flag", &flag), ("weight", &weight), ("at", &at), ("matrix", &matrix)]);
    save("fields_latin1", &[("größe", &id), ("it's", &weight)]);
    save("fields_utf8", &[("温度", &weight), ("x\"'\\\n", &id)]);
    save("fields_0d", &[("a", &x(&[], DType::F64)), ("b", &x(&[], DType::U8))]);
    save("fields_empty", &[("a", &x(&[0], DType::F64)), ("b", &x(&[0, 2], DType::U8))]);
    save("fields_large", &[("a", &x(&[300_000], DType::F64)), ("b", &x(&[300_000, 3], DType::U8))]);
    let names: Vec<String> = (0..3000).map(|i| format!("a_field_with_a_number_{i}")).collect();
    let all: Vec<_> = names.iter().map(|name| (&name[..], &id)).collect();
    save("fields_3000", &all);
}

#[test]
fn what_makes_no_structured_array_is_an_error() {
    let x = numbers(&[5], DType::I32);
    let cases: [(&[(&str, &Tensor)], &str); 6] = [
        (&[], "at least one field"),
        (&[("", &x)], "takes fields without a name for gaps"),
        (&[("x", &x), ("x", &x)], "field \"x\": there is another of that name"),
        (&[("x", &x), ("y", &numbers(&[4], DType::I32))], "field \"y\": shape [4] has not the rows of \"x\", [5]"),
        (&[("x", &numbers(&[], DType::I32)), ("y", &x)], "field \"y\": shape [5] has not the rows of \"x\", []"),
        (&[("x", &x.to_dtype(DType::BF16))], "field \"x\": bfloat16 is not among NumPy's dtypes"),
    ];
    for (fields, message) in cases {
        let error = npy::fields_to_bytes(fields).unwrap_err().to_string();
        assert!(error.starts_with("npy: ") && error.contains(message), "{error}");
    }
}

#[cfg(feature = "npz")]
#[test]
fn archives() {
    let (x, y) = (numbers(&[4, 3, 2], DType::F32).permute([2, 1, 0]).unwrap(), numbers(&[], DType::U64));
    let large = numbers(&[300, 500], DType::I16);
    let tensors = [("x", &x), ("folder/größe", &y), ("large", &large), ("", &y)];
    npz::save(folder().join("stored.npz"), &tensors).unwrap();
    npz::save_compressed(folder().join("deflated.npz"), &tensors).unwrap();
    fs::write(folder().join("bytes.npz"), npz::to_bytes(&tensors).unwrap()).unwrap();
    for name in ["stored", "deflated", "bytes"] {
        let archive = npz::open(folder().join(format!("{name}.npz"))).unwrap();
        assert_eq!(archive.names(), tensors.map(|(name, _)| name));
        for (name, x) in tensors {
            assert_eq!(bits(&archive.get(name).unwrap()), bits(x), "{name}");
        }
    }
    for name in ["../x", "/x", "a/../x", "c:\\x"] {
        let error = npz::to_bytes(&[(name, &x)]).unwrap_err().to_string();
        assert!(error.contains("an array is called"), "{error}");
    }
}
