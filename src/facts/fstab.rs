//! `/etc/fstab` as libmount reads it (fstab(5)).

use crate::facts::mounts::normal_path;
use crate::facts::octal;
use serde::Serialize;
use std::collections::HashMap;

/// The file, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fstab {
    /// The lines that mount something.
    pub entries: Vec<FstabEntry>,
    /// Lines that are neither blank, comment nor entry: line number and what is wrong with it.
    pub bad_lines: Vec<(usize, String)>,
}

/// One entry. Octal escapes are decoded in all fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FstabEntry {
    /// Line number, from 1.
    pub line: usize,
    /// First field: device, label, or `tmpfs`.
    pub source: String,
    /// Second field, trailing and doubled slashes removed.
    pub target: String,
    /// Third field.
    pub kind: String,
    /// Fourth field, split at commas; empty where the field is missing.
    pub options: Vec<String>,
}

impl Fstab {
    /// Reads the file. A line is an entry if it has three fields; the last two are of no interest, more are ignored.
    ///
    /// A carriage return before the line end is dropped, as libmount does. systemd's generator keeps it, and it spoils
    /// the last field there; only a line with all six fields bears it.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut fstab = Self::default();
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            fstab.add(index + 1, line.strip_suffix(b"\r").unwrap_or(line));
        }
        fstab
    }

    fn add(&mut self, line: usize, text: &[u8]) {
        let mut fields = text.split(|b| matches!(b, b' ' | b'\t')).filter(|field| !field.is_empty());
        let Some(source) = fields.next().filter(|first| !first.starts_with(b"#")) else { return };
        let (Some(target), Some(kind)) = (fields.next(), fields.next()) else {
            self.bad_lines.push((line, "fewer than three fields".to_owned()));
            return;
        };
        self.entries.push(FstabEntry {
            line,
            source: octal::decode(source),
            target: normal_path(&octal::decode(target)),
            kind: octal::decode(kind),
            options: fields.next().map(|field| split_options(&octal::decode(field))).unwrap_or_default(),
        });
    }

    /// The entries for a mount point, in file order; the last one ends on top.
    pub fn targets(&self, target: &str) -> Vec<&FstabEntry> {
        let wanted = normal_path(target);
        self.entries.iter().filter(|entry| entry.target == wanted).collect()
    }

    /// Entries that mount over an earlier one: the earlier, then the later. What has no place in the tree is left out.
    pub fn duplicates(&self) -> Vec<(&FstabEntry, &FstabEntry)> {
        let mut latest = HashMap::new();
        let placed = self.entries.iter().filter(|entry| entry.has_mount_point());
        placed.filter_map(|entry| Some((latest.insert(&entry.target, entry)?, entry))).collect()
    }
}

impl FstabEntry {
    /// Whether it is mounted somewhere: swap space is not.
    pub fn has_mount_point(&self) -> bool {
        self.kind != "swap" && !matches!(self.target.as_str(), "none" | "swap")
    }
}

/// Options between commas; a comma inside double quotes belongs to the option (mount(8), SELinux contexts).
pub(super) fn split_options(field: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = field.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.filter(|option| !option.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEALTHY: &str = "# /etc/fstab\n\
        UUID=1-2 / ext4 errors=remount-ro 0 1\n\
        UUID=3-4 none swap sw 0 0\n\
        \ttmpfs\t/mem  tmpfs defaults,size=64m,mode=1777 0 0 # ours\n";

    fn entry(line: &str) -> FstabEntry {
        Fstab::parse(line.as_bytes()).entries.remove(0)
    }

    #[test]
    fn blank_lines_and_comments_are_no_entries_and_no_errors() {
        let fstab = Fstab::parse(HEALTHY.as_bytes());
        assert_eq!(fstab.entries.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(fstab.entries[2].options, ["defaults", "size=64m", "mode=1777"]);
        assert!(Fstab::parse(b"\n  \n\t#x\n \t \n").bad_lines.is_empty());
    }

    #[test]
    fn a_hash_inside_a_field_is_data() {
        assert_eq!(entry("sshfs#u@h:/ /mnt fuse x#y").source, "sshfs#u@h:/");
    }

    #[test]
    fn escapes_are_decoded_in_every_field() {
        let e = entry(r"//nas/my\040share /srv/my\040mem\011x ci\146s a\134b,c");
        assert_eq!((e.source.as_str(), e.target.as_str()), ("//nas/my share", "/srv/my mem\tx"));
        assert_eq!((e.kind.as_str(), e.options.as_slice()), ("cifs", ["a\\b".to_owned(), "c".to_owned()].as_slice()));
    }

    #[test]
    fn a_target_is_the_same_however_many_slashes_it_has() {
        let fstab = Fstab::parse(b"tmpfs //mem// tmpfs\nx none swap\nroot // ext4\n");
        assert_eq!(fstab.targets("/mem/").len(), 1);
        assert_eq!(fstab.targets("/").len(), 1);
        assert_eq!(fstab.entries[1].target, "none");
    }

    #[test]
    fn a_line_needs_three_fields() {
        let fstab = Fstab::parse(b"tmpfs /mem\ntmpfs\ntmpfs /a tmpfs\r\n");
        assert_eq!(fstab.bad_lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((fstab.entries[0].kind.as_str(), fstab.entries[0].options.len()), ("tmpfs", 0));
    }

    #[test]
    fn a_comma_in_quotes_does_not_split() {
        assert_eq!(entry("t /m tmpfs context=\"a:c1,c2\",rw").options, ["context=\"a:c1,c2\"", "rw"]);
    }

    #[test]
    fn a_target_mounted_twice_is_seen_and_two_swaps_are_not() {
        let fstab = Fstab::parse(b"a none swap\nb none swap\nt /mem tmpfs\nu /mem/ tmpfs\nv /mem tmpfs\n");
        let pairs: Vec<_> = fstab.duplicates().iter().map(|(a, b)| (a.line, b.line)).collect();
        assert_eq!(pairs, [(3, 4), (4, 5)]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_line_is_both_bad_and_good(bytes: Vec<u8>) {
            let fstab = Fstab::parse(&bytes);
            fstab.duplicates();
            let good = fstab.entries.iter().all(|e| fstab.bad_lines.iter().all(|(line, _)| *line != e.line));
            prop_assert!(good);
        }

        #[test]
        fn an_encoded_entry_reads_as_it_was_written(source in "(?s)[^#\0].{0,20}", target in "(/[^/\0]{1,8}){1,4}") {
            let line = format!("{} {} tmpfs rw 0 0\n", octal::encode(&source), octal::encode(&target));
            let fstab = Fstab::parse(line.as_bytes());
            prop_assert_eq!(&fstab.entries[0].source, &source);
            prop_assert_eq!(&fstab.entries[0].target, &target);
        }
    }
}
