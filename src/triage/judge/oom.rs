//! The kernel's OOM killer.

use super::case::{Case, Finding};
use super::coverage::Seen;
use super::evidence;
use super::kills::{By, Group, Match};
use super::when::{MANAGERS, apart};
use super::witnesses::{Line, Witnesses};
use crate::facts::{CgroupOwner, unit_of_cgroup_path};
use crate::gunicorn::Version;
use crate::gunicorn::log::ManagerEvent;
use crate::kernel_log::{Concern, Hit, Kill, Part, Scope, advice};
use crate::triage::{Asked, Confidence, Evidence, Verdict};
use crate::units::{Bytes, quoted};
use bstr::ByteSlice;
use jiff::{SignedDuration, Timestamp};

/// Under `OOMPolicy=stop` systemd fails the unit when the last process has gone: after `TimeoutStopSec`, 90 s by default,
/// at the latest.
const STOPS_WITHIN: SignedDuration = SignedDuration::from_secs(120);

/// The kernel says that it killed this process.
pub fn by_kernel(case: &Case<'_>) -> Option<Finding> {
    let found = case.kill?;
    let unit_line = killed_in_unit(case.witnesses, case.unit(), case.time());
    let confidence = sure(&found, unit_line.is_some());
    let stopped = Stopped::of(case);
    let summary = format!("{}{}", told_by_kernel(&found.settled.kill), stopped.clause());
    let lines = unit_line.iter().chain(&stopped.line).map(|line| case.witnesses.evidence(line));
    let kill = evidence::kill(&case.material.kernel_sources, found.settled);
    let advice = of_kill(&found.settled.kill).into_iter().chain(stopped.advice(case.unit())).chain(bounds(case));
    Some(Finding::new(Verdict::KernelOom, confidence, summary).on([kill]).on(lines).advising(advice))
}

/// No kernel log tells of it, but systemd or the counters of the control group do.
pub fn by_counters(case: &Case<'_>) -> Option<Finding> {
    if !case.life.may_be_kernels || case.context().timed_out.is_some() {
        return None;
    }
    let stopped = Stopped::of(case);
    let killed = killed_in_unit(case.witnesses, case.unit(), case.time());
    // The result of the unit says it too, where the journal is cut before the line that does.
    let unit_line = killed.or(stopped.line).filter(|_| !is_another(case));
    let counted = counted(case).filter(|_| !is_another(case));
    if unit_line.is_none() && counted.is_none() {
        return None;
    }
    let teller = if unit_line.is_some() { "systemd says of the unit" } else { "its control group counts" };
    let summary = format!("killed by the kernel for want of memory, by what {teller}{}", stopped.clause());
    let lines = killed.iter().chain(&stopped.line).map(|line| case.witnesses.evidence(line));
    let advice = stopped.advice(case.unit()).into_iter().chain(bounds(case));
    // systemd says it of the unit, and the counter is that of the group: neither names the process. Where the kernel's
    // own log should tell of it and does not, there may be another reason.
    let is_told = case.coverage.sees(case.time()) != Seen::Yes;
    let confidence = if is_told { Confidence::Likely } else { Confidence::Possible };
    let finding = Finding::new(Verdict::KernelOom, confidence, summary);
    Some(finding.on(lines).on(counted).advising(advice))
}

/// Whether the kernel names another process of the unit at that time: then it is that one that systemd and the counter
/// speak of.
fn is_another(case: &Case<'_>) -> bool {
    let mut kills = case.witnesses.kills(case.time(), MANAGERS, MANAGERS);
    kills.any(|settled| case.life.group(settled) == Group::Own && !case.life.is_elsewhere(settled))
}

/// Whether one kill ended the whole service.
struct Stopped<'a> {
    line: Option<Line<'a>>,
    is_asked: bool,
}

impl<'a> Stopped<'a> {
    fn of(case: &Case<'a>) -> Self {
        let line = stopped_service(case.witnesses, case.unit(), case.time());
        Self { line, is_asked: case.context().asked == Some(Asked::Stopped) }
    }

    fn clause(&self) -> &'static str {
        match (self.line, self.is_asked) {
            (Some(_), _) => "; systemd then stopped the whole service for it (OOMPolicy=stop)",
            (None, true) => {
                "; its master was stopping then: under OOMPolicy=stop systemd stops the whole service for one worker"
            }
            (None, false) => "",
        }
    }

    fn advice(&self, unit: Option<&str>) -> Option<String> {
        (self.line.is_some() || self.is_asked).then(|| policy(unit))
    }
}

/// How sure a kill is that of the process it was found for.
pub fn sure(found: &Match<'_>, is_told_of_unit: bool) -> Confidence {
    match found.by {
        By::PidAndTime | By::PidAndTable | By::GroupAndTime => Confidence::Certain,
        By::Pid if is_told_of_unit => Confidence::Certain,
        By::Pid | By::Time => Confidence::Likely,
        By::TimeAlone => Confidence::Possible,
    }
}

