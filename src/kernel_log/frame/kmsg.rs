//! Records of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg): `PRI,SEQ,USEC,FLAGS[,caller=T123];MSG`.

use super::escape::Escape;
use super::framed::{Author, Dress, Framed, Head};
use super::priority::Priority;
use super::scan::Scan;
use crate::kernel_log::{Caller, Stamp};

/// A header is some 40 bytes; fields that are added one day may double that.
const LONGEST_HEADER: usize = 200;

pub(super) fn read(line: &[u8]) -> Option<Framed<'_>> {
    let mut scan = Scan::of(line);
    let priority = Priority::of_number(scan.number()?);
    scan.text(b",")?;
    let sequence = scan.number()?;
    scan.text(b",")?;
    let micros = scan.number()?;
    scan.text(b",")?;
    let mut fields = scan.until(b';', LONGEST_HEADER)?.split(|byte| *byte == b',');
    let flags = fields.next().filter(|flags| flags.len() <= 4 && !flags.contains(&b' '))?;
    let caller = fields.find_map(|field| caller(field.strip_prefix(b"caller=")?));
    let stamp = Stamp { boot_micros: Some(micros), wall: None, derived: false };
    // `c` marks a piece behind the first since 4.12 or so; before that `c` was the first piece and `+` those behind it.
    let continues = matches!(flags, b"c" | b"+");
    let head =
        Head { level: priority.level, stamp, caller, continues, sequence: Some(sequence), ..Head::of(priority.origin) };
    let author = Author::default();
    Some(Framed { head, author, text: scan.rest(), escape: Escape::Kmsg, dress: Dress::Kmsg })
}

/// `T19113`, `C1`.
pub(super) fn caller(text: &[u8]) -> Option<Caller> {
    let mut scan = Scan::of(text);
    let kind = scan.next()?;
    let id = u32::try_from(scan.number()?).ok()?;
    match (kind, scan.rest()) {
        (b'T', b"") => Some(Caller::Task(id)),
        (b'C', b"") => Some(Caller::Cpu(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::Origin;

    #[test]
    fn every_field_of_a_record_is_read() {
        let framed = read(b"4,31337,1858596541,-,caller=T19113;gunicorn invoked").unwrap();
        let stamp = Stamp { boot_micros: Some(1_858_596_541), wall: None, derived: false };
        let head = Head {
            level: Some(4),
            stamp,
            caller: Some(Caller::Task(19_113)),
            sequence: Some(31_337),
            ..Head::of(Origin::Kernel)
        };
        assert_eq!((framed.head, framed.text), (head, b"gunicorn invoked".as_slice()));
        assert!(read(b"4,1,2,c;,cpuset=").unwrap().head.continues);
        assert_eq!(read(b"12,1,2,-;forged").unwrap().head.origin, Origin::Other);
        assert_eq!(read(b"3,1,2,-;a;b").unwrap().text, b"a;b");
    }

    #[test]
    fn other_lines_of_numbers_are_no_records() {
        for line in ["1,2,3", "1,2,3,-", "1,2,;x", ",,,;", "99999999999999999999,1,2,-;x", "1,2,3,a b c;x"] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }
}
