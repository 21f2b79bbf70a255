//! What dmesg(1) prints in its many forms, and syslog(2): `[  929.589657] MSG`.

use super::date::{self, LONGEST};
use super::escape::Escape;
use super::framed::{Author, Dress, Framed, Head};
use super::kmsg;
use super::priority::{self, Priority};
use super::scan::Scan;
use super::words;
use crate::kernel_log::{Caller, Origin, Stamp};

/// A stamp of the kernel's own, and what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamped<'a> {
    pub(super) stamp: Stamp,
    pub(super) caller: Option<Caller>,
    pub(super) dress: Dress,
    pub(super) text: &'a [u8],
}

impl<'a> Stamped<'a> {
    fn of(stamp: Stamp, text: &'a [u8]) -> Self {
        Self { stamp, caller: None, dress: Dress::Line, text }
    }
}

/// A line of `-x`, or of dmesg(1) with a stamp and nothing before it.
pub(super) fn read(line: &[u8]) -> Option<Framed<'_>> {
    let (priority, rest) = match decoded(line) {
        Some((priority, rest)) => (priority, rest),
        None => (Priority { origin: Origin::Unsaid, level: None }, line),
    };
    match stamped(rest) {
        Some(stamped) => Some(framed(priority, stamped)),
        None if priority.origin != Origin::Unsaid => Some(framed(priority, Stamped::of(Stamp::default(), rest))),
        None => None,
    }
}

/// A message of this priority and stamp.
pub(super) fn framed(priority: Priority, stamped: Stamped<'_>) -> Framed<'_> {
    let Priority { origin, level } = priority;
    let head = Head { level, stamp: stamped.stamp, caller: stamped.caller, ..Head::of(origin) };
    Framed { head, author: Author::default(), text: stamped.text, escape: Escape::Dmesg, dress: stamped.dress }
}

/// `kern  :warn  : ` of `dmesg -x`.
fn decoded(line: &[u8]) -> Option<(Priority, &[u8])> {
    let mut scan = Scan::of(line);
    let facility = scan.until(b':', 12)?.trim_ascii_end();
    let origin = priority::facility(facility)?;
    let level = priority::level(scan.until(b':', 12)?.trim_ascii_end())?;
    scan.text(b" ")?;
    Some((Priority { origin, level: Some(level) }, scan.rest()))
}

/// The stamp of any form.
pub(super) fn stamped(text: &[u8]) -> Option<Stamped<'_>> {
    match text.first()? {
        b'[' => kernel(text).or_else(|| bracketed(text)),
        b'0'..=b'9' => iso(text),
        _ => None,
    }
}

/// `[  929.589657] `, `[  580.340726][T19113] `, `[  929.589657 <    0.000010>] `.
pub(super) fn kernel(text: &[u8]) -> Option<Stamped<'_>> {
    let mut scan = Scan::of(text);
    scan.text(b"[")?;
    scan.spaces();
    let micros = seconds(&mut scan)?;
    delta(&mut scan);
    scan.text(b"]")?;
    let caller = caller(&mut scan);
    scan.took(b' ');
    let stamp = Stamp { boot_micros: Some(micros), wall: None, derived: false };
    Some(Stamped { stamp, caller, dress: Dress::Bracket, text: scan.rest() })
}

/// `929.589657` as microseconds. The kernel prints six digits, dmesg(1) too: a bracket with fewer is something else.
pub(super) fn seconds(scan: &mut Scan<'_>) -> Option<u64> {
    let seconds = scan.number()?;
    scan.text(b".")?;
    let (micros, digits) = scan.digits()?;
    if digits != 6 {
        return None;
    }
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

/// ` <    0.000010>` behind the stamp, of `dmesg -d` and `journalctl -o short-delta`, which has more words in there.
fn delta(scan: &mut Scan<'_>) {
    let mut ahead = *scan;
    ahead.spaces();
    let Some(inside) = ahead.text(b"<").and_then(|()| ahead.until(b'>', 40)) else { return };
    // A message may well begin with ` <TASK>`.
    let inside = inside.trim_ascii().strip_suffix(b"*").unwrap_or(inside).trim_ascii();
    if inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        *scan = ahead;
        if ahead.rest().starts_with(b" ]") {
            scan.spaces();
        }
    }
}

/// `[T19113]`, `[    C1]`, also with a space before it.
fn caller(scan: &mut Scan<'_>) -> Option<Caller> {
    let mut ahead = *scan;
    let apart = ahead.took(b' ');
    ahead.text(b"[")?;
    let caller = kmsg::caller(ahead.until(b']', 16)?.trim_ascii_start())?;
    // A process may be called `[T1]`: then the message goes on with what it did.
    if apart && ahead.rest().starts_with(b" invoked oom-killer:") {
        return None;
    }
    *scan = ahead;
    Some(caller)
}

/// Brackets of `-T`, `-e`, `-d -t`.
fn bracketed(text: &[u8]) -> Option<Stamped<'_>> {
    let mut scan = Scan::of(text);
    scan.text(b"[")?;
    let inside = scan.until(b']', LONGEST + 40)?;
    let stamped = |wall, dress| Stamped {
        stamp: Stamp { wall, boot_micros: None, derived: true },
        caller: None,
        dress,
        text: b"",
    };
    let stamped = if let Some(micros) = since(inside) {
        stamped(None, Dress::Since(micros))
    } else if let Some(wall) = words::of_minute(inside) {
        stamped(wall, Dress::Minute)
    } else {
        stamped(spelled_out(inside)?, Dress::Line)
    };
    let caller = caller(&mut scan);
    scan.took(b' ');
    Some(Stamped { caller, text: scan.rest(), ..stamped })
}

/// `  +0.000008`, and `<    0.000008>` of `--time-format delta`.
fn since(inside: &[u8]) -> Option<u64> {
    let mut scan = Scan::of(inside);
    let angled = scan.took(b'<');
    scan.spaces();
    if !angled {
        scan.text(b"+")?;
    }
    let micros = seconds(&mut scan)?;
    scan.took(b'>');
    scan.rest().is_empty().then_some(micros)
}

/// `Fri Nov 20 19:01:18 2026`, in any locale, with ` <    0.000010>` perhaps. No time is known where the words are of a
/// locale that is not.
fn spelled_out(inside: &[u8]) -> Option<Option<crate::kernel_log::Wall>> {
    let mut scan = Scan::of(inside);
    if let Some(wall) = words::in_words(&mut scan) {
        delta(&mut scan);
        if scan.rest().is_empty() {
            return Some(wall);
        }
    }
    let date = memchr::memmem::find(inside, b" <").and_then(|at| inside.get(..at)).unwrap_or(inside);
    words::ends_in_year(date).then_some(None)
}

/// `2026-11-20T19:01:18,589657+00:00 `.
fn iso(text: &[u8]) -> Option<Stamped<'_>> {
    let mut scan = Scan::of(text);
    let wall = date::iso(&mut scan).filter(date::Iso::is_dmesg)?.wall;
    delta(&mut scan);
    let caller = caller(&mut scan);
    // Nothing follows where the message is empty and the line was trimmed.
    if !scan.took(b' ') && scan.peek().is_some() {
        return None;
    }
    Some(Stamped { caller, ..Stamped::of(Stamp { boot_micros: None, wall: Some(wall), derived: true }, scan.rest()) })
}
