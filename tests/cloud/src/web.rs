//! A web server with faults.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How the server misbehaves.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Answers 503 to that many requests first.
    pub unavailable: usize,
    /// Breaks that many answers off in their middle.
    pub broken: usize,
    /// Knows no ranges.
    pub whole: bool,
    /// Gives nothing without this query.
    pub query: Option<&'static str>,
    /// Changes the entity tag with every answer.
    pub changing: bool,
}

/// Serves one object at every path, on a port of its own, for as long as the process lives.
pub struct Web {
    /// Its address, without a path.
    pub base: String,
    /// How many requests it has had.
    pub requests: Arc<AtomicUsize>,
    /// How many bytes of the object it has sent.
    pub sent: Arc<AtomicUsize>,
}

impl Web {
    /// Starts to serve.
    pub fn new(object: Vec<u8>, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (requests, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counts, object) = ((requests.clone(), sent.clone()), Arc::new(object));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counts, object) = (counts.clone(), object.clone());
                // A client that goes away ends its connection's thread and nothing else.
                thread::spawn(move || while answer(&stream, &object, &faults, &counts).is_some() {});
            }
        });
        Self { base, requests, sent }
    }
}

/// Answers one request; nothing when the connection is over.
fn answer(
    mut stream: &TcpStream,
    object: &[u8],
    faults: &Faults,
    counts: &(Arc<AtomicUsize>, Arc<AtomicUsize>),
) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    let mut headers = HashMap::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let number = counts.0.fetch_add(1, Ordering::SeqCst);
    let target = request.split(' ').nth(1)?;
    let refuse =
        |mut stream: &TcpStream, status: &str| write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").ok();
    if number < faults.unavailable {
        return refuse(stream, "503 Service Unavailable");
    }
    if faults.query.is_some_and(|query| target.split_once('?').map(|(_, given)| given) != Some(query)) {
        return refuse(stream, "403 Forbidden");
    }
    if target.starts_with("/missing") {
        return refuse(stream, "404 Not Found");
    }
    let tag = if faults.changing { format!("\"{number}\"") } else { "\"same\"".to_owned() };
    if headers.get("if-match").is_some_and(|wanted| *wanted != tag) {
        return refuse(stream, "412 Precondition Failed");
    }
    let range = headers.get("range").filter(|_| !faults.whole).and_then(|range| {
        let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
        let start: usize = start.parse().ok()?;
        let end = end.parse::<usize>().map_or(object.len(), |end| (end + 1).min(object.len()));
        Some((start, end))
    });
    let (status, body, more) = match range {
        Some((start, end)) if start < end => {
            let content = format!("Content-Range: bytes {start}-{}/{}\r\n", end - 1, object.len());
            ("206 Partial Content", &object[start..end], content)
        }
        Some(_) => return refuse(stream, "416 Range Not Satisfiable"),
        None => ("200 OK", object, String::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {}\r\n{more}\r\n", body.len()).ok()?;
    let cut = (faults.unavailable..faults.unavailable + faults.broken).contains(&number);
    let body = if cut { &body[..body.len() / 2] } else { body };
    // Before they are sent: whoever has read them may look at the count.
    counts.1.fetch_add(body.len(), Ordering::SeqCst);
    stream.write_all(body).ok()?;
    if cut {
        stream.shutdown(std::net::Shutdown::Both).ok()?;
        return None;
    }
    Some(())
}
