//! Later transactions that stand in the way of taking an earlier one back.

use super::Rollback;
use crate::facts::{Fstab, MountUnit};
use crate::perform::Care;
use crate::perform::state_directory::StateDirectory;
use crate::perform::step::Hand;
use crate::plan::{Change, StepState, TransactionState, TransactionStep, Trouble, UndoOutcome, leads_to};

impl<H: Hand> Rollback<'_, H> {
    /// Refuses where a later transaction changed the same: what this one found there can only come back after that.
    /// Nothing is begun then, so that the host is not left with half of it.
    pub(super) fn refuse_before_later(&self, state: &StateDirectory) -> Result<(), Trouble> {
        if self.transaction.state == TransactionState::RolledBack || self.newer.is_empty() {
            return Ok(());
        }
        let open = self.transaction.steps.iter().filter(|step| !self.is_below_own_mount(&step.change));
        let mut hindered = open.filter(|step| matches!(self.foresee(step), Some(UndoOutcome::Conflict(_))));
        let changed = hindered.find_map(|step| self.later_hand(&step.change));
        let changed = changed.map(|(id, subject)| (id, format!("transaction {id} changed {subject} later")));
        let Some((id, reason)) = changed.or_else(|| self.later_user()) else { return Ok(()) };
        let trouble = Trouble::new(format!("roll back {}", self.transaction.begin.id), reason);
        Err(trouble.with_hint(state.gtune(&format!("rollback {id}"))))
    }

    /// Whether it is a directory that cannot be seen while a mount of this transaction lies on it or below it.
    fn is_below_own_mount(&self, change: &Change) -> bool {
        let Change::Directory { path, .. } = change else { return false };
        let covers =
            |step: &TransactionStep| matches!(&step.change, Change::Mount { target, .. } if leads_to(path, target));
        self.transaction.steps.iter().any(covers)
    }

    /// The last transaction that changed the same and is in force, and what it changed.
    fn later_hand(&self, change: &Change) -> Option<(&str, String)> {
        let touches =
            |step: &TransactionStep| step.state != StepState::Undone && step.change.subject() == change.subject();
        let later = self.newer.iter().rev().find(|newer| newer.steps.iter().any(touches))?;
        Some((&later.begin.id, change.subject()))
    }

    /// The last transaction in force that relies on a directory this one mounts, and how.
    fn later_user(&self) -> Option<(&str, String)> {
        let changes = self.transaction.steps.iter().map(|step| &step.change);
        let targets: Vec<String> = changes.filter_map(mounted_by).collect();
        let relies =
            |step: &TransactionStep, target: &String| step.state != StepState::Undone && mentions(&step.change, target);
        self.newer.iter().rev().filter(|_| self.wish.care != Care::Overwrite).find_map(|newer| {
            let target = targets.iter().find(|target| newer.steps.iter().any(|step| relies(step, target)))?;
            Some((newer.begin.id.as_str(), format!("transaction {} made use of {target} later", newer.begin.id)))
        })
    }
}

/// The directory that a change mounts, or has mounted at boot.
pub(super) fn mounted_by(change: &Change) -> Option<String> {
    match change {
        Change::Mount { target, after: Some(_), .. } => Some(target.clone()),
        Change::Line { path, new_line: Some(line), .. } if path == "/etc/fstab" => {
            Fstab::parse(&line.0).entries.into_iter().next().map(|entry| entry.target)
        }
        Change::File { path, after: Some(file), .. } if path.ends_with(".mount") => {
            MountUnit::parse(path, &file.content.0).map(|unit| unit.mount_point)
        }
        _ => None,
    }
}

/// Whether what a change stores names a directory.
fn mentions(change: &Change, directory: &str) -> bool {
    let stored = match change {
        Change::File { after: Some(file), .. } => file.content.text(),
        Change::Line { new_line: Some(line), .. } => line.text(),
        _ => return change.subject() == directory,
    };
    stored.split(|c: char| c.is_whitespace() || "\"'=,:".contains(c)).any(|word| word == directory)
}
