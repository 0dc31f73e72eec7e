//! The header of a `.npy` file: a Python dictionary as text.

use std::{fmt, str::FromStr};

use super::npy::format;
use crate::{DType, Error, Result, Shape, Tensor};

/// What a `.npy` file says of its data.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub dtype: DType,
    /// Whether the byte order is not this machine's.
    pub swapped: bool,
    /// Whether the first axis is the innermost.
    pub fortran: bool,
    pub shape: Shape,
}

/// NumPy's codes, without the byte order.
const CODES: [(&str, DType); 12] = [
    ("b1", DType::Bool),
    ("i1", DType::I8),
    ("i2", DType::I16),
    ("i4", DType::I32),
    ("i8", DType::I64),
    ("u1", DType::U8),
    ("u2", DType::U16),
    ("u4", DType::U32),
    ("u8", DType::U64),
    ("f2", DType::F16),
    ("f4", DType::F32),
    ("f8", DType::F64),
];

const NATIVE: char = if cfg!(target_endian = "big") { '>' } else { '<' };

impl Header {
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let (dtype, shape) = (tensor.dtype(), *tensor.shape());
        if code(dtype).is_none() {
            return Err(Error::dtype("npy", dtype, "is not among NumPy's dtypes; convert to float32 first"));
        }
        Ok(Self { dtype, swapped: false, fortran: false, shape })
    }
}

fn code(dtype: DType) -> Option<&'static str> {
    CODES.iter().find(|(_, d)| *d == dtype).map(|(code, _)| *code)
}

/// The dictionary as NumPy writes it.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match (self.dtype.size(), self.swapped, NATIVE) {
            (1, ..) => '|',
            (_, false, native) => native,
            (_, true, '<') => '>',
            (_, true, _) => '<',
        };
        let fortran = if self.fortran { "True" } else { "False" };
        let code = code(self.dtype).unwrap_or_default();
        write!(f, "{{'descr': '{order}{code}', 'fortran_order': {fortran}, 'shape': (")?;
        for (axis, size) in self.shape.iter().enumerate() {
            let comma = if axis + 1 < self.shape.rank() {
                ", "
            } else if axis == 0 {
                ","
            } else {
                ""
            };
            write!(f, "{size}{comma}")?;
        }
        f.write_str("), }")
    }
}

impl FromStr for Header {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser { rest: text.trim_start() };
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        parser.expect("{")?;
        while !parser.take("}") {
            let key = parser.string()?;
            parser.expect(":")?;
            let again = match key {
                "descr" => descr.replace(parser.descr()?).is_some(),
                "fortran_order" => fortran.replace(parser.bool()?).is_some(),
                "shape" => shape.replace(parser.tuple()?).is_some(),
                _ => return Err(format(format!("the header has an unknown key {key:?}"))),
            };
            if again {
                return Err(format(format!("the header has two keys {key:?}")));
            }
            if !parser.take(",") {
                parser.expect("}")?;
                break;
            }
        }
        if !parser.rest.is_empty() {
            return Err(parser.error("nothing"));
        }
        let missing = |key: &str| format(format!("the header has no key {key:?}"));
        let (dtype, swapped) = descr.ok_or_else(|| missing("descr"))?;
        let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
        let sizes = shape.ok_or_else(|| missing("shape"))?;
        let shape = Shape::try_new(&sizes).map_err(|error| format(error.to_string()))?;
        Ok(Self { dtype, swapped, fortran, shape })
    }
}

