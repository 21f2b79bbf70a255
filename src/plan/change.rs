//! One change of the host, with what was there before it.

use super::{Content, DirectoryImage, FileImage, MountImage};
use crate::units::{Pid, SoftHard};
use serde::{Deserialize, Serialize};
use std::mem::swap;

/// A process that is meant and no later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Its number.
    pub pid: Pid,
    /// When it started, in clock ticks since boot (field 22 of proc_pid_stat(5)).
    pub start_ticks: u64,
}

/// Whose kernel value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkOf {
    /// That of the network namespace gtune runs in.
    Gtune,
    /// That of the network namespace of this process.
    Process(ProcessRef),
}

/// A change. `before` is what was there, `after` what shall be; nothing is written as `null`.
///
/// All paths are absolute and below the root that is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Change {
    /// A directory, without what is in it. Undone only while it is empty.
    Directory {
        /// Where.
        path: String,
        /// Before.
        before: Option<DirectoryImage>,
        /// After.
        after: Option<DirectoryImage>,
    },
    /// A whole file that gtune owns.
    File {
        /// Where.
        path: String,
        /// Before.
        before: Option<FileImage>,
        /// After.
        after: Option<FileImage>,
    },
    /// One line that gtune owns in a file that it shares with others. Other lines stay as they are, byte for byte.
    Line {
        /// The file.
        path: String,
        /// The whole file before.
        before: Option<FileImage>,
        /// The whole file after.
        after: Option<FileImage>,
        /// The line before, without its end; none where it is added.
        old_line: Option<Content>,
        /// The line after; none where it is taken out.
        new_line: Option<Content>,
    },
    /// A symbolic link, such as enables a unit.
    Link {
        /// Where.
        path: String,
        /// Its text before.
        before: Option<String>,
        /// Its text after.
        after: Option<String>,
    },
    /// A live mount. With both images it is mounted with other options.
    Mount {
        /// The mount point.
        target: String,
        /// Before.
        before: Option<MountImage>,
        /// After.
        after: Option<MountImage>,
    },
    /// A number below `/proc/sys`.
    KernelValue {
        /// The key with dots: `net.core.somaxconn`.
        key: String,
        /// In which network namespace.
        network: NetworkOf,
        /// Before.
        before: u64,
        /// After.
        after: u64,
    },
    /// The limit of open files of a running process.
    ProcessLimit {
        /// The process.
        process: ProcessRef,
        /// Before.
        before: SoftHard,
        /// After.
        after: SoftHard,
    },
}

impl Change {
    /// The change that takes this one back.
    pub fn inverse(mut self) -> Self {
        match &mut self {
            Self::Directory { before, after, .. } => swap(before, after),
            Self::File { before, after, .. } => swap(before, after),
            Self::Line { before, after, old_line, new_line, .. } => {
                swap(before, after);
                swap(old_line, new_line);
            }
            Self::Link { before, after, .. } => swap(before, after),
            Self::Mount { before, after, .. } => swap(before, after),
            Self::KernelValue { before, after, .. } => swap(before, after),
            Self::ProcessLimit { before, after, .. } => swap(before, after),
        }
        self
    }

    /// What is changed: a path, a key, a process.
    pub fn subject(&self) -> String {
        match self {
            Self::Directory { path, .. }
            | Self::File { path, .. }
            | Self::Line { path, .. }
            | Self::Link { path, .. } => path.clone(),
            Self::Mount { target, .. } => target.clone(),
            Self::KernelValue { key, network: NetworkOf::Gtune, .. } => key.clone(),
            Self::KernelValue { key, network: NetworkOf::Process(process), .. } => {
                format!("{key} in the network of pid {}", process.pid)
            }
            Self::ProcessLimit { process, .. } => format!("pid {}", process.pid),
        }
    }

    /// Whether it is gone after a reboot, and what is stored is not.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Mount { .. } | Self::KernelValue { .. } | Self::ProcessLimit { .. })
    }

    /// The unit of the system's manager whose drop-in is changed.
    pub fn drop_in_of(&self) -> Option<&str> {
        let Self::File { path, .. } = self else { return None };
        path.strip_prefix("/etc/systemd/system/")?.split_once(".d/").map(|(unit, _)| unit)
    }

    /// Whether systemd reads what is changed, and so has to read it again (systemctl(1), daemon-reload).
    pub fn is_read_by_systemd(&self) -> bool {
        match self {
            Self::File { path, .. } | Self::Line { path, .. } | Self::Link { path, .. } => {
                path == "/etc/fstab" || path.starts_with("/etc/systemd/system/")
            }
            _ => false,
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::units::Limit;

    /// One change of every kind: add to it with every new one.
    pub fn one_of_each() -> Vec<Change> {
        let process = ProcessRef { pid: Pid(812), start_ticks: 4711 };
        let soft_hard = |soft| SoftHard { soft: Limit::At(soft), hard: Limit::Unlimited };
        let tmpfs = |size: &str| MountImage {
            kind: "tmpfs".into(),
            source: "tmpfs".into(),
            options: vec![format!("size={size}"), "mode=1777".into(), "nosuid".into()],
        };
        vec![
            Change::Directory { path: "/mem".into(), before: None, after: Some(DirectoryImage::OF_ROOT) },
            Change::Mount { target: "/mem".into(), before: None, after: Some(tmpfs("64m")) },
            Change::Mount { target: "/srv/mem".into(), before: Some(tmpfs("16m")), after: Some(tmpfs("64m")) },
            Change::Line {
                path: "/etc/fstab".into(),
                before: Some(FileImage::configuration("/dev/vda1 / ext4 rw 0 1\n")),
                after: Some(FileImage::configuration("/dev/vda1 / ext4 rw 0 1\ntmpfs /mem tmpfs size=64m 0 0\n")),
                old_line: None,
                new_line: Some("tmpfs /mem tmpfs size=64m 0 0".into()),
            },
            Change::File {
                path: "/etc/systemd/system/gunicorn.service.d/60-gtune-oom-policy.conf".into(),
                before: None,
                after: Some(FileImage::configuration("[Service]\nOOMPolicy=continue\n")),
            },
            Change::Link {
                path: "/etc/systemd/system/local-fs.target.wants/mem.mount".into(),
                before: None,
                after: Some("/etc/systemd/system/mem.mount".into()),
            },
            Change::KernelValue {
                key: "net.core.somaxconn".into(),
                network: NetworkOf::Gtune,
                before: 128,
                after: 8192,
            },
            Change::KernelValue {
                key: "net.core.somaxconn".into(),
                network: NetworkOf::Process(process),
                before: 128,
                after: 8192,
            },
            Change::ProcessLimit { process, before: soft_hard(1024), after: soft_hard(4096) },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::samples::one_of_each;
    use super::*;

    #[test]
    fn undone_twice_is_done() {
        for change in one_of_each() {
            let inverse = change.clone().inverse();
            assert_ne!(inverse, change);
            assert_eq!(inverse.inverse(), change);
        }
    }

    #[test]
    fn a_change_comes_back_from_the_journal_as_it_went_in() {
        for change in one_of_each() {
            let json = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change, "{json}");
        }
    }

    #[test]
    fn every_change_names_its_subject() {
        for change in one_of_each() {
            assert!(!change.subject().is_empty());
            assert_eq!(change.subject(), change.clone().inverse().subject());
        }
    }
}
