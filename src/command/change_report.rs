//! What `apply`, `rollback` and `history` have to say, ready to be rendered in any form.

use super::{ExitCode, State};
use crate::facts::{Facts, Host};
use crate::plan::{
    Left, Performed, Plan, Refusal, RolledBack, StepOutcome, Transaction, Trouble, UndoOutcome, UndoStep,
};
use jiff::Timestamp;

/// What came of `gtune apply`.
pub struct ApplyReport<'a> {
    /// The host before anything was changed.
    pub facts: &'a Facts,
    /// What was planned.
    pub plan: &'a Plan,
    /// Whether only the plan was asked for.
    pub dry_run: bool,
    /// What came of it; none where it was not performed: a dry run, a refusal, nothing to do.
    pub performed: Option<Performed>,
    /// Why it was not performed though it was asked for, besides what the plan refuses.
    pub trouble: Option<Trouble>,
    /// What doctor recommends and apply must refuse, where the rest was done.
    pub not_done: Vec<Refusal>,
    /// What doctor said before and says now of what was asked for.
    pub findings: Vec<FindingChange>,
}

/// One row of doctor's before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingChange {
    /// The check.
    pub id: &'static str,
    /// The service, or the host.
    pub subject: String,
    /// Before; always [`State::Finding`] or [`State::Unknown`] unless it got worse.
    pub before: State,
    /// Now.
    pub after: State,
    /// What is observed now.
    pub observed: String,
    /// Whether it goes with a restart that is left to the operator.
    pub waits_for_restart: bool,
}

/// What came of `gtune rollback`.
pub struct RollbackReport {
    /// When it began.
    pub observed_at: Timestamp,
    /// The host that was changed.
    pub host: Host,
    /// The steps; `outcome` is none in a dry run.
    pub rolled_back: RolledBack,
    /// Whether only the plan was asked for.
    pub dry_run: bool,
    /// What is left to the operator.
    pub left: Vec<Left>,
}

/// What `gtune history` lists, newest first.
pub struct HistoryReport {
    /// When it was read.
    pub observed_at: Timestamp,
    /// The absolute name of the root whose journal it is.
    pub root: String,
    /// Transactions that can be read.
    pub transactions: Vec<Transaction>,
    /// Journals that cannot, one sentence each.
    pub unreadable: Vec<String>,
}

/// How `gtune apply` ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// All steps are done.
    Done,
    /// All of it was so already.
    NothingToDo,
    /// Only the plan was asked for.
    Planned,
    /// Nothing was begun.
    Refused,
    /// A step failed, and all is as it was.
    Failed,
    /// A step failed, and another was not taken back.
    PartlyChanged,
}

/// How `gtune rollback` ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackOutcome {
    /// Nothing of the transaction is left.
    Done,
    /// Nothing of it was there any more.
    NothingToDo,
    /// Only the plan was asked for.
    Planned,
    /// Something of it is still there.
    PartlyChanged,
}

impl ApplyReport<'_> {
    /// How it ended.
    pub fn outcome(&self) -> ApplyOutcome {
        let steps = self.performed.as_ref().map(|performed| performed.steps.as_slice()).unwrap_or_default();
        let is_changed = steps.contains(&StepOutcome::Changed);
        // What was done and then not seen to be in force is a failure too.
        let is_failed = steps.iter().any(|step| matches!(step, StepOutcome::Failed(_)))
            || (self.trouble.is_some() && !steps.is_empty());
        let is_kept = steps.iter().any(|step| matches!(step, StepOutcome::NotUndone(_)));
        // A step that is still changed beside one that failed was not taken back, whatever the reason.
        if is_kept || is_changed && is_failed {
            ApplyOutcome::PartlyChanged
        } else if is_failed {
            ApplyOutcome::Failed
        } else if self.trouble.is_some() || !self.plan.refused.is_empty() {
            ApplyOutcome::Refused
        } else if is_changed {
            ApplyOutcome::Done
        } else if self.performed.is_some() || self.plan.actions.is_empty() {
            ApplyOutcome::NothingToDo
        } else {
            ApplyOutcome::Planned
        }
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self.outcome() {
            ApplyOutcome::Done | ApplyOutcome::NothingToDo | ApplyOutcome::Planned if self.not_done.is_empty() => {
                ExitCode::Healthy
            }
            ApplyOutcome::Done | ApplyOutcome::NothingToDo | ApplyOutcome::Planned => ExitCode::Attention,
            ApplyOutcome::Refused | ApplyOutcome::Failed => ExitCode::CouldNotChange,
            ApplyOutcome::PartlyChanged => ExitCode::PartlyChanged,
        }
    }
}

