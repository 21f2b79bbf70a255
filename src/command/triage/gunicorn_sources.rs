//! Gunicorn's logs and journals, one after the other into the list of the living.

use super::super::kernel_sources::{KernelSources, reason, unreadable};
use super::families::Family;
use super::passed::{Passed, names, unit_of};
use super::scope::Units;
use crate::command::Failure;
use crate::facts::{Facts, Reason};
use crate::gunicorn::log::{Said, Told};
use crate::host::Root;
use crate::host::gunicorn_log::{self, Read};
use crate::host::kernel_log::{Search, Unread};
use crate::render::Progress;
use crate::triage::{Rolled, Rolls, Source};
use crate::units::Pid;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Said of a named log that cannot be read.
const OTHERWISE: &str = "without --error-log and --kernel-log, gtune triage reads the logs of this host";

/// The time that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// Nothing earlier.
    pub since: Option<Timestamp>,
    /// Nothing later.
    pub until: Option<Timestamp>,
}

/// Which lines of a source are taken, and whether it counts as a log of Gunicorn where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// All: it is a log of Gunicorn, or ought to be.
    All,
    /// Those there are: it may be another log.
    Some,
    /// Those of service managers and user-space killers.
    OfManagers,
}

/// What was read so far.
pub struct GunicornSources<'a> {
    zone: &'a TimeZone,
    progress: &'a Progress,
    /// The process that was asked for.
    pid: Option<Pid>,
    rolls: Rolls,
    families: usize,
    /// Units that something was told of.
    pub units: BTreeSet<Box<str>>,
    /// What was read.
    pub sources: Vec<Source>,
    /// What could not be read.
    pub blind_spots: Vec<Reason>,
    /// Whether one of them is there and may not be read.
    pub refused: bool,
    /// Whether a log of a Gunicorn is among them.
    pub is_blind: bool,
    /// Whether a line names the process that was asked for.
    pub has_named: bool,
}

impl<'a> GunicornSources<'a> {
    /// Nothing yet.
    pub fn new(search: &'a Search, progress: &'a Progress, pid: Option<Pid>) -> Self {
        Self {
            zone: &search.zone,
            progress,
            pid,
            rolls: Rolls::within(search.since, search.until),
            families: 0,
            units: BTreeSet::new(),
            sources: vec![],
            blind_spots: vec![],
            refused: false,
            is_blind: false,
            has_named: false,
        }
    }

    /// What the logs tell of who lived and died.
    pub fn finish(self) -> Rolled {
        self.rolls.finish()
    }

    /// Reads a log that was named, of this unit where that is told, and what the kernel says in it where it is a journal or a syslog that is not read as a
    /// kernel log anyway.
    ///
    /// # Errors
    /// Where a file of it cannot be read.
    pub fn read_named(
        &mut self,
        family: &Family,
        kernel_logs: &[PathBuf],
        unit: Option<&str>,
        kernel: &mut KernelSources<'_>,
    ) -> Result<(), Failure> {
        let zone = self.zone;
        for path in self.in_order(family)? {
            self.progress.doing(&format!("reading {}", path.display()));
            let passed = self
                .read(Taken::All, |each| gunicorn_log::named(&path, zone, each))
                .map_err(|unread| unreadable(&path, unread, OTHERWISE))?;
            self.is_of(unit.filter(|_| passed.bare > 0));
            let is_journal = passed.dressed > 0 && passed.bare == 0;
            if is_journal && is_stored(&path) && !kernel_logs.contains(&path) {
                kernel.read_beside(&path);
            }
        }
        self.families += 1;
        Ok(())
    }

    /// Reads what managers say in a named log of the kernel; and Gunicorn too, where no log of it was named.
    ///
    /// # Errors
    /// Where a file of it cannot be read.
    pub fn read_kernel_log(
        &mut self,
        family: &Family,
        error_logs: &[PathBuf],
        kernel: &mut KernelSources<'_>,
    ) -> Result<(), Failure> {
        let zone = self.zone;
        let taken = if error_logs.is_empty() { Taken::Some } else { Taken::OfManagers };
        for path in self.in_order(family)? {
            kernel.read_named(&path).map_err(|unread| {
                let hint = unread.hint.map(|hint| hint.replace("gtune oom", "gtune triage --kernel-log"));
                unreadable(&path, Unread { hint, ..unread }, OTHERWISE)
            })?;
            if is_stored(&path) && !error_logs.contains(&path) {
                // It was read just now; what is no log of Gunicorn's for its reader is none.
                let _ = self.read(taken, |each| gunicorn_log::named(&path, zone, each));
            }
        }
        self.families += 1;
        Ok(())
    }

    /// Reads the logs of the services of a host, older ones too: who dies today may have booted a week ago. The units whose
    /// logs these are.
    pub fn read_services(&mut self, root: &Root, facts: &Facts, period: Period) -> BTreeSet<String> {
        let zone = self.zone;
        let (logs, hidden) = gunicorn_log::service_logs(root, facts);
        hidden.into_iter().for_each(|reason| self.hidden(reason));
        let mut units = BTreeSet::new();
        for mut log in logs {
            units.extend(log.unit.clone());
            log.keep_since(period.since);
            for file in &log.files {
                self.progress.doing(&format!("reading {}", log.path));
                if let Err(unread) = self.read(Taken::All, |each| log.read(root, file, zone, each)) {
                    self.unread(&unread);
                }
            }
            self.families += 1;
        }
        units
    }

