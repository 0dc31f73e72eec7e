//! Files on S3, Google Cloud Storage, Azure and web servers, with the feature `cloud`.
//!
//! | address | store |
//! |---|---|
//! | `s3://bucket/path`, and what speaks S3: set `AWS_ENDPOINT_URL` (and `AWS_ALLOW_HTTP=true` without TLS) | Amazon S3 |
//! | `gs://bucket/path` | Google Cloud Storage |
//! | `az://container/path`, `abfs://container/path` | Azure Blob Storage |
//! | `https://host/path`, `http://host/path`, signed addresses too | web servers |
//! | `file:///path` | this machine |
//!
//! Credentials come from the variables that the providers' own tools read (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`; `GOOGLE_SERVICE_ACCOUNT`,
//! `GOOGLE_APPLICATION_CREDENTIALS`; `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY` ...), from the machine's
//! role, or from [`CloudOptions::set`]. The names are those of the crate
//! [`object_store`](https://docs.rs/object_store), which does the talking.
//!
//! Requests that fail on the way, also in the middle of an answer, are repeated with growing pauses. Large objects come
//! in ranges side by side.
//!
//! ```
//! use kiln::{io::cloud::{Remote, read_url}, prelude::*};
//! # let path = std::env::temp_dir().join(format!("kiln-doc-cloud-{}.npy", std::process::id()));
//! # npy::save(&path, &Tensor::arange(0, 12, 1, DType::F32, &Device::cpu())?.reshape([6, 2])?)?;
//! # let url = format!("file://{}", path.display());
//! let x = npy::from_bytes(&read_url(&url)?)?;               // "s3://bucket/x.npy" just as well
//! let rows = Remote::open(&url)?.npy_rows(2..4)?.into_tensor()?; // fetches these rows only
//! assert_eq!(rows.to_vec::<f32>()?, x.narrow(0, 2, 2)?.to_vec::<f32>()?);
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), kiln::Error>(())
//! ```

mod progress;
mod reader;
mod store;

use std::{collections::VecDeque, fmt, ops::Range, sync::Arc, time::Duration};

use object_store::{GetOptions, GetRange, ObjectStoreExt, PutPayload, WriteMultipart};

pub use self::reader::Reader;
use self::{
    progress::Progress,
    store::{Object, causes, wait},
};
#[cfg(feature = "npz")]
use crate::io::npz::Npz;
use crate::{Result, io::npy::NpyFile};

/// What is fetched with one request: larger ranges come in parts of this size.
const PART: u64 = 8 << 20;
/// Parts that are on their way at a time.
const PARTS: usize = 8;
/// What is asked for first: it holds the header of every usual file, and small files whole.
const HEAD: u64 = 64 << 10;

/// How to reach a store.
///
/// ```
/// use kiln::io::cloud::CloudOptions;
/// let options = CloudOptions::new().retries(3).set("aws_endpoint", "http://localhost:9000").set("aws_allow_http", "true");
/// ```
#[derive(Clone)]
pub struct CloudOptions {
    retries: usize,
    timeout: Duration,
    progress: bool,
    settings: Vec<(String, String)>,
}

/// Without the values of the settings: they may be secrets.
impl fmt::Debug for CloudOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.settings.iter().map(|(name, _)| name.as_str()).collect();
        let mut out = f.debug_struct("CloudOptions");
        out.field("retries", &self.retries).field("timeout", &self.timeout).field("progress", &self.progress);
        out.field("settings", &names).finish()
    }
}

impl Default for CloudOptions {
    fn default() -> Self {
        Self { retries: 8, timeout: Duration::from_secs(60), progress: true, settings: Vec::new() }
    }
}

impl CloudOptions {
    /// Eight retries within a minute, a progress bar for large objects, settings from the environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often a request is repeated that failed for a reason that may pass.
    pub fn retries(mut self, count: usize) -> Self {
        self.retries = count;
        self
    }

    /// How long a request may take, and how long it is repeated.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether a bar on the terminal shows how far large transfers are (with the feature `progress`).
    pub fn progress(mut self, shown: bool) -> Self {
        self.progress = shown;
        self
    }

    /// A setting of the store, which goes before the environment's: `aws_region`, `google_service_account`,
    /// `azure_storage_account_key` ...
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// Reads a whole object. What it holds is for `from_bytes` of the format's module.
///
/// # Errors
/// If the address is none that is known, there is no such object, access is denied, or the network fails for longer
/// than the retries last.
pub fn read_url(url: &str) -> Result<Vec<u8>> {
    Remote::open(url)?.read()
}

/// Writes a whole object, in place of one that is there.
///
/// # Errors
/// If the address is none that is known, access is denied, or the network fails for longer than the retries last.
pub fn write_url(url: &str, bytes: &[u8]) -> Result<()> {
    write_url_with(url, bytes, &CloudOptions::new())
}

/// [`write_url`], with options.
///
/// # Errors
/// As [`write_url`].
pub fn write_url_with(url: &str, bytes: &[u8], options: &CloudOptions) -> Result<()> {
    let Object { store, path, address } = Object::new(url, options)?;
    let bytes = bytes.to_vec();
    wait(&address, async move {
        if bytes.len() as u64 <= PART {
            return store.put(&path, PutPayload::from(bytes)).await.map(drop);
        }
        let mut parts = WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, PART as usize);
        for part in bytes.chunks(PART as usize) {
            parts.wait_for_capacity(PARTS).await?;
            parts.write(part);
        }
        parts.finish().await.map(drop)
    })
}

