//! One question to `systemctl`: never longer than a moment, never more than a bounded answer.

use crate::facts::Reason;
use crate::host::printable;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A manager that is well answers within 50 ms; one that is stuck never does (its own time-out is 90 s).
const TIME: Duration = Duration::from_secs(3);

/// One unit takes some 2 KiB, so this is enough for a thousand of them.
const LARGEST_ANSWER: u64 = 4 << 20;

/// Where systemctl lies: on most distributions, on those where `/bin` is apart, on NixOS. `PATH` is not asked, since
/// gtune may run as root with another user's.
const PLACES: [&str; 3] = ["/usr/bin/systemctl", "/bin/systemctl", "/run/current-system/sw/bin/systemctl"];

/// Where systemctl lies.
///
/// # Errors
/// Where it does not, as a clause.
pub fn systemctl() -> Result<&'static Path, Reason> {
    let place = PLACES.iter().map(Path::new).find(|place| place.is_file());
    place.ok_or_else(|| Reason::new(format!("systemctl is not there: {}", PLACES[0])))
}

/// A program of systemd in an environment in which it prints plain English and no colours.
pub fn quiet_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs([("LC_ALL", "C"), ("SYSTEMD_COLORS", "0"), ("SYSTEMD_URLIFY", "0"), ("PATH", "/usr/bin:/bin")]);
    command
}

/// What `systemctl` prints.
///
/// # Errors
/// Why there is no answer, as a clause.
pub(super) fn ask(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String, Reason> {
    let mut command = quiet_command(systemctl()?);
    command.args(["--no-pager", "--no-ask-password"]).args(arguments);
    command.envs(environment.iter().copied());
    answer(command, TIME)
}

/// Runs a command to its end, or kills it when its time is up, and gives what it printed.
///
/// # Errors
/// Why there is no answer, as a clause: with the first line that it complained of where it failed.
pub fn answer(mut command: Command, time: Duration) -> Result<String, Reason> {
    let name = command.get_program().to_string_lossy().into_owned();
    let deadline = Instant::now() + time;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Reason::new(format!("cannot run {name}: {error}")))?;
    let (output, complaint) = (gather(child.stdout.take()), gather(child.stderr.take()));
    let output = output.recv_timeout(time);
    let status = ended(&mut child, deadline);
    let (Ok(output), Some(status)) = (output, status) else {
        return Err(Reason::new(format!("{name} did not answer within {} s", time.as_secs())));
    };
    if output.len() as u64 > LARGEST_ANSWER {
        return Err(Reason::new(format!("{name} answered with more than {LARGEST_ANSWER} bytes")));
    }
    if status.success() {
        return Ok(String::from_utf8_lossy(&output).into_owned());
    }
    let complaint = complaint.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or_default();
    let complaint = String::from_utf8_lossy(&complaint);
    let line = printable(complaint.lines().next().unwrap_or("no reason given"));
    Err(Reason::new(format!("{name} failed: {line}")))
}

/// Reads in a thread of its own, so that a full pipe cannot hold the other one up, nor a held one gtune.
fn gather(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(LARGEST_ANSWER + 1).read_to_end(&mut bytes));
        // Nobody waits any more where the time was up; a pipe that fails has given what it had.
        let _ = sender.send(if matches!(read, Some(Ok(_))) { bytes } else { Vec::new() });
    });
    receiver
}

/// The exit status, or none where it had to be killed.
fn ended(child: &mut Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    // Neither can fail for a child that was not waited for yet; there is nothing else to do if they did.
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn an_answer_is_what_was_printed() {
        assert_eq!(answer(shell("echo Id=a; echo noise >&2"), TIME), Ok("Id=a\n".to_owned()));
    }

    #[test]
    fn a_failure_gives_its_first_line_as_the_reason() {
        let failed = answer(shell("echo 'no bus' >&2; echo more >&2; exit 1"), TIME);
        assert_eq!(failed.unwrap_err().to_string(), "/bin/sh failed: no bus");
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let began = Instant::now();
        let failed = answer(shell("exec sleep 60"), Duration::from_millis(100));
        assert!(failed.unwrap_err().to_string().contains("did not answer"));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn who_leaves_a_child_behind_that_holds_the_pipe_is_not_waited_for() {
        let began = Instant::now();
        let failed = answer(shell("sleep 2 & echo x"), Duration::from_millis(200));
        assert!(failed.unwrap_err().to_string().contains("did not answer"));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn an_endless_answer_ends() {
        let failed = answer(shell("exec cat /dev/zero"), TIME);
        assert!(failed.unwrap_err().to_string().contains("answered with more than"));
    }

    #[test]
    fn a_program_that_cannot_be_run_says_so() {
        let failed = answer(Command::new("/no/such/program"), TIME);
        assert!(failed.unwrap_err().to_string().starts_with("cannot run /no/such/program: "));
    }
}
