//! Escapes that the tools put into a message, and how to undo them.

/// How a frame writes bytes that do not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Escape {
    /// As they are.
    #[default]
    Plain,
    /// `/dev/kmsg`: `\xHH` for each byte that is not printable ASCII, and for the backslash itself.
    Kmsg,
    /// dmesg(1): `\xHH` for what does not print in its locale, but a backslash stays as it is. So `\x5c` in there was
    /// printed by the kernel, letter by letter.
    Dmesg,
    /// rsyslogd: `#ooo` for control characters (`$EscapeControlCharactersOnReceive`), but `#` stays as it is.
    Octal,
}

impl Escape {
    /// Adds `text` to `message`, escapes undone.
    pub(super) fn undo(self, text: &[u8], message: &mut Vec<u8>) {
        match self {
            Self::Plain => message.extend_from_slice(text),
            Self::Kmsg => undo(text, b'\\', message, |rest| hex(rest)),
            Self::Dmesg => {
                undo(text, b'\\', message, |rest| hex(rest).filter(|(byte, _)| !(0x20..0x7f).contains(byte)))
            }
            Self::Octal => undo(text, b'#', message, octal),
        }
    }
}

/// Copies `text`, and where `mark` begins an escape that `read` knows, the byte it stands for.
fn undo(text: &[u8], mark: u8, message: &mut Vec<u8>, read: impl Fn(&[u8]) -> Option<(u8, &[u8])>) {
    let mut rest = text;
    while let Some((before, after)) = memchr::memchr(mark, rest).and_then(|at| rest.split_at_checked(at)) {
        message.extend_from_slice(before);
        let after = after.get(1..).unwrap_or_default();
        match read(after) {
            Some((byte, behind)) => {
                message.push(byte);
                rest = behind;
            }
            None => {
                message.push(mark);
                rest = after;
            }
        }
    }
    message.extend_from_slice(rest);
}

fn hex(rest: &[u8]) -> Option<(u8, &[u8])> {
    let [b'x', high, low, behind @ ..] = rest else { return None };
    Some(((nibble(*high)? << 4) | nibble(*low)?, behind))
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn octal(rest: &[u8]) -> Option<(u8, &[u8])> {
    let [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', behind @ ..] = rest else { return None };
    let byte = ((high - b'0') << 6) | ((middle - b'0') << 3) | (low - b'0');
    byte.is_ascii_control().then_some((byte, behind))
}

/// Takes `ESC [ … m` out: the colours of dmesg(1), which writes an ESC of the kernel's as `\x1b`.
pub(super) fn without_colours(line: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    let mut rest = line;
    while let Some((before, after)) = memchr::memchr(0x1b, rest).and_then(|at| rest.split_at_checked(at)) {
        plain.extend_from_slice(before);
        match colour(after) {
            Some(behind) => rest = behind,
            None => {
                plain.push(0x1b);
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    plain.extend_from_slice(rest);
}

/// What is behind a colour.
pub(super) fn colour(text: &[u8]) -> Option<&[u8]> {
    let codes = text.strip_prefix(b"\x1b[")?;
    let end = codes.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';')?;
    codes.get(end..)?.strip_prefix(b"m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn undone(escape: Escape, text: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        escape.undo(text, &mut message);
        message
    }

    #[test]
    fn each_tool_escapes_in_its_own_way() {
        assert_eq!(undone(Escape::Kmsg, br"a\x5cb\x0ac\xff"), b"a\\b\nc\xff");
        assert_eq!(undone(Escape::Dmesg, br"a\x5cb\x1bc\xff\y"), b"a\\x5cb\x1bc\xff\\y");
        assert_eq!(undone(Escape::Octal, b"a#012b#011#101#999#"), b"a\nb\t#101#999#");
    }

    #[test]
    fn colours_are_taken_out_and_other_escapes_stay() {
        let mut plain = Vec::new();
        without_colours(b"\x1b[32m[    1.0] \x1b[0m\x1b[1;31mred\x1b[0m\x1b[2J\x1b", &mut plain);
        assert_eq!(plain, b"[    1.0] red\x1b[2J\x1b");
    }

    proptest! {
        #[test]
        fn what_kmsg_escapes_is_read_back(message: Vec<u8>) {
            let mut text = Vec::new();
            for byte in &message {
                match byte {
                    b' '..=b'~' if *byte != b'\\' => text.push(*byte),
                    _ => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
                }
            }
            prop_assert_eq!(undone(Escape::Kmsg, &text), message);
        }

        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let mut plain = Vec::new();
            without_colours(&text, &mut plain);
            for escape in [Escape::Plain, Escape::Kmsg, Escape::Dmesg, Escape::Octal] {
                prop_assert!(undone(escape, &text).len() <= text.len());
            }
        }
    }
}
