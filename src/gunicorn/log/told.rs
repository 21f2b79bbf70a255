//! The events of a log, as plain values.

use crate::gunicorn::{Version, WorkerClass};
use crate::units::Pid;
use jiff::Timestamp;

/// What is kept of a line for evidence, bytes: three lines of a terminal. Requests may be thousands of bytes long.
pub const LONGEST_TEXT: usize = 240;

/// Where a line begins in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Place {
    /// In bytes.
    pub offset: u64,
    /// The line, from 1.
    pub line: u64,
}

/// A line that tells something, undressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What it tells.
    pub said: Said,
    /// The process in the brackets of Gunicorn's prefix, in its own pid namespace; none where the line has no prefix.
    pub writer: Option<Pid>,
    /// The process that wrote it as the frame tells (`_PID` of the journal, the number of a syslog tag): in the host's pid
    /// namespace, and the main process on older systemd.
    pub frame_pid: Option<Pid>,
    /// The unit it was written by (`_SYSTEMD_UNIT`), where the frame tells. Which unit a manager speaks of is in the event.
    pub unit: Option<Box<str>>,
    /// When: by the prefix, to the second; else by the frame where that has a whole date.
    pub time: Option<Timestamp>,
    /// Which of several sources it is of: an index that whoever reads them sets, 0 until then.
    pub source: usize,
    /// Where in that source.
    pub place: Place,
    /// The line without its frame, at most [`LONGEST_TEXT`] bytes.
    pub text: Box<[u8]>,
}

impl Told {
    /// Its place among the lines of several sources that are read oldest first.
    pub fn order(&self) -> (usize, Place) {
        (self.source, self.place)
    }

    /// Whether the line says who wrote it: by Gunicorn's prefix, or in the frame of a journal.
    pub fn has_writer(&self) -> bool {
        self.writer.is_some() || self.frame_pid.is_some() || matches!(self.said, Said::Manager(_))
    }
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Gunicorn, or a library in one of its processes.
    Gunicorn(Event),
    /// systemd, systemd-oomd, earlyoom, systemd-coredump: only in a frame that names them.
    Manager(ManagerEvent),
}

/// What a line of Gunicorn tells. Wordings are those of the sources of 19.7 to 27.0; the pid is that of the line's text.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `Starting gunicorn 23.0.0`: a master begins.
    Starting(Option<Version>),
    /// `Listening at: http://127.0.0.1:8000 (812)`, without the number.
    Listening(Box<str>),
    /// `Using worker: sync`.
    UsingWorker(WorkerClass),
    /// `Booting worker with pid: 815`, written by the worker.
    Booting(Pid),
    /// `Worker exiting (pid: 815)`, written by the worker; only where Python unwinds.
    Exiting(Pid),
    /// `Autorestarting worker after current request.`, written by the worker.
    Autorestarting,
    /// `Parent changed, shutting down: <Worker 815>`, written by the worker: its master is gone.
    ParentChanged,
    /// `Worker graceful timeout (pid:815)`, gevent.
    GracefulTimeout(Pid),
    /// `WORKER TIMEOUT (pid:815)`.
    TimedOut(Pid),
    /// The master says how a worker ended: `Worker (pid:815) was sent SIGKILL!`, `… exited with code 3.`, and their kind.
    Ended {
        /// The worker, or another child of the master.
        pid: Pid,
        /// How.
        ending: Ending,
    },
    /// `Handling signal: usr1`, by the master.
    Handling(MasterSignal),
    /// `Hang up: Master`: the reload begins.
    HangUp,
    /// `Shutting down: Master`.
    ShuttingDown,
    /// `Reason: Worker failed to boot.` and `Reason: App failed to load.`
    Reason(StopReason),
    /// `Unhandled exception in main loop` and its traceback: the master ends.
    MasterException(Traceback),
    /// `Exception in worker process` and its traceback.
    WorkerException(Traceback),
    /// `Error handling request /uri` and its traceback; the request as it is written, none for `(no URI read)`.
    RequestError {
        /// `GET /uri`, or `/uri` up to 25.1.
        request: Option<Box<str>>,
        /// What was raised.
        traceback: Traceback,
    },
    /// `Socket error processing request.` and its traceback: any `OSError` of the application too.
    SocketError(Traceback),
    /// A traceback without a prefix, or an error that another logger writes: `Failed to find attribute 'app' in 'wsgi'.`,
    /// `socket.accept() out of system resource`, `PermissionError: … error.log` of a handler that reopens.
    Loose(Traceback),
    /// `Connection in use: ('127.0.0.1', 8000)` (false), `Can't connect to …` (true: the master gives up).
    CannotBind {
        /// Whether it gives up.
        gives_up: bool,
    },
    /// `Master has been promoted.`: the new master of an upgrade (USR2) is alone.
    Promoted,
    /// `Spawned dirty arbiter (pid: N) …` and `Dirty worker (pid:N) …`: a child that is no worker that serves requests.
    Dirty(Pid),
}

/// How a process ended, as its master tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// By a signal.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether it left a core (`code 134` of 21.0 to 23.0: 128 more than the signal).
        core: bool,
    },
    /// With an exit status.
    Exit(i32),
}

