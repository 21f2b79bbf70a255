//! Storing a mount as a unit, and what the unit that is there lacks.

use super::line::{Table, several};
use super::stored::Stored;
use super::unit_file::{file_of, link_of, masks, read, text};
use super::wish::{Wish, marked, outside_fstab, shown};
use crate::checks::made_for_gunicorn;
use crate::facts::{Fact, FstabEntry, MountUnit};
use crate::plan::drop_in::obstructed;
use crate::plan::header::{edit_is_lost, is_edited};
use crate::plan::mount_options::TmpfsOptions;
use crate::plan::{Change, FileImage, Place, Refusal, Topic};
use crate::units::quoted;

/// A unit that is there for the directory.
#[derive(Debug)]
pub(super) struct UnitFile {
    pub file: String,
    /// What it mounts; none where that cannot be read from it.
    unit: Option<MountUnit>,
    enabled: bool,
}

impl UnitFile {
    /// The unit that counts: one of the administrator, else what was seen elsewhere; none where no systemd reads it.
    /// A masked one is refused, since nothing can mount the directory at boot then.
    pub fn find(wish: &Wish<'_>) -> Result<Option<Self>, Refusal> {
        let host = &wish.facts.host;
        if host.live && host.systemd == Fact::Absent {
            return Ok(None);
        }
        let file = file_of(wish.directory);
        let place = wish.ground.files.get(&file);
        if place.is_some_and(masks) {
            let name = file.rsplit('/').next().unwrap_or(&file);
            let hint = format!("systemctl unmask {}", quoted(name));
            return Err(
                wish.refuse(format!("{file} is a link to /dev/null, so that systemd never mounts it"), vec![hint])
            );
        }
        let link = wish.ground.links.get(&link_of(wish.directory)).is_some_and(|link| link.known().is_some());
        let seen = wish.facts.mount_units.iter().find(|unit| unit.mount_point == wish.directory);
        match place.map(|place| &place.image) {
            Some(Fact::Known(image)) => {
                let enabled = link || seen.is_some_and(|unit| unit.file == file && unit.enabled);
                let unit = read(&file, image);
                Ok(Some(Self { file, unit, enabled }))
            }
            Some(Fact::Unreadable(reason)) => Err(wish.refuse(format!("{file}: {reason}"), vec![])),
            _ => Ok(seen.filter(|unit| unit.file != file).map(|unit| Self {
                file: unit.file.clone(),
                enabled: unit.enabled,
                unit: Some(unit.clone()),
            })),
        }
    }

    /// Whether it takes the place of a line in fstab at every boot.
    pub fn is_administrators(&self) -> bool {
        self.file.starts_with("/etc/")
    }

    /// Whether it does so until the next boot.
    pub fn is_transient(&self) -> bool {
        self.file.starts_with("/run/")
    }

    /// Whether gtune made it.
    pub fn is_own(&self) -> bool {
        self.unit.as_ref().is_some_and(|unit| made_for_gunicorn(&unit.options))
    }

    fn options(&self) -> &[String] {
        self.unit.as_ref().map(|unit| unit.options.as_slice()).unwrap_or_default()
    }

    /// Whether it mounts what is wished for, at boot.
    pub fn is_right(&self, wish: &Wish<'_>) -> bool {
        self.enabled && self.lacks(wish).is_empty()
    }

    /// What the unit itself lacks of the wish.
    fn lacks(&self, wish: &Wish<'_>) -> Vec<String> {
        let Some(unit) = &self.unit else { return vec![format!("Where={}", wish.directory)] };
        let at = (unit.mount_point != wish.directory).then(|| format!("Where={}", wish.directory));
        let kind = (unit.kind.name() != "tmpfs").then(|| "Type=tmpfs".to_owned());
        let live = wish.mount().map(|mount| TmpfsOptions::read(&mount.options));
        let options = wish.lacks(&TmpfsOptions::read(&unit.options), wish.caps(&live));
        at.into_iter().chain(kind).chain(options).collect()
    }

    /// The unit is left as it is, and enabled where it is not; refused where it is wrong.
    pub fn as_it_is(&self, wish: &Wish<'_>) -> Result<Stored, Refusal> {
        let lacks = self.lacks(wish);
        if !lacks.is_empty() {
            let adopt = if self.is_own() { "" } else { " --adopt" };
            return Err(wish.refuse(
                format!("{} mounts it at boot and lacks {}", self.file, lacks.join(", ")),
                vec![format!("{}   # writes this unit anew", wish.again(adopt))],
            ));
        }
        let what = format!("{} is stored in {}", wish.directory, self.file);
        let mut stored = Stored::already(wish, what, "tmpfs", self.options());
        if !self.enabled {
            stored.topic.changes = enable(wish, &self.file)?;
        }
        Ok(stored)
    }
}

