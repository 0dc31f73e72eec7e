//! Printing tensors, as NumPy does.

use std::fmt;

use super::Tensor;
use crate::{Element, Result, Shape, dtype::for_dtype};

/// Tensors of more elements are elided.
const MANY: usize = 1000;
/// Elements that are shown at either end of an elided axis.
const EDGE: usize = 3;
/// Columns of a line.
const WIDTH: usize = 80;
const OPENING: &str = "tensor(";

/// Shape, dtype and device; computes nothing.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::zeros([2, 3], DType::F32, &Device::cpu());
/// assert_eq!(format!("{x:?}"), "Tensor([2, 3], float32, cpu)");
/// ```
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({:?}, {}, {})", self.shape(), self.dtype(), self.device())
    }
}

/// The elements as NumPy prints them, with dtype and device. Waits for the device.
///
/// Floats are rounded to four decimals, or to the precision of the format string; all are in scientific notation
/// where the range demands it. Of more than 1,000 elements only those at the edges are shown, and the shape. If the
/// elements cannot be computed, the error is shown instead.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::from_slice(&[1.0f32, -0.5, 2.25, 10.0], [2, 2], &Device::cpu())?;
/// assert_eq!(x.to_string(), "tensor([[ 1.  , -0.5 ],\n        [ 2.25, 10.  ]], float32, cpu)");
/// assert_eq!(format!("{x:.1}"), "tensor([[ 1. , -0.5],\n        [ 2.2, 10. ]], float32, cpu)");
/// # Ok::<(), kiln::Error>(())
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elided = self.numel() > MANY;
        let text = edges(self, elided).and_then(|edges| words(&edges, f.precision().unwrap_or(4)));
        f.write_str(OPENING)?;
        match text {
            Ok(words) if self.numel() > 0 => {
                let width = words.iter().map(String::len).max().unwrap_or(0);
                let column = OPENING.len();
                Printer { shape: self.shape(), elided, words: words.iter(), width, column, out: f }.axis(0)?;
            }
            Ok(_) => f.write_str("[]")?,
            Err(error) => write!(f, "<{error}>")?,
        }
        if elided || self.numel() == 0 {
            write!(f, ", shape {:?}", self.shape())?;
        }
        write!(f, ", {}, {})", self.dtype(), self.device())
    }
}

/// The elements that are shown.
fn edges(x: &Tensor, elided: bool) -> Result<Tensor> {
    let mut x = x.detach();
    for axis in 0..x.rank() as isize {
        let size = x.size(axis)?;
        if elided && size > 2 * EDGE {
            x = Tensor::cat(&[x.narrow(axis, 0, EDGE)?, x.narrow(axis, size - EDGE, EDGE)?], axis)?;
        }
    }
    Ok(x)
}

/// Each element as text, for a column that is aligned to the right.
fn words(x: &Tensor, precision: usize) -> Result<Vec<String>> {
    for_dtype!(x.dtype(), T => {
        let values = x.to_vec::<T>()?;
        if x.dtype().is_float() {
            return Ok(floats(&values.iter().map(|v| v.to_scalar().to_f64()).collect::<Vec<_>>(), precision));
        }
        Ok(values.iter().map(|v| format!("{v:?}")).collect())
    })
}

/// Floats with their points under each other.
fn floats(values: &[f64], precision: usize) -> Vec<String> {
    let finite = values.iter().filter(|v| v.is_finite());
    let whole = finite.clone().all(|v| v.fract() == 0.0);
    let sizes = finite.map(|v| v.abs()).filter(|&v| v != 0.0);
    let (low, high) = sizes.fold((f64::INFINITY, 0.0), |(low, high), v| (v.min(low), v.max(high)));
    let wide = low < 1e-4 || high / low > 1e3;
    let scientific = high >= 1e8 || high > 0.0 && wide && !whole;
    let parts: Vec<Parts> = values.iter().map(|&v| Parts::new(v, precision, scientific)).collect();
    let tail = parts.iter().map(|p| p.tail.len()).max().unwrap_or(0);
    parts.into_iter().map(|p| p.join(tail)).collect()
}

/// A float cut at its point.
struct Parts {
    head: String,
    /// The point and the decimals without zeros at the end; empty for NaN and infinities.
    tail: String,
    exponent: String,
}

impl Parts {
    fn new(value: f64, precision: usize, scientific: bool) -> Self {
        if !value.is_finite() {
            let name = if value.is_nan() { "nan".into() } else { value.to_string() };
            return Self { head: name, tail: String::new(), exponent: String::new() };
        }
        let text = if scientific { format!("{value:.precision$e}") } else { format!("{value:.precision$}") };
        let (number, exponent) = text.split_once('e').unwrap_or((&text, ""));
        let (head, decimals) = number.split_once('.').unwrap_or((number, ""));
        let exponent = match exponent.strip_prefix('-') {
            _ if !scientific => String::new(),
            Some(digits) => format!("e-{digits:0>2}"),
            None => format!("e+{exponent:0>2}"),
        };
        Self { head: head.into(), tail: format!(".{}", decimals.trim_end_matches('0')), exponent }
    }

    /// The number with decimals of this width: blanks as in NumPy, or zeros if an exponent follows.
    fn join(self, width: usize) -> String {
        let Self { head, tail, exponent } = self;
        match (tail.is_empty(), exponent.is_empty()) {
            (true, _) => head,
            (false, true) => format!("{head}{tail:<width$}"),
            (false, false) => format!("{head}{tail:0<width$}{exponent}"),
        }
    }
}

struct Printer<'a, 'f> {
    shape: &'a Shape,
    elided: bool,
    words: std::slice::Iter<'a, String>,
    width: usize,
    column: usize,
    out: &'a mut fmt::Formatter<'f>,
}

impl Printer<'_, '_> {
    fn put(&mut self, text: &str) -> fmt::Result {
        self.column += text.len();
        self.out.write_str(text)
    }

    /// Lines, then blanks up to the elements of an axis.
    fn newline(&mut self, lines: usize, axis: usize) -> fmt::Result {
        self.column = OPENING.len() + axis + 1;
        write!(self.out, "{:\n<lines$}{:column$}", "", "", column = self.column)
    }

    fn axis(&mut self, axis: usize) -> fmt::Result {
        let (rank, width) = (self.shape.rank(), self.width);
        if axis == rank {
            // Every element that is shown has its word.
            let word = self.words.next().map_or("", String::as_str);
            return self.put(&format!("{word:>width$}"));
        }
        let size = self.shape[axis];
        let gap = self.elided && size > 2 * EDGE;
        let shown = if gap { 2 * EDGE + 1 } else { size };
        self.put("[")?;
        for i in 0..shown {
            if i > 0 && axis + 1 < rank {
                self.put(",")?;
                self.newline(rank - 1 - axis, axis)?;
            } else if i > 0 {
                self.put(",")?;
                if self.column + width + 2 > WIDTH { self.newline(1, axis)? } else { self.put(" ")? }
            }
            if gap && i == EDGE { self.put("...")? } else { self.axis(axis + 1)? }
        }
        self.put("]")
    }
}