/// Signals that the master says it handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MasterSignal {
    /// Reload.
    Hup,
    /// Stop at once.
    Int,
    /// Stop at once.
    Quit,
    /// Stop, requests end.
    Term,
    /// One worker more.
    Ttin,
    /// One worker less.
    Ttou,
    /// Reopen logs.
    Usr1,
    /// A new master beside the old one.
    Usr2,
    /// Stop all workers; only with `--daemon`.
    Winch,
}

/// Why a master gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// Exit status 3.
    WorkerFailedToBoot,
    /// Exit status 4.
    AppFailedToLoad,
}

/// What is kept of a traceback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traceback {
    /// Its last line: `OSError: [Errno 24] Too many open files`; none where the log is cut before it.
    pub exception: Option<Box<str>>,
    /// `[Errno N]` of that line.
    pub errno: Option<i32>,
    /// The file it names behind that.
    pub path: Option<Box<str>>,
    /// The innermost frame that is the application's: outside of gunicorn, the standard library and site-packages, or the
    /// innermost one at all where there is none. Of an aborted worker the one that was running when the signal came.
    pub frame: Option<Frame>,
    /// Whether it goes through `handle_abort`: the worker was told to end by its master for a timeout.
    pub is_abort: bool,
    /// Whether it goes through `reopen_files` or `handle_usr1`: logs were being reopened.
    pub is_reopen: bool,
}

/// A frame of a traceback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The file.
    pub file: Box<str>,
    /// The line.
    pub line: u32,
    /// The function.
    pub function: Box<str>,
    /// The source line, trimmed, where the log has it.
    pub code: Option<Box<str>>,
}

/// What service managers and user-space killers write. Units are as written, with their suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManagerEvent {
    /// `UNIT: A process of this unit has been killed by the OOM killer.` (systemd 243 on)
    OomKilled {
        /// The unit.
        unit: Box<str>,
    },
    /// `UNIT: systemd-oomd killed N process(es) in this unit.`
    OomdKilled {
        /// The unit.
        unit: Box<str>,
        /// How many.
        processes: u64,
    },
    /// systemd-oomd: `Killed CGROUP due to …`, or Meta's oomd.
    OomdChose {
        /// The control group.
        cgroup: Box<str>,
        /// `memory pressure for … being 68.1% > 50.0% …`.
        why: Box<str>,
    },
    /// `UNIT: Main process exited, code=killed, status=9/KILL`.
    MainExited {
        /// The unit.
        unit: Box<str>,
        /// How.
        ending: Ending,
    },
    /// `UNIT: Failed with result 'oom-kill'.`
    Failed {
        /// The unit.
        unit: Box<str>,
        /// `oom-kill`, `timeout`, `signal`, `core-dump`, `exit-code`, …
        result: Box<str>,
    },
    /// `UNIT: State 'stop-sigterm' timed out. Killing.` (and `stop-sigabrt`, `final-sigterm`)
    StopTimedOut {
        /// The unit.
        unit: Box<str>,
    },
    /// `UNIT: Killing process 812 (gunicorn) with signal SIGKILL.`
    Killing {
        /// The unit.
        unit: Box<str>,
        /// The process, in the host's pid namespace.
        pid: Pid,
        /// The signal.
        signal: i32,
    },
    /// `Starting`, `Started UNIT - …`; only the name is kept where systemd writes a description alone.
    Started {
        /// The unit or its description.
        unit: Box<str>,
    },
    /// `Stopping UNIT - …`: a person, a job or the shutdown asked for it.
    Stopping {
        /// The unit or its description.
        unit: Box<str>,
    },
    /// `UNIT: Scheduled restart job, restart counter is at 3.`
    Restarting {
        /// The unit.
        unit: Box<str>,
    },
    /// earlyoom: `sending SIGTERM to process PID uid U "COMM": …` and its older wordings; also `Killing process`.
    EarlyoomKills {
        /// The process, in the host's pid namespace.
        pid: Pid,
        /// The signal.
        signal: i32,
    },
    /// systemd-coredump: `Process PID (COMM) of user UID dumped core.`
    CoreDumped {
        /// The process, in the host's pid namespace.
        pid: Pid,
    },
    /// `Time has been changed`, chrony's and ntpd's steps: the wall clock jumped; by so many seconds where that is told.
    ClockStepped {
        /// Seconds, forward is positive.
        seconds: Option<i64>,
    },
}

impl ManagerEvent {
    /// The unit that it is of. That of a start or a stop may be a description in its place: only a service's name counts.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::OomKilled { unit }
            | Self::OomdKilled { unit, .. }
            | Self::MainExited { unit, .. }
            | Self::Failed { unit, .. }
            | Self::StopTimedOut { unit }
            | Self::Killing { unit, .. }
            | Self::Restarting { unit } => Some(unit),
            Self::Started { unit } | Self::Stopping { unit } => Some(&**unit).filter(|unit| unit.ends_with(".service")),
            Self::OomdChose { .. }
            | Self::EarlyoomKills { .. }
            | Self::CoreDumped { .. }
            | Self::ClockStepped { .. } => None,
        }
    }
}
