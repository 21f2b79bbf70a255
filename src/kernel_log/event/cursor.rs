//! Walks along a message, word by word.

use super::Name;
use crate::kernel_log::LONGEST_COMM;
use memchr::memmem;

/// The longest escape of one byte, `\x1b`.
const LONGEST_ESCAPE: usize = 4;

/// What of a message is yet to be read. Every step that does not find what it expects yields `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// Passes over exactly this text.
    pub(super) fn pass(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Passes over this text where it is there, and says whether it was.
    pub(super) fn passes(&mut self, text: &[u8]) -> bool {
        self.pass(text).is_some()
    }

    /// Passes over one of these texts; the first that fits.
    pub(super) fn pass_any(&mut self, texts: &[&[u8]]) -> Option<()> {
        texts.iter().find_map(|text| self.pass(text))
    }

    /// Takes everything up to the first `text`, and passes over that too.
    pub(super) fn until(&mut self, text: &[u8]) -> Option<&'a [u8]> {
        let at = memmem::find(self.0, text)?;
        let (before, rest) = self.0.split_at_checked(at)?;
        self.0 = rest;
        self.pass(text)?;
        Some(before)
    }

    /// The same where no more than `limit` bytes come before it: so that a long line with many begins is not searched
    /// whole from each.
    pub(super) fn until_near(&mut self, text: &[u8], limit: usize) -> Option<&'a [u8]> {
        let near = self.0.get(..limit.saturating_add(text.len())).unwrap_or(self.0);
        let before = Cursor(near).until(text)?;
        self.0 = self.0.get(before.len()..)?;
        self.pass(text)?;
        Some(before)
    }

    /// Takes everything up to the last `text`, and passes over that too.
    pub(super) fn until_last(&mut self, text: &[u8]) -> Option<&'a [u8]> {
        let at = memmem::rfind(self.0, text)?;
        let (before, rest) = self.0.split_at_checked(at)?;
        self.0 = rest;
        self.pass(text)?;
        Some(before)
    }

    /// Takes a decimal number, all its digits.
    pub(super) fn decimal(&mut self) -> Option<u64> {
        self.digits(u8::is_ascii_digit, 10)
    }

    /// Takes a decimal number that a process, a port or a small count can be.
    pub(super) fn small(&mut self) -> Option<u32> {
        self.decimal()?.try_into().ok()
    }

    /// Takes a hexadecimal number, all its digits, without `0x`.
    pub(super) fn hex(&mut self) -> Option<u64> {
        self.digits(u8::is_ascii_hexdigit, 16)
    }

    /// Takes an address as `%p` prints it: padded with spaces, and `(null)` for 0 up to 3.x.
    pub(super) fn pointer(&mut self) -> Option<u64> {
        self.0 = self.0.trim_ascii_start();
        if self.passes(b"(null)") { Some(0) } else { self.hex() }
    }

    fn digits(&mut self, is_digit: fn(&u8) -> bool, radix: u32) -> Option<u64> {
        let length = self.0.iter().position(|byte| !is_digit(byte)).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at_checked(length)?;
        let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
        self.0 = rest;
        Some(value)
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.0.trim_ascii_end().is_empty()
    }
}

/// Splits a message that begins with the name of a task: `mark` stands behind the name, `read` makes sense of what
/// follows the mark.
///
/// The name itself may hold the mark, but has no more than 15 bytes: of the marks that leave such a name the last counts
/// that makes sense.
pub(super) fn split_name<'a, T>(
    message: &'a [u8],
    mark: &[u8],
    read: impl Fn(Cursor<'a>) -> Option<T>,
) -> Option<(Name, T)> {
    let mut found = None;
    // Beyond that no mark can leave a name that is short enough.
    let near = message.get(..LONGEST_COMM * LONGEST_ESCAPE + mark.len()).unwrap_or(message);
    for at in memmem::find_iter(near, mark) {
        let (name, rest) = message.split_at_checked(at)?;
        if length_unescaped(name) <= LONGEST_COMM {
            let mut cursor = Cursor(rest);
            cursor.pass(mark)?;
            found = read(cursor).map(|read| (Name::from(name), read)).or(found);
        }
    }
    found
}

/// How many bytes a name had before a log writer escaped it, at least: rsyslog writes `#033`, others `\x1b` or `\033`,
/// and the replacement character stands for one byte or more.
fn length_unescaped(name: &[u8]) -> usize {
    let mut rest = name;
    let mut length: usize = 0;
    while let Some((_, after)) = rest.split_first() {
        rest = match rest {
            [b'#' | b'\\', b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', after @ ..] => after,
            [b'\\', b'x', _, _, after @ ..] | [0xef, 0xbf, 0xbd, after @ ..] => after,
            _ => after,
        };
        length += 1;
    }
    length
}
