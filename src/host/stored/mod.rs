//! What is stored on disk for the next boot, the next login and the next start of a service.
//!
//! Everything is read through a [`Root`], so the live host and an image below `--root` are the same to this module.

mod conf_files;
mod gunicorn_units;
mod mount_units;
mod unit_files;
mod unit_names;

pub use gunicorn_units::gunicorn_units;
pub use mount_units::{is_masked, mount_units};
pub use unit_files::{Scope, unit};
pub use unit_names::is_unit_name;

use crate::facts::{Fact, Fstab, LimitsConf, Prediction, Reason, SysctlFile, SysctlStore};
use crate::host::Root;

/// The keys whose boot value gtune predicts.
const SYSCTL_KEYS: [&str; 4] = ["net.core.somaxconn", "fs.file-max", "fs.nr_open", "net.ipv4.tcp_syncookies"];

/// Where sysctl.d(5) looks, the first with a file of a name wins; `/lib` where it is no link to `/usr/lib`.
const SYSCTL_DIRECTORIES: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// Where pam_limits looks: `/usr/etc` is the vendor directory of distributions that keep `/etc` empty (openSUSE), and
/// is not there on others.
const LIMITS_DIRECTORIES: [&str; 2] = ["/etc/security", "/usr/etc/security"];

/// `/etc/fstab`.
pub fn fstab(root: &Root) -> Fact<Fstab> {
    root.read("/etc/fstab").map(|bytes| Fstab::parse(&bytes))
}

/// All `*.conf` of the directories of sysctl.d(5).
///
/// # Errors
/// Why one of the directories cannot be listed: it may hold a file that outdoes all others.
pub fn sysctl_files(root: &Root) -> Result<Vec<SysctlFile>, Reason> {
    let directories = conf_files::distinct(root, &SYSCTL_DIRECTORIES);
    let files = conf_files::all(root, &directories)?;
    Ok(files.into_iter().map(|file| SysctlFile { path: file.path, content: file.content }).collect())
}

/// What the sysctl files say the next boot will set. Where a directory cannot be listed nothing is predicted.
pub fn sysctl_store(root: &Root) -> SysctlStore {
    match sysctl_files(root) {
        Ok(files) => SysctlStore::predict(&SYSCTL_KEYS, &files, root.read("/etc/sysctl.conf")),
        Err(reason) => {
            let blind = Prediction { systemd: Fact::Unreadable(reason.clone()), procps: Fact::Unreadable(reason) };
            SysctlStore { keys: SYSCTL_KEYS.iter().map(|key| ((*key).to_owned(), blind.clone())).collect() }
        }
    }
}

/// `limits.conf` and `limits.d/*.conf`, in the order pam_limits applies them. Unreadable where one of them is: any line
/// in it could be the one that counts.
pub fn limits_conf(root: &Root) -> Fact<LimitsConf> {
    let main = LIMITS_DIRECTORIES.map(|directory| format!("{directory}/limits.conf"));
    let dropped = LIMITS_DIRECTORIES.map(|directory| format!("{directory}/limits.d"));
    let main = main.into_iter().map(|path| conf_files::one(root, path)).find(|file| file.content != Fact::Absent);
    let mut texts = Vec::new();
    for file in main.into_iter().chain(conf_files::winners(root, &dropped)) {
        match file.content {
            Fact::Known(content) => texts.push((file.path, content)),
            Fact::Absent => {}
            Fact::Unreadable(reason) => return Fact::Unreadable(reason),
        }
    }
    if texts.is_empty() { Fact::Absent } else { Fact::Known(LimitsConf::parse(&texts)) }
}

#[cfg(test)]
mod tests;