impl ApplyOutcome {
    /// Its stable name, in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NothingToDo => "nothing-to-do",
            Self::Planned => "planned",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::PartlyChanged => "partly-changed",
        }
    }
}

impl RollbackReport {
    /// How it ended.
    pub fn outcome(&self) -> RollbackOutcome {
        let is_restored = |step: &UndoStep| matches!(step.outcome, Some(UndoOutcome::Restored));
        if self.dry_run && !self.rolled_back.steps.is_empty() {
            RollbackOutcome::Planned
        } else if !self.rolled_back.is_complete() {
            RollbackOutcome::PartlyChanged
        } else if self.rolled_back.steps.iter().any(is_restored) {
            RollbackOutcome::Done
        } else {
            RollbackOutcome::NothingToDo
        }
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self.outcome() {
            RollbackOutcome::PartlyChanged => ExitCode::PartlyChanged,
            _ => ExitCode::Healthy,
        }
    }
}

impl RollbackOutcome {
    /// Its stable name, in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NothingToDo => "nothing-to-do",
            Self::Planned => "planned",
            Self::PartlyChanged => "partly-changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::fresh_host;
    use crate::plan::{Action, Refusal, StepOutcome::*};

    fn outcome(dry_run: bool, steps: Option<Vec<StepOutcome>>, trouble: Option<Trouble>) -> ApplyOutcome {
        let actions = vec![Action::Reload; steps.as_ref().map_or(1, Vec::len)];
        let plan = Plan { actions, ..Plan::default() };
        let performed = steps.map(|steps| Performed { transaction: None, steps, unverified: None });
        let facts = fresh_host();
        ApplyReport { facts: &facts, plan: &plan, dry_run, performed, trouble, not_done: vec![], findings: vec![] }
            .outcome()
    }

    fn trouble() -> Trouble {
        Trouble::new("write x", "no space left on device")
    }

    #[test]
    fn a_change_that_stays_beside_a_failure_is_never_called_undone() {
        for steps in [
            vec![Changed, Failed(trouble())],
            vec![NotUndone(trouble()), Failed(trouble()), NotReached],
            vec![Undone, NotUndone(trouble()), Failed(trouble())],
        ] {
            assert_eq!(outcome(false, Some(steps), None), ApplyOutcome::PartlyChanged);
        }
        assert_eq!(outcome(false, Some(vec![Changed]), Some(trouble())), ApplyOutcome::PartlyChanged);
        assert_eq!(outcome(false, Some(vec![Undone, Failed(trouble())]), None), ApplyOutcome::Failed);
    }

    #[test]
    fn what_was_so_already_is_nothing_done() {
        assert_eq!(outcome(false, Some(vec![AlreadySo, AlreadySo]), None), ApplyOutcome::NothingToDo);
        assert_eq!(outcome(false, Some(vec![AlreadySo, Changed]), None), ApplyOutcome::Done);
        assert_eq!(outcome(true, None, None), ApplyOutcome::Planned);
        assert_eq!(outcome(false, None, Some(trouble())), ApplyOutcome::Refused);
    }

    #[test]
    fn a_refusal_ends_with_4_in_a_dry_run_too() {
        let plan = Plan { refused: vec![Refusal::new("mount", "it is busy", "x")], ..Plan::default() };
        let facts = fresh_host();
        for dry_run in [true, false] {
            let report = ApplyReport {
                facts: &facts,
                plan: &plan,
                dry_run,
                performed: None,
                trouble: None,
                not_done: vec![],
                findings: vec![],
            };
            assert_eq!(report.exit_code(), ExitCode::CouldNotChange);
        }
    }
}
