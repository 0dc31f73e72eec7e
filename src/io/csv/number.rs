//! Numbers in fields.

use std::str::FromStr;

/// So many decimal digits always fit in 64 bits.
const DIGITS: usize = 18;

/// What Rust's own parser reads, blanks aside.
pub(super) fn parse<T: FromStr>(field: &[u8]) -> Option<T> {
    str::from_utf8(field.trim_ascii()).ok()?.parse().ok()
}

/// An integer that is one as a float, too: `-0` is not.
pub(super) fn integer(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > DIGITS {
        return parse(field).filter(|&value| value != 0 || !field.contains(&b'-'));
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return parse(field).filter(|&value| value != 0 || !field.contains(&b'-'));
        }
        value = value * 10 + i64::from(digit);
    }
    match (negative, value) {
        (true, 0) => None,
        (true, value) => Some(-value),
        (false, value) => Some(value),
    }
}

/// The float nearest to the text. NaN is a missing value, not a number.
pub(super) fn float(field: &[u8]) -> Option<f64> {
    let value = fast_float2::parse(field).or_else(|_| fast_float2::parse(field.trim_ascii()));
    value.ok().filter(|value: &f64| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decimals_are_rounded_once(text in r"[-+]?[0-9]{0,20}\.?[0-9]{0,20}(e[-+]?[0-9]{1,3})?") {
            let nearest: Option<f64> = text.parse().ok();
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), nearest.map(f64::to_bits));
        }

        #[test]
        fn floats_come_back(value in any::<f64>().prop_filter("a number", |v| !v.is_nan())) {
            for text in [format!("{value:?}"), format!("{value:e}"), format!(" {value} ")] {
                prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()));
            }
        }

        #[test]
        fn integers_are_those_of_rust(text in r"[-+]?[0-9]{0,21}[ x]?") {
            let value = text.trim().parse().ok().filter(|&value: &i64| value != 0 || !text.contains('-'));
            prop_assert_eq!(integer(text.as_bytes()), value);
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", ".", "-", "-.", "1.2.3", "1e", "0x10", "1_0", "nan", "1 2", "--1", "\u{b2}", "1\0"] {
            assert_eq!((float(text.as_bytes()), integer(text.as_bytes())), (None, None), "{text:?}");
        }
        assert_eq!((integer(b"-0"), float(b"-0").map(f64::to_bits)), (None, Some((-0.0f64).to_bits())));
        assert_eq!((float(b"inf"), float(b"-Infinity")), (Some(f64::INFINITY), Some(f64::NEG_INFINITY)));
    }
}
