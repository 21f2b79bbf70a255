//! What the stored files of a unit tell the Gunicorn that it starts, and what the next boot mounts for it.

use crate::facts::{Fact, Facts, Reason, Unit, UnitAssignment, parse_exec_start, unit_words};
use crate::gunicorn::{SettingInputs, Settings, Source, gunicorn_arguments};

/// The variable that Gunicorn reads options from.
const VARIABLE: &str = "GUNICORN_CMD_ARGS";

/// The directory that a unit's files tell Gunicorn to keep heartbeat files in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToldDirectory {
    /// Without a slash at its end.
    pub directory: String,
    /// Where it says so.
    pub place: ToldIn,
}

/// Where a unit's files say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ToldIn {
    /// On `ExecStart=`, which wins over everything.
    CommandLine,
    /// In `Environment=`: the file and its line.
    Environment(String),
}

/// The settings that a unit's own files give: `ExecStart=` and `Environment=`. The configuration file, which loses to
/// both, is not read.
pub(crate) fn stored_settings(unit: &Unit) -> Settings {
    let stored = unit.winner("Service.ExecStart").map(|line| parse_exec_start(&line.value));
    let command = stored.or_else(|| unit.loaded.known().map(|loaded| loaded.exec_start.clone())).unwrap_or_default();
    let is_removed = line_that_names(unit, "Service.UnsetEnvironment", VARIABLE).is_some();
    let variable = unit.variable_lines(VARIABLE).pop().filter(|_| !is_removed);
    // A percent sign is doubled in a unit file (systemd.unit(5)).
    let variable = variable.map(|one| (VARIABLE.to_owned(), one.value.replace("%%", "%")));
    Settings::resolve(&SettingInputs {
        arguments: Fact::Known(gunicorn_arguments(&command).map(<[String]>::to_vec).unwrap_or_default()),
        arguments_from: Source::ExecStart,
        variables: Fact::Known(variable.into_iter().collect()),
        config: Fact::Absent,
    })
}

/// The last line of a list of variables (`UnsetEnvironment=`, `PassEnvironment=`) that names this one.
pub(crate) fn line_that_names<'a>(unit: &'a Unit, key: &str, variable: &str) -> Option<&'a UnitAssignment> {
    let is_it = |word: String| word.split_once('=').map_or(word.as_str(), |(name, _)| name) == variable;
    unit.stored.get(key)?.iter().rfind(|line| unit_words(&line.value).into_iter().any(is_it))
}

/// Where a unit's files tell Gunicorn to keep its heartbeat; none where they do not.
///
/// # Errors
/// Why that cannot be told: a file that wins over what was found is not read.
pub(super) fn told_directory(unit: &Unit) -> Result<Option<ToldDirectory>, Reason> {
    let Fact::Known(told) = stored_settings(unit).worker_tmp_dir() else { return Ok(None) };
    let directory = match told.value.trim_end_matches('/') {
        "" => told.value.clone(),
        trimmed => trimmed.to_owned(),
    };
    if told.source == Source::ExecStart {
        return Ok(Some(ToldDirectory { directory, place: ToldIn::CommandLine }));
    }
    // Files of EnvironmentFile= win over Environment= (systemd.exec(5)).
    if let Some(line) = unit.stored.get("Service.EnvironmentFile").and_then(|lines| lines.last()) {
        return Err(Reason::new(format!(
            "{}: EnvironmentFile={} may set {VARIABLE}, and it wins over Environment=",
            unit.name, line.value
        )));
    }
    let line = unit.variable_lines(VARIABLE).pop().map(|one| format!("{}, line {}", one.line.file, one.line.line));
    Ok(Some(ToldDirectory { directory, place: ToldIn::Environment(line.unwrap_or_default()) }))
}

/// What makes a directory lie in memory after the next boot, as the image or host stores it; none where nothing does.
///
/// systemd makes `/run` and `/dev/shm` itself (file-hierarchy(7)).
pub(crate) fn in_memory_at_boot(facts: &Facts, directory: &str) -> Option<String> {
    let is_systems = ["/dev/shm", "/run"].contains(&directory);
    if is_systems || directory.starts_with("/run/") || directory.starts_with("/var/run") {
        return Some("the system makes it so at boot".to_owned());
    }
    let units = &facts.mount_units;
    let unit = units.iter().find(|unit| unit.enabled && unit.mount_point == directory && unit.kind.in_memory());
    let line = facts.fstab.known().and_then(|fstab| fstab.targets(directory).pop());
    match (unit, line) {
        (Some(unit), _) => Some(unit.file.clone()),
        (_, Some(line)) if line.kind == "tmpfs" => Some(format!("/etc/fstab, line {}", line.line)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::parse_unit_file;

    fn told(lines: &str) -> Result<Option<ToldDirectory>, Reason> {
        let mut unit = healthy::unit();
        unit.stored.clear();
        let content = format!("[Service]\n{lines}\n");
        parse_unit_file("/etc/systemd/system/gunicorn.service", content.as_bytes(), &mut unit.stored);
        told_directory(&unit)
    }

    #[test]
    fn what_wins_at_the_next_start_is_what_is_told() {
        let given = "ExecStart=/usr/bin/gunicorn wsgi\nEnvironment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir /my%%mem/\"";
        let place = ToldIn::Environment("/etc/systemd/system/gunicorn.service, line 3".into());
        assert_eq!(told(given), Ok(Some(ToldDirectory { directory: "/my%mem".into(), place })));
        let both = given.replace("gunicorn wsgi", "gunicorn --worker-tmp-dir /a wsgi");
        assert_eq!(told(&both), Ok(Some(ToldDirectory { directory: "/a".into(), place: ToldIn::CommandLine })));
        assert_eq!(told(&format!("{given}\nUnsetEnvironment=GUNICORN_CMD_ARGS")), Ok(None));
        assert_eq!(told("ExecStart=/usr/bin/gunicorn wsgi"), Ok(None));
    }

    #[test]
    fn a_file_that_would_win_and_is_not_read_hides_the_answer() {
        let given = "ExecStart=/usr/bin/gunicorn wsgi\nEnvironment=\"GUNICORN_CMD_ARGS=--worker-tmp-dir /mem\"";
        assert!(told(&format!("{given}\nEnvironmentFile=-/etc/default/web")).is_err());
        let on_line = "ExecStart=/usr/bin/gunicorn --worker-tmp-dir /mem wsgi\nEnvironmentFile=/etc/default/web";
        assert!(matches!(told(on_line), Ok(Some(_))));
    }
}
