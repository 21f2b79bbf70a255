//! The journal of this boot and of earlier ones, through `journalctl`, its stable interface for programs.

use super::tally::Tally;
use super::{Reading, Search, Unread};
use crate::facts::Reason;
use crate::host::log_source::{Answered, Kept, answered, journalctl, kept};
use crate::host::systemd::quiet_command;
use crate::kernel_log::{Reader, Sink};
use jiff::{SignedDuration, Timestamp};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The name that the operator knows it by.
const NAME: &str = "the journal";

/// A journal is 4 GiB at most by default (journald.conf(5), `SystemMaxUse=`), of which the kernel's part is small: who
/// takes longer waits for a disk, and an operator for an answer.
const TIME: Duration = Duration::from_secs(30);

/// The journal notes the time of receipt, which is up to a minute late at boot.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The fields that a record is made of; the many others would only be skipped.
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,_TRANSPORT,_SOURCE_MONOTONIC_TIMESTAMP,_BOOT_ID,_HOSTNAME,\
    SYSLOG_IDENTIFIER,SYSLOG_FACILITY";

/// Reads what the kernel said, in all boots that the journal has.
///
/// # Errors
/// Where there is no journal, or only a part of it may be read, with the group that may read all.
pub fn journal(search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let place = kept(Path::new("/"))?;
    let program = journalctl()?;
    let mut reading = asked(command(program, search), TIME, sink)?;
    if place == Kept::UntilReboot {
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

/// Runs a command and parses what it prints.
fn asked(command: Command, time: Duration, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let (mut reader, mut tally) = (Reader::at(0), Tally::of(sink));
    let answer = answered(NAME, command, time, &mut |piece| {
        tally.feed(&mut reader, piece);
        ControlFlow::Continue(())
    })?;
    tally.finish(&mut reader);
    let mut reading = Reading::of(NAME, Timestamp::now());
    tally.tell_whole(&mut reading);
    match answer {
        Answered::CutShort(reason) | Answered::Silent(reason) if reading.records == Some(0) => {
            Err(Unread { name: NAME.to_owned(), reason, hint: None })
        }
        Answered::CutShort(reason) | Answered::Silent(reason) => Ok(Reading { lost: Some(reason), ..reading }),
        Answered::Whole => Ok(reading),
    }
}

#[cfg(test)]
mod tests;
