//! What can be seen of the places a master's settings come from.
//!
//! Of the environment only what Gunicorn, Python's tempfile and Python's path read is kept: the rest may be secrets.

use super::patience::patient_fact;
use super::processes::ProcessHandle;
use super::root::Root;
use crate::facts::{Fact, LoadedUnit, Reason, parse_environment_file};
use crate::gunicorn::{
    ConfigFile, ConfigToRead, SettingInputs, Source, config_to_read, gunicorn_arguments, is_retitled, parse_arguments,
    read_config,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The variables that are kept; nothing else of an environment leaves this module.
const KEPT: [&str; 18] = [
    "FORWARDED_ALLOW_IPS",
    "GUNICORN_CMD_ARGS",
    "GUNICORN_FD",
    "GUNICORN_PID",
    "HOME",
    "LISTEN_FDS",
    "LISTEN_PID",
    "PATH",
    "PORT",
    "PWD",
    "PYTHONPATH",
    "SENDFILE",
    "TEMP",
    "TMP",
    "TMPDIR",
    "VIRTUAL_ENV",
    "WEB_CONCURRENCY",
    "XDG_RUNTIME_DIR",
];

/// How a master was started, as far as it can be seen.
#[derive(Debug)]
pub struct Started<'a> {
    /// The master.
    pub master: &'a ProcessHandle,
    /// Its arguments.
    pub arguments: &'a [String],
    /// Its root directory.
    pub root: &'a Fact<Arc<Root>>,
    /// The unit whose process it is.
    pub unit: Option<&'a LoadedUnit>,
    /// The host's root, where the unit's own files lie.
    pub host: &'a Root,
}

impl Started<'_> {
    /// Everything that [`crate::gunicorn::Settings::resolve`] needs.
    pub fn inputs(&self) -> SettingInputs {
        let (arguments, arguments_from) = self.gunicorn_arguments();
        let variables = self.variables();
        let config = self.config(&arguments, &variables);
        SettingInputs { arguments, arguments_from, variables, config }
    }

    /// What follows the program, from the process or from the unit where a title hides it.
    fn gunicorn_arguments(&self) -> (Fact<Vec<String>>, Source) {
        if let Some(arguments) = gunicorn_arguments(self.arguments) {
            return (Fact::Known(arguments.to_vec()), Source::CommandLine);
        }
        if !is_retitled(self.arguments) {
            return (Fact::Absent, Source::CommandLine);
        }
        let hidden = || Fact::unreadable(format!("setproctitle hides the command line of process {}", self.master.pid));
        match self.unit.and_then(|unit| gunicorn_arguments(&unit.exec_start)) {
            Some(arguments) => (self.expanded(arguments).map_or_else(hidden, Fact::Known), Source::ExecStart),
            None => (hidden(), Source::CommandLine),
        }
    }

    fn expanded(&self, arguments: &[String]) -> Option<Vec<String>> {
        expanded(arguments, self.unit_environment().known()?)
    }

    /// The environment the master was started with. setproctitle overwrites it; then the unit's is what there is.
    fn variables(&self) -> Fact<BTreeMap<String, String>> {
        let all = if is_retitled(self.arguments) {
            match self.unit.filter(|unit| gunicorn_arguments(&unit.exec_start).is_some()) {
                Some(_) => self.unit_environment(),
                None => Fact::unreadable(format!("setproctitle hides the environment of process {}", self.master.pid)),
            }
        } else {
            self.master.read("environ").map(|bytes| environment(&bytes))
        };
        all.map(|mut all| {
            all.retain(|name, _| KEPT.contains(&name.as_str()));
            all
        })
    }

    /// `Environment=` and then the files of `EnvironmentFile=`, which win (systemd.exec(5)).
    fn unit_environment(&self) -> Fact<BTreeMap<String, String>> {
        let Some(unit) = self.unit else { return Fact::Absent };
        let mut all: BTreeMap<String, String> = unit.environment.iter().filter_map(|one| assignment(one)).collect();
        for (path, may_be_missing) in &unit.environment_files {
            match self.host.read(path) {
                Fact::Known(bytes) => {
                    all.extend(parse_environment_file(&bytes).into_iter().map(|line| (line.name, line.value)));
                }
                Fact::Absent if *may_be_missing => {}
                Fact::Absent => return Fact::unreadable(format!("no such file: {path}")),
                Fact::Unreadable(reason) => return Fact::Unreadable(reason),
            }
        }
        Fact::Known(all)
    }

    /// The configuration file, read through the master's own root from the directory it was started in.
    fn config(&self, arguments: &Fact<Vec<String>>, variables: &Fact<BTreeMap<String, String>>) -> Fact<ConfigFile> {
        if matches!(arguments, Fact::Absent) {
            return Fact::Absent;
        }
        let cmd_args = variables.known().and_then(|variables| variables.get("GUNICORN_CMD_ARGS"));
        let given = arguments.known().map(Vec::as_slice);
        match config_to_read(given, cmd_args.map(String::as_str)) {
            ConfigToRead::Module(name) => Fact::unreadable(format!("the configuration is the Python module {name}")),
            ConfigToRead::File(path) => match self.first_of(&path, given, variables) {
                Fact::Absent => Fact::unreadable(format!("no such file: {path}")),
                found => found,
            },
            ConfigToRead::Default => self.first_of("gunicorn.conf.py", given, variables),
        }
    }

    fn first_of(
        &self,
        path: &str,
        arguments: Option<&[String]>,
        variables: &Fact<BTreeMap<String, String>>,
    ) -> Fact<ConfigFile> {
        let root = match self.root {
            Fact::Known(root) => root,
            Fact::Absent => return Fact::Absent,
            Fact::Unreadable(reason) => return Fact::Unreadable(reason.clone()),
        };
        if path.starts_with('/') {
            return read_from(root, path);
        }
        let directories = match self.start_directories(arguments, variables) {
            Ok(directories) => directories,
            Err(reason) => return Fact::Unreadable(reason),
        };
        let paths = directories.iter().map(|directory| format!("{}/{path}", directory.trim_end_matches('/')));
        paths.map(|path| read_from(root, &path)).find(|found| *found != Fact::Absent).unwrap_or(Fact::Absent)
    }

    /// Where it was started: the working directory, unless `chdir` may have left it.
    fn start_directories(
        &self,
        arguments: Option<&[String]>,
        variables: &Fact<BTreeMap<String, String>>,
    ) -> Result<Vec<String>, Reason> {
        let now = match self.master.link("cwd") {
            Fact::Known(now) => String::from_utf8_lossy(&now).into_owned(),
            Fact::Absent => String::new(),
            Fact::Unreadable(reason) => return Err(reason),
        };
        let moved = arguments.is_none_or(|arguments| parse_arguments(arguments).given.contains_key("chdir"));
        let said = variables.known().and_then(|variables| variables.get("PWD")).cloned();
        let of_unit = self.unit.map(|unit| unit.working_directory.clone());
        let before = of_unit.into_iter().chain(said).filter(|directory| moved && directory.starts_with('/'));
        Ok(before.chain([now]).filter(|directory| !directory.is_empty()).collect())
    }
}

