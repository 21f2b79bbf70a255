//! Performing a plan: all of it, or nothing.

use super::Care;
use super::history::refuse_unfinished;
use super::journal::{Book, Journal, Origin};
use super::lock::Lock;
use super::mount::MountTrouble;
use super::step::{Hand, OnHost};
use super::undisturbed::Undisturbed;
use super::undo::{Era, NetworkSeen, Undo, in_order};
use crate::host::Root;
use crate::plan::{Action, Change, Performed, Plan, Record, Standing, StepOutcome, Trouble, UndoOutcome};
use jiff::Timestamp;

#[cfg(test)]
mod tests;

/// Performs a plan, with a journal. Where a step fails, those before it are taken back, newest first, and units that were
/// restarted are restarted again.
///
/// `verify` looks at the host after the last step; where it fails, everything is taken back as well, and
/// [`Performed::unverified`] says why.
///
/// # Errors
/// Where nothing was begun: another gtune is at work, an earlier transaction was cut short, or no journal can be kept.
pub fn perform(
    root: &Root,
    plan: &Plan,
    origin: Origin,
    verify: impl FnOnce() -> Result<(), Trouble>,
) -> Result<Performed, Trouble> {
    if let Some(refusal) = plan.refused.first() {
        return Err(Trouble::new(&refusal.what, &refusal.reason));
    }
    if plan.actions.is_empty() {
        return Ok(Performed::default());
    }
    let _undisturbed = Undisturbed::begin();
    let lock = Lock::take(root)?;
    refuse_unfinished(lock.state())?;
    let mut journal = Journal::planned(&lock, origin, plan)?;
    Performer::new(&OnHost(root), &mut journal, &plan.actions).run(verify)
}

/// A plan being performed.
struct Performer<'a, H, B> {
    hand: &'a H,
    book: &'a mut B,
    actions: &'a [Action],
    /// Of the steps so far.
    outcomes: Vec<StepOutcome>,
    /// The steps that changed the host, or may have, by their place in `actions`.
    touched: Vec<usize>,
    /// Whether something is left that should have been taken back.
    is_left: bool,
}

impl<'a, H: Hand, B: Book> Performer<'a, H, B> {
    fn new(hand: &'a H, book: &'a mut B, actions: &'a [Action]) -> Self {
        Self { hand, book, actions, outcomes: vec![], touched: vec![], is_left: false }
    }

    fn run(mut self, verify: impl FnOnce() -> Result<(), Trouble>) -> Result<Performed, Trouble> {
        for (at, action) in self.actions.iter().enumerate() {
            let outcome = match action {
                Action::Change(change) => self.change(at, change)?,
                Action::Reload => outcome_of(self.hand.reload()),
                Action::Restart(unit) => outcome_of(self.hand.restart(unit)),
            };
            let has_failed = matches!(outcome, StepOutcome::Failed(_));
            self.outcomes.push(outcome);
            if has_failed {
                return Ok(self.take_back(None));
            }
        }
        let verified = verify().and_then(|()| match self.book.is_begun() {
            true => self.book.write(&Record::Applied),
            false => Ok(()),
        });
        match verified {
            Ok(()) => Ok(self.performed(None)),
            Err(trouble) => Ok(self.take_back(Some(trouble))),
        }
    }

    /// One change.
    ///
    /// # Errors
    /// Where the transaction could not be begun.
    fn change(&mut self, at: usize, change: &Change) -> Result<StepOutcome, Trouble> {
        let hint = "run the command again: it makes a new plan";
        let stale = |reason: String| StepOutcome::Failed(Trouble::new(change.to_string(), reason).with_hint(hint));
        match self.hand.standing(change) {
            Err(trouble) => Ok(StepOutcome::Failed(trouble)),
            Ok(Standing::After) => Ok(StepOutcome::AlreadySo),
            Ok(Standing::Drifted) => Ok(stale("it has changed since the plan was made".into())),
            Ok(Standing::Other(there)) => Ok(stale(format!("it has changed since the plan was made: {there}"))),
            Ok(Standing::Before) => {
                self.book.begin()?;
                Ok(outcome_of(self.make(at, change)))
            }
        }
    }

