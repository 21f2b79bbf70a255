//! Workers that could not open the new log after USR1.

use super::case::{Case, Finding};
use super::when::{MANAGERS, apart};
use crate::gunicorn::log::{Event, Said, Told, Traceback};
use crate::triage::{Confidence, How, Verdict};

/// Permission denied (errno(3)).
const EACCES: i32 = 13;

/// It died when logs were reopened, for want of permission.
pub fn by_permission(case: &Case<'_>) -> Option<Finding> {
    let context = case.context();
    let usr1 = context.reopened.as_ref()?;
    let is_exit = matches!(case.ended.how, How::Exited | How::Silent)
        || case.status().is_some_and(|status| status == 1 || status == 255);
    if !is_exit || context.timed_out.is_some() {
        return None;
    }
    let lines = [&context.exception, &context.loose].into_iter().flatten().chain(&case.material.loose);
    let mut refusals = lines.filter_map(|told| Some((told, refusal(told)?)));
    // Where several died at once, the refusal of any is that of all: standard error does not tell whose it is.
    let refused = refusals.find(|(told, _)| is_near(case, told));
    let all = context.ended_together >= 2 && context.ended_together.saturating_mul(2) >= context.alive;
    let confidence = match (refused, all) {
        (Some(_), _) => Confidence::Certain,
        // Its master would have told the status, had it been this.
        (None, _) if case.status().is_none() && !case.hides_status() => return None,
        (None, true) => Confidence::Likely,
        (None, false) if case.status() == Some(1) && context.alive <= 1 => Confidence::Possible,
        (None, false) => return None,
    };
    let file = refused.and_then(|(_, traceback)| traceback.path.as_deref());
    let summary = match file {
        Some(file) => format!("it might not open {file} (PermissionError) when USR1 had all logs reopened"),
        None => {
            format!("died on USR1, which reopens logs{}: most likely it might not open the new file", together(case))
        }
    };
    let lines = refused.map(|(told, _)| case.told(told));
    Some(Finding::new(Verdict::LogReopen, confidence, summary).on([case.told(usr1)]).on(lines).advising([
        "let the new file belong to the user of the workers: create 0640 USER GROUP in the logrotate rule, in a \
         directory they may enter",
        "a master of root with --user makes the file for root: let logrotate make it first",
    ]))
}

/// Standard error has no times of its own.
fn is_near(case: &Case<'_>, told: &Told) -> bool {
    told.time.zip(case.time()).is_none_or(|(told, end)| apart(told, end) <= MANAGERS)
}

fn together(case: &Case<'_>) -> String {
    match case.context().ended_together {
        0 | 1 => String::new(),
        ended => format!(", with {ended} workers at once"),
    }
}

/// The refusal of a handler that reopens.
fn refusal(told: &Told) -> Option<&Traceback> {
    let Said::Gunicorn(Event::WorkerException(traceback) | Event::Loose(traceback)) = &told.said else { return None };
    let is_refused = traceback.errno == Some(EACCES)
        || traceback.exception.as_deref().is_some_and(|exception| exception.starts_with("PermissionError"));
    let is_log = traceback.path.as_deref().is_some_and(|path| path.ends_with(".log"));
    Some(traceback).filter(|traceback| is_refused && (traceback.is_reopen || is_log))
}
