//! One table of cases, which are read in one block and in many.

use kiln::{
    io::csv::{BadLines, ColumnKey, Encoding, Options, Table},
    prelude::*,
};
use serde_json::{Value, json};

/// A table, how it is read, and what comes of it.
pub struct Case {
    pub bytes: Vec<u8>,
    pub options: Options,
    pub want: Want,
}

#[derive(Debug, PartialEq)]
pub enum Want {
    /// The columns, each with its name, its dtype, and its values; and the lines that were left out.
    Table(Vec<(String, String, Vec<Value>)>, Vec<u64>),
    Error(String),
}

impl Case {
    pub fn check(&self, options: &Options, what: &str) {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(told(options, &self.bytes), self.want, "{text:?} {what}, {:?}", self.options);
    }
}

/// What comes of a table.
pub fn told(options: &Options, bytes: &[u8]) -> Want {
    let table = options.from_bytes(bytes).and_then(|table| {
        let column = |name: (usize, &str)| column(&table, name.0).map(|(kind, v)| (name.1.into(), kind, v));
        let columns = table.names().into_iter().enumerate().map(column).collect::<Result<_>>()?;
        Ok(Want::Table(columns, table.bad_lines().to_vec()))
    });
    table.unwrap_or_else(|error| Want::Error(error.to_string()))
}

/// The options of a golden case.
fn options(value: &Value) -> Options {
    let mut options = Options::new();
    for (name, value) in value.as_object().unwrap() {
        let byte = || value.as_str().unwrap().as_bytes()[0];
        let list = || value.as_array().unwrap().iter();
        let (count, flag) = (value.as_u64().unwrap_or(0) as usize, value.as_bool().unwrap_or(false));
        options = match name.as_str() {
            "delimiter" => options.delimiter(byte()),
            "delim_whitespace" => options.delim_whitespace(flag),
            "skipinitialspace" => options.skipinitialspace(flag),
            "quotechar" => options.quotechar(byte()),
            "quoting" => options.quoting(flag),
            "doublequote" => options.doublequote(flag),
            "escapechar" => options.escapechar(byte()),
            "comment" => options.comment(byte()),
            "decimal" => options.decimal(byte()),
            "thousands" => options.thousands(byte()),
            "skiprows" => options.skiprows(count),
            "skipfooter" => options.skipfooter(count),
            "nrows" => options.nrows(count),
            "on_bad_lines" => options.on_bad_lines(BadLines::Skip),
            "header" => options.header(flag),
            "keep_default_na" => options.keep_default_na(flag),
            "na_values" => options.na_values(list().map(|v| v.as_str().unwrap())),
            "encoding" => options.encoding(match value.as_str().unwrap() {
                "latin-1" => Encoding::Latin1,
                "cp1252" => Encoding::Windows1252,
                _ => Encoding::Utf16,
            }),
            "usecols" => options.usecols(list().map(|v| match v {
                Value::String(name) => ColumnKey::from(name),
                number => ColumnKey::from(number.as_u64().unwrap() as usize),
            })),
            name => panic!("{name} is no option"),
        };
    }
    options
}

/// The dtype and the values of a column, as the golden files write them.
fn column(table: &Table, number: usize) -> Result<(String, Vec<Value>)> {
    let Some(dtype) = table.dtype(number)? else {
        return Ok(("text".into(), table.text(number)?.into_iter().map(Value::from).collect()));
    };
    let x = table.column(number)?;
    assert_eq!(x.dtype(), dtype);
    let values = match dtype {
        DType::Bool => x.to_vec::<bool>()?.into_iter().map(Value::from).collect(),
        DType::U64 => x.to_vec::<u64>()?.into_iter().map(Value::from).collect(),
        DType::F64 => x.to_vec::<f64>()?.into_iter().map(|v| format!("{:016x}", v.to_bits()).into()).collect(),
        _ => x.to_dtype(DType::I64).to_vec::<i64>()?.into_iter().map(Value::from).collect(),
    };
    Ok((dtype.name().into(), values))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn golden_lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().into()
}

