//! Formats on web servers: what is read, and how little of it is fetched.

use std::{ops::Range, sync::atomic::Ordering};

use kiln::{
    io::cloud::{CloudOptions, Remote},
    prelude::*,
};
use kiln_cloud_tests::web::{Faults, Web};

fn remote(object: Vec<u8>, name: &str) -> (Web, Remote) {
    let web = Web::new(object, Faults::default());
    let remote = Remote::open_with(&format!("{}/{name}", web.base), &CloudOptions::new().progress(false)).unwrap();
    (web, remote)
}

fn large() -> Tensor {
    Tensor::arange(0, 3_000_000, 1, DType::I32, &Device::cpu()).unwrap().reshape([30_000, 100]).unwrap()
}

#[test]
fn arrays_come_whole_or_by_rows() -> Result<()> {
    let x = large();
    let (web, remote) = remote(npy::to_bytes(&x)?, "x.npy");
    assert_eq!(remote.npy()?.tensor()?.to_vec::<i32>()?, x.to_vec::<i32>()?);
    let before = web.sent.load(Ordering::SeqCst);
    for rows in [0..0, 0..1, 17_000..17_003, 29_999..30_000, 30_000..30_000] {
        let part = remote.npy_rows(rows.clone())?.tensor()?;
        assert_eq!(part.shape(), &[rows.len(), 100]);
        assert_eq!(part.to_vec::<i32>()?, x.narrow(0, rows.start, rows.len())?.to_vec::<i32>()?);
    }
    assert_eq!(web.sent.load(Ordering::SeqCst) - before, 4 * 400, "the first row came with the header");
    let refused = |rows: Range<usize>| remote.npy_rows(rows).unwrap_err().to_string();
    assert!(refused(5..30_001).ends_with("x.npy: there are 30000 rows, and 5..30001 are asked for"));
    #[expect(clippy::reversed_empty_ranges, reason = "whoever computes a range may compute this one")]
    let reversed = 3..2;
    assert!(refused(reversed).contains("3..2 are asked for"));
    Ok(())
}

#[test]
fn rows_of_records_have_their_fields() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.npy");
    let device = Device::cpu();
    let id = Tensor::arange(0, 1000, 1, DType::I64, &device)?;
    let at = Tensor::rand([1000, 3], DType::F32, 1, &device)?;
    npy::save_fields(&path, &[("id", &id), ("at", &at)])?;
    let (_web, remote) = remote(std::fs::read(path).unwrap(), "records.npy");
    let rows = remote.npy_rows(900..902)?;
    assert_eq!(rows.field("id")?.to_vec::<i64>()?, [900, 901]);
    assert_eq!(rows.field("at")?.to_vec::<f32>()?, at.narrow(0, 900, 2)?.to_vec::<f32>()?);
    Ok(())
}

#[test]
fn scalars_and_broken_files_have_no_rows() -> Result<()> {
    let reason = |bytes: Vec<u8>| remote(bytes, "x.npy").1.npy_rows(0..1).unwrap_err().to_string();
    let scalar = npy::to_bytes(&Tensor::scalar(1.0f32, &Device::cpu()))?;
    assert!(reason(scalar).ends_with("x.npy: rows of shape [] do not lie together"));
    let mut cut = npy::to_bytes(&large())?;
    cut.truncate(1_000_000);
    assert!(reason(cut).ends_with("x.npy: shape [30000, 100] of int32 takes 12000000 bytes, but there are 999872"));
    assert!(reason(b"\x93NUM".to_vec()).contains("x.npy: it ends within the magic number"));
    assert!(reason(b"hello".to_vec()).contains(r#"x.npy: it does not start with "\x93NUMPY""#));
    Ok(())
}

#[test]
fn archives_give_single_arrays() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.npz");
    let small = Tensor::arange(0, 10, 1, DType::I64, &Device::cpu())?;
    npz::save(&path, &[("large", &large()), ("small", &small)])?;
    let (web, remote) = remote(std::fs::read(path).unwrap(), "all.npz");
    let archive = remote.npz()?;
    assert_eq!(archive.names(), ["large", "small"]);
    assert_eq!(archive.get("small")?.to_vec::<i64>()?, small.to_vec::<i64>()?);
    assert!(web.sent.load(Ordering::SeqCst) <= 2 << 20, "the large array stayed where it is");
    assert_eq!(archive.get("large")?.to_vec::<i32>()?, large().to_vec::<i32>()?);
    assert!(archive.get("none").unwrap_err().to_string().contains("all.npz"));
    Ok(())
}
