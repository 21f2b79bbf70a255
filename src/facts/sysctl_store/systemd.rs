//! `systemd-sysctl.service`: gathers all files, then sets what is left.

use super::assignment::{Line, read_line, simple, slashes};
use super::pattern::{is_pattern, matches};
use super::{Assignment, SysctlFile};
use crate::facts::Fact;
use std::collections::BTreeMap;

/// What systemd trims from lines, keys and values.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// What is known of a key or pattern after some files. A later line replaces it, also by "leave it alone" (`-key`).
struct Standing {
    /// Patterns are set in this order. Setting the same value again does not move a pattern back.
    position: usize,
    winner: Option<Assignment>,
}

/// All keys and patterns that concern one key.
#[derive(Default)]
struct Standings {
    by_path: BTreeMap<String, Standing>,
    noted: usize,
}

/// What systemd sets for this key at boot. It does not read `/etc/sysctl.conf` unless a link in a directory leads there.
pub(super) fn predict(key: &str, in_order: &[&SysctlFile]) -> Fact<Assignment> {
    let target = simple(&slashes(key));
    let mut standings = Standings::default();
    let mut hidden = None;
    let visible = in_order.iter().filter(|file| !file.name().starts_with('.'));
    for file in visible {
        hidden = hidden.or_else(|| file.hidden());
        let Fact::Known(content) = &file.content else { continue };
        let text = String::from_utf8_lossy(content);
        for line in lines(&text) {
            let path = simple(&slashes(line.key));
            if path == target {
                // Nothing an earlier file says can matter now: patterns stay off a key that is named.
                hidden = None;
            } else if !(is_pattern(&path) && matches(&path, &target)) {
                continue;
            }
            standings.note(path, &line, file);
        }
    }
    hidden.unwrap_or_else(|| standings.winner(&target).into())
}

impl Standings {
    fn note(&mut self, path: String, line: &Line<'_>, file: &SysctlFile) {
        self.noted += 1;
        let standing = self.by_path.entry(path).or_insert(Standing { position: self.noted, winner: None });
        if standing.winner.as_ref().map(|assignment| assignment.value.as_str()) != line.value {
            standing.position = self.noted;
        }
        standing.winner =
            line.value.map(|value| Assignment { value: value.to_owned(), file: file.path.clone(), line: line.number });
    }

    /// The key's own line, else the last pattern.
    fn winner(mut self, target: &str) -> Option<Assignment> {
        if let Some(own) = self.by_path.remove(target) {
            return own.winner;
        }
        let set = self.by_path.into_values().filter(|standing| standing.winner.is_some());
        set.max_by_key(|standing| standing.position)?.winner
    }
}

/// systemd ends a line at a line feed, a carriage return or a NUL; the number counts line feeds.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split('\n').enumerate().flat_map(|(index, whole)| {
        whole.split(['\r', '\0']).filter_map(move |part| {
            let line = read_line(index + 1, part.trim_matches(BLANKS))?;
            Some(Line { key: line.key.trim_matches(BLANKS), value: line.value.map(|v| v.trim_matches(BLANKS)), ..line })
        })
    })
}
