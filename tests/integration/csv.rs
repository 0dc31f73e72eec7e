//! Tables in CSV files.
#![cfg(feature = "csv")]

mod cases;

use std::io::Write;

use kiln::{
    io::csv::{self, BadLines, Options, Table},
    prelude::*,
};
use proptest::prelude::*;

use cases::{Case, goldens, others, told};

fn read(text: &str) -> Result<Table> {
    csv::from_bytes(text.as_bytes())
}

fn reason(table: Result<impl Sized>) -> String {
    table.err().map_or_else(|| "no error".into(), |error| error.to_string())
}

#[test]
fn tables_are_those_of_pandas() {
    let cases = goldens();
    assert!(cases.len() >= 86 + 556, "{} cases", cases.len());
    cases.iter().for_each(|case| case.check(&case.options, "in one block"));
}

#[test]
fn tables_are_what_the_options_say() {
    others().iter().for_each(|case| case.check(&case.options, "in one block"));
}

#[test]
fn tables_do_not_depend_on_blocks() {
    let cases: Vec<Case> = goldens().into_iter().chain(others()).collect();
    for size in 1..=64 {
        for case in &cases {
            case.check(&case.options.clone().block_size(size), &format!("in blocks of {size} bytes"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text of what matters to a reader, with any of the options: never a panic, always one result.
    #[test]
    fn random_tables_do_not_depend_on_blocks(
        text in r#"[ab1-9,;\t \r\n"'#\\.0x-]{0,40}"#,
        size in 1usize..9,
        flags in proptest::array::uniform8(any::<bool>()),
        (skip, foot, rows) in (0usize..3, 0usize..3, proptest::option::of(0usize..3)),
    ) {
        let mut options = Options::new().skiprows(skip).skipfooter(foot);
        let [space, escape, comment, quoting, skip_space, bad, header, names] = flags;
        options = options.delim_whitespace(space).skipinitialspace(skip_space).quoting(quoting).header(header);
        options = if escape { options.escapechar(b'\\') } else { options };
        options = if comment { options.comment(b'#') } else { options };
        options = if bad { options.on_bad_lines(BadLines::Skip) } else { options };
        options = if names { options.names(["x", "y"]) } else { options };
        options = rows.map_or(options.clone(), |rows| options.nrows(rows));
        let want = told(&options, text.as_bytes());
        let case = Case { bytes: text.into_bytes(), options: options.clone(), want };
        case.check(&options.block_size(size), &format!("in blocks of {size} bytes"));
    }
}

#[test]
fn a_line_break_may_lie_on_the_end_of_a_block() -> Result<()> {
    let size: usize = 1 << 18;
    for ending in ["\n", "\r\n", "\r"] {
        for shift in 0..4 {
            let mut text = format!("a,b{ending}");
            let row = format!("1234567,2345678{ending}");
            while text.len() + 2 * row.len() < size {
                text += &row;
            }
            // The line break starts so many bytes before the end of the first block.
            text += &format!("{},2{ending}", "0".repeat(size - shift - text.len() - 2));
            text += &row.repeat(3);
            let table = read(&text)?;
            let lines = text.matches(ending).count();
            assert_eq!(
                (table.rows(), table.column("a")?.to_vec::<i64>()?[lines - 5]),
                (lines - 1, 0),
                "{ending:?} {shift}"
            );
            let wanted = format!("csv: line {}, row {}: 1 fields, where there are 2 columns", lines + 1, lines - 1);
            assert_eq!(reason(read(&format!("{text}3{ending}"))), wanted, "{ending:?} {shift}");
        }
    }
    Ok(())
}

#[test]
fn packed_tables() -> Result<()> {
    let gzip = |text: &[u8]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).and_then(|()| gz.finish()).unwrap()
    };
    let zeros = [0; 70_000];
    for rest in [&[][..], &zeros[..1], &zeros] {
        // Two pieces are one file; zeros fill up the end, and what is between.
        let packed = [&gzip(b"a,b\n1,")[..], rest, &gzip(b"2\n3,4\n"), rest].concat();
        assert_eq!(csv::from_bytes(&packed)?.column("b")?.to_vec::<i64>()?, [2, 4]);
    }
    let packed = [&gzip(b"a\n1\n")[..], b"x"].concat();
    assert_eq!(reason(csv::from_bytes(&packed)), "csv: other bytes follow what gzip packed");
    let cut = &gzip(&b"a\n1\n".repeat(100))[..20];
    assert!(reason(csv::from_bytes(cut)).starts_with("csv: "));
    assert_eq!(
        reason(csv::from_bytes(&gzip(b"<!DOCTYPE html><html>"))),
        "csv: the file is a web page: the server answered with a page in place of the file; look at the address"
    );
    Ok(())
}

#[cfg(feature = "npz")]
#[test]
fn the_only_file_of_a_zip_archive_is_read() -> Result<()> {
    use zip::{ZipWriter, write::SimpleFileOptions};
    let zipped = |files: &[&str]| {
        let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in files {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(b"a,b\nx,2\n").unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    let table = csv::from_bytes(&zipped(&["folder/x.csv", "__MACOSX/._x.csv"]))?;
    assert_eq!((table.text("a")?, table.column("b")?.to_vec::<i64>()?), (vec![Some("x")], vec![2]));
    for (files, count) in [(&["a.csv", "b.csv"][..], 2), (&[], 0)] {
        let wanted = format!("csv: there are {count} files in the zip archive, not one: unpack it first");
        assert_eq!(reason(csv::from_bytes(&zipped(files))), wanted);
    }
    Ok(())
}

#[test]
fn what_is_no_table_is_told() {
    let of = |head: &[u8]| reason(csv::from_bytes(&[head, &[b' '; 600]].concat()));
    for (head, wanted) in [
        (&b"\xff\xfea\0"[..], "text in UTF-16"),
        (b"PAR1\x15\x04", "a Parquet table"),
        (b"\xfd7zXZ\0", "compressed with xz: unpack it with unxz"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        (b"\x80\x04\x95\x10", "pickled Python objects"),
        (b"{\"weight_map\": {}}", "the index of a model in several files"),
        (b"[{\"a\": 1}]", "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer: `git lfs pull`"),
        (b"\x93NUMPY\x01\x00", "an array of NumPy (.npy): `npy::load` reads it"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    ] {
        assert!(of(head).starts_with(&format!("csv: the file is {wanted}")), "{}", of(head));
    }
}

#[test]
fn many_blocks_read_as_one() -> Result<()> {
    // Columns that change what they are far from the start, text in quotes with line breaks, and blank lines.
    let mut text = String::from("int,wide,float,late,text,quoted,flag\n");
    let rows = 120_000u64;
    for row in 0..rows {
        let wide = if row == 90_000 { u64::MAX } else { row };
        let float = if row % 1000 == 999 { String::new() } else { format!("{}.25", row) };
        let late = if row == rows - 1 { "end".into() } else { format!("{row:04}") };
        text += &format!("-{row},{wide},{float},{late},t{},", row % 7);
        text += if row % 3 == 0 { "\"a\nb, \"\"c\"\"\"" } else { "plain" };
        text += if row % 2 == 0 { ",True\n" } else { ",False\r\n" };
        text += if row % 5000 == 0 { "\n" } else { "" };
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, &text).unwrap();
    let packed = folder.path().join("x.csv.gz");
    let mut gz = flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).and_then(|()| gz.finish()).unwrap();
    for table in [read(&text)?, csv::read(&path)?, csv::read(&packed)?] {
        assert_eq!(table.rows() as u64, rows);
        let dtypes: Vec<_> = (0..7).map(|i| table.dtype(i).unwrap()).collect();
        let [i64, u64, f64, bool] = [DType::I64, DType::U64, DType::F64, DType::Bool].map(Some);
        assert_eq!(dtypes, [i64, u64, f64, None, None, None, bool]);
        let int = table.column("int")?.to_vec::<i64>()?;
        assert!(int.iter().enumerate().all(|(row, &v)| v == -(row as i64)));
        let wide = table.column("wide")?.to_vec::<u64>()?;
        assert!(wide.iter().enumerate().all(|(row, &v)| v == if row == 90_000 { u64::MAX } else { row as u64 }));
        let float = table.column("float")?.to_vec::<f64>()?;
        assert!(float.iter().enumerate().all(|(row, v)| v.is_nan() == (row % 1000 == 999)));
        let late = table.text("late")?;
        assert_eq!((late[3], late[70_000], late[rows as usize - 1]), (Some("0003"), Some("70000"), Some("end")));
        let labels = table.labels("text")?;
        assert_eq!(labels.classes, ["t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
        assert!(labels.ids.to_vec::<i64>()?.iter().enumerate().all(|(row, &id)| id == row as i64 % 7));
        let quoted = table.text("quoted")?;
        assert!(
            quoted.iter().enumerate().all(|(row, v)| *v == Some(if row % 3 == 0 { "a\nb, \"c\"" } else { "plain" }))
        );
        let both = table.columns(["flag", "wide"])?;
        assert_eq!((both.dtype(), both.shape().dims()), (DType::F32, [rows as usize, 2].as_slice()));
        assert_eq!(both.to_vec::<f32>()?[..4], [1.0, 0.0, 0.0, 1.0]);
    }
    // The first fault is told, with its place in the file.
    let broken = text.replace("\n-100001,100001,", "\n-100001,x,").replace("\n-70002,", "\n-70002,1,");
    let line = 1 + broken[..broken.find("\n-70002,1,").unwrap() + 1].matches('\n').count();
    assert_eq!(
        reason(csv::from_bytes(broken.as_bytes())),
        format!("csv: line {line}, row 70002: 8 fields, where there are 7 columns")
    );
    let options = Options::new().dtype_of("wide", DType::I64).usecols(["wide"]);
    let line = 1 + text[..text.find("\n-90000,").unwrap() + 1].matches('\n').count();
    assert_eq!(
        reason(options.read(&path)),
        format!(
            "{}: line {line}, row 90000, column \"wide\": \"18446744073709551615\" is out of the range of int64",
            path.display()
        )
    );
    Ok(())
}

#[test]
fn dtypes_missing_values_and_fills() -> Result<()> {
    let text = "n,x\n1,0.5\nNA,NA\n3,2\n";
    let table = read(text)?;
    assert_eq!(table.dtype("n")?, Some(DType::F64));
    let int = |text: &str| Options::new().dtype_of("n", DType::I32).from_bytes(text.as_bytes());
    assert_eq!(
        reason(int(text)),
        "csv: line 3, row 1, column \"n\": the value is missing, and there is no NaN in int32: set a `fill`, or read \
         it as float64"
    );
    let filled = Options::new().fill(-1).from_bytes(text.as_bytes())?;
    assert_eq!(filled.column("n")?.to_vec::<i64>()?, [1, -1, 3]);
    assert_eq!(filled.column("x")?.to_vec::<f64>()?, [0.5, -1.0, 2.0]);
    let unfilled = Options::new().fill(f64::NAN).from_bytes(text.as_bytes())?;
    assert!(unfilled.column("n")?.to_vec::<f64>()?[1].is_nan());
    let filled = Options::new().fill(0.5).from_bytes(b"n,t\n,\n2,\n,a\n")?;
    assert_eq!(filled.column("n")?.to_vec::<f64>()?, [0.5, 2.0, 0.5]);
    assert_eq!(filled.text("t")?, [None, None, Some("a")]);
    let misfit = |field: &str, dtype| {
        let text = format!("n\n1\n{field}\n");
        let error = reason(Options::new().dtype(dtype).from_bytes(text.as_bytes()));
        error.strip_prefix("csv: line 3, row 1, column \"n\": ").map(str::to_owned).unwrap_or(error)
    };
    assert_eq!(misfit("300", DType::U8), "\"300\" is out of the range of uint8");
    assert_eq!(misfit("-1", DType::U64), "\"-1\" is out of the range of uint64");
    assert_eq!(misfit("1.5", DType::I16), "\"1.5\" is not an integer");
    assert_eq!(misfit("abc", DType::F16), "\"abc\" is not a number");
    assert_eq!(misfit("2", DType::Bool), "\"2\" is neither True nor False");
    assert_eq!(misfit("NA", DType::Bool).split(" and ").next(), Some("the value is missing,"));
    for dtype in DType::ALL {
        let table = Options::new().dtype(dtype).from_bytes(b"a,b\n1,0\n0,1\n")?;
        let x = table.to_tensor()?;
        assert_eq!((x.dtype(), table.dtype(0)?), (dtype, Some(dtype)));
        assert_eq!(x.to_dtype(DType::U8).to_vec::<u8>()?, [1, 0, 0, 1]);
    }
    // Zip codes stay what they are.
    let zips = Options::new().text("n").from_bytes(b"n\n007\n10\n")?;
    assert_eq!(zips.labels("n")?.classes, ["007", "10"]);
    assert!(reason(zips.columns(["n"])).contains("was read as text"));
    Ok(())
}

#[test]
fn comments_and_records_may_be_long() -> Result<()> {
    let comment = "# it goes on\n".repeat(50_000);
    let options = Options::new().comment(b'#');
    let table = options.from_bytes(format!("{comment}a,b\n{comment}1,2\n").as_bytes())?;
    assert_eq!((table.names(), table.rows()), (vec!["a", "b"], 1));
    let long = "x".repeat(3 << 20);
    let table = read(&format!("a,b\n{long},1\n\"{long}\",2\n"))?;
    assert_eq!(table.text("a")?, [Some(&long[..]); 2]);
    assert_eq!(table.column("b")?.to_vec::<i64>()?, [1, 2]);
    let endless = "x".repeat(70 << 20);
    assert!(reason(read(&endless)).starts_with("csv: line 1: a record of more than 64 MiB"));
    Ok(())
}

#[test]
fn classes() -> Result<()> {
    let table = read("k,b,f,t\n10,True,1.5,b\n-9,False,2,\n10,True,3,B\n")?;
    let labels = table.labels("k")?;
    assert_eq!((labels.ids.to_vec::<i64>()?, labels.classes), (vec![1, 0, 1], vec!["-9".into(), "10".into()]));
    assert_eq!(table.labels(1)?.classes, ["False", "True"]);
    assert_eq!(table.labels_as("k", &["10", "11", "-9"])?.to_vec::<i64>()?, [0, 2, 0]);
    assert_eq!(reason(table.labels_as("k", &["10"])), "csv: row 1, column \"k\": \"-9\" is not among the classes");
    assert_eq!(
        reason(table.labels("t")),
        "csv: row 1, column \"t\": the class is missing; `fill` or `keep_default_na` of the options makes it one"
    );
    assert!(reason(table.labels("f")).starts_with("csv: column \"f\" holds floats"));
    Ok(())
}

#[test]
fn what_cannot_be_read_says_where() {
    let table = read("a,a,b\n1,2,x\n").unwrap();
    assert_eq!(reason(table.column("c")), "csv: there is no column \"c\", but \"a\", \"a\", \"b\"");
    assert_eq!(reason(table.column(3)), "csv: there is no column 3, but 3: \"a\", \"a\", \"b\"");
    assert_eq!(reason(table.column("a")), "csv: two columns are called \"a\": take them by their numbers");
    assert_eq!(
        reason(table.to_tensor()),
        "csv: row 0, column \"b\": \"x\" is not a number; `labels` gives text as classes"
    );
    assert_eq!(reason(table.text(0)), "csv: column \"a\" holds numbers, no text");
    let unknown = Options::new().usecols(["z"]).from_bytes(b"a\n1\n");
    assert_eq!(reason(unknown), "csv: there is no column \"z\", but \"a\"");
    let path = std::path::Path::new("no such file.csv");
    assert!(matches!(csv::read(path), Err(Error::File { path: p, .. }) if p == path));
}

#[test]
fn a_table_without_rows_has_tensors() -> Result<()> {
    let table = read("a,b\n")?;
    assert_eq!((table.rows(), table.to_tensor()?.shape().dims()), (0, [0, 2].as_slice()));
    assert_eq!(table.column("a")?.shape(), &[0]);
    assert!(table.labels("a")?.classes.is_empty());
    let renamed = |names: &[&str]| Options::new().names(names.to_vec()).header(true).from_bytes(b"a,b\n1,2\n");
    assert_eq!((renamed(&["x", "y"])?.names(), renamed(&["x", "y"])?.rows()), (vec!["x", "y"], 1));
    let error = renamed(&["x"]).unwrap_err().to_string();
    assert!(error.ends_with("line 1: the header has 2 names, and 1 are given"), "{error}");
    let named = Options::new().names(["a"]).from_bytes(b"")?;
    assert_eq!((named.names(), named.rows()), (vec!["a"], 0));
    Ok(())
}

#[test]
fn what_is_written_reads_the_same() -> Result<()> {
    let cpu = Device::cpu();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let extremes = [0.1f64, -0.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let x = Tensor::from_slice(&extremes, [4, 2], &cpu)?;
    csv::save(&path, &["x", "say \"y\",\nz"], &x)?;
    let table = csv::read(&path)?;
    assert_eq!(table.names(), ["x", "say \"y\",\nz"]);
    let bits = |x: &Tensor| x.to_vec::<f64>().map(|v| v.into_iter().map(f64::to_bits).collect::<Vec<_>>());
    assert_eq!(bits(&table.columns_as(0..2, DType::F64)?)?, bits(&x)?);
    for dtype in DType::ALL {
        let values = Tensor::from_slice(&[0i64, 1, 2, 100], [4], &cpu)?;
        let x = (values.to_dtype(DType::F64) / if dtype.is_float() { 3.0 } else { 1.0 }).to_dtype(dtype);
        let bytes = csv::to_bytes(&[""], &x)?;
        let y = Options::new().dtype(dtype).from_bytes(&bytes)?.column("")?;
        assert_eq!(y.to_dtype(DType::F64).to_vec::<f64>()?, x.to_dtype(DType::F64).to_vec::<f64>()?, "{dtype}");
    }
    let nothing = Tensor::full([3], f64::NAN, DType::F32, &cpu)?;
    assert_eq!(csv::from_bytes(&csv::to_bytes(&["x"], &nothing)?)?.rows(), 3);
    assert!(csv::to_bytes(&["x"], &x).is_err());
    assert!(csv::to_bytes(&["x"], &Tensor::zeros([2, 2, 2], DType::F32, &cpu)).is_err());
    Ok(())
}
