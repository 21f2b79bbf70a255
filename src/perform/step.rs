//! One way to look at and to make changes of every kind.

use super::{Care, directory, file, kernel_value, line, link, manager, mount, process_limit};
use crate::host::Root;
use crate::perform::line::Line;
use crate::perform::mount::MountTrouble;
use crate::plan::{Change, ProcessRef, Standing, Trouble};
use procfs::ProcError;
use procfs::process::{ProcState, Process};

/// What does the steps. The performer and the rollback know nothing else of the host, so that their laws are tested
/// against a host made of values.
pub(super) trait Hand {
    /// How what is there stands to a change.
    fn standing(&self, change: &Change) -> Result<Standing, Trouble>;

    /// Makes it so. `mark` names the transaction.
    fn make(&self, change: &Change, mark: &str, care: Care) -> Result<(), MountTrouble>;

    /// Settles what a run that was killed in the middle of the change, or of taking it back, left beside it.
    fn settle(&self, change: &Change, mark: &str) -> Result<(), Trouble>;

    /// Whether a process has ended.
    fn has_ended(&self, process: ProcessRef) -> bool;

    /// What a directory holds, as a clause: `it holds 3 files, first: queue.db`. None where nothing, or where it is not
    /// there.
    fn held(&self, directory: &str) -> Option<String>;

    /// systemd reads its files again.
    fn reload(&self) -> Result<(), Trouble>;

    /// A unit is restarted.
    fn restart(&self, unit: &str) -> Result<(), Trouble>;
}

/// The hand on a real host.
#[derive(Debug)]
pub(super) struct OnHost<'a>(pub &'a Root);

impl OnHost<'_> {
    /// An image has no kernel, and the mounts and processes that gtune sees are not its own.
    fn needs_live(&self, what: &str) -> Result<(), Trouble> {
        if self.0.is_live() { Ok(()) } else { Err(Trouble::new(what, self.0.no_live_kernel())) }
    }
}

impl Hand for OnHost<'_> {
    fn standing(&self, change: &Change) -> Result<Standing, Trouble> {
        if change.is_live() {
            self.needs_live(&format!("look at {}", change.subject()))?;
        }
        match change {
            Change::Directory { path, before, after } => {
                directory::standing(self.0, path, before.as_ref(), after.as_ref())
            }
            Change::File { path, before, after } => file::standing(self.0, path, before.as_ref(), after.as_ref()),
            Change::Line { .. } => line_of(change).map_or(Ok(Standing::Before), |line| line::standing(self.0, &line)),
            Change::Link { path, before, after } => link::standing(self.0, path, before.as_deref(), after.as_deref()),
            Change::Mount { target, before, after } => mount::standing(target, before.as_ref(), after.as_ref()),
            Change::KernelValue { key, network, before, after } => {
                kernel_value::standing(key, *network, *before, *after)
            }
            Change::ProcessLimit { process, before, after } => process_limit::standing(*process, *before, *after),
        }
    }

    fn make(&self, change: &Change, mark: &str, care: Care) -> Result<(), MountTrouble> {
        if change.is_live() {
            self.needs_live(&change.to_string()).map_err(MountTrouble::Other)?;
        }
        let root = self.0;
        let made = match change {
            Change::Directory { path, before, after } => {
                return directory::make(root, path, before.as_ref(), after.as_ref());
            }
            Change::File { path, before, after } => file::make(root, path, before.as_ref(), after.as_ref(), mark, care),
            Change::Line { .. } => line_of(change).map_or(Ok(()), |line| line::make(root, &line, mark, care)),
            Change::Link { path, before, after } => {
                link::make(root, path, before.as_deref(), after.as_deref(), mark, care)
            }
            Change::Mount { target, before, after } => {
                return mount::make(target, before.as_ref(), after.as_ref(), care);
            }
            Change::KernelValue { key, network, after, .. } => kernel_value::make(key, *network, *after),
            Change::ProcessLimit { process, after, .. } => process_limit::make(*process, *after),
        };
        made.map_err(MountTrouble::Other)
    }

    fn settle(&self, change: &Change, mark: &str) -> Result<(), Trouble> {
        match change {
            Change::File { path, before, after } => file::settle(self.0, path, before.as_ref(), after.as_ref(), mark),
            Change::Line { .. } => line_of(change).map_or(Ok(()), |line| line::settle(self.0, &line, mark)),
            _ => Ok(()),
        }
    }

    fn has_ended(&self, process: ProcessRef) -> bool {
        match Process::new(process.pid.0).and_then(|found| found.stat()) {
            // A zombie has ended too: its limits and its networks are gone.
            Ok(stat) => stat.starttime != process.start_ticks || matches!(stat.state(), Ok(ProcState::Zombie)),
            Err(error) => matches!(error, ProcError::NotFound(_)),
        }
    }

    fn held(&self, directory: &str) -> Option<String> {
        self.0.list(directory).known().and_then(|names| mount::held_names(names))
    }

    fn reload(&self) -> Result<(), Trouble> {
        self.needs_live("make systemd read its files again")?;
        manager::reload()
    }

    fn restart(&self, unit: &str) -> Result<(), Trouble> {
        self.needs_live(&format!("restart {unit}"))?;
        manager::restart(unit)
    }
}

fn line_of(change: &Change) -> Option<Line<'_>> {
    let Change::Line { path, before, after, old_line, new_line } = change else { return None };
    let (before, after) = (before.as_ref(), after.as_ref());
    Some(Line { path, before, after, old_line: old_line.as_ref(), new_line: new_line.as_ref() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Pid;

    #[test]
    fn a_change_of_the_running_kernel_is_never_made_for_an_image() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let hand = OnHost(&root);
        for change in crate::plan::change_samples().iter().filter(|change| change.is_live()) {
            assert!(hand.standing(change).unwrap_err().reason.contains("is an image"));
            assert!(matches!(hand.make(change, "abc123", Care::Overwrite), Err(MountTrouble::Other(_))));
        }
        assert!(hand.reload().is_err() && hand.restart("gunicorn.service").is_err());
    }

    #[test]
    fn a_later_process_of_the_same_number_is_another() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let hand = OnHost(&root);
        let own = Process::myself().unwrap().stat().unwrap();
        let pid = Pid(own.pid);
        assert!(!hand.has_ended(ProcessRef { pid, start_ticks: own.starttime }));
        assert!(hand.has_ended(ProcessRef { pid, start_ticks: own.starttime + 1 }));
        assert!(hand.has_ended(ProcessRef { pid: Pid(i32::MAX), start_ticks: 1 }));
    }
}
