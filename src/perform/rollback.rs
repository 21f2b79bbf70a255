//! Taking a transaction back. Whatever a journal says was done, the host decides what is to be undone; so a rollback that
//! was stopped, or has to wait, goes on when it is run again.

use super::history::{Kept, choose};
use super::journal::{Book, Journal};
use super::lock::Lock;
use super::state_directory::StateDirectory;
use super::step::{Hand, OnHost};
use super::undisturbed::Undisturbed;
use super::undo::{Era, Undo, in_order, leads_to};
use super::wish::{Holders, Mode, Restarts, Systemd, Wish};
use crate::host::Root;
use crate::plan::{
    Action, Change, Record, RolledBack, StepState, Transaction, TransactionState, TransactionStep, Trouble,
    UndoOutcome, UndoStep,
};
use jiff::Timestamp;

#[cfg(test)]
mod tests;

/// Takes back a transaction: the one whose id this is or begins with, else the last that was not taken back yet. One that
/// was taken back already comes to no steps.
///
/// # Errors
/// There is none of that name, its journal cannot be read, another gtune is at work, or nothing can be written down.
pub fn rollback(root: &Root, id: Option<&str>, wish: &Wish<'_>) -> Result<RolledBack, Trouble> {
    let nothing = || Trouble::new("roll back", "gtune has changed nothing here").with_hint("gtune history");
    let state = StateDirectory::find(root)?.ok_or_else(nothing)?;
    let hand = OnHost(root);
    if wish.mode == Mode::Foresee {
        let all = Kept::all(&state)?;
        let (_, transaction) = choose(&state, &all, id)?;
        return Rollback::new(&hand, transaction, &all, wish, root.is_live()).run::<Journal<'_>>(None);
    }
    let _undisturbed = Undisturbed::begin();
    let lock = Lock::take(root)?;
    let all = Kept::all(lock.state())?;
    let (kept, transaction) = choose(lock.state(), &all, id)?;
    let rollback = Rollback::new(&hand, transaction, &all, wish, root.is_live());
    if transaction.state == TransactionState::RolledBack {
        return Ok(rollback.result());
    }
    let mut journal = Journal::resume(&lock, kept, &transaction.begin)?;
    rollback.run(Some(&mut journal))
}

/// A transaction being taken back.
struct Rollback<'a, H> {
    undo: Undo<'a, H>,
    transaction: &'a Transaction,
    /// Transactions that began after it and are not taken back.
    newer: Vec<&'a Transaction>,
    wish: &'a Wish<'a>,
    steps: Vec<UndoStep>,
}

impl<'a, H: Hand> Rollback<'a, H> {
    fn new(hand: &'a H, transaction: &'a Transaction, all: &'a [Kept], wish: &'a Wish<'a>, is_live: bool) -> Self {
        let era = match (is_live, transaction.begin.boot_id.as_deref() == wish.boot_id) {
            (false, _) => Era::Image,
            (true, true) => Era::Same,
            (true, false) => Era::EarlierBoot,
        };
        let readable = all.iter().filter_map(|kept| kept.transaction.as_ref().ok());
        let newer = readable.skip_while(|other| other.begin.id != transaction.begin.id).skip(1);
        let newer = newer.filter(|other| other.state != TransactionState::RolledBack).collect();
        let undo = Undo { hand, mark: &transaction.begin.id, care: wish.care, era };
        Self { undo, transaction, newer, wish, steps: vec![] }
    }

    /// Takes everything back that can be, and collects what came of it. Without a book it is only foreseen.
    fn run<B: Book>(mut self, mut book: Option<&mut B>) -> Result<RolledBack, Trouble> {
        if self.transaction.state == TransactionState::RolledBack {
            return Ok(self.result());
        }
        if let Some(book) = &mut book {
            book.write(&Record::RollingBack { at: Timestamp::now() })?;
        }
        let newest_first = self.transaction.steps.iter().rev().map(|step| (step, &step.change));
        let [first, last] = in_order(newest_first.collect());
        for (step, _) in first {
            self.step(step, &mut book);
        }
        self.services(book.is_some(), &last);
        for (step, _) in last {
            self.step(step, &mut book);
        }
        let mut result = self.result();
        if let Some(book) = book {
            let end = if result.is_complete() { Record::RolledBack } else { Record::PartlyRolledBack };
            let again =
                format!("gtune rollback {}   # once this is mended; it changes nothing twice", result.transaction);
            result.unrecorded = book.write(&end).err().map(|trouble| trouble.with_hint(again));
        }
        Ok(result)
    }

    fn result(self) -> RolledBack {
        RolledBack { transaction: self.transaction.begin.id.clone(), steps: self.steps, unrecorded: None }
    }

    fn step<B: Book>(&mut self, step: &TransactionStep, book: &mut Option<&mut B>) {
        let outcome = self.outcome(step, book.is_some());
        let is_as_before = matches!(outcome, Some(UndoOutcome::Restored | UndoOutcome::AlreadySo));
        if let (Some(book), true, true) = (book, is_as_before, step.state != StepState::Undone) {
            // Where this is missing, the host is asked again.
            let _ = book.write(&Record::Undone { step: step.number });
        }
        self.steps.push(UndoStep { action: Action::Change(step.change.clone().inverse()), outcome });
    }

