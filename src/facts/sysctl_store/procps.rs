//! `sysctl --system` of procps: gathers all files, then sets line after line.

use super::assignment::{Line, read_line, simple, slashes};
use super::pattern::{is_pattern, matches};
use super::{Assignment, SysctlFile};
use crate::facts::Fact;

/// What `sysctl --system` leaves in this key. It reads `/etc/sysctl.conf` after all directories.
///
/// Unlike systemd it sets a key at every line that names it, `-key` does not take an earlier line back, and a pattern
/// stays off only those keys that are written exactly as the kernel has them (`net//core/x` does not count).
pub(super) fn predict(key: &str, in_order: &[&SysctlFile], sysctl_conf: &SysctlFile) -> Fact<Assignment> {
    let target = simple(&slashes(key));
    let (mut named, mut by_pattern, mut hidden) = (None, None, None);
    let mut patterns_stay_off = false;
    for file in in_order.iter().copied().chain([sysctl_conf]) {
        hidden = hidden.or_else(|| file.hidden());
        let Fact::Known(content) = &file.content else { continue };
        let text = String::from_utf8_lossy(content);
        for line in lines(&text) {
            let path = slashes(line.key);
            patterns_stay_off |= path == target;
            let Some(value) = line.value else { continue };
            let set = || Some(Assignment { value: value.to_owned(), file: file.path.clone(), line: line.number });
            if simple(&path) == target {
                // A file that could not be read sets its value before this one.
                hidden = None;
                (named, by_pattern) = (set(), None);
            } else if is_pattern(&path) && matches(&simple(&path), &target) {
                by_pattern = set();
            }
        }
    }
    let winner = if patterns_stay_off { named } else { by_pattern.or(named) };
    hidden.unwrap_or_else(|| winner.into())
}

/// A line ends for procps where C's strings do. It trims less than systemd: no blank may follow the dash.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split('\n').enumerate().filter_map(|(index, whole)| {
        let text = whole.split('\0').next()?;
        let line = read_line(index + 1, text.trim_matches(blank))?;
        let key = line.key.trim_end_matches(blank);
        Some(Line {
            key: key.strip_prefix('-').unwrap_or(key),
            value: line.value.map(|v| v.trim_matches(blank)),
            ..line
        })
    })
}

/// isspace(3) of the C locale, which knows the vertical tab.
fn blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}
