//! The kernel's logs, read for `oom` and `triage`: those of this host, best first, or those that were named.

use super::arguments::again_as_root;
use super::{ExitCode, Failure, Source};
use crate::facts::Reason;
use crate::host::Root;
use crate::host::kernel_log::{self, Reading, Search, Unread};
use crate::kernel_log::{
    Assembler, BootId, Clock, Found, Kill, Moment, Origin, Record, Settled, Sink, Stamp, ToldEvent,
};
use crate::render::Progress;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every line that says that a process was killed has these words, since Linux 2.6.
pub const KILLED: &[&[u8]] = &[b"Killed process"];

/// What is collected beside kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collected {
    /// Nothing.
    KillsAlone,
    /// Other lines that tell why a worker vanished.
    KillsAndEvents,
}

/// Another line of the kernel, and the source that tells it.
pub struct SettledEvent {
    /// What was told.
    pub told: ToldEvent,
    /// When.
    pub moment: Option<Moment>,
    /// Index in [`KernelSources::sources`].
    pub source: usize,
}

/// What was read so far.
pub struct KernelSources<'a> {
    search: &'a Search,
    progress: &'a Progress,
    collected: Collected,
    /// The boot of the running kernel, where that is the one whose log is read.
    boot: Option<BootId>,
    /// What was read.
    pub sources: Vec<Source>,
    /// Every kill, as often as it is told.
    pub kills: Vec<Settled>,
    /// Other lines, as often as they are told.
    pub events: Vec<SettledEvent>,
    /// Where plain files lie, by the name of their source: there lines can be counted.
    pub files: BTreeMap<String, PathBuf>,
    /// What could not be read.
    pub blind_spots: Vec<Reason>,
    /// Whether one of them is there and may not be read.
    pub refused: bool,
}

impl<'a> KernelSources<'a> {
    /// Nothing yet.
    pub fn new(search: &'a Search, progress: &'a Progress, collected: Collected) -> Self {
        Self {
            search,
            progress,
            collected,
            boot: None,
            sources: vec![],
            kills: vec![],
            events: vec![],
            files: BTreeMap::new(),
            blind_spots: vec![],
            refused: false,
        }
    }

