//! Where each setting comes from, decided as Gunicorn decides it.
//!
//! Later wins: defaults, which `WEB_CONCURRENCY`, `PORT` and `FORWARDED_ALLOW_IPS` change; the configuration file;
//! `GUNICORN_CMD_ARGS`; the command line. A layer that could not be seen hides every layer below it, because it may
//! have set any name.

use super::arguments::{any_base, parse_arguments};
use super::config_file::ConfigFile;
use super::options::{Kind, setting_named};
use super::words::split_words;
use super::{Settings, Source, Sourced, Value};
use crate::facts::{Fact, Reason};
use std::collections::BTreeMap;

/// What was seen of the places that settings come from.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingInputs {
    /// What follows the program; unreadable where a title hides it, absent for an embedded application.
    pub arguments: Fact<Vec<String>>,
    /// The command line, or `ExecStart=` in its place.
    pub arguments_from: Source,
    /// The environment the master was started with; absent means an empty one.
    pub variables: Fact<BTreeMap<String, String>>,
    /// The configuration file that is read; absent where there is none.
    pub config: Fact<ConfigFile>,
}

/// Which configuration file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigToRead {
    /// This file, from the directory Gunicorn was started in.
    File(String),
    /// A Python module by its dotted name; only Python's path tells its file.
    Module(String),
    /// `./gunicorn.conf.py` of the directory Gunicorn was started in, where it is there.
    Default,
}

impl Settings {
    /// The winner for each setting.
    pub fn resolve(inputs: &SettingInputs) -> Self {
        let mut settings = Self::default();
        if matches!(inputs.arguments, Fact::Absent) {
            settings.hide(Reason::new("the application embeds Gunicorn and sets options in its code"));
            return settings;
        }
        settings.take_defaults(&inputs.variables);
        settings.take_file(&inputs.config);
        settings.take_variable(&inputs.variables);
        match &inputs.arguments {
            Fact::Unreadable(reason) => settings.hide(reason.clone()),
            Fact::Known(arguments) => settings.take_arguments(arguments, &inputs.arguments_from),
            Fact::Absent => {}
        }
        settings
    }

    /// From here on down nothing is certain any more.
    fn hide(&mut self, reason: Reason) {
        self.given.clear();
        self.blind = Some(reason);
    }

    fn give(&mut self, name: &str, value: Value, source: &Source) {
        self.given.insert(name.to_owned(), Sourced { value, source: source.clone() });
    }

    fn take_defaults(&mut self, variables: &Fact<BTreeMap<String, String>>) {
        let Fact::Known(variables) = variables else { return };
        for (variable, name) in
            [("WEB_CONCURRENCY", "workers"), ("PORT", "bind"), ("FORWARDED_ALLOW_IPS", "forwarded_allow_ips")]
        {
            let Some(text) = variables.get(variable) else { continue };
            let value = match name {
                "workers" => Value::Text(text.clone()),
                "bind" => Value::Text(format!("0.0.0.0:{text}")),
                _ => Value::Text(text.clone()),
            };
            self.give(name, normal(name, value), &Source::Variable(variable.to_owned()));
        }
        if let Some(text) = variables.get("SENDFILE") {
            let on = matches!(text.to_lowercase().as_str(), "y" | "1" | "yes" | "true");
            self.give("sendfile", Value::Flag(on), &Source::Variable("SENDFILE".to_owned()));
        }
    }

    fn take_file(&mut self, config: &Fact<ConfigFile>) {
        match config {
            Fact::Unreadable(reason) => self.hide(reason.clone()),
            Fact::Absent => {}
            Fact::Known(config) => {
                if let Some(reason) = &config.opaque {
                    self.hide(reason.clone());
                }
                for (name, assigned) in &config.assigned {
                    let source = Source::ConfigFile { file: config.file.clone(), line: assigned.line };
                    self.take(name, normal(name, assigned.value.clone()), &source);
                }
            }
        }
    }

    fn take_variable(&mut self, variables: &Fact<BTreeMap<String, String>>) {
        let line = match variables {
            Fact::Unreadable(reason) => return self.hide(reason.clone()),
            Fact::Absent => return,
            Fact::Known(variables) => match variables.get("GUNICORN_CMD_ARGS") {
                Some(line) => line,
                None => return,
            },
        };
        match split_words(line) {
            Some(words) => self.take_arguments(&words, &Source::Variable("GUNICORN_CMD_ARGS".to_owned())),
            None => self.hide(Reason::new("GUNICORN_CMD_ARGS has a quotation that is not closed")),
        }
    }

    fn take_arguments(&mut self, arguments: &[String], source: &Source) {
        for (name, value) in parse_arguments(arguments).given {
            self.take(&name, value, source);
        }
    }

    /// Any value given for `sendfile`, even `True` in a file, turns it off: `Config.sendfile` tests `is not None`.
    fn take(&mut self, name: &str, value: Value, source: &Source) {
        match (name, &value) {
            ("sendfile", Value::Nothing) => {}
            ("sendfile", Value::Flag(_)) => self.give(name, Value::Flag(false), source),
            _ => self.give(name, value, source),
        }
    }
}

