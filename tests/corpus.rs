//! Files that NumPy writes, and broken ones: every valid one is read to the same bytes, every broken one refused
//! without a panic, a hang, or more memory than it deserves. `tests/corpus/make_corpus.py` writes them.
//! In a process of its own, as its allocator counts what all of the process's threads hold.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

use kiln::{
    io::npy::{Field, NpyFile},
    prelude::*,
};
use serde_json::Value;

/// Memory that a broken file may cost.
const BOUND: usize = 64 << 20;

/// The system's allocator, and how much it gave at most.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller vouches for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller vouches for the block and its layout.
        unsafe { System.dealloc(data, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The tests count memory, so they run one by one.
static ALONE: Mutex<()> = Mutex::new(());

/// The corpus in a folder, and what it says of its files.
struct Corpus {
    folder: tempfile::TempDir,
    cases: Value,
}

impl Corpus {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = zip::ZipArchive::new(fs::File::open("corpus/corpus.zip").unwrap()).unwrap();
        archive.extract(folder.path()).unwrap();
        let mut cases = String::new();
        archive.by_name("corpus.json").unwrap().read_to_string(&mut cases).unwrap();
        Self { folder, cases: serde_json::from_str(&cases).unwrap() }
    }

    fn cases(&self, kind: &str) -> impl Iterator<Item = (PathBuf, &Value)> {
        let cases = self.cases[kind].as_array().unwrap().iter();
        cases.map(|case| (self.folder.path().join(text(&case["file"])), case))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "npz")
}

/// The elements as little-endian bytes in hexadecimal digits.
fn hex(x: &Tensor) -> String {
    macro_rules! digits {
        ($($dtype:ident $t:ty),*) => {
            match x.dtype() {
                DType::Bool => x.to_vec::<bool>().unwrap().iter().map(|v| format!("{:02x}", *v as u8)).collect(),
                $(DType::$dtype => {
                    let bytes = x.to_vec::<$t>().unwrap().into_iter().flat_map(|v| v.to_le_bytes());
                    bytes.map(|b| format!("{b:02x}")).collect()
                })*
            }
        };
    }
    digits!(I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64, F16 half::f16, BF16 half::bf16, F32 f32,
        F64 f64)
}

fn assert_is(x: &Tensor, expected: &Value, what: &str) {
    let shape: Vec<u64> = x.shape().iter().map(|&n| n as u64).collect();
    assert_eq!(expected["shape"], Value::from(shape), "{what}");
    assert_eq!(expected["dtype"], x.dtype().name(), "{what}");
    assert_eq!(text(&expected["bytes"]), hex(x), "{what}");
}

/// The array or field that a case is about.
fn read(file: &NpyFile, expected: &Value) -> Result<Tensor> {
    expected["path"].as_str().map_or_else(|| file.tensor(), |path| file.field(path))
}

fn map(file: &NpyFile, expected: &Value) -> Result<Tensor> {
    expected["path"].as_str().map_or_else(|| file.mmap(), |path| file.mmap_field(path))
}

/// As in `read`, everywhere that numbers could be.
fn read_all(file: &NpyFile) -> Result<()> {
    fn visit(file: &NpyFile, fields: &[Field], prefix: &str) -> Result<()> {
        fields.iter().try_for_each(|field| {
            let path = format!("{prefix}{}", field.name());
            match field.fields() {
                [] => file.field(&path).map(drop),
                inner => visit(file, inner, &format!("{path}.")),
            }
        })
    }
    visit(file, file.fields(), "")?;
    file.tensor().map(drop)
}

#[test]
fn valid_files_are_read_to_the_bytes_that_numpy_reads() {
    let _alone = ALONE.lock();
    let corpus = Corpus::open();
    let (mut files, mut arrays) = (0, 0);
    for (path, case) in corpus.cases("valid") {
        files += 1;
        let bytes = fs::read(&path).unwrap();
        let archive = is_archive(&path).then(|| npz::open(&path).unwrap());
        if let Some(archive) = &archive {
            assert_eq!(case["names"], Value::from(archive.names()), "{}", path.display());
        }
        for expected in case["arrays"].as_array().unwrap() {
            arrays += 1;
            let what = format!("{} {expected}", path.display());
            if let Some(archive) = &archive {
                let name = text(&expected["member"]);
                let file = archive.member(name).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_is(&read(&file, expected).unwrap(), expected, &what);
                if expected["path"].is_null() {
                    assert_is(&archive.get(name).unwrap(), expected, &what);
                }
                continue;
            }
            let file = npy::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_is(&read(&file, expected).unwrap(), expected, &what);
            assert_is(&read(&NpyFile::from_bytes(&bytes).unwrap(), expected).unwrap(), expected, &what);
            match map(&file, expected) {
                Ok(x) => {
                    assert_is(&x, expected, &what);
                    assert!(expected["mapped"] == true || text(&expected["path"]).contains('.'), "{what}");
                }
                Err(error) => {
                    assert_ne!(expected["mapped"], true, "{what}: {error}");
                    assert!(error.to_string().contains("npy::load or NpyFile::field can read it"), "{error}");
                }
            }
        }
        for refused in case["refused"].as_array().unwrap() {
            let (field, message) = (text(&refused[0]), text(&refused[1]));
            let file = npy::open(&path).unwrap();
            for error in [file.field(field), file.mmap_field(field)].map(|x| x.unwrap_err().to_string()) {
                assert!(error.contains(message) && error.contains(field), "{}: {error}", path.display());
            }
        }
    }
    assert!(files >= 150 && arrays > files, "{files} files with {arrays} arrays");
}

#[test]
fn what_is_written_again_reads_the_same() {
    let _alone = ALONE.lock();
    let corpus = Corpus::open();
    for (path, case) in corpus.cases("valid").filter(|(path, _)| !is_archive(path)) {
        let what = path.display().to_string();
        let file = npy::open(&path).unwrap();
        let mut fields = Vec::new();
        for expected in case["arrays"].as_array().unwrap() {
            let x = read(&file, expected).unwrap();
            let bytes = npy::to_bytes(&x).unwrap();
            assert_is(&npy::from_bytes(&bytes).unwrap(), expected, &what);
            fields.push((text(expected.get("path").filter(|p| !p.is_null()).unwrap_or(&"x".into())).to_owned(), x));
        }
        let fields: Vec<_> = fields.iter().map(|(name, x)| (&name[..], x)).collect();
        let again = NpyFile::from_bytes(&npy::fields_to_bytes(&fields).unwrap()).unwrap();
        assert_eq!(again.names(), fields.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, expected) in again.names().iter().zip(case["arrays"].as_array().unwrap()) {
            assert_is(&again.field(name).unwrap(), expected, &what);
        }
    }
}

#[test]
fn broken_files_are_refused_at_once() {
    let _alone = ALONE.lock();
    let corpus = Corpus::open();
    let mut files = 0;
    for (path, case) in corpus.cases("broken") {
        files += 1;
        let limit = case["limit"].as_u64().unwrap_or(u64::MAX);
        let before = LIVE.load(Relaxed);
        PEAK.store(before, Relaxed);
        let (send, receive) = mpsc::channel();
        let file = path.clone();
        thread::spawn(move || {
            let result = if is_archive(&file) {
                npz::open(&file).map(|archive| archive.with_limit(limit)).and_then(|archive| {
                    archive.names().iter().try_for_each(|name| archive.member(name).and_then(|file| read_all(&file)))
                })
            } else {
                npy::open(&file).and_then(|file| read_all(&file))
            };
            let _ = send.send(result);
        });
        let what = path.display();
        // A guard against hangs, which a panic ends as well.
        let result = receive.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("{what}: no answer"));
        let peak = PEAK.load(Relaxed).saturating_sub(before);
        assert!(peak < BOUND, "{what}: {peak} bytes");
        let error = result.expect_err(&format!("{what} should be refused")).to_string();
        let message = text(&case["message"]);
        assert!(error.contains(message) && error.contains(path.to_str().unwrap()), "{what}: {error}, not {message}");
        if !is_archive(&path) {
            assert!(npy::load(&path).is_err() && npy::mmap(&path).is_err(), "{what}");
            assert!(npy::from_bytes(&fs::read(&path).unwrap()).is_err(), "{what}");
        }
    }
    assert!(files >= 60, "{files} files");
}