/// What storing the mount as a unit comes to; `unit` is what is there.
pub(super) fn store(wish: &Wish<'_>, table: &Table<'_>, unit: Option<UnitFile>) -> Result<Stored, Refusal> {
    if wish.facts.host.live && wish.facts.host.systemd == Fact::Absent {
        let reason = "systemd, which reads mount units, does not run this host";
        return Err(wish.refuse(reason, vec![wish.again(" --backend fstab")]));
    }
    let line = match table.lines.as_slice() {
        [] => None,
        [line] => Some(line),
        lines => return Err(several(wish, lines)),
    };
    let Some(unit) = unit else { return instead_of(wish, table, line) };
    let lacks = unit.lacks(wish);
    let mut stored = if lacks.is_empty() || !(unit.is_own() || wish.adopt) {
        unit.as_it_is(wish)?
    } else {
        let live = wish.mount().map(|mount| TmpfsOptions::read(&mount.options));
        let is_tmpfs = !lacks.iter().any(|lack| lack == "Type=tmpfs");
        let before = if is_tmpfs { unit.options() } else { &[] };
        let mut stored = write(wish, wish.mended(before, wish.caps(&live)))?;
        stored.keeps_size(wish, before);
        stored
    };
    match line {
        Some(line) if wish.adopt => stored.topic.changes.extend(table.without(wish, line)?),
        Some(line) => {
            stored.topic.warnings.push(format!("Line {} of /etc/fstab does nothing: {} counts.", line.line, unit.file));
        }
        None => {}
    }
    Ok(stored)
}

/// A new unit, in the place of a line where there is one.
fn instead_of(wish: &Wish<'_>, table: &Table<'_>, line: Option<&FstabEntry>) -> Result<Stored, Refusal> {
    let live = wish.mount().map(|mount| TmpfsOptions::read(&mount.options));
    let Some(line) = line else { return write(wish, wish.fresh(wish.caps(&live), live.as_ref())) };
    if !wish.adopt {
        let reason = format!("/etc/fstab mounts it at boot, {}", shown(line));
        let adopt = format!("{}   # puts a unit in its place", wish.again(" --backend unit --adopt"));
        return Err(wish.refuse(reason, vec![wish.again(""), adopt]));
    }
    let read = TmpfsOptions::read(&line.options);
    let options = match line.kind.as_str() {
        "tmpfs" => wish.mended(&line.options, wish.caps([&read].into_iter().chain(&live))),
        _ => wish.fresh(wish.caps(&live), live.as_ref()),
    };
    let mut stored = write(wish, options)?;
    stored.topic.changes.extend(table.without(wish, line)?);
    Ok(stored)
}

/// The keys that gtune's own unit has.
const KEYS: [&str; 8] = ["Description", "Documentation", "Before", "What", "Where", "Type", "Options", "WantedBy"];

/// The changes that write the unit and enable it.
fn write(wish: &Wish<'_>, options: Vec<String>) -> Result<Stored, Refusal> {
    let path = file_of(wish.directory);
    // systemd drops blanks at the end of a value, and reads a backslash there as one that joins two lines.
    if wish.directory.ends_with([' ', '\\']) {
        let reason = "no unit file can hold a name with a blank or a backslash at its end";
        return Err(wish.refuse(reason, vec![wish.again(" --backend fstab")]));
    }
    let free = Place::free(&path);
    let place = wish.ground.files.get(&path).unwrap_or(&free);
    if let Some(refusal) = obstructed(wish.ground, &path, place) {
        return Err(refusal);
    }
    let options = marked(outside_fstab(options));
    let after = Some(FileImage::configuration(text(wish.directory, &options)));
    let mut changes = wish.ground.make_above(&path);
    changes.push(Change::File { before: place.image.known().cloned(), after, path });
    for change in enable(wish, &file_of(wish.directory))? {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    // With --adopt it is said already that a file of others gives way.
    let was_edited = place.image.known().is_some_and(|file| is_edited(&file.content.0, &KEYS)) && !wish.adopt;
    let warnings = was_edited.then(|| edit_is_lost(&file_of(wish.directory))).into_iter().collect();
    let topic = Topic { changes, warnings, ..Topic::default() };
    let mut stored = Stored { topic, source: "tmpfs".to_owned(), options };
    stored.rehearse(wish);
    Ok(stored)
}

/// What `systemctl enable` does.
fn enable(wish: &Wish<'_>, unit_file: &str) -> Result<Vec<Change>, Refusal> {
    let path = link_of(wish.directory);
    if wish.ground.links.get(&path).is_some_and(|link| link.known().is_some()) {
        return Ok(vec![]);
    }
    if let Some(refusal) = obstructed(wish.ground, &path, &Place::free(&path)) {
        return Err(refusal);
    }
    let mut changes = wish.ground.make_above(&path);
    changes.push(Change::Link { path, before: None, after: Some(unit_file.to_owned()) });
    Ok(changes)
}
