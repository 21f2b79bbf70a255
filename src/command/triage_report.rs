//! What `gtune triage` came to, ready to be rendered in any form.

use super::{ExitCode, Source};
use crate::facts::Host;
use crate::triage::{self, Triage};
use jiff::Timestamp;

/// What became of the workers.
pub struct TriageReport {
    /// When it was asked.
    pub observed_at: Timestamp,
    /// The host whose logs were read; none where logs were named.
    pub host: Option<Host>,
    /// The time that was looked at.
    pub window: Window,
    /// The answer, in one sentence.
    pub answer: String,
    /// The deaths that were asked for, and what else was found.
    pub triage: Triage,
    /// Logs of Gunicorns and journals that were read.
    pub logs: Vec<triage::Source>,
    /// Logs of the kernel that were read.
    pub kernel_logs: Vec<Source>,
    /// Whether a Gunicorn's log could not be found or read, so that there may be deaths that nothing tells of.
    pub is_blind: bool,
    /// The command that may read what was refused, where gtune does not run as root.
    pub as_root: Option<String>,
}

/// A span of time, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Nothing earlier was looked at.
    pub from: Option<Timestamp>,
    /// Nothing later was looked at.
    pub to: Option<Timestamp>,
}

impl TriageReport {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match (self.triage.deaths.is_empty(), self.is_blind) {
            (false, _) => ExitCode::Attention,
            (true, true) => ExitCode::CouldNotLook,
            (true, false) => ExitCode::Healthy,
        }
    }
}
