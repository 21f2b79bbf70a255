//! What `apply`, `rollback` and `history` have to say, ready to be rendered in any form.

use super::{ExitCode, State};
use crate::facts::Facts;
use crate::plan::{Performed, Plan, RolledBack, StepOutcome, Transaction, Trouble};

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
}

/// What came of `gtune rollback`.
pub struct RollbackReport {
    /// The root that was changed, as the operator named it.
    pub root: String,
    /// The steps; `outcome` is none in a dry run.
    pub rolled_back: RolledBack,
    /// Whether only the plan was asked for.
    pub dry_run: bool,
}

/// What `gtune history` lists, newest first.
pub struct HistoryReport {
    /// Transactions that can be read.
    pub transactions: Vec<Transaction>,
    /// Journals that cannot, one sentence each.
    pub unreadable: Vec<String>,
}

impl ApplyReport<'_> {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        let steps = self.performed.as_ref().map(|performed| performed.steps.as_slice()).unwrap_or_default();
        if steps.iter().any(|step| matches!(step, StepOutcome::NotUndone(_))) {
            return ExitCode::PartlyChanged;
        }
        let failed = steps.iter().any(|step| matches!(step, StepOutcome::Failed(_)));
        match failed || self.trouble.is_some() || !self.plan.refused.is_empty() {
            true => ExitCode::CouldNotChange,
            false => ExitCode::Healthy,
        }
    }
}

impl RollbackReport {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self.dry_run || self.rolled_back.is_complete() {
            true => ExitCode::Healthy,
            false => ExitCode::PartlyChanged,
        }
    }
}