/// What pandas reads, from `tests/goldens/tables.py`.
pub fn goldens() -> Vec<Case> {
    let tables = golden_lines(include_str!("../../goldens/tables.jsonl")).map(|case| {
        let columns = case["columns"].as_array().unwrap().iter();
        let columns = columns.map(|c| (text(&c["name"]), text(&c["dtype"]), c["values"].as_array().unwrap().clone()));
        let bytes = match case.get("bytes") {
            Some(bytes) => hex(bytes.as_str().unwrap()),
            None => text(&case["text"]).into_bytes(),
        };
        let is_bad = case["options"].get("on_bad_lines").is_some();
        let bad_lines = if is_bad { vec![3] } else { Vec::new() };
        Case { bytes, options: options(&case["options"]), want: Want::Table(columns.collect(), bad_lines) }
    });
    let columns = golden_lines(include_str!("../../goldens/columns.jsonl")).map(|case| {
        let fields: Vec<String> = case["fields"].as_array().unwrap().iter().map(text).collect();
        let column = ("x".into(), text(&case["dtype"]), case["values"].as_array().unwrap().clone());
        Case {
            bytes: format!("x\n{}\n", fields.join("\n")).into_bytes(),
            options: Options::new().delimiter(b';'),
            want: Want::Table(vec![column], Vec::new()),
        }
    });
    tables.chain(columns).collect()
}

