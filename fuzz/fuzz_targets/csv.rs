//! Tables: what is read is written, and read again as the same numbers. It does not depend on blocks.
#![no_main]

use kiln::{
    DType,
    io::csv::{self, BadLines, Encoding, Options, Table},
};
use libfuzzer_sys::fuzz_target;

/// All that a table holds, or what is wrong.
fn told(table: kiln::Result<Table>) -> String {
    let table = match table {
        Ok(table) => table,
        Err(error) => return error.to_string(),
    };
    let column = |i: usize| match table.dtype(i).expect("a column") {
        None => format!("{:?}", table.text(i).expect("text")),
        Some(dtype) => {
            // Integers of 64 bits do not fit into floats.
            let x = table.column(i).expect("numbers");
            let wide = x.to_dtype(DType::F64).to_vec::<f64>().expect("floats");
            format!("{dtype} {wide:?} {:?}", x.to_dtype(DType::U64).to_vec::<u64>().expect("integers"))
        }
    };
    let columns: Vec<String> = (0..table.names().len()).map(column).collect();
    format!("{:?} {columns:?} {:?}", table.names(), table.bad_lines())
}

fuzz_target!(|bytes: &[u8]| {
    let others = [
        Options::new().delimiter(b';').comment(b'#').header(false).na_values(["-1"]).skiprows(1),
        Options::new().dtype(DType::I16).fill(7),
        Options::new().usecols([0]).text(0),
        Options::new().delim_whitespace(true).comment(b'#').on_bad_lines(BadLines::Skip).skipfooter(1),
        Options::new().escapechar(b'\\').skipinitialspace(true).nrows(3).skiprows(1).keep_default_na(false),
        Options::new().quoting(false).delimiter(b';').decimal(b',').thousands(b'.').encoding(Encoding::Windows1252),
        Options::new().encoding(Encoding::Utf16).quotechar(b'\'').doublequote(false).fill("none"),
    ];
    for options in others {
        let whole = told(options.from_bytes(bytes));
        for size in [1, 2, 7, 33] {
            assert_eq!(told(options.clone().block_size(size).from_bytes(bytes)), whole, "blocks of {size} bytes");
        }
        let _ = options.from_bytes(bytes).map(|table| (table.labels(0), table.to_tensor()));
    }
    let Ok(table) = csv::from_bytes(bytes) else { return };
    let numbers: Vec<usize> = (0..table.names().len()).filter(|&i| matches!(table.dtype(i), Ok(Some(_)))).collect();
    for i in 0..table.names().len() {
        let labels = table.labels(i);
        if let Ok(labels) = labels {
            let again = table.labels_as(i, &labels.classes).expect("every class is known");
            assert_eq!(again.to_vec::<i64>().unwrap(), labels.ids.to_vec::<i64>().unwrap());
        }
    }
    if numbers.is_empty() {
        return;
    }
    let names: Vec<String> = numbers.iter().map(|i| format!("column {i}")).collect();
    let x = table.columns_as(numbers, DType::F64).expect("numbers are floats");
    let written = csv::to_bytes(&names, &x).expect("floats can be written");
    let again = csv::from_bytes(&written).expect("what was written can be read");
    let y = again.columns_as(0..names.len(), DType::F64).expect("numbers stay numbers");
    assert_eq!(again.names(), names);
    let bits = |values: Vec<f64>| {
        values.into_iter().map(|v| if v.is_nan() { None } else { Some(v.to_bits()) }).collect::<Vec<_>>()
    };
    assert_eq!(bits(y.to_vec().unwrap()), bits(x.to_vec().unwrap()));
});
