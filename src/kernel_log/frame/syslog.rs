//! What syslog daemons and journalctl(1) put before a message: a date, a host and a tag.

use super::brackets::Brackets;
use super::date;
use super::dmesg::{self, Stamped};
use super::escape::{Escape, colour};
use super::framed::{Author, Dress, Framed, Head, pid};
use super::priority::Priority;
use super::scan::Scan;
use super::words;
use crate::kernel_log::{Origin, Stamp, Wall};

/// A line that begins with a digit or a letter: traditional, ISO and Unix dates.
pub(super) fn read(line: &[u8]) -> Option<Framed<'_>> {
    dated(line, None)
}

/// A line that begins with `<4>` or `<kern.warning>`.
pub(super) fn with_priority(line: &[u8]) -> Option<Framed<'_>> {
    let mut scan = Scan::of(line);
    scan.text(b"<")?;
    let words = scan.until(b'>', 24)?;
    let priority = priority(words)?;
    let rest = scan.rest();
    if let Some(framed) = rfc5424(rest, priority).or_else(|| dated(rest, Some(priority))) {
        return Some(framed);
    }
    let stamped = dmesg::stamped(rest);
    // `dmesg -r` prints the level alone: what root wrote to /dev/kmsg looks like the kernel's (util-linux 2.38).
    let origin = if priority.origin == Origin::Kernel { Origin::Unsaid } else { priority.origin };
    let priority = Priority { origin, ..priority };
    Some(dmesg::framed(
        priority,
        stamped.unwrap_or(Stamped { stamp: Stamp::default(), caller: None, dress: Dress::Line, text: rest }),
    ))
}

/// `4`, `kern.warning`.
fn priority(words: &[u8]) -> Option<Priority> {
    let mut scan = Scan::of(words);
    match scan.number() {
        Some(number) if scan.rest().is_empty() => Some(Priority::of_number(number)),
        _ => Priority::of_words(words),
    }
}

fn dated(line: &[u8], priority: Option<Priority>) -> Option<Framed<'_>> {
    let (wall, rest) = stamp(line)?;
    let mut scan = Scan::of(rest);
    scan.text(b" ")?;
    scan.spaces();
    Some(tagged(scan, wall, priority))
}

/// The wall clock at the beginning of a line.
fn stamp(line: &[u8]) -> Option<(Option<Wall>, &[u8])> {
    let mut scan = Scan::of(line);
    if let Some(wall) = date::traditional(&mut scan) {
        // A year may follow: `Nov 20 19:12:34 2026` is of logread(1), but then a weekday is before it.
        return Some((Some(wall), scan.rest())).filter(|(_, rest)| rest.first() == Some(&b' '));
    }
    let mut scan = Scan::of(line);
    if let Some(iso) = date::iso(&mut scan) {
        return (!iso.comma).then_some((Some(iso.wall), scan.rest()));
    }
    let mut scan = Scan::of(line);
    if let Some(wall) = unix(&mut scan) {
        return Some((Some(wall), scan.rest()));
    }
    let mut scan = Scan::of(line.get(..date::LONGEST).unwrap_or(line));
    let wall = words::in_words(&mut scan)?;
    let used = line.len().min(date::LONGEST) - scan.rest().len();
    Some((wall, line.get(used..)?))
}

/// `1795201894.875683` of `short-unix`.
fn unix(scan: &mut Scan<'_>) -> Option<Wall> {
    let micros = dmesg::seconds(scan)?;
    // Nine digits of seconds were reached in 1973.
    (micros > 100_000_000_000_000 && scan.peek() == Some(b' ')).then(|| date::of_epoch(micros)).flatten()
}

/// `HOST TAG: MSG`, `HOST kern.warn TAG: MSG`, `TAG: MSG`, from behind the date on.
fn tagged<'a>(mut scan: Scan<'a>, wall: Option<Wall>, said: Option<Priority>) -> Framed<'a> {
    let line = scan.rest();
    let mut priority = said;
    let mut host: &[u8] = b"";
    // The host is the first word, where that is neither a priority nor a tag.
    for _ in 0..3 {
        let mut ahead = scan;
        let word = ahead.word();
        let words = word.strip_prefix(b"<").and_then(|word| word.strip_suffix(b">")).unwrap_or(word);
        if let Some(found) = Priority::of_words(words) {
            priority = priority.or(Some(found));
        } else if host.is_empty() && !tag_ends(word) && !word.is_empty() {
            host = word;
        } else {
            break;
        }
        if !ahead.took(b' ') {
            break;
        }
        scan = ahead;
    }
    match tag(scan.rest()) {
        Some((tag, text)) => message(Author::of_tag(host, tag), tag, text, wall, priority),
        None => {
            let host = if scan.rest().len() == line.len() { b"" } else { host };
            other(scan.rest(), Author { host, ..Author::default() }, wall, priority)
        }
    }
}

/// Whether a tag ends in this word; so it is no host.
fn tag_ends(word: &[u8]) -> bool {
    // `kernel:text` without a space; `fe80::1` is the address of a host.
    word.last() == Some(&b':') || word.starts_with(b"kernel:")
}

