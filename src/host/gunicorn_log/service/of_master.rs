//! The logs of a Gunicorn that runs.

use super::ServiceLog;
use super::held::{Held, held_by, master};
use super::log_file::{LogFile, Place, file_id};
use super::paths::error_log;
use super::rotated::family;
use crate::facts::{Reason, Service};
use crate::host::gunicorn_log::times::has_line_of_gunicorn;
use crate::host::log_source::{END, Rotation, bytes_at, unrotated};
use crate::host::patience::patiently;
use crate::host::processes::ProcessHandle;
use crate::host::{Root, printable};
use nix::sys::stat::FileStat;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where Docker keeps what a container writes, unless it is told otherwise (its json-file driver).
const DOCKER: &str = "/var/lib/docker/containers";

/// Adds the logs of a service, or why none is found.
pub fn logs(root: &Root, service: &Service, logs: &mut Vec<ServiceLog>, reasons: &mut Vec<Reason>) {
    let pinned = master(&service.master);
    let held = pinned.as_ref().map_err(Clone::clone).and_then(held_by);
    let mut look = Look::of(root, service, pinned.ok());
    let found = match &held {
        Ok(held) => look.among(held),
        // Where nothing of the process may be seen, a path of the host is the best there is.
        Err(_) if service.container.is_some() => vec![],
        Err(_) => {
            look.named();
            look.found()
        }
    };
    if found.is_empty() {
        let why = held.map_or_else(Some, |held| elsewhere(service, &held));
        reasons.extend(why.map(|why| Reason::new(format!("{}: {why}", service.name))));
    }
    logs.extend(found);
}

/// The look for the logs of one service.
struct Look<'a> {
    root: &'a Root,
    service: &'a Service,
    /// The master, where it can still be looked at.
    master: Option<Arc<ProcessHandle>>,
    /// The root of the master, so that paths mean what they mean to it.
    inside: Option<Arc<Root>>,
    /// By the path of the log: whether it lies inside, and files that are of it though their name does not say so.
    families: BTreeMap<(String, bool), Vec<LogFile>>,
}

impl<'a> Look<'a> {
    fn of(root: &'a Root, service: &'a Service, master: Option<Arc<ProcessHandle>>) -> Self {
        let open = |master: &Arc<ProcessHandle>| {
            Root::of_process(master.directory(), &format!("/proc/{}/root", master.pid)).ok()
        };
        let inside = master.as_ref().and_then(open).map(Arc::new);
        Self { root, service, master, inside, families: BTreeMap::new() }
    }

    /// The logs that the master holds open, and the one that is set.
    fn among(mut self, held: &[Arc<Held>]) -> Vec<ServiceLog> {
        let named = self.named();
        held.iter().for_each(|held| self.take(held, named.as_deref()));
        if self.families.is_empty() {
            self.take_container();
        }
        self.found()
    }

    /// The path of the error log by settings; a family of its own where it is there.
    fn named(&mut self) -> Option<String> {
        let path = error_log(&self.service.settings, &self.directory())?;
        if let Some(file) = self.at(&path) {
            self.families.entry((path.clone(), file.is_inside())).or_default();
        }
        Some(path)
    }

    /// The working directory of the master, which relative paths are of.
    fn directory(&self) -> String {
        let link = self.master.as_ref().and_then(|master| master.link("cwd").known().cloned());
        let now = link.map(|now| String::from_utf8_lossy(&now).into_owned());
        let changed = || self.service.settings.chdir().known().map(|set| set.value.clone());
        let of_unit = || Some(self.service.unit.known()?.loaded.known()?.working_directory.clone());
        now.or_else(changed).or_else(of_unit).unwrap_or_default()
    }

    /// A file by its path as the master knows it: under the host's name where that is the same file.
    fn at(&self, path: &str) -> Option<LogFile> {
        let hosts = LogFile::at(self.root, None, path).known().cloned();
        let Some(inside) = &self.inside else { return hosts };
        let own = LogFile::at(self.root, Some(inside), path).known().cloned()?;
        hosts.filter(|hosts| hosts.id() == own.id()).or(Some(own))
    }

