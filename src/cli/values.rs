//! Values that are read from the command line: checks, units, process ids, directories, sizes, numbers.

use crate::checks::{self, Check};
use crate::plan::tmpfs::check_directory;
use crate::plan::{MountSize, OpenFiles};
use crate::units::{Bytes, Pid};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};

/// A check that was named on the command line.
#[derive(Clone, Copy)]
pub struct CheckName(pub &'static Check);

impl std::fmt::Debug for CheckName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.id)
    }
}

/// Checks by their id; the ids are possible values, so that completion knows them and a wrong one gets a suggestion.
pub(super) fn check_parser() -> ValueParser {
    let ids = PossibleValuesParser::new(checks::ALL.iter().map(|check| PossibleValue::new(check.id).help(check.title)));
    ValueParser::new(ids.try_map(|id| check_named(&id)))
}

fn check_named(id: &str) -> Result<CheckName, String> {
    checks::ALL.iter().find(|check| check.id == id).map(|check| CheckName(check)).ok_or(format!("no check {id}"))
}

/// A unit as systemctl(1) takes it: without a suffix it is a service.
pub(super) fn unit_name(text: &str) -> Result<String, String> {
    const SUFFIXES: [&str; 3] = [".service", ".scope", ".slice"];
    if text.is_empty() || text.contains('/') || text.chars().any(char::is_whitespace) {
        return Err("a unit is named as in systemctl list-units, for example gunicorn.service".to_owned());
    }
    let complete = SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
    Ok(if complete { text.to_owned() } else { format!("{text}.service") })
}

pub(super) fn process_id(text: &str) -> Result<Pid, String> {
    match text.parse() {
        Ok(pid) if pid > 0 => Ok(Pid(pid)),
        _ => Err("a process id is a whole number above 0".to_owned()),
    }
}

/// The directory of a mount, without doubled slashes.
pub(super) fn directory(text: &str) -> Result<String, String> {
    check_directory(text).map_err(|reason| format!("{reason}; a directory such as /mem is right"))
}

/// The size of a tmpfs: a number with a unit of 1024, as in mount options (tmpfs(5)), or a share of the memory.
pub(super) fn size(text: &str) -> Result<MountSize, String> {
    let wrong = || "a size is a whole number with a unit, for example 64m, 5G, 20% or 67108864".to_owned();
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    if number.is_empty() {
        return Err(wrong());
    }
    let number: u64 = number.parse().map_err(|_| too_large())?;
    if number == 0 {
        return Err("tmpfs takes 0 for no bound, and it could then fill the memory; name a size".to_owned());
    }
    if unit == "%" {
        let share = u8::try_from(number).ok().filter(|share| *share <= 100);
        return share.map(MountSize::Percent).ok_or("more than 100% of the memory is not there".to_owned());
    }
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes <= LARGEST)
        .map(Bytes)
        .map(MountSize::Bytes)
        .ok_or_else(too_large)
}

/// The largest file the kernel knows (`MAX_LFS_FILESIZE`), which bounds what a file system in memory could hold.
const LARGEST: u64 = i64::MAX as u64;

fn too_large() -> String {
    "it is more than Linux can count".to_owned()
}

/// `net.core.somaxconn` is a signed number of 32 bits in the kernel (net/core/sysctl_net_core.c), and 0 would refuse
/// every connection.
pub(super) fn queue_cap(text: &str) -> Result<u64, String> {
    const MOST: u64 = i32::MAX as u64;
    match text.parse() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(format!("it is a whole number from 1 to {MOST}")),
    }
}

/// A limit of open files. What is above `fs.nr_open` is capped where the limit is planned; no host has more than this:
/// `sysctl_nr_open_max` in fs/file.c, on 64 bits.
pub(super) fn open_files(text: &str) -> Result<OpenFiles, String> {
    const MOST: u64 = 2_147_483_584;
    match text.parse() {
        _ if text == "auto" => Ok(OpenFiles::Auto),
        Ok(number) if (1..=MOST).contains(&number) => Ok(OpenFiles::At(number)),
        _ => Err(format!("it is a whole number above 0 and up to {MOST}, or auto for what the workers need")),
    }
}