/// Reads the Python literals that a header is made of. Blanks before `rest` are gone.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn error(&self, wanted: &str) -> Error {
        let here: String = self.rest.chars().take(20).collect();
        let here = if here.is_empty() { "at its end".into() } else { format!("before {here:?}") };
        format(format!("the header should have {wanted} {here}"))
    }

    fn advance(&mut self, count: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(count);
        self.rest = rest.trim_start();
        token
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.starts_with(token);
        if found {
            self.advance(token.len());
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.error(&format!("`{token}`"))) }
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let end = quote.and_then(|quote| self.rest[1..].find(quote));
        match end {
            Some(end) => Ok(&self.advance(end + 2)[1..=end]),
            None => Err(self.error("a string")),
        }
    }

    fn bool(&mut self) -> Result<bool> {
        match () {
            () if self.take("True") => Ok(true),
            () if self.take("False") => Ok(false),
            () => Err(self.error("`True` or `False`")),
        }
    }

    fn tuple(&mut self) -> Result<Vec<usize>> {
        let mut sizes = Vec::new();
        self.expect("(")?;
        while !self.take(")") {
            let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            if digits == 0 {
                return Err(self.error("a size"));
            }
            let number = self.advance(digits);
            sizes.push(number.parse().map_err(|_| format(format!("a size of {number} cannot be addressed")))?);
            // Python 2 marks long integers.
            self.take("L");
            if !self.take(",") {
                // Without a comma a single size is no tuple.
                if sizes.len() == 1 {
                    return Err(self.error("`,`"));
                }
                self.expect(")")?;
                break;
            }
        }
        Ok(sizes)
    }

    /// The dtype, and whether its byte order is foreign.
    fn descr(&mut self) -> Result<(DType, bool)> {
        if self.rest.starts_with(['[', '(', '{']) {
            let fields: String = self.rest.chars().take(60).collect();
            return Err(format(format!("descr {fields}...: structured arrays are not tensors")));
        }
        let descr = self.string()?;
        let (order, name) = match descr.chars().next() {
            Some(order @ ('<' | '>' | '=' | '|')) => (order, &descr[1..]),
            _ => ('=', descr),
        };
        if let Some((_, dtype)) = CODES.iter().find(|(code, _)| *code == name) {
            let swapped = matches!(order, '<' | '>') && order != NATIVE && dtype.size() > 1;
            return Ok((*dtype, swapped));
        }
        let reason = match name.chars().next() {
            Some('c') => "complex numbers are not supported",
            Some('O') => "it holds pickled Python objects, which are not read",
            Some('S' | 'U' | 'a') => "strings are not numbers",
            Some('V') => "it holds raw bytes without a dtype that NumPy knows",
            Some('M' | 'm') => "dates and times are not supported; convert them to int64",
            Some('f' | 'g') => "floats of this size are not supported; convert them to float64",
            _ => "is not a dtype",
        };
        Err(format(format!("descr {descr:?}: {reason}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_python_would() {
        let text = "{ \"shape\" : ( 2L ,3, ), 'fortran_order':True,'descr':\">i8\" } \n";
        let header: Header = text.parse().unwrap();
        assert_eq!(header, Header { dtype: DType::I64, swapped: NATIVE == '<', fortran: true, shape: [2, 3].into() });
        assert_eq!(header.to_string().parse::<Header>().unwrap(), header);
        for shape in [Shape::SCALAR, [4].into(), [0, 1, 2].into()] {
            let header = Header { dtype: DType::Bool, swapped: false, fortran: false, shape };
            assert_eq!(header.to_string().parse::<Header>().unwrap(), header);
        }
    }

    #[test]
    fn broken_headers_say_what_is_wrong() {
        let cases = [
            ("", "should have `{` at its end"),
            ("{'descr': '<f4'", "should have `}` at its end"),
            ("{'descr': '<f4', 'descr': '<f4'}", "two keys \"descr\""),
            ("{'descr': '<f4', 'size': 3}", "unknown key \"size\""),
            ("{'descr': '<f4', 'shape': (3,)}", "no key \"fortran_order\""),
            ("{'descr': '<f4", "a string before \"'<f4\""),
            ("{'descr': '<c8'}", "descr \"<c8\": complex numbers"),
            ("{'descr': '|O'}", "pickled Python objects"),
            ("{'descr': '<U7'}", "strings are not numbers"),
            ("{'descr': '|V2'}", "raw bytes"),
            ("{'descr': '<f16'}", "floats of this size"),
            ("{'descr': [('a', '<f4')]}", "descr [('a', '<f4')]}...: structured arrays"),
            ("{'descr': 3}", "a string before \"3}\""),
            ("{'fortran_order': 1}", "`True` or `False` before \"1}\""),
            ("{'shape': (3)}", "`,` before \")}\""),
            ("{'shape': (-3,)}", "a size before \"-3,)}\""),
            ("{'shape': (99999999999999999999,)}", "cannot be addressed"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
                "more elements than can be",
            ),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "rank 9"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", "nothing before \"x\""),
            ("{'descr': '\u{e9}\u{e9}'}", "is not a dtype"),
        ];
        for (text, message) in cases {
            let error = text.parse::<Header>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
