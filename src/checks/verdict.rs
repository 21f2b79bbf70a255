//! What a check says of one subject.

use crate::facts::Reason;
use serde::Serialize;

/// How much a finding matters, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Hygiene.
    Info,
    /// Will hurt under load or at the next reboot.
    Warning,
    /// Is hurting requests now.
    Critical,
}

/// The answer of a check for one subject.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// As it should be.
    Healthy(Seen),
    /// Something to mend.
    Finding(Box<Finding>),
    /// The check makes no sense here; the reason says why.
    NotApplicable(Reason),
    /// Could not look; the reason says at what and why.
    CannotTell(Reason),
}

/// A judgement as checks write it: `?` on [`crate::facts::Fact::needed`] ends it as [`Verdict::CannotTell`].
pub type Judgement = Result<Verdict, Reason>;

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// What is there, in a few words: `ext4 at /tmp`.
    pub observed: String,
    /// What would be right: `tmpfs or ramfs`.
    pub wanted: String,
    /// The lines it rests on, each with its path: `/proc/815/fd/7 -> /tmp/wgunicorn-x (deleted): ext4`.
    pub evidence: Vec<String>,
    /// For settings: configured, stored, live, in force.
    pub columns: Columns,
}

/// The four columns that are kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Columns {
    /// What Gunicorn or the unit is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured: Option<String>,
    /// What the next boot will set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_for_boot: Option<Stored>,
    /// What the kernel or the service manager has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// What the running processes or sockets have: one entry each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_force: Vec<InForce>,
}

/// A stored value and the line that wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// The value.
    pub value: String,
    /// The file; `null` where nothing is stored and the built-in default will be.
    pub file: Option<String>,
    /// The line.
    pub line: Option<usize>,
}

/// A value in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// The process or socket: `pid 815`, `127.0.0.1:8000`.
    pub subject: String,
    /// The value.
    pub value: String,
}

/// Something to mend.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was seen.
    pub seen: Seen,
    /// What comes of it, in one sentence.
    pub consequence: String,
    /// What to do.
    pub remedy: Remedy,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Remedy {
    /// The gtune command that mends it, where gtune can.
    pub command: Option<String>,
    /// The same by hand, one step a line.
    pub by_hand: Vec<String>,
    /// Whether the service must be restarted for it.
    pub restart: bool,
}

impl Verdict {
    /// As it should be.
    pub fn healthy(observed: impl Into<String>, wanted: impl Into<String>, evidence: Vec<String>) -> Self {
        Self::Healthy(Seen { observed: observed.into(), wanted: wanted.into(), evidence, columns: Columns::default() })
    }

    /// The same; where it is healthy without words, for its evidence to join what another look says.
    pub fn quietly(self) -> Self {
        match self {
            Self::Healthy(seen) => Self::Healthy(Seen { observed: String::new(), wanted: String::new(), ..seen }),
            other => other,
        }
    }

    /// Something to mend.
    pub fn finding(severity: Severity, seen: Seen, consequence: impl Into<String>, remedy: Remedy) -> Self {
        Self::Finding(Box::new(Finding { severity, seen, consequence: consequence.into(), remedy }))
    }

    /// The check makes no sense here.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::NotApplicable(Reason::new(reason))
    }

    /// Could not look.
    pub fn cannot_tell(reason: impl Into<String>) -> Self {
        Self::CannotTell(Reason::new(reason))
    }
}
