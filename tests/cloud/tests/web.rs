//! Web servers, and what goes wrong on the way to them.

use std::{
    io::{Read, Seek, SeekFrom},
    sync::atomic::Ordering,
    time::Duration,
};

use kiln::io::cloud::{CloudOptions, Remote, read_url};
use kiln_cloud_tests::{
    noise,
    web::{Faults, Web},
};

const LARGE: usize = (20 << 20) + 12_345;

fn quick() -> CloudOptions {
    CloudOptions::new().retries(2).timeout(Duration::from_secs(20)).progress(false)
}

#[test]
fn objects_of_every_size_come_whole() {
    for size in [0, 1, 65_535, 65_536, 65_537, 1 << 20, LARGE] {
        let object = noise(size);
        for whole in [false, true] {
            let web = Web::new(object.clone(), Faults { whole, ..Default::default() });
            let remote = Remote::open_with(&format!("{}/a/b.bin", web.base), &quick()).unwrap();
            assert_eq!((remote.len(), remote.is_empty()), (size as u64, size == 0));
            assert!(remote.read().unwrap() == object, "{size} bytes, whole: {whole}");
        }
    }
}

#[test]
fn local_files_are_read_by_their_address() {
    let folder = tempfile::tempdir().unwrap();
    for size in [0, 1, 100_000, LARGE] {
        let (object, path) = (noise(size), folder.path().join(format!("orange {size}.bin")));
        std::fs::write(&path, &object).unwrap();
        let remote = Remote::open_with(&format!("file://{}", path.display()), &quick()).unwrap();
        assert!(remote.len() == size as u64 && remote.read().unwrap() == object, "{size} bytes");
    }
}

#[test]
fn ranges_fetch_no_more_than_they_need() {
    let object = noise(LARGE);
    let web = Web::new(object.clone(), Faults::default());
    let remote = Remote::open_with(&format!("{}/x", web.base), &quick()).unwrap();
    let before = web.sent.load(Ordering::SeqCst);
    assert!(remote.read_range(5_000_000..5_001_000).unwrap() == object[5_000_000..5_001_000]);
    assert_eq!(web.sent.load(Ordering::SeqCst) - before, 1000);
    assert!(remote.read_range(100..200).unwrap() == object[100..200]);
    assert_eq!(web.sent.load(Ordering::SeqCst) - before, 1000, "the head is here already");
    assert!(remote.read_range(65_000..66_000).unwrap() == object[65_000..66_000]);
    let end = LARGE as u64;
    assert!(remote.read_range(end - 10..u64::MAX).unwrap() == object[LARGE - 10..]);
    assert!(remote.read_range(end + 1..end + 5).unwrap().is_empty());
    #[expect(clippy::reversed_empty_ranges, reason = "whoever computes a range may compute this one")]
    let reversed = 7..3;
    assert!(remote.read_range(reversed).unwrap().is_empty());
}

#[test]
fn readers_read_and_seek() {
    let object = noise(LARGE);
    let web = Web::new(object.clone(), Faults::default());
    let remote = Remote::open_with(&format!("{}/x", web.base), &quick()).unwrap();
    let mut reader = remote.reader();
    let mut some = [0; 3000];
    for at in [0, 7_000_000, LARGE - 3000, (1 << 20) - 1000, 7_000_100, 0] {
        reader.seek(SeekFrom::Start(at as u64)).unwrap();
        reader.read_exact(&mut some).unwrap();
        assert!(some[..] == object[at..at + 3000], "at {at}");
    }
    reader.seek(SeekFrom::End(-(LARGE as i64))).unwrap();
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert!(all == object);
    assert_eq!(reader.read(&mut some).unwrap(), 0);
    let before = web.requests.load(Ordering::SeqCst);
    reader.seek(SeekFrom::Current(-10)).unwrap();
    reader.read_exact(&mut some[..10]).unwrap();
    assert_eq!(web.requests.load(Ordering::SeqCst), before, "the last block is still here");
    assert!(reader.seek(SeekFrom::Current(-1 - LARGE as i64)).is_err());
}

#[test]
fn what_passes_is_tried_again() {
    let object = noise(LARGE);
    let web = Web::new(object.clone(), Faults { unavailable: 2, broken: 3, ..Default::default() });
    let remote = Remote::open_with(&format!("{}/x", web.base), &quick().retries(6)).unwrap();
    assert!(remote.read().unwrap() == object);
    let url = format!("{}/x", Web::new(object, Faults { unavailable: 100, ..Default::default() }).base);
    let error = Remote::open_with(&url, &quick()).unwrap_err().to_string();
    assert!(error.contains("503 Service Unavailable") && error.starts_with(&url), "{error}");
}

#[test]
fn signed_addresses_keep_their_signature_and_hide_it() {
    let object = noise(100_000);
    let web = Web::new(object.clone(), Faults { query: Some("sig=se%2Bcret&e=1"), ..Default::default() });
    let signed = |query: &str| Remote::open_with(&format!("{}/x{query}", web.base), &quick());
    assert!(signed("?sig=se%2Bcret&e=1").unwrap().read().unwrap() == object);
    let error = signed("?sig=guess").unwrap_err().to_string();
    assert!(error.contains("access is denied") && !error.contains("guess"), "{error}");
    // Of an empty query there is nothing to hide.
    let error = signed("?").unwrap_err().to_string();
    assert!(error.contains("access is denied") && error.contains("403 Forbidden"), "{error}");
}

#[test]
fn an_object_that_changes_meanwhile_is_an_error() {
    let web = Web::new(noise(LARGE), Faults { changing: true, ..Default::default() });
    let url = format!("{}/x", web.base);
    let error = Remote::open_with(&url, &quick()).unwrap().read().unwrap_err();
    assert_eq!(error.to_string(), format!("{url}: the object changed while it was read"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let web = Web::new(noise(10), Faults::default());
    let reason = |url: &str| read_url(url).unwrap_err().to_string();
    let missing = format!("{}/missing.npy", web.base);
    assert_eq!(reason(&missing), format!("{missing}: there is no such object"));
    assert!(reason("data/x.npy").starts_with("data/x.npy: it is no URL"), "{}", reason("data/x.npy"));
    assert!(reason("ftp://host/x").starts_with("ftp://host/x: "), "{}", reason("ftp://host/x"));
    assert!(reason("memory:///x").contains("no store of files"), "{}", reason("memory:///x"));
    assert!(reason("s3:///x").starts_with("s3:///x: "), "{}", reason("s3:///x"));
    let dead = Remote::open_with("http://127.0.0.1:9/x", &quick()).unwrap_err().to_string();
    assert!(dead.starts_with("http://127.0.0.1:9/x: "), "{dead}");
    let wrong = quick().set("no_such_setting", "1");
    let error = Remote::open_with(&format!("{}/x", web.base), &wrong).unwrap_err().to_string();
    assert!(error.ends_with("this kind of store has no setting \"no_such_setting\""), "{error}");
    assert!(!format!("{:?}", quick().set("aws_secret_access_key", "hush")).contains("hush"));
}

#[test]
fn a_runtime_around_the_call_does_no_harm() {
    let object = noise(100_000);
    let web = Web::new(object.clone(), Faults::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = runtime.block_on(async { read_url(&format!("{}/x", web.base)).unwrap() });
    assert!(read == object);
}
