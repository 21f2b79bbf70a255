//! A systemd service unit: what its files say, and what the manager has loaded.

mod drop_in;
mod environment;
mod environment_file;
mod file;
mod show;
mod time_span;
mod words;

pub use drop_in::{base_name, drop_in_name_after, environment_line, environment_line_of};
pub use environment::{VariableLine, unit_words, variable_in};
pub use environment_file::{EnvironmentLine, environment_file_line, parse_environment_file};
pub use file::{parse_exec_start, parse_unit_file};
pub use show::parse_shows;
pub use time_span::parse_time_span;

use crate::facts::Fact;
use crate::units::{Limit, Seconds};
use serde::Serialize;
use std::collections::BTreeMap;

/// One assignment in a unit file or drop-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitAssignment {
    /// The value as written, continuation lines joined.
    pub value: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// A service unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unit {
    /// Full name, for example `gunicorn@web.service`.
    pub name: String,
    /// Whether it belongs to a user's manager and not to the system's.
    pub of_user: bool,
    /// The unit file.
    pub fragment: Fact<String>,
    /// Drop-ins in the order they are read.
    pub drop_ins: Vec<String>,
    /// Assignments stored in those files, by `Section.Key`, in order; the last wins for keys that are no lists.
    pub stored: BTreeMap<String, Vec<UnitAssignment>>,
    /// What the manager has loaded (`systemctl show`); unreadable under `--root` or without a manager.
    pub loaded: Fact<LoadedUnit>,
}

impl Unit {
    /// The assignment that wins for a key of which the last one counts, for example `Service.OOMPolicy`.
    pub fn winner(&self, key: &str) -> Option<&UnitAssignment> {
        self.stored.get(key).and_then(|all| all.last())
    }
}

/// The properties of a loaded unit that matter to Gunicorn (systemd.service(5), systemd.exec(5)).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadedUnit {
    /// `Type`.
    pub kind: String,
    /// `MainPID`; 0 where none runs.
    pub main_pid: i32,
    /// `ActiveState`.
    pub active_state: String,
    /// `Result` of the last run, for example `oom-kill`.
    pub result: String,
    /// `NRestarts`.
    pub restarts: Option<u64>,
    /// `OOMPolicy`; empty before systemd 243.
    pub oom_policy: String,
    /// `KillMode`.
    pub kill_mode: String,
    /// `TimeoutStopUSec`.
    pub timeout_stop: Fact<Limit>,
    /// `LimitNOFILESoft` and `LimitNOFILE`.
    pub open_files_soft: Fact<Limit>,
    /// The hard one.
    pub open_files_hard: Fact<Limit>,
    /// `TasksMax`.
    pub tasks_max: Fact<Limit>,
    /// `MemoryMax` in bytes.
    pub memory_max: Fact<Limit>,
    /// First `ExecStart` command, split into arguments.
    pub exec_start: Vec<String>,
    /// First `ExecReload` command as text.
    pub exec_reload: String,
    /// `Environment`, as `NAME=value`.
    pub environment: Vec<String>,
    /// `EnvironmentFiles`: path, and whether a missing file is ignored.
    pub environment_files: Vec<(String, bool)>,
    /// `User`; empty for root.
    pub user: String,
    /// `WorkingDirectory`.
    pub working_directory: String,
    /// Units of type socket among `TriggeredBy`.
    pub socket_units: Vec<String>,
    /// `NeedDaemonReload`: files changed since the manager read them.
    pub need_daemon_reload: bool,
    /// `PrivateTmp`, `ProtectSystem`, `ReadWritePaths`, … by name, as printed.
    pub sandbox: BTreeMap<String, String>,
}

impl LoadedUnit {
    /// The stop time-out as seconds; unlimited for `infinity`.
    pub fn stop_seconds(&self) -> Fact<Option<Seconds>> {
        self.timeout_stop.clone().map(|limit| limit.number().map(|micros| Seconds(micros as f64 / 1e6)))
    }
}