    /// Reads a log that was named.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read_named(&mut self, path: &Path) -> Result<(), Unread> {
        self.progress.doing(&format!("reading {}", path.display()));
        let mut assembler = self.assembler();
        let reading = kernel_log::named(path, self.search, &mut assembler)?;
        self.files.insert(reading.name.clone(), path.to_owned());
        self.add(reading, assembler.finish());
        Ok(())
    }

    /// Reads what the kernel says in a log of others, a journal or a syslog, where it says anything. Only frames that name
    /// it count: whoever writes into that log may quote it.
    pub fn read_beside(&mut self, path: &Path) {
        let mut kernel = KernelAlone { assembler: self.assembler(), spoke: false };
        match kernel_log::named(path, self.search, &mut kernel) {
            Ok(reading) if kernel.spoke => {
                self.files.insert(reading.name.clone(), path.to_owned());
                self.add(reading, kernel.assembler.finish());
            }
            Ok(_) => {}
            Err(unread) => self.blind_spots.push(reason(&unread)),
        }
    }

    /// Reads all logs of a host: of a running one its buffer and its journal too. What cannot be read is a blind spot.
    pub fn read_host(&mut self, root: &Root, boot: Option<BootId>) {
        self.boot = boot;
        if root.is_live() {
            self.read_live();
        }
        self.read_stored(root);
        if self.sources.is_empty() && self.blind_spots.is_empty() {
            self.blind_spots.push(Reason::new(format!("no kernel log below {}", root.shown("/var/log"))));
        }
    }

    /// The buffer of the kernel, and the journal of all boots.
    fn read_live(&mut self) {
        self.progress.doing("reading the kernel's buffer");
        if !self.try_add(|assembler| kernel_log::kmsg(assembler)) {
            let refused = self.blind_spots.len();
            if self.try_add(|assembler| kernel_log::kernel_buffer(assembler)) {
                // syslog(2) gives the same buffer, so nothing is missing.
                self.blind_spots.clear();
                self.refused = false;
            } else {
                self.blind_spots.truncate(refused);
            }
        }
        self.progress.doing("reading the journal");
        let search = self.search;
        self.try_add(|assembler| kernel_log::journal(search, assembler));
        self.sources.iter_mut().for_each(|source| source.is_live = true);
    }

    /// Log files. What they tell beside the journal is merged, so that what one has lost the other has.
    fn read_stored(&mut self, root: &Root) {
        let search = self.search;
        match kernel_log::stored_files(root, search) {
            Ok(files) => files.iter().for_each(|file| {
                let name = root.shown(&file.path);
                self.progress.doing(&format!("reading {name}"));
                // Of an image a path may lead out of it, over a link; only its root opens its files.
                if root.is_live() {
                    self.files.insert(name.clone(), name.into());
                }
                self.try_add(|assembler| file.read(root, search, assembler));
            }),
            Err(unread) => {
                self.refused = true;
                self.blind_spots.push(reason(&unread));
            }
        }
    }

    fn assembler(&self) -> Assembler {
        match self.collected {
            Collected::KillsAlone => Assembler::default(),
            Collected::KillsAndEvents => Assembler::with_events(),
        }
    }

    fn try_add(&mut self, read: impl FnOnce(&mut Assembler) -> Result<Reading, Unread>) -> bool {
        let mut assembler = self.assembler();
        match read(&mut assembler) {
            Ok(reading) => {
                self.add(reading, assembler.finish());
                true
            }
            Err(unread) => {
                // What would help is told only where there is something that may not be read.
                self.refused |= unread.hint.is_some();
                self.blind_spots.push(reason(&unread));
                false
            }
        }
    }

    fn add(&mut self, reading: Reading, found: Found) {
        let clock = self.clock(&reading);
        let notes = notes(&found, reading.note.clone());
        let (source, tells) = (self.sources.len(), !found.kills.is_empty() || !found.events.is_empty());
        // The kernel does not say in its own buffer which boot it is; the journal does.
        let boot = reading.boot.and(self.boot);
        let settle = |kill: Kill| {
            let kill = Kill { boot: kill.boot.or(boot), ..kill };
            Settled { moment: clock.moment(&kill.stamp), kill, source }
        };
        self.kills.extend(found.kills.into_iter().map(settle));
        let event = |told: ToldEvent| SettledEvent { moment: clock.moment(&told.stamp), told, source };
        self.events.extend(found.events.into_iter().map(event));
        let moment = |stamp: Option<Stamp>| stamp.and_then(|stamp| clock.moment(&stamp));
        self.sources.push(Source {
            begins: moment(reading.begins),
            ends: moment(reading.last),
            is_live: false,
            has_kernel: reading.has_kernel || tells,
            notes,
            name: reading.name,
            records: reading.records,
            lost: reading.lost,
            // A log without any frame is known by what it tells.
            framed: reading.framed || tells,
        });
    }

    fn clock(&self, reading: &Reading) -> Clock {
        match reading.boot {
            Some(boot) => Clock::of_boot(self.search.zone.clone(), boot),
            None => Clock::new(self.search.zone.clone(), reading.written, reading.last),
        }
    }
}

/// Passes on what the kernel itself said.
struct KernelAlone {
    assembler: Assembler,
    spoke: bool,
}

impl Sink for KernelAlone {
    fn record(&mut self, record: &Record<'_>) {
        if record.origin == Origin::Kernel {
            self.spoke = true;
            self.assembler.record(record);
        }
    }

    fn gap(&mut self) {
        self.assembler.gap();
    }
}

/// Why a source was not read, with what would help.
pub fn reason(unread: &Unread) -> Reason {
    let hint = unread.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Reason::new(format!("cannot read {}: {}{hint}", unread.name, unread.reason))
}

/// What is to be known of a source beside its kills.
fn notes(found: &Found, note: Option<Reason>) -> Vec<Reason> {
    /// Places that are named; a forger may write thousands of lines.
    const NAMED: usize = 3;
    let places: Vec<String> = found.doubted.iter().take(NAMED).map(u64::to_string).collect();
    let doubted = format!(
        "line(s) not believed: they bear the kernel's name and do not fit its other lines (byte {})",
        places.join(", ")
    );
    let numbers = [
        (found.left_out, "earlier kill(s) too many to keep".to_owned()),
        (found.events_left_out, "earlier line(s) of the kernel too many to keep".to_owned()),
        (found.doubted.len() as u64, doubted),
        (found.hidden, "message(s) not shown by journalctl (blob data): its options --all or -o json show them".into()),
    ];
    let counted = numbers.into_iter().filter(|(count, _)| *count > 0);
    note.into_iter().chain(counted.map(|(count, what)| Reason::new(format!("{count} {what}")))).collect()
}

/// A named log that cannot be read is a usage error. `otherwise` says what the command does without it.
pub fn unreadable(path: &Path, unread: Unread, otherwise: &str) -> Failure {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let failure = Failure::new(ExitCode::Usage, format!("read {name}: {}", unread.reason));
    failure.with_hint(match unread.hint {
        Some(who_may) if who_may.starts_with("needs root") => format!("{who_may}: {}", again_as_root()),
        Some(hint) => hint,
        None => otherwise.to_owned(),
    })
}
