//! `journalctl -o verbose`: a line with date and cursor, then each field of the entry on an indented line.

use super::export::{Export, Taken};

/// How far fields are indented.
const INDENT: &[u8] = b"    ";

/// When the entry was received, microseconds since 1970, where a line is the head of one:
/// `Fri 2026-11-20 19:16:47.476299 UTC [s=…;i=9ee;b=…;m=…;t=660ba15e06a4b;x=…]`.
pub(super) fn opens(line: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(line, b" [s=")?;
    let cursor = line.get(at + 2..)?.strip_suffix(b"]")?;
    let received = cursor.split(|byte| *byte == b';').find_map(|part| part.strip_prefix(b"t="))?;
    u64::from_str_radix(std::str::from_utf8(received).ok()?, 16).ok()
}

/// Begins an entry with its head.
pub(super) fn begin(export: &mut Export, received: u64, offset: u64) {
    export.line(format!("__REALTIME_TIMESTAMP={received}").as_bytes(), offset);
}

/// Takes an indented line into the entry; says whether it was one. Values of many lines are indented further, and only
/// their first line is a field; no more is needed of a message that tells of a kill.
pub(super) fn takes(export: &mut Export, line: &[u8], offset: u64) -> bool {
    let Some(field) = line.strip_prefix(INDENT) else { return false };
    if field.contains(&b'=') && !field.starts_with(b" ") {
        return export.line(field, offset) == Taken::Part;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::{Origin, Reader, Record};

    const ENTRY: &str = "Fri 2026-11-20 19:16:47.476299 UTC [s=698690494a1a483099b75b3d0d43e496;i=9ee;b=99cf476bd3bc43f399a40545a5819a86;m=6ec7f578;t=660ba15e06a4b;x=dd93ad957829d2e5]\n    _BOOT_ID=99cf476bd3bc43f399a40545a5819a86\n    _TRANSPORT=kernel\n    SYSLOG_IDENTIFIER=kernel\n    MESSAGE=anon 5\n            file 0\n    _SOURCE_MONOTONIC_TIMESTAMP=1858596541\n";

    #[test]
    fn an_entry_is_read_by_its_fields_and_timed_by_its_cursor() {
        let mut seen = vec![];
        let mut each = |record: &Record<'_>| {
            seen.push((record.message.to_vec(), record.origin, record.stamp, record.boot.is_some()));
        };
        let mut reader = Reader::default();
        reader.feed(format!("{ENTRY}{}", ENTRY.replace("=kernel", "=syslog")).as_bytes(), &mut each);
        reader.finish(&mut each);
        let [(message, origin, stamp, has_boot), (_, other, ..)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((&message[..], *origin, *other, *has_boot), (&b"anon 5"[..], Origin::Kernel, Origin::Other, true));
        assert_eq!(stamp.boot_micros, Some(1_858_596_541));
        let time = format!("{:?}", stamp.wall);
        assert!(time.contains("2026-11-20T19:16:47.476299Z"), "{time}");
    }

    #[test]
    fn a_line_that_only_holds_brackets_is_no_head() {
        for line in ["Fri x [s=1;i=2]", "x [s=1;t=zz]", "[s=1;t=1]", " [s="] {
            assert_eq!(opens(line.as_bytes()), None, "{line}");
        }
    }
}
