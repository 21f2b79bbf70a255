//! What came of the steps of a plan, or of taking them back.

use super::{Action, Change};
use serde::Serialize;
use std::fmt;

/// Why a step could not be done. Displays as `cannot <what>: <reason>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("cannot {what}: {reason}")]
pub struct Trouble {
    /// Verb and thing: `replace /etc/fstab`.
    pub what: String,
    /// Why, as a clause: `no space left on device`.
    pub reason: String,
    /// What to do, as a command where there is one.
    pub hint: Option<String>,
}

impl Trouble {
    /// Trouble without a hint.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into(), hint: None }
    }

    /// The same with what to do about it.
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// How what is there now stands to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As it was before the change.
    Before,
    /// As it is after the change; of a line, also where others have changed other lines.
    After,
    /// Others have changed other lines; this one is as before, and could be changed alone.
    Drifted,
    /// Something else: somebody else has changed it. The text says what is there.
    Other(String),
}

/// What came of one step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// It was changed, and looked at again.
    Changed,
    /// It was so when its turn came.
    AlreadySo,
    /// It failed, and nothing of it is left.
    Failed(Trouble),
    /// It was changed, and taken back because a later step failed.
    Undone,
    /// It was changed, and could not be taken back.
    NotUndone(Trouble),
    /// A step before it failed.
    NotReached,
}

/// What came of a plan, one outcome a step of [`super::Plan::actions`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Performed {
    /// The transaction it is kept as; none where nothing had to be done.
    pub transaction: Option<String>,
    /// In the order of the steps.
    pub steps: Vec<StepOutcome>,
    /// Why all of it was taken back though every step was done: what was seen afterwards, or that it could not be
    /// written down.
    pub unverified: Option<Trouble>,
}

/// One step of a rollback and what came of it; `action` is what takes the step back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoStep {
    /// What takes it back: the inverse of a change, a reload, a restart.
    pub action: Action,
    /// What came of it; none where it was only planned (`--dry-run`).
    pub outcome: Option<UndoOutcome>,
}

/// What came of taking one step back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoOutcome {
    /// It is again as it was before.
    Restored,
    /// It was so already.
    AlreadySo,
    /// It is left as it is for a good reason, and nothing is missing: a directory that others use, a kernel value of an
    /// earlier boot, a process that has ended.
    Left(String),
    /// It cannot be done yet: a mount that workers use. The command makes it possible.
    Waits {
        /// Why.
        reason: String,
        /// What to run before `gtune rollback` is run again.
        command: String,
    },
    /// Somebody else has changed it since; the text says what is there.
    Conflict(String),
    /// It failed.
    Failed(Trouble),
}

/// What came of a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RolledBack {
    /// The transaction; none where none was in force.
    pub transaction: Option<String>,
    /// The steps, newest first; none where it was taken back before.
    pub steps: Vec<UndoStep>,
    /// Why it could not be written down that it was taken back; the transaction still counts as unfinished then.
    pub unrecorded: Option<Trouble>,
}

impl UndoOutcome {
    /// Whether the step needs nothing more.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Restored | Self::AlreadySo | Self::Left(_))
    }
}

impl RolledBack {
    /// Whether nothing of the transaction is left on the host.
    pub fn is_complete(&self) -> bool {
        self.unrecorded.is_none()
            && self.steps.iter().all(|step| step.outcome.as_ref().is_some_and(UndoOutcome::is_settled))
    }
}

impl fmt::Display for Change {
    /// A heading for the step: `add a line to /etc/fstab`, `mount tmpfs at /mem`, `raise … from 128 to 8192`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject();
        let verb = |is_there: bool, will_be: bool| match (is_there, will_be) {
            (false, _) => "make",
            (true, true) => "change",
            (true, false) => "remove",
        };
        match self {
            Self::Directory { before, after, .. } => {
                write!(f, "{} directory {subject}", verb(before.is_some(), after.is_some()))
            }
            Self::File { before, after, .. } => write!(f, "{} {subject}", verb(before.is_some(), after.is_some())),
            Self::Line { old_line: None, .. } => write!(f, "add a line to {subject}"),
            Self::Line { new_line: None, .. } => write!(f, "take a line out of {subject}"),
            Self::Line { .. } => write!(f, "change a line of {subject}"),
            Self::Link { before, after, .. } => {
                write!(f, "{} link {subject}", verb(before.is_some(), after.is_some()))
            }
            Self::Mount { before: None, after: Some(image), .. } => write!(f, "mount {} at {subject}", image.kind),
            Self::Mount { after: None, .. } => write!(f, "unmount {subject}"),
            Self::Mount { .. } => write!(f, "mount {subject} with other options"),
            Self::KernelValue { before, after, .. } => {
                let verb = if after >= before { "raise" } else { "lower" };
                write!(f, "{verb} {subject} from {before} to {after}")
            }
            Self::ProcessLimit { before, after, .. } => {
                write!(f, "set the limit of open files of {subject} from {} to {}", before.soft, after.soft)
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => change.fmt(f),
            Self::Reload => f.write_str("make systemd read its files again"),
            Self::Restart(unit) => write!(f, "restart {unit}"),
        }
    }
}
