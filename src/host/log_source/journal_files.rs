//! Where the journal is kept, who may read it, and where `journalctl` lies.

use super::{Unread, access, has_group};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name that the operator knows it by.
const NAME: &str = "the journal";

/// Where journalctl lies: on most distributions, on those where `/bin` is apart, on NixOS. `PATH` is not asked, since
/// gtune may run as root with another user's.
const PLACES: [&str; 3] = ["/usr/bin/journalctl", "/bin/journalctl", "/run/current-system/sw/bin/journalctl"];

/// Whether the journal outlives the boot (journald.conf(5), `Storage=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In `/var/log/journal`.
    OnDisk,
    /// In `/run/log/journal`.
    UntilReboot,
}

/// The program.
///
/// # Errors
/// Where it is not there.
pub fn journalctl() -> Result<&'static Path, Unread> {
    let place = PLACES.iter().map(Path::new).find(|place| place.is_file());
    place.ok_or_else(|| Unread::new(NAME, format!("journalctl is not there: {}", PLACES[0])))
}

/// Where the system's journal is kept that may be read. journalctl(1) shows a user who may not read it their own
/// messages alone, and ends well.
///
/// # Errors
/// Where there is none, or it may not be read, with the group that may.
pub fn kept(root: &Path) -> Result<Kept, Unread> {
    let places = [("var/log/journal", Kept::OnDisk), ("run/log/journal", Kept::UntilReboot)];
    let mut forbidden = None;
    for (place, kept) in places {
        for file in system_journals(&root.join(place)) {
            match File::open(&file) {
                Ok(_) => return Ok(kept),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => forbidden = Some(file),
                Err(_) => {}
            }
        }
    }
    Err(match forbidden {
        Some(file) => Unread::new(NAME, "permission denied").hint(who_may(root, &file)),
        None => Unread::new(NAME, "no journal of the system is there"),
    })
}

/// The files that hold the system's messages: one a machine id, and those it was rotated to.
fn system_journals(directory: &Path) -> Vec<PathBuf> {
    let machines = fs::read_dir(directory).into_iter().flatten().flatten();
    machines.map(|machine| machine.path().join("system.journal")).collect()
}

/// systemd gives the files to its own group, and lets adm and wheel read them by an access control list where these are
/// there (systemd-journald.service(8)).
fn who_may(root: &Path, file: &Path) -> String {
    let groups = fs::read(root.join("etc/group")).unwrap_or_default();
    let owner = file.metadata().map(|status| access::who_may(&groups, status.mode(), status.gid()));
    let by_owner = owner.unwrap_or_else(|_| "needs root or group systemd-journal".to_owned());
    if has_group(&groups, "adm") { format!("{by_owner} or adm") } else { by_owner }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_is_kept_in_memory_is_told_from_one_on_disk() {
        let place = tempfile::tempdir().unwrap();
        let put = |directory: &str| {
            let machine = PathBuf::from(place.path()).join(directory).join("0123456789abcdef");
            std::fs::create_dir_all(&machine).unwrap();
            std::fs::write(machine.join("system.journal"), "LPKSHHRH").unwrap();
        };
        assert_eq!(kept(place.path()).unwrap_err().reason.to_string(), "no journal of the system is there");
        put("run/log/journal");
        assert_eq!(kept(place.path()), Ok(Kept::UntilReboot));
        put("var/log/journal");
        assert_eq!(kept(place.path()), Ok(Kept::OnDisk));
    }
}
