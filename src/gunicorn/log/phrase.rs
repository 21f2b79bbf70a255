//! The phrases of Gunicorn, 19 to 27: exact, right behind the prefix, of the level they have in every version, and by a
//! process that can say so. An application that quotes them fails one of the four.

use super::ending::ended;
use super::prefix::{Level, Prefixed};
use super::text::{self, kept, pid_between};
use super::told::{Event, MasterSignal, StopReason, Traceback};
use crate::gunicorn::{Version, WorkerClass};
use crate::units::Pid;
use bstr::ByteSlice;

/// What a line with a prefix is.
#[derive(Debug, PartialEq)]
pub(super) enum Phrase {
    /// All is said.
    Event(Event),
    /// A traceback follows.
    Header(Header),
}

/// Whose traceback follows.
#[derive(Debug, PartialEq)]
pub(super) enum Header {
    Master,
    Worker,
    Request(Option<Box<str>>),
    Socket,
    /// Nobody's: it has no line before it that tells.
    Loose,
}

impl Header {
    /// The whole, now that the traceback was read.
    pub(super) fn with(self, traceback: Traceback) -> Event {
        match self {
            Self::Master => Event::MasterException(traceback),
            Self::Worker => Event::WorkerException(traceback),
            Self::Request(request) => Event::RequestError { request, traceback },
            Self::Socket => Event::SocketError(traceback),
            Self::Loose => Event::Loose(traceback),
        }
    }
}

/// What a line says.
pub(super) fn phrase(line: &Prefixed<'_>) -> Option<Phrase> {
    // Each kind of line begins with its own letter, but for a few.
    let event = match line.message.first()? {
        b'W' => of_worker(line).or_else(|| ended(line)),
        b'B' | b'A' | b'P' => by_worker(line),
        b'S' | b'L' | b'U' | b'H' | b'R' | b'M' | b'C' => by_master(line).or_else(|| of_uvicorn(line)),
        b'D' => dirty(line),
        _ => None,
    };
    event.or_else(|| dirty_arbiter(line)).map(Phrase::Event).or_else(|| header(line).map(Phrase::Header))
}

fn of_worker(line: &Prefixed<'_>) -> Option<Event> {
    let said = line.said();
    if let Some(pid) = pid_between(said, b"WORKER TIMEOUT (pid:", b")") {
        return (line.is_of(&[Level::Critical]) && pid != line.writer).then_some(Event::TimedOut(pid));
    }
    if let Some(pid) = pid_between(said, b"Worker exiting (pid: ", b")") {
        return (line.is_of(&[Level::Info]) && pid == line.writer).then_some(Event::Exiting(pid));
    }
    let pid = pid_between(said, b"Worker graceful timeout (pid:", b")")?;
    (line.is_of(&[Level::Warning]) && pid == line.writer).then_some(Event::GracefulTimeout(pid))
}

/// uvicorn says through Gunicorn's log that `max_requests` were served: `Maximum request limit of 1000 exceeded. Terminating
/// process.` (server.py)
fn of_uvicorn(line: &Prefixed<'_>) -> Option<Event> {
    let limit = line.said().strip_prefix(b"Maximum request limit of ")?;
    let (_, rest) = text::number(limit.strip_suffix(b" exceeded. Terminating process.")?)?;
    (line.is_of(&[Level::Info, Level::Warning]) && rest.is_empty()).then_some(Event::Autorestarting)
}

fn by_worker(line: &Prefixed<'_>) -> Option<Event> {
    if !line.is_of(&[Level::Info]) {
        return None;
    }
    let said = line.said();
    if said == b"Autorestarting worker after current request." {
        return Some(Event::Autorestarting);
    }
    if let Some(pid) = pid_between(said, b"Booting worker with pid: ", b"") {
        return (pid == line.writer).then_some(Event::Booting(pid));
    }
    let pid = pid_between(said, b"Parent changed, shutting down: <Worker ", b">")?;
    (pid == line.writer).then_some(Event::ParentChanged)
}

