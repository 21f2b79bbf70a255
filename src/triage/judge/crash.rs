//! Fatal signals other than SIGKILL.

use super::case::{Case, Finding};
use super::evidence;
use super::signal::{self, Source};
use super::when::MANAGERS;
use super::witnesses::{Line, ToldFault};
use crate::gunicorn::log::ManagerEvent;
use crate::triage::{Confidence, Verdict};
use bstr::ByteSlice;

/// A signal ended it, or, where Gunicorn is silent, the kernel tells of its fault.
pub fn by_signal(case: &Case<'_>) -> Option<Finding> {
    let signal = case.signal().filter(|signal| *signal != signal::KILL);
    match (signal, case.life.may_be_kernels && !case.is_sigkill()) {
        (Some(signal), _) => match signal::source(signal) {
            Source::Fault => Some(fault(case, Some(signal))),
            Source::Sent => Some(sent(case, signal)),
            Source::Limit => Some(limit(signal)),
        },
        (None, true) if case.context().timed_out.is_none() => {
            let told = told_by_kernel(case).is_some_and(|told| told.is_its_own) || core_dumped(case).is_some();
            told.then(|| fault(case, None))
        }
        (None, _) => None,
    }
}

fn fault(case: &Case<'_>, signal: Option<i32>) -> Finding {
    let kernel = told_by_kernel(case);
    let core = core_dumped(case);
    let name = signal.or_else(|| kernel.and_then(|told| told.fault.signal)).map(signal::name);
    let object = kernel.and_then(|told| told.fault.object).map(|object| object.to_str_lossy().into_owned());
    let place = object.as_ref().map_or_else(String::new, |object| format!(" in {object}"));
    let summary = match (&name, signal) {
        (Some(name), Some(signal::ABRT)) => format!("aborted itself ({name}){place}: a library called abort(3)"),
        (Some(name), _) => format!("crashed with {name}{place}"),
        (None, _) => format!("crashed{place}"),
    };
    let is_witnessed = kernel.is_some_and(|told| told.is_its_own) || core.is_some();
    let confidence = if is_witnessed { Confidence::Certain } else { Confidence::Likely };
    let lines = kernel.map(|told| evidence::event(&case.material.kernel_sources, told.event));
    let core_line = core.map(|line| case.witnesses.evidence(&line));
    let mut advice = vec![];
    advice.extend(object.map(|object| {
        format!("look at what loads {object}: a C extension of Python most often; upgrade or rebuild it")
    }));
    advice.push(match core {
        Some(_) => "coredumpctl gdb gunicorn, or coredumpctl info, shows where it was".to_owned(),
        None => "PYTHONFAULTHANDLER=1 in its environment makes Python write where it was".to_owned(),
    });
    let of_kernel = kernel.filter(|told| told.is_its_own).map(|told| told.fault.thread);
    let of_core = core.and_then(|line| match line.event {
        ManagerEvent::CoreDumped { pid } => Some(*pid),
        _ => None,
    });
    let finding = Finding::new(Verdict::Crash, confidence, summary).naming(of_kernel.or(of_core));
    finding.on(lines).on(core_line).advising(advice)
}

/// The kernel's line of its fault.
fn told_by_kernel<'a>(case: &Case<'a>) -> Option<ToldFault<'a>> {
    case.witnesses.fault(case.time(), &case.host_pids(), case.signal())
}

/// systemd-coredump's line.
fn core_dumped<'a>(case: &Case<'a>) -> Option<Line<'a>> {
    let pids = case.host_pids();
    let is_it = |line: &Line<'_>| matches!(line.event, ManagerEvent::CoreDumped { pid } if pids.contains(pid));
    case.witnesses.managers(case.time(), MANAGERS, MANAGERS).find(is_it)
}

fn limit(signal: i32) -> Finding {
    let (what, advice) = match signal {
        24 => ("it used up its limit of CPU time", "LimitCPU= of the unit, or ulimit -t of who started it"),
        _ => ("a file grew past the limit", "LimitFSIZE= of the unit, or ulimit -f of who started it"),
    };
    let summary = format!("ended by {}: {what}", signal::name(signal));
    Finding::new(Verdict::Crash, Confidence::Certain, summary).advising([advice])
}

/// No fault sends these, and the master sends a worker TERM, QUIT, USR1 and WINCH only, which it handles.
fn sent(case: &Case<'_>, signal: i32) -> Finding {
    let name = signal::name(signal);
    if is_of_stop(case, signal) {
        return hidden_stop(&name);
    }
    let (who, advice) = match signal {
        1 | 10 | 12 => (
            "somebody signalled the whole service: a worker has no handler for it",
            "signal the master alone: kill $MAINPID, or systemctl kill --kill-whom=main (--kill-who=main before systemd 252)",
        ),
        _ => (
            "somebody sent it from outside, not its master",
            "look for who sends signals: a supervisor, a deploy script, a shell; auditctl -a always,exit -S kill tells",
        ),
    };
    Finding::new(Verdict::Crash, Confidence::Likely, format!("ended by {name}: {who}")).advising([advice])
}

/// systemd sends SIGTERM to the workers of a service that it stops beside their master (`KillMode=control-group`), and where
/// a log hides INFO it does not tell of the stop.
fn is_of_stop(case: &Case<'_>, signal: i32) -> bool {
    let hides_stops = case.ended.version.is_none() && case.context().booted.is_none();
    hides_stops && OF_STOPS.contains(&signal)
}

/// SIGINT, SIGQUIT, SIGTERM (signal(7)).
const OF_STOPS: [i32; 3] = [2, 3, 15];

fn hidden_stop(name: &str) -> Finding {
    let summary =
        format!("ended by {name}: its service was stopped, of which this log would not tell, or somebody sent it");
    Finding::new(Verdict::Crash, Confidence::Possible, summary).advising([
        "let Gunicorn log at level info: then a stop is told",
        "KillMode=mixed in the unit signals the master alone, and the log keeps clean",
    ])
}
