//! What could not be seen, for the whole.

use super::coverage::{Coverage, written};
use super::lost::{Alive, alive};
use super::master::MasterCase;
use crate::gunicorn::Version;
use crate::triage::{Confidence, Death, Ended, MasterHow, Material, Verdict};
use std::collections::BTreeSet;

/// One clause for each blind spot.
pub fn spots(material: &Material, coverage: Coverage, masters: &[MasterCase<'_>], deaths: &[Death]) -> Vec<String> {
    let mut spots: Vec<String> = material.unread.iter().map(ToString::to_string).collect();
    spots.extend(
        material
            .sources
            .iter()
            .chain(&material.kernel_sources)
            .filter_map(|source| source.lost.as_ref().map(|why| format!("{}: {why}", source.name))),
    );
    spots.extend(kernel(material, coverage, masters, deaths));
    spots.extend(manager(material, deaths));
    spots.extend(beginning(material, deaths));
    spots.extend(masters.iter().filter_map(open_end));
    spots.extend(strangers(material));
    spots.extend(silent_version(material));
    let mut once: Vec<String> = vec![];
    for spot in spots {
        if !once.contains(&spot) {
            once.push(spot);
        }
    }
    once
}

/// Whether the kernel's log, or a manager's, might have told another cause.
fn is_open(death: &Death) -> bool {
    let is_told = death.verdict == Verdict::KernelOom && death.confidence == Confidence::Certain;
    let is_anybodys = matches!(
        death.verdict,
        Verdict::Killed | Verdict::Unknown | Verdict::MasterLost | Verdict::KernelOom | Verdict::UserspaceOom
    );
    is_anybodys && !is_told
}

fn kernel(material: &Material, coverage: Coverage, masters: &[MasterCase<'_>], deaths: &[Death]) -> Option<String> {
    let open = || deaths.iter().filter(|death| is_open(death));
    let has_open_end = || masters.iter().any(|case| is_open_end(case));
    match coverage {
        Coverage::None if open().next().is_some() || has_open_end() || material.facts.is_some() => {
            let how = if material.facts.is_none() { "; --kernel-log FILE names one" } else { "" };
            Some(format!("no kernel log was read, so who was killed for want of memory is not seen{how}"))
        }
        Coverage::Timeless if open().next().is_some() => {
            Some("the kernel log has no wall clock: only process ids could be compared".to_owned())
        }
        Coverage::From(begins, _) if open().any(|death| death.time.is_some_and(|time| time < begins)) => {
            Some(format!("the kernel log begins at {}, after the first death", written(begins)))
        }
        Coverage::From(_, Some(ends)) if open().any(|death| death.time.is_some_and(|time| time > ends)) => {
            Some(format!("the kernel log ends at {}, before the last death", written(ends)))
        }
        _ => None,
    }
}

/// Killers in user space and systemd tell of a death in the journal alone.
fn manager(material: &Material, deaths: &[Death]) -> Option<String> {
    let is_read = !material.manager.is_empty() || material.sources.iter().any(|source| source.has_managers);
    (!is_read && deaths.iter().any(is_open))
        .then(|| "no journal was read, so kills by systemd, systemd-oomd and earlyoom are not seen".to_owned())
}

/// A log that does not tell when a worker booted begins later, or hides such lines.
fn beginning(material: &Material, deaths: &[Death]) -> Vec<String> {
    let booted = |ended: &&Ended| ended.context.is_worker && ended.pid.is_some() && ended.context.booted.is_none();
    let sources: BTreeSet<usize> = material.ended.iter().filter(booted).map(|ended| ended.source).collect();
    let named = sources.into_iter().filter(|_| !deaths.is_empty()).filter_map(|source| material.sources.get(source));
    named
        .map(|source| {
            format!("{} does not tell when every worker booted: it begins later, or its level hides it", source.name)
        })
        .collect()
}

/// Whether a log ends without a word on whether its master lives.
fn is_open_end(case: &MasterCase<'_>) -> bool {
    let is_untold = matches!(case.end.how, MasterHow::Open) && !case.end.asked && alive(case) == Alive::Unknown;
    is_untold && case.judge().is_none()
}

fn open_end(case: &MasterCase<'_>) -> Option<String> {
    if !is_open_end(case) {
        return None;
    }
    let name = case.material.sources.get(case.end.source).map_or("the log", |source| source.name.as_str());
    let at = case.end.time.map_or_else(String::new, |time| format!(" at {}", written(time)));
    let master = case.end.pid;
    Some(format!("{name} ends{at} without a shutdown: whether master {master} runs on or was lost is not told"))
}

fn strangers(material: &Material) -> Option<String> {
    let what = match material.ended.iter().filter(|ended| !ended.context.is_worker).count() {
        0 => return None,
        1 => "the end of a process is told that was no worker".to_owned(),
        count => format!("the ends of {count} processes are told that were no workers"),
    };
    let why = "lines of their boot are missing, or Gunicorn is process 1, where it reports unrelated children up to 26.0 \
               (run tini or another init)";
    Some(format!("{what}: {why}"))
}

/// What an old version does not say at all.
fn silent_version(material: &Material) -> Option<String> {
    let versions = material.ended.iter().map(|ended| ended.version);
    let oldest = versions.flatten().min()?;
    if oldest < Version::new(20, 1, 0) {
        return Some(format!(
            "Gunicorn {oldest} does not say how a worker ended: who is replaced without a word counts as dead"
        ));
    }
    (oldest < Version::new(21, 0, 0)).then(|| format!("Gunicorn {oldest} does not say with what status a worker exits"))
}
