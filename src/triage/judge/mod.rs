//! Evidence → a verdict for each death.
//!
//! A rule is a function from a [`Case`] to a [`Finding`], or to nothing where it has nothing to say; the first that
//! speaks is believed. Those that rest on a witness of this very process come before those that rest on its surroundings,
//! and what is left over is told as such.

mod blind;
mod boot;
mod case;
mod coverage;
mod crash;
mod descriptors;
mod evidence;
mod exit;
mod killed;
mod kills;
mod life;
mod lost;
mod master;
mod oom;
mod reopen;
mod running;
mod signal;
mod storage;
mod timeout;
mod userspace;
mod when;
mod witnesses;

#[cfg(test)]
mod laws;

use super::{Confidence, Death, Ended, Evidence, How, MasterEnd, MasterHow, Material, Role, Triage, Verdict};
use crate::units::Pid;
use case::{Case, Finding};
use coverage::Coverage;
use jiff::{SignedDuration, Timestamp};
use kills::{Match, join};
use life::Life;
use master::MasterCase;
use std::collections::BTreeMap;
use witnesses::Witnesses;

/// A master that gives up for a worker stops the others first: 30 s (`graceful_timeout`) by default.
const GIVES_UP_WITHIN: SignedDuration = SignedDuration::from_secs(120);