    /// Takes a descriptor that an error log is behind.
    fn take(&mut self, held: &Arc<Held>, named: Option<&str>) {
        let is_errors = held.number == 2;
        if held.number == 0 || !held.link.starts_with('/') {
            return;
        }
        let is_named = named == Some(held.link.as_str());
        if !is_errors && !is_named && held.number != 1 && !held.appends() {
            return;
        }
        let Some(status) = held.file() else { return };
        if is_errors || is_named || is_error_log(held, &status) {
            self.add(held, &status, named);
        }
    }

    fn add(&mut self, held: &Arc<Held>, status: &FileStat, named: Option<&str>) {
        let (directory, name) = held.link.rsplit_once('/').unwrap_or(("", &held.link));
        // A log that was renamed and not reopened is of the log whose name it had.
        let by_setting = named.and_then(|named| named.rsplit_once('/')).filter(|(of, _)| *of == directory);
        let by_setting = by_setting.map(|(_, own)| own).filter(|own| Rotation::of(name, own).is_some());
        let path = format!("{directory}/{}", by_setting.unwrap_or_else(|| unrotated(name)));
        let file = self.placed(held, status);
        let is_inside = self.at(&path).or_else(|| file.clone()).is_some_and(|file| file.is_inside());
        self.families.entry((path, is_inside)).or_default().extend(file);
    }

    /// The file under its name, or as it is held where it has none any more.
    fn placed(&self, held: &Arc<Held>, status: &FileStat) -> Option<LogFile> {
        let id = file_id(status);
        let by_name = self.at(&held.link).filter(|file| !held.is_deleted && file.id() == id);
        by_name.or_else(|| {
            let pid = self.service.master.pid;
            let name = printable(&format!("/proc/{pid}/fd/{} ({})", held.number, held.link));
            LogFile::of(name, status, Place::Held(Arc::clone(held)))
        })
    }

    /// What Docker keeps of a container's output.
    fn take_container(&mut self) {
        let container = self.service.container.as_ref().filter(|container| container.runtime == "docker");
        let Some(id) = container.and_then(|container| container.id.as_ref()) else { return };
        let path = format!("{DOCKER}/{id}/{id}-json.log");
        if LogFile::at(self.root, None, &path).known().is_some() {
            self.families.insert((path, false), vec![]);
        }
    }

    fn found(self) -> Vec<ServiceLog> {
        let unit = self.service.unit.known().map(|unit| unit.name.clone());
        let families = self.families.into_iter().map(|((path, is_inside), others)| {
            let inside = self.inside.as_ref().filter(|_| is_inside);
            ServiceLog {
                files: family(self.root, inside, &path, others),
                path: inside.map_or(self.root, Arc::as_ref).shown(&path),
                unit: unit.clone(),
                service: self.service.name.clone(),
            }
        });
        families.filter(|log| !log.files.is_empty()).collect()
    }
}

/// Whether a file that a master writes to has lines of Gunicorn at one of its ends. Its server may not answer.
fn is_error_log(held: &Arc<Held>, status: &FileStat) -> bool {
    let (held, status) = (Arc::clone(held), *status);
    let look = move || {
        let Ok(file) = held.open(file_id(&status)) else { return false };
        let mut end = vec![0; END];
        let size = u64::try_from(status.st_size).unwrap_or(0);
        [0, size.saturating_sub(END as u64)].iter().any(|at| has_line_of_gunicorn(bytes_at(&file, &mut end, *at)))
    };
    patiently(look).unwrap_or(false)
}

/// Where a service writes its errors to instead, if that is no journal.
fn elsewhere(service: &Service, held: &[Arc<Held>]) -> Option<Reason> {
    let link = held.iter().find(|held| held.number == 2).map(|held| held.link.as_str());
    let to = match link {
        // A unit's socket is the journal's.
        Some(link) if link.starts_with("socket:") && service.unit.known().is_some() => return None,
        Some(link) if link.starts_with("socket:") => "a socket",
        Some(link) if link.starts_with("pipe:") => "a pipe to another program",
        Some("/dev/null") => return Some(Reason::new("its errors go to /dev/null: nothing of them is kept")),
        Some(link) if link.starts_with("/dev/pts/") || link.starts_with("/dev/tty") => "a terminal",
        _ => "a place that was not found",
    };
    Some(Reason::new(format!("its errors go to {to}: name the file that keeps them with --error-log")))
}
