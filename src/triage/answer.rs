//! The one sentence.

use super::{Confidence, Death, Normal, Role, Triage, Verdict};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The answer to who killed the workers: `14 workers were killed by the kernel for want of memory between 19:14 and 19:40
/// UTC; 2 timed out`.
pub fn answer(triage: &Triage) -> String {
    let deaths = &triage.deaths;
    if deaths.is_empty() {
        return nobody(&triage.normal, !triage.blind_spots.is_empty());
    }
    let mut parts: Vec<String> = vec![];
    let (masters, workers): (Vec<&Death>, Vec<&Death>) = deaths.iter().partition(|death| death.role == Role::Master);
    parts.extend(by_verdict(&masters).into_iter().map(|(verdict, of)| of_masters(verdict, &of)));
    for (at, (verdict, of)) in by_verdict(&workers).into_iter().enumerate() {
        let subject = match (at, of.len()) {
            (0, 1) => "1 worker".to_owned(),
            (0, number) => format!("{number} workers"),
            (_, number) => number.to_string(),
        };
        let when = if at == 0 { when(&of) } else { String::new() };
        let what = match verdict {
            Verdict::Killed if is_open(&of) => open_kill(Number::of(of.len())),
            _ => done(verdict, Number::of(of.len())),
        };
        parts.push(format!("{subject} {what}{when}"));
    }
    parts.join("; ")
}

/// Those of each verdict; the most frequent first, of these the worst.
fn by_verdict<'a>(deaths: &[&'a Death]) -> Vec<(Verdict, Vec<&'a Death>)> {
    let mut by: BTreeMap<Verdict, Vec<&Death>> = BTreeMap::new();
    for death in deaths {
        by.entry(death.verdict).or_default().push(death);
    }
    let mut all: Vec<(Verdict, Vec<&Death>)> = by.into_iter().collect();
    all.sort_by_key(|(verdict, of)| (std::cmp::Reverse(of.len()), *verdict));
    all
}

fn of_masters(verdict: Verdict, of: &[&Death]) -> String {
    let number = Number::of(of.len());
    let subject = if of.len() == 1 { "1 master".to_owned() } else { format!("{} masters", of.len()) };
    let workers: usize = of.iter().map(|death| death.workers.len()).sum();
    let with = match workers {
        0 => String::new(),
        1 => " with its worker".to_owned(),
        _ => format!(" with {workers} workers"),
    };
    let what = match verdict {
        Verdict::BootFailure => "gave up because a worker could not load the application".to_owned(),
        Verdict::Exit => "ended".to_owned(),
        _ => done(verdict, number),
    };
    format!("{subject} {what}{with}{}", when(of))
}

/// One, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    One,
    Many,
}

impl Number {
    fn of(count: usize) -> Self {
        if count == 1 { Self::One } else { Self::Many }
    }
}

fn done(verdict: Verdict, number: Number) -> String {
    let was = if number == Number::One { "was" } else { "were" };
    match verdict {
        Verdict::MasterLost => format!("{was} lost"),
        Verdict::KernelOom => format!("{was} killed by the kernel for want of memory"),
        Verdict::UserspaceOom => format!("{was} killed by a memory killer in user space"),
        Verdict::HeartbeatStorage => "ended because heartbeat files could not be touched or made".to_owned(),
        Verdict::FdExhaustion => "ended for want of open files".to_owned(),
        Verdict::LogReopen => "died when logs were reopened".to_owned(),
        Verdict::BootFailure => "could not load the application".to_owned(),
        Verdict::Crash => "ended by a fatal signal".to_owned(),
        Verdict::Killed => format!("{was} killed with SIGKILL from outside"),
        Verdict::Timeout => "timed out".to_owned(),
        Verdict::Exit => "exited".to_owned(),
        Verdict::Unknown => "vanished, and nothing tells why".to_owned(),
    }
}

/// Whether nothing is known of them but that it was SIGKILL.
fn is_open(killed: &[&Death]) -> bool {
    killed.iter().all(|death| death.confidence == Confidence::Possible)
}

fn open_kill(number: Number) -> String {
    let was = if number == Number::One { "was" } else { "were" };
    format!("{was} killed with SIGKILL, and whether for memory is not known,")
}

