//! Where a service's next start takes its heartbeat directory from, and whether a drop-in can change it.
//!
//! Later wins: configuration file, `GUNICORN_CMD_ARGS`, command line; of the variable `Environment=`, then the files of
//! `EnvironmentFile=` (systemd.exec(5)).

use super::cmd_args::{CmdArgs, VARIABLE};
use super::program::ExecStart;
use super::{HEARTBEAT, Wish, loaded_now, trimmed};
use crate::checks::at_start::line_that_names;
use crate::facts::{Fact, Unit, UnitAssignment, parse_unit_file, unit_words, variable_in};
use crate::gunicorn::{Source, Value};
use crate::plan::{Ground, Refusal};
use std::collections::BTreeMap;

/// The paths that gtune's own drop-in makes writable.
pub(super) fn own_paths(ground: &Ground, unit: &Unit) -> Vec<String> {
    let lines = own_lines(ground, unit).remove("Service.ReadWritePaths").unwrap_or_default();
    lines.iter().flat_map(|line| unit_words(&line.value)).map(|path| path.replace("%%", "%")).collect()
}

/// The text of the variable that gtune's own drop-in sets.
fn own_value(ground: &Ground, unit: &Unit) -> Option<String> {
    let lines = own_lines(ground, unit).remove("Service.Environment").unwrap_or_default();
    lines.iter().filter_map(|line| variable_in(&line.value, VARIABLE)).next_back()
}

fn own_lines(ground: &Ground, unit: &Unit) -> BTreeMap<String, Vec<UnitAssignment>> {
    let path = HEARTBEAT.path(unit);
    let mut lines = BTreeMap::new();
    if let Some(image) = ground.files.get(&path).and_then(|place| place.image.known()) {
        parse_unit_file(&path, &image.content.0, &mut lines);
    }
    lines
}

/// The text of the variable without gtune's own drop-in, and the place of it.
struct Base {
    /// Specifiers as in a unit file: a percent sign is `%%`.
    text: String,
    place: String,
}

