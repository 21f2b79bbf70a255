//! The journal of this boot and of earlier ones, through `journalctl`, its stable interface for programs.

mod places;

use super::tally::Tally;
use super::{Reading, Search, Unread};
use crate::facts::Reason;
use crate::host::systemd::quiet_command;
use crate::host::{printable, told};
use crate::kernel_log::{Reader, Sink};
use jiff::{SignedDuration, Timestamp};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The name that the operator knows it by.
const NAME: &str = "the journal";

/// A journal is 4 GiB at most by default (journald.conf(5), `SystemMaxUse=`), of which the kernel's part is small: who
/// takes longer waits for a disk, and an operator for an answer.
const TIME: Duration = Duration::from_secs(30);

/// Who has ended, and of whom nothing came for so long, has said all: a pipe holds 64 KiB, which is read in less than a
/// millisecond.
const SILENCE: Duration = Duration::from_millis(200);

/// The journal notes the time of receipt, which is up to a minute late at boot.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// What is read of the answer at once, and how many pieces are read ahead.
const PIECE: usize = 64 << 10;
const AHEAD: usize = 8;

/// The fields that a record is made of; the many others would only be skipped.
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,_TRANSPORT,_SOURCE_MONOTONIC_TIMESTAMP,_BOOT_ID,_HOSTNAME,\
    SYSLOG_IDENTIFIER,SYSLOG_FACILITY";

/// Reads what the kernel said, in all boots that the journal has.
///
/// # Errors
/// Where there is no journal, or only a part of it may be read, with the group that may read all.
pub fn journal(search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let kept = places::kept(Path::new("/"))?;
    let program = places::journalctl()?;
    let mut reading = asked(command(program, search), TIME, sink)?;
    if kept == places::Kept::UntilReboot {
        reading.note = Some(Reason::new("it is kept in memory only: nothing of earlier boots is in it"));
    }
    Ok(reading)
}

fn command(program: &Path, search: &Search) -> Command {
    let mut command = quiet_command(program);
    command.args(["--no-pager", "--quiet", "--output=json", "--all", FIELDS, "_TRANSPORT=kernel"]);
    let at = |time: Timestamp| format!("@{}", time.as_second());
    command.args(search.since.and_then(|since| Some(format!("--since={}", at(since.checked_sub(MARGIN).ok()?)))));
    command.args(search.until.and_then(|until| Some(format!("--until={}", at(until.checked_add(MARGIN).ok()?)))));
    command
}

/// Runs a command and parses what it prints, until it ends or its time is up. It is waited for on every path.
fn asked(mut command: Command, time: Duration, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let deadline = Instant::now() + time;
    let child = command.spawn().map_err(|error| Unread::new(NAME, format!("cannot run {program}: {error}")))?;
    let mut running = Running(child);
    let threads = (thread::Builder::new(), thread::Builder::new());
    let unheard = |error| Unread::new(NAME, format!("no thread can be started to read it: {}", told(&error)));
    let answer = pieces(threads.0, running.0.stdout.take()).map_err(unheard)?;
    let complaint = complaint(threads.1, running.0.stderr.take()).map_err(unheard)?;
    let (mut reader, mut tally) = (Reader::at(0), Tally::of(sink));
    let in_time = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Asked before the wait: what it has written by then comes within it.
        let has_ended = running.has_ended();
        match answer.recv_timeout(left.min(SILENCE)) {
            // Who always has more to say has no more time than who is silent.
            _ if left.is_zero() => break false,
            Ok(piece) => tally.feed(&mut reader, &piece),
            Err(RecvTimeoutError::Disconnected) => break true,
            // Whatever else it has started may keep the pipe open.
            Err(RecvTimeoutError::Timeout) if has_ended => break true,
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    tally.finish(&mut reader);
    let mut reading = Reading::of(NAME, Timestamp::now());
    tally.tell_whole(&mut reading);
    let failed = running.end(deadline, in_time, &program, &complaint);
    match failed {
        Some(reason) if reading.records == Some(0) => Err(Unread { name: NAME.to_owned(), reason, hint: None }),
        failed => Ok(Reading { lost: failed, ..reading }),
    }
}

/// A child that does not outlive what it was started for.
struct Running(Child);

impl Running {
    fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

    /// Waits for the end, and tells what was wrong.
    fn end(mut self, deadline: Instant, in_time: bool, program: &str, complaint: &Receiver<String>) -> Option<Reason> {
        // Who has closed its output is about to end.
        while in_time && Instant::now() < deadline {
            match self.0.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(_)) => {
                    let line = complaint.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
                    return Some(Reason::new(format!("{program} failed: {line}")));
                }
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
        Some(Reason::new(format!("{program} did not come to its end in time")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Neither fails for a child that was not waited for; for one that was, neither does anything.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads in a thread of its own, so that a silent child does not hold gtune up.
fn pieces(thread: thread::Builder, pipe: Option<impl Read + Send + 'static>) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = sync_channel(AHEAD);
    thread.spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut piece = vec![0; PIECE];
        loop {
            match pipe.read(&mut piece) {
                Ok(0) => return,
                Ok(put) if sender.send(piece.get(..put).unwrap_or_default().to_vec()).is_err() => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    })?;
    Ok(receiver)
}

/// The first line of what a program complains of; the rest is read too, so that it does not wait.
fn complaint(thread: thread::Builder, pipe: Option<impl Read + Send + 'static>) -> io::Result<Receiver<String>> {
    let (sender, receiver) = channel();
    thread.spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut head = Vec::new();
        // What cannot be read was not said.
        let _ = pipe.by_ref().take(4 << 10).read_to_end(&mut head);
        let text = String::from_utf8_lossy(&head);
        let _ = sender.send(printable(text.lines().next().unwrap_or("no reason given")));
        let _ = io::copy(&mut pipe, &mut io::sink());
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests;
