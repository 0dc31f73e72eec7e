//! The store behind an address, and the threads that talk to it.

use std::{
    env, error, fmt, io,
    path::PathBuf,
    sync::{Arc, OnceLock, mpsc},
    time::Duration,
};

use object_store::{
    ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder, http::HttpBuilder, local::LocalFileSystem, path::Path,
};
use tokio::runtime::{Builder, Runtime};
use url::{Position, Url};

use super::CloudOptions;
use crate::{Error, Result, error::Cause, io::npy::Origin};

/// An object in a store.
#[derive(Clone)]
pub(super) struct Object {
    pub store: Arc<dyn ObjectStore>,
    pub path: Path,
    pub address: Address,
}

/// An address as people may see it: whatever stands behind `?` may be a signature.
#[derive(Clone, Debug)]
pub(super) struct Address {
    shown: String,
    secret: Option<String>,
}

impl Object {
    pub fn new(text: &str, options: &CloudOptions) -> Result<Self> {
        let url = Url::parse(text).map_err(|error| {
            let reason = format!("it is no URL ({error}); local files are read by their own modules");
            Error::file(text.split('?').next().unwrap_or_default(), reason)
        })?;
        let shown = url[..Position::AfterPath].to_owned();
        let address = Address { shown, secret: url.query().filter(|query| !query.is_empty()).map(str::to_owned) };
        let (scheme, path) = ObjectStoreScheme::parse(&url).map_err(|error| address.error(&error.into()))?;
        let store = connect(&url, scheme, options).map_err(|error| match error {
            Refused::Store(error) => address.error(&error),
            Refused::Other(reason) => address.because(reason),
        })?;
        Ok(Self { store, path, address })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Address {
    /// What the errors of files name.
    pub fn origin(&self) -> Origin {
        Origin { path: Some(PathBuf::from(&self.shown)), member: None }
    }

    pub fn because(&self, reason: impl Into<String>) -> Error {
        Error::file(&self.shown, reason)
    }

    pub fn error(&self, error: &object_store::Error) -> Error {
        use object_store::Error::*;
        let causes = causes(error);
        let text = match error {
            NotFound { .. } => "there is no such object".to_owned(),
            PermissionDenied { .. } | Unauthenticated { .. } => format!("access is denied: {causes}"),
            Precondition { .. } => "the object changed while it was read".to_owned(),
            _ => causes,
        };
        let reason = match &self.secret {
            Some(secret) => text.replace(secret.as_str(), "..."),
            None => text,
        };
        let kind = match error {
            NotFound { .. } => io::ErrorKind::NotFound,
            PermissionDenied { .. } | Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
            _ => return self.because(reason),
        };
        // The store's own error may name the secret.
        Error::File { path: PathBuf::from(&self.shown), source: Some(Cause::new(io::Error::from(kind))), reason }
    }
}

/// What was wrong, with what each cause adds.
pub(super) fn causes(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

enum Refused {
    Store(object_store::Error),
    Other(String),
}

impl From<object_store::Error> for Refused {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

fn connect(url: &Url, scheme: ObjectStoreScheme, options: &CloudOptions) -> Result<Arc<dyn ObjectStore>, Refused> {
    let retry = RetryConfig { max_retries: options.retries, retry_timeout: options.timeout, ..RetryConfig::default() };
    let client = ClientOptions::new().with_timeout(options.timeout).with_connect_timeout(Duration::from_secs(10));
    // An address settles what it says itself, whatever stands in the environment.
    macro_rules! store {
        ($builder:ty, $client:expr, $prefixes:expr, $url:expr) => {{
            let mut builder = <$builder>::new().with_retry(retry).with_client_options($client);
            for (name, value) in environment($prefixes) {
                // The environment may well hold variables that are for other programs.
                if let Ok(key) = name.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            for (name, value) in &options.settings {
                let key = name.to_ascii_lowercase().parse();
                let key = key.map_err(|_| Refused::Other(format!("this kind of store has no setting {name:?}")))?;
                builder = builder.with_config(key, value);
            }
            Ok(Arc::new(builder.with_url($url).build()?))
        }};
    }
    match scheme {
        ObjectStoreScheme::Local => Ok(Arc::new(LocalFileSystem::new())),
        ObjectStoreScheme::AmazonS3 => store!(AmazonS3Builder, client, &["AWS_"], url.as_str()),
        ObjectStoreScheme::GoogleCloudStorage => {
            store!(GoogleCloudStorageBuilder, client, &["GOOGLE_"], url.as_str())
        }
        ObjectStoreScheme::MicrosoftAzure => store!(MicrosoftAzureBuilder, client, &["AZURE_"], url.as_str()),
        ObjectStoreScheme::Http => {
            let mut base = url.clone();
            // The query stays: signed addresses carry their signature there.
            base.set_path("");
            base.set_fragment(None);
            let client = client.with_allow_http(url.scheme() == "http");
            store!(HttpBuilder, client, &[], base.as_str())
        }
        other => Err(Refused::Other(format!("{other:?} is no store of files"))),
    }
}

/// The variables with one of these prefixes, their names in lower case.
fn environment(prefixes: &[&str]) -> Vec<(String, String)> {
    let text = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let ours = text.filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    ours.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// What the future gives. It runs on threads of this module: `block_on` would panic in the thread of another runtime.
pub(super) fn wait<T: Send + 'static>(
    address: &Address,
    future: impl Future<Output = Result<T, object_store::Error>> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = mpsc::channel();
    runtime().map_err(|reason| address.because(reason))?.spawn(async move { sender.send(future.await) });
    match receiver.recv() {
        Ok(result) => result.map_err(|error| address.error(&error)),
        Err(_) => Err(address.because("the transfer ended without a result")),
    }
}

fn runtime() -> Result<&'static Runtime, String> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let start = || Builder::new_multi_thread().worker_threads(2).thread_name("kiln-cloud").enable_all().build();
    RUNTIME.get_or_init(|| start().map_err(|error| error.to_string())).as_ref().map_err(Clone::clone)
}