/// The file may lie on the same far server as the application.
fn read_from(root: &Arc<Root>, path: &str) -> Fact<ConfigFile> {
    let (root, asked) = (root.clone(), path.to_owned());
    patient_fact(path, move || root.read_stored(&asked)).map(|text| read_config(path, &text))
}

/// `ExecStart=` with its variables in place (systemd.service(5), "Command lines"); nothing where one is unknown.
pub fn expanded(arguments: &[String], variables: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let mut expanded = Vec::new();
    for argument in arguments {
        match argument.strip_prefix('$').filter(|name| is_name(name)) {
            // A word that is one variable without braces is split at blanks, and vanishes where it is unset.
            Some(name) => {
                expanded.extend(variables.get(name).into_iter().flat_map(|v| v.split_whitespace()).map(str::to_owned));
            }
            None => expanded.push(substituted(argument, variables)?),
        }
    }
    Some(expanded)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `${NAME}` in the middle of a word, and `$$` for a dollar sign.
fn substituted(word: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let mut result = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            after
        } else if let Some((name, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            result.push_str(variables.get(name)?);
            after
        } else {
            result.push('$');
            after
        };
    }
    result.push_str(rest);
    Some(result)
}

/// `environ` of a process: assignments, each ended by a NUL. Of two with one name the first counts (getenv(3)).
fn environment(bytes: &[u8]) -> BTreeMap<String, String> {
    let assignments = bytes.split(|&byte| byte == 0).filter(|one| !one.is_empty());
    let mut all = BTreeMap::new();
    for (name, value) in assignments.filter_map(|one| assignment(&String::from_utf8_lossy(one))) {
        all.entry(name).or_insert(value);
    }
    all
}

/// `NAME=value`.
pub fn assignment(text: &str) -> Option<(String, String)> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_two_variables_counts() {
        let all = environment(b"PORT=80\0PORT=81\0EMPTY=\0broken\0\0");
        assert_eq!(all, BTreeMap::from([("PORT".into(), "80".into()), ("EMPTY".into(), String::new())]));
    }

    #[test]
    fn variables_of_a_unit_are_put_in_place() {
        let variables = BTreeMap::from([("PORT".to_owned(), "80".to_owned())]);
        assert_eq!(substituted("0.0.0.0:${PORT}", &variables).as_deref(), Some("0.0.0.0:80"));
        assert_eq!(substituted("a$$b", &variables).as_deref(), Some("a$b"));
        assert_eq!(substituted("${OTHER}", &variables), None);
    }

    proptest! {
        #[test]
        fn any_environment_is_read_without_panic(bytes in any::<Vec<u8>>(), word in ".*") {
            environment(&bytes);
            substituted(&word, &BTreeMap::new());
        }
    }
}
