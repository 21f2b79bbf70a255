//! The one pass over all processes: a cheap filter on what everyone may read, and a closer look at what passes it.

use super::ancestors::{Relative, Relatives};
use super::descriptors::{OpenFiles, open_files};
use super::gunicorns::{Command, HeartbeatKey, Part, Seen};
use super::heartbeats::{self, Mounts};
use super::mapped::shared_objects;
use super::processes::{ProcessHandle, make_room_for, pids};
use crate::facts::{Fact, Heartbeat, Reason, Status, parse_start_ticks};
use crate::gunicorn::{SignalRole, WorkerClass, class_by_sight, mentions_gunicorn, role_by_signals, worth_a_look};
use crate::units::Pid;
use nix::errno::Errno;
use std::os::fd::BorrowedFd;

const USR1: i32 = 10;
const PIPE: i32 = 13;

/// A process that may belong to a Gunicorn.
#[derive(Debug)]
pub struct Candidate {
    /// The process, pinned.
    pub handle: ProcessHandle,
    /// Its status.
    pub status: Status,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its descriptors.
    pub files: Fact<OpenFiles>,
    /// The heartbeat files among them, with what makes each the same in another process.
    pub heartbeats: Vec<(HeartbeatKey, Fact<Heartbeat>)>,
}

/// What one pass saw.
#[derive(Debug, Default)]
pub struct Pass {
    /// Every process there was.
    pub relatives: Relatives,
    /// Those that may belong to a Gunicorn.
    pub candidates: Vec<Candidate>,
    /// Why others could not even be asked for their status: one error each.
    pub unseen: Vec<Errno>,
}

/// Looks at every process once. A process that ends meanwhile was not there.
pub fn pass(proc: BorrowedFd<'_>, mounts: &mut Mounts) -> Result<Pass, Errno> {
    let mut pass = Pass::default();
    let mut reader = Reader::default();
    for pid in pids(proc)? {
        match reader.look(proc, pid, &mut pass.relatives) {
            Ok(Some(found)) => {
                pass.candidates.push(found.closer(mounts));
                make_room_for(pass.candidates.len());
            }
            // It has ended.
            Ok(None) | Err(Errno::ENOENT | Errno::ESRCH) => {}
            Err(errno) => pass.unseen.push(errno),
        }
    }
    Ok(pass)
}

/// Buffers that serve all processes of a pass.
#[derive(Default)]
struct Reader {
    status: Vec<u8>,
    stat: Vec<u8>,
    line: Vec<u8>,
}

/// A process that passed the filter.
struct Passed {
    handle: ProcessHandle,
    status: Status,
    started: u64,
    arguments: Vec<String>,
}

impl Reader {
    /// The process, where it is worth a closer look. A zombie holds nothing any more.
    fn look(&mut self, proc: BorrowedFd<'_>, pid: Pid, relatives: &mut Relatives) -> Result<Option<Passed>, Errno> {
        let mut handle = ProcessHandle::open(proc, pid)?;
        handle.read_into("stat", &mut self.stat)?;
        handle.read_into("status", &mut self.status)?;
        let (Some(status), Some(started)) = (Status::parse(&self.status), parse_start_ticks(&self.stat)) else {
            return Ok(None);
        };
        relatives.insert(pid, Relative { parent: Pid(status.ppid), comm: status.name.clone(), started });
        if matches!(status.state.0, 'Z' | 'X' | 'x') {
            return Ok(None);
        }
        handle.is_doing(status.state);
        match handle.read_into("cmdline", &mut self.line) {
            // A blocked process may keep its arguments to itself; its signals still tell.
            Err(Errno::ETIMEDOUT) => self.line.clear(),
            other => other?,
        }
        let arguments = arguments(&self.line);
        let passes = worth_a_look(status.sig_cgt, &status.name, &arguments);
        Ok(passes.then_some(Passed { handle, status, started, arguments }))
    }
}

impl Passed {
    fn closer(self, mounts: &mut Mounts) -> Candidate {
        let files = open_files(&self.handle);
        let links = files.known().map(|files| files.heartbeats.as_slice()).unwrap_or_default();
        let heartbeats = links.iter().map(|link| {
            let heartbeat = heartbeats::look(&self.handle, link, mounts);
            let key = match &heartbeat {
                Fact::Known(heartbeat) => HeartbeatKey::File(heartbeat.file),
                Fact::Absent | Fact::Unreadable(_) => HeartbeatKey::Path(link.path.clone()),
            };
            (key, heartbeat)
        });
        let heartbeats = heartbeats.collect();
        let Self { handle, status, started, arguments } = self;
        Candidate { handle, status, started, arguments, files, heartbeats }
    }
}

