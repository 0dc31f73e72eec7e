//! Tensors in `.safetensors` files.
#![cfg(feature = "safetensors")]

use std::{collections::BTreeMap, path::Path};

use kiln::{
    io::safetensors::{self, SafeTensors},
    prelude::*,
};

/// A file with this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![1; data]].concat()
}

fn reason(bytes: &[u8]) -> String {
    let error = safetensors::from_bytes(bytes).map_or_else(|error| error.to_string(), |_| "no error".into());
    // A file says the same, with its name.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let wanted = error.replace("safetensors: ", &format!("{}: ", path.display()));
    assert_eq!(safetensors::load(&path).map_or_else(|e| e.to_string(), |_| "no error".into()), wanted);
    let mapped = SafeTensors::mmap(&path).and_then(|file| file.tensors());
    assert_eq!(mapped.map_or_else(|e| e.to_string(), |_| "no error".into()), wanted);
    error
}

/// Two tensors of every dtype, and odd names.
fn tensors() -> Result<BTreeMap<String, Tensor>> {
    let values = Tensor::from_slice(&[0.0, 1.0, 3.0, 100.0], [2, 2], &Device::cpu())?;
    let mut tensors = BTreeMap::new();
    for dtype in DType::ALL {
        tensors.insert(format!("{dtype}"), values.to_dtype(dtype));
        tensors.insert(format!("{dtype}.t"), values.to_dtype(dtype).t().slice(0, 0, 1, 1)?);
    }
    tensors.insert("quote \" \\ \n é".into(), Tensor::zeros([0, 3], DType::F64, &Device::cpu()));
    tensors.insert("".into(), Tensor::scalar(5u8, &Device::cpu()));
    Ok(tensors)
}

fn same(a: &Tensor, b: &Tensor) -> Result<()> {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
    assert_eq!(a.to_dtype(DType::F64).to_vec::<f64>()?, b.to_dtype(DType::F64).to_vec::<f64>()?);
    Ok(())
}

#[test]
fn every_dtype_comes_back() -> Result<()> {
    let tensors = tensors()?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let metadata = BTreeMap::from([("b \"".to_owned(), "2\n".to_owned()), ("a".to_owned(), String::new())]);
    safetensors::save_with_metadata(&path, &tensors, &metadata)?;
    for read in [SafeTensors::open(&path)?, SafeTensors::mmap(&path)?] {
        assert_eq!(read.metadata(), &metadata);
        assert_eq!(read.names(), tensors.keys().collect::<Vec<_>>());
        for (name, x) in &tensors {
            assert_eq!(read.shape(name)?, *x.shape());
            same(&read.get(name)?, x)?;
        }
    }
    // What was written is written again, byte for byte.
    safetensors::save(&path, &tensors)?;
    assert_eq!(std::fs::read(&path).unwrap(), safetensors::to_bytes(&safetensors::load(&path)?)?);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(safetensors::from_bytes(&safetensors::to_bytes::<&str, Tensor>([])?)?.is_empty());
    Ok(())
}

#[test]
fn a_mapped_file_may_be_written_anew() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let x = Tensor::arange(0, 10_000, 1, DType::F32, &Device::cpu())?;
    safetensors::save(&path, [("x", &x)])?;
    let mapped = SafeTensors::mmap(&path)?.get("x")?;
    safetensors::save(&path, [("x", &mapped * 2.0)])?;
    assert_eq!(mapped.to_vec::<f32>()?, x.to_vec::<f32>()?);
    same(&safetensors::load(&path)?["x"], &(x * 2.0))?;
    Ok(())
}

#[test]
fn a_dtype_that_is_not_known_hinders_no_other() -> Result<()> {
    let header = r#"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, file(header, 10)).unwrap();
    let read = SafeTensors::open(&path)?;
    assert_eq!(read.get("b")?.to_vec::<u8>()?, [1, 1]);
    let error = read.get("a").unwrap_err().to_string();
    assert!(error.ends_with("a: dtype F8_E4M3 is not supported; convert it to float32"), "{error}");
    let error = read.get("c").unwrap_err().to_string();
    assert!(error.ends_with("there is no tensor \"c\" among 2"), "{error}");
    Ok(())
}