/// A rule.
type Rule = fn(&Case<'_>) -> Option<Finding>;

/// Every rule, in the order they are asked.
const RULES: &[Rule] = &[
    // The kernel names this process: nothing that the master did after that matters.
    oom::by_kernel,
    // The master names it, and what it did then cannot be otherwise.
    timeout::by_master,
    reopen::by_permission,
    exit::heartbeat,
    descriptors::exhausted,
    boot::failed,
    // A killer that says whom it killed.
    userspace::by_killer,
    // A fault that the kernel or the master names.
    crash::by_signal,
    // Its surroundings.
    oom::by_counters,
    killed::from_outside,
    exit::by_itself,
    killed::silent,
];

/// One death for each worker and each master that ended otherwise than it was asked to.
pub fn judge(material: &Material) -> Triage {
    let witnesses = Witnesses::of(material);
    let coverage = Coverage::of(material);
    let workers: Vec<&Ended> = material.ended.iter().filter(|ended| ended.context.is_worker).collect();
    let lives: Vec<Life<'_>> = workers
        .iter()
        .map(|ended| Life::of_worker(material, ended))
        .chain(material.masters.iter().map(|end| Life::of_master(material, end)))
        .collect();
    let kills = join(material, &lives);
    let mut paired = lives.into_iter().zip(kills);
    let sigkilled = sigkilled(&workers);
    let mut deaths = vec![];
    for (ended, (life, kill)) in workers.iter().zip(paired.by_ref()) {
        let sigkilled_siblings = ended.master.and_then(|master| sigkilled.get(&master)).copied().unwrap_or(0);
        let (witnesses, coverage) = (&witnesses, &coverage);
        let case = Case { material, witnesses, coverage, ended, life, kill, sigkilled_siblings };
        deaths.push(of_worker(&case));
    }
    let explained = failed_boots(&deaths);
    let masters: Vec<MasterCase<'_>> = material
        .masters
        .iter()
        .zip(paired)
        .map(|(end, (life, kill))| {
            let is_explained = is_explained(&explained, end);
            MasterCase { material, witnesses: &witnesses, end, life, kill, is_explained }
        })
        .collect();
    deaths.retain(|death| is_asked_for(material, death.time));
    deaths.extend(masters.iter().filter_map(|case| Some((case, of_master(case, case.judge()?)))).filter_map(
        |(case, death)| {
            // One that is not there any more may have gone at any time up to now.
            let is_open = case.end.how == MasterHow::Open && death.time == case.end.time;
            let latest = material.facts.as_ref().filter(|_| is_open).map(|facts| facts.observed_at).or(death.time);
            is_asked_for(material, latest).then_some(death)
        },
    ));
    deaths.sort_by_key(|death| (death.time.is_none(), death.time));
    let blind_spots = blind::spots(material, coverage, &masters, &deaths);
    Triage { deaths, normal: material.normal, blind_spots }
}

fn is_asked_for(material: &Material, time: Option<Timestamp>) -> bool {
    time.is_none_or(|time| {
        material.since.is_none_or(|since| time >= since) && material.until.is_none_or(|until| time <= until)
    })
}

/// How many workers of each master SIGKILL ended, without a time-out before.
fn sigkilled(workers: &[&Ended]) -> BTreeMap<Pid, u64> {
    let mut count = BTreeMap::new();
    for ended in workers {
        let is_killed = matches!(ended.how, How::Told(ending) if signal::of(ending) == Some(signal::KILL));
        if let Some(master) = ended.master.filter(|_| is_killed && ended.context.timed_out.is_none()) {
            *count.entry(master).or_insert(0) += 1;
        }
    }
    count
}

/// When workers of each master could not boot: then their own deaths tell why it gave up. A container's master has the same
/// number each time.
fn failed_boots(deaths: &[Death]) -> BTreeMap<Pid, Vec<Option<Timestamp>>> {
    let mut failed: BTreeMap<Pid, Vec<Option<Timestamp>>> = BTreeMap::new();
    for death in deaths.iter().filter(|death| death.verdict == Verdict::BootFailure) {
        death.master_pid.iter().for_each(|master| failed.entry(*master).or_default().push(death.time));
    }
    failed
}

/// Whether one of these times is that of the master's end, or is not told.
fn is_explained(failed: &BTreeMap<Pid, Vec<Option<Timestamp>>>, end: &MasterEnd) -> bool {
    let is_near =
        |time: &Option<Timestamp>| time.zip(end.time).is_none_or(|(a, b)| when::apart(a, b) <= GIVES_UP_WITHIN);
    failed.get(&end.pid).is_some_and(|times| times.iter().any(is_near))
}

fn of_worker(case: &Case<'_>) -> Death {
    let finding = RULES.iter().find_map(|rule| rule(case)).unwrap_or_else(unknown);
    let ended = case.ended;
    let own = ended.told.iter().map(|told| case.told(told));
    let number = |named: Pid| case.life.numbers().into_iter().find(|number| number.on_host == named);
    let named = finding.named.and_then(number).map(|number| number.own);
    let pid = ended.pid.or(case.kill.and_then(|kill| kill.pid)).or(named);
    let killed = case.kill.map(|kill| kill.settled.kill.pid);
    let host_pid = killed.or(ended.context.host_pid).filter(|host| Some(*host) != pid);
    let source = case.material.sources.get(ended.source).map(|source| source.name.clone());
    Death {
        pid,
        candidates: if pid.is_some() { vec![] } else { ended.candidates.clone() },
        host_pid,
        role: Role::Worker,
        workers: vec![],
        master_pid: ended.master,
        unit: unit(case.life.unit, case.kill),
        time: ended.time,
        gunicorn: case.version(),
        verdict: finding.verdict,
        confidence: finding.confidence,
        evidence: lines(own.collect(), finding.evidence, source),
        summary: finding.summary,
        advice: finding.advice,
    }
}

fn of_master(case: &MasterCase<'_>, finding: Finding) -> Death {
    let end = case.end;
    let killed = case.kill.map(|kill| kill.settled.kill.pid);
    let time = match end.how {
        // Its last line may be hours before its end: who saw it end tells when, else who saw that it was gone.
        MasterHow::Lost | MasterHow::Open => {
            let killed = case.kill.and_then(|kill| Some(kill.settled.moment?.time));
            let seen = finding.evidence.iter().filter_map(|line| line.time).find(|time| Some(*time) >= end.time);
            killed.or(seen).or(end.noticed).or(end.time)
        }
        _ => end.time,
    };
    let source = case.material.sources.get(end.source).map(|source| source.name.clone());
    Death {
        pid: Some(end.pid),
        candidates: vec![],
        host_pid: killed.filter(|host| *host != end.pid),
        role: Role::Master,
        workers: end.workers.clone(),
        master_pid: Some(end.pid),
        unit: unit(case.life.unit, case.kill),
        time,
        gunicorn: end.version,
        verdict: finding.verdict,
        confidence: finding.confidence,
        evidence: lines(case.lines().collect(), finding.evidence, source),
        summary: finding.summary,
        advice: finding.advice,
    }
}

/// The unit: by the log, else by the control group of the kill.
fn unit(of_log: Option<&str>, kill: Option<Match<'_>>) -> Option<String> {
    of_log.map(str::to_owned).or_else(|| oom::unit_of(&kill?.settled.kill))
}

/// The lines of the end and those of others; where there is none, where that was looked for.
fn lines(own: Vec<Evidence>, others: Vec<Evidence>, source: Option<String>) -> Vec<Evidence> {
    let mut lines = others;
    lines.extend(own);
    if lines.is_empty() {
        let source = source.unwrap_or_else(|| "the log".to_owned());
        lines.push(evidence::seen(source, "no line tells of its end"));
    }
    evidence::in_order(lines)
}

fn unknown() -> Finding {
    Finding::new(Verdict::Unknown, Confidence::Possible, "nothing tells how it ended")
        .advising(["let Gunicorn log at least at level info, and keep the log whole"])
}