    fn outcome(&self, step: &TransactionStep, for_real: bool) -> Option<UndoOutcome> {
        let change = &step.change;
        // What was as before once, and is not now, was changed by somebody else, perhaps by a later transaction.
        if step.state == StepState::Undone {
            return Some(UndoOutcome::AlreadySo);
        }
        if let Change::Directory { path, .. } = change
            && let Some(mount) = self.mount_in(path)
        {
            return mount;
        }
        let outcome = if for_real { Some(self.undo.take_back(change)) } else { self.undo.foresee(change) };
        outcome.map(|outcome| match outcome {
            UndoOutcome::Waits { .. } if matches!(change, Change::Mount { .. }) => self.waits(change),
            UndoOutcome::Conflict(there) => UndoOutcome::Conflict(self.with_later_hand(change, there)),
            other => other,
        })
    }

    /// What becomes of a directory below which a mount stays, or would have been taken away by now.
    fn mount_in(&self, directory: &str) -> Option<Option<UndoOutcome>> {
        let is_settled = |step: &UndoStep| step.outcome.as_ref().is_some_and(UndoOutcome::is_settled);
        let (target, mount) = self.steps.iter().find_map(|step| match &step.action {
            Action::Change(Change::Mount { target, .. }) if leads_to(directory, target) && !is_settled(step) => {
                Some((target, step))
            }
            _ => None,
        })?;
        Some(match &mount.outcome {
            None | Some(UndoOutcome::Waits { .. }) => mount.outcome.clone(),
            Some(_) => Some(UndoOutcome::Conflict(format!("{target} is still mounted"))),
        })
    }

    fn waits(&self, mount: &Change) -> UndoOutcome {
        let target = mount.subject();
        let Holders { who, units } = (self.wish.holders)(&target);
        let reason = match who.is_empty() {
            true => format!("files in {target} are open"),
            false => format!("files in {target} are open in {who}"),
        };
        let units = if units.is_empty() { &self.transaction.begin.restarts } else { &units };
        let command = match units.is_empty() {
            true => format!("fuser -vm {target}   # shows who, to be restarted or stopped"),
            false => format!("systemctl restart {}", units.join(" ")),
        };
        UndoOutcome::Waits { reason, command }
    }

    /// What is there, and which later transaction put it there.
    fn with_later_hand(&self, change: &Change, there: String) -> String {
        let touches =
            |step: &TransactionStep| step.state != StepState::Undone && step.change.subject() == change.subject();
        match self.newer.iter().rev().find(|newer| newer.steps.iter().any(touches)) {
            Some(newer) => {
                let id = &newer.begin.id;
                format!("{there}; transaction {id} changed it later: gtune rollback {id} comes first")
            }
            None => there,
        }
    }

    /// The units to be restarted, each once.
    fn units(&self) -> Vec<String> {
        let mut units = match self.wish.restarts {
            Restarts::Leave => vec![],
            Restarts::AsApplied | Restarts::All => self.transaction.begin.restarts.clone(),
        };
        if self.wish.restarts == Restarts::All {
            let subjects: Vec<String> = self.transaction.steps.iter().map(|step| step.change.subject()).collect();
            for unit in subjects.iter().filter_map(|path| unit_of_drop_in(path)) {
                if !units.iter().any(|known| known == unit) {
                    units.push(unit.to_owned());
                }
            }
        }
        units
    }

    /// systemd and the services learn what was taken back, before the mounts that services use are.
    fn services(&mut self, for_real: bool, mounts: &[(&TransactionStep, &Change)]) {
        let was_stopped = self.transaction.state != TransactionState::Applied;
        let changed = |step: &UndoStep| matches!(step.outcome, None | Some(UndoOutcome::Restored));
        let reads = |step: &UndoStep| match &step.action {
            Action::Change(change) => {
                let may_be_unread = was_stopped && step.outcome == Some(UndoOutcome::AlreadySo);
                change.is_read_by_systemd() && (changed(step) || may_be_unread)
            }
            Action::Reload | Action::Restart(_) => false,
        };
        let restarts = was_stopped
            || self.steps.iter().any(changed)
            || mounts.iter().any(|(_, change)| self.undo.foresee(change).is_none());
        let hand = self.undo.hand;
        let can = self.wish.systemd == Systemd::Running && self.undo.era != Era::Image;
        if can && self.steps.iter().any(reads) {
            let outcome = for_real.then(|| outcome_of(hand.reload()));
            self.steps.push(UndoStep { action: Action::Reload, outcome });
        }
        if can && restarts {
            for unit in self.units() {
                let outcome = for_real.then(|| outcome_of(hand.restart(&unit)));
                self.steps.push(UndoStep { action: Action::Restart(unit), outcome });
            }
        }
    }
}

/// The unit that a drop-in in `/etc/systemd/system/UNIT.d` belongs to.
fn unit_of_drop_in(path: &str) -> Option<&str> {
    path.strip_prefix("/etc/systemd/system/")?.split_once(".d/").map(|(unit, _)| unit)
}

fn outcome_of(came_to: Result<(), Trouble>) -> UndoOutcome {
    came_to.map_or_else(UndoOutcome::Failed, |()| UndoOutcome::Restored)
}