/// Arguments as the kernel keeps them, each ended by a NUL; setproctitle pads the rest with NULs.
fn arguments(line: &[u8]) -> Vec<String> {
    let filled = line.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if filled == 0 {
        return vec![];
    }
    line[..filled].split(|&byte| byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

impl Candidate {
    /// Reduced to what decides its part.
    pub fn seen(&self) -> Seen {
        Seen {
            pid: self.handle.pid,
            parent: Pid(self.status.ppid),
            started: self.started,
            part: part(&self.status),
            heartbeats: self.files.known().map(|_| self.heartbeats.iter().map(|(key, _)| key.clone()).collect()),
            command: self.command(),
        }
    }

    fn command(&self) -> Command {
        if !mentions_gunicorn(&self.arguments) || only_tells(&self.arguments) {
            return Command::Other;
        }
        if self.has_older_master() { Command::Successor } else { Command::Gunicorn }
    }

    /// `GUNICORN_PID` holds the number of the master that started this one for an upgrade, as that one saw itself.
    fn has_older_master(&self) -> bool {
        let environment = self.handle.read("environ");
        environment.known().is_some_and(|all| all.split(|&byte| byte == 0).any(|one| one.starts_with(b"GUNICORN_PID=")))
    }

    /// Its heartbeat file of this identity.
    pub fn heartbeat(&self, key: &HeartbeatKey) -> Option<&Fact<Heartbeat>> {
        self.heartbeats.iter().find(|(own, _)| own == key).map(|(_, heartbeat)| heartbeat)
    }

    /// The worker class, from what a worker that has beaten shows, and what that was.
    pub fn class_by_sight(&self) -> Option<(WorkerClass, String)> {
        let has_beaten =
            |(_, heartbeat): &(HeartbeatKey, Fact<Heartbeat>)| heartbeat.known().is_some_and(|h| !h.never_beaten);
        let files = self.files.known().filter(|_| self.heartbeats.iter().any(has_beaten))?;
        let mapped = shared_objects(&self.handle).known().cloned()?;
        class_by_sight(self.status.sig_cgt, self.status.threads, &mapped, files.has_eventpoll())
    }

    /// Whether what everyone may see says that it is of a Gunicorn; many a Python program is looked at and is not.
    pub fn looks_like_gunicorn(&self) -> bool {
        role_by_signals(self.status.sig_cgt) != SignalRole::Unknown || mentions_gunicorn(&self.arguments)
    }

    /// Why its descriptors could not be seen.
    pub fn blind(&self) -> Option<&Reason> {
        match &self.files {
            Fact::Unreadable(reason) => Some(reason),
            Fact::Known(_) | Fact::Absent => None,
        }
    }
}

fn part(status: &Status) -> Part {
    match role_by_signals(status.sig_cgt) {
        SignalRole::Master => Part::Master,
        SignalRole::Worker | SignalRole::UvicornWorker | SignalRole::AiohttpWorker => Part::Worker,
        SignalRole::DirtyArbiter => Part::DirtyArbiter,
        SignalRole::DirtyWorker => Part::DirtyWorker,
        // Every Gunicorn that has set its handlers catches USR1; an application that is being imported may add others.
        // Python ignores PIPE from its first moment (docs.python.org, signal): without that it is another program.
        SignalRole::Unknown if !status.sig_cgt.has(USR1) && status.sig_ign.has(PIPE) => Part::Starting,
        SignalRole::Unknown => Part::Unclear,
    }
}

/// A Gunicorn that was asked for its settings or version only and will never serve.
fn only_tells(arguments: &[String]) -> bool {
    let tells = ["--check-config", "--print-config", "--version", "-v", "--help", "-h"];
    arguments.iter().skip(1).any(|argument| tells.contains(&argument.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_end_with_nul_and_may_be_empty() {
        assert_eq!(arguments(b"python3\0-c\0\0x\0"), ["python3", "-c", "", "x"]);
        assert_eq!(arguments(b"gunicorn: master [app]\0\0\0\0"), ["gunicorn: master [app]"]);
        assert_eq!(arguments(b""), [""; 0]);
        assert_eq!(arguments(b"\0\0"), [""; 0]);
        assert_eq!(arguments(b"\xff\0"), ["\u{fffd}"]);
    }
}
