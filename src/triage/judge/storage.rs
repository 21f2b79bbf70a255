//! Heartbeat files that could not be touched or made.

use super::case::{Case, Finding};
use super::evidence;
use super::timeout::{hung_frame, together};
use super::witnesses::is_python;
use crate::gunicorn::log::Traceback;
use crate::kernel_log::Event;
use crate::triage::{Confidence, KernelEvent, Verdict};
use crate::units::quoted;
use jiff::{SignedDuration, Timestamp};

/// A master sends SIGKILL a second after the time-out and finds the dead within another. A process that lives longer is
/// held by the kernel: state D, most often a disk.
const LINGERS_SECONDS: i64 = 3;

/// The kernel tells of a hung task after two minutes (`kernel.hung_task_timeout_secs`).
const TOLD_LATER: SignedDuration = SignedDuration::from_secs(150);

/// A device that fails is retried for a minute and more before the workers' time is up.
const TOLD_BEFORE: SignedDuration = SignedDuration::from_secs(120);

/// Workers that timed out together, while something says that the disk under their heartbeat files stood still.
pub fn frozen(case: &Case<'_>, time: Option<Timestamp>) -> Option<Finding> {
    let gone = together(case)?;
    // Who is held by the kernel cannot answer its master's abort with a traceback.
    if hung_frame(case).is_some() {
        return None;
    }
    let on_disk = case.running().and_then(|running| running.heartbeats_on_disk());
    // Heartbeats in memory never wait for a disk, so it was something else that held them.
    if on_disk == Some(false) {
        return None;
    }
    let lingered = case.context().lingered_seconds.filter(|seconds| *seconds > LINGERS_SECONDS);
    let disk: Vec<&KernelEvent> =
        case.witnesses.kernel(time, TOLD_BEFORE, TOLD_LATER).filter(|event| is_disk(&event.event)).take(3).collect();
    if lingered.is_none() && disk.is_empty() {
        return None;
    }
    let confidence = if on_disk == Some(true) { Confidence::Certain } else { Confidence::Likely };
    let why = match (lingered, disk.is_empty()) {
        (Some(seconds), _) => format!("SIGKILL could not end it for {seconds} s"),
        (None, _) => "the kernel tells of a disk that failed or stood still".to_owned(),
    };
    let summary = format!("{gone} workers timed out together, held by the disk under their heartbeat files: {why}");
    let seen = case.running().filter(|_| on_disk == Some(true)).and_then(|running| {
        let heartbeat = running.service.workers.iter().find_map(|worker| worker.heartbeat.known())?;
        let kind = &heartbeat.filesystem.known()?.kind;
        let source = format!("/proc/{}/fd/{}", heartbeat.seen_in, heartbeat.descriptor);
        Some(evidence::seen(source, format!("{} (deleted): {kind}", heartbeat.path)))
    });
    let disk = disk.into_iter().map(|event| evidence::event(&case.material.kernel_sources, event));
    Some(
        Finding::new(Verdict::HeartbeatStorage, confidence, summary).on(disk).on(seen).advising(in_memory(case.unit())),
    )
}

fn in_memory(unit: Option<&str>) -> Vec<String> {
    let place = "put the heartbeat files into memory: --worker-tmp-dir /dev/shm".to_owned();
    let unit = unit
        .map(|unit| format!("gtune apply --tmpfs /mem --unit {}   # the same with a tmpfs of its own", quoted(unit)));
    let memory = "\"Perhaps out of memory?\" in the log is a guess that stands behind every SIGKILL; more memory does not \
                  help";
    [place].into_iter().chain(unit).chain([memory.to_owned()]).collect()
}

fn is_disk(event: &Event) -> bool {
    match event {
        // Other tasks hang for other reasons; those of the journal of a file system hang for the disk.
        Event::HungTask(task) => {
            let name = task.comm.as_bytes();
            is_python(name)
                || [&b"jbd2/"[..], b"xfsaild/", b"kworker/", b"btrfs-"].iter().any(|begin| name.starts_with(begin))
        }
        Event::FileSystemError(_)
        | Event::RemountedReadOnly { .. }
        | Event::XfsShutdown { .. }
        | Event::BufferError(_)
        | Event::BlockError(_) => true,
        _ => false,
    }
}

/// What was wrong with the directory of heartbeat files, told by an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// As a clause.
    pub what: String,
    /// What to do.
    pub advice: Vec<String>,
}

/// `/mnt/hb/wgunicorn-t1p5u4rv`: the name of every heartbeat file (gunicorn/workers/workertmp.py).
const FILE: &str = "wgunicorn-";

impl Directory {
    /// Reads an exception; none where it is of something else.
    pub fn of(traceback: &Traceback) -> Option<Self> {
        let exception = traceback.exception.as_deref()?;
        if let Some((directory, _)) = exception.split_once(" doesn't exist. Can't create workertmp") {
            let directory = directory.rsplit(": ").next().unwrap_or(directory);
            return Some(Self::new(
                format!("the directory for heartbeat files, {directory}, does not exist"),
                "create it",
            ));
        }
        if exception.contains("No usable temporary directory found") {
            let what = "no temporary directory is writable, so there is no place for heartbeat files".to_owned();
            return Some(Self::new(what, "with a read-only root give it one"));
        }
        let path = traceback.path.as_deref().filter(|path| path.contains(FILE))?;
        let directory = path.rsplit_once('/').map_or(".", |(directory, _)| directory);
        Self::refused(traceback.errno?, directory)
    }

    fn refused(errno: i32, directory: &str) -> Option<Self> {
        Some(match errno {
            // A heartbeat file is empty, so what is short is inodes (df -i), not blocks.
            28 => Self::new(
                format!("no inode was free for a heartbeat file in {directory}"),
                &format!("df -i {} shows it; a reload needs as many files again", quoted(directory)),
            ),
            122 => Self::new(format!("the quota allows no heartbeat file in {directory}"), "quota -s shows it"),
            30 => Self::new(format!("{directory}, for heartbeat files, is read-only"), "mount it writable"),
            13 | 1 => {
                Self::new(format!("no heartbeat file may be made in {directory}"), "let the service's user write there")
            }
            2 | 20 => Self::new(format!("the directory for heartbeat files, {directory}, is not there"), "create it"),
            5 => Self::new(format!("the disk under {directory}, for heartbeat files, fails"), "look at dmesg"),
            _ => return None,
        })
    }

    fn new(what: String, first: &str) -> Self {
        let advice = vec![format!("{first}, or choose a place in memory: --worker-tmp-dir /dev/shm")];
        Self { what, advice }
    }
}
