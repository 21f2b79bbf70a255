//! Service units that start a Gunicorn, whether it runs or not.

use super::{Scope, conf_files, unit, unit_files, unit_names};
use crate::facts::{Unit, parse_exec_start};
use crate::gunicorn::gunicorn_arguments;
use crate::host::Root;
use std::collections::BTreeSet;

/// The system's service units whose `ExecStart=` is Gunicorn's own program, by name.
///
/// Templates are left out: only their instances can start. So are programs that embed Gunicorn, which no unit file
/// gives away.
pub fn gunicorn_units(root: &Root) -> Vec<Unit> {
    let places = conf_files::distinct(root, &unit_files::STORED);
    let listed = places.iter().filter_map(|place| root.list(place).known().cloned()).flatten();
    let is_service = |name: &String| unit_names::kind(name) == "service" && !name.contains("@.");
    let names: BTreeSet<String> = listed.filter(is_service).collect();
    let mut left = conf_files::MOST_BYTES;
    let mut mentions = |name: &String| {
        let Some(file) = unit_files::fragment(root, &places, name) else { return false };
        let content = file.content.known().map_or(&[][..], Vec::as_slice);
        left = left.saturating_sub(content.len());
        left > 0 && content.windows(GUNICORN.len()).any(|word| word == GUNICORN)
    };
    let named = names.into_iter().filter(|name| mentions(name));
    named.map(|name| unit(root, &name, &Scope::System)).filter(starts_gunicorn).collect()
}

const GUNICORN: &[u8] = b"gunicorn";

fn starts_gunicorn(unit: &Unit) -> bool {
    let command = unit.winner("Service.ExecStart").map(|line| parse_exec_start(&line.value)).unwrap_or_default();
    gunicorn_arguments(&command).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("etc/systemd/system");
        std::fs::create_dir_all(&directory).unwrap();
        for (name, content) in files {
            std::fs::write(directory.join(name), content).unwrap();
        }
        gunicorn_units(&Root::open(place.path()).unwrap()).into_iter().map(|unit| unit.name).collect()
    }

    #[test]
    fn a_unit_that_starts_gunicorn_is_found_by_what_it_starts() {
        let found = names(&[
            ("web.service", "[Service]\nExecStart=/srv/app/venv/bin/gunicorn wsgi\n"),
            ("module.service", "[Service]\nExecStart=/usr/bin/python3 -m gunicorn wsgi\n"),
            ("gunicorn-logs.service", "[Service]\nExecStart=/usr/bin/tail -f /var/log/gunicorn.log\n"),
            ("gunicorn@.service", "[Service]\nExecStart=/srv/app/venv/bin/gunicorn %i\n"),
            ("masked.service", ""),
        ]);
        assert_eq!(found, ["module.service", "web.service"]);
    }

    #[test]
    fn the_last_exec_start_counts() {
        let found =
            names(&[("web.service", "[Service]\nExecStart=/usr/bin/gunicorn a\nExecStart=\nExecStart=/bin/true\n")]);
        assert!(found.is_empty());
    }
}
