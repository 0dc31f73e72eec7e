//! Tensors over files: nothing is read that is not looked at, and slices, fields and batches are the file's numbers.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
};

use kiln::prelude::*;
#[cfg(target_os = "linux")]
use kiln_tests::{child, run_alone};

fn cpu() -> Device {
    Device::cpu()
}

fn numbers(count: i64, dtype: DType) -> Tensor {
    Tensor::arange(0, count, 1, dtype, &cpu()).unwrap()
}

struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn saved(&self, name: &str, x: &Tensor) -> PathBuf {
        let path = self.file(name);
        npy::save(&path, x).unwrap();
        path
    }
}

#[test]
fn mapped_tensors_are_the_file_under_every_view() {
    let scratch = Scratch::new();
    let x = numbers(24, DType::F32).reshape([2, 3, 4]).unwrap();
    for (name, x) in [("c", x.clone()), ("fortran", x.permute([2, 1, 0]).unwrap())] {
        let path = scratch.saved(name, &x);
        assert_eq!(npy::open(&path).unwrap().is_fortran_order(), name == "fortran");
        let y = npy::mmap(&path).unwrap();
        assert_eq!(y.shape(), x.shape());
        let views = |x: &Tensor| {
            vec![
                x.clone(),
                x.narrow(0, 1, 1).unwrap(),
                x.permute([1, 2, 0]).unwrap(),
                x.flip([1]).unwrap(),
                x.reshape([24]).unwrap(),
                x * 2.0 + 1.0,
                x.sum(1).unwrap(),
                x.matmul(&x.permute([0, 2, 1]).unwrap()).unwrap(),
                x.to_dtype(DType::I32).to_dtype(DType::F32),
            ]
        };
        for (x, y) in views(&x).iter().zip(&views(&y)) {
            assert_eq!(x.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap(), "{name}");
        }
    }
}

#[test]
fn gradients_flow_to_mapped_tensors() {
    let scratch = Scratch::new();
    let x = npy::mmap(scratch.saved("x.npy", &numbers(3, DType::F64))).unwrap().requires_grad();
    let gradients = (&x * &x).sum(()).unwrap().backward().unwrap();
    assert_eq!(gradients.get(&x).unwrap().to_vec::<f64>().unwrap(), [0.0, 2.0, 4.0]);
}

#[test]
fn a_mapped_file_is_never_written_to_and_may_be_deleted() {
    let scratch = Scratch::new();
    let path = scratch.saved("x.npy", &numbers(1000, DType::F32));
    let before = fs::read(&path).unwrap();
    let x = npy::mmap(&path).unwrap();
    let y = x * 3.0 + 1.0;
    assert_eq!(y.to_vec::<f32>().unwrap()[999], 2998.0);
    assert_eq!(fs::read(&path).unwrap(), before);
    let x = npy::mmap(&path).unwrap();
    if cfg!(unix) {
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(x.sum(()).unwrap().item::<f32>().unwrap(), 499_500.0);
}

#[test]
fn fields_are_views_of_the_records() {
    let scratch = Scratch::new();
    let (a, b) = (numbers(50, DType::I32), numbers(100, DType::F32).reshape([50, 2]).unwrap());
    let path = scratch.file("fields.npy");
    npy::save_fields(&path, &[("a", &a), ("b", &b)]).unwrap();
    let file = npy::open(&path).unwrap();
    let (x, y) = (file.mmap_field("a").unwrap(), file.mmap_field("b").unwrap());
    assert!(!x.is_contiguous());
    assert_eq!(x.to_vec::<i32>().unwrap(), a.to_vec::<i32>().unwrap());
    assert_eq!(y.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
    assert_eq!(y.narrow(0, 7, 1).unwrap().to_vec::<f32>().unwrap(), [14.0, 15.0]);
    let data = TensorDataset::new((x, y)).unwrap();
    let (x, y) = data.batch(&[49, 0, 3]).unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [49, 0, 3]);
    assert_eq!(y.to_vec::<f32>().unwrap(), [98.0, 99.0, 0.0, 1.0, 6.0, 7.0]);
}

#[test]
fn what_cannot_be_mapped_says_what_reads_it() {
    let scratch = Scratch::new();
    let refused = |path: PathBuf, reason: &str| {
        let error = npy::mmap(&path).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("npy::load"), "{error}");
        npy::load(path).unwrap()
    };
    let bools = scratch.saved("bools.npy", &numbers(3, DType::I32).to_dtype(DType::Bool));
    assert_eq!(refused(bools, "bools cannot be mapped").to_vec::<bool>().unwrap(), [false, true, true]);
    let file = |name: &str, descr: &str, data: &[u8]| {
        // The data start at byte 77.
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}");
        let header = format!("{header:<67}");
        let path = scratch.file(name);
        let length = (header.len() as u16).to_le_bytes();
        fs::write(&path, [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()).unwrap();
        path
    };
    let foreign = if cfg!(target_endian = "little") { ">i4" } else { "<i4" };
    refused(file("order.npy", foreign, &[0; 8]), &format!("{foreign} is not in this machine's byte order"));
    refused(file("odd.npy", "=f4", &[0; 8]), "byte 77, where the data start, is not aligned for float32");

    let path = scratch.file("packed.npy");
    npy::save_fields(&path, &[("a", &numbers(2, DType::U8)), ("b", &numbers(2, DType::F32))]).unwrap();
    let open = npy::open(&path).unwrap();
    let error = open.mmap_field("b").unwrap_err().to_string();
    assert!(error.contains("steps of (5,) bytes are no whole numbers of float32"), "{error}");
    assert_eq!(open.mmap_field("a").unwrap().to_vec::<u8>().unwrap(), [0, 1]);
    let error = npy::mmap(&path).unwrap_err().to_string();
    assert!(error.contains("structured array") && error.contains("a, b"), "{error}");
}

