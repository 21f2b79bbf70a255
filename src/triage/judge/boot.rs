//! Workers that could not load the application.

use super::case::{Case, Finding};
use super::descriptors::traceback;
use super::signal;
use super::timeout::base_name;
use crate::gunicorn::log::{Ending, StopReason, Told, Traceback};
use crate::triage::{Confidence, How, MasterHow, Verdict};

/// Gunicorn's own statuses (arbiter.py): `WORKER_BOOT_ERROR` and `APP_LOAD_ERROR`.
const WORKER_BOOT_ERROR: i32 = 3;
const APP_LOAD_ERROR: i32 = 4;

/// An application that ends by itself with 3 or 4 looks the same, but not so soon.
const BOOTS_WITHIN_SECONDS: i64 = 60;

/// What an import that fails raises.
const OF_IMPORTS: &[&str] = &[
    "ModuleNotFoundError",
    "ImportError",
    "SyntaxError",
    "IndentationError",
    "AppImportError",
    "Failed to find attribute",
    "Failed to parse",
];

/// It never came to serve.
pub fn failed(case: &Case<'_>) -> Option<Finding> {
    // One that its master told to stop, for a sibling's sake, had its own exception all the same.
    let is_stopped = case.context().asked.is_some() && case.signal() == Some(signal::TERM);
    let is_exit = matches!(case.ended.how, How::Exited | How::Silent) || case.status().is_some() || is_stopped;
    if !is_exit || case.context().timed_out.is_some() {
        return None;
    }
    let told = case.context().exception.as_ref().or(case.context().loose.as_ref());
    let raised = told.and_then(traceback);
    let gave_up = gave_up(case);
    let confidence = match (case.status(), raised) {
        (Some(WORKER_BOOT_ERROR | APP_LOAD_ERROR), Some(_)) => Confidence::Certain,
        (Some(WORKER_BOOT_ERROR | APP_LOAD_ERROR), None) => status_alone(case, gave_up),
        (Some(_), _) => return None,
        // Up to 20.1 no status is told.
        (None, Some(_)) if gave_up.is_some() => Confidence::Certain,
        (None, Some(raised)) if is_of_import(raised) => Confidence::Likely,
        (None, _) => return None,
    };
    let is_load =
        case.status() == Some(APP_LOAD_ERROR) || gave_up.is_some_and(|(_, why)| why == StopReason::AppFailedToLoad);
    let summary = clause(is_load, raised);
    let lines = told.map(|told| case.told(told)).into_iter();
    let reason = gave_up.and_then(|(told, _)| told).map(|told| case.told(told));
    Some(Finding::new(Verdict::BootFailure, confidence, summary).on(lines).on(reason).advising(advice(raised)))
}

/// `could not load the application: ModuleNotFoundError: No module named 'x' (wsgi.py:3)`.
pub fn clause(is_load: bool, raised: Option<&Traceback>) -> String {
    let what = if is_load { "could not find the application" } else { "could not load the application" };
    match raised {
        Some(raised) => format!("{what}{}", named(raised)),
        None => what.to_owned(),
    }
}

/// What was raised, and where: `: RuntimeError: DATABASE_URL is not set (settings.py:1)`.
pub fn named(raised: &Traceback) -> String {
    let exception = raised.exception.as_deref().map(|exception| exception.trim_end_matches('.'));
    let exception = exception.map_or_else(String::new, |exception| format!(": {exception}"));
    // Python's own import machinery is nobody's line to mend.
    let frame = raised.frame.as_ref().filter(|frame| !frame.file.starts_with("<frozen "));
    let place = frame.map(|frame| format!(" ({}:{})", base_name(&frame.file), frame.line));
    exception + &place.unwrap_or_default()
}

/// What to do where the application cannot be loaded.
pub fn advice(raised: Option<&Traceback>) -> Vec<String> {
    let is_missing = raised.is_some_and(|raised| {
        raised
            .exception
            .as_deref()
            .is_some_and(|text| text.starts_with("ModuleNotFoundError") || text.starts_with("ImportError"))
    });
    let missing = is_missing.then_some(
        "look at the working directory (--chdir), at --pythonpath and at the virtual environment of the service",
    );
    let try_it = "gunicorn --check-config with the same options, as the same user, shows it without a server";
    missing.into_iter().chain([try_it]).map(str::to_owned).collect()
}

/// Whether a master gives up for a worker that ended so.
pub fn is_failure(how: How) -> bool {
    matches!(how, How::Told(Ending::Exit(WORKER_BOOT_ERROR | APP_LOAD_ERROR)))
}

fn status_alone(case: &Case<'_>, gave_up: Option<GaveUp<'_>>) -> Confidence {
    let lived = case.time().zip(case.context().booted).map(|(time, booted)| time.duration_since(booted).as_secs());
    match (lived, gave_up) {
        (Some(lived), _) if lived > BOOTS_WITHIN_SECONDS => Confidence::Possible,
        (_, Some(_)) => Confidence::Certain,
        (_, None) => Confidence::Likely,
    }
}

/// The line that says that a master gave up, and why.
type GaveUp<'a> = (Option<&'a Told>, StopReason);

/// Its master gave up at that time because a worker could not boot: it, or a sibling that ended with that status.
fn gave_up<'a>(case: &Case<'a>) -> Option<GaveUp<'a>> {
    let mut masters = case.witnesses.masters(case.ended.master, case.time());
    let by_master = masters.find_map(|end| match end.how {
        MasterHow::GaveUp(why) => Some((end.told.last(), why)),
        _ => None,
    });
    let mut siblings = case.witnesses.unbooted(case.ended.master, case.time());
    by_master.or_else(|| {
        let ended = siblings.find(|ended| ended.pid != case.ended.pid)?;
        let why = match ended.how {
            How::Told(Ending::Exit(APP_LOAD_ERROR)) => StopReason::AppFailedToLoad,
            _ => StopReason::WorkerFailedToBoot,
        };
        Some((ended.told.last(), why))
    })
}

fn is_of_import(raised: &Traceback) -> bool {
    raised.exception.as_deref().is_some_and(|text| OF_IMPORTS.iter().any(|name| text.starts_with(name)))
}

/// The lines of a worker's own exception.
pub fn exception<'a>(case: &Case<'a>) -> Option<(&'a Told, &'a Traceback)> {
    let told = case.context().exception.as_ref()?;
    Some((told, traceback(told)?))
}
