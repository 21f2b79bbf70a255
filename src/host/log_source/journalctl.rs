//! One question to `journalctl`, the journal's stable interface for programs: read as it answers, and never longer than its
//! time.

use super::Unread;
use crate::facts::Reason;
use crate::host::{printable, told};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Who has ended, and of whom nothing came for so long, has said all: a pipe holds 64 KiB, which is read in less than a
/// millisecond.
const SILENCE: Duration = Duration::from_millis(200);

/// What is read of the answer at once, and how many pieces are read ahead.
const PIECE: usize = 64 << 10;
const AHEAD: usize = 8;

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It is whole, or as much as was wanted came.
    Whole,
    /// The rest of it is missing, for this reason.
    CutShort(Reason),
    /// It failed without a word, as journalctl does where no entry has the pattern that is looked for.
    Silent(Reason),
}

/// Runs a command and hands on what it prints, until it ends, nothing more is wanted, or its time is up. It is waited for
/// on every path.
///
/// # Errors
/// Where it cannot be run. That it failed is for the caller to judge, who knows whether anything came before.
pub fn answered(
    name: &str,
    mut command: Command,
    time: Duration,
    each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Answered, Unread> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let deadline = Instant::now() + time;
    let child = command.spawn().map_err(|error| Unread::new(name, format!("cannot run {program}: {error}")))?;
    let mut running = Running(child);
    let threads = (thread::Builder::new(), thread::Builder::new());
    let unheard = |error| Unread::new(name, format!("no thread can be started to read it: {}", told(&error)));
    let answer = pieces(threads.0, running.0.stdout.take()).map_err(unheard)?;
    let complaint = complaint(threads.1, running.0.stderr.take()).map_err(unheard)?;
    let in_time = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Asked before the wait: what it has written by then comes within it.
        let has_ended = running.has_ended();
        match answer.recv_timeout(left.min(SILENCE)) {
            // Who always has more to say has no more time than who is silent.
            _ if left.is_zero() => break false,
            Ok(piece) if each(&piece).is_break() => return Ok(Answered::Whole),
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => break true,
            // Whatever else it has started may keep the pipe open.
            Err(RecvTimeoutError::Timeout) if has_ended => break true,
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    Ok(running.end(deadline, in_time, &program, &complaint))
}

/// A child that does not outlive what it was started for.
struct Running(Child);

impl Running {
    fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

    /// Waits for the end, and tells what was wrong.
    fn end(mut self, deadline: Instant, in_time: bool, program: &str, complaint: &Receiver<String>) -> Answered {
        // Who has closed its output is about to end.
        while in_time && Instant::now() < deadline {
            match self.0.try_wait() {
                Ok(Some(status)) if status.success() => return Answered::Whole,
                Ok(Some(_)) => {
                    let line = complaint.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
                    let failed = |why: &str| Reason::new(format!("{program} failed: {why}"));
                    return match line.is_empty() {
                        true => Answered::Silent(failed("no reason given")),
                        false => Answered::CutShort(failed(&line)),
                    };
                }
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
        Answered::CutShort(Reason::new(format!("{program} did not come to its end in time")))
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
        let _ = sender.send(printable(text.lines().next().unwrap_or_default()));
        let _ = io::copy(&mut pipe, &mut io::sink());
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_cannot_be_started_is_an_error_and_no_panic() {
        // More than any address space has.
        let thread = || thread::Builder::new().stack_size(1 << 50);
        assert!(pieces(thread(), Some(io::empty())).is_err());
        assert!(complaint(thread(), Some(io::empty())).is_err());
    }
}
