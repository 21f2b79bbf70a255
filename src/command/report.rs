//! What `doctor` found, ready to be rendered in any form.

use super::ExitCode;
use crate::checks::{Finding, Outcome, Row, Severity, Summary, Verdict};
use crate::facts::{Fact, Facts, Reason, Service};
use std::cmp::Reverse;

/// One look at a host and the verdicts on it.
pub struct Report<'a> {
    /// All that was seen.
    pub facts: &'a Facts,
    /// The services that are meant.
    pub services: Fact<Vec<&'a Service>>,
    /// One row a check and subject, in the order of the checks.
    pub rows: Vec<Row>,
    /// The lowest severity that needs attention.
    pub fail_on: Severity,
}

/// The state of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// Something to mend.
    Finding,
    /// Could not look.
    Unknown,
    /// Makes no sense here.
    NotApplicable,
    /// Left out by the operator.
    Skipped,
}

impl State {
    /// All of them, in the order they are counted.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Finding, Self::Unknown, Self::NotApplicable, Self::Skipped];

    /// The state of an outcome.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Skipped => Self::Skipped,
            Outcome::Judged(Verdict::Healthy(_)) => Self::Ok,
            Outcome::Judged(Verdict::Finding(_)) => Self::Finding,
            Outcome::Judged(Verdict::CannotTell(_)) => Self::Unknown,
            Outcome::Judged(Verdict::NotApplicable(_)) => Self::NotApplicable,
        }
    }

    /// Its stable name, in JSON and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Finding => "finding",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not-applicable",
            Self::Skipped => "skipped",
        }
    }
}

impl Report<'_> {
    /// Findings, the worst first, otherwise in the order of the rows.
    pub fn findings(&self) -> Vec<(&Row, &Finding)> {
        let mut all: Vec<_> = self.rows.iter().filter_map(|row| finding(row).map(|found| (row, found))).collect();
        all.sort_by_key(|(_, found)| Reverse(found.severity));
        all
    }

    /// Rows that could not be judged, each with the reason.
    pub fn unknowns(&self) -> Vec<(&Row, &Reason)> {
        self.reasons(State::Unknown)
    }

    /// Rows that make no sense here, each with the reason.
    pub fn not_applicable(&self) -> Vec<(&Row, &Reason)> {
        self.reasons(State::NotApplicable)
    }

    fn reasons(&self, state: State) -> Vec<(&Row, &Reason)> {
        let rows = self.rows.iter().filter(|row| State::of(&row.outcome) == state);
        rows.filter_map(|row| why(row).map(|why| (row, why))).collect()
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings().iter().filter(|(_, found)| found.severity == severity).count()
    }

    /// The worst finding that counts under `--fail-on`.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().iter().map(|(_, found)| found.severity).filter(|severity| *severity >= self.fail_on).max()
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        let attention = if self.worst().is_some() { ExitCode::Attention } else { ExitCode::Healthy };
        let look = if Summary::of(&self.rows).unknown > 0 { ExitCode::CouldNotLook } else { ExitCode::Healthy };
        attention.merge(look)
    }
}

fn finding(row: &Row) -> Option<&Finding> {
    match &row.outcome {
        Outcome::Judged(Verdict::Finding(finding)) => Some(finding),
        _ => None,
    }
}

fn why(row: &Row) -> Option<&Reason> {
    match &row.outcome {
        Outcome::Judged(Verdict::CannotTell(reason) | Verdict::NotApplicable(reason)) => Some(reason),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::host_with_gunicorn;
    use crate::render::sample::{ok, rows, unknown, warning};

    fn code(rows: Vec<Row>, fail_on: Severity) -> ExitCode {
        let facts = host_with_gunicorn();
        Report { facts: &facts, services: Fact::Known(vec![]), rows, fail_on }.exit_code()
    }

    #[test]
    fn a_host_without_findings_and_unknowns_is_healthy() {
        assert_eq!(code(vec![ok()], Severity::Info), ExitCode::Healthy);
        assert_eq!(code(vec![], Severity::Info), ExitCode::Healthy);
    }

    #[test]
    fn a_finding_counts_from_fail_on_upwards() {
        assert_eq!(code(vec![ok(), warning()], Severity::Warning), ExitCode::Attention);
        assert_eq!(code(vec![ok(), warning()], Severity::Info), ExitCode::Attention);
        assert_eq!(code(vec![ok(), warning()], Severity::Critical), ExitCode::Healthy);
    }

    #[test]
    fn what_could_not_be_looked_at_is_never_healthy() {
        assert_eq!(code(vec![ok(), unknown()], Severity::Warning), ExitCode::CouldNotLook);
        assert_eq!(code(vec![warning(), unknown()], Severity::Critical), ExitCode::CouldNotLook);
        assert_eq!(code(vec![warning(), unknown()], Severity::Warning), ExitCode::Attention);
    }

    #[test]
    fn the_worst_finding_comes_first() {
        let facts = host_with_gunicorn();
        let report = Report { facts: &facts, services: Fact::Absent, rows: rows(), fail_on: Severity::Warning };
        let severities: Vec<Severity> = report.findings().iter().map(|(_, found)| found.severity).collect();
        assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    }
}
