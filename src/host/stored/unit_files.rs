//! The files of a unit: its fragment and its drop-ins, as the manager would find them (systemd.unit(5)).

use super::conf_files::{self, ConfFile};
use super::unit_names;
use crate::facts::{Fact, Reason, Unit, UnitAssignment, parse_unit_file};
use crate::host::Root;
use std::collections::{BTreeMap, HashSet};

/// The unit search path of the system's manager, the first wins.
const SYSTEM: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// The part of the unit search path that outlives a reboot; what lies in `/run` does not.
pub const STORED: [&str; 4] =
    ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// The unit search path of a user's manager; `~` is the home directory and `%t` the runtime directory.
const USER: [&str; 17] = [
    "~/.config/systemd/user.control",
    "%t/systemd/user.control",
    "%t/systemd/transient",
    "%t/systemd/generator.early",
    "~/.config/systemd/user",
    "/etc/xdg/systemd/user",
    "/etc/systemd/user",
    "%t/systemd/user",
    "/run/systemd/user",
    "%t/systemd/generator",
    "~/.local/share/systemd/user",
    "/usr/local/share/systemd/user",
    "/usr/share/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
    "/lib/systemd/user",
    "%t/systemd/generator.late",
];

/// Whose manager runs a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The system's.
    System,
    /// A user's.
    User {
        /// The user.
        uid: u32,
        /// The home directory, as `passwd` says.
        home: String,
    },
}

impl Scope {
    fn search_path(&self) -> Vec<String> {
        match self {
            Self::System => SYSTEM.map(str::to_owned).to_vec(),
            Self::User { uid, home } => {
                let runtime = format!("/run/user/{uid}");
                USER.iter().map(|place| place.replace('~', home).replace("%t", &runtime)).collect()
            }
        }
    }
}

/// A unit as its files say. `loaded` is left unreadable: the manager is not asked here.
///
/// Where a drop-in cannot be read the fragment is unreadable with that reason, since any assignment in it could be the
/// one that counts.
pub fn unit(root: &Root, name: &str, scope: &Scope) -> Unit {
    let mut unit = Unit {
        name: name.to_owned(),
        of_user: matches!(scope, Scope::User { .. }),
        fragment: Fact::Absent,
        drop_ins: Vec::new(),
        stored: BTreeMap::new(),
        loaded: Fact::unreadable("the service manager was not asked"),
    };
    if unit_names::is_unit_name(name) {
        read_files(&mut unit, root, &conf_files::distinct(root, &scope.search_path()));
    } else {
        unit.fragment = Fact::unreadable(format!("not the name of a unit: {}", name.escape_debug()));
    }
    unit
}

fn read_files(unit: &mut Unit, root: &Root, places: &[String]) {
    let fragment = fragment(root, places, &unit.name);
    let names = all_names(root, places, &unit.name, fragment.as_ref());
    let mut blind = fragment.as_ref().and_then(|fragment| take(&mut unit.stored, fragment).err());
    let is_masked = fragment.as_ref().is_some_and(ConfFile::masks);
    // Units that a program makes at run time may have drop-ins and no fragment.
    unit.fragment = fragment.map(|fragment| fragment.path).into();
    if !is_masked {
        blind = blind.or(read_drop_ins(unit, root, &drop_in_directories(places, &names)));
    }
    if let Some(reason) = blind {
        unit.fragment = Fact::Unreadable(reason);
    }
}

/// The file of that name in the first place that has one, else the file of its template. An empty file or a link to
/// `/dev/null` masks the unit, and is the answer too.
pub fn fragment(root: &Root, places: &[String], name: &str) -> Option<ConfFile> {
    let template = unit_names::template(name);
    let paths = [Some(name), template.as_deref()].into_iter().flatten();
    let paths = paths.flat_map(|name| places.iter().map(move |place| format!("{place}/{name}")));
    paths.map(|path| conf_files::one(root, path)).find(|file| file.content != Fact::Absent)
}

fn take(stored: &mut BTreeMap<String, Vec<UnitAssignment>>, file: &ConfFile) -> Result<(), Reason> {
    match &file.content {
        Fact::Known(content) => parse_unit_file(&file.path, content, stored),
        Fact::Absent => {}
        Fact::Unreadable(reason) => return Err(reason.clone()),
    }
    Ok(())
}

/// Takes in all drop-ins; gives the reason where one cannot be read.
fn read_drop_ins(unit: &mut Unit, root: &Root, directories: &[String]) -> Option<Reason> {
    let mut blind = None;
    for file in conf_files::winners(root, directories) {
        if let Err(reason) = take(&mut unit.stored, &file) {
            blind.get_or_insert(reason);
        } else if file.content.known().is_some() && !file.masks() {
            unit.drop_ins.push(file.path);
        }
    }
    blind
}

/// Where drop-ins for a unit lie: for each of its names, place by place, the more specific first; the type last
/// (`service.d`), since anything may override it.
pub fn drop_in_directories(places: &[String], names: &[String]) -> Vec<String> {
    let mut directories = Vec::new();
    for name in names {
        let candidates = unit_names::drop_in_names(name);
        let in_place = |place| candidates.iter().map(move |name| format!("{place}/{name}.d"));
        directories.extend(places.iter().flat_map(in_place));
    }
    let kind = names.first().map_or("", |name| unit_names::kind(name));
    directories.extend(places.iter().map(|place| format!("{place}/{kind}.d")));
    directories
}

/// The unit's own name, the one its fragment links to, and the aliases an operator made: drop-ins of all of them count.
fn all_names(root: &Root, places: &[String], name: &str, fragment: Option<&ConfFile>) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    names.extend(fragment.and_then(|fragment| alias_target(root, places, &fragment.path)));
    // Aliases of a service such as Gunicorn's are made by `systemctl enable`, which writes to /etc and /run alone.
    for place in places.iter().filter(|place| !place.starts_with("/usr/")) {
        let entries = root.list(place).known().cloned().unwrap_or_default();
        let leads_here =
            |entry: &String| alias_target(root, places, &format!("{place}/{entry}")).as_deref() == Some(name);
        names.extend(entries.into_iter().filter(leads_here));
    }
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The other unit a file in the search path links to; none where it is no link, or links to a file elsewhere, which is
/// a way to add a unit and no alias.
fn alias_target(root: &Root, places: &[String], path: &str) -> Option<String> {
    let (_, own_name) = path.rsplit_once('/')?;
    let is_alias = |name: &str| name != own_name && unit_names::kind(name) == unit_names::kind(own_name);
    if !unit_names::is_unit_name(own_name) {
        return None;
    }
    let link = root.link_target(path);
    let (directory, name) = link.known()?.rsplit_once('/')?;
    // Debian 12 links to /lib, which is a link to /usr/lib itself and then stands in `places` by that name.
    let in_search_path = places.iter().any(|place| place == directory || place.strip_prefix("/usr") == Some(directory));
    (in_search_path && is_alias(name) && unit_names::is_unit_name(name)).then(|| name.to_owned())
}
