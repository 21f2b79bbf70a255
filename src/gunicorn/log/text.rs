//! Small readings that all lines share.

use super::told::LONGEST_TEXT;
use crate::units::Pid;
use bstr::ByteSlice;

/// The number at the beginning, and what is behind it.
pub(super) fn number(text: &[u8]) -> Option<(i32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    Some((digits.to_str().ok()?.parse().ok()?, rest))
}

/// The process at the beginning, and what is behind it. No process has the number 0.
pub(super) fn pid(text: &[u8]) -> Option<(Pid, &[u8])> {
    number(text).filter(|(number, _)| *number > 0).map(|(number, rest)| (Pid(number), rest))
}

/// The process between two texts, of which the second ends the line.
pub(super) fn pid_between(text: &[u8], before: &[u8], after: &[u8]) -> Option<Pid> {
    let (pid, rest) = pid(text.strip_prefix(before)?)?;
    (rest == after).then_some(pid)
}

/// What is kept of a text that others wrote.
pub(super) fn kept(text: &[u8]) -> Box<str> {
    String::from_utf8_lossy(cut(text)).into()
}

/// The first bytes of a text, as many as are kept.
pub(super) fn cut(text: &[u8]) -> &[u8] {
    text.get(..LONGEST_TEXT).unwrap_or(text)
}

/// The first line of a text, and what is behind its newline.
pub(super) fn first_line(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.find_byte(b'\n').and_then(|end| text.split_at_checked(end)) {
        Some((line, rest)) => (without_return(line), rest.get(1..)),
        None => (without_return(text), None),
    }
}

/// A line without the carriage return at its end.
pub(super) fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
