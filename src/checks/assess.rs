//! Every check asked of every subject it concerns.

use crate::checks::{ALL, Check, Judge, Judgement, Verdict};
use crate::facts::{Fact, Facts, Service};
use serde::Serialize;

/// The subject of what concerns the host as a whole.
pub const HOST: &str = "host";

/// The answer of one check about one subject.
pub struct Row {
    /// The check.
    pub check: &'static Check,
    /// What was judged: the name of a service, or [`HOST`].
    pub subject: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few dozen rows at most, and nearly all are judged")]
pub enum Outcome {
    /// It was judged.
    Judged(Verdict),
    /// The operator asked to leave it out.
    Skipped,
}

/// Which checks the operator asked for, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only these; all where empty.
    pub only: Vec<String>,
    /// Not these: they get a row that says so.
    pub skip: Vec<String>,
}

/// How many rows are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// As they should be.
    pub ok: usize,
    /// With something to mend.
    pub finding: usize,
    /// Could not be looked at.
    pub unknown: usize,
    /// Make no sense here.
    pub not_applicable: usize,
    /// Left out by the operator.
    pub skipped: usize,
}

/// Judges the facts with every selected check, in the order of [`ALL`].
pub fn assess(facts: &Facts, selection: &Selection) -> Vec<Row> {
    let chosen = ALL.iter().filter(|check| selection.wants(check.id));
    chosen.flat_map(|check| rows(check, facts, selection)).collect()
}

impl Selection {
    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }

    fn skips(&self, id: &str) -> bool {
        self.skip.iter().any(|skip| skip == id)
    }
}

fn rows(check: &'static Check, facts: &Facts, selection: &Selection) -> Vec<Row> {
    if selection.skips(check.id) {
        return vec![Row { check, subject: HOST.into(), outcome: Outcome::Skipped }];
    }
    let judged = judgements(&check.judge, facts).into_iter();
    judged.map(|(subject, judgement)| Row { check, subject, outcome: judgement.into() }).collect()
}

fn judgements(judge: &Judge, facts: &Facts) -> Vec<(String, Judgement)> {
    let of_host = |judgement| vec![(HOST.to_owned(), judgement)];
    match (judge, &facts.services) {
        (Judge::Host(host), _) => of_host(host(facts)),
        (Judge::Service { each, .. }, Fact::Known(services)) if !services.is_empty() => {
            services.iter().map(|service: &Service| (service.name.clone(), each(facts, service))).collect()
        }
        // On a live host a Gunicorn may run that could not be seen; in an image none does, and what is stored for its
        // boot can still be judged.
        (Judge::Service { .. }, Fact::Unreadable(reason)) if facts.host.live => of_host(Err(reason.clone())),
        (Judge::Service { fresh, .. }, _) => of_host(fresh(facts)),
    }
}

impl From<Judgement> for Outcome {
    fn from(judgement: Judgement) -> Self {
        Self::Judged(judgement.unwrap_or_else(Verdict::CannotTell))
    }
}

impl Summary {
    /// Counts rows.
    pub fn of(rows: &[Row]) -> Self {
        let mut summary = Self::default();
        rows.iter().for_each(|row| *summary.counter(&row.outcome) += 1);
        summary
    }

    fn counter(&mut self, outcome: &Outcome) -> &mut usize {
        match outcome {
            Outcome::Judged(Verdict::Healthy(_)) => &mut self.ok,
            Outcome::Judged(Verdict::Finding(_)) => &mut self.finding,
            Outcome::Judged(Verdict::CannotTell(_)) => &mut self.unknown,
            Outcome::Judged(Verdict::NotApplicable(_)) => &mut self.not_applicable,
            Outcome::Skipped => &mut self.skipped,
        }
    }
}

#[cfg(test)]
mod tests;
