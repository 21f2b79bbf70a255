//! Workers that their master killed, because their heartbeat was missing.

use super::case::{Case, Finding};
use super::storage;
use super::when::MANAGERS;
use super::witnesses::Line;
use crate::gunicorn::log::{Frame, ManagerEvent, Said, Told, Traceback};
use crate::gunicorn::{Version, WorkerClass, log};
use crate::triage::{Confidence, Verdict};
use jiff::Timestamp;

/// Before 22.0 the heartbeat is compared with the wall clock (gunicorn/workers/workertmp.py).
const MONOTONIC: Version = Version::new(22, 0, 0);

/// From 26.0 on a sync worker waits for its client to close after the abort, and the master's SIGKILL is faster.
const KILLS_ALWAYS: Version = Version::new(26, 0, 0);

/// `--timeout` where nobody says otherwise; an idle sync worker beats after half of it.
const TIMEOUT_SECONDS: i64 = 30;

/// A worker that times out so soon after its boot may never have served: it was still loading the application.
const BOOTING_SECONDS: i64 = 90;

/// Its master says that it timed out: what came after that was the master's doing. Nobody else sends these signals then.
pub fn by_master(case: &Case<'_>) -> Option<Finding> {
    let timed_out = case.context().timed_out.as_ref()?;
    let is_masters = match case.signal() {
        Some(signal) => [super::signal::KILL, super::signal::ABRT, super::signal::TERM].contains(&signal),
        None => true,
    };
    if !is_masters {
        return None;
    }
    let finding = storage::frozen(case, timed_out.time)
        .or_else(|| clock(case, timed_out.time))
        .unwrap_or_else(|| plain(case, timed_out.time));
    let request =
        case.context().request_error.iter().chain(&case.context().exception).filter(|told| hung(told).is_some());
    Some(finding.on([case.told(timed_out)]).on(request.map(|told| case.told(told))))
}

/// How many went with it, where that is all of them or most.
pub fn together(case: &Case<'_>) -> Option<usize> {
    let (gone, alive) = (case.context().timed_out_together, case.context().alive);
    (gone >= 2 && gone.saturating_mul(2) >= alive).then_some(gone)
}

/// `killed by its master after 30 s without a heartbeat`.
fn killed_after(case: &Case<'_>) -> String {
    match case.running().and_then(|running| running.timeout_seconds()) {
        Some(seconds) => format!("killed by its master after {seconds} s without a heartbeat"),
        None => "killed by its master for want of a heartbeat".to_owned(),
    }
}

fn plain(case: &Case<'_>, time: Option<Timestamp>) -> Finding {
    let mut summary = killed_after(case);
    let frame = hung_frame(case);
    if let Some(frame) = frame {
        summary.push_str(&format!("; it hung in {} ({}:{})", frame.function, frame.file, frame.line));
    }
    let all = together(case);
    if let Some(gone) = all {
        summary.push_str(&format!("; {gone} workers timed out together"));
    }
    let mut advice = vec![];
    if frame.is_some() {
        advice.push("bound what that line waits for with a time-out of its own: socket, query, lock".to_owned());
    }
    advice.push(of_class(case.ended.class.as_ref()).to_owned());
    advice.extend(all.map(|_| SHARED.to_owned()));
    advice.extend(while_booting(case, time).map(str::to_owned));
    advice.extend(no_memory(case).map(str::to_owned));
    Finding::new(Verdict::Timeout, Confidence::Certain, summary).advising(advice)
}

const SHARED: &str = "they went together, so look at what they share: a database or service they all wait for, \
                      the disk under their heartbeat files (gtune doctor heartbeat-filesystem), the clock";

