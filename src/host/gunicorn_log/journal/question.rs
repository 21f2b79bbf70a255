//! What `journalctl` is asked for. In its arguments matches of one field are alternatives, those of several are all met, and
//! `+` begins another such set (journalctl(1)).

use super::Unread;
use crate::host::log_source::{journalctl, kept};
use crate::host::systemd::quiet_command;
use jiff::Timestamp;
use std::path::Path;
use std::process::Command;

/// The fields that a line is made of; the many others would only be skipped. The time of receipt always comes.
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,_TRANSPORT,_BOOT_ID,_HOSTNAME,SYSLOG_IDENTIFIER,SYSLOG_FACILITY,\
    _PID,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT";

/// Those that kill for want of memory, and those that set the clock, as they call themselves.
const KILLERS: [&str; 6] = ["systemd-oomd", "earlyoom", "oomd", "chronyd", "ntpd", "systemd-timesyncd"];

/// `SD_MESSAGE_TIME_CHANGE` (systemd's catalog).
const CLOCK_WAS_SET: &str = "MESSAGE_ID=c7a787079b354eaaa9e77b371893cd27";

/// All but access log lines in the format that everybody uses (`%(h)s %(l)s %(u)s %(t)s`), which a server writes a thousand
/// times as often as all others: what is left out by journalctl itself need not be written as JSON.
const NO_REQUEST: &str = r#"--grep=^(?!\S+ \S+ \S+ \[\d\d/\w\w\w/\d\d\d\d:)"#;

/// Gunicorn's own lines that tell who is a worker, of whatever version; what others quote of them is not at the begin of a
/// line.
const BOOTS: &str = "--grep=^\\[[-0-9]+ [:0-9]+ [-+0-9]+\\] \\[[0-9]+\\] \\[[A-Z]+\\] (Starting gunicorn |Booting worker |Worker |\
    WORKER TIMEOUT|Shutting down|Autorestarting |Handling signal|Hang up|Parent changed|Dirty worker |Spawned dirty)";

/// The arguments of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    options: Vec<String>,
    matches: Vec<String>,
}

impl Question {
    fn of(options: Vec<String>, matches: &[&str]) -> Self {
        Self { options, matches: matches.iter().map(|text| (*text).to_owned()).collect() }
    }

    /// The lines of units of the system, systemd's about them, and systemd-coredump's.
    pub fn of_units(units: &[String]) -> Self {
        // In one argument, whatever the name begins with.
        Self::of(units.iter().map(|unit| format!("--unit={unit}")).collect(), &[])
    }

    /// The same of units of a user's manager. `--user-unit` would ask for those of whoever runs gtune.
    pub fn of_user_units(units: &[String], uid: u32) -> Self {
        let mut matches = Vec::new();
        for unit in units {
            let fields =
                [("_SYSTEMD_USER_UNIT", "_UID"), ("USER_UNIT", "_UID"), ("COREDUMP_USER_UNIT", "COREDUMP_UID")];
            for (field, user) in fields {
                matches.extend(["+".to_owned(), format!("{field}={unit}"), format!("{user}={uid}")]);
            }
        }
        Self { options: vec![], matches: matches.into_iter().skip(1).collect() }
    }

    /// What those wrote that kill, and steps of the clock. Names are as everybody may give themselves; only services of the
    /// system are in its slice, and only root's dumps of cores are systemd's.
    pub fn of_killers() -> Self {
        let names = KILLERS.map(|name| format!("SYSLOG_IDENTIFIER={name}"));
        let mut matches = vec!["_SYSTEMD_SLICE=system.slice".to_owned()];
        matches.extend(names);
        let others = ["+", "SYSLOG_IDENTIFIER=systemd-coredump", "_UID=0", "+", CLOCK_WAS_SET, "_PID=1"];
        matches.extend(others.map(str::to_owned));
        Self { options: vec![], matches }
    }

    /// Everything.
    pub fn of_all() -> Self {
        Self::of(vec![], &[])
    }

    /// Only what was written in this time.
    pub fn within(mut self, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        self.options.extend(since.map(|since| format!("--since=@{}", since.as_second())));
        self.options.extend(until.map(|until| format!("--until=@{}", until.as_second())));
        self
    }

    /// Without lines of the access log.
    pub fn without_requests(self) -> Self {
        self.grep(NO_REQUEST)
    }

    /// Only boots and ends of workers.
    pub fn boots(self) -> Self {
        self.grep(BOOTS)
    }

    /// The newest entry first.
    pub fn newest_first(mut self) -> Self {
        self.options.push("--reverse".to_owned());
        self
    }

    fn grep(mut self, pattern: &str) -> Self {
        self.options.extend([pattern.to_owned(), "--case-sensitive=yes".to_owned()]);
        self
    }

    /// The arguments, in order.
    pub fn arguments(&self) -> Vec<String> {
        let common = ["--no-pager", "--quiet", "--output=json", "--all", FIELDS];
        let common = common.into_iter().map(str::to_owned);
        common.chain(self.options.iter().cloned()).chain(self.matches.iter().cloned()).collect()
    }

    /// The command that asks it.
    ///
    /// # Errors
    /// Where there is no journal, or only a part of it may be read: journalctl(1) shows a user who may not read it their own
    /// messages alone, and ends well.
    pub fn command(&self) -> Result<Command, Unread> {
        kept(Path::new("/"))?;
        let mut command = quiet_command(journalctl()?);
        command.args(self.arguments());
        Ok(command)
    }
}