/// A tag of one word, and what is behind its colon.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr2(b':', b' ', text)?;
    let (tag, rest) = text.split_at_checked(colon)?;
    rest.strip_prefix(b":").map(|rest| (tag, rest))
}

/// A message with a tag: the kernel's may have the kernel's own stamp before it.
fn message<'a>(
    author: Author<'a>,
    tag: &[u8],
    text: &'a [u8],
    wall: Option<Wall>,
    priority: Option<Priority>,
) -> Framed<'a> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    if tag != b"kernel" || priority.is_some_and(|priority| priority.origin != Origin::Kernel) {
        return other(text, author, wall, priority);
    }
    let text = unnumbered(painted(text));
    let stamped = dmesg::kernel(text);
    let stamp = Stamp { boot_micros: stamped.and_then(|stamped| stamped.stamp.boot_micros), wall, derived: false };
    let level = priority.and_then(|priority| priority.level);
    let caller = stamped.and_then(|stamped| stamped.caller);
    let head = Head { level, stamp, caller, ..Head::of(Origin::Kernel) };
    let text = stamped.map_or(text, |stamped| stamped.text);
    Framed { head, author, text, escape: Escape::Octal, dress: Dress::Line }
}

/// The message without the `<4>` that an old klogd leaves before the kernel's stamp.
fn unnumbered(text: &[u8]) -> &[u8] {
    match text {
        [b'<', b'0'..=b'7', b'>', rest @ ..] if rest.first() == Some(&b'[') => rest,
        _ => text,
    }
}

/// The message without the colours that journalctl(1) puts round the whole of it.
fn painted(text: &[u8]) -> &[u8] {
    let mut inner = text;
    while let Some(behind) = colour(inner) {
        inner = behind;
    }
    if inner.len() == text.len() { text } else { inner.strip_suffix(b"\x1b[0m").unwrap_or(text) }
}

fn other<'a>(text: &'a [u8], author: Author<'a>, wall: Option<Wall>, priority: Option<Priority>) -> Framed<'a> {
    let stamp = Stamp { boot_micros: None, wall, derived: false };
    let head = Head { level: priority.and_then(|priority| priority.level), stamp, ..Head::of(Origin::Other) };
    Framed { head, author, text, escape: Escape::Octal, dress: Dress::Line }
}

/// `1 2026-11-20T19:12:34.252569+00:00 vm kernel - - - MSG` behind the priority (RFC 5424, section 6).
fn rfc5424(text: &[u8], priority: Priority) -> Option<Framed<'_>> {
    let mut scan = Scan::of(text);
    scan.text(b"1 ")?;
    let wall = if scan.took(b'-') { None } else { Some(date::iso(&mut scan)?.wall) };
    scan.text(b" ")?;
    let host = scan.word();
    scan.text(b" ")?;
    let tag = scan.word();
    scan.text(b" ")?;
    let process = scan.word();
    scan.text(b" ")?;
    scan.word();
    scan.text(b" ")?;
    structured(&mut scan)?;
    scan.took(b' ');
    let text = scan.rest().strip_prefix("\u{feff}".as_bytes()).unwrap_or(scan.rest());
    let host = if host == b"-" { b"" } else { host };
    // The message keeps its own first space here: `message` takes one away that belongs to the colon of a tag.
    let kernel = tag == b"kernel" && process == b"-" && priority.origin == Origin::Kernel;
    let tag = if tag == b"-" { b"" } else { tag };
    let author = Author { host, tag, pid: pid(process), unit: b"" };
    Some(if kernel { untagged(text, author, wall, priority) } else { other(text, author, wall, Some(priority)) })
}

/// A message of the kernel behind a frame without a colon.
fn untagged<'a>(text: &'a [u8], author: Author<'a>, wall: Option<Wall>, priority: Priority) -> Framed<'a> {
    let framed = message(author, b"kernel", text, wall, Some(priority));
    if framed.head.stamp.boot_micros.is_some() { framed } else { Framed { text, ..framed } }
}

/// `-`, or elements in brackets; a `]` in a value is escaped.
fn structured(scan: &mut Scan<'_>) -> Option<()> {
    if scan.took(b'-') {
        return Some(());
    }
    while scan.took(b'[') {
        let mut quoted = false;
        loop {
            match scan.next()? {
                b'\\' if quoted => {
                    scan.next()?;
                }
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                _ => {}
            }
        }
    }
    Some(())
}

/// `[ 1858.596541] vm kernel: MSG` of `short-monotonic`: what is behind the stamp.
pub(super) fn monotonic<'a>(stamped: Stamped<'a>, brackets: &Brackets) -> Option<Framed<'a>> {
    let mut scan = Scan::of(stamped.text);
    let host = scan.word();
    scan.text(b" ")?;
    let (tag, text) = tag(scan.rest()).filter(|(tag, _)| brackets.is_host(host, tag))?;
    let mut framed = message(Author::of_tag(host, tag), tag, text, None, None);
    framed.head.stamp.boot_micros = stamped.stamp.boot_micros;
    Some(Framed { dress: Dress::Monotonic, escape: Escape::Plain, ..framed })
}
