//! A log that just ends: a master that was killed, or one that still runs.

use super::case::Finding;
use super::coverage::written;
use super::evidence;
use super::master::MasterCase;
use super::oom::{of_kill, policy, sure, told_by_kernel};
use super::signal::{self, Source};
use super::userspace::{earlyoom, whole_group};
use super::when::{MANAGERS, SAME, apart};
use super::witnesses::Line;
use crate::facts::Fact;
use crate::gunicorn::log::{Ending, Event, ManagerEvent, Said};
use crate::kernel_log;
use crate::triage::{Confidence, MasterHow, Verdict};
use jiff::{SignedDuration, Timestamp};

/// Whether a master whose log ends still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive {
    /// It is a running master.
    Yes,
    /// The host was looked at, and it is not there.
    No,
    /// Nobody looked, or could.
    Unknown,
}

/// What ended it; none where it runs, was asked to stop, or nothing tells that it ended.
pub fn judge(case: &MasterCase<'_>) -> Option<Finding> {
    let by_name = by_kernel(case).or_else(|| panicked(case)).or_else(|| by_userspace(case)).or_else(|| by_unit(case));
    let alive = alive(case);
    if alive == Alive::Yes {
        return None;
    }
    if case.end.asked {
        return stop_timed_out(case);
    }
    let stopped = || stop_timed_out(case).or_else(|| main_exited(case));
    by_name.or_else(stopped).or_else(|| match (&case.end.how, alive) {
        (MasterHow::Lost, _) => Some(rebooted(case).unwrap_or_else(|| just_gone(case))),
        (_, Alive::No) if !is_stopping(case) => Some(rebooted(case).unwrap_or_else(not_there)),
        _ => None,
    })
}

/// Whether it runs now.
pub fn alive(case: &MasterCase<'_>) -> Alive {
    let Some(facts) = &case.material.facts else { return Alive::Unknown };
    let Fact::Known(services) = &facts.services else { return Alive::Unknown };
    let is_it = services.iter().any(|service| service.master.inner_pid == case.end.pid);
    match (&case.end.how, is_it) {
        // A later start of the same number is another master.
        (MasterHow::Lost, _) => Alive::No,
        (_, true) => Alive::Yes,
        (_, false) => Alive::No,
    }
}

fn by_kernel(case: &MasterCase<'_>) -> Option<Finding> {
    let found = case.kill?;
    let summary = format!("the master was {}", told_by_kernel(&found.settled.kill));
    let kill = evidence::kill(&case.material.kernel_sources, found.settled);
    let failed = failed_of_oom(case);
    let confidence = sure(&found, failed.is_some());
    let lines = failed.map(|line| case.witnesses.evidence(&line));
    let advice = of_kill(&found.settled.kill).into_iter().chain([OF_ALL.to_owned()]);
    Some(Finding::new(Verdict::KernelOom, confidence, summary).on([kill]).on(lines).advising(advice))
}

/// The host itself went down for want of memory.
fn panicked(case: &MasterCase<'_>) -> Option<Finding> {
    let (_, until) = case.life.span()?;
    let after = until.duration_since(case.end.time?).max(SignedDuration::ZERO);
    let mut near = case.witnesses.kernel(case.end.time, SAME, after);
    let event = near.find(|event| matches!(event.event, kernel_log::Event::OomPanic(_)))?;
    let summary = "the host went down for want of memory, and the master with it";
    let line = evidence::event(&case.material.kernel_sources, event);
    let finding = Finding::new(Verdict::KernelOom, Confidence::Certain, summary).on([line]);
    Some(finding.advising(["vm.panic_on_oom=0 lets the kernel kill one process instead", OF_ALL]))
}

/// The host was started between its last line and the next start.
fn rebooted(case: &MasterCase<'_>) -> Option<Finding> {
    let facts = case.material.facts.as_ref().filter(|facts| facts.host.live)?;
    let up = SignedDuration::try_from_secs_f64(facts.host.uptime_seconds.known()?.0).ok()?;
    let booted = facts.observed_at.checked_sub(up).ok()?;
    let is_between = case.end.time? < booted && case.end.noticed.is_none_or(|next| next >= booted);
    let summary = "the master was lost with its host: the log just ends, and the host was started after that";
    let line = evidence::seen("/proc/uptime", format!("the host was started at {}", written(booted)));
    let finding = Finding::new(Verdict::MasterLost, Confidence::Likely, summary).on([line]);
    let advice =
        "last -x and journalctl --list-boots tell when; a boot without a shutdown before it is a crash or a power cut";
    is_between.then(|| finding.advising([advice]))
}

const OF_ALL: &str = "compare the size of a worker, times their number, with the limit: fewer workers, or more memory";

fn by_userspace(case: &MasterCase<'_>) -> Option<Finding> {
    let pids: Vec<_> = case.life.numbers().iter().map(|number| number.on_host).collect();
    // Its last line may be hours before its end.
    let told = said(case, |event| matches!(event, ManagerEvent::OomdKilled { .. })).map(|line| line.time);
    let named = since_last_line(case).find(|line| match line.event {
        ManagerEvent::EarlyoomKills { pid, .. } => pids.contains(pid),
        _ => false,
    });
    // Around its start a killer may speak of the master before it.
    let started = case.end.started.as_ref().and_then(|told| told.time);
    let is_new = |time: &Timestamp| started.is_some_and(|started| apart(*time, started) <= MANAGERS);
    let last = case.end.time.filter(|time| !is_new(time));
    let times = [last, case.end.noticed, told, named.map(|line| line.time)];
    let killer = times.into_iter().filter(Option::is_some).find_map(|time| {
        earlyoom(case.witnesses, &pids, time).or_else(|| whole_group(case.material, case.witnesses, &case.life, time))
    })?;
    let finding = killer.finding();
    Some(Finding { summary: format!("the master was {}", finding.summary), ..finding })
}

