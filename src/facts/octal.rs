//! The octal escapes of mount tables: `\040` for a space, `\134` for a backslash (fstab(5), proc_pid_mountinfo(5)).

/// One field with its escapes decoded, lossily where the bytes are no UTF-8.
///
/// A backslash that three octal digits do not follow is data, as libmount and the kernel have it.
pub(super) fn decode(field: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'\\' { octal_byte(after) } else { None };
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    String::from_utf8(decoded).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// The byte that the first three octal digits stand for; `\777` wraps as it does in libmount.
fn octal_byte(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..3)?;
    digits.iter().all(|d| (b'0'..=b'7').contains(d)).then(|| {
        let value = digits.iter().fold(0u32, |sum, d| sum * 8 + u32::from(d - b'0'));
        (value & 0xff) as u8
    })
}

/// A field of a mount table with the escapes it needs: blanks, line ends and the backslash itself.
pub fn encode(text: &str) -> String {
    text.replace('\\', r"\134").replace(' ', r"\040").replace('\t', r"\011").replace('\n', r"\012")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_is_a_backslash_and_three_octal_digits() {
        for (field, text) in [
            (r"/srv/my\040mem", "/srv/my mem"),
            (r"a\011b\012c\134d", "a\tb\nc\\d"),
            (r"\134040", r"\040"),
            (r"ends\04", r"ends\04"),
            (r"no\08x", r"no\08x"),
            (r"\303\274", "ü"),
            ("\\", "\\"),
        ] {
            assert_eq!(decode(field.as_bytes()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(text in "(?s).*") {
            prop_assert_eq!(decode(encode(&text).as_bytes()), text);
        }
    }
}
