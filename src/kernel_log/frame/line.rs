//! Which frame a line has.

use super::brackets::Brackets;
use super::framed::{Dress, Framed};
use super::scan::Scan;
use super::syslog;
use super::words;
use super::{dmesg, kmsg, wrapper};
use crate::kernel_log::Origin;

/// Takes off what is no part of a line: NUL bytes that a crash left in the file, a byte order mark, a carriage return,
/// the record separator of `-o json-seq`.
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let Some(rest) = line.strip_prefix(b"\0").or_else(|| line.strip_prefix("\u{feff}".as_bytes())) {
        line = rest;
    }
    while let Some(rest) = line.strip_suffix(b"\r") {
        line = rest;
    }
    line.strip_prefix(b"\x1e").unwrap_or(line)
}

/// The message of a line of text and what its frame tells; none where it has no frame.
pub(super) fn read<'a>(line: &'a [u8], brackets: &Brackets) -> Option<Framed<'a>> {
    match line.first()? {
        b'<' => syslog::with_priority(line),
        b'[' => bracket(line, brackets),
        b'0'..=b'9' => kmsg::read(line)
            .or_else(|| dmesg::read(line))
            .or_else(|| syslog::read(line))
            .or_else(|| wrapper::logger(line))
            .or_else(|| wrapper::talos(line)),
        // No tool begins a line with a space, but each indents what goes on. Names of months may begin so.
        b' ' => line.strip_prefix(b" ").filter(|date| words::opens_with_month(date)).and_then(syslog::read),
        b'\t' => None,
        _ => syslog::read(line).or_else(|| dmesg::read(line)).or_else(|| wrapper::talos(line)),
    }
}

fn bracket<'a>(line: &'a [u8], brackets: &Brackets) -> Option<Framed<'a>> {
    let Some(framed) = dmesg::read(line) else { return wrapper::application(line) };
    if framed.dress != Dress::Bracket {
        return Some(framed);
    }
    let stamped =
        dmesg::Stamped { stamp: framed.head.stamp, caller: framed.head.caller, dress: framed.dress, text: framed.text };
    syslog::monotonic(stamped, brackets).or(Some(framed))
}

/// Whether journalctl(1) says something itself here: `-- Boot … --`, `-- No entries --`. It does so in the words of the
/// locale; behind the message of another program, which may have such lines too, only its English words count.
pub(super) fn is_head(line: &[u8], before: Origin) -> bool {
    const WORDS: [&[u8]; 5] =
        [b"-- Logs begin at ", b"-- Journal begins at ", b"-- Boot ", b"-- Reboot --", b"-- No entries --"];
    let ruled = line.starts_with(b"-- ") && line.ends_with(b" --");
    ruled && (before != Origin::Other || WORDS.iter().any(|words| line.starts_with(words)))
}

/// Whether an unframed line begins a report of its own, with something else before it in the same text.
pub(super) fn begins_report(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 3] =
        [b"Memory cgroup out of memory: Killed process ", b"Out of memory: Kill", b"oom-kill:constraint="];
    if Scan::of(line).peek().is_none_or(|byte| byte == b' ' || byte == b'\t') {
        return false;
    }
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
        || memchr::memmem::find(line, b" invoked oom-killer: ").is_some()
}
