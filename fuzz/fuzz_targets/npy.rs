//! Any bytes as a `.npy` file: an array, or a record of fields. What is read is the same when written and read again.
#![no_main]

use kiln::{
    io::npy::{Field, NpyFile},
    prelude::*,
};
use kiln_fuzz::assert_same;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = NpyFile::from_bytes(bytes) else {
        return;
    };
    let again: NpyFile;
    if let Ok(x) = file.tensor() {
        let written = npy::to_bytes(&x).expect("what was read can be written");
        again = NpyFile::from_bytes(&written).expect("what was written can be read");
        assert_same(&x, &again.tensor().expect("an array"));
        assert_eq!(again.shape(), file.shape());
        if let Ok(y) = file.mmap() {
            assert_same(&x, &y);
        }
    }
    let mut fields = Vec::new();
    visit(&file, file.fields(), "", &mut fields);
    // A record for each row, so all have as many.
    let rows = fields.first().and_then(|(_, x)| x.shape().first().copied());
    fields.retain(|(name, x)| !name.is_empty() && x.shape().first().copied() == rows);
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields.dedup_by(|(a, _), (b, _)| a == b);
    if fields.is_empty() {
        return;
    }
    let named: Vec<_> = fields.iter().map(|(name, x)| (&name[..], x)).collect();
    let written = npy::fields_to_bytes(&named).expect("what was read can be written");
    let again = NpyFile::from_bytes(&written).expect("what was written can be read");
    assert_eq!(again.names(), named.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, x) in named {
        assert_same(x, &again.field(name).expect("a field"));
    }
});

/// Reads the fields that hold numbers, up to some.
fn visit(file: &NpyFile, fields: &[Field], prefix: &str, out: &mut Vec<(String, Tensor)>) {
    for field in fields.iter().take(20) {
        let path = format!("{prefix}{}", field.name());
        if let Ok(x) = file.field(&path) {
            if let Ok(y) = file.mmap_field(&path) {
                assert_same(&x, &y);
            }
            out.push((path.clone(), x));
        }
        visit(file, field.fields(), &format!("{path}."), out);
    }
}
