//! Writing a journal: each record is on disk before what comes after it begins.

use super::backup;
use super::history::Kept;
use super::lock::Lock;
use super::state_directory::{LARGEST_JOURNAL, cannot};
use crate::host::told;
use crate::plan::{Action, Begin, Change, Plan, Record, Trouble};
use crate::units::Bytes;
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

/// Making a file that is not there yet, for root alone.
const NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::APPEND)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Room that is left for what follows the last change: how it came out, and some thousand rollbacks that have to wait.
const RESERVE: u64 = 1 << 20;

/// Who wants a transaction, and on which boot.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// `/proc/sys/kernel/random/boot_id`; none under `--root`.
    pub boot_id: Option<String>,
    /// Inode of gtune's network namespace; none under `--root`.
    pub network: Option<u64>,
    /// `SUDO_USER`, where it is set.
    pub sudo_user: Option<String>,
    /// The command line.
    pub arguments: Vec<String>,
}

/// Where the records of one transaction are kept.
pub(super) trait Book {
    /// The transaction.
    fn id(&self) -> &str;

    /// A command of gtune's for the host that is changed, as it can be pasted.
    fn gtune(&self, words: &str) -> String;

    /// Whether its first record is on disk.
    fn is_begun(&self) -> bool;

    /// Puts the first record on disk, unless it is there.
    fn begin(&mut self) -> Result<(), Trouble>;

    /// Keeps what a change replaces, for people who have to put it back by hand.
    fn keep(&mut self, change: &Change) -> Result<(), Trouble>;

    /// Puts a record on disk. Where it fails, no part of the record is left.
    fn write(&mut self, record: &Record) -> Result<(), Trouble>;
}

/// A journal on disk. It lives no longer than the lock.
#[derive(Debug)]
pub(super) struct Journal<'a> {
    lock: &'a Lock,
    begin: Begin,
    name: String,
    file: Option<File>,
    /// Bytes of whole records.
    length: u64,
}

impl<'a> Journal<'a> {
    /// The journal of a transaction that has not begun; nothing is written yet.
    ///
    /// # Errors
    /// Where the journals that are kept cannot be listed, or the kernel gives no random bytes.
    pub fn planned(lock: &'a Lock, origin: Origin, plan: &Plan) -> Result<Self, Trouble> {
        let all = Kept::all(lock.state())?;
        let mut id = random_id()?;
        while all.iter().any(|kept| kept.id() == id) {
            id = random_id()?;
        }
        let at = after(all.iter().filter_map(Kept::at).max(), Timestamp::now());
        let begin = Begin {
            schema: 1,
            id,
            at,
            gtune: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: origin.boot_id,
            network: origin.network,
            uid: nix::unistd::getuid().as_raw(),
            sudo_user: origin.sudo_user,
            arguments: origin.arguments,
            changes: plan.changes().count(),
            restarts: restarts(plan),
        };
        let name = format!("{}-{}.jsonl", begin.at.strftime("%Y%m%dT%H%M%SZ"), begin.id);
        Ok(Self { lock, begin, name, file: None, length: 0 })
    }

    /// A journal that is kept, to be added to. A record that was cut short goes, so that the next does not stick to it.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn resume(lock: &'a Lock, kept: &Kept, begin: &Begin) -> Result<Self, Trouble> {
        let directory = lock.state().make_below("journal")?;
        let name = kept.name.clone();
        let mut journal = Self { lock, begin: begin.clone(), name, file: None, length: kept.sound_length };
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&directory, journal.name.as_str(), flags, Mode::empty());
        let file = File::from(file.map_err(|errno| cannot("open", &journal.shown(), errno))?);
        file.set_len(kept.sound_length).map_err(|error| journal.trouble(&error))?;
        journal.file = Some(file);
        Ok(journal)
    }

    fn shown(&self) -> String {
        self.lock.state().shown(&format!("journal/{}", self.name))
    }

    fn trouble(&self, error: &std::io::Error) -> Trouble {
        Trouble::new(format!("write {}", self.shown()), told(error))
    }

    /// Makes the file under another name first: a journal that can be seen has its first record whole.
    fn make(&self, directory: &OwnedFd, line: &[u8]) -> Result<File, Trouble> {
        let draft = format!("{}.new", self.name);
        let wrong = |errno| cannot("write", &self.shown(), errno);
        let file = openat(directory, draft.as_str(), NEW, Mode::RUSR | Mode::WUSR).map_err(wrong)?;
        let mut file = File::from(file);
        let written = file.write_all(line).and_then(|()| file.sync_all());
        let named = written.map_err(|error| self.trouble(&error)).and_then(|()| {
            renameat(directory, draft.as_str(), directory, self.name.as_str())
                .and_then(|()| fsync(directory))
                .map_err(wrong)
        });
        if named.is_err() {
            // Either name may be there; what was not begun leaves nothing.
            let _ = unlinkat(directory, draft.as_str(), AtFlags::empty());
            let _ = unlinkat(directory, self.name.as_str(), AtFlags::empty());
        }
        named.map(|()| file)
    }
}

