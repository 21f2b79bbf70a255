//! A worker that lives, or is about to leave.

use crate::gunicorn::log::{Event, Said, Told};
use crate::triage::Asked;
use crate::units::Pid;
use jiff::Timestamp;

/// Want of descriptors that was told so long before an end still has to do with it, seconds.
const DESCRIPTORS_MATTER: i64 = 60;

/// What is known of a worker.
#[derive(Debug, Clone)]
pub struct Worker {
    pub pid: Pid,
    /// When it booted; none where its boot was not seen.
    pub booted: Option<Told>,
    pub timed_out: Option<Told>,
    /// `Exception in worker process`.
    pub exception: Option<Told>,
    /// Whether it had been asked to stop before that: then it says no more of its end than the end itself does.
    pub is_late_exception: bool,
    pub request_error: Option<Told>,
    pub descriptor_error: Option<Told>,
    pub asked: Option<Asked>,
    /// Its goodbye (`Worker exiting`).
    pub exiting: Option<Told>,
    /// Whether another worker was booted since.
    pub is_replaced: bool,
}

impl Worker {
    /// A worker whose boot was not seen.
    pub fn unseen(pid: Pid) -> Self {
        Self {
            pid,
            booted: None,
            timed_out: None,
            exception: None,
            is_late_exception: false,
            request_error: None,
            descriptor_error: None,
            asked: None,
            exiting: None,
            is_replaced: false,
        }
    }

    /// A worker that says it boots.
    pub fn booted(pid: Pid, told: &Told) -> Self {
        Self { booted: Some(told.clone()), ..Self::unseen(pid) }
    }

    /// What it says of its own state; its end and its boot are told elsewhere.
    pub fn says(&mut self, told: &Told) {
        let Said::Gunicorn(event) = &told.said else { return };
        match event {
            Event::Autorestarting => self.asked = self.asked.or(Some(Asked::Recycled)),
            Event::WorkerException(_) => {
                self.exception = Some(told.clone());
                self.is_late_exception = self.asked.is_some();
            }
            Event::RequestError { .. } => self.request_error = Some(told.clone()),
            _ => {}
        }
        if is_want_of_descriptors(event) {
            self.descriptor_error = Some(told.clone());
        }
    }

    /// The last error of want of descriptors, where it was shortly before an end.
    pub fn descriptor_error_near(&self, end: Option<Timestamp>) -> Option<Told> {
        let is_near = |told: &&Told| seconds_apart(told.time, end).is_none_or(|apart| apart <= DESCRIPTORS_MATTER);
        self.descriptor_error.as_ref().filter(is_near).cloned()
    }
}

/// EMFILE and ENFILE (errno(3)).
pub fn is_want_of_descriptors(event: &Event) -> bool {
    let traceback = match event {
        Event::SocketError(traceback) | Event::WorkerException(traceback) | Event::Loose(traceback) => traceback,
        Event::RequestError { traceback, .. } => traceback,
        _ => return false,
    };
    matches!(traceback.errno, Some(23 | 24))
        || traceback.exception.as_deref().is_some_and(|text| text.contains("out of system resource"))
}

/// How far two times are apart, seconds; none where one is not known.
pub fn seconds_apart(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<i64> {
    let (a, b) = (a?.as_second(), b?.as_second());
    Some(a.saturating_sub(b).saturating_abs())
}

/// Seconds from one time to another, negative where it is the earlier; none where one is not known.
pub fn seconds_from(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<i64> {
    Some(b?.as_second().saturating_sub(a?.as_second()))
}
