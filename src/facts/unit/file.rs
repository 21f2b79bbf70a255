//! Unit files and drop-ins (systemd.syntax(7)).

use super::UnitAssignment;
use super::words::words;
use std::collections::BTreeMap;

/// Adds the assignments of one file to those of the files read before it, by `Section.Key`.
///
/// An empty value takes back all that was gathered for its key. The line of a value that goes over several is the
/// first. Lines outside a section and lines without an equals sign count for nothing, as in systemd.
pub fn parse_unit_file(file: &str, bytes: &[u8], into: &mut BTreeMap<String, Vec<UnitAssignment>>) {
    let text = String::from_utf8_lossy(bytes);
    let mut section = None;
    for (line, logical) in logical_lines(text.trim_start_matches('\u{feff}')) {
        let logical = logical.trim();
        if let Some(name) = logical.strip_prefix('[') {
            section = name.strip_suffix(']').map(str::to_owned);
            continue;
        }
        let (Some(section), Some((key, value))) = (&section, logical.split_once('=')) else { continue };
        let key = format!("{section}.{}", key.trim_end());
        if value.trim().is_empty() {
            into.remove(&key);
            continue;
        }
        let assignment = UnitAssignment { value: value.trim().to_owned(), file: file.to_owned(), line };
        into.entry(key).or_default().push(assignment);
    }
}

/// Lines with their continuations joined, each with its first line's number. Comments are left out, also between
/// a line and its continuation.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim_start().trim_end_matches('\r');
        if line.starts_with(['#', ';']) {
            continue;
        }
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        joined.push_str(line);
        if ends_open(line) {
            // The backslash stands for a blank.
            joined.pop();
            joined.push(' ');
            open = Some((number, joined));
        } else if !joined.is_empty() {
            all.push((number, joined));
        }
    }
    all.extend(open);
    all
}

/// Whether a line ends in a backslash that no other backslash escapes.
fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The arguments of an `ExecStart=` value: the program's path, then its arguments; of several commands the first.
///
/// Prefixes (`-@:+!|`) are taken off, and with `@` also the name that stands in for the path. Variables (`$X`) and
/// specifiers (`%i`) are left as written.
pub fn parse_exec_start(value: &str) -> Vec<String> {
    let commands = words(value).into_iter().take_while(|word| !(word.bare && word.text == ";"));
    let mut arguments: Vec<String> = commands.map(|word| word.text).collect();
    let Some(program) = arguments.first_mut() else { return arguments };
    let path = program.trim_start_matches(['-', '@', ':', '+', '!', '|']);
    let renamed = program[..program.len() - path.len()].contains('@');
    *program = path.to_owned();
    if renamed && arguments.len() > 1 {
        arguments.remove(1);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: &str = "\
# made by hand
[Unit]
Description=web
[Service]
ExecStart=/srv/venv/bin/gunicorn \\
    # bind to the loopback only
    --bind 127.0.0.1:8000 \\
    ; and to no other
    wsgi
Environment=A=1
Environment=B=2
OOMPolicy = continue
X
";

    fn read(text: &str) -> BTreeMap<String, Vec<UnitAssignment>> {
        let mut keys = BTreeMap::new();
        parse_unit_file("web.service", text.as_bytes(), &mut keys);
        keys
    }

    fn values<'a>(keys: &'a BTreeMap<String, Vec<UnitAssignment>>, key: &str) -> Vec<&'a str> {
        keys.get(key).map(|all| all.iter().map(|a| a.value.as_str()).collect()).unwrap_or_default()
    }

    #[test]
    fn a_continued_line_is_one_value_without_the_comments_in_it() {
        let keys = read(UNIT);
        let exec = &keys["Service.ExecStart"][0];
        assert_eq!(parse_exec_start(&exec.value), ["/srv/venv/bin/gunicorn", "--bind", "127.0.0.1:8000", "wsgi"]);
        assert_eq!(exec.line, 5);
    }

    #[test]
    fn keys_are_told_apart_by_section_and_lists_gather() {
        let keys = read(UNIT);
        assert_eq!(values(&keys, "Service.Environment"), ["A=1", "B=2"]);
        assert_eq!(values(&keys, "Service.OOMPolicy"), ["continue"]);
        assert_eq!(keys.keys().filter(|k| k.starts_with("Unit.")).count(), 1);
    }

    #[test]
    fn an_empty_value_takes_back_what_stood_before_also_in_another_file() {
        let mut keys = read(UNIT);
        parse_unit_file("50.conf", b"[Service]\nEnvironment=\nEnvironment=C=3\nExecStart=\n", &mut keys);
        assert_eq!(values(&keys, "Service.Environment"), ["C=3"]);
        assert_eq!(keys["Service.Environment"][0].file, "50.conf");
        assert!(!keys.contains_key("Service.ExecStart"));
    }

    #[test]
    fn an_escaped_backslash_ends_a_line() {
        assert_eq!(values(&read("[S]\nA=x\\\\\nB=y\n"), "S.B"), ["y"]);
        assert_eq!(values(&read("\u{feff}[S]\r\nA=x\\\r\n  y\r\nB=end\\"), "S.A"), ["x y"]);
    }

    #[test]
    fn what_stands_in_no_section_counts_for_nothing() {
        assert!(read("A=1\n[broken\nB=2\n").is_empty());
    }

    #[test]
    fn prefixes_are_no_part_of_the_command() {
        for (value, words) in [
            ("-/bin/a b", vec!["/bin/a", "b"]),
            ("!!-:/bin/a", vec!["/bin/a"]),
            ("@/bin/a gunicorn -b x", vec!["/bin/a", "-b", "x"]),
            ("/bin/a x ; /bin/b y", vec!["/bin/a", "x"]),
            ("/bin/a \\; y", vec!["/bin/a", ";", "y"]),
            ("", vec![]),
            ("-", vec![""]),
        ] {
            assert_eq!(parse_exec_start(value), words, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut keys = BTreeMap::new();
            parse_unit_file("x.service", &bytes, &mut keys);
            parse_exec_start(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn every_assignment_is_kept_with_its_line(values in proptest::collection::vec("[a-z][a-z ]{0,8}[a-z]", 1..8)) {
            let text: String = values.iter().map(|v| format!("K={v}\n")).collect();
            let keys = read(&format!("[S]\n{text}"));
            for (index, (read, written)) in keys["S.K"].iter().zip(&values).enumerate() {
                prop_assert_eq!((&read.value, read.line), (written, index + 2));
            }
        }
    }
}