impl Book for Journal<'_> {
    fn id(&self) -> &str {
        &self.begin.id
    }

    fn gtune(&self, words: &str) -> String {
        self.lock.state().gtune(words)
    }

    fn is_begun(&self) -> bool {
        self.file.is_some()
    }

    fn begin(&mut self) -> Result<(), Trouble> {
        if self.file.is_none() {
            let line = line(&Record::Begin(self.begin.clone()))?;
            let directory = self.lock.state().make_below("journal")?;
            self.file = Some(self.make(&directory, &line)?);
            self.length = line.len() as u64;
        }
        Ok(())
    }

    fn keep(&mut self, change: &Change) -> Result<(), Trouble> {
        let (Change::File { path, before: Some(image), .. } | Change::Line { path, before: Some(image), .. }) = change
        else {
            return Ok(());
        };
        backup::keep(self.lock.state(), &self.begin.id, path, image)
    }

    fn write(&mut self, record: &Record) -> Result<(), Trouble> {
        let line = line(record)?;
        if matches!(record, Record::Intent { .. }) && self.length + line.len() as u64 > LARGEST_JOURNAL - RESERVE {
            let reason = format!("it would become larger than {}, and could not be read again", Bytes(LARGEST_JOURNAL));
            let trouble = Trouble::new(format!("write {}", self.shown()), reason);
            return Err(trouble.with_hint("apply fewer changes at a time"));
        }
        let Some(file) = &mut self.file else { return Err(Trouble::new("write a journal", "it has not begun")) };
        match file.write_all(&line).and_then(|()| file.sync_data()) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a record in the middle would make the whole journal unreadable.
                let _ = file.set_len(self.length);
                Err(self.trouble(&error))
            }
        }
    }
}

fn restarts(plan: &Plan) -> Vec<String> {
    let units = plan.actions.iter().filter_map(|action| match action {
        Action::Restart(unit) => Some(unit.clone()),
        Action::Change(_) | Action::Reload => None,
    });
    units.collect()
}

