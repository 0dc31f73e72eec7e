//! A real S3 server, which checks signatures.

use std::{net::SocketAddr, path::Path, process::Command};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use kiln::{
    io::{
        cloud::{CloudOptions, Remote, write_url_with},
        csv, safetensors,
    },
    prelude::*,
};
use kiln_cloud_tests::noise;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

const KEY: &str = "kiln";
const SECRET: &str = "a secret of forty characters";

/// Serves the folders of `root` as buckets for as long as the process lives.
fn serve(root: &Path) -> SocketAddr {
    let files = FileSystem::new(root).unwrap();
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut service = S3ServiceBuilder::new(files);
            service.set_auth(SimpleAuth::from_single(KEY, SECRET));
            let service = service.build();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no concern of the server's.
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
    });
    address.recv().unwrap()
}

fn options(address: SocketAddr) -> CloudOptions {
    CloudOptions::new()
        .retries(2)
        .progress(false)
        .set("aws_endpoint", format!("http://{address}"))
        .set("aws_allow_http", "true")
        .set("aws_region", "us-east-1")
        .set("aws_access_key_id", KEY)
        .set("aws_secret_access_key", SECRET)
}

#[test]
fn objects_are_written_and_read() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("bucket")).unwrap();
    let options = options(serve(root.path()));
    for size in [0, 10, 100_000, (20 << 20) + 77] {
        let object = noise(size);
        let url = format!("s3://bucket/folder/{size} bytes.bin");
        write_url_with(&url, &object, &options).unwrap();
        let remote = Remote::open_with(&url, &options).unwrap();
        assert_eq!(remote.len(), size as u64);
        assert!(remote.read().unwrap() == object, "{size} bytes");
        let (a, b) = (size / 3, size / 3 * 2);
        assert!(remote.read_range(a as u64..b as u64).unwrap() == object[a..b]);
    }
    let missing = Remote::open_with("s3://bucket/none.npy", &options).unwrap_err();
    assert_eq!(missing.to_string(), "s3://bucket/none.npy: there is no such object");
    let intruder = options.set("aws_secret_access_key", "guessed");
    let error = Remote::open_with("s3://bucket/folder/10%20bytes.bin", &intruder).unwrap_err().to_string();
    assert!(error.contains("access is denied") && !error.contains("guessed"), "{error}");
}

#[test]
fn every_format_is_read() -> Result<()> {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("bucket")).unwrap();
    let options = options(serve(root.path()));
    let x = Tensor::arange(0, 20_000, 1, DType::F32, &Device::cpu())?.reshape([2000, 10])?;
    let write = |name: &str, bytes: Vec<u8>| write_url_with(&format!("s3://bucket/{name}"), &bytes, &options);
    let open = |name: &str| Remote::open_with(&format!("s3://bucket/{name}"), &options);

    write("x.npy", npy::to_bytes(&x)?)?;
    assert_eq!(open("x.npy")?.npy()?.into_tensor()?.to_vec::<f32>()?, x.to_vec::<f32>()?);
    let rows = open("x.npy")?.npy_rows(1990..2000)?.into_tensor()?;
    assert_eq!(rows.to_vec::<f32>()?, x.narrow(0, 1990, 10)?.to_vec::<f32>()?);

    write("all.npz", npz::to_bytes(&[("x", &x), ("sum", &x.sum(1)?)])?)?;
    assert_eq!(open("all.npz")?.npz()?.get("sum")?.to_vec::<f32>()?, x.sum(1)?.to_vec::<f32>()?);

    write("x.safetensors", safetensors::to_bytes([("x", &x)])?)?;
    assert_eq!(safetensors::from_bytes(&open("x.safetensors")?.read()?)?["x"].to_vec::<f32>()?, x.to_vec::<f32>()?);

    let names: Vec<String> = (0..10).map(|i| format!("c{i}")).collect();
    write("x.csv", csv::to_bytes(&names, &x)?)?;
    let table = csv::from_bytes(&open("x.csv")?.read()?)?;
    assert_eq!(table.columns_as(names, DType::F32)?.to_vec::<f32>()?, x.to_vec::<f32>()?);
    Ok(())
}

#[test]
fn credentials_come_from_the_environment() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("bucket")).unwrap();
    let address = serve(root.path());
    write_url_with("s3://bucket/x", &[1, 2, 3], &options(address)).unwrap();
    let read = |secret: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_read"));
        command.arg("s3://bucket/x").env("AWS_ENDPOINT_URL", format!("http://{address}"));
        command.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", secret).output().unwrap()
    };
    let output = read(SECRET);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3 bytes, sum 6\n", "{output:?}");
    let denied = read("guessed");
    assert!(!denied.status.success() && String::from_utf8_lossy(&denied.stderr).contains("access is denied"));
}