    fn make(&mut self, at: usize, change: &Change) -> Result<(), Trouble> {
        let step = at + 1;
        self.book.keep(change)?;
        self.book.write(&Record::Intent { step, change: change.clone() })?;
        let made = self.hand.make(change, self.book.id(), Care::Respect);
        if let Err(trouble) = made.map_err(|trouble| plain(change, trouble)) {
            self.after_failure(at, change, &trouble);
            return Err(trouble);
        }
        self.touched.push(at);
        match self.hand.standing(change)? {
            Standing::After => self.book.write(&Record::Done { step }),
            Standing::Other(there) => Err(Trouble::new(change.to_string(), format!("it came to be {there}"))),
            Standing::Before | Standing::Drifted => Err(Trouble::new(change.to_string(), "it did not come to be so")),
        }
    }

    /// Finds out what a step that failed left.
    fn after_failure(&mut self, at: usize, change: &Change, trouble: &Trouble) {
        let is_settled = self.hand.settle(change, self.book.id()).is_ok();
        let is_clean = match self.hand.standing(change) {
            Ok(Standing::Before | Standing::Drifted) => true,
            // What is now something else was changed by somebody else in the last moment, and gtune kept off. A number
            // may be what the kernel made of gtune's.
            Ok(Standing::Other(_)) => !matches!(change, Change::KernelValue { .. } | Change::ProcessLimit { .. }),
            Ok(Standing::After) | Err(_) => false,
        };
        if is_settled && is_clean {
            // Without this record the host is asked again by a rollback, which comes to the same.
            let _ = self.book.write(&Record::Failed { step: at + 1, reason: trouble.to_string() });
        } else {
            self.touched.push(at);
        }
    }

    /// Takes everything back: files and values, then what services know of them, then mounts.
    fn take_back(mut self, unverified: Option<Trouble>) -> Performed {
        self.outcomes.resize(self.actions.len(), StepOutcome::NotReached);
        if self.book.is_begun() {
            // A rollback that has to go on from here then knows that services may have to be told.
            let _ = self.book.write(&Record::RollingBack { at: Timestamp::now() });
        }
        let actions = self.actions;
        let newest_first = self.touched.iter().rev().filter_map(|at| match actions.get(*at) {
            Some(Action::Change(change)) => Some((*at, change)),
            _ => None,
        });
        let [first, last] = in_order(newest_first.collect());
        let is_read_by_systemd = first.iter().any(|(_, change)| change.is_read_by_systemd());
        first.into_iter().for_each(|(at, change)| self.undo(at, change));
        if is_read_by_systemd && actions.contains(&Action::Reload) {
            let reloaded = self.hand.reload();
            self.is_left |= reloaded.is_err();
            self.again(|action| *action == Action::Reload, reloaded);
        }
        self.restart_again();
        last.into_iter().for_each(|(at, change)| self.undo(at, change));
        self.start_what_is_down();
        if self.book.is_begun() && !self.is_left {
            // Without this record a rollback is asked for, which finds everything as it was before.
            let _ = self.book.write(&Record::RolledBack);
        }
        self.performed(unverified)
    }

