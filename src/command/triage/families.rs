//! Files that are one log: `error.log.2.gz`, `error.log.1` and `error.log`, oldest first.

use jiff::civil::Date;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How compressors end a name.
const COMPRESSED: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];

/// What some rotations keep at the end of a name, behind the date (logrotate(8), `extension`).
const EXTENSION: &str = ".log";

/// The files of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Them, oldest first where their names tell.
    pub files: Vec<PathBuf>,
    /// Whether their names do not tell which of them is older.
    pub is_unordered: bool,
}

/// Puts together the files that are named like rotations of one log, in the order in which the logs were named first. A
/// file that was named twice is there once.
pub fn families(paths: &[PathBuf]) -> Vec<Family> {
    let mut seen = HashSet::new();
    let mut found: Vec<(PathBuf, Vec<(Age, PathBuf)>)> = vec![];
    for path in paths.iter().filter(|path| seen.insert(path.as_path())) {
        let (log, age) = rotation(path, paths);
        match found.iter_mut().find(|(own, _)| *own == log) {
            Some((_, files)) => files.push((age, path.clone())),
            None => found.push((log, vec![(age, path.clone())])),
        }
    }
    found.into_iter().map(|(_, files)| family(files)).collect()
}

fn family(mut files: Vec<(Age, PathBuf)>) -> Family {
    files.sort_by_key(|(age, _)| *age);
    let ages: HashSet<Age> = files.iter().map(|(age, _)| *age).collect();
    let kinds: HashSet<u8> = ages.iter().filter(|age| **age != Age::Live).map(|age| age.kind()).collect();
    let is_unordered = ages.len() < files.len() || kinds.len() > 1 || ages.contains(&Age::Untold);
    Family { files: files.into_iter().map(|(_, path)| path).collect(), is_unordered }
}

/// How old a file is, as its name says; the older the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Age {
    /// Rotated; when is not told in a way that is known.
    Untold,
    /// Rotated on a day, and at a time of it where that is told: its digits as a number.
    On(Date, u64),
    /// Rotated so many times.
    Times(Reverse<u32>),
    /// Written now.
    Live,
}

impl Age {
    fn kind(self) -> u8 {
        match self {
            Self::Untold => 0,
            Self::On(..) => 1,
            Self::Times(_) => 2,
            Self::Live => 3,
        }
    }

    /// Reads `.3`, `-20261120`, `-2026-11-20_0300`.
    fn of(text: &str) -> Option<Self> {
        /// logrotate keeps no more than this by number in any sane setting; longer numbers are dates.
        const LONGEST_COUNT: usize = 4;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        match text.strip_prefix('.') {
            Some(count) if count.len() <= LONGEST_COUNT => count.parse().ok().map(|count| Self::Times(Reverse(count))),
            _ if digits.len() > LONGEST_COUNT => Some(Self::on(&digits).unwrap_or(Self::Untold)),
            // A port or the number of an instance: gunicorn-8000.
            _ => None,
        }
    }

    fn on(digits: &str) -> Option<Self> {
        let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
        let (month, day) = (i8::try_from(part(4, 6)?).ok()?, i8::try_from(part(6, 8)?).ok()?);
        let date = Date::new(part(0, 4)?, month, day).ok()?;
        let rest = digits.get(8..).unwrap_or_default();
        let time = if rest.is_empty() { 0 } else { rest.parse().ok()? };
        Some(Self::On(date, time))
    }
}

/// The log that a file is of, and its age.
fn rotation(path: &Path, named: &[PathBuf]) -> (PathBuf, Age) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return (path.to_owned(), Age::Live) };
    let plain = COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let behind = || plain.strip_suffix(EXTENSION).and_then(aged);
    match (aged(plain), behind()) {
        (Some((head, age)), _) => (path.with_file_name(head), age),
        // The extension was put behind a name that had it already: error.log.1.log.
        (None, Some((head, age))) if head.ends_with(EXTENSION) => (path.with_file_name(head), age),
        (None, Some((head, age @ Age::On(..)))) => (path.with_file_name(format!("{head}{EXTENSION}")), age),
        // error.1.log is of error.log where that is named too; else the number may be that of an instance.
        (None, Some((head, age))) => match path.with_file_name(format!("{head}{EXTENSION}")) {
            log if named.contains(&log) => (log, age),
            _ => (path.with_file_name(plain), Age::Live),
        },
        (None, None) => (path.with_file_name(plain), Age::Live),
    }
}

/// A name without what rotation has put behind it, and that.
fn aged(name: &str) -> Option<(&str, Age)> {
    let is_part = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '-' | '_');
    let head = name.trim_end_matches(is_part);
    let age = Age::of(name.get(head.len()..).filter(|rest| rest.starts_with(['.', '-']))?)?;
    (!head.is_empty()).then_some((head, age))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(names: &[&str]) -> Vec<Family> {
        families(&names.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    fn ordered(names: &[&str]) -> Family {
        Family { files: names.iter().map(PathBuf::from).collect(), is_unordered: false }
    }

    #[test]
    fn rotations_of_one_log_are_one_family_oldest_first() {
        let numbered = ["/l/error.log.10.gz", "/l/error.log.2.gz", "/l/error.log.1", "/l/error.log"];
        let mixed = [numbered[3], numbered[0], numbered[2], numbered[1]];
        assert_eq!(of(&mixed), [ordered(&numbered)]);
        let dated = ["error.log-20261119.xz", "error.log-20261120", "error.log"];
        assert_eq!(of(&[dated[2], dated[1], dated[0]]), [ordered(&dated)]);
        let dashed = ["error.log-2026-11-19_0300", "error.log-2026-11-19_2100", "error.log"];
        assert_eq!(of(&[dashed[1], dashed[2], dashed[0]]), [ordered(&dashed)]);
        let extended = ["error-20261119.log.gz", "error-20261120.log", "error.log"];
        assert_eq!(of(&[extended[2], extended[0], extended[1]]), [ordered(&extended)]);
    }

    #[test]
    fn logs_of_ports_instances_and_places_are_apart() {
        let names = ["gunicorn-8000.log", "gunicorn-8001.log", "web.1.log", "web.2.log", "a/error.log", "b/error.log"];
        let alone: Vec<Family> = names.iter().map(|name| ordered(&[name])).collect();
        assert_eq!(of(&names), alone);
        assert_eq!(of(&["gunicorn-8000", "gunicorn-8001"]).len(), 2);
    }

    #[test]
    fn names_that_do_not_tell_the_age_are_not_trusted() {
        for names in [
            ["error.log-1795200360", "error.log-1795113960"],
            ["error.log-20112026", "error.log-19112026"],
            ["error.log.1", "error.log.1.gz"],
            ["error.log.1", "error.log-20261119"],
        ] {
            let found = of(&names);
            assert_eq!(found.len(), 1, "{names:?}");
            assert!(found[0].is_unordered, "{names:?}");
        }
    }

    #[test]
    fn a_file_that_is_named_twice_is_read_once() {
        assert_eq!(of(&["error.log", "error.log", "-"]), [ordered(&["error.log"]), ordered(&["-"])]);
    }

    proptest! {
        #[test]
        fn no_name_panics_and_no_file_is_lost(names: Vec<String>, rotated in "[a-z]{0,3}[.-]?[0-9._-]{0,12}(\\.log)?") {
            let mut names: Vec<PathBuf> = names.into_iter().chain([rotated]).map(PathBuf::from).collect();
            let mut found: Vec<PathBuf> = families(&names).into_iter().flat_map(|family| family.files).collect();
            names.sort();
            names.dedup();
            found.sort();
            prop_assert_eq!(found, names);
        }
    }
}
