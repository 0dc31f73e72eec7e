//! Whether a JPEG file is whole. Decoders fill up what is missing with grey.

/// Whether the end marker is there, behind at least one scan. What follows it does not matter: some cameras add previews
/// and padding.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    let mut scanned = false;
    loop {
        // Bytes before a marker belong to a scan, or to nothing; a marker may be filled up with more of its first byte.
        let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(0xff, rest)) else { return false };
        at += found;
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else { return false };
        at += 1;
        match marker {
            // A byte of a scan, restart markers, and what has no contents.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 => return scanned,
            _ => {
                let Some(&[high, low]) = bytes.get(at..at + 2).and_then(|size| size.first_chunk::<2>()) else {
                    return false;
                };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
                scanned |= marker == 0xda;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn the_end_is_where_no_segment_is() {
        let picture = b"\xff\xd8\xff\xe1\x00\x06\xff\xd9ab\xff\xda\x00\x03\x01data\xff\x00\xff\xd0more\xff\xff\xd9";
        assert!(is_whole(picture));
        assert!(is_whole(&[&picture[..], b"\0\0 and more"].concat()));
        for cut in 0..picture.len() {
            assert!(!is_whole(&picture[..cut]), "{cut}");
        }
        assert!(!is_whole(b"\xff\xd8\xff\xd9"));
    }
}
