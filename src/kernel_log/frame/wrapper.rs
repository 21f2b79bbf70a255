//! What collectors of containers put round a line: CRI's head, Talos' words.

use super::date;
use super::dmesg;
use super::dmesg::Stamped;
use super::escape::Escape;
use super::framed::{Author, Dress, Framed};
use super::priority::{self, Priority};
use super::scan::Scan;
use crate::kernel_log::{Origin, Stamp, Wall};

/// A line of a container log in the format of CRI: `2026-11-20T19:16:47.252569123Z stdout F MSG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cri<'a> {
    pub(super) wall: Wall,
    pub(super) stream: &'a [u8],
    /// Whether the line goes on in the next of this stream.
    pub(super) partial: bool,
    pub(super) text: &'a [u8],
}

pub(super) fn cri(line: &[u8]) -> Option<Cri<'_>> {
    let mut scan = Scan::of(line);
    let iso = date::iso(&mut scan).filter(|iso| !iso.comma)?;
    scan.text(b" ")?;
    let stream = scan.word();
    if stream != b"stdout" && stream != b"stderr" {
        return None;
    }
    scan.text(b" ")?;
    // Further tags may follow behind a colon.
    let tags = scan.word();
    let partial = match tags.first()? {
        b'P' => true,
        b'F' => false,
        _ => return None,
    };
    matches!(tags.get(1), None | Some(b':')).then_some(())?;
    scan.took(b' ');
    Some(Cri { wall: iso.wall, stream, partial, text: scan.rest() })
}

/// `kern: warning: [2026-01-12T20:27:31.9Z]: MSG` of Talos; `talosctl dmesg` puts the node and a colon before that.
pub(super) fn talos(line: &[u8]) -> Option<Framed<'_>> {
    let mut scan = Scan::of(line);
    // An address of IPv6 has up to 45 letters; names of nodes are not much longer.
    let mut first = scan.until(b' ', 80)?.strip_suffix(b":")?;
    let mut host: &[u8] = b"";
    let origin = match priority::facility(first) {
        Some(origin) => origin,
        None => {
            host = std::mem::replace(&mut first, scan.until(b' ', 80)?.strip_suffix(b":")?);
            priority::facility(first)?
        }
    };
    scan.spaces();
    let level = priority::level(scan.until(b':', 12)?)?;
    scan.text(b" [")?;
    let wall = date::iso(&mut scan)?.wall;
    scan.text(b"]:")?;
    scan.took(b' ');
    let stamp = Stamp { boot_micros: None, wall: Some(wall), derived: false };
    let stamped = Stamped { stamp, caller: None, dress: Dress::Line, text: scan.rest() };
    let author = Author { host, ..Author::default() };
    Some(Framed { author, ..dmesg::framed(Priority { origin, level: Some(level) }, stamped) })
}

/// `[2026-11-20 19:16:47 +0000] MSG`: a line of an application.
pub(super) fn application(line: &[u8]) -> Option<Framed<'_>> {
    let mut scan = Scan::of(line);
    scan.text(b"[")?;
    let iso = date::iso(&mut scan)?;
    if let Some(wall) = gunicorn(iso, scan) {
        // Its own reader takes it with the whole prefix, which tells more than a frame.
        return Some(Framed { escape: Escape::Plain, ..not_the_kernels(wall, line) });
    }
    scan.until(b']', 40)?;
    scan.took(b' ');
    Some(not_the_kernels(iso.wall, scan.rest()))
}

/// The time of `[2026-11-20 19:16:47 +0000] [62134] [INFO] MSG`, behind its date.
fn gunicorn(iso: date::Iso, mut scan: Scan<'_>) -> Option<Wall> {
    scan.text(b" ")?;
    let offset = date::zone(&mut scan)?;
    scan.text(b"] [")?;
    scan.number()?;
    scan.text(b"] [")?;
    match iso.wall {
        Wall::Local { at, step_micros } => Some(Wall::Exact { at: offset.to_timestamp(at).ok()?, step_micros }),
        _ => None,
    }
}

/// `2026-11-20T19:16:47,123 INFO MSG`: a line of an application whose logger puts a comma before the fraction, as those
/// of Java do.
pub(super) fn logger(line: &[u8]) -> Option<Framed<'_>> {
    let mut scan = Scan::of(line);
    let iso = date::iso(&mut scan).filter(|iso| iso.comma && !iso.is_dmesg())?;
    scan.took(b' ');
    Some(not_the_kernels(iso.wall, scan.rest()))
}

fn not_the_kernels(wall: Wall, text: &[u8]) -> Framed<'_> {
    let stamp = Stamp { boot_micros: None, wall: Some(wall), derived: false };
    let stamped = Stamped { stamp, caller: None, dress: Dress::Line, text };
    dmesg::framed(Priority { origin: Origin::Other, level: None }, stamped)
}
