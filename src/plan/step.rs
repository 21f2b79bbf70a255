//! A plan: numbered actions, and what is said beside them.

use super::{Change, MountImage};
use crate::units::quoted;
use serde::Serialize;
use std::fmt;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A change that can be taken back.
    Change(Change),
    /// systemd reads its files again.
    Reload,
    /// A unit is restarted.
    Restart(String),
}

/// What is to be done, in order, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The steps, numbered from 1 as they are performed.
    pub actions: Vec<Action>,
    /// What is as asked for already.
    pub already: Vec<Already>,
    /// What cannot or must not be done. A plan that holds one is not performed.
    pub refused: Vec<Refusal>,
    /// What the operator should know before saying yes, one sentence each.
    pub warnings: Vec<String>,
    /// What is left to do afterwards.
    pub left: Vec<Left>,
    /// Mounts to be tried in a mount namespace of their own before anything is changed.
    pub rehearsals: Vec<MountImage>,
}

/// What one part of a request comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topic {
    /// The changes it needs, in the order they make sense.
    pub changes: Vec<Change>,
    /// See [`Plan::already`].
    pub already: Vec<Already>,
    /// See [`Plan::refused`].
    pub refused: Vec<Refusal>,
    /// See [`Plan::warnings`].
    pub warnings: Vec<String>,
    /// See [`Plan::left`].
    pub left: Vec<Left>,
    /// See [`Plan::rehearsals`].
    pub rehearsals: Vec<MountImage>,
    /// Units that have to be restarted before a change reaches them.
    pub needs_restart: Vec<String>,
}

/// Something that is as asked for already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Already {
    /// What: `/mem is mounted: tmpfs, size=65536k`.
    pub what: String,
    /// Whether it is what was asked for, or more.
    pub state: AlreadyState,
}

/// How what is there stands to what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlreadyState {
    /// It is so.
    So,
    /// Less was asked for; it is kept, since nobody said that less is meant.
    Kept,
}

/// Something that gtune does not do. Displays as `cannot <what>: <reason>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Verb and thing: `mount a tmpfs at /mem`.
    pub what: String,
    /// Why, as a clause.
    pub reason: String,
    /// What to do instead, one command or step a line.
    pub hints: Vec<String>,
}

/// Something that is left to the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The command.
    pub command: String,
    /// What it is for.
    pub why: String,
    /// The step of a plan that does the same: a plan that has it leaves nothing of this.
    #[serde(skip)]
    pub does: Option<Action>,
}

impl Refusal {
    /// A refusal with one hint.
    pub fn new(what: impl Into<String>, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into(), hints: vec![hint.into()] }
    }
}

impl Left {
    /// A command and what it is for.
    pub fn new(command: impl Into<String>, why: impl Into<String>) -> Self {
        Self { command: command.into(), why: why.into(), does: None }
    }

    /// The restart of a unit of the system's manager.
    pub fn restart(unit: &str, why: impl Into<String>) -> Self {
        let does = Some(Action::Restart(unit.to_owned()));
        Self { does, ..Self::new(format!("systemctl restart {}", quoted(unit)), why) }
    }

    /// systemd has not read the files of a unit.
    pub fn reload(unit: &str) -> Self {
        let why = format!("systemd has not read the files of {unit}");
        Self { does: Some(Action::Reload), ..Self::new("systemctl daemon-reload", why) }
    }
}

impl Already {
    /// It is kept, since nobody said that less is meant.
    pub fn kept(what: impl Into<String>) -> Self {
        Self { what: what.into(), state: AlreadyState::Kept }
    }
}

impl<T: Into<String>> From<T> for Already {
    fn from(what: T) -> Self {
        Self { what: what.into(), state: AlreadyState::So }
    }
}

impl fmt::Display for Already {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lead = match self.state {
            AlreadyState::So => "already so",
            AlreadyState::Kept => "kept",
        };
        write!(f, "{lead}: {}", self.what)
    }
}

impl Topic {
    /// A topic that comes to nothing but this refusal.
    pub fn refused(refusal: Refusal) -> Self {
        Self { refused: vec![refusal], ..Self::default() }
    }

    /// Takes in what another topic came to.
    pub fn absorb(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.already.extend(other.already);
        self.refused.extend(other.refused);
        self.warnings.extend(other.warnings);
        self.left.extend(other.left);
        self.rehearsals.extend(other.rehearsals);
        self.needs_restart.extend(other.needs_restart);
    }

    /// Notes that something is as asked for already.
    pub fn already(&mut self, what: impl Into<Already>) {
        self.already.push(what.into());
    }
}

impl Plan {
    /// Its changes, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.actions.iter().filter_map(|action| match action {
            Action::Change(change) => Some(change),
            Action::Reload | Action::Restart(_) => None,
        })
    }
}