/// A model in two files with an index.
fn sharded(folder: &Path, index: &str) -> Result<std::path::PathBuf> {
    let cpu = Device::cpu();
    std::fs::create_dir_all(folder.join("parts")).unwrap();
    let first = [("a", Tensor::ones([2, 3], DType::BF16, &cpu)), ("spare", Tensor::zeros([1], DType::U8, &cpu))];
    safetensors::save(folder.join("model-00001-of-00002.safetensors"), first)?;
    safetensors::save(folder.join("parts/2.safetensors"), [("b", Tensor::arange(0, 4, 1, DType::I64, &cpu)?)])?;
    let path = folder.join("model.safetensors.index.json");
    std::fs::write(&path, index).unwrap();
    Ok(path)
}

#[test]
fn a_model_in_several_files_is_one() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let index = r#"{"metadata": {"total_size": 44, "by": "x"},
        "weight_map": {"b": "./parts/2.safetensors", "a": "model-00001-of-00002.safetensors"}}"#;
    let path = sharded(folder.path(), index)?;
    for file in [SafeTensors::open(&path)?, SafeTensors::mmap(&path)?] {
        assert_eq!(file.names(), ["a", "b"]);
        assert_eq!(
            file.metadata(),
            &BTreeMap::from([("by", "x"), ("total_size", "44")].map(|(k, v)| (k.into(), v.into())))
        );
        assert_eq!((file.shape("a")?, file.get("a")?.dtype()), ([2, 3].into(), DType::BF16));
        assert_eq!(file.get("b")?.to_vec::<i64>()?, [0, 1, 2, 3]);
        let error = file.get("spare").unwrap_err().to_string();
        assert!(error.ends_with("model.safetensors.index.json: there is no tensor \"spare\" among 2"), "{error}");
    }
    assert_eq!(safetensors::load(&path)?.len(), 2);
    let error = safetensors::from_bytes(index.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("the file is the index of a model in several files: `safetensors::load`"), "{error}");
    Ok(())
}

#[test]
fn an_index_that_does_not_fit_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("model");
    std::fs::create_dir(&root).unwrap();
    safetensors::save(
        folder.path().join("outside.safetensors"),
        [("a", Tensor::zeros([1], DType::U8, &Device::cpu()))],
    )?;
    let absolute = folder.path().join("outside.safetensors").display().to_string();
    let map = |pairs: &str| format!("{{\"weight_map\": {{{pairs}}}}}");
    let cases = [
        (
            map("\"a\": \"../outside.safetensors\""),
            "the index names \"../outside.safetensors\", which is no file in its folder",
        ),
        (map("\"a\": \"parts/../../outside.safetensors\""), "which is no file in its folder"),
        (map(&format!("\"a\": \"{absolute}\"")), "which is no file in its folder"),
        (map("\"a\": \"..\\\\outside.safetensors\""), "which is no file in its folder"),
        (map("\"a\": \"c:outside.safetensors\""), "which is no file in its folder"),
        (map("\"a\": \"\""), "which is no file in its folder"),
        (map("\"a\": \"missing.safetensors\""), "missing.safetensors: "),
        (map("\"a\": \"model.safetensors.index.json\""), "is an index, too"),
        (
            map("\"a\": \"parts/2.safetensors\", \"c\": \"parts/2.safetensors\""),
            "tensors that are not in \"parts/2.safetensors\": \"a\", \"c\"",
        ),
        (map("\"a\": \"parts/2.safetensors\", \"a\": \"parts/2.safetensors\""), "\"a\" stands there twice"),
        (map("\"a\": 1"), "the index: invalid type"),
        ("{\"weight_map\": {}, \"weight_map\": {}}".into(), "`weight_map` stands there twice"),
        ("{\"weight_map\": {}".into(), "the index: EOF"),
        ("{\"metadata\": {\"total_size\": 1}}".into(), "missing field `weight_map`"),
        ("{\"weights\": {}}".into(), "the file is JSON"),
    ];
    for (index, wanted) in cases {
        let path = sharded(&root, &index)?;
        for error in [SafeTensors::open(&path), SafeTensors::mmap(&path)].map(|file| file.unwrap_err().to_string()) {
            assert!(error.contains(wanted) && error.starts_with(&root.display().to_string()), "{wanted}: {error}");
        }
    }
    // A file that is cut off is told by its own name.
    let path = sharded(&root, &map("\"b\": \"parts/2.safetensors\""))?;
    let part = root.join("parts/2.safetensors");
    std::fs::write(&part, &std::fs::read(&part).unwrap()[..40]).unwrap();
    let error = safetensors::load(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: it ends within", part.display())), "{error}");
    Ok(())
}

