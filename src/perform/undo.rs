//! Taking one change back, and the order in which changes are.

use super::Care;
use super::mount::MountTrouble;
use super::step::Hand;
use crate::plan::{Change, NetworkOf, Standing, Trouble, UndoOutcome, is_of_mounts, mount_targets};
use crate::units::quoted;

/// Whether what was live when a change was made still can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// The kernel that was running then runs still.
    Same,
    /// The host was booted since.
    EarlierBoot,
    /// An image, which has no kernel.
    Image,
}

/// How changes are taken back.
#[derive(Debug)]
pub(super) struct Undo<'a, H> {
    pub hand: &'a H,
    /// The transaction.
    pub mark: &'a str,
    pub care: Care,
    pub era: Era,
    /// Whose kernel values are seen.
    pub network: NetworkSeen,
}

/// Whether the network namespace is the one whose values were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NetworkSeen {
    Same,
    Another,
}

impl<H: Hand> Undo<'_, H> {
    /// What taking a change back comes to without touching anything; none where it can be taken back.
    pub fn foresee(&self, change: &Change) -> Option<UndoOutcome> {
        if let Some(reason) = self.gone(change) {
            return Some(UndoOutcome::Left(reason));
        }
        match self.hand.standing(change) {
            Err(trouble) => Some(UndoOutcome::Failed(trouble)),
            // In a file that has drifted, gtune's line is as it was before.
            Ok(Standing::Before | Standing::Drifted) => Some(UndoOutcome::AlreadySo),
            Ok(Standing::Other(there)) if self.care != Care::Overwrite => Some(UndoOutcome::Conflict(there)),
            Ok(Standing::After | Standing::Other(_)) => self.held(change).map(UndoOutcome::Conflict),
        }
    }

    /// What somebody would lose with a mount.
    fn held(&self, change: &Change) -> Option<String> {
        match change {
            Change::Mount { target, before: None, .. } if self.care != Care::Overwrite => self.hand.held(target),
            _ => None,
        }
    }

    /// Takes a change back.
    pub fn take_back(&self, change: &Change) -> UndoOutcome {
        if let Err(trouble) = self.hand.settle(change, self.mark) {
            return UndoOutcome::Failed(trouble);
        }
        if let Some(outcome) = self.foresee(change) {
            return outcome;
        }
        match self.hand.make(&change.clone().inverse(), self.mark, self.care) {
            Ok(()) => UndoOutcome::Restored,
            Err(MountTrouble::Busy) => {
                let reason = format!("files in {} are open", change.subject());
                UndoOutcome::Waits { reason, command: format!("fuser -vm {}", change.subject()) }
            }
            Err(MountTrouble::Holds(held)) => UndoOutcome::Conflict(held),
            Err(MountTrouble::MountPoint) => {
                let command = format!("umount {}", quoted(&change.subject()));
                UndoOutcome::Waits { reason: "it is a mount of its own".into(), command }
            }
            Err(MountTrouble::Other(trouble)) => self.not_taken_back(change, trouble),
        }
    }

    fn not_taken_back(&self, change: &Change, trouble: Trouble) -> UndoOutcome {
        if let Change::Directory { path, before: None, .. } = change
            && self.hand.held(path).is_some()
        {
            return UndoOutcome::Left(trouble.reason);
        }
        // A process may have ended, or somebody may have saved the file, in the last moment.
        match self.foresee(change) {
            Some(outcome @ (UndoOutcome::Left(_) | UndoOutcome::Conflict(_))) => outcome,
            _ => UndoOutcome::Failed(trouble),
        }
    }

    /// A value that was set on an earlier boot: what was stored then may have set it again.
    fn of_earlier_boot(&self, change: &Change) -> String {
        match (change, self.hand.standing(change)) {
            (Change::KernelValue { key, network: NetworkOf::Gtune, before, after }, Ok(Standing::After)) => {
                format!("the host was booted since; it is {after} until the next boot, or: sysctl -w {key}={before}")
            }
            _ => "the host was booted since: the value ended with that boot".into(),
        }
    }

    /// Why there is nothing left of a change to take back.
    fn gone(&self, change: &Change) -> Option<String> {
        let process = match change {
            Change::ProcessLimit { process, .. } => Some(*process),
            Change::KernelValue { network: NetworkOf::Process(process), .. } => Some(*process),
            _ => None,
        };
        let (is_value, is_live) = (matches!(change, Change::KernelValue { .. }), change.is_live());
        match self.era {
            Era::Image if is_live => Some("an image has no running kernel".into()),
            Era::EarlierBoot if is_value => Some(self.of_earlier_boot(change)),
            Era::EarlierBoot if process.is_some() => {
                Some("the host was booted since: the process ended with it".into())
            }
            Era::Same if is_value && process.is_none() && self.network == NetworkSeen::Another => {
                Some("it was set in another network namespace than the one gtune runs in now".into())
            }
            Era::Same => {
                let ended = process.filter(|process| self.hand.has_ended(*process));
                ended.map(|process| format!("pid {} has ended", process.pid))
            }
            Era::Image | Era::EarlierBoot => None,
        }
    }
}

