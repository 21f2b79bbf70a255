//! The bytes of gtune's own sysctl file.

use super::KEY;
use crate::plan::header::header;

/// What the file is for.
const PURPOSE: &str = "the kernel cuts the listen queues that Gunicorn asks for down to this value.";

/// The line that sets the value.
pub(super) fn line(value: u64) -> String {
    format!("{KEY} = {value}")
}

/// The file with this value. Whatever else somebody wrote into it stays as it is, byte for byte.
pub(super) fn with_value(present: Option<&[u8]>, value: u64) -> Vec<u8> {
    let Some(present) = present else { return format!("{}{}\n", header(PURPOSE), line(value)).into_bytes() };
    let lines: Vec<&[u8]> = present.split_inclusive(|byte| *byte == b'\n').collect();
    let Some(own) = lines.iter().rposition(|line| sets_key(line)) else { return appended(present, value) };
    let mut bytes = Vec::with_capacity(present.len() + 8);
    for (at, whole) in lines.into_iter().enumerate() {
        match at == own {
            true => bytes.extend([line(value).as_bytes(), ending(whole)].concat()),
            false => bytes.extend_from_slice(whole),
        }
    }
    bytes
}

fn appended(present: &[u8], value: u64) -> Vec<u8> {
    let separator: &[u8] = if present.is_empty() || present.ends_with(b"\n") { b"" } else { b"\n" };
    [present, separator, line(value).as_bytes(), b"\n"].concat()
}

/// Whether a line sets the key by its usual names. One that sets it in some other way stays, and the later line wins.
fn sets_key(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let Some((name, _)) = text.split_once('=') else { return false };
    let name = name.trim();
    let name = name.strip_prefix('-').unwrap_or(name).trim_start();
    name.replace('/', ".") == KEY
}

/// The end of a line: a line feed, a carriage return before it, or nothing at the end of the file.
fn ending(line: &[u8]) -> &[u8] {
    let kept = line.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    line.get(line.len() - kept..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Fact, SysctlFile, SysctlStore};
    use proptest::prelude::*;

    #[test]
    fn a_new_file_says_who_wrote_it_and_how_to_take_it_back() {
        let text = String::from_utf8(with_value(None, 8192)).unwrap();
        assert!(text.contains("gtune rollback") && text.ends_with("\nnet.core.somaxconn = 8192\n"), "{text}");
        assert!(text.lines().rev().skip(1).all(|line| line.starts_with('#')), "{text}");
    }

    #[test]
    fn what_an_administrator_added_stays() {
        let present = b"# mine\r\nnet.core.somaxconn=4096\r\nvm.swappiness = 1\n-net/core/somaxconn = 1";
        let text = String::from_utf8(with_value(Some(present), 8192)).unwrap();
        assert_eq!(text, "# mine\r\nnet.core.somaxconn=4096\r\nvm.swappiness = 1\nnet.core.somaxconn = 8192");
        assert_eq!(with_value(Some(b"a = 1"), 9), b"a = 1\nnet.core.somaxconn = 9\n");
    }

    fn predicted(content: &[u8]) -> Vec<Option<String>> {
        let file = SysctlFile { path: "/etc/sysctl.d/99-zz-gtune.conf".into(), content: Fact::Known(content.to_vec()) };
        let found = SysctlStore::predict(&[KEY], &[file], Fact::Absent).keys.remove(KEY).unwrap();
        [found.systemd, found.procps].iter().map(|fact| fact.known().map(|found| found.value.clone())).collect()
    }

    proptest! {
        #[test]
        fn a_line_of_others_stays_byte_for_byte(bytes: Vec<u8>, value: u32) {
            let after = with_value(Some(&bytes), u64::from(value));
            let others = |bytes: &[u8]| -> Vec<Vec<u8>> {
                bytes.split(|b| *b == b'\n').filter(|line| !sets_key(line) && !line.is_empty()).map(<[u8]>::to_vec).collect()
            };
            prop_assert_eq!(others(&after), others(&bytes));
        }

        #[test]
        fn the_value_written_is_the_one_both_loaders_set(
            lines in prop::collection::vec("(net.core.somaxconn = [0-9]{1,4}|-net/core/somaxconn=7|net.core.* = 5|# x|vm.a = 1)?\n", 0..6),
            value in 1u64..100_000,
        ) {
            let once = with_value(Some(lines.concat().as_bytes()), value);
            prop_assert_eq!(predicted(&once), vec![Some(value.to_string()); 2]);
            prop_assert_eq!(with_value(Some(&once), value), once, "a second time changes nothing");
        }
    }
}
