//! Other exit statuses.

use super::boot::{exception, named};
use super::case::{Case, Finding, TELLS_STATUS};
use super::storage::Directory;
use crate::triage::{Confidence, How, Verdict};
use jiff::SignedDuration;

/// A worker ends with -1 for an exception that it does not expect (arbiter.py, `spawn_worker`).
const UNCAUGHT: i32 = 255;

/// It raised an exception that is about the heartbeat file.
pub fn heartbeat(case: &Case<'_>) -> Option<Finding> {
    let (told, raised) = exception(case)?;
    let directory = Directory::of(raised)?;
    let finding = Finding::new(Verdict::HeartbeatStorage, Confidence::Certain, directory.what);
    Some(finding.on([case.told(told)]).advising(directory.advice))
}

/// It left by itself.
pub fn by_itself(case: &Case<'_>) -> Option<Finding> {
    let raised = exception(case);
    let why = raised.map_or_else(String::new, |(_, raised)| named(raised));
    let lines = raised.map(|(told, _)| case.told(told));
    let finding = match (case.status(), case.ended.how) {
        (Some(status), _) => {
            let summary = format!("exited with status {status}{why}");
            // Gunicorn's own status for an exception, which is not in the log.
            let is_hidden = status == UNCAUGHT && raised.is_none();
            Finding::new(Verdict::Exit, if is_hidden { Confidence::Likely } else { Confidence::Certain }, summary)
        }
        (None, How::Exited) if why.is_empty() && is_cut(case) => Finding::new(
            Verdict::Exit,
            Confidence::Possible,
            "left without being asked, as far as the log tells: it begins a moment before",
        ),
        (None, How::Exited) => Finding::new(Verdict::Exit, Confidence::Likely, unasked(case, &why)),
        (None, _) => return None,
    };
    Some(finding.on(lines).advising(advice(case, raised.is_some())))
}

/// Who is asked to leave leaves within `--graceful-timeout`, 30 s by default, or is killed.
const LEAVES_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// Whether the log begins so late that it may not tell that it was asked to.
fn is_cut(case: &Case<'_>) -> bool {
    let begins = case.material.sources.get(case.ended.source).and_then(|source| source.begins);
    let since = case.time().zip(begins).map(|(time, begins)| time.duration_since(begins));
    case.context().booted.is_none() && since.is_some_and(|since| since <= LEAVES_WITHIN)
}

fn unasked(case: &Case<'_>, why: &str) -> String {
    if !why.is_empty() {
        return format!("exited{why}");
    }
    match case.hides_status() {
        // Its master would tell any other status than 0.
        false => "left in good order without being asked by its master: SIGTERM or SIGINT from outside, or sys.exit(0)"
            .to_owned(),
        true => "left without being asked by its master: SIGTERM or SIGINT from outside, or sys.exit".to_owned(),
    }
}

fn advice(case: &Case<'_>, is_raised: bool) -> Vec<&'static str> {
    let mut advice = vec![match (is_raised, case.status()) {
        (true, _) => "mend what was raised: the traceback is in the log",
        (false, Some(_)) => "look for os._exit, sys.exit and atexit handlers in the application and its libraries",
        (false, None) => "look for who sends signals to single workers, and for sys.exit in the application",
    }];
    if case.is_before(TELLS_STATUS) {
        advice.push("Gunicorn before 21.0 does not say with what status a worker exits: upgrade");
    }
    advice
}
