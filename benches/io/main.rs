//! Reading and writing a large `.npy` file beside NumPy, round by round, with the file in the page cache:
//! `cargo bench --bench io -- [--mib 1024] [--rounds 11] [--python PATH] [--json]`.
//!
//! `PATH` is a Python that has NumPy; without one, NumPy's rows are missing. The file lies in `TMPDIR`.

use std::{
    error::Error as StdError,
    hint::black_box,
    io::{BufRead, BufReader, IsTerminal, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    time::Instant,
};

use kiln::{io::npy::NpyFile, prelude::*};
use serde_json::json;

type Result<T, E = Box<dyn StdError>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("io: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut mib, mut rounds, mut python, mut as_json) = (1024, 11, None, !std::io::stdout().is_terminal());
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("mib") => mib = args.value()?.to_string_lossy().parse()?,
            lexopt::Arg::Long("rounds") => rounds = args.value()?.to_string_lossy().parse()?,
            lexopt::Arg::Long("python") => python = Some(args.value()?),
            lexopt::Arg::Long("json") => as_json = true,
            // What cargo adds.
            lexopt::Arg::Long("bench") => {}
            _ => return Err(arg.unexpected().into()),
        }
    }
    let folder = tempfile::tempdir()?;
    let (path, fields) = (folder.path().join("x.npy"), folder.path().join("fields.npy"));
    let mut numpy = python.map(|python| Numpy::start(Path::new(&python), &path, &fields)).transpose()?;
    let rows: usize = mib * (1 << 20) / 4096;
    let x = Tensor::arange(0, rows as i64 * 1024, 1, DType::F32, &Device::cpu())?.reshape([rows, 1024])?;
    npy::save(&path, &x)?;
    // Records of 16 bytes, a quarter of them in one field.
    let column = x.reshape([rows * 256, 4])?;
    let parts: Vec<Tensor> =
        (0..4).map(|i| column.narrow(1, i, 1)?.reshape([rows * 256])).collect::<kiln::Result<_>>()?;
    npy::save_fields(&fields, &[("a", &parts[0]), ("b", &parts[1]), ("c", &parts[2]), ("d", &parts[3])])?;
    drop((column, parts));

    let written = folder.path().join("written.npy");
    let tasks: [(&str, &dyn Fn() -> Result<Tensor>); 5] = [
        ("mmap", &|| Ok(npy::mmap(&path)?)),
        ("load", &|| Ok(npy::load(&path)?)),
        ("save", &|| {
            npy::save(&written, &x)?;
            Ok(x.clone())
        }),
        ("field", &|| Ok(npy::open(&fields)?.field("b")?)),
        ("mmap_field", &|| Ok(npy::open(&fields).and_then(|file: NpyFile| file.mmap_field("b"))?)),
    ];
    for (name, task) in tasks {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..=rounds {
            let start = Instant::now();
            let x = black_box(task()?);
            ours.push(start.elapsed().as_secs_f64() * 1e3);
            drop(x);
            if let Some(numpy) = &mut numpy {
                theirs.push(numpy.time(name)?);
            }
        }
        // The first round of each warms up.
        line("kiln", name, mib, &mut ours[1..], as_json);
        if numpy.is_some() {
            line("numpy", name, mib, &mut theirs[1..], as_json);
        }
    }
    Ok(())
}

fn line(peer: &str, task: &str, mib: usize, times: &mut [f64], as_json: bool) {
    times.sort_by(f64::total_cmp);
    let at = |p: f64| times[((times.len() - 1) as f64 * p).round() as usize];
    let (median, low, high) = (at(0.5), at(0.1), at(0.9));
    if as_json {
        let line = json!({
            "peer": peer, "workload": "npy", "size": format!("{mib} MiB"), "task": task, "ms": median, "ms_p10": low,
            "ms_p90": high, "rounds": times.len(),
        });
        println!("{line}");
    } else {
        println!("{peer:<6} {task:<11} {mib:>6} MiB {median:>11.3} ms ({low:.3} to {high:.3})");
    }
}

/// A Python process that does what it is told and says how long it took.
struct Numpy {
    child: Child,
    tasks: ChildStdin,
    times: BufReader<ChildStdout>,
}

impl Numpy {
    fn start(python: &Path, path: &Path, fields: &Path) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/io/numpy_times.py");
        let mut command = Command::new(python);
        command.arg(script).args([path, fields]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(tasks), Some(times)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("Python has no pipes".into());
        };
        Ok(Self { child, tasks, times: BufReader::new(times) })
    }

    /// Milliseconds of a task.
    fn time(&mut self, task: &str) -> Result<f64> {
        writeln!(self.tasks, "{task}")?;
        let mut answer = String::new();
        self.times.read_line(&mut answer)?;
        Ok(answer.trim().parse()?)
    }
}

impl Drop for Numpy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
