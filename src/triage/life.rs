//! How lives ended, as Gunicorn's own log tells it, before anybody else is asked.

use crate::gunicorn::log::{Ending, StopReason, Told, Traceback};
use crate::gunicorn::{Version, WorkerClass};
use crate::units::Pid;
use jiff::Timestamp;

/// How the end of a worker shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The master says how it ended, or the worker's exit and what came before leave no doubt.
    Told(Ending),
    /// The worker says it exits (`Worker exiting`), without being asked, and nobody says with what status.
    Exited,
    /// Nothing is said: it timed out, or was replaced, and is not there any more.
    Silent,
}

/// Who asked a worker to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `max_requests`.
    Recycled,
    /// HUP, or a USR2 upgrade.
    Reloaded,
    /// TERM, INT or QUIT to the master, or the master gave up for another worker's sake.
    Stopped,
    /// TTOU.
    Scaled,
}

/// What else the log tells of a worker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Its number in the host's pid namespace, where a line that it wrote itself was framed by who knows it (`_PID`).
    pub host_pid: Option<Pid>,
    /// When it booted, by the log; none where the log begins later or hides such lines.
    pub booted: Option<Timestamp>,
    /// Its `WORKER TIMEOUT`.
    pub timed_out: Option<Told>,
    /// Workers of the same master that timed out within two seconds of that, itself included.
    pub timed_out_together: usize,
    /// Workers that lived when it ended, itself included.
    pub alive: usize,
    /// Seconds from its `WORKER TIMEOUT` to its end, where both are told: a worker that the kernel does not let go of (D
    /// state) outlives its SIGKILL.
    pub lingered_seconds: Option<i64>,
    /// Who had asked it to stop when it ended.
    pub asked: Option<Asked>,
    /// `Handling signal: usr1` at most two seconds before the end.
    pub reopened: Option<Told>,
    /// Workers of the same master that ended within two seconds of that USR1, itself included.
    pub ended_together: usize,
    /// `Exception in worker process`.
    pub exception: Option<Told>,
    /// The last `Error handling request`, with the line that hung where it was aborted.
    pub request_error: Option<Told>,
    /// The last `Socket error processing request.` and other errors of want of descriptors, within a minute of the end.
    pub descriptor_error: Option<Told>,
    /// An error that was written without a prefix near the end, and fits.
    pub loose: Option<Told>,
    /// Whether it booted as a worker at all; a log that hides INFO or begins later gives everybody the benefit of doubt.
    pub is_worker: bool,
}

/// A worker that ended and was not asked to, or was asked to and ended otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The worker; none where one of the candidates died and the log does not tell which.
    pub pid: Option<Pid>,
    /// Who may have died.
    pub candidates: Vec<Pid>,
    /// Its master, as far as the log tells them apart.
    pub master: Option<Pid>,
    /// Version of Gunicorn.
    pub version: Option<Version>,
    /// Its class.
    pub class: Option<WorkerClass>,
    /// When it ended, or was found to be gone (a second after at most; for a silent death when it was replaced).
    pub time: Option<Timestamp>,
    /// How.
    pub how: How,
    /// What else.
    pub context: Context,
    /// The lines of its end, in order: what triage shows first.
    pub told: Vec<Told>,
    /// Index of the log in [`super::Material::sources`].
    pub source: usize,
}

/// How a master ended.
#[derive(Debug, Clone, PartialEq)]
pub enum MasterHow {
    /// Its log just ends, and a later start or its orphans tell that it was lost.
    Lost,
    /// Its log just ends; whether it runs is not told by the log.
    Open,
    /// `Unhandled exception in main loop`.
    Crashed(Traceback),
    /// `Reason: Worker failed to boot.` and its kind; the workers' own deaths tell why.
    GaveUp(StopReason),
    /// Its address was in use.
    CannotBind,
}

/// A master that ended otherwise than it was asked to, or of which the end is not told.
#[derive(Debug, Clone, PartialEq)]
pub struct MasterEnd {
    /// The master.
    pub pid: Pid,
    /// Version of Gunicorn.
    pub version: Option<Version>,
    /// Its workers when it ended.
    pub workers: Vec<Pid>,
    /// Its `Starting gunicorn`, where the log has it: what is told before is of the master before it.
    pub started: Option<Told>,
    /// The last time that it is known to have lived.
    pub time: Option<Timestamp>,
    /// When it was known to be gone, by its orphans or by the master that came after it.
    pub noticed: Option<Timestamp>,
    /// How it ended.
    pub how: MasterHow,
    /// Whether it had been asked to stop.
    pub asked: bool,
    /// Whether it had just handled HUP: a reload needs new heartbeat files before old ones go.
    pub reloading: bool,
    /// The lines that tell.
    pub told: Vec<Told>,
    /// Index of the log in [`super::Material::sources`].
    pub source: usize,
}