/// ` at 19:14 UTC`, ` between 19:14 and 19:40 UTC`, with days where they are not one.
fn when(deaths: &[&Death]) -> String {
    let times = deaths.iter().filter_map(|death| death.time);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return String::new() };
    let at = |time: Timestamp, format: &str| time.to_zoned(TimeZone::UTC).strftime(format).to_string();
    let is_one_day = at(first, "%Y-%m-%d") == at(last, "%Y-%m-%d");
    let (from, to) = match is_one_day {
        true => (at(first, "%H:%M"), at(last, "%H:%M")),
        false => (at(first, "%Y-%m-%d %H:%M"), at(last, "%Y-%m-%d %H:%M")),
    };
    if from == to { format!(" at {from} UTC") } else { format!(" between {from} and {to} UTC") }
}

fn nobody(normal: &Normal, is_blind: bool) -> String {
    let said = [
        (normal.recycled, "recycled"),
        (normal.reloaded, "reloaded"),
        (normal.stopped, "stopped"),
        (normal.scaled, "scaled down"),
    ];
    let counted: Vec<(u64, &str)> = said.into_iter().filter(|(count, _)| *count > 0).collect();
    let counted = counted.iter().enumerate().map(|(at, (count, what))| match (at, *count) {
        (0, 1) => format!("1 was {what}"),
        (0, count) => format!("{count} were {what}"),
        (_, count) => format!("{count} {what}"),
    });
    let head = if is_blind { "no worker died as far as could be seen" } else { "no worker died" };
    let rest = counted.collect::<Vec<String>>().join(", ");
    if rest.is_empty() { head.to_owned() } else { format!("{head}; {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::sample::death;

    fn said(deaths: Vec<Death>) -> String {
        answer(&Triage { deaths, ..Triage::default() })
    }

    fn at(verdict: Verdict, time: &str) -> Death {
        Death { time: time.parse().ok(), ..death(verdict) }
    }

    #[test]
    fn the_most_frequent_cause_comes_first_with_its_time() {
        let deaths = vec![
            at(Verdict::KernelOom, "2026-11-20T19:14:07Z"),
            at(Verdict::Timeout, "2026-11-20T19:20:00Z"),
            at(Verdict::KernelOom, "2026-11-20T19:40:00Z"),
        ];
        let text = "2 workers were killed by the kernel for want of memory between 19:14 and 19:40 UTC; 1 timed out";
        assert_eq!(said(deaths), text);
    }

    #[test]
    fn one_is_one_and_days_are_told() {
        assert_eq!(
            said(vec![at(Verdict::Killed, "2026-11-20T19:14:07Z")]),
            "1 worker was killed with SIGKILL from outside at 19:14 UTC"
        );
        let two = vec![at(Verdict::Timeout, "2026-11-20T19:14:07Z"), at(Verdict::Timeout, "2026-11-21T19:14:07Z")];
        assert_eq!(said(two), "2 workers timed out between 2026-11-20 19:14 and 2026-11-21 19:14 UTC");
    }

    #[test]
    fn a_kill_that_nobody_can_explain_is_not_called_one_from_outside() {
        let unseen = Death { confidence: Confidence::Possible, ..at(Verdict::Killed, "2026-11-20T19:14:07Z") };
        let text = "1 worker was killed with SIGKILL, and whether for memory is not known, at 19:14 UTC";
        assert_eq!(said(vec![unseen]), text);
    }

    #[test]
    fn a_master_is_named_before_workers() {
        let mut lost = at(Verdict::MasterLost, "2026-11-20T19:14:07Z");
        lost.role = Role::Master;
        lost.workers = vec![crate::units::Pid(2), crate::units::Pid(3)];
        let text = "1 master was lost with 2 workers at 19:14 UTC; 1 worker timed out at 19:20 UTC";
        assert_eq!(said(vec![lost, at(Verdict::Timeout, "2026-11-20T19:20:00Z")]), text);
    }

    #[test]
    fn that_nobody_died_is_said_only_as_far_as_it_was_seen() {
        let normal = Normal { recycled: 4, stopped: 2, ..Normal::default() };
        let mut triage = Triage { normal, ..Triage::default() };
        assert_eq!(answer(&triage), "no worker died; 4 were recycled, 2 stopped");
        triage.blind_spots.push("no kernel log was read".into());
        assert_eq!(answer(&triage), "no worker died as far as could be seen; 4 were recycled, 2 stopped");
    }
}