/// `killed by the kernel: its control group hit the limit of 200 MiB while it held 148 MiB`.
pub fn told_by_kernel(kill: &Kill) -> String {
    let cause = match (kill.scope, kill.part) {
        (Scope::Manual, _) => {
            return "killed by the kernel's OOM killer, which somebody asked for (sysrq f)".to_owned();
        }
        (Scope::Memcg, _) => group_hit(kill),
        (Scope::Global, _) => "the host ran out of memory".to_owned(),
        (Scope::Cpuset | Scope::Mempolicy, _) => "the memory nodes it may use ran out".to_owned(),
        (Scope::Unknown, _) => return format!("killed by the kernel for want of memory{}", held(kill)),
    };
    match kill.part {
        Part::Group => format!("killed by the kernel with its whole control group (memory.oom.group): {cause}"),
        _ => format!("killed by the kernel: {cause}{}", held(kill)),
    }
}

fn held(kill: &Kill) -> String {
    kill.sizes.resident().map_or_else(String::new, |size| format!(" while it held {size}"))
}

fn group_hit(kill: &Kill) -> String {
    let report = &kill.report;
    let is_above = report.oom_memcg.is_some() && kill.task_memcg.is_some() && report.oom_memcg != kill.task_memcg;
    let group = if is_above { "a control group above its own" } else { "its control group" };
    let hit = report.hit().and_then(|(hit, usage)| Some((hit, Bytes(usage.limit.number()?))));
    match hit {
        Some((Hit::Memory, limit)) => format!("{group} hit the limit of {limit}"),
        Some((Hit::MemoryAndSwap, limit)) => format!("{group} hit the limit of {limit} of memory and swap"),
        None => format!("{group} hit its limit"),
    }
}

/// What the kernel's report says of the cause.
pub fn of_kill(kill: &Kill) -> Vec<String> {
    advice(kill, &Concern { unit: None, gunicorn: true })
}

/// The unit of the control group that a kill was in.
pub fn unit_of(kill: &Kill) -> Option<String> {
    match unit_of_cgroup_path(&kill.task_memcg.as_deref()?.to_str_lossy()) {
        CgroupOwner::SystemUnit(unit) | CgroupOwner::UserUnit { unit, .. } => Some(unit),
        CgroupOwner::Session(_) | CgroupOwner::Container(_) | CgroupOwner::None => None,
    }
}

/// What bounds memory in Gunicorn, and what makes the next death be told.
fn bounds(case: &Case<'_>) -> Vec<String> {
    let mut said = vec![
        "compare the size of a worker, times their number, with the memory they may use: fewer workers, or more memory"
            .to_owned(),
        "against slow growth: --max-requests 1000 --max-requests-jitter 200 replaces workers before they are too large"
            .to_owned(),
    ];
    if case.is_before(Version::new(20, 1, 0)) {
        said.push("Gunicorn before 20.1 does not say that a worker was killed: upgrade".to_owned());
    }
    said
}

/// What to do where one kill ended the whole service.
pub fn policy(unit: Option<&str>) -> String {
    match unit {
        Some(unit) => {
            format!("gtune apply --oom-policy continue --unit {}   # let the master replace one worker", quoted(unit))
        }
        None => "set OOMPolicy=continue in the unit: then the master replaces the one worker".to_owned(),
    }
}

/// systemd's word that the kernel killed a process of the unit, at that time.
pub fn killed_in_unit<'a>(
    witnesses: &Witnesses<'a>,
    unit: Option<&'a str>,
    time: Option<Timestamp>,
) -> Option<Line<'a>> {
    witnesses.of_unit(unit, time, MANAGERS, MANAGERS).find(|line| matches!(line.event, ManagerEvent::OomKilled { .. }))
}

/// systemd's words that it then failed the unit for it.
pub fn stopped_service<'a>(
    witnesses: &Witnesses<'a>,
    unit: Option<&'a str>,
    time: Option<Timestamp>,
) -> Option<Line<'a>> {
    let is_failed =
        |event: &ManagerEvent| matches!(event, ManagerEvent::Failed { result, .. } if &**result == "oom-kill");
    // What happens to the unit after that is of another kill, or of somebody who stops it.
    let is_later = |line: &Line<'_>| match line.event {
        ManagerEvent::Started { .. } | ManagerEvent::Stopping { .. } | ManagerEvent::Restarting { .. } => true,
        ManagerEvent::OomKilled { .. } => time.is_some_and(|time| apart(line.time, time) > MANAGERS),
        _ => false,
    };
    let mut lines = witnesses.of_unit(unit, time, SignedDuration::ZERO, STOPS_WITHIN);
    lines.find(|line| is_failed(line.event) || is_later(line)).filter(|line| is_failed(line.event))
}

/// The counter of the control group, where it accounts for every such death of the master that runs.
fn counted(case: &Case<'_>) -> Option<Evidence> {
    let running = case.running().filter(|running| running.is_same_master)?;
    let memory = running.memory()?;
    let kills = *memory.oom_kills.known()?;
    // Fewer than died: some other hand was in it, and nothing tells which were whose.
    let deaths = case.sigkilled_siblings.max(1);
    (case.is_sigkill() && kills >= deaths).then(|| evidence::seen(&memory.oom_kills_from, kills.to_string()))
}
