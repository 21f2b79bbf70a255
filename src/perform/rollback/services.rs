//! What systemd and the services learn of a rollback.

use super::Rollback;
use crate::perform::step::Hand;
use crate::perform::undo::Era;
use crate::perform::wish::{Restarts, Systemd};
use crate::plan::{Action, Change, TransactionState, TransactionStep, Trouble, UndoOutcome, UndoStep};

impl<H: Hand> Rollback<'_, H> {
    /// systemd and the services learn what was taken back, before the mounts that services use are. Where nothing is,
    /// nobody is disturbed: what was so already was taken back by somebody who told them, or by a run that did.
    pub(super) fn services(&mut self, for_real: bool, mounts: &[&TransactionStep]) {
        if self.wish.systemd == Systemd::NotRunning || self.undo.era == Era::Image {
            return;
        }
        // A step that failed may have been done all the same: a file can go, and only its directory not reach the disk.
        let has_failed = |step: &UndoStep| matches!(step.outcome, Some(UndoOutcome::Failed(_)));
        let reads = |step: &UndoStep| match &step.action {
            Action::Change(change) => {
                change.is_read_by_systemd() && (has_failed(step) || self.is_news(step.outcome.as_ref()))
            }
            Action::Reload | Action::Restart(_) => false,
        };
        let restarts = self.steps.iter().any(|step| self.is_news(step.outcome.as_ref())) || self.frees_mounts(mounts);
        let hand = self.undo.hand;
        if self.steps.iter().any(reads) {
            let outcome = for_real.then(|| outcome_of(hand.reload()));
            self.steps.push(UndoStep { action: Action::Reload, outcome });
        }
        let units = if restarts { self.units() } else { vec![] };
        for unit in units {
            let outcome = for_real.then(|| outcome_of(hand.restart(&unit)));
            self.steps.push(UndoStep { action: Action::Restart(unit), outcome });
        }
        let is_left = self.wish.restarts == Restarts::Leave && !self.transaction.begin.restarts.is_empty();
        self.untold = restarts && is_left || self.steps.iter().any(has_failed);
    }

    /// Whether services may not know yet of what came to this. What is as before may have become so in a run that ended
    /// before it told them.
    fn is_news(&self, outcome: Option<&UndoOutcome>) -> bool {
        match outcome {
            None | Some(UndoOutcome::Restored) => true,
            Some(UndoOutcome::AlreadySo) => self.transaction.untold,
            Some(_) => false,
        }
    }

    /// Whether services use mounts that are about to go. Where an earlier run has restarted them since, they do no more,
    /// and who keeps the mount in use is somebody else.
    fn frees_mounts(&self, mounts: &[&TransactionStep]) -> bool {
        let were_restarted = self.transaction.state == TransactionState::PartlyRolledBack && !self.transaction.untold;
        let is_asked_for = self.wish.restarts == Restarts::All;
        let is_mount = |step: &&&TransactionStep| matches!(step.change, Change::Mount { .. });
        (!were_restarted || is_asked_for)
            && mounts.iter().filter(is_mount).any(|step| self.is_news(self.foresee(step).as_ref()))
    }

    /// The units to be restarted, each once.
    fn units(&self) -> Vec<String> {
        let mut units = match self.wish.restarts {
            Restarts::Leave => vec![],
            Restarts::AsApplied | Restarts::All => self.transaction.begin.restarts.clone(),
        };
        if self.wish.restarts == Restarts::All {
            for unit in self.transaction.steps.iter().filter_map(|step| step.change.drop_in_of()) {
                if !units.iter().any(|known| known == unit) {
                    units.push(unit.to_owned());
                }
            }
        }
        units
    }
}

fn outcome_of(came_to: Result<(), Trouble>) -> UndoOutcome {
    came_to.map_or_else(UndoOutcome::Failed, |()| UndoOutcome::Restored)
}
