//! Small pieces of a kernel message: numbers, sizes, what stands between two words.

use crate::units::{Bytes, Pid};
use memchr::memmem;

/// The number a text begins with, and what follows it.
pub fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// The same with a sign.
pub fn signed(text: &[u8]) -> Option<(i32, &[u8])> {
    match text.strip_prefix(b"-") {
        Some(rest) => number(rest).and_then(|(n, rest)| Some((i32::try_from(n).ok()?.checked_neg()?, rest))),
        None => number(text).and_then(|(n, rest)| Some((i32::try_from(n).ok()?, rest))),
    }
}

/// The process id a text begins with; a pid is above 0 and below 4 Mi (`PID_MAX_LIMIT`, include/linux/threads.h).
pub fn pid(text: &[u8]) -> Option<(Pid, &[u8])> {
    const MOST: u64 = 4 << 20;
    let (pid, rest) = number(text)?;
    Some((Pid(i32::try_from(pid).ok().filter(|_| (1..=MOST).contains(&pid))?), rest))
}

/// What stands after `key`; none where it is not there.
pub fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(text, key)?;
    text.get(at + key.len()..)
}

/// The number after `key`, where something follows it: one that the text ends in may have lost digits.
pub fn whole_number_after(text: &[u8], key: &[u8]) -> Option<u64> {
    number(after(text, key)?).filter(|(_, rest)| !rest.is_empty()).map(|(number, _)| number)
}

/// The size after `key`, which the kernel writes as `12kB` and means KiB. Without the unit the text is cut.
pub fn kib_after(text: &[u8], key: &[u8]) -> Option<Bytes> {
    let (kib, rest) = number(after(text, key)?)?;
    rest.starts_with(b"kB").then(|| Bytes::from_kib(kib))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_was_cut_is_none() {
        assert_eq!(kib_after(b"total-vm:55416kB, anon-rss:38", b"total-vm:"), Some(Bytes::from_kib(55416)));
        assert_eq!(kib_after(b"total-vm:55416kB, anon-rss:38", b"anon-rss:"), None);
        assert_eq!(kib_after(b"x", b"anon-rss:"), None);
    }

    #[test]
    fn numbers_that_do_not_fit_are_none() {
        assert_eq!(number(b"99999999999999999999999"), None);
        assert_eq!(signed(b"-1000 x"), Some((-1000, &b" x"[..])));
        assert_eq!(pid(b"0 "), None);
        assert_eq!(pid(b"4194305"), None);
        assert_eq!(pid(b"4194304"), Some((Pid(4_194_304), &b""[..])));
    }
}