    fn undo(&mut self, at: usize, change: &Change) {
        // What the kernel made of a step that failed is nobody else's work, whatever it is.
        let is_own = change.is_live() && matches!(self.outcomes.get(at), Some(StepOutcome::Failed(_)));
        let care = if is_own { Care::Overwrite } else { Care::LineAlone };
        let undo = Undo { hand: self.hand, mark: self.book.id(), care, era: Era::Same, network: NetworkSeen::Same };
        let outcome = undo.take_back(change);
        self.is_left |= !outcome.is_settled();
        if matches!(outcome, UndoOutcome::Restored | UndoOutcome::AlreadySo) {
            // A hint only: the host is asked where it is missing.
            let _ = self.book.write(&Record::Undone { step: at + 1 });
        }
        let hint = self.book.gtune(&format!("rollback {}", self.book.id()));
        let taken_back = match outcome {
            UndoOutcome::Restored | UndoOutcome::AlreadySo => Ok(()),
            UndoOutcome::Left(reason) => Err(Trouble::new(change.clone().inverse().to_string(), reason)),
            UndoOutcome::Conflict(there) => {
                let reason = format!("somebody else has changed it meanwhile: {there}");
                Err(Trouble::new(change.clone().inverse().to_string(), reason).with_hint(hint))
            }
            UndoOutcome::Waits { reason, .. } => {
                Err(Trouble::new(change.clone().inverse().to_string(), reason).with_hint(hint))
            }
            UndoOutcome::Failed(trouble) => Err(Trouble { hint: trouble.hint.or(Some(hint)), ..trouble }),
        };
        self.note(at, taken_back);
    }

    /// Units that were restarted, or were not there any more after it, run again as before.
    fn restart_again(&mut self) {
        let actions = self.actions;
        for (at, action) in actions.iter().enumerate() {
            let was_tried = matches!(self.outcomes.get(at), Some(StepOutcome::Changed | StepOutcome::Failed(_)));
            if let (Action::Restart(unit), true) = (action, was_tried) {
                let restarted = self.hand.restart(unit);
                self.note(at, restarted);
            }
        }
    }

    /// A unit that would not start beside a mount that was still there may do so without it.
    fn start_what_is_down(&mut self) {
        let actions = self.actions;
        for (at, action) in actions.iter().enumerate() {
            let is_down = matches!(self.outcomes.get(at), Some(StepOutcome::NotUndone(_)));
            if let (Action::Restart(unit), true) = (action, is_down)
                && self.hand.restart(unit).is_ok()
                && let Some(outcome) = self.outcomes.get_mut(at)
            {
                *outcome = StepOutcome::Undone;
            }
        }
    }

    fn again(&mut self, is_meant: impl Fn(&Action) -> bool, came_to: Result<(), Trouble>) {
        let actions = self.actions;
        for (at, _) in actions.iter().enumerate().filter(|(_, action)| is_meant(action)) {
            self.note(at, came_to.clone());
        }
    }

    /// Notes what came of taking a step back. One that had failed stays so where nothing of it is left.
    fn note(&mut self, at: usize, taken_back: Result<(), Trouble>) {
        let Some(outcome) = self.outcomes.get_mut(at) else { return };
        match (taken_back, &outcome) {
            (Err(trouble), _) => *outcome = StepOutcome::NotUndone(trouble),
            (Ok(()), StepOutcome::Changed) => *outcome = StepOutcome::Undone,
            (Ok(()), _) => {}
        }
    }

    fn performed(self, unverified: Option<Trouble>) -> Performed {
        let transaction = self.book.is_begun().then(|| self.book.id().to_owned());
        Performed { transaction, steps: self.outcomes, unverified }
    }
}

fn outcome_of(came_to: Result<(), Trouble>) -> StepOutcome {
    came_to.map_or_else(StepOutcome::Failed, |()| StepOutcome::Changed)
}

fn plain(change: &Change, trouble: MountTrouble) -> Trouble {
    match trouble {
        MountTrouble::Busy => Trouble::new(change.to_string(), "files in it are open"),
        MountTrouble::Holds(held) => Trouble::new(change.to_string(), held),
        MountTrouble::MountPoint => Trouble::new(change.to_string(), "it is a mount of its own"),
        MountTrouble::Other(trouble) => trouble,
    }
}

/// Performs actions in a model.
#[cfg(test)]
pub(super) fn perform_with<H: Hand, B: Book>(hand: &H, book: &mut B, actions: &[Action]) -> Result<Performed, Trouble> {
    Performer::new(hand, book, actions).run(|| Ok(()))
}
