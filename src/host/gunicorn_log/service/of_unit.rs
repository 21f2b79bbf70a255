//! The logs of a unit whose Gunicorn does not run, by what is set for it.

use super::held::is_regular;
use super::paths::{error_log, joined, outputs, specified};
use super::rotated::family;
use super::{LogFile, ServiceLog};
use crate::facts::{Fact, Reason, Unit, parse_environment_file, parse_exec_start, unit_words};
use crate::gunicorn::{
    ConfigFile, ConfigToRead, SettingInputs, Settings, Source, config_to_read, gunicorn_arguments, read_config,
};
use crate::host::Root;
use crate::host::settings::{assignment, expanded};
use std::collections::BTreeMap;

/// The variable that options may stand in.
const OPTIONS: &str = "GUNICORN_CMD_ARGS";

/// Adds the logs of a unit, or why none is found.
pub fn logs(root: &Root, unit: &Unit, logs: &mut Vec<ServiceLog>, reasons: &mut Vec<Reason>) {
    let directory = directory(unit);
    let settings = settings(root, unit, &directory);
    let changed = settings.chdir().known().map(|set| joined(&directory, &set.value));
    let named = error_log(&settings, changed.as_ref().unwrap_or(&directory));
    let hidden = match settings.errorlog() {
        Fact::Unreadable(reason) => Some(reason),
        _ => None,
    };
    let mut found = Vec::new();
    for path in named.iter().cloned().chain(outputs(unit)) {
        let files = family(root, None, &path, vec![]);
        if let Some(why) = unseen(root, &path, &files) {
            reasons.push(Reason::new(format!("{}: its log {}{why}", unit.name, root.shown(&path))));
        }
        found.push(ServiceLog {
            path: root.shown(&path),
            files,
            unit: Some(unit.name.clone()),
            service: unit.name.clone(),
        });
    }
    if found.is_empty() {
        let unknown = hidden.map(|reason| format!("where it logs is not known: {reason}"));
        let why = unknown.or_else(|| (!root.is_live()).then(|| journal_of(root, unit)));
        reasons.extend(why.map(|why| Reason::new(format!("{}: {why}", unit.name))));
    }
    logs.extend(found.into_iter().filter(|log| !log.files.is_empty()));
}

/// Why a log is not read. One that was rotated away and not made anew is no loss.
fn unseen(root: &Root, path: &str, files: &[LogFile]) -> Option<String> {
    match root.stat(path) {
        Fact::Known(status) if is_regular(&status) => None,
        Fact::Known(_) => Some(" is not read: it is no regular file".to_owned()),
        Fact::Unreadable(reason) => Some(format!(": {reason}")),
        Fact::Absent => files.is_empty().then(|| " is not there".to_owned()),
    }
}

/// How the journal of an image is read; that of the live host is read by gtune itself.
fn journal_of(root: &Root, unit: &Unit) -> String {
    const JOURNAL: &str = "/var/log/journal";
    let directory = root.shown(JOURNAL);
    match root.stat(JOURNAL) {
        Fact::Known(_) => format!(
            "it logs to the journal: journalctl -D {directory} -u {} -o json --all | gtune triage --error-log -",
            unit.name
        ),
        _ => format!("it logs to the journal, and none is at {directory}"),
    }
}

/// Where it is started; the root where nothing is said (systemd.exec(5)).
fn directory(unit: &Unit) -> String {
    let loaded = unit.loaded.known().map(|loaded| loaded.working_directory.clone());
    let stored = || specified(&unit.winner("Service.WorkingDirectory")?.value, &unit.name);
    let directory = loaded.filter(|directory| !directory.is_empty()).or_else(stored).unwrap_or_default();
    // A minus sign allows that it is not there, and exclamation marks of systemctl stand for the same.
    directory.trim_start_matches(['-', '!']).to_owned()
}

fn settings(root: &Root, unit: &Unit, directory: &str) -> Settings {
    let variables = variables(root, unit);
    let arguments = arguments(unit, &variables);
    let config = config(root, arguments.known().map(Vec::as_slice), &variables, directory);
    Settings::resolve(&SettingInputs {
        arguments,
        arguments_from: Source::ExecStart,
        variables: Fact::Known(variables),
        config,
    })
}

/// `Environment=` and then the files of `EnvironmentFile=`, which win. Only what Gunicorn makes of them is kept.
fn variables(root: &Root, unit: &Unit) -> BTreeMap<String, String> {
    let lines = |key: &str| unit.stored.get(key).into_iter().flatten();
    let words = lines("Service.Environment").flat_map(|line| unit_words(&line.value));
    let mut all: BTreeMap<String, String> =
        words.filter_map(|word| assignment(&specified(&word, &unit.name)?)).collect();
    for line in lines("Service.EnvironmentFile") {
        let Some(path) = specified(line.value.trim_start_matches('-'), &unit.name) else { continue };
        if let Fact::Known(file) = root.read_stored(&path) {
            all.extend(parse_environment_file(&file).into_iter().map(|line| (line.name, line.value)));
        }
    }
    all
}

/// What follows the program, with variables and specifiers in place.
fn arguments(unit: &Unit, variables: &BTreeMap<String, String>) -> Fact<Vec<String>> {
    let command = unit.winner("Service.ExecStart").map(|line| parse_exec_start(&line.value)).unwrap_or_default();
    let Some(arguments) = gunicorn_arguments(&command) else { return Fact::Absent };
    let specified: Option<Vec<String>> = arguments.iter().map(|argument| specified(argument, &unit.name)).collect();
    match specified.and_then(|arguments| expanded(&arguments, variables)) {
        Some(arguments) => Fact::Known(arguments),
        None => Fact::unreadable("its command line has specifiers or variables that only its manager knows"),
    }
}

fn config(
    root: &Root,
    arguments: Option<&[String]>,
    variables: &BTreeMap<String, String>,
    directory: &str,
) -> Fact<ConfigFile> {
    let path = match config_to_read(arguments, variables.get(OPTIONS).map(String::as_str)) {
        ConfigToRead::Module(name) => {
            return Fact::unreadable(format!("the configuration is the Python module {name}"));
        }
        ConfigToRead::File(path) => joined(directory, &path),
        ConfigToRead::Default => joined(directory, "gunicorn.conf.py"),
    };
    root.read_stored(&path).map(|text| read_config(&path, &text))
}
