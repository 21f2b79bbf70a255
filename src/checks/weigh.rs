//! Several looks at one subject make one verdict.

use crate::checks::{Columns, Finding, Judgement, Seen, Verdict};
use crate::facts::Reason;

/// One verdict from several looks: the worst finding, else what could not be seen, else healthy.
///
/// What is known to be wrong outranks what is unknown, and what is unknown outranks what is well; nothing that a look
/// saw or could not see is lost: it joins the evidence.
pub(super) fn weigh(looks: impl IntoIterator<Item = Judgement>) -> Judgement {
    let mut pile = Pile::default();
    looks.into_iter().for_each(|look| pile.add(look));
    pile.verdict()
}

#[derive(Default)]
struct Pile {
    findings: Vec<Finding>,
    unknown: Vec<Reason>,
    healthy: Vec<Seen>,
    senseless: Vec<Reason>,
}

impl Pile {
    fn add(&mut self, look: Judgement) {
        match look {
            Ok(Verdict::Finding(finding)) => self.findings.push(*finding),
            Ok(Verdict::Healthy(seen)) => self.healthy.push(seen),
            Ok(Verdict::NotApplicable(reason)) => self.senseless.push(reason),
            Ok(Verdict::CannotTell(reason)) | Err(reason) => self.unknown.push(reason),
        }
    }

    fn verdict(mut self) -> Judgement {
        // A stable sort: of equally grave findings the first look speaks.
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let worst = self.findings.drain(..).reduce(joined);
        if let Some(mut finding) = worst {
            self.healthy.drain(..).for_each(|seen| add_lines(&mut finding.seen, seen));
            finding.seen.evidence.extend(self.unknown.iter().map(|reason| format!("could not look: {reason}")));
            return Ok(Verdict::Finding(Box::new(finding)));
        }
        if !self.unknown.is_empty() {
            return Err(one_reason(&self.unknown));
        }
        match self.healthy.into_iter().reduce(seen_together) {
            Some(seen) => Ok(Verdict::Healthy(seen)),
            None => Ok(Verdict::NotApplicable(one_reason(&self.senseless))),
        }
    }
}

/// The graver finding with the words of the other added.
fn joined(worst: Finding, other: Finding) -> Finding {
    let mut finding = worst;
    finding.seen = seen_together(finding.seen, other.seen);
    finding.remedy.command = finding.remedy.command.or(other.remedy.command);
    append_new(&mut finding.remedy.by_hand, other.remedy.by_hand);
    finding.remedy.restart |= other.remedy.restart;
    finding
}

fn seen_together(mut first: Seen, second: Seen) -> Seen {
    first.observed = phrases(&first.observed, &second.observed);
    first.wanted = phrases(&first.wanted, &second.wanted);
    add_lines(&mut first, second);
    first
}

fn add_lines(seen: &mut Seen, other: Seen) {
    append_new(&mut seen.evidence, other.evidence);
    if seen.columns == Columns::default() {
        seen.columns = other.columns;
    }
}

fn append_new(lines: &mut Vec<String>, more: Vec<String>) {
    for line in more {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
}

fn phrases(first: &str, second: &str) -> String {
    match (first, second) {
        ("", only) | (only, "") => only.to_owned(),
        (a, b) if a == b => a.to_owned(),
        (a, b) => format!("{a}; {b}"),
    }
}

fn one_reason(reasons: &[Reason]) -> Reason {
    let mut words: Vec<String> = Vec::new();
    append_new(&mut words, reasons.iter().map(Reason::to_string).collect());
    Reason::new(words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Remedy, Severity};

    fn finding(severity: Severity, observed: &str) -> Judgement {
        let seen = Seen { observed: observed.into(), ..Seen::default() };
        let remedy = Remedy { by_hand: vec![format!("mend {observed}")], ..Remedy::default() };
        Ok(Verdict::finding(severity, seen, format!("{observed} hurts"), remedy))
    }

    fn healthy() -> Judgement {
        Ok(Verdict::healthy("well", "well", vec!["/a: well".into()]))
    }

    #[test]
    fn the_worst_finding_speaks_and_the_others_are_not_lost() {
        let verdict = weigh([finding(Severity::Info, "a"), healthy(), finding(Severity::Critical, "b")]).unwrap();
        let Verdict::Finding(found) = verdict else { panic!("a finding") };
        assert_eq!((found.severity, found.consequence.as_str()), (Severity::Critical, "b hurts"));
        assert_eq!(found.seen.observed, "b; a");
        assert_eq!(found.remedy.by_hand, ["mend b", "mend a"]);
        assert_eq!(found.seen.evidence, ["/a: well"]);
    }

    #[test]
    fn what_is_unknown_outranks_what_is_well_and_never_hides_a_finding() {
        let unknown = || Err(Reason::new("permission denied: /x"));
        assert_eq!(weigh([healthy(), unknown()]), unknown());
        let Ok(Verdict::Finding(found)) = weigh([unknown(), finding(Severity::Info, "a")]) else { panic!("a finding") };
        assert_eq!(found.seen.evidence, ["could not look: permission denied: /x"]);
    }

    #[test]
    fn looks_that_make_no_sense_count_only_where_there_is_no_other() {
        let senseless = || Ok(Verdict::not_applicable("no systemd"));
        assert_eq!(weigh([senseless(), senseless()]), senseless());
        assert!(matches!(weigh([senseless(), healthy()]), Ok(Verdict::Healthy(_))));
    }
}