#[test]
fn other_files_are_told() {
    for (head, wanted) in [
        (
            &b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl"[..],
            "a PyTorch file (.pt, .pth, .bin)",
        ),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "pickled Python objects"),
        (b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0", "a GGUF model"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\x93NUMPY\x01\x00", "an array of NumPy (.npy)"),
    ] {
        let error = reason(head);
        assert!(error.starts_with(&format!("safetensors: the file is {wanted}")), "{error}");
    }
}

#[test]
fn broken_files_are_refused() -> Result<()> {
    let one = |dtype: &str, shape: &str, offsets: &str, data| {
        file(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), data)
    };
    let cases: [(Vec<u8>, &str); 22] = [
        (vec![], "it ends within the header's length"),
        (vec![1; 7], "it ends within the header's length"),
        (9u64.to_le_bytes().into(), "it ends within the header"),
        (u64::MAX.to_le_bytes().into(), "a header of 18446744073709551615 bytes is longer than any file needs"),
        (file("", 0), "EOF"),
        (file("[]", 0), "expected an object"),
        (file("{", 0), "EOF"),
        (file("{}", 1), "the tensors take 0 bytes, but there are 1"),
        (file(&"[".repeat(100_000), 0), "invalid type"),
        (file(&format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)), 0), "recursion limit"),
        (file("{\"a\":{\"dtype\":\"U8\"}}", 0), "missing field"),
        (file("{\"\u{0}\":1}", 0), "control character"),
        (one("X9", "[1]", "[0,1]", 1), "unknown variant `X9`"),
        (one("U8", "[-1]", "[0,1]", 1), "invalid value"),
        (one("F32", "[2]", "[0,4]", 4), "invalid shape"),
        (one("F32", "[1]", "[1,5]", 5), "invalid offset"),
        (one("F32", "[1]", "[4,0]", 4), "invalid offset"),
        (one("U8", "[4294967296,4294967296]", "[0,1]", 1), "overflow"),
        (one("U8", "[18446744073709551615]", "[0,18446744073709551615]", 1), "overflow"),
        (one("U8", "[1000000000000000]", "[0,1000000000000000]", 1), "the tensors take 1000000000000000 bytes"),
        (one("F32", "[1]", "[0,4]", 3), "the tensors take 4 bytes, but there are 3"),
        (one("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]", 1), "rank 9"),
    ];
    for (bytes, wanted) in cases {
        let error = reason(&bytes);
        assert!(error.starts_with("safetensors: ") && error.contains(wanted), "{wanted}: {error}");
    }
    let entry = |name: &str, start: usize, end: usize| {
        let size = end - start;
        format!(r#""{name}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{start},{end}]}}"#)
    };
    let two = |a: String, b: String| reason(&file(&format!("{{{a},{b}}}"), 8));
    assert!(two(entry("a", 0, 8), entry("a", 0, 8)).contains("\"a\" stands there twice"));
    assert!(two(entry("a", 0, 4), entry("a", 4, 8)).contains("\"a\" stands there twice"));
    assert!(two("\"__metadata__\":{}".into(), "\"__metadata__\":{}".into()).contains("twice"));
    assert!(two(entry("a", 0, 5), entry("b", 4, 8)).contains("invalid offset for tensor `b`"));
    assert!(two(entry("a", 0, 3), entry("b", 4, 8)).contains("invalid offset for tensor `b`"));
    // Cut off anywhere, it is no file any more.
    let whole = safetensors::to_bytes(tensors()?)?;
    for length in 0..whole.len() {
        assert!(safetensors::from_bytes(&whole[..length]).is_err(), "{length} bytes");
    }
    assert!(matches!(safetensors::load("missing"), Err(Error::File { path, .. }) if path == Path::new("missing")));
    Ok(())
}

#[test]
fn what_cannot_be_written_is_refused() {
    let x = Tensor::zeros([2], DType::F32, &Device::cpu());
    let reason = |names: [&str; 2]| safetensors::to_bytes(names.map(|name| (name, &x))).unwrap_err().to_string();
    assert_eq!(reason(["a", "a"]), "safetensors: \"a\" is the name of two tensors");
    assert_eq!(reason(["a", "__metadata__"]), "safetensors: \"__metadata__\" is no name for a tensor");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    assert!(safetensors::save(&path, [("a", &x), ("a", &x)]).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(matches!(safetensors::save(folder.path().join("no/x"), [("a", &x)]), Err(Error::File { .. })));
}
