//! Mount units that are stored for boot, other than those systemd makes from `/etc/fstab`.

use super::conf_files::{self, ConfFile};
use super::{unit_files, unit_names};
use crate::facts::MountUnit;
use crate::host::Root;
use std::collections::{BTreeMap, BTreeSet};

/// All mount units, by name. A unit that is masked is listed as the vendor wrote it, and is not enabled.
///
/// Debian 13 switches `tmp.mount` on by a link in the package, in `/usr/lib/systemd/system/local-fs.target.wants`.
/// Debian 12 has the unit in `/usr/share/systemd`, where systemd does not look.
pub fn mount_units(root: &Root) -> Vec<MountUnit> {
    let places = conf_files::distinct(root, &unit_files::STORED);
    let listings: Vec<_> = places.iter().map(|place| (place, listed(root, place))).collect();
    let wanted = wanted(root, &listings);
    let entries = listings.iter().flat_map(|(_, entries)| entries);
    let names: BTreeSet<&String> = entries.filter(|name| unit_names::kind(name) == "mount").collect();
    let read = |name: &&String| {
        let mut unit = read(root, &places, name)?;
        unit.enabled &= wanted.contains(*name);
        Some(unit)
    };
    names.iter().filter_map(read).collect()
}

fn listed(root: &Root, directory: &str) -> Vec<String> {
    root.list(directory).known().cloned().unwrap_or_default()
}

/// The unit with its drop-ins; enabled unless it is masked.
fn read(root: &Root, places: &[String], name: &str) -> Option<MountUnit> {
    let files: Vec<ConfFile> = places
        .iter()
        .map(|place| conf_files::one(root, format!("{place}/{name}")))
        .filter(|file| file.content.known().is_some())
        .collect();
    let fragment = files.iter().find(|file| !file.masks())?;
    let mut text = fragment.content.known()?.clone();
    let directories = unit_files::drop_in_directories(places, &[name.to_owned()]);
    for drop_in in conf_files::winners(root, &directories) {
        // Of all keys in question the last assignment counts, so the files read as one.
        text.extend_from_slice(b"\n\n");
        text.extend(drop_in.content.known().into_iter().flatten());
    }
    let mut unit = MountUnit::parse(&fragment.path, &text)?;
    // Unit files know specifiers, so Debian's tmp.mount writes `size=50%%` for what the kernel is given as `size=50%`.
    unit.options.iter_mut().for_each(|option| *option = option.replace("%%", "%"));
    unit.enabled = !files.first().is_some_and(ConfFile::masks);
    Some(unit)
}

/// Names of mount units that something pulls in at boot. What only the initrd wants is no part of the running host.
fn wanted(root: &Root, listings: &[(&String, Vec<String>)]) -> BTreeSet<String> {
    let mut links = BTreeMap::new();
    for (place, entries) in listings {
        for directory in entries.iter().filter(|entry| pulls_in(entry) && !entry.starts_with("initrd")) {
            for name in listed(root, &format!("{place}/{directory}")) {
                let path = format!("{place}/{directory}/{name}");
                // A link to /dev/null in an earlier place takes the vendor's link away.
                links.entry((directory.clone(), name)).or_insert_with(|| !root.is_null(&path));
            }
        }
    }
    links.into_iter().filter(|(_, counts)| *counts).map(|((_, name), _)| name).collect()
}

fn pulls_in(directory: &str) -> bool {
    [".wants", ".requires", ".upholds"].iter().any(|suffix| directory.ends_with(suffix))
}

/// Whether a mount unit of this name is masked by the operator, which also takes an fstab line for the same directory
/// out of force: systemd makes the unit from fstab, and the mask hides it.
pub fn is_masked(root: &Root, name: &str) -> bool {
    conf_files::one(root, format!("/etc/systemd/system/{name}")).masks()
}
