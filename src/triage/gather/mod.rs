//! Forty deaths of one cause are one paragraph.

mod clause;
mod rhythm;

use super::{Confidence, Death, Role, Verdict};
use clause::Clause;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Deaths of one cause in one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause<'a> {
    /// What ended them.
    pub verdict: Verdict,
    /// How sure that is of the least sure of them.
    pub confidence: Confidence,
    /// Their unit.
    pub unit: Option<&'a str>,
    /// Them, in order of time.
    pub deaths: Vec<&'a Death>,
    /// One clause; where they differ in a figure, from the least to the greatest.
    pub summary: String,
    /// How they lie in time: `every 31 s`, `12 in 4 min`, `at 00:00 UTC each day`.
    pub rhythm: Option<String>,
    /// What to do, as the last of them tells it.
    pub advice: &'a [String],
}

/// What makes two deaths one cause: their summaries differ in figures at most.
type Key<'a> = (Option<&'a str>, Verdict, bool, Vec<String>);

/// Gathers deaths by cause: the worst verdict first, of one verdict the most frequent, of these the latest.
pub fn gather(deaths: &[Death]) -> Vec<Cause<'_>> {
    let mut groups: BTreeMap<Key<'_>, Vec<&Death>> = BTreeMap::new();
    for death in deaths {
        let shape = Clause::of(&death.summary).shape();
        let key = (death.unit.as_deref(), death.verdict, death.role == Role::Master, shape);
        groups.entry(key).or_default().push(death);
    }
    let mut causes: Vec<Cause<'_>> = groups.into_values().filter_map(cause).collect();
    causes.sort_by_key(|cause| (cause.verdict, Reverse(cause.deaths.len()), Reverse(last(cause))));
    causes
}

fn cause(mut deaths: Vec<&Death>) -> Option<Cause<'_>> {
    deaths.sort_by_key(|death| (death.time.is_none(), death.time));
    let newest = *deaths.iter().rfind(|death| death.time.is_some()).or(deaths.last())?;
    let times: Vec<Timestamp> = deaths.iter().filter_map(|death| death.time).collect();
    Some(Cause {
        verdict: newest.verdict,
        confidence: deaths.iter().map(|death| death.confidence).min()?,
        unit: newest.unit.as_deref(),
        summary: clause::together(deaths.iter().map(|death| death.summary.as_str())),
        rhythm: rhythm::of(&times),
        advice: &newest.advice,
        deaths,
    })
}

fn last(cause: &Cause<'_>) -> Option<Timestamp> {
    cause.deaths.iter().filter_map(|death| death.time).max()
}

#[cfg(test)]
mod laws;
