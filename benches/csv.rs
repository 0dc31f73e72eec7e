//! Kiln's speed at reading a table: `cargo bench --bench csv -- [--rounds N] [FILE]`.
//!
//! Prints the milliseconds of each round, one a line. Without a file it makes one of a million rows and ten columns in
//! the temporary folder. `benches/csv_pandas.py` runs it in turns with pandas.

use std::{error::Error as StdError, fmt::Write, path::PathBuf, process::ExitCode, time::Instant};

use kiln::{io::csv, prelude::*};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("csv: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn StdError>> {
    let (mut rounds, mut file) = (7, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("rounds") => rounds = args.value()?.to_string_lossy().parse()?,
            // What cargo adds.
            lexopt::Arg::Long("bench") => {}
            lexopt::Arg::Value(path) => file = Some(PathBuf::from(path)),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let made = file.is_none();
    let path = file.unwrap_or_else(|| std::env::temp_dir().join(format!("kiln-bench-{}.csv", std::process::id())));
    if made {
        std::fs::write(&path, table(1_000_000)?)?;
    }
    // Once more than is told: the first round finds cold caches.
    for round in 0..=rounds {
        let start = Instant::now();
        let table = csv::read(&path)?;
        let taken = start.elapsed();
        assert!(table.rows() > 0);
        if round > 0 {
            println!("{:.1}", taken.as_secs_f64() * 1e3);
        }
    }
    if made {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Floats of 3 to 17 digits and integers of 1 to 10, in turns.
fn table(rows: usize) -> Result<String, Box<dyn StdError>> {
    let device = Device::cpu();
    let unit: Vec<f64> = Tensor::rand([rows, 10], DType::F64, 0, &device)?.to_vec()?;
    let mut text = String::from("a,b,c,d,e,f,g,h,i,j\n");
    for row in unit.chunks(10) {
        let [a, b, c, d, e, f, g, h, i, j] = row else { unreachable!("rows have ten values") };
        let [b, d, f, h, j] = [b * 10.0, d * 1e3, f * 1e5, h * 1e7, j * 1e10].map(|v| v as i64);
        writeln!(text, "{a},{b},{:.3},{d},{:.6},{f},{:e},{h},{},{j}", c * 1e3, e - 0.5, g * 1e-6, *i as f32)?;
    }
    Ok(text)
}