/// The clock was set: before 22.0 that alone times everybody out.
fn clock(case: &Case<'_>, time: Option<Timestamp>) -> Option<Finding> {
    if case.version().is_some_and(|version| version >= MONOTONIC) {
        return None;
    }
    let steps = |line: &Line<'_>| match line.event {
        ManagerEvent::ClockStepped { seconds } => Some(*seconds),
        _ => None,
    };
    let mut near = case.witnesses.managers(time, MANAGERS, MANAGERS);
    let (line, seconds) =
        near.find_map(|line| Some((line, steps(&line)?)).filter(|(_, by)| by.is_none_or(|by| by > 0)))?;
    // One worker alone that timed out when the clock was set may well have hung.
    together(case).or((case.context().alive <= 1).then_some(1))?;
    let by = seconds.map_or_else(String::new, |seconds| format!(" by {seconds} s"));
    let summary = format!(
        "killed by its master, to whom its heartbeat looked too old: the clock was set{by} at that time, and Gunicorn \
         before 22.0 compares with the wall clock"
    );
    let advice = [
        "upgrade to Gunicorn 22.0 or later, which compares with a clock that is never set",
        "until then let the clock be slewed, not stepped: makestep of chrony.conf only at the start",
    ];
    let finding = Finding::new(Verdict::Timeout, surely_by_clock(case, seconds), summary);
    Some(finding.on([case.witnesses.evidence(&line)]).advising(advice))
}

/// Clocks are corrected by parts of a second too, which times nobody out: only a step as long as an idle worker is from its
/// next time-out does.
fn surely_by_clock(case: &Case<'_>, seconds: Option<i64>) -> Confidence {
    let timeout = case.running().and_then(|running| running.timeout_seconds()).unwrap_or(TIMEOUT_SECONDS);
    match seconds {
        Some(seconds) if seconds.saturating_mul(2) >= timeout => Confidence::Certain,
        _ => Confidence::Likely,
    }
}

/// The line that hung, where the log has it.
pub fn hung_frame<'a>(case: &Case<'a>) -> Option<&'a Frame> {
    let told = case.context().request_error.iter().chain(&case.context().exception);
    told.filter_map(hung).find_map(|traceback| traceback.frame.as_ref())
}

/// The traceback of a worker that was told to end by its master.
fn hung(told: &Told) -> Option<&Traceback> {
    let Said::Gunicorn(event) = &told.said else { return None };
    let traceback = match event {
        log::Event::RequestError { traceback, .. } => traceback,
        log::Event::WorkerException(traceback) => traceback,
        _ => return None,
    };
    Some(traceback).filter(|traceback| traceback.is_abort)
}

/// The file's name without its directories.
pub fn base_name(file: &str) -> &str {
    file.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(file)
}

/// What a missing heartbeat means for this class.
fn of_class(class: Option<&WorkerClass>) -> &'static str {
    match class {
        Some(WorkerClass::Sync) => {
            "a sync worker beats between requests only, so --timeout is the longest that one request may take: make it \
             shorter, or let a gthread worker serve it"
        }
        Some(WorkerClass::Gthread) => {
            "a gthread worker beats in its main thread, whatever its requests do: look for a C call that holds the GIL, \
             and for a host without CPU to spare"
        }
        Some(WorkerClass::Gevent | WorkerClass::Eventlet) => {
            "something held the hub of the greenlets: a call that is not patched, or long work without a pause"
        }
        Some(WorkerClass::Asgi | WorkerClass::Uvicorn | WorkerClass::Aiohttp | WorkerClass::Tornado) => {
            "something held the event loop: a blocking call in async code belongs into a thread"
        }
        Some(WorkerClass::Other(_)) | None => {
            "find what it waited for; a longer --timeout helps only where requests may rightly take so long"
        }
    }
}

/// Before 22.0 loading the application is timed too.
fn while_booting(case: &Case<'_>, time: Option<Timestamp>) -> Option<&'static str> {
    let since_boot = time?.duration_since(case.context().booted?).as_secs();
    let is_early = (0..=BOOTING_SECONDS).contains(&since_boot) && case.context().request_error.is_none();
    (is_early && case.is_before(MONOTONIC)).then_some(
        "it had just booted, and before Gunicorn 22.0 the loading of the application is timed too: where the import is \
         slow, --preload or a longer --timeout",
    )
}

/// The log guesses at memory: it is wrong.
fn no_memory(case: &Case<'_>) -> Option<&'static str> {
    let version = case.version();
    if version.is_some_and(|version| version >= KILLS_ALWAYS) {
        return Some(
            "\"Perhaps out of memory?\" in the log is a guess: Gunicorn 26.0 and later print it for plain time-outs; \
             memory is not what it wants",
        );
    }
    let is_blamed = case.is_sigkill() && version.is_none_or(|version| version >= Version::new(21, 0, 0));
    is_blamed.then_some(
        "\"Perhaps out of memory?\" in the log is a guess that stands behind every SIGKILL; memory is not what it wants",
    )
}
