//! The order of the steps of a plan, and of those that take it back.

use super::{Action, Change};

/// Whether a service manager runs that has to read changed files again, and that can restart units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveManager {
    /// systemd is process 1 of the host that is changed.
    Systemd,
    /// None: another init, or an image.
    None,
}

/// Puts changes into the order in which they are made, each kind in the order given, and adds what has to follow.
///
/// Mounts come first, for they are what most often fails, and nothing else is changed yet. Then what is stored; then
/// the values of the running kernel and its processes, which the stored ones must not be behind. systemd reads its
/// files once after all of them, and units are restarted last, each once, when everything they start with is in place.
pub fn in_order(mut changes: Vec<Change>, manager: LiveManager, restarts: &[String]) -> Vec<Action> {
    let targets: Vec<String> = changes.iter().filter_map(mount_target).map(str::to_owned).collect();
    // The sort is stable: within a kind the order given stays.
    changes.sort_by_key(|change| stage(change, &targets));
    let follow = following(&changes, manager, restarts);
    changes.into_iter().map(Action::Change).chain(follow).collect()
}

/// Puts the inverses of a transaction's changes, newest first, together with what has to follow them.
///
/// Their order is kept. systemd reads its files again and units are restarted before the first unmount, because workers
/// that still hold files there keep it mounted; without one, at the end.
pub fn undo_order(inverses: Vec<Change>, manager: LiveManager, restarts: &[String]) -> Vec<Action> {
    let follow = following(&inverses, manager, restarts);
    let first_mount = inverses.iter().position(|change| mount_target(change).is_some()).unwrap_or(inverses.len());
    let mut actions: Vec<Action> = inverses.into_iter().map(Action::Change).collect();
    actions.splice(first_mount..first_mount, follow);
    actions
}

/// When a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Mount,
    Stored,
    Kernel,
    Process,
}

fn stage(change: &Change, mount_targets: &[String]) -> Stage {
    match change {
        Change::Directory { path, .. } if mount_targets.iter().any(|target| is_at_or_above(path, target)) => {
            Stage::Mount
        }
        Change::Mount { .. } => Stage::Mount,
        Change::Directory { .. } | Change::File { .. } | Change::Line { .. } | Change::Link { .. } => Stage::Stored,
        Change::KernelValue { .. } => Stage::Kernel,
        Change::ProcessLimit { .. } => Stage::Process,
    }
}

fn mount_target(change: &Change) -> Option<&str> {
    match change {
        Change::Mount { target, .. } => Some(target),
        _ => None,
    }
}

