//! What tests ask of a judgement.

use super::{Finding, Judgement, Seen, Verdict};
use crate::facts::{Fact, Facts, Fstab, FstabEntry, Service};

/// The judgement of the only service.
pub fn judged(facts: &Facts, each: fn(&Facts, &Service) -> Judgement) -> Judgement {
    let services = facts.services.known().expect("the services are known");
    each(facts, &services[0])
}

/// What was seen, of a judgement that must be healthy.
pub fn healthy(judgement: Judgement) -> Seen {
    match judgement {
        Ok(Verdict::Healthy(seen)) => seen,
        other => panic!("should be healthy: {other:#?}"),
    }
}

/// The finding, of a judgement that must be one and be complete.
pub fn found(judgement: Judgement) -> Finding {
    match judgement {
        Ok(Verdict::Finding(finding)) => {
            assert!(!finding.seen.observed.is_empty() && !finding.seen.wanted.is_empty(), "{finding:#?}");
            assert!(!finding.seen.evidence.is_empty(), "{finding:#?}");
            assert!(finding.consequence.ends_with('.'), "{finding:#?}");
            assert!(!finding.remedy.by_hand.is_empty(), "{finding:#?}");
            *finding
        }
        other => panic!("should be a finding: {other:#?}"),
    }
}

/// The reason, of a judgement that could not look.
pub fn cannot_tell(judgement: Judgement) -> String {
    match judgement {
        Err(reason) | Ok(Verdict::CannotTell(reason)) => reason.to_string(),
        other => panic!("should not be able to tell: {other:#?}"),
    }
}

/// The reason, of a judgement that makes no sense.
pub fn not_applicable(judgement: Judgement) -> String {
    match judgement {
        Ok(Verdict::NotApplicable(reason)) => reason.to_string(),
        other => panic!("should not apply: {other:#?}"),
    }
}

/// An fstab of these lines: source, target, type, options.
pub fn fstab(lines: &[&str]) -> Fstab {
    let entry = |(index, line): (usize, &&str)| {
        let mut fields = line.split(' ').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let (source, target, kind, options) = (next(), next(), next(), next());
        let options = options.split(',').map(str::to_owned).collect();
        FstabEntry { line: index + 1, source, target, kind, options }
    };
    Fstab { entries: lines.iter().enumerate().map(entry).collect(), bad_lines: vec![] }
}

/// Makes one fact unreadable.
pub fn hide<T>(fact: &mut Fact<T>) {
    *fact = Fact::unreadable("permission denied");
}