/// Changes in the order in which they are taken back: newest first, but mounts, and the directories that lead to them,
/// after all others. Between the two, services are restarted; until then they use the mounts.
pub(super) fn in_order<T>(newest_first: Vec<(T, &Change)>) -> [Vec<(T, &Change)>; 2] {
    let targets: Vec<&str> = mount_targets(newest_first.iter().map(|(_, change)| *change)).collect();
    let (last, first) = newest_first.into_iter().partition(|(_, change)| is_of_mounts(change, &targets));
    [first, last]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perform::model::{Host, ID, ModelHand, World, changes};
    use crate::plan::{DirectoryImage, FileImage, change_samples};
    use proptest::prelude::*;
    use std::cell::RefCell;

    #[test]
    fn mounts_and_what_leads_to_them_come_last_and_else_the_newest_first() {
        let mut changes = change_samples();
        let made =
            |path: &str| Change::Directory { path: path.into(), before: None, after: Some(DirectoryImage::OF_ROOT) };
        changes.insert(0, made("/srv"));
        changes.insert(0, made("/memory"));
        let newest_first: Vec<(usize, &Change)> = changes.iter().enumerate().rev().collect();
        let [first, last] = in_order(newest_first);
        let subjects = |changes: &[(usize, &Change)]| -> Vec<String> {
            changes.iter().map(|(_, change)| change.subject()).collect()
        };
        assert_eq!(subjects(&last), ["/srv/mem", "/mem", "/mem", "/srv"]);
        assert_eq!(first.last().unwrap().1.subject(), "/memory");
        assert!(first.windows(2).all(|pair| pair[0].0 > pair[1].0));
        assert_eq!(first.len() + last.len(), changes.len());
    }

    /// Takes back some changes of the whole plan in a world where they were made, and then this.
    fn taken_back(care: Care, is_meant: fn(&Change) -> bool, then: fn(&mut Host)) -> (Host, Vec<UndoOutcome>) {
        let mut world = World::default();
        changes().iter().for_each(|change| world.host.apply(change, None));
        then(&mut world.host);
        let cell = RefCell::new(world);
        let undo = Undo { hand: &ModelHand(&cell), mark: ID, care, era: Era::Same, network: NetworkSeen::Same };
        let outcomes =
            changes().iter().filter(|change| is_meant(change)).map(|change| undo.take_back(change)).collect();
        (cell.into_inner().host, outcomes)
    }

    #[test]
    fn a_mount_that_holds_files_stays_with_them_unless_it_is_to_be_overwritten() {
        let is_mount = |change: &Change| matches!(change, Change::Mount { .. });
        let then = |host: &mut Host| drop(host.files.insert("/mem/queue".into(), FileImage::configuration("theirs")));
        let (host, outcomes) = taken_back(Care::Respect, is_mount, then);
        assert_eq!(outcomes, [UndoOutcome::Conflict("it holds /mem/queue".into())]);
        assert!(host.mounts.contains_key("/mem"));
        let (host, outcomes) = taken_back(Care::Overwrite, is_mount, then);
        assert_eq!(outcomes, [UndoOutcome::Restored]);
        assert!(host.mounts.is_empty());
    }

    #[test]
    fn a_directory_with_a_mount_on_it_waits_for_the_unmount() {
        let is_directory = |change: &Change| matches!(change, Change::Directory { path, .. } if path == "/mem");
        let (host, outcomes) = taken_back(Care::Respect, is_directory, |_| {});
        let reason = "it is a mount of its own".into();
        assert_eq!(outcomes, [UndoOutcome::Waits { reason, command: "umount /mem".into() }]);
        assert!(host.directories.contains("/mem"));
    }

    proptest! {
        #[test]
        fn each_half_is_the_exact_reverse_and_nothing_is_lost(picked in prop::collection::vec(0usize..9, 0..12)) {
            let all = change_samples();
            let made: Vec<&Change> = picked.iter().filter_map(|at| all.get(*at)).collect();
            let [first, last] = in_order(made.iter().copied().enumerate().rev().collect());
            prop_assert!(first.is_sorted_by(|a, b| a.0 > b.0) && last.is_sorted_by(|a, b| a.0 > b.0));
            let mounts_first = first.iter().any(|(_, change)| matches!(change, Change::Mount { .. }));
            prop_assert!(!mounts_first);
            let mut back: Vec<usize> = first.iter().chain(&last).map(|(at, _)| *at).collect();
            back.sort_unstable();
            prop_assert_eq!(back, (0..made.len()).collect::<Vec<_>>());
        }
    }
}
