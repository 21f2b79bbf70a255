//! Directories of `*.conf` files that several parties drop files into: sysctl.d, limits.d, drop-ins of units.
//!
//! The rule is the same everywhere (systemd's `conf_files_list`): of files with the same name the one in the earlier
//! directory hides the others, also when it is empty or a link to `/dev/null`; what is left is applied by file name.

use crate::facts::{Fact, Reason};
use crate::host::Root;
use std::collections::{BTreeMap, HashSet};

/// All files of one kind together. A hostile image could hold thousands of files that are each just below the bound for
/// one; real hosts have some 100 KiB.
pub const MOST_BYTES: usize = 64 << 20;

/// One file, as read.
#[derive(Debug)]
pub struct ConfFile {
    /// Path below the root.
    pub path: String,
    /// Its bytes; empty for a link to `/dev/null`, absent for a link that leads nowhere.
    pub content: Fact<Vec<u8>>,
}

impl ConfFile {
    /// Whether it is empty or a link to `/dev/null`: then it stands for "no such unit", "no such drop-in".
    pub fn masks(&self) -> bool {
        self.content.known().is_some_and(Vec::is_empty)
    }
}

/// One file by its path.
pub fn one(root: &Root, path: String) -> ConfFile {
    let content = if root.is_null(&path) { Fact::Known(Vec::new()) } else { root.read(&path) };
    ConfFile { path, content }
}

/// The directories that are there, each once, in order: where `/lib` is a link to `/usr/lib` the two are one.
pub fn distinct<P: AsRef<str>>(root: &Root, directories: &[P]) -> Vec<String> {
    let mut seen = HashSet::new();
    let is_new = |directory: &&P| match root.stat(directory.as_ref()) {
        Fact::Known(stat) => seen.insert((stat.st_dev, stat.st_ino)),
        Fact::Absent => false,
        Fact::Unreadable(_) => true,
    };
    directories.iter().filter(is_new).map(|directory| directory.as_ref().to_owned()).collect()
}

/// Every `*.conf` file, directory by directory, by name within each.
///
/// # Errors
/// Why a directory cannot be listed: it may hold a file that hides or outdoes all others.
pub fn all<P: AsRef<str>>(root: &Root, directories: &[P]) -> Result<Vec<ConfFile>, Reason> {
    let mut left = MOST_BYTES;
    let mut files = Vec::new();
    for directory in directories {
        files.extend(paths(root, directory.as_ref())?.into_iter().map(|path| within(&mut left, root, path)));
    }
    Ok(files)
}

/// The files that count, in the order they are applied: one of each name, by name. Before them stand directories that
/// cannot be listed, as files that cannot be read.
pub fn winners<P: AsRef<str>>(root: &Root, directories: &[P]) -> Vec<ConfFile> {
    let mut files = Vec::new();
    let mut by_name = BTreeMap::new();
    for directory in directories.iter().map(AsRef::as_ref) {
        match paths(root, directory) {
            Ok(paths) => paths.into_iter().for_each(|path| {
                by_name.entry(name_of(&path).to_owned()).or_insert(path);
            }),
            Err(reason) => files.push(ConfFile { path: directory.to_owned(), content: Fact::Unreadable(reason) }),
        }
    }
    let mut left = MOST_BYTES;
    // Names with a dot in front are hidden from all readers but procps.
    let visible = by_name.into_iter().filter(|(name, _)| !name.starts_with('.'));
    files.extend(visible.map(|(_, path)| within(&mut left, root, path)));
    files
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn paths(root: &Root, directory: &str) -> Result<Vec<String>, Reason> {
    match root.list(directory) {
        Fact::Known(names) => {
            let names = names.into_iter().filter(|name| name.ends_with(".conf"));
            Ok(names.map(|name| format!("{directory}/{name}")).collect())
        }
        Fact::Absent => Ok(Vec::new()),
        Fact::Unreadable(reason) => Err(reason),
    }
}

/// Reads a file as long as there is room for it.
fn within(left: &mut usize, root: &Root, path: String) -> ConfFile {
    if *left == 0 {
        let content = Fact::unreadable(format!("more configuration than 64 MiB before {}", root.shown(&path)));
        return ConfFile { path, content };
    }
    let file = one(root, path);
    *left = left.saturating_sub(file.content.known().map_or(0, Vec::len));
    file
}
