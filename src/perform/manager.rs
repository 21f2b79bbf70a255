//! systemd: reading its files again, restarting units.
//!
//! systemctl and journalctl run in a process group of their own, so that a Ctrl-C at the terminal reaches gtune alone: a
//! step is finished or undone, never torn in the middle. They inherit gtune's signal mask, in which the signals that end
//! a program may be held back. That is meant: lifting it for them from here would deliver a held Ctrl-C to gtune, and
//! nothing here ends them with any signal but SIGKILL. What they start is systemd's child, not theirs.

use crate::host::printable;
use crate::host::stored::is_unit_name;
use crate::host::systemd::{answer, quiet_command, systemctl};
use crate::plan::Trouble;
use crate::units::quoted;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// As long as systemctl itself waits for an answer of the manager (25 s on D-Bus, 90 s while it reads its files).
const RELOAD: Duration = Duration::from_secs(90);

/// By default a service has 90 s to stop, as long again to be killed, and 90 s to start (systemd.service(5)).
const RESTART: Duration = Duration::from_secs(300);

/// The journal answers at once; the lines only explain what went wrong.
const JOURNAL: Duration = Duration::from_secs(5);

/// `systemctl daemon-reload`.
///
/// # Errors
/// What systemctl says.
pub fn reload() -> Result<(), Trouble> {
    Programs::found().map_err(|reason| Trouble::new(RELOADING, reason))?.reload()
}

/// `systemctl restart UNIT`, which waits until it has started or failed. A service whose `Type=` is `simple` or `exec`
/// counts as started at once, so look at it afterwards.
///
/// # Errors
/// What systemctl says, with the last line of the unit's journal.
pub fn restart(unit: &str) -> Result<(), Trouble> {
    Programs::found().map_err(|reason| Trouble::new(format!("restart {unit}"), reason))?.restart(unit, RESTART)
}

const RELOADING: &str = "make systemd read its files again";

/// Where systemd's programs lie.
struct Programs {
    directory: PathBuf,
}

impl Programs {
    fn found() -> Result<Self, String> {
        let systemctl = systemctl().map_err(|reason| reason.to_string())?;
        Ok(Self { directory: systemctl.parent().unwrap_or(Path::new("/")).to_owned() })
    }

    fn run(&self, program: &str, arguments: &[&str], time: Duration) -> Result<String, String> {
        let mut command = quiet_command(&self.directory.join(program));
        command.args(arguments).process_group(0);
        answer(command, time).map_err(|reason| reason.to_string())
    }

    fn reload(&self) -> Result<(), Trouble> {
        let reloaded = self.run("systemctl", &["--no-pager", "--no-ask-password", "daemon-reload"], RELOAD);
        reloaded.map(drop).map_err(|reason| Trouble::new(RELOADING, reason).with_hint("systemctl daemon-reload"))
    }

    fn restart(&self, unit: &str, time: Duration) -> Result<(), Trouble> {
        let what = format!("restart {unit}");
        // A name is also a pattern to systemctl: `*.service` would restart everything.
        if !is_unit_name(unit) {
            return Err(Trouble::new(what, "that is no name of a unit"));
        }
        let arguments = ["--no-pager", "--no-ask-password", "restart", "--", unit];
        let Err(reason) = self.run("systemctl", &arguments, time) else { return Ok(()) };
        let reason = match self.last_lines(unit).last() {
            Some(line) => format!("{reason}; the last line of its journal: {}", printable(line)),
            None => reason,
        };
        Err(Trouble::new(what, reason).with_hint(format!("journalctl -u {} -n 50", quoted(unit))))
    }

    /// The last lines of a unit's journal; none where there is no journal, or gtune may not read it.
    fn last_lines(&self, unit: &str) -> Vec<String> {
        let arguments = ["--no-pager", "--quiet", "--output=cat", "--lines=5", &format!("--unit={unit}")];
        let lines = self.run("journalctl", &arguments, JOURNAL).unwrap_or_default();
        lines.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests;
