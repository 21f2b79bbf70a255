//! Processes without a descriptor left.

use super::case::{Case, Finding};
use crate::gunicorn::log::{Event, Said, Told, Traceback};
use crate::triage::{Confidence, How, Verdict};
use crate::units::quoted;

/// Too many open files of the process, and of the whole host (errno(3)).
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Gunicorn's status for an exception after the boot: `sys.exit(-1)` (arbiter.py, spawn_worker).
const EXCEPTION: i32 = 255;

/// It ended for want of descriptors.
pub fn exhausted(case: &Case<'_>) -> Option<Finding> {
    let context = case.context();
    let is_exit = matches!(case.ended.how, How::Exited | How::Silent) || case.status().is_some();
    if !is_exit || context.timed_out.is_some() {
        return None;
    }
    let raised = context.exception.as_ref().filter(|told| want(told).is_some());
    let near = [&context.descriptor_error, &context.loose].into_iter().flatten().find(|told| want(told).is_some());
    // From 21.0 on a status that is not told is 0: that worker was told to leave.
    let is_crash = case.status() == Some(EXCEPTION) || case.ended.how == How::Exited && case.hides_status();
    let (told, confidence) = match (raised, near) {
        (Some(told), _) => (told, Confidence::Certain),
        (None, Some(told)) if is_crash && context.exception.is_none() => (told, Confidence::Likely),
        _ => return None,
    };
    let whose = if want(told) == Some(ENFILE) { "the host had" } else { "it had" };
    let path = traceback(told).and_then(|traceback| traceback.path.as_deref());
    let at = path.map_or_else(String::new, |path| format!(", at {path}"));
    let finding =
        Finding::new(Verdict::FdExhaustion, confidence, format!("{whose} no descriptor left (open files){at}"));
    Some(finding.on([case.told(told)]).advising(advice(case.unit(), want(told))))
}

/// What to do for want of descriptors.
pub fn advice(unit: Option<&str>, errno: Option<i32>) -> Vec<String> {
    let raise = match (errno, unit) {
        (Some(ENFILE), _) => "gtune doctor system-file-limit   # fs.file-max of the host".to_owned(),
        (_, Some(unit)) => {
            format!("gtune apply --nofile auto --unit {}   # raise the limit to what it needs", quoted(unit))
        }
        (_, None) => "gtune apply --nofile auto   # raise the limit to what the workers need".to_owned(),
    };
    let leak = "gtune doctor open-file-usage   # where the number grows without end it is a leak: then no limit helps";
    vec![raise, leak.to_owned()]
}

/// The number of the error, where a traceback tells of want of descriptors.
pub fn errno(traceback: &Traceback) -> Option<i32> {
    let told = traceback.errno.filter(|errno| *errno == EMFILE || *errno == ENFILE);
    let accept =
        traceback.exception.as_deref().is_some_and(|text| text.contains("socket.accept() out of system resource"));
    told.or(accept.then_some(EMFILE))
}

fn want(told: &Told) -> Option<i32> {
    errno(traceback(told)?)
}

/// The traceback that a line begins.
pub fn traceback(told: &Told) -> Option<&Traceback> {
    match &told.said {
        Said::Gunicorn(
            Event::MasterException(traceback)
            | Event::WorkerException(traceback)
            | Event::SocketError(traceback)
            | Event::Loose(traceback)
            | Event::RequestError { traceback, .. },
        ) => Some(traceback),
        _ => None,
    }
}
