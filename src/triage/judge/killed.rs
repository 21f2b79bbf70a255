//! SIGKILL from outside, where nothing speaks of memory.

use super::case::{Case, Finding};
use super::coverage::Seen;
use super::evidence;
use super::signal;
use super::when::MANAGERS;
use super::witnesses::Line;
use crate::gunicorn::Version;
use crate::gunicorn::log::ManagerEvent;
use crate::triage::{Confidence, How, Verdict};

/// From 20.1 on signals are told, from 21.0 on exit statuses too.
const TELLS_SIGNALS: Version = Version::new(20, 1, 0);

/// What is left of SIGKILL when nobody's memory is to blame.
pub fn from_outside(case: &Case<'_>) -> Option<Finding> {
    let witness = by_systemd(case);
    if !case.is_sigkill() && witness.is_none() {
        return None;
    }
    if let Some(line) = witness {
        let is_stop = stop_timed_out(case);
        let summary = match is_stop {
            Some(_) => "killed by systemd: the service did not stop in time",
            None => "killed by systemd",
        };
        let lines = [Some(line), is_stop].into_iter().flatten().map(|line| case.witnesses.evidence(&line));
        let finding = Finding::new(Verdict::Killed, Confidence::Certain, summary);
        return Some(
            finding.on(lines).advising(["TimeoutStopSec= of the unit must be longer than --graceful-timeout"]),
        );
    }
    Some(unseen(case))
}

fn unseen(case: &Case<'_>) -> Finding {
    let seen = case.coverage.sees(case.time());
    let unharmed = no_kill_counted(case);
    let (confidence, summary) = match (&seen, &unharmed) {
        (Seen::Yes, _) => (Confidence::Likely, "SIGKILL from outside: the kernel log has no kill of it".to_owned()),
        (_, Some(_)) => {
            (Confidence::Likely, "SIGKILL from outside: its control group counts no kill for want of memory".to_owned())
        }
        (Seen::No(why), None) => {
            (Confidence::Possible, format!("SIGKILL, by whom is not told; out of memory cannot be ruled out: {why}"))
        }
    };
    let mut advice: Vec<&str> = vec![];
    if confidence == Confidence::Possible {
        advice.push("read the kernel log of that time: gtune triage --kernel-log FILE, or gtune oom as root");
    }
    advice
        .push("who sends SIGKILL: an operator, a deploy script, a container runtime, a supervisor after its stop time");
    advice.push("auditctl -a always,exit -F arch=b64 -S kill -F a1=9 -k sigkill   # then ausearch -k sigkill tells");
    Finding::new(Verdict::Killed, confidence, summary).on(unharmed).advising(advice)
}

/// systemd says that it killed this very process.
fn by_systemd<'a>(case: &Case<'a>) -> Option<Line<'a>> {
    let pids = case.host_pids();
    let is_it = |line: &Line<'_>| matches!(line.event, ManagerEvent::Killing { pid, signal, .. } if pids.contains(pid) && *signal == signal::KILL);
    let mut near = case.witnesses.managers(case.time(), MANAGERS, MANAGERS);
    near.find(is_it).filter(|_| case.life.may_be_kernels)
}

fn stop_timed_out<'a>(case: &Case<'a>) -> Option<Line<'a>> {
    let mut near = case.witnesses.of_unit(case.unit(), case.time(), MANAGERS, MANAGERS);
    near.find(|line| matches!(line.event, ManagerEvent::StopTimedOut { .. }))
}

/// The counter of its control group, where it is nought.
fn no_kill_counted(case: &Case<'_>) -> Option<crate::triage::Evidence> {
    let memory = case.running().filter(|running| running.is_same_master)?.memory()?;
    let kills = *memory.oom_kills.known()?;
    (kills == 0).then(|| evidence::seen(&memory.oom_kills_from, "0"))
}

/// It is gone, and nothing tells how.
pub fn silent(case: &Case<'_>) -> Option<Finding> {
    if case.ended.how != How::Silent {
        return None;
    }
    let seen = case.coverage.sees(case.time());
    let is_mute = case.version().is_none_or(|version| version < TELLS_SIGNALS);
    Some(match (is_mute, seen) {
        (true, Seen::Yes) => {
            let summary =
                "gone without a word, and the kernel log has no kill of it: a signal from outside, or an abrupt exit";
            let advice = ["Gunicorn 20.1 and later say which signal ended a worker: upgrade an older one"];
            Finding::new(Verdict::Killed, Confidence::Possible, summary).advising(advice)
        }
        (true, Seen::No(why)) => {
            let summary = format!("gone without a word; out of memory cannot be ruled out: {why}");
            let advice = [
                "Gunicorn 20.1 and later say which signal ended a worker: upgrade an older one",
                "read the kernel log of that time: gtune triage --kernel-log FILE, or gtune oom as root",
            ];
            Finding::new(Verdict::Unknown, Confidence::Possible, summary).advising(advice)
        }
        (false, _) => {
            let summary = "gone, and the log does not say how: lines are missing, or its level hides them";
            let advice = ["let Gunicorn log at least at level info, and keep the log whole"];
            Finding::new(Verdict::Unknown, Confidence::Possible, summary).advising(advice)
        }
    })
}
