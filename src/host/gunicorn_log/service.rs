//! The error logs of the Gunicorns of a host, found through what their masters hold open, settings and units.
//!
//! The directory of a log may belong to the application, which may put anything in the place of a file: paths are resolved
//! beneath the root they are of, and what is no regular file is never opened.

mod held;
mod log_file;
mod of_master;
mod of_unit;
mod paths;
mod rotated;
#[cfg(test)]
mod tests;

pub use log_file::LogFile;

use super::{Read, Unread};
use crate::facts::{Facts, Reason};
use crate::gunicorn::log::Told;
use crate::host::Root;
use crate::units::FileId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;

/// A file that was last written so long before what is asked for has nothing of it but who was a worker by then:
/// `max_requests`, releases and weekly restarts replace most within that.
const BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A file that was last written this long before what is asked for has nothing of it.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// What is read for the sake of that time before, bytes: a second's work.
const MOST_BEFORE: u64 = 1 << 30;

/// An error log with its rotated files.
#[derive(Debug)]
pub struct ServiceLog {
    /// The log as the operator knows it.
    pub path: String,
    /// Its files, the oldest first.
    pub files: Vec<LogFile>,
    /// The unit whose log it is.
    pub unit: Option<String>,
    /// The service whose log it is.
    pub service: String,
}

/// The logs of all services that run, and of the units that start a Gunicorn and do not run; beside them why logs cannot be
/// found. Services that write to the journal have none.
pub fn service_logs(root: &Root, facts: &Facts) -> (Vec<ServiceLog>, Vec<Reason>) {
    let services = facts.services.known().map(Vec::as_slice).unwrap_or_default();
    let (mut logs, mut reasons) = (Vec::new(), Vec::new());
    for service in services {
        of_master::logs(root, service, &mut logs, &mut reasons);
    }
    for unit in &facts.stopped_units {
        of_unit::logs(root, unit, &mut logs, &mut reasons);
    }
    each_once(&mut logs);
    if logs.is_empty() && reasons.is_empty() && services.is_empty() && facts.stopped_units.is_empty() {
        let place = if root.is_live() { String::new() } else { format!(" below {}", root.name()) };
        reasons.push(Reason::new(format!("no log of a Gunicorn was found{place}: name it with --error-log")));
    }
    (logs, reasons)
}

/// Two services may write to one file, and a running one has the file of a unit that starts the same.
fn each_once(logs: &mut Vec<ServiceLog>) {
    let mut seen: HashSet<FileId> = HashSet::new();
    for log in logs.iter_mut() {
        log.files.retain(|file| seen.insert(file.id()));
    }
    logs.retain(|log| !log.files.is_empty());
}

impl ServiceLog {
    /// Leaves out the files that were written before the time that is asked for, but for those that may tell who was a
    /// worker when it began.
    pub fn keep_since(&mut self, since: Option<Timestamp>) {
        let Some(since) = since else { return };
        let (begin, before) = (since.saturating_sub(MARGIN), since.saturating_sub(BEFORE));
        let (begin, before) = (begin.unwrap_or(since), before.unwrap_or(since));
        let mut left = MOST_BEFORE;
        let mut kept: Vec<LogFile> = Vec::new();
        // The newest of those before are worth most.
        for file in std::mem::take(&mut self.files).into_iter().rev() {
            if file.written < begin {
                left = left.saturating_sub(file.text_bytes());
                if file.written < before || left == 0 {
                    continue;
                }
            }
            kept.push(file);
        }
        kept.reverse();
        self.files = kept;
    }

    /// Reads one of its files.
    ///
    /// # Errors
    /// Where it cannot be read, with the group that may.
    pub fn read(
        &self,
        root: &Root,
        file: &LogFile,
        zone: &TimeZone,
        each: &mut dyn FnMut(Told),
    ) -> Result<Read, Unread> {
        let mut read = super::file::read(&file.name, file.open(root)?, zone, each)?;
        read.source.unit.clone_from(&self.unit);
        Ok(read)
    }
}
