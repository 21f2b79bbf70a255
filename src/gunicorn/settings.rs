//! The settings of a Gunicorn and where each comes from.
//!
//! Later wins: built-in default, configuration file, `GUNICORN_CMD_ARGS`, command line.

use crate::facts::{Fact, Reason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Gunicorn's own default.
    Default,
    /// A configuration file, read without executing it.
    ConfigFile {
        /// Its path.
        file: String,
        /// The line.
        line: usize,
    },
    /// The environment variable named here: `GUNICORN_CMD_ARGS`, `WEB_CONCURRENCY`, `PORT`, `SENDFILE`, `TMPDIR`.
    Variable(String),
    /// The command line of the running master.
    CommandLine,
    /// `ExecStart=` of the unit, where the master's own command line is hidden.
    ExecStart,
    /// Not from settings: what the processes show; the text says what was seen.
    Observed(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::ConfigFile { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::CommandLine => f.write_str("command line"),
            Self::ExecStart => f.write_str("ExecStart="),
            Self::Observed(what) => f.write_str(what),
        }
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Its source.
    pub source: Source,
}

/// A raw value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A switch.
    Flag(bool),
    /// `None` in a configuration file.
    Nothing,
    /// A list of strings.
    List(Vec<String>),
    /// An expression that only Python could evaluate; the text as it stands.
    Computed(String),
}

/// All settings that were given, by their name in a configuration file (`worker_tmp_dir`).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Settings {
    /// The winner for each setting that was given at all.
    pub given: BTreeMap<String, Sourced<Value>>,
    /// Why settings may be missing from `given`: the command line or the environment is hidden, the file could not
    /// be read, or holds code that sets names in ways a reader cannot follow.
    pub blind: Option<Reason>,
}

impl Settings {
    /// A whole number, its default where it was not given.
    /// Unreadable where only Python could tell, or where it may be set in a place that could not be seen.
    pub fn number(&self, name: &str, default: i64) -> Fact<Sourced<i64>> {
        self.value(name, Value::Number(default)).and_then(|found| {
            let number = match &found.value {
                Value::Number(n) => Some(*n),
                Value::Text(text) => text.trim().parse().ok(),
                _ => None,
            };
            match number {
                Some(value) => Fact::Known(Sourced { value, source: found.source }),
                None => not_a(name, "number", &found),
            }
        })
    }

    /// A string; absent where it was not given and has no default.
    pub fn text(&self, name: &str) -> Fact<Sourced<String>> {
        self.value(name, Value::Nothing).and_then(|found| match &found.value {
            Value::Text(text) => Fact::Known(Sourced { value: text.clone(), source: found.source }),
            Value::Number(n) => Fact::Known(Sourced { value: n.to_string(), source: found.source }),
            Value::Nothing => Fact::Absent,
            _ => not_a(name, "string", &found),
        })
    }

    /// A switch, its default where it was not given.
    pub fn flag(&self, name: &str, default: bool) -> Fact<Sourced<bool>> {
        self.value(name, Value::Flag(default)).and_then(|found| match &found.value {
            Value::Flag(value) => Fact::Known(Sourced { value: *value, source: found.source }),
            Value::Nothing => Fact::Known(Sourced { value: false, source: found.source }),
            Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Fact::Known(Sourced { value: true, source: found.source }),
                "false" => Fact::Known(Sourced { value: false, source: found.source }),
                _ => not_a(name, "switch", &found),
            },
            _ => not_a(name, "switch", &found),
        })
    }

    fn value(&self, name: &str, default: Value) -> Fact<Sourced<Value>> {
        match (self.given.get(name), &self.blind) {
            (Some(Sourced { value: Value::Computed(code), source }), _) => {
                Fact::unreadable(format!("{name} is computed at {source}: {code}"))
            }
            (Some(found), _) => Fact::Known(found.clone()),
            (None, Some(reason)) => Fact::Unreadable(reason.clone()),
            (None, None) => Fact::Known(Sourced { value: default, source: Source::Default }),
        }
    }
}

fn not_a<T>(name: &str, kind: &str, found: &Sourced<Value>) -> Fact<T> {
    Fact::unreadable(format!("{name} at {} is no {kind}", found.source))
}
