//! Tables: what is read is written, and read again as the same numbers.
#![no_main]

use kiln::{
    DType,
    io::csv::{self, Options},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let others = [
        Options::new().delimiter(b';').comment(b'#').header(false).na_values(["-1"]).skiprows(1),
        Options::new().dtype(DType::I16).fill(7),
        Options::new().usecols([0]).text(0),
    ];
    for options in others {
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