fn by_master(line: &Prefixed<'_>) -> Option<Event> {
    if line.is_of(&[Level::Info])
        && let Some(event) = in_order(line.said(), line.writer)
    {
        return Some(event);
    }
    if !line.is_of(&[Level::Info, Level::Warning, Level::Error]) {
        return None;
    }
    match line.said() {
        b"Shutting down: Master" | b"Shutting down: Master.2" => Some(Event::ShuttingDown),
        b"Reason: Worker failed to boot." => Some(Event::Reason(StopReason::WorkerFailedToBoot)),
        b"Reason: App failed to load." => Some(Event::Reason(StopReason::AppFailedToLoad)),
        _ if !line.is_of(&[Level::Error]) => None,
        said if said.starts_with(b"Connection in use: ") => Some(Event::CannotBind { gives_up: false }),
        said if said.starts_with(b"Can't connect to ") => Some(Event::CannotBind { gives_up: true }),
        _ => None,
    }
}

/// What a master says while all is well.
fn in_order(said: &[u8], master: Pid) -> Option<Event> {
    if let Some(version) = said.strip_prefix(b"Starting gunicorn ") {
        return is_word(version).then(|| Event::Starting(version.to_str().ok().and_then(Version::parse)));
    }
    if let Some(addresses) = said.strip_prefix(b"Listening at: ") {
        let numbered = format!(" ({master})");
        return Some(Event::Listening(kept(addresses.strip_suffix(numbered.as_bytes()).unwrap_or(addresses))));
    }
    if let Some(class) = said.strip_prefix(b"Using worker: ") {
        return is_word(class).then(|| Event::UsingWorker(WorkerClass::named(&kept(class))));
    }
    if let Some(signal) = said.strip_prefix(b"Handling signal: ") {
        return handled(signal).map(Event::Handling);
    }
    match said {
        b"Hang up: Master" | b"Hang up: Master.2" => Some(Event::HangUp),
        b"Master has been promoted." => Some(Event::Promoted),
        _ => None,
    }
}

fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && !text.contains(&b' ')
}

fn handled(name: &[u8]) -> Option<MasterSignal> {
    Some(match name {
        b"hup" => MasterSignal::Hup,
        b"int" => MasterSignal::Int,
        b"quit" => MasterSignal::Quit,
        b"term" => MasterSignal::Term,
        b"ttin" => MasterSignal::Ttin,
        b"ttou" => MasterSignal::Ttou,
        b"usr1" => MasterSignal::Usr1,
        b"usr2" => MasterSignal::Usr2,
        b"winch" => MasterSignal::Winch,
        _ => return None,
    })
}

/// `Dirty worker (pid:815) killed by signal 9`, `Dirty arbiter (pid:814) exited`, `Dirty worker exited (pid:815)`.
fn dirty(line: &Prefixed<'_>) -> Option<Event> {
    let said = line.said();
    let of = [b"Dirty worker ".as_slice(), b"Dirty arbiter "].iter().find_map(|words| said.strip_prefix(*words))?;
    const DOINGS: [&[u8]; 5] = [b"", b"exited ", b"failed to boot ", b"starting ", b"exiting "];
    let pid = DOINGS.iter().find_map(|doing| bracketed(of.strip_prefix(*doing)?))?;
    Some(Event::Dirty(pid))
}

/// `Spawned dirty arbiter (pid: 814) at /tmp/gunicorn-dirty-x/arbiter.sock`
fn dirty_arbiter(line: &Prefixed<'_>) -> Option<Event> {
    let spawned = line.message.strip_prefix(b"Spawned dirty ")?;
    let of = spawned.strip_prefix(b"arbiter ").or_else(|| spawned.strip_prefix(b"worker "))?;
    bracketed(of).map(Event::Dirty)
}

/// `(pid:815)`, `(pid: 815)`
fn bracketed(text: &[u8]) -> Option<Pid> {
    let digits = text.strip_prefix(b"(pid:")?;
    let (pid, rest) = text::pid(digits.strip_prefix(b" ").unwrap_or(digits))?;
    rest.starts_with(b")").then_some(pid)
}

fn header(line: &Prefixed<'_>) -> Option<Header> {
    let said = line.said();
    // Up to 20.1 the master says so as if it were nothing.
    if said == b"Unhandled exception in main loop" {
        return line.is_of(&[Level::Info, Level::Error]).then_some(Header::Master);
    }
    if !line.is_of(&[Level::Error]) {
        return None;
    }
    match said {
        b"Exception in worker process" => Some(Header::Worker),
        b"Socket error processing request." => Some(Header::Socket),
        _ => {
            let request = said.strip_prefix(b"Error handling request")?;
            Some(Header::Request(match request {
                b"" | b" (no URI read)" => None,
                _ => Some(kept(request.strip_prefix(b" ")?)),
            }))
        }
    }
}
