//! What tests ask of a judgement.

use super::{Finding, Judgement, Seen, Verdict};
use crate::facts::{Fact, Facts, Fstab, Service};

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

/// An fstab of these lines.
pub fn fstab(lines: &[&str]) -> Fstab {
    Fstab::parse(lines.join("\n").as_bytes())
}

/// The only service, to be changed after other changes.
pub fn service(facts: &mut Facts) -> &mut Service {
    let Fact::Known(services) = &mut facts.services else { panic!("the services are known") };
    &mut services[0]
}

/// Makes one fact unreadable.
pub fn hide<T>(fact: &mut Fact<T>) {
    *fact = Fact::unreadable("permission denied");
}
