//! The file of a mount unit (systemd.mount(5)): its name, its text, and the link that enables it.

use crate::facts::{MountUnit, unit_name_of_path};
use crate::plan::header::header;
use crate::plan::{FileImage, Obstacle, Place};

/// Where an administrator's units lie (systemd.unit(5)).
const DIRECTORY: &str = "/etc/systemd/system";

/// A unit's file for a directory; systemd refuses one of another name.
pub(super) fn file_of(directory: &str) -> String {
    format!("{DIRECTORY}/{}.mount", unit_name_of_path(directory))
}

/// The link that `systemctl enable` makes for `WantedBy=local-fs.target`.
pub(super) fn link_of(directory: &str) -> String {
    format!("{DIRECTORY}/local-fs.target.wants/{}.mount", unit_name_of_path(directory))
}

/// The unit file. `%` begins a specifier in both values (systemd.unit(5)).
///
/// There is no `nofail` in a unit: local-fs.target wants the mount and does not require it, so a boot goes on without.
pub(super) fn text(directory: &str, options: &[String]) -> String {
    let escaped = |value: &str| value.replace('%', "%%");
    let purpose = "memory for the heartbeat files of Gunicorn. local-fs.target wants this mount and does not require \
                   it: a boot goes on without it.";
    format!(
        "{}[Unit]\n\
         Description=Memory for the heartbeat files of Gunicorn\n\
         Documentation=man:tmpfs(5) man:systemd.mount(5)\n\
         Before=local-fs.target\n\
         \n\
         [Mount]\n\
         What=tmpfs\n\
         Where={}\n\
         Type=tmpfs\n\
         Options={}\n\
         \n\
         [Install]\n\
         WantedBy=local-fs.target\n",
        header(purpose),
        escaped(directory),
        escaped(&options.join(","))
    )
}

/// The unit of a file, with its specifiers of per cent undone.
pub(super) fn read(file: &str, image: &FileImage) -> Option<MountUnit> {
    let mut unit = MountUnit::parse(file, &image.content.0)?;
    unit.mount_point = unit.mount_point.replace("%%", "%");
    unit.options.iter_mut().for_each(|option| *option = option.replace("%%", "%"));
    Some(unit)
}

/// Whether a unit is masked: systemctl(1) makes it a link to `/dev/null`.
pub(super) fn masks(place: &Place<FileImage>) -> bool {
    let leads_there = |obstacle: &Obstacle| match obstacle {
        Obstacle::LeadsOutside(target) | Obstacle::DanglingLink(target) => target == "/dev/null",
        Obstacle::NotRegular(what) => what.ends_with("/dev/null"),
        _ => false,
    };
    place.path == "/dev/null" || place.obstacle.as_ref().is_some_and(leads_there)
}
