//! A process held by its directory below `/proc`, so that a later one of the same number is never taken for it.

use super::mount::errno_of;
use crate::host::words;
use crate::plan::{ProcessRef, Trouble};
use nix::errno::Errno;
use procfs::ProcError;
use procfs::process::{Process, Stat};

/// The process; nothing where it has ended, also where its number has been given to another one. What is read through it
/// later is of this process or fails (proc(5)).
pub(super) fn pin(what: &str, process: ProcessRef) -> Result<Option<Process>, Trouble> {
    let stat_of = |handle: &Process| handle.stat();
    let found = Process::new(process.pid.0).and_then(|handle| stat_of(&handle).map(|stat| (handle, stat)));
    match found {
        Ok((handle, stat)) => Ok(is_meant(&stat, process).then_some(handle)),
        Err(error) if has_ended(&error) => Ok(None),
        Err(error) => Err(Trouble::new(what, reason(&error))),
    }
}

/// Whether it is the one that is meant and has not become a zombie, which only waits to be forgotten.
fn is_meant(stat: &Stat, process: ProcessRef) -> bool {
    stat.starttime == process.start_ticks && !matches!(stat.state, 'Z' | 'X' | 'x')
}

/// Why something of a process could not be read, as a clause.
pub(super) fn reason(error: &ProcError) -> String {
    match error {
        error if has_ended(error) => "it has ended".to_owned(),
        ProcError::PermissionDenied(_) => "permission denied: needs root".to_owned(),
        ProcError::Io(error, _) => words(errno_of(error)),
        other => other.to_string(),
    }
}

/// Whether an error says that the process is gone.
pub(super) fn has_ended(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => matches!(errno_of(error), Errno::ESRCH | Errno::ENOENT),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Pid;
    use std::process::Command;

    #[test]
    fn another_process_of_the_same_number_is_not_meant() {
        let ticks = Process::myself().unwrap().stat().unwrap().starttime;
        let own = ProcessRef { pid: Pid(std::process::id() as i32), start_ticks: ticks };
        assert!(pin("look", own).unwrap().is_some());
        assert!(pin("look", ProcessRef { start_ticks: ticks + 1, ..own }).unwrap().is_none());
    }

    #[test]
    fn a_process_that_has_ended_is_not_there_even_while_it_is_a_zombie() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id() as i32;
        let start_ticks = Process::new(pid).unwrap().stat().unwrap().starttime;
        let process = ProcessRef { pid: Pid(pid), start_ticks };
        assert!(pin("look", process).unwrap().is_some());
        child.kill().unwrap();
        // Until it is waited for it is a zombie.
        while Process::new(pid).unwrap().stat().unwrap().state != 'Z' {}
        assert!(pin("look", process).unwrap().is_none());
        child.wait().unwrap();
        assert!(pin("look", process).unwrap().is_none());
    }
}
