//! Names that rotation gives to the files of a log.

use std::cmp::Reverse;

/// How logrotate(8) and its compressors end a name.
const COMPRESSED: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];

/// Whether a name is that of the log, or one that logrotate(8) gave it: `kern.log.2.gz`, `messages-20261120.xz`.
pub fn is_member(name: &str, family: &str) -> bool {
    name == family || Rotation::of(name, family).is_some_and(|rotation| !rotation.is_inside)
}

/// What was put into or behind the name of a log when it was rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation<'a> {
    /// `2`, `20261120`, `2026-11-20`, `old`.
    mark: &'a str,
    /// Whether it stands before the extension: `error.2.log` (`extension` of logrotate(8)).
    is_inside: bool,
}

impl<'a> Rotation<'a> {
    /// Of a name that rotation gave to the log; none for the log itself and for other files.
    pub fn of(name: &'a str, family: &str) -> Option<Self> {
        let packed = COMPRESSED.iter().find_map(|end| name.strip_suffix(end));
        let name = packed.unwrap_or(name);
        if let Some(mark) = name.strip_prefix(family).and_then(mark) {
            return Some(Self { mark, is_inside: false });
        }
        let (stem, extension) = family.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
        let inside = name.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
        Some(Self { mark: mark(inside)?, is_inside: true })
    }

    /// The number: the higher, the older.
    pub fn number(&self) -> Option<Reverse<u32>> {
        let is_number = self.mark.len() < "20261120".len();
        self.mark.parse().ok().filter(|_| is_number).map(Reverse)
    }

    /// The date, as digits that sort as dates do.
    pub fn date(&self) -> Option<String> {
        let digits: String = self.mark.chars().filter(char::is_ascii_digit).collect();
        // A date, or seconds since 1970 (`dateformat -%s`).
        (digits.len() >= "20261120".len()).then_some(digits)
    }
}

/// What follows the dot or dash, where that is of a rotation.
fn mark(rest: &str) -> Option<&str> {
    let mark = rest.strip_prefix(['.', '-'])?;
    let is_rotation = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    let is_mark = mark == "old" || (mark.bytes().all(is_rotation) && mark.bytes().any(|byte| byte.is_ascii_digit()));
    is_mark.then_some(mark)
}

/// The name of the log that a name was rotated from, where it looks so: `error.log` of `error.log.1`.
pub fn unrotated(name: &str) -> &str {
    let name = COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    match name.strip_prefix(stem).and_then(mark) {
        Some(_) if stem.contains('.') => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_every_rotation_belong_to_the_log() {
        for name in
            ["error.log.1", "error.log.2.gz", "error.log-20261120.xz", "error.log.2026-11-20_14", "error.log.old"]
        {
            assert!(is_member(name, "error.log") && Rotation::of(name, "error.log").is_some(), "{name}");
        }
        for name in ["error.2.log", "error-20261120.log.gz"] {
            assert!(Rotation::of(name, "error.log").is_some() && !is_member(name, "error.log"), "{name}");
        }
        for name in
            ["error.log", "error.log.bak", "error.logs", "error.log.", "error.log-", "error.log.1.tmp", "error2.log"]
        {
            assert_eq!(Rotation::of(name, "error.log"), None, "{name}");
        }
    }

    #[test]
    fn a_number_is_no_date_and_a_date_no_number() {
        let of = |name: &'static str| Rotation::of(name, "error.log").unwrap();
        assert!(of("error.log.10").number() < of("error.log.2").number());
        assert_eq!((of("error.log.10").date(), of("error.log-20261120").number()), (None, None));
        assert_eq!(of("error.log.2026-11-20_14").date().as_deref(), Some("2026112014"));
        assert_eq!(of("error.2.log.gz").number(), Some(Reverse(2)));
    }

    #[test]
    fn the_log_of_a_rotated_name_is_found() {
        for name in ["error.log.1", "error.log.2.gz", "error.log-20261120", "error.log"] {
            assert_eq!(unrotated(name), "error.log", "{name}");
        }
        assert_eq!(unrotated("gunicorn-8000"), "gunicorn-8000");
    }

    proptest! {
        #[test]
        fn any_name_is_read_without_panic(name in ".*", family in ".*") {
            unrotated(&name);
            if let Some(rotation) = Rotation::of(&name, &family) {
                rotation.number();
                rotation.date();
                prop_assert!(name != family);
            }
        }
    }
}
