//! The files of one log, in the order they were written.

use super::log_file::LogFile;
use crate::host::Root;
use crate::host::log_source::Rotation;
use jiff::Timestamp;
use std::sync::Arc;

/// The log at a path and what it was rotated to, the oldest first; and others that are of it though their name does not say
/// so.
pub fn family(root: &Root, inside: Option<&Arc<Root>>, path: &str, others: Vec<LogFile>) -> Vec<LogFile> {
    let of = inside.map_or(root, Arc::as_ref);
    let (directory, own) = path.rsplit_once('/').unwrap_or(("", path));
    let listed =
        of.list_those(if directory.is_empty() { "/" } else { directory }, |name| Rotation::of(name, own).is_some());
    let names = listed.known().cloned().unwrap_or_default();
    let at = |name: &str| LogFile::at(root, inside, &format!("{directory}/{name}")).known().cloned();
    let mut rotated: Vec<(String, LogFile)> = names
        .into_iter()
        .filter_map(|name| at(&name).map(|file| (name, file)))
        .filter(|(_, file)| file.bytes > 0)
        .collect();
    sort(&mut rotated, own);
    let mut files: Vec<LogFile> = rotated.into_iter().map(|(_, file)| file).collect();
    let mut live: Vec<LogFile> = at(own).into_iter().chain(others).collect();
    live.sort_by_key(|file| file.written);
    for file in live {
        if files.iter().all(|other| other.id() != file.id()) {
            files.push(file);
        }
    }
    files
}

/// By the numbers of all or the dates of all; else by when they were written, which copying may have changed.
fn sort(files: &mut [(String, LogFile)], own: &str) {
    let of = |name: &str| Rotation::of(name, own).map(|rotation| (rotation.number(), rotation.date()));
    let marks: Vec<_> = files.iter().filter_map(|(name, _)| of(name)).collect();
    let numbered = marks.iter().all(|(number, _)| number.is_some());
    let dated = marks.iter().all(|(_, date)| date.is_some());
    let written = |file: &LogFile| -> Timestamp { file.written };
    if numbered {
        files.sort_by_key(|(name, _)| of(name).and_then(|(number, _)| number));
    } else if dated {
        files.sort_by_key(|(name, _)| of(name).and_then(|(_, date)| date));
    } else {
        files.sort_by_key(|(_, file)| written(file));
    }
}