impl Wish<'_> {
    /// Where the next start is told to use the directory already, without gtune's drop-in; none where a drop-in can tell
    /// it.
    ///
    /// # Errors
    /// Where it is told something else, in a place that wins over `Environment=`.
    pub fn given_elsewhere(&self, unit: &Unit) -> Result<Option<String>, Refusal> {
        if let Some(place) = self.on_command_line()? {
            return Ok(Some(place));
        }
        if let Some(place) = self.in_environment_files(unit)? {
            return Ok(Some(place));
        }
        self.check_removed(unit)?;
        let base = self.base(unit)?;
        self.check_wrapper(unit, &base)?;
        if own_value(self.ground, unit).is_some() {
            self.check_taken_back(unit)?;
            return Ok(None);
        }
        match self.args(&base)?.directory() {
            Some(told) if told == self.raw() => Ok(Some(base.place)),
            Some(_) => Ok(None),
            None => Ok(self.in_settings()),
        }
    }

    /// The new text of the variable, with specifiers as in a unit file.
    ///
    /// # Errors
    /// Where the present one is not known.
    pub fn new_value(&self, unit: &Unit) -> Result<String, Refusal> {
        let base = self.base(unit)?;
        Ok(self.args(&base)?.with_directory(&self.raw()))
    }

    /// The directory with its percent signs doubled.
    fn raw(&self) -> String {
        self.directory.replace('%', "%%")
    }

    fn args(&self, base: &Base) -> Result<CmdArgs, Refusal> {
        CmdArgs::read(&base.text).ok_or_else(|| {
            let reason = format!("{} has a quotation that is not closed", base.place);
            self.refuse(reason, format!("systemctl cat {}   # close it: Gunicorn does not start so", self.target.name))
        })
    }

    /// Files tell what comes next, with their specifiers; the manager is asked where they hold nothing.
    fn base(&self, unit: &Unit) -> Result<Base, Refusal> {
        let loaded = || {
            let given = |one: &String| Some(one.strip_prefix(VARIABLE)?.strip_prefix('=')?.replace('%', "%%"));
            let text = loaded_now(unit)?.environment.iter().filter_map(given).next_back()?;
            Some(Base { text, place: format!("{VARIABLE} as systemctl show {} prints it", unit.name) })
        };
        let nothing = Base { text: String::new(), place: VARIABLE.to_owned() };
        if let Fact::Unreadable(reason) = &unit.fragment {
            return match &unit.loaded {
                Fact::Known(_) => Ok(loaded().unwrap_or(nothing)),
                _ => Err(self.refuse(format!("its options are not all known: {reason}"), "run it as root")),
            };
        }
        let mut others = unit.variable_lines(VARIABLE).into_iter().filter(|one| !HEARTBEAT.is_own(&one.line.file));
        Ok(match others.next_back() {
            Some(one) => {
                Base { place: format!("{VARIABLE} in {}, line {}", one.line.file, one.line.line), text: one.value }
            }
            None => loaded().unwrap_or(nothing),
        })
    }

    /// The command line of the next start: `ExecStart=` where that shows it, else the one of the running master.
    fn on_command_line(&self) -> Result<Option<String>, Refusal> {
        let running = self.target.service.and_then(|service| service.settings.given.get("worker_tmp_dir"));
        let on_line = |source: &Source| matches!(source, Source::CommandLine | Source::ExecStart);
        let told = match (self.exec_start_directory(), running) {
            (ExecStart::Gives(told), _) => told,
            (ExecStart::Hides, Some(running)) if on_line(&running.source) => match &running.value {
                Value::Text(told) => Some(trimmed(told).to_owned()),
                _ => None,
            },
            (ExecStart::Hides, _) => None,
        };
        match told {
            Some(told) if told == self.directory => Ok(Some("on its command line".to_owned())),
            Some(told) => {
                let reason = format!("its command line says --worker-tmp-dir {told}, which wins over the environment");
                let option = super::cmd_args::option(self.directory);
                let hint = format!("systemctl edit --full {}   # in ExecStart=: {option}", self.target.name);
                Err(self.refuse(reason, hint))
            }
            None => Ok(None),
        }
    }

    /// The settings that the running master took from the variable.
    pub fn running_names(&self) -> Vec<&str> {
        let given = self.target.service.into_iter().flat_map(|service| &service.settings.given);
        let from_variable = given.filter(|(_, one)| one.source == Source::Variable(VARIABLE.to_owned()));
        from_variable.map(|(name, _)| name.as_str()).collect()
    }

    /// `UnsetEnvironment=` takes the variable away after all others; `PassEnvironment=` brings one that is not seen here.
    fn check_removed(&self, unit: &Unit) -> Result<(), Refusal> {
        let names = |key: &str| line_that_names(unit, key, VARIABLE);
        if let Some(UnitAssignment { file, line, .. }) = names("Service.UnsetEnvironment") {
            let reason = format!("{file}, line {line}, takes {VARIABLE} away (UnsetEnvironment=)");
            return Err(self.refuse(reason, format!("in {file}, line {line}: take {VARIABLE} out")));
        }
        let is_set = !unit.variable_lines(VARIABLE).is_empty();
        match names("Service.PassEnvironment").filter(|_| !is_set) {
            Some(UnitAssignment { file, line, .. }) => {
                let reason = format!(
                    "{file}, line {line}, passes {VARIABLE} on from systemd's own environment, which gtune does not see"
                );
                let option = super::cmd_args::option(self.directory);
                Err(self.refuse(
                    reason,
                    format!("systemctl show-environment   # add to {VARIABLE} where it is set: {option}"),
                ))
            }
            None => Ok(()),
        }
    }

    /// A script that starts Gunicorn may set the variable itself, and wins. Ours alone may be left from an earlier run
    /// that was taken back.
    fn check_wrapper(&self, unit: &Unit, base: &Base) -> Result<(), Refusal> {
        let names = self.running_names();
        let ours_alone =
            names == ["worker_tmp_dir"] && self.target.service.and_then(|one| self.told(one)) == Some(true);
        let is_set = !base.text.is_empty() || own_value(self.ground, unit).is_some();
        if names.is_empty() || ours_alone || is_set {
            return Ok(());
        }
        let option = super::cmd_args::option(self.directory);
        let mut refusal = self.refuse(
            format!("it runs with {VARIABLE}, which neither Environment= nor EnvironmentFile= of it sets"),
            format!("where the script that starts it sets {VARIABLE}, add: {option}"),
        );
        refusal
            .hints
            .push(format!("systemctl restart {}   # where it was taken out of the unit since", self.target.name));
        Err(refusal)
    }

    /// A file that is read after gtune's own may empty `Environment=`: then another line changes nothing.
    fn check_taken_back(&self, unit: &Unit) -> Result<(), Refusal> {
        let path = HEARTBEAT.path(unit);
        let is_read = unit.drop_ins.contains(&path) && unit.fragment.known().is_some();
        let counts = unit.variable_lines(VARIABLE).iter().any(|one| one.line.file == path);
        if is_read && !counts {
            let reason = format!("a file that is read after {path} empties Environment=");
            return Err(self.refuse(reason, format!("systemctl cat {}   # take the line Environment= out", unit.name)));
        }
        Ok(())
    }

    /// The configuration file, or Python's own choice, where the running master shows that it comes to the same.
    fn in_settings(&self) -> Option<String> {
        let service = self.target.service?;
        match service.settings.worker_tmp_dir() {
            Fact::Known(told) if trimmed(&told.value) == self.directory => match told.source {
                Source::ConfigFile { file, line } => Some(format!("{file}, line {line}")),
                _ => None,
            },
            // A title hides the environment of the master, so what it was started with may be gone from the unit.
            Fact::Absent if !service.retitled && self.lies_there() == Some(true) => {
                Some("Python's directory for temporary files".to_owned())
            }
            _ => None,
        }
    }
}
