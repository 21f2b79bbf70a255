//! Taking a transaction back. Whatever a journal says was done, the host decides what is to be undone; so a rollback that
//! was stopped, or has to wait, goes on when it is run again.

use super::hint;
use super::history::{Kept, NONE, NotBegun, choose, not_found};
use super::journal::{Book, Journal};
use super::lock::Lock;
use super::state_directory::StateDirectory;
use super::step::{Hand, OnHost};
use super::undisturbed::Undisturbed;
use super::undo::{Era, NetworkSeen, Undo, in_order};
use super::wish::{Holders, Mode, Wish};
use crate::host::Root;
use crate::plan::{
    Action, Change, Record, RolledBack, StepState, Transaction, TransactionState, TransactionStep, Trouble,
    UndoOutcome, UndoStep, leads_to,
};
use jiff::Timestamp;

mod later;
mod services;
#[cfg(test)]
mod tests;

use later::mounted_by;

/// Takes back a transaction: the one whose id this is or begins with, else the last that was not taken back yet. One that
/// was taken back already comes to no steps; where none is in force and none was named, none is taken back.
///
/// # Errors
/// There is none of that name, its journal cannot be read, a later transaction stands in the way, another gtune is at
/// work, or nothing can be written down.
pub fn rollback(root: &Root, id: Option<&str>, wish: &Wish<'_>) -> Result<RolledBack, NotBegun> {
    let Some(state) = StateDirectory::find(root)? else {
        let Some(id) = id else { return Ok(RolledBack::default()) };
        return Err(not_found(id, NONE, hint::gtune(root, "history")));
    };
    let hand = OnHost(root);
    if wish.mode == Mode::Foresee {
        let all = Kept::all(&state)?;
        let Some((_, transaction)) = choose(&state, &all, id)? else { return Ok(RolledBack::default()) };
        let rollback = Rollback::new(&hand, transaction, &all, wish, root.is_live());
        rollback.refuse_before_later(&state)?;
        return Ok(rollback.run::<Journal<'_>>(None)?);
    }
    let _undisturbed = Undisturbed::begin();
    let lock = Lock::take(root)?;
    let all = Kept::all(lock.state())?;
    let Some((kept, transaction)) = choose(lock.state(), &all, id)? else { return Ok(RolledBack::default()) };
    let rollback = Rollback::new(&hand, transaction, &all, wish, root.is_live());
    rollback.refuse_before_later(lock.state())?;
    if transaction.state == TransactionState::RolledBack {
        return Ok(rollback.result());
    }
    let mut journal = Journal::resume(&lock, kept, &transaction.begin)?;
    Ok(rollback.run(Some(&mut journal))?)
}

/// A transaction being taken back.
struct Rollback<'a, H> {
    undo: Undo<'a, H>,
    transaction: &'a Transaction,
    /// Transactions that began after it and are not taken back.
    newer: Vec<&'a Transaction>,
    wish: &'a Wish<'a>,
    steps: Vec<UndoStep>,
    /// As [`Transaction::untold`], once the services have had their turn.
    untold: bool,
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
        let network = match (transaction.begin.network, wish.network) {
            (Some(then), Some(now)) if then != now => NetworkSeen::Another,
            _ => NetworkSeen::Same,
        };
        let undo = Undo { hand, mark: &transaction.begin.id, care: wish.care, era, network };
        Self { undo, transaction, newer, wish, steps: vec![], untold: false }
    }

    /// What taking a step back comes to; none where it can be.
    fn foresee(&self, step: &TransactionStep) -> Option<UndoOutcome> {
        match step.state {
            // What was as before once, and is not now, was changed by somebody else, perhaps by a later transaction.
            StepState::Undone => Some(UndoOutcome::AlreadySo),
            StepState::Begun | StepState::Done => self.undo.foresee(&step.change),
        }
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
        let mounts: Vec<&TransactionStep> = last.iter().map(|(step, _)| *step).collect();
        self.services(book.is_some(), &mounts);
        for (step, _) in last {
            self.step(step, &mut book);
        }
        let (id, untold) = (&self.transaction.begin.id, self.untold);
        let mut result = self.result();
        if let Some(book) = book {
            let end = if result.is_complete() { Record::RolledBack } else { Record::PartlyRolledBack { untold } };
            let again = book.gtune(&format!("rollback {id}   # once this is mended; it changes nothing twice"));
            result.unrecorded = book.write(&end).err().map(|trouble| trouble.with_hint(again));
        }
        Ok(result)
    }

    fn result(self) -> RolledBack {
        RolledBack { transaction: Some(self.transaction.begin.id.clone()), steps: self.steps, unrecorded: None }
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
        if step.state == StepState::Undone {
            return self.foresee(step);
        }
        if let Some(stored) = self.still_stored(change) {
            return Some(UndoOutcome::Conflict(stored));
        }
        if let Change::Directory { path, .. } = change
            && let Some(mount) = self.mount_in(path)
        {
            return mount;
        }
        let outcome = if for_real { Some(self.undo.take_back(change)) } else { self.undo.foresee(change) };
        outcome.map(|outcome| match outcome {
            UndoOutcome::Waits { .. } if matches!(change, Change::Mount { .. }) => self.waits(change),
            other => other,
        })
    }

    /// A mount, or its directory, that somebody has stored in another way than gtune did: it is theirs now.
    fn still_stored(&self, change: &Change) -> Option<String> {
        let place = match change {
            Change::Mount { target, after: Some(_), .. } => target,
            Change::Directory { path, after: Some(_), .. } => path,
            _ => return None,
        };
        let is_theirs = |step: &&UndoStep| matches!(step.outcome, Some(UndoOutcome::Conflict(_)));
        self.steps.iter().filter(is_theirs).find_map(|step| match &step.action {
            Action::Change(Change::Mount { .. }) => None,
            Action::Change(change) => {
                let target = mounted_by(&change.clone().inverse())?;
                leads_to(place, &target).then(|| format!("{} still mounts {target}", change.subject()))
            }
            Action::Reload | Action::Restart(_) => None,
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
            Some(UndoOutcome::Conflict(_)) => Some(UndoOutcome::Conflict(format!("{target} is still mounted"))),
            Some(_) => {
                let what = format!("remove directory {directory}");
                Some(UndoOutcome::Failed(Trouble::new(what, format!("{target} is still mounted"))))
            }
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
        let was_restarted = |unit: &String| self.steps.iter().any(|step| step.action == Action::Restart(unit.clone()));
        if !units.is_empty() && units.iter().all(was_restarted) {
            // It has just been restarted and uses the mount again, so another restart would come to the same.
            let reason = format!("{reason}, by settings of its own: start it again afterwards");
            return UndoOutcome::Waits { reason, command: format!("systemctl stop {}", units.join(" ")) };
        }
        let command = match units.is_empty() {
            true => format!("fuser -vm {target}   # shows who, to be restarted or stopped"),
            false => format!("systemctl restart {}", units.join(" ")),
        };
        UndoOutcome::Waits { reason, command }
    }
}
