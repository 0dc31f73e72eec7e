//! Safetensors files: what is read is written, and read again as the same bytes.
#![no_main]

use kiln::io::safetensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tensors) = safetensors::from_bytes(bytes) else { return };
    let written = safetensors::to_bytes(&tensors).expect("what was read can be written");
    let again = safetensors::from_bytes(&written).expect("what was written can be read");
    assert!(again.keys().eq(tensors.keys()));
    for (name, x) in &tensors {
        let y = &again[name];
        assert_eq!((x.dtype(), x.shape()), (y.dtype(), y.shape()));
    }
    assert_eq!(safetensors::to_bytes(&again).expect("and written once more"), written);
});