/// A value as the setting's validator leaves it.
fn normal(name: &str, value: Value) -> Value {
    match (setting_named(name).map(|setting| setting.kind), value) {
        (Some(Kind::List), Value::Text(text)) if text.is_empty() => Value::List(Vec::new()),
        (Some(Kind::List), Value::Text(text)) => Value::List(vec![text.trim().to_owned()]),
        (Some(Kind::List), Value::List(list)) => Value::List(list.iter().map(|item| item.trim().to_owned()).collect()),
        (Some(Kind::List), Value::Nothing) => Value::List(Vec::new()),
        (Some(Kind::Number | Kind::AnyBase), Value::Flag(on)) => Value::Number(i64::from(on)),
        (Some(Kind::Number | Kind::AnyBase), Value::Text(text)) => {
            any_base(&text).map_or(Value::Text(text), Value::Number)
        }
        (_, Value::Text(text)) => Value::Text(text.trim().to_owned()),
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config_file::read_config;
    use super::*;
    use proptest::prelude::*;

    fn inputs(arguments: &str, variables: &[(&str, &str)], config: &str) -> SettingInputs {
        SettingInputs {
            arguments: Fact::Known(arguments.split_whitespace().map(str::to_owned).collect()),
            arguments_from: Source::CommandLine,
            variables: Fact::Known(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
            config: Fact::Known(read_config("/srv/gunicorn.conf.py", config.as_bytes())),
        }
    }

    fn workers(inputs: &SettingInputs) -> (i64, String) {
        let Fact::Known(found) = Settings::resolve(inputs).number("workers", 1) else { return (-1, "?".into()) };
        (found.value, found.source.to_string())
    }

    #[test]
    fn each_place_wins_over_the_ones_before_it() {
        let all = inputs("-w5 app", &[("WEB_CONCURRENCY", "2"), ("GUNICORN_CMD_ARGS", "-w 4")], "\nworkers = 3");
        assert_eq!(workers(&all), (5, "command line".into()));
        let mut less = SettingInputs { arguments: Fact::Known(vec![]), ..all };
        assert_eq!(workers(&less), (4, "GUNICORN_CMD_ARGS".into()));
        less.variables = Fact::Known([("WEB_CONCURRENCY".to_owned(), "2".to_owned())].into());
        assert_eq!(workers(&less), (3, "/srv/gunicorn.conf.py:2".into()));
        less.config = Fact::Absent;
        assert_eq!(workers(&less), (2, "WEB_CONCURRENCY".into()));
        less.variables = Fact::Absent;
        assert_eq!(workers(&less), (1, "default".into()));
    }

    #[test]
    fn a_hidden_place_hides_what_it_could_have_changed_and_nothing_above() {
        let mut inputs = inputs("-t 9", &[], "workers = 3");
        inputs.variables = Fact::unreadable("permission denied: /proc/812/environ");
        let settings = Settings::resolve(&inputs);
        assert_eq!(settings.number("timeout", 30).known().unwrap().value, 9);
        let reason = settings.number("workers", 1).needed("workers").unwrap_err();
        assert_eq!(reason.to_string(), "permission denied: /proc/812/environ");
    }

    #[test]
    fn a_hidden_command_line_leaves_nothing_certain() {
        let mut inputs = inputs("", &[("WEB_CONCURRENCY", "2")], "workers = 3");
        inputs.arguments = Fact::unreadable("setproctitle has replaced the arguments");
        assert_eq!(Settings::resolve(&inputs).given, BTreeMap::new());
    }

    #[test]
    fn an_embedding_application_says_so() {
        let mut inputs = inputs("", &[], "workers = 3");
        inputs.arguments = Fact::Absent;
        let reason = Settings::resolve(&inputs).blind.unwrap();
        assert_eq!(reason.to_string(), "the application embeds Gunicorn and sets options in its code");
    }

    #[test]
    fn a_file_that_cannot_be_followed_hides_only_what_it_does_not_say_itself() {
        let settings = Settings::resolve(&inputs("-t 9", &[], "from base import *\nworkers = 3"));
        assert_eq!(settings.number("workers", 1).known().unwrap().value, 3);
        assert_eq!(settings.number("timeout", 30).known().unwrap().value, 9);
        assert!(settings.number("threads", 1).known().is_none());
    }

    #[test]
    fn the_port_variable_changes_the_default_address() {
        let settings = Settings::resolve(&inputs("", &[("PORT", "5000")], ""));
        assert_eq!(settings.bind().known().unwrap().value, ["0.0.0.0:5000"]);
        let settings = Settings::resolve(&inputs("", &[("PORT", "5000")], "bind = ' :80 '"));
        assert_eq!(settings.bind().known().unwrap().value, [":80"]);
    }

    #[test]
    fn sendfile_is_off_as_soon_as_it_is_given() {
        // Config.sendfile of 19.9 to 27.0.1: `if self.settings['sendfile'].get() is not None: return False`.
        for (file, on) in
            [("", true), ("sendfile = True", false), ("sendfile = False", false), ("sendfile = None", true)]
        {
            assert_eq!(Settings::resolve(&inputs("", &[], file)).sendfile().known().unwrap().value, on, "{file}");
        }
        assert!(!Settings::resolve(&inputs("", &[("SENDFILE", "no")], "")).sendfile().known().unwrap().value);
        assert!(Settings::resolve(&inputs("", &[("SENDFILE", "YES")], "")).sendfile().known().unwrap().value);
    }

    proptest! {
        #[test]
        fn any_inputs_resolve(line in "\\PC{0,40}", variable in "\\PC{0,30}", config in "\\PC{0,60}") {
            Settings::resolve(&inputs(&line, &[("GUNICORN_CMD_ARGS", &variable)], &config));
        }
    }
}