    /// Reads the journals of these units, and what user-space killers wrote. Units with log files tell of their deaths
    /// without a journal too.
    pub fn read_journals(&mut self, units: &Units, with_files: &BTreeSet<String>, period: Period) {
        self.progress.doing("reading the journal");
        let Period { since, until } = period;
        self.read_journal(&units.system, with_files, |names, each| {
            gunicorn_log::unit_journal(names, since, until, each)
        });
        for (uid, names) in &units.users {
            self.read_journal(names, with_files, |names, each| {
                gunicorn_log::user_unit_journal(names, *uid, since, until, each)
            });
        }
        if let Err(unread) = self.read(Taken::Some, |each| gunicorn_log::killers_journal(since, until, each)) {
            self.missed(&unread);
        }
        self.families += 1;
    }

    fn read_journal(
        &mut self,
        units: &BTreeSet<String>,
        with_files: &BTreeSet<String>,
        read: impl FnOnce(&[String], &mut dyn FnMut(Told)) -> Result<Read, Unread>,
    ) {
        if units.is_empty() {
            return;
        }
        let names: Vec<String> = units.iter().cloned().collect();
        // Nothing need have been written to a journal in that time.
        let journal = |each: &mut dyn FnMut(Told)| read(&names, each).map(|read| Read { framed: true, ..read });
        match self.read(Taken::All, journal) {
            Ok(_) => {}
            Err(unread) if units.is_subset(with_files) => self.missed(&unread),
            Err(unread) => self.unread(&unread),
        }
        self.families += 1;
    }

    /// Says whose log the last source is, where it does not say so itself.
    fn is_of(&mut self, unit: Option<&str>) {
        if let Some(source) = self.sources.last_mut().filter(|source| source.unit.is_none()) {
            source.unit = unit.map(str::to_owned);
        }
    }

    /// A log of a Gunicorn that cannot be found or read.
    fn hidden(&mut self, reason: Reason) {
        self.refused |= reason.to_string().contains("permission denied");
        self.is_blind = true;
        self.blind_spots.push(reason);
    }

    fn unread(&mut self, unread: &Unread) {
        self.is_blind = true;
        self.missed(unread);
    }

    /// A source that would have told more.
    fn missed(&mut self, unread: &Unread) {
        self.refused |= unread.hint.is_some();
        self.blind_spots.push(reason(unread));
    }

    /// The files of a log, oldest first: by their names where these tell, else by their first lines.
    fn in_order(&self, family: &Family) -> Result<Vec<PathBuf>, Failure> {
        if !family.is_unordered {
            return Ok(family.files.clone());
        }
        let mut begins = vec![];
        for path in &family.files {
            self.progress.doing(&format!("looking at {}", path.display()));
            let read = gunicorn_log::named(path, self.zone, &mut |_| {});
            let read = read.map_err(|unread| unreadable(path, unread, OTHERWISE))?;
            begins.push((read.source.begins, path.clone()));
        }
        begins.sort();
        Ok(begins.into_iter().map(|(_, path)| path).collect())
    }

    fn read(
        &mut self,
        taken: Taken,
        read: impl FnOnce(&mut dyn FnMut(Told)) -> Result<Read, Unread>,
    ) -> Result<Passed, Unread> {
        let (family, source) = (self.families, self.sources.len());
        let mut passed = Passed::default();
        let result = read(&mut |told| {
            if taken == Taken::OfManagers && !matches!(told.said, Said::Manager(_)) {
                return;
            }
            passed.count(&told);
            self.has_named |= self.pid.is_some_and(|pid| names(&told, pid));
            if let Some(unit) = unit_of(&told).filter(|unit| !self.units.contains(*unit)) {
                self.units.insert(unit.into());
            }
            self.rolls.take(family, source, &Told { source, ..told });
        });
        match result {
            Ok(read) => {
                if taken == Taken::All || passed.is_any() {
                    self.add(read, passed.dressed > 0);
                }
                Ok(passed)
            }
            Err(unread) => {
                // What was told before it broke off is told of a source all the same.
                if passed.is_any() {
                    let lost = Some(unread.reason.clone());
                    self.sources.push(Source { name: unread.name.clone(), lost, ..Source::default() });
                }
                Err(unread)
            }
        }
    }

    fn add(&mut self, mut read: Read, has_managers: bool) {
        read.source.has_managers |= has_managers;
        let name = &read.source.name;
        let notes = read.note.map(|note| Reason::new(format!("{name}: {note}")));
        let unframed = Reason::new(format!("{name}: nothing in it says that it is a log of Gunicorn or a journal"));
        self.is_blind |= !read.framed;
        self.blind_spots.extend(notes.into_iter().chain((!read.framed).then_some(unframed)));
        self.sources.push(read.source);
    }
}

/// A file that can be read again, as a pipe cannot.
fn is_stored(path: &Path) -> bool {
    path != Path::new("-") && path.is_file()
}
