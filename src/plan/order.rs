//! The order of the steps of a plan.

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
    let targets: Vec<String> = mount_targets(&changes).map(str::to_owned).collect();
    // The sort is stable: within a kind the order given stays.
    changes.sort_by_key(|change| stage(change, &targets));
    let follow = following(&changes, manager, restarts);
    changes.into_iter().map(Action::Change).chain(follow).collect()
}

/// When a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Mount,
    Stored,
    Kernel,
    Process,
}

fn stage(change: &Change, mount_targets: &[impl AsRef<str>]) -> Stage {
    match change {
        Change::Mount { .. } => Stage::Mount,
        Change::Directory { .. } if is_of_mounts(change, mount_targets) => Stage::Mount,
        Change::Directory { .. } | Change::File { .. } | Change::Line { .. } | Change::Link { .. } => Stage::Stored,
        Change::KernelValue { .. } => Stage::Kernel,
        Change::ProcessLimit { .. } => Stage::Process,
    }
}

/// Where changes mount or unmount something.
pub(crate) fn mount_targets<'a>(changes: impl IntoIterator<Item = &'a Change>) -> impl Iterator<Item = &'a str> {
    changes.into_iter().filter_map(|change| match change {
        Change::Mount { target, .. } => Some(target.as_str()),
        _ => None,
    })
}

/// Whether a change is a mount, or a directory that leads to one of these targets: where they are made and taken back
/// these belong together.
pub(crate) fn is_of_mounts(change: &Change, mount_targets: &[impl AsRef<str>]) -> bool {
    match change {
        Change::Mount { .. } => true,
        Change::Directory { path, .. } => mount_targets.iter().any(|target| leads_to(path, target.as_ref())),
        _ => false,
    }
}

/// Whether a path is the directory or lies below it.
pub(crate) fn leads_to(directory: &str, path: &str) -> bool {
    let below = path.strip_prefix(directory.trim_end_matches('/'));
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

    fn directory(path: &str) -> Change {
        Change::Directory { path: path.into(), before: None, after: Some(DirectoryImage::OF_ROOT) }
    }

    const WEB: &str = "gunicorn.service";

    #[test]
    fn mounts_come_first_then_files_then_the_kernel_then_processes() {
        let mut all = one_of_each();
        all.reverse();
        all.insert(0, directory("/etc/systemd/system/gunicorn.service.d"));
        let actions = in_order(all.clone(), LiveManager::Systemd, &[WEB.into(), WEB.into()]);
        let targets = ["/mem", "/srv/mem"];
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
        let mount = one_of_each().into_iter().find(|change| mount_targets([change]).eq(["/srv/mem"])).unwrap();
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

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_added(picked in prop::collection::vec(0usize..9, 0..12)) {
            let all = one_of_each();
            let given: Vec<Change> = picked.iter().filter_map(|at| all.get(*at).cloned()).collect();
            let mut kept = changes(&in_order(given.clone(), LiveManager::Systemd, &[WEB.into()]));
            for change in given {
                let at = kept.iter().position(|other| *other == change);
                prop_assert!(at.is_some(), "nothing is lost");
                kept.remove(at.unwrap_or(0));
            }
            prop_assert!(kept.is_empty(), "nothing is added");
        }
    }
}