/// What pandas has no word for: errors, what Kiln adds, and where it differs by intent.
pub fn others() -> Vec<Case> {
    let new = Options::new;
    let error = |bytes: &[u8], options: Options, reason: &str| Case {
        bytes: bytes.into(),
        options,
        want: Want::Error(format!("csv: {reason}")),
    };
    let table = |bytes: &[u8], options: Options, columns: Value, bad_lines: &[u64]| {
        let columns = columns.as_array().unwrap().iter();
        let columns = columns.map(|c| (text(&c[0]), text(&c[1]), c[2].as_array().unwrap().clone()));
        Case { bytes: bytes.into(), options, want: Want::Table(columns.collect(), bad_lines.into()) }
    };
    vec![
        error(b"", new(), "it is empty"),
        error(b"\n \n", new(), "it is empty"),
        error(b"\r\r\r", new(), "it is empty"),
        error(b"# a\r#b", new().comment(b'#'), "it is empty"),
        error(b"a,b\n1,2\n", new().skiprows(3), "it is empty"),
        error(b"a,b\n1,2\n\n3\n", new(), "line 4, row 1: 1 fields, where there are 2 columns"),
        error(b"a,b\r1,2\r\r3\r", new(), "line 4, row 1: 1 fields, where there are 2 columns"),
        error(b"a,b\r\n1,2\r\n\r\n3\r\n", new(), "line 4, row 1: 1 fields, where there are 2 columns"),
        error(b"a,b\r# x\r\r1,x\r2\r", new().comment(b'#'), "line 5, row 1: 1 fields, where there are 2 columns"),
        error(b"x\r\ny\ra,b\n1\n", new().skiprows(2), "line 4, row 0: 1 fields, where there are 2 columns"),
        error(b"a,b\n\"1\r\n\r2\",3\n4\n", new(), "line 5, row 1: 1 fields, where there are 2 columns"),
        error(b"a\n\"1\n2", new(), "line 2: a quote is not closed in the record that starts here"),
        error(b"a\r1\r\"1\r2\r", new(), "line 3: a quote is not closed in the record that starts here"),
        error(b"\"a\nb", new().skiprows(1), "line 1: a quote is not closed in the record that starts here"),
        error(
            b"a\n1\\",
            new().escapechar(b'\\'),
            "line 2: nothing follows the escape character of the record that starts here",
        ),
        error(
            b"a,\xff\n1,2\n",
            new(),
            "line 1: the name \"\u{fffd}\" is not UTF-8; `encoding` sets another one, such as Encoding::Latin1",
        ),
        error(
            b"a,b\n1,x\r2,\xff\n",
            new(),
            "line 3, row 1, column \"b\": \"\u{fffd}\" is not UTF-8; `encoding` sets another one, such as Encoding::Latin1",
        ),
        error(b"a\n\"x\"\n\"\"\"1\"\n", new().dtype(DType::I8), "line 2, row 0, column \"a\": \"x\" is not an integer"),
        error(b"a\n1\n1.5\n", new().dtype(DType::I64), "line 3, row 1, column \"a\": \"1.5\" is not an integer"),
        error(
            b"a\n1\n1e30\n",
            new().dtype(DType::U64),
            "line 3, row 1, column \"a\": \"1e30\" is out of the range of uint64",
        ),
        error(
            b"a\n1\n300.0\n",
            new().dtype(DType::U8),
            "line 3, row 1, column \"a\": \"300.0\" is out of the range of uint8",
        ),
        error(b"a\n1\n", new().delimiter(b'"'), "'\"' is both the delimiter and the quotechar"),
        error(b"a\n1\n", new().comment(b'\n'), "the comment '\\n' divides lines or fields already"),
        error(b"a\n1\n", new().decimal(b',').thousands(b','), "',' is both the decimal and the thousands sign"),
        // Integers may be written as floats where a dtype asks for them; -0 is one.
        table(
            b"a\n1.0\n-0\n1e3\n 2. \n-0.0\n",
            new().dtype(DType::I64),
            json!([["a", "int64", [1, 0, 1000, 2, 0]]]),
            &[],
        ),
        table(
            b"a;b\n1.000;2,0\n",
            new().delimiter(b';').decimal(b',').thousands(b'.').dtype(DType::I32),
            json!([["a", "int32", [1000]], ["b", "int32", [2]]]),
            &[],
        ),
        // A comment may be indented.
        table(
            b"a,b\n1,2\n  # x\n3,4\n",
            new().comment(b'#'),
            json!([["a", "int64", [1, 3]], ["b", "int64", [2, 4]]]),
            &[],
        ),
        // A blank line that ends with a lone \r is one line for `skiprows`, too.
        table(b"\ra,b\r1,2\r", new().skiprows(1), json!([["a", "int64", [1]], ["b", "int64", [2]]]), &[]),
        // Rows with too few fields are bad, too.
        table(
            b"a,b\r1,2\r3\r\r4,5,6\r\"y\n\",8\r9,\"10",
            new().on_bad_lines(BadLines::Skip).nrows(2),
            json!([["a", "text", ["1", "y\n"]], ["b", "int64", [2, 8]]]),
            &[3, 5],
        ),
        table(b"a,b\n1,2\n", new().skipfooter(5), json!([["a", "float64", []], ["b", "float64", []]]), &[]),
        table(
            b"a,b\n1,2\n3,4\nsum,6",
            new().skipfooter(1).nrows(1),
            json!([["a", "int64", [1]], ["b", "int64", [2]]]),
            &[],
        ),
        table(b"a,b\n1,x\n", new().nrows(0), json!([["a", "float64", []], ["b", "float64", []]]), &[]),
        table(
            b"a,b\nNA,\n,x\n-0,\n",
            new().fill(-1).fill("none"),
            json!([["a", "int64", [-1, -1, 0]], ["b", "text", ["none", "x", "none"]]]),
            &[],
        ),
        table(b"a\nNA\n2\n", new().fill(0.5), json!([["a", "float64", ["3fe0000000000000", "4000000000000000"]]]), &[]),
        table(b"a\nNA\nTrue\n", new().fill(false), json!([["a", "bool", [false, true]]]), &[]),
        table(b"a\nx\n1\n", new().na_values(["1"]), json!([["a", "text", ["x", null]]]), &[]),
        table(
            b"a b",
            new().names(["x", "y"]).delim_whitespace(true),
            json!([["x", "text", ["a"]], ["y", "text", ["b"]]]),
            &[],
        ),
    ]
}
