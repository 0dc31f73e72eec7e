//! Where a line ends: behind `\n`, behind `\r\n`, and behind a `\r` that no `\n` follows.

use memchr::{memchr_iter, memchr2, memrchr2};

pub(super) fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The place behind the line break that is at `at`.
pub(super) fn behind(bytes: &[u8], at: usize) -> usize {
    match bytes[at..] {
        [b'\r', b'\n', ..] => at + 2,
        _ => at + 1,
    }
}

/// The place behind the line that `at` is in; the end of the bytes if there is no line break.
pub(super) fn next_line(bytes: &[u8], at: usize) -> usize {
    memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |found| behind(bytes, at + found))
}

/// The place behind the last line break.
pub(super) fn last_line(bytes: &[u8]) -> Option<usize> {
    memrchr2(b'\n', b'\r', bytes).map(|at| at + 1)
}

/// How many line breaks there are.
pub(super) fn count(bytes: &[u8]) -> u64 {
    let is_lone = |&at: &usize| bytes.get(at + 1) != Some(&b'\n');
    (memchr_iter(b'\n', bytes).count() + memchr_iter(b'\r', bytes).filter(is_lone).count()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_of_every_kind_are_counted_once() {
        for (text, lines) in [("", 0), ("a", 0), ("a\nb\n", 2), ("a\r\nb\r\n", 2), ("a\rb\r", 2), ("\r\r\n\n\r", 4)] {
            let bytes = text.as_bytes();
            assert_eq!(count(bytes), lines, "{text:?}");
            let (mut at, mut walked) = (0, 0);
            while at < bytes.len() {
                at = next_line(bytes, at);
                walked += u64::from(is_break(bytes[at - 1]));
            }
            assert_eq!(walked, lines, "{text:?}");
            assert_eq!(last_line(bytes).unwrap_or(0) == bytes.len(), text.is_empty() || lines > 0);
        }
    }
}