/// systemd speaks of the unit, and the master went with it.
fn by_unit(case: &MasterCase<'_>) -> Option<Finding> {
    let failed = failed_of_oom(case)?;
    let killed = said(case, |event| matches!(event, ManagerEvent::OomKilled { .. }));
    // The kernel may have taken one process and systemd the others, or the kernel all of them.
    let summary = "the whole service went when the kernel killed a process of it for want of memory";
    let lines = killed.into_iter().chain([failed]).map(|line| case.witnesses.evidence(&line));
    let advice = [policy(case.life.unit), OF_ALL.to_owned()];
    Some(Finding::new(Verdict::KernelOom, Confidence::Likely, summary).on(lines).advising(advice))
}

fn failed_of_oom<'a>(case: &MasterCase<'a>) -> Option<Line<'a>> {
    said(case, |event| matches!(event, ManagerEvent::Failed { result, .. } if &**result == "oom-kill"))
}

fn stop_timed_out(case: &MasterCase<'_>) -> Option<Finding> {
    let line = said(case, |event| matches!(event, ManagerEvent::StopTimedOut { .. }))?;
    let summary = "killed by systemd: the service did not stop in time";
    let finding = Finding::new(Verdict::MasterLost, Confidence::Certain, summary).on([case.witnesses.evidence(&line)]);
    Some(finding.advising(["TimeoutStopSec= of the unit must be longer than --graceful-timeout"]))
}

/// systemd tells how its main process ended.
fn main_exited(case: &MasterCase<'_>) -> Option<Finding> {
    let line = said(case, |event| matches!(event, ManagerEvent::MainExited { .. } | ManagerEvent::Killing { .. }))?;
    let (verdict, summary) = match line.event {
        ManagerEvent::Killing { pid, signal, .. } => {
            let is_it = case.life.numbers().iter().any(|number| number.on_host == *pid) && *signal == signal::KILL;
            is_it.then(|| (Verdict::MasterLost, "the master was killed by systemd".to_owned()))?
        }
        ManagerEvent::MainExited { ending: Ending::Exit(status), .. } => {
            (Verdict::Exit, format!("the master exited with status {status}"))
        }
        ManagerEvent::MainExited { ending: Ending::Signal { signal, .. }, .. } => {
            let name = signal::name(*signal);
            match signal::source(*signal) {
                Source::Fault => (Verdict::Crash, format!("the master crashed with {name}")),
                Source::Sent | Source::Limit => (Verdict::MasterLost, format!("the master was ended by {name}")),
            }
        }
        _ => return None,
    };
    let finding = Finding::new(verdict, Confidence::Certain, summary).on([case.witnesses.evidence(&line)]);
    Some(finding.advising(["journalctl -u UNIT and the kernel log around that time tell who did it"]))
}

fn just_gone(case: &MasterCase<'_>) -> Finding {
    let is_orphans = |told: &crate::gunicorn::log::Told| matches!(told.said, Said::Gunicorn(Event::ParentChanged));
    let (confidence, summary) = match case.end.told.iter().any(is_orphans) {
        true => (Confidence::Certain, "the master was lost without a word: its workers saw that it was gone"),
        false => (Confidence::Likely, "the master was lost without a word: its log just ends, and a later one starts"),
    };
    Finding::new(Verdict::MasterLost, confidence, summary).advising(WHERE_TO_LOOK)
}

fn not_there() -> Finding {
    let summary = "the master was lost without a word: its log just ends, and it does not run";
    Finding::new(Verdict::MasterLost, Confidence::Likely, summary).advising(WHERE_TO_LOOK)
}

const WHERE_TO_LOOK: [&str; 2] = [
    "SIGKILL leaves no word: look at the kernel log (gtune oom), at journalctl -u UNIT, at the container's exit status \
     (137 is SIGKILL), and for a reboot (last -x)",
    "let systemd start it again: Restart=on-failure in the unit",
];

/// A manager stops it, so its end was asked for though the log does not say so.
fn is_stopping(case: &MasterCase<'_>) -> bool {
    said(case, |event| matches!(event, ManagerEvent::Stopping { .. })).is_some()
}

/// What managers say from its last line on; until the next master, where there is one.
fn since_last_line<'a>(case: &MasterCase<'a>) -> impl Iterator<Item = Line<'a>> {
    let after = case.life.span().zip(case.end.time).map(|((_, until), time)| until.duration_since(time));
    case.witnesses.managers(case.end.time, MANAGERS, after.unwrap_or_default().max(SignedDuration::ZERO))
}

/// A line of systemd on its unit, from its last line on; until the next one, where there is one.
fn said<'a>(case: &MasterCase<'a>, is_it: impl Fn(&ManagerEvent) -> bool) -> Option<Line<'a>> {
    let (_, until) = case.life.span()?;
    let after = until.duration_since(case.end.time?).max(SignedDuration::ZERO);
    // The master before it may have ended a second ago: what is told of that is not of this one.
    let is_of_another = |line: &Line<'_>| case.end.started.as_ref().is_some_and(|started| line.is_before(started));
    let mut lines = case.witnesses.of_unit(case.life.unit, case.end.time, MANAGERS, after);
    lines.find(|line| !is_of_another(line) && is_it(line.event))
}