/// An object in a store, of which parts can be read.
#[derive(Clone)]
pub struct Remote {
    object: Object,
    size: u64,
    /// By which every later request makes sure that the object is still the same.
    etag: Option<String>,
    /// Its first bytes; all of them where the server gives no parts.
    head: Arc<[u8]>,
    progress: bool,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("url", &self.object.address).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Remote {
    /// Asks for an object and its first bytes.
    ///
    /// # Errors
    /// As [`read_url`].
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(url, &CloudOptions::new())
    }

    /// [`Remote::open`], with options.
    ///
    /// # Errors
    /// As [`read_url`].
    pub fn open_with(url: &str, options: &CloudOptions) -> Result<Self> {
        let object = Object::new(url, options)?;
        let Object { store, path, .. } = object.clone();
        let (meta, head) = wait(&object.address, async move {
            let first = GetOptions { range: Some(GetRange::Bounded(0..HEAD)), ..Default::default() };
            let result = match store.get_opts(&path, first).await {
                Err(error) if gives_no_parts(&error) => store.get(&path).await?,
                result => result?,
            };
            let meta = result.meta.clone();
            Ok((meta, result.bytes().await?.as_ref().into()))
        })?;
        // Weak tags match no condition.
        let etag = meta.e_tag.filter(|tag| !tag.starts_with("W/"));
        Ok(Self { object, size: meta.size, etag, head, progress: options.progress })
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.size
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// All of its bytes.
    ///
    /// # Errors
    /// If the object changed since it was opened, the memory does not suffice, or the network fails for longer than the
    /// retries last.
    pub fn read(&self) -> Result<Vec<u8>> {
        self.read_range(0..self.size)
    }

    /// The bytes of a range, which is cut at the object's end.
    ///
    /// # Errors
    /// As [`Remote::read`].
    pub fn read_range(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let end = range.end.min(self.size);
        let start = range.start.min(end);
        let have = self.head.len() as u64;
        let known = start.min(have) as usize..end.min(have) as usize;
        let mut out = Vec::new();
        let reserved = usize::try_from(end - start).ok().filter(|&count| out.try_reserve_exact(count).is_ok());
        if reserved.is_none() {
            return Err(self.object.address.because(format!("{} bytes do not fit into memory", end - start)));
        }
        out.extend_from_slice(&self.head[known]);
        let rest = start.max(have)..end;
        if rest.is_empty() {
            return Ok(out);
        }
        let Object { store, path, .. } = self.object.clone();
        let (etag, progress) = (self.etag.clone(), Progress::new(self.progress, rest.end - rest.start));
        wait(&self.object.address, async move {
            let mut coming = VecDeque::new();
            let mut next = rest.start;
            loop {
                while next < rest.end && coming.len() < PARTS {
                    let part = next..(next + PART).min(rest.end);
                    next = part.end;
                    let (store, path) = (store.clone(), path.clone());
                    let get = GetOptions {
                        range: Some(GetRange::Bounded(part)),
                        if_match: etag.clone(),
                        ..Default::default()
                    };
                    coming.push_back(tokio::spawn(async move { store.get_opts(&path, get).await?.bytes().await }));
                }
                match coming.pop_front() {
                    Some(part) => {
                        let bytes = part.await??;
                        progress.advance(bytes.len() as u64);
                        out.extend_from_slice(&bytes);
                    }
                    None => return Ok(out),
                }
            }
        })
    }

    /// The object as something to read from and to seek in, for whatever reads files.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// Reads a `.npy` file.
    ///
    /// # Errors
    /// As [`Remote::read`], or if the object is no such file.
    pub fn npy(&self) -> Result<NpyFile> {
        NpyFile::read(&mut self.reader(), Some(self.size), self.object.address.origin())
    }

    /// Reads these rows of a `.npy` file, of which the others stay where they are.
    ///
    /// # Errors
    /// As [`Remote::npy`], if there are no such rows, or the file has Fortran's order, in which rows do not lie together.
    pub fn npy_rows(&self, rows: Range<usize>) -> Result<NpyFile> {
        let fetch = |range| self.read_range(range);
        NpyFile::rows(&mut self.reader(), self.size, rows, fetch, self.object.address.origin())
    }

    /// Opens an archive, of which only those arrays are fetched that are read.
    ///
    /// # Errors
    /// As [`Remote::read`], or if the object is no such archive.
    #[cfg(feature = "npz")]
    pub fn npz(&self) -> Result<Npz> {
        Npz::new(Box::new(self.reader()), self.object.address.to_string().into())
    }
}

/// Whether the server may give the whole where it refused a part: it knows no ranges, or the object is empty.
fn gives_no_parts(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::NotSupported { .. } => true,
        object_store::Error::Generic { .. } => {
            let text = causes(error);
            let refusals = ["non-partial response", "416 Range Not Satisfiable", "Wanted range", "Requested range"];
            refusals.iter().any(|refusal| text.contains(refusal))
        }
        _ => false,
    }
}