fn is_at_or_above(directory: &str, target: &str) -> bool {
    target.strip_prefix(directory.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The reload, where systemd has something to read, and each restart once.
fn following(changes: &[Change], manager: LiveManager, restarts: &[String]) -> Vec<Action> {
    if manager == LiveManager::None {
        return vec![];
    }
    let reload = changes.iter().any(Change::is_read_by_systemd).then_some(Action::Reload);
    let once = restarts.iter().enumerate().filter(|(at, unit)| !restarts.iter().take(*at).any(|other| other == *unit));
    reload.into_iter().chain(once.map(|(_, unit)| Action::Restart(unit.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::change::samples::one_of_each;
    use super::super::{DirectoryImage, FileImage};
    use super::*;
    use proptest::prelude::*;

    fn changes(actions: &[Action]) -> Vec<Change> {
        let change = |action: &Action| match action {
            Action::Change(change) => Some(change.clone()),
            Action::Reload | Action::Restart(_) => None,
        };
        actions.iter().filter_map(change).collect()
    }

    fn at(actions: &[Action], wanted: impl Fn(&Action) -> bool) -> usize {
        actions.iter().position(wanted).expect("it is there")
    }

    fn is_mount(action: &Action) -> bool {
        matches!(action, Action::Change(Change::Mount { .. }))
    }

    fn directory(path: &str) -> Change {
        Change::Directory { path: path.into(), before: None, after: Some(DirectoryImage::OF_ROOT) }
    }

    fn inverted(actions: &[Action]) -> Vec<Change> {
        changes(actions).into_iter().rev().map(Change::inverse).collect()
    }

    const WEB: &str = "gunicorn.service";

    #[test]
    fn mounts_come_first_then_files_then_the_kernel_then_processes() {
        let mut all = one_of_each();
        all.reverse();
        all.insert(0, directory("/etc/systemd/system/gunicorn.service.d"));
        let actions = in_order(all.clone(), LiveManager::Systemd, &[WEB.into(), WEB.into()]);
        let targets = ["/mem".to_owned(), "/srv/mem".to_owned()];
        let stages: Vec<Stage> = changes(&actions).iter().map(|change| stage(change, &targets)).collect();
        assert!(stages.is_sorted(), "{stages:?}");
        assert_eq!(actions.len(), all.len() + 2);
        assert_eq!(actions[all.len()..], [Action::Reload, Action::Restart(WEB.into())]);
    }

    #[test]
    fn a_directory_comes_with_what_needs_it() {
        let file = Change::File {
            path: "/etc/sysctl.d/99-zz-gtune.conf".into(),
            before: None,
            after: Some(FileImage::configuration("")),
        };
        let mount = one_of_each().into_iter().find(|change| mount_target(change) == Some("/srv/mem")).unwrap();
        let given = vec![directory("/etc/sysctl.d"), file.clone(), directory("/srv"), directory("/srv/mem"), mount];
        let paths: Vec<String> =
            changes(&in_order(given, LiveManager::None, &[])).iter().map(Change::subject).collect();
        assert_eq!(paths, ["/srv", "/srv/mem", "/srv/mem", "/etc/sysctl.d", "/etc/sysctl.d/99-zz-gtune.conf"]);
    }

    #[test]
    fn systemd_reads_again_only_what_is_its_own_and_only_where_it_runs() {
        let all = || one_of_each();
        assert!(!in_order(all(), LiveManager::None, &[WEB.into()]).iter().any(|a| matches!(a, Action::Restart(_))));
        let others: Vec<Change> = all().into_iter().filter(|change| !change.is_read_by_systemd()).collect();
        assert!(!in_order(others, LiveManager::Systemd, &[]).contains(&Action::Reload));
    }

    #[test]
    fn workers_let_go_of_a_mount_before_it_is_taken_away() {
        let actions = in_order(one_of_each(), LiveManager::Systemd, &[WEB.into()]);
        let undo = undo_order(inverted(&actions), LiveManager::Systemd, &[WEB.into()]);
        let restart = at(&undo, |action| *action == Action::Restart(WEB.into()));
        assert_eq!(undo[restart - 1], Action::Reload);
        assert_eq!(at(&undo, is_mount), restart + 1);
        let stored = |action: &Action| matches!(action, Action::Change(change) if change.is_read_by_systemd());
        assert!(undo[restart..].iter().all(|action| !stored(action)));
    }

    #[test]
    fn without_a_mount_units_are_restarted_at_the_end() {
        let limits = one_of_each().into_iter().filter(|change| mount_target(change).is_none()).collect();
        let undo = undo_order(limits, LiveManager::Systemd, &[WEB.into()]);
        assert_eq!(undo.last(), Some(&Action::Restart(WEB.into())));
    }

    proptest! {
        #[test]
        fn taking_back_is_the_exact_reverse(picked in prop::collection::vec(0usize..9, 0..12)) {
            let all = one_of_each();
            let given: Vec<Change> = picked.iter().filter_map(|at| all.get(*at).cloned()).collect();
            let actions = in_order(given.clone(), LiveManager::Systemd, &[WEB.into()]);
            let mut kept = changes(&actions);
            let undo = undo_order(inverted(&actions), LiveManager::Systemd, &[WEB.into()]);
            let back: Vec<Change> = changes(&undo).into_iter().rev().map(Change::inverse).collect();
            prop_assert_eq!(&back, &kept);
            for change in given {
                let at = kept.iter().position(|other| *other == change);
                prop_assert!(at.is_some(), "nothing is lost");
                kept.remove(at.unwrap_or(0));
            }
            prop_assert!(kept.is_empty(), "nothing is added");
        }
    }
}