fn line(record: &Record) -> Result<Vec<u8>, Trouble> {
    let mut line = serde_json::to_vec(record).map_err(|error| Trouble::new("write a journal", error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

/// Six hexadecimal digits: short enough to be typed, and with a thousand transactions on a host still rarely met twice.
fn random_id() -> Result<String, Trouble> {
    let mut bytes = [0u8; 3];
    let got = getrandom(&mut bytes[..], GetRandomFlags::empty());
    got.map_err(|errno| Trouble::new("name a transaction", super::refused::words(errno)))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The time of a transaction is later than that of every one before it, though the clock may have been set back: by it
/// the last one is found.
fn after(newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let next = newest.and_then(|newest| newest.checked_add(SignedDuration::from_nanos(1)).ok());
    next.map_or(now, |next| next.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Root;
    use crate::perform::history::{history, refuse_unfinished};
    use crate::plan::{FileImage, StepState, TransactionState};
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    fn fstab() -> Change {
        crate::plan::change_samples().into_iter().find(|change| change.subject() == "/etc/fstab").unwrap()
    }

    fn journals(directory: &Path) -> Vec<PathBuf> {
        let names = fs::read_dir(directory.join("var/lib/gtune/journal")).unwrap();
        let mut names: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }

    fn begun(lock: &Lock) -> Journal<'_> {
        let mut journal = Journal::planned(lock, Origin::default(), &Plan::default()).unwrap();
        assert!(!journal.is_begun());
        journal.begin().unwrap();
        journal
    }

    #[test]
    fn what_is_written_is_what_history_reads() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let lock = Lock::take(&root).unwrap();
        let mut journal = begun(&lock);
        let id = journal.id().to_owned();
        journal.write(&Record::Intent { step: 1, change: fstab() }).unwrap();
        assert!(refuse_unfinished(lock.state()).unwrap_err().hint.unwrap().contains(&id));
        journal.write(&Record::Done { step: 1 }).unwrap();
        journal.write(&Record::Applied).unwrap();
        refuse_unfinished(lock.state()).unwrap();
        let (transactions, notes) = history(&root, None).unwrap();
        assert!(notes.is_empty());
        assert_eq!((&transactions[0].begin, transactions[0].state), (&journal.begin, TransactionState::Applied));
        assert_eq!((&transactions[0].steps[0].change, transactions[0].steps[0].state), (&fstab(), StepState::Done));
        let file = &journals(directory.path())[0];
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(file.to_string_lossy().ends_with(&format!("Z-{id}.jsonl")));
    }

    #[test]
    fn a_torn_end_is_replaced_by_the_next_record() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let lock = Lock::take(&root).unwrap();
        begun(&lock).write(&Record::Intent { step: 1, change: fstab() }).unwrap();
        let file = &journals(directory.path())[0];
        OpenOptions::new().append(true).open(file).unwrap().write_all(b"{\"record\":\"do\0\0").unwrap();
        let all = Kept::all(lock.state()).unwrap();
        let begin = all[0].transaction.as_ref().unwrap().begin.clone();
        let mut journal = Journal::resume(&lock, &all[0], &begin).unwrap();
        journal.write(&Record::Undone { step: 1 }).unwrap();
        journal.write(&Record::RolledBack).unwrap();
        let (transactions, notes) = history(&root, None).unwrap();
        assert_eq!((transactions[0].state, notes), (TransactionState::RolledBack, vec![]));
    }

    #[test]
    fn before_images_are_kept_once_with_their_mode() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let lock = Lock::take(&root).unwrap();
        let mut journal = begun(&lock);
        journal.keep(&fstab()).unwrap();
        journal.keep(&fstab().inverse()).unwrap();
        let backup = directory.path().join("var/lib/gtune/backup").join(journal.id()).join("etc%2Ffstab");
        let Change::Line { before: Some(before), .. } = fstab() else { unreachable!() };
        assert_eq!(fs::read(&backup).unwrap(), before.content.0);
        assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_journal_becomes_no_larger_than_is_read_and_always_has_room_for_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let lock = Lock::take(&root).unwrap();
        let mut journal = begun(&lock);
        let image = FileImage::configuration(vec![0; 4 << 20]);
        let large = Change::File { path: "/etc/large".into(), before: None, after: Some(image) };
        let written = (1..).map(|step| journal.write(&Record::Intent { step, change: large.clone() }));
        let trouble = written.take(64).find_map(Result::err).expect("64 MiB are full");
        assert!(trouble.reason.contains("larger than 64 MiB"), "{trouble}");
        for step in 1..1000 {
            journal.write(&Record::Undone { step }).unwrap();
        }
        assert_eq!(
            refuse_unfinished(lock.state()).unwrap_err().reason,
            format!("transaction {} was cut short", journal.id())
        );
    }

    #[test]
    fn later_transactions_have_later_times_though_the_clock_was_set_back() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let lock = Lock::take(&root).unwrap();
        let ids: Vec<String> = (0..5).map(|_| begun(&lock).id().to_owned()).collect();
        let told: Vec<String> = history(&root, None).unwrap().0.into_iter().rev().map(|told| told.begin.id).collect();
        assert_eq!(told, ids);
        let future = Timestamp::now() + SignedDuration::from_hours(1);
        assert!(after(Some(future), Timestamp::now()) > future);
        assert_eq!(after(Some(Timestamp::UNIX_EPOCH), future), future);
    }

    #[test]
    fn where_nothing_can_be_written_nothing_begins() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let lock = Lock::take(&root).unwrap();
        let mut journal = Journal::planned(&lock, Origin::default(), &Plan::default()).unwrap();
        fs::write(directory.path().join("var/lib/gtune/journal"), "in the way").unwrap();
        let trouble = journal.begin().unwrap_err();
        assert!(trouble.to_string().contains("not a directory"), "{trouble}");
        assert!(!journal.is_begun());
    }
}