#[test]
fn a_file_that_was_cut_after_opening_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.saved("x.npy", &numbers(1000, DType::F32));
    let open = npy::open(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(500).unwrap();
    let message = open.mmap().unwrap_err().to_string();
    assert!(message.contains("has become shorter"), "{message}");
    let message = open.tensor().unwrap_err().to_string();
    assert!(message.contains("ends within the data"), "{message}");
}

/// A number of `/proc/self/status`, in bytes.
#[cfg(target_os = "linux")]
fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() << 10
}

/// Sparse files are cheap on Linux, and it tells what is resident.
#[cfg(target_os = "linux")]
#[test]
fn batches_come_from_a_file_larger_than_memory() {
    // The memory of the process is counted, which other tests take, too.
    if child().is_none() {
        run_alone("mapped::batches_come_from_a_file_larger_than_memory", "");
        return;
    }
    const ROWS: usize = 1 << 20;
    const COLUMNS: usize = 1 << 14;
    let scratch = Scratch::new();
    let path = scratch.file("large.npy");
    let header = format!("{{'descr': '=f4', 'fortran_order': False, 'shape': ({ROWS}, {COLUMNS}), }}");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"\x93NUMPY\x01\x00\x76\x00").unwrap();
    writeln!(file, "{header:<117}").unwrap();
    file.set_len(128 + (ROWS * COLUMNS * 4) as u64).unwrap();
    // Some rows say at their end which they are; the others are holes.
    let marked: Vec<usize> = (0..ROWS).step_by(32_771).collect();
    for row in &marked {
        file.seek(SeekFrom::Start((128 + (row * COLUMNS + COLUMNS - 1) * 4) as u64)).unwrap();
        file.write_all(&(*row as f32).to_ne_bytes()).unwrap();
    }
    drop(file);

    let (anonymous, resident) = (status("RssAnon:"), status("VmRSS:"));
    let x = npy::mmap(&path).unwrap();
    assert_eq!(x.shape(), &[ROWS, COLUMNS]);
    let last = x.slice(0, 0, ROWS as isize, 32_771).unwrap().narrow(1, COLUMNS - 1, 1).unwrap();
    let expected: Vec<f32> = marked.iter().map(|&row| row as f32).collect();
    assert_eq!(last.to_vec::<f32>().unwrap(), expected);

    let data = TensorDataset::new(x).unwrap();
    let batch = data.batch(&marked[8..24]).unwrap();
    assert_eq!(batch.narrow(1, COLUMNS - 1, 1).unwrap().to_vec::<f32>().unwrap(), &expected[8..24]);
    let loader = DataLoader::new(data).batch_size(16).shuffle(1).prefetch(2);
    for batch in loader.iter().take(8) {
        assert_eq!(batch.unwrap().shape(), &[16, COLUMNS]);
    }
    // 64 GiB lie in the file.
    let (anonymous, resident) = (status("RssAnon:") - anonymous, status("VmRSS:") - resident);
    assert!(anonymous.max(resident) < 512 << 20, "{anonymous} and {resident} bytes");
}
