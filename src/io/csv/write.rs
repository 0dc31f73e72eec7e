//! Writing tables.

use std::{fmt::Write, fs, path::Path};

use crate::{DType, Error, Result, Scalar, Tensor, dtype::for_dtype};

/// Writes a tensor `[rows, columns]`, or `[rows]` as one column, under the columns' names. NaN becomes an empty field;
/// every other number has as many digits as it takes to read the same number again.
///
/// # Errors
/// If there is not a name for every column, the shape is another one, the device fails, or the file cannot be written.
///
/// ```
/// # use kiln::{io::csv, prelude::*};
/// # let path = std::env::temp_dir().join(format!("kiln-doc-save-{}.csv", std::process::id()));
/// let x = Tensor::from_slice(&[0.1f32, 2.0, 1e-7, 4.0], [2, 2], &Device::cpu())?;
/// csv::save(&path, &["x", "y"], &x)?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "x,y\n0.1,2.0\n1e-7,4.0\n");
/// assert_eq!(csv::read(&path)?.to_tensor()?.to_vec::<f32>()?, x.to_vec::<f32>()?);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn save<S: AsRef<str>>(path: impl AsRef<Path>, names: &[S], tensor: &Tensor) -> Result<()> {
    let path = path.as_ref();
    let text = to_bytes(names, tensor)?;
    fs::write(path, text).map_err(|error| Error::file_from(path, error))
}

/// A tensor as the contents of a CSV file; see [`save`].
///
/// # Errors
/// If there is not a name for every column, the shape is another one, or the device fails.
pub fn to_bytes<S: AsRef<str>>(names: &[S], tensor: &Tensor) -> Result<Vec<u8>> {
    let op = "csv";
    let columns = match tensor.shape()[..] {
        [_] => 1,
        [_, columns] => columns,
        _ => return Err(Error::shape(op, tensor.shape(), "a table is [rows, columns] or [rows]")),
    };
    if columns == 0 || names.len() != columns {
        let reason = format!("there are {} names for {columns} columns", names.len());
        return Err(Error::shape(op, tensor.shape(), reason));
    }
    let mut out = names.iter().map(|name| quoted(name.as_ref(), columns)).collect::<Vec<_>>().join(",");
    out.push('\n');
    for_dtype!(tensor.dtype(), T => {
        for row in tensor.to_vec::<T>()?.chunks(columns) {
            for (i, &value) in row.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push(&mut out, value.into(), tensor.dtype(), columns);
            }
            out.push('\n');
        }
    });
    Ok(out.into_bytes())
}

fn push(out: &mut String, value: Scalar, dtype: DType, columns: usize) {
    let written = match value {
        Scalar::Bool(true) => out.write_str("True"),
        Scalar::Bool(false) => out.write_str("False"),
        Scalar::Int(value) => write!(out, "{value}"),
        Scalar::UInt(value) => write!(out, "{value}"),
        // A record of one empty field would be a blank line.
        Scalar::Float(value) if value.is_nan() => out.write_str(if columns == 1 { "\"\"" } else { "" }),
        Scalar::Float(value) if dtype == DType::F64 => write!(out, "{value:?}"),
        // Shorter floats need fewer digits.
        Scalar::Float(value) => write!(out, "{:?}", value as f32),
    };
    written.unwrap_or_else(|error| unreachable!("text takes any text: {error}"));
}

/// A name as a field, in quotes where it must be.
fn quoted(name: &str, columns: usize) -> String {
    let blank = columns == 1 && name.trim().is_empty();
    if blank || name.contains([',', '"', '\n', '\r']) || name.starts_with('\u{feff}') {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.into()
    }
}
