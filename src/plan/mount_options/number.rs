//! Numbers as the options of a tmpfs have them.

/// A number as options have it, with the largest of the suffixes `k`, `m`, `g` that it is a multiple of.
pub fn count(n: u64) -> String {
    let suffix =
        [(30, 'g'), (20, 'm'), (10, 'k')].into_iter().find(|(shift, _)| n > 0 && n.is_multiple_of(1u64 << shift));
    suffix.map_or_else(|| n.to_string(), |(shift, letter)| format!("{}{letter}", n >> shift))
}

/// A number as the kernel's `memparse` reads it: `0x` is hexadecimal, a leading 0 octal, and the suffixes `k` to `e`
/// are powers of 1024. (Seen on Linux 6.18: `size=0100k` is 64 KiB.)
pub(super) fn number(value: &str) -> Option<u64> {
    let (digits, shift) = match value.char_indices().next_back()? {
        (at, suffix @ ('k' | 'K' | 'm' | 'M' | 'g' | 'G' | 't' | 'T' | 'p' | 'P')) => (value.get(..at)?, shift(suffix)),
        // In hexadecimal `e` is a digit.
        (at, 'e' | 'E') if !is_hexadecimal(value) => (value.get(..at)?, 60),
        _ => (value, 0),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => (hexadecimal, 16),
        None if digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let signed = digits.starts_with('+');
    let number = u64::from_str_radix(digits, radix).ok().filter(|_| !signed)?;
    number.checked_mul(1 << shift)
}

fn is_hexadecimal(value: &str) -> bool {
    value.starts_with("0x") || value.starts_with("0X")
}

fn shift(suffix: char) -> u32 {
    match suffix.to_ascii_lowercase() {
        'k' => 10,
        'm' => 20,
        'g' => 30,
        't' => 40,
        _ => 50,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_the_kernel_does() {
        for (text, value) in [
            ("64m", Some(64 << 20)),
            ("64M", Some(64 << 20)),
            ("1e", Some(1 << 60)),
            ("0x10", Some(16)),
            ("0x1e", Some(30)),
            ("0100k", Some(64 << 10)),
            ("0", Some(0)),
            ("16e", None),
            ("+1", None),
            ("1.5m", None),
            ("m", None),
            ("", None),
            ("ü", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_count_is_read_as_it_was_written(n: u64) {
            prop_assert_eq!(number(&count(n)), Some(n));
        }

        #[test]
        fn no_text_panics(text: String) {
            number(&text);
        }
    }
}
