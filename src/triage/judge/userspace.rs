//! Killers in user space: systemd-oomd, earlyoom, Meta's oomd.

use super::case::{Case, Finding};
use super::evidence;
use super::life::Life;
use super::signal;
use super::when::{MANAGERS, SAME};
use super::witnesses::{Line, Witnesses};
use crate::facts::{CgroupOwner, unit_of_cgroup_path};
use crate::gunicorn::log::ManagerEvent;
use crate::kernel_log::Event;
use crate::triage::{Confidence, Evidence, How, Material, Verdict};
use crate::units::Pid;
use jiff::{SignedDuration, Timestamp};

/// earlyoom sends SIGTERM first, and SIGKILL ten seconds later.
const EARLYOOM: SignedDuration = SignedDuration::from_secs(12);

/// A killer in user space says so.
pub fn by_killer(case: &Case<'_>) -> Option<Finding> {
    let is_own_end = matches!(case.ended.how, How::Silent | How::Exited)
        || case.signal().is_some_and(|signal| signal == signal::KILL || signal == signal::TERM);
    if !is_own_end || case.context().timed_out.is_some() {
        return None;
    }
    let one = || earlyoom(case.witnesses, &case.host_pids(), case.time());
    let whole = || whole_group(case.material, case.witnesses, &case.life, case.time());
    one().or_else(|| if case.life.may_be_kernels { whole() } else { None }).map(Killer::finding)
}

/// What a killer says.
pub struct Killer {
    /// As a clause: `killed by systemd-oomd with its whole control group: memory pressure …`.
    summary: String,
    confidence: Confidence,
    lines: Vec<Evidence>,
    /// The process, where it names one.
    victim: Option<Pid>,
    advice: &'static str,
}

impl Killer {
    /// As a finding.
    pub fn finding(self) -> Finding {
        let advice = [self.advice, "compare the size of a worker, times their number, with the memory there is"];
        let finding = Finding::new(Verdict::UserspaceOom, self.confidence, self.summary).naming(self.victim);
        finding.on(self.lines).advising(advice)
    }
}

/// earlyoom names the process it kills.
pub fn earlyoom(witnesses: &Witnesses<'_>, pids: &[Pid], time: Option<Timestamp>) -> Option<Killer> {
    let victim = |line: Line<'_>| match line.event {
        ManagerEvent::EarlyoomKills { pid, .. } if pids.contains(pid) => Some(*pid),
        _ => None,
    };
    let mut near = witnesses.managers(time, EARLYOOM, SAME);
    let (line, pid) = near.find_map(|line| Some((line, victim(line)?)))?;
    Some(Killer {
        summary: "killed by earlyoom before the host ran out of memory".to_owned(),
        confidence: Confidence::Certain,
        lines: vec![witnesses.evidence(&line)],
        victim: Some(pid),
        advice: "earlyoom --avoid spares a process by its name; --prefer names one that may go first",
    })
}

/// The others kill a control group as a whole.
pub fn whole_group(
    material: &Material,
    witnesses: &Witnesses<'_>,
    life: &Life<'_>,
    time: Option<Timestamp>,
) -> Option<Killer> {
    let mut near = witnesses.of_unit(life.unit, time, MANAGERS, MANAGERS);
    let said = near.find(|line| matches!(line.event, ManagerEvent::OomdKilled { .. }));
    let chose = witnesses.managers(time, MANAGERS, MANAGERS).find_map(|line| match line.event {
        ManagerEvent::OomdChose { cgroup, why } if is_of(life, cgroup) => Some((line, &**why)),
        _ => None,
    });
    let meta = witnesses.kernel(time, SAME, SAME).find(|event| match &event.event {
        Event::OomdKill(kill) => !kill.is_dry_run && is_of(life, &format!("/{}", kill.cgroup)),
        _ => false,
    });
    if said.is_none() && chose.is_none() && meta.is_none() {
        return None;
    }
    let why = chose.map_or_else(String::new, |(_, why)| format!(": {why}"));
    let name = if meta.is_some() { "oomd" } else { "systemd-oomd" };
    let lines = chose.map(|(line, _)| line).into_iter().chain(said).map(|line| witnesses.evidence(&line));
    let meta = meta.map(|event| evidence::event(&material.kernel_sources, event));
    // The unit is the log's own by its name; where the log has none, it is the only one that was spoken of.
    let confidence = if life.unit.is_some() { Confidence::Certain } else { Confidence::Likely };
    Some(Killer {
        summary: format!("killed by {name} with its whole control group{why}"),
        confidence,
        lines: lines.chain(meta).collect(),
        victim: None,
        advice: "oomctl shows what systemd-oomd watches; ManagedOOMPreference=avoid in the unit makes it choose another",
    })
}

/// Whether a control group is this service's, or one above it.
fn is_of(life: &Life<'_>, cgroup: &str) -> bool {
    let own = life.running.and_then(|running| running.service.cgroup.known()).map(|own| own.path.as_str());
    let is_above =
        own.and_then(|own| own.strip_prefix(cgroup)).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_above && cgroup.len() > 1
        || match unit_of_cgroup_path(cgroup) {
            CgroupOwner::SystemUnit(unit) | CgroupOwner::UserUnit { unit, .. } => life.unit == Some(&unit),
            CgroupOwner::Session(_) | CgroupOwner::Container(_) | CgroupOwner::None => false,
        }
}
