//! Service units that start a Gunicorn, whether it runs or not.

use super::{Scope, conf_files, unit, unit_files, unit_names};
use crate::facts::{Unit, parse_exec_start};
use crate::gunicorn::gunicorn_arguments;
use crate::host::Root;
use std::collections::BTreeSet;

/// The system's service units whose `ExecStart=` is Gunicorn's own program, by name.
///
/// Of a template those instances count that something wants at boot; itself it cannot start. Programs that embed
/// Gunicorn are left out, which no unit file gives away.
pub fn gunicorn_units(root: &Root) -> Vec<Unit> {
    let places = conf_files::distinct(root, &unit_files::STORED);
    let listed = places.iter().filter_map(|place| root.list(place).known().cloned()).flatten();
    let is_service = |name: &String| unit_names::kind(name) == "service" && !name.contains("@.");
    let mut names: BTreeSet<String> = listed.filter(is_service).collect();
    names.extend(wanted_instances(root, &places));
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

/// Instances of templates that a link in `*.wants` or `*.requires` starts (systemd.unit(5)).
fn wanted_instances(root: &Root, places: &[String]) -> Vec<String> {
    let names = |directory: &str| root.list(directory).known().cloned().unwrap_or_default();
    let wants = places.iter().flat_map(|place| {
        let is_wants = |name: &String| name.ends_with(".wants") || name.ends_with(".requires");
        names(place).into_iter().filter(is_wants).map(move |name| format!("{place}/{name}"))
    });
    let is_instance = |name: &String| unit_names::kind(name) == "service" && unit_names::template(name).is_some();
    wants.flat_map(|directory| names(&directory)).filter(is_instance).collect()
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
    fn an_instance_that_starts_at_boot_is_found_with_its_template() {
        let place = tempfile::tempdir().unwrap();
        let wants = place.path().join("etc/systemd/system/multi-user.target.wants");
        std::fs::create_dir_all(&wants).unwrap();
        let template = place.path().join("etc/systemd/system/gunicorn@.service");
        std::fs::write(&template, "[Service]\nExecStart=/srv/app/venv/bin/gunicorn %i\n").unwrap();
        std::os::unix::fs::symlink("../gunicorn@.service", wants.join("gunicorn@web.service")).unwrap();
        std::os::unix::fs::symlink("../other@.service", wants.join("other@x.service")).unwrap();
        let found = gunicorn_units(&Root::open(place.path()).unwrap());
        assert_eq!(found.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>(), ["gunicorn@web.service"]);
    }

    #[test]
    fn the_last_exec_start_counts() {
        let found =
            names(&[("web.service", "[Service]\nExecStart=/usr/bin/gunicorn a\nExecStart=\nExecStart=/bin/true\n")]);
        assert!(found.is_empty());
    }
}