/// With fewer characters a slip of the finger may name another transaction: one letter of six hexadecimal digits is met
/// in every sixteenth.
const FEWEST_OF_ID: usize = 4;

/// A transaction; its name becomes a part of the name of a file.
pub(super) fn transaction_id(text: &str) -> Result<String, String> {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    match (is_plain, text.len() >= FEWEST_OF_ID) {
        (true, true) => Ok(text.to_owned()),
        (true, false) => Err(format!("at least the first {FEWEST_OF_ID} characters are needed, for example 7f3a")),
        (false, _) => Err("a transaction is named as in gtune history, for example 7f3a9c".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_unit_is_a_name_and_no_path() {
        assert!(unit_name("/etc/systemd/system/gunicorn.service").is_err());
        assert!(unit_name("").is_err());
        assert_eq!(unit_name("gunicorn").as_deref(), Ok("gunicorn.service"));
    }

    #[test]
    fn a_process_id_is_above_zero() {
        for wrong in ["0", "-1", "x", "99999999999"] {
            assert!(process_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tmpfs_goes_where_it_hides_nothing_of_the_kernels() {
        for right in ["/mem", "/srv/mem", "/dev/shm", "/mem dir", "/process"] {
            assert_eq!(directory(right).as_deref(), Ok(right));
        }
        assert_eq!(directory("//srv//mem/").as_deref(), Ok("/srv/mem"));
        for wrong in [
            "",
            "mem",
            "./mem",
            "/",
            "//",
            "/.",
            "/mem/../etc",
            "/..",
            "/proc",
            "/proc/1",
            "//sys/x",
            "/dev",
            "/./dev/x",
            "/mem\n",
            "/m\u{1b}em",
        ] {
            assert!(directory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_in_units_of_1024() {
        for (text, bytes) in [
            ("67108864", 64 << 20),
            ("64m", 64 << 20),
            ("64M", 64 << 20),
            ("64MiB", 64 << 20),
            ("64mb", 64 << 20),
            ("512k", 512 << 10),
            ("5G", 5 << 30),
            ("1t", 1 << 40),
            ("10B", 10),
        ] {
            assert_eq!(size(text), Ok(MountSize::Bytes(Bytes(bytes))), "{text}");
        }
        assert_eq!(size("20%"), Ok(MountSize::Percent(20)));
        assert_eq!(size("100%"), Ok(MountSize::Percent(100)));
    }

    #[test]
    fn a_size_that_means_nothing_or_everything_is_wrong() {
        for wrong in [
            "",
            "0",
            "0m",
            "0%",
            "-1",
            "-64m",
            "101%",
            "300%",
            "m",
            "%",
            "64x",
            "6 4m",
            "64 m",
            "1.5g",
            "1e9",
            "+1",
            "99999999999999999999",
            "9223372036854775808",
            "16777216t",
            "64mi",
            "64%%",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_whole_and_within_what_the_kernel_takes() {
        assert_eq!((queue_cap("1"), queue_cap("2147483647")), (Ok(1), Ok(2147483647)));
        assert_eq!((open_files("auto"), open_files("65536")), (Ok(OpenFiles::Auto), Ok(OpenFiles::At(65536))));
        assert_eq!(open_files("1073741824"), Ok(OpenFiles::At(1 << 30)), "what is above fs.nr_open is capped later");
        for wrong in ["", "0", "-1", "2147483648", "4k", "x", "1.0"] {
            assert!(queue_cap(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0", "-1", "Auto", "4k", "2147483648", "99999999999999999999"] {
            assert!(open_files(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_word_makes_a_parser_panic_and_no_size_is_zero(text in any::<String>()) {
            let _ = (directory(&text), queue_cap(&text), open_files(&text), transaction_id(&text));
            prop_assert!(!matches!(size(&text), Ok(MountSize::Bytes(Bytes(0)) | MountSize::Percent(0))));
        }
    }
}
