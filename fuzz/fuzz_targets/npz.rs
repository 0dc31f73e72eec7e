//! Any bytes as an `.npz` archive. What is read is the same when written and read again.
#![no_main]

use kiln::prelude::*;
use kiln_fuzz::assert_same;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(archive) = npz::from_bytes(bytes.to_vec()) else {
        return;
    };
    let archive = archive.with_limit(1 << 20);
    let arrays: Vec<_> = archive.names().into_iter().filter_map(|name| Some((name, archive.get(name).ok()?))).collect();
    let named: Vec<_> = arrays.iter().map(|(name, x)| (*name, x)).collect();
    let written = npz::to_bytes(&named).expect("what was read can be written");
    let again = npz::from_bytes(written).expect("what was written can be read");
    assert_eq!(again.names(), named.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, x) in named {
        assert_same(x, &again.get(name).expect("an array"));
    }
});
