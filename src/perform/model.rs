//! A host made of values, for the laws of the performer and the rollback: any operation on it can fail or be the last one
//! before the process is killed.

use super::Care;
use super::history::Kept;
use super::journal::Book;
use super::mount::MountTrouble;
use super::step::Hand;
use crate::plan::*;
use crate::units::{Limit, Pid, SoftHard};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

pub const ID: &str = "4c1d9e";
pub const DROP_IN: &str = "/etc/systemd/system/gunicorn.service.d/60-gtune-heartbeat.conf";
pub const SYSCTL: &str = "/etc/sysctl.d/60-gtune.conf";
pub const FSTAB: &str = "/etc/fstab";
pub const PROCESS: ProcessRef = ProcessRef { pid: Pid(812), start_ticks: 4711 };

type Files = BTreeMap<String, FileImage>;

/// What a host is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Host {
    pub directories: BTreeSet<String>,
    pub files: Files,
    pub links: BTreeMap<String, String>,
    pub mounts: BTreeMap<String, MountImage>,
    pub values: BTreeMap<String, u64>,
    pub limits: BTreeMap<ProcessRef, SoftHard>,
    pub ended: BTreeSet<ProcessRef>,
    /// The files as systemd read them last.
    pub known: Files,
    /// The files that each unit was started with; one that names a mount keeps files open there.
    pub running: BTreeMap<String, Files>,
    /// Temporary files.
    pub leftovers: BTreeSet<String>,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was changed.
    Clean,
    /// Nothing was changed, but a temporary file is left.
    Leftover,
    /// It was done all the same.
    Done,
}

/// A host, a journal, and what will go wrong.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub host: Host,
    pub journal: Vec<u8>,
    /// Operations so far.
    pub count: usize,
    /// The process is killed in the middle of this operation.
    pub killed_in: Option<usize>,
    /// These operations fail.
    pub faults: BTreeMap<usize, Fault>,
    /// From this operation on the journal cannot be written.
    pub full_from: Option<usize>,
    /// Kernel values become this whatever is written.
    pub clamp: Option<u64>,
    /// What was done, for the order.
    pub done: Vec<String>,
}

/// What comes of an operation.
enum Turn {
    Go,
    Fails(Fault),
    /// The process dies in the middle; whether the effect came to be is the operation's number's to say.
    Dies(bool),
    Dead,
}

impl World {
    fn turn(&mut self) -> Turn {
        let now = self.count;
        self.count += 1;
        match self.killed_in {
            Some(end) if now > end => return Turn::Dead,
            Some(end) if now == end => return Turn::Dies(end.is_multiple_of(2)),
            _ => {}
        }
        self.faults.get(&now).map_or(Turn::Go, |fault| Turn::Fails(*fault))
    }

    /// One operation with an effect; `leftover` is what it may leave.
    fn operate(&mut self, what: &str, leftover: Option<&str>, effect: impl FnOnce(&mut Self)) -> Result<(), Trouble> {
        let trouble = || Err(Trouble::new(what, "it was made to fail"));
        let leave = |host: &mut Host| host.leftovers.extend(leftover.map(str::to_owned));
        match self.turn() {
            Turn::Dead => trouble(),
            Turn::Dies(is_done) => {
                leave(&mut self.host);
                if is_done {
                    effect(self);
                }
                trouble()
            }
            Turn::Fails(fault) => {
                match fault {
                    Fault::Clean => {}
                    Fault::Leftover => leave(&mut self.host),
                    Fault::Done => effect(self),
                }
                trouble()
            }
            Turn::Go => {
                self.done.push(what.to_owned());
                effect(self);
                Ok(())
            }
        }
    }

    /// A new process on the same host.
    pub fn fresh(self) -> Self {
        Self { host: self.host, journal: self.journal, ..Self::default() }
    }

    pub fn transaction(&self) -> Transaction {
        Transaction::parse(&self.journal).unwrap()
    }

    pub fn kept(&self) -> Vec<Kept> {
        let name = format!("20261121T120501Z-{ID}.jsonl");
        let sound_length = Transaction::sound_length(&self.journal) as u64;
        vec![Kept { name, transaction: Transaction::parse(&self.journal), sound_length }]
    }
}

impl Host {
    pub fn standing(&self, change: &Change) -> Standing {
        match change {
            Change::Directory { path, after, .. } => {
                let is_there = self.directories.contains(path);
                either(is_there == after.is_none(), is_there == after.is_some(), "a directory")
            }
            Change::File { path, before, after } => {
                let file = self.files.get(path);
                either(file == before.as_ref(), file == after.as_ref(), "another file")
            }
            Change::Line { path, before, after, new_line, .. } => {
                let file = self.files.get(path);
                let line = new_line.as_ref().map(|line| line.text() + "\n").unwrap_or_default();
                match either(file == before.as_ref(), file == after.as_ref(), "another file") {
                    Standing::Other(_) if file.is_some_and(|file| file.content.text().contains(&line)) => {
                        Standing::After
                    }
                    Standing::Other(_) if file.is_some() => Standing::Drifted,
                    other => other,
                }
            }
            Change::Link { path, before, after } => {
                let link = self.links.get(path);
                either(link == before.as_ref(), link == after.as_ref(), "another link")
            }
            Change::Mount { target, before, after } => {
                let mount = self.mounts.get(target);
                either(mount == before.as_ref(), mount == after.as_ref(), "another mount")
            }
            Change::KernelValue { key, before, after, .. } => {
                let value = self.values.get(key);
                either(value == Some(before), value == Some(after), "another value")
            }
            Change::ProcessLimit { process, before, after } => {
                let limit = self.limits.get(process);
                either(limit == Some(before), limit == Some(after), "another limit")
            }
        }
    }

    /// Why a change cannot be made, whoever makes it.
    fn obstacle(&self, change: &Change) -> Option<MountTrouble> {
        match change {
            Change::Directory { path, after: None, .. } if !self.inside(path).is_empty() => {
                let reason = format!("it holds {}", self.inside(path).join(", "));
                Some(MountTrouble::Other(Trouble::new(format!("remove {path}"), reason)))
            }
            Change::Mount { target, after: None, .. } if self.holds(target) => Some(MountTrouble::Busy),
            Change::Directory { path, after: None, .. } if self.mounts.contains_key(path) => {
                Some(MountTrouble::MountPoint)
            }
            Change::Mount { target, .. } if !self.directories.contains(target) => {
                Some(MountTrouble::Other(Trouble::new(format!("mount {target}"), "no such directory")))
            }
            Change::ProcessLimit { process, .. } if self.ended.contains(process) => {
                Some(MountTrouble::Other(Trouble::new("set a limit", "no such process")))
            }
            _ => None,
        }
    }

    fn holds(&self, target: &str) -> bool {
        let names = |files: &Files| files.values().any(|file| file.content.text().contains(&format!("DIR={target}\n")));
        self.running.values().any(names)
    }

    fn inside(&self, directory: &str) -> Vec<String> {
        let all = self.files.keys().chain(self.links.keys()).chain(&self.directories).chain(self.mounts.keys());
        all.filter(|path| path.starts_with(&format!("{directory}/"))).cloned().collect()
    }

    pub fn apply(&mut self, change: &Change, clamp: Option<u64>) {
        match change.clone() {
            Change::Directory { path, after: Some(_), .. } => drop(self.directories.insert(path)),
            Change::Directory { path, after: None, .. } => drop(self.directories.remove(&path)),
            Change::File { path, after, .. } => set(&mut self.files, path, after),
            Change::Line { path, before, after, old_line, new_line } => {
                if self.files.get(&path) == before.as_ref() {
                    set(&mut self.files, path, after);
                } else if let Some(file) = self.files.get_mut(&path) {
                    let end = |line: Option<Content>| line.map(|line| line.text() + "\n").unwrap_or_default();
                    let text = file.content.text().replacen(&end(old_line), &end(new_line), 1);
                    *file = file.with_content(text);
                }
            }
            Change::Link { path, after, .. } => set(&mut self.links, path, after),
            Change::Mount { target, after, .. } => set(&mut self.mounts, target, after),
            Change::KernelValue { key, after, .. } => drop(self.values.insert(key, clamp.unwrap_or(after))),
            Change::ProcessLimit { process, after, .. } => drop(self.limits.insert(process, after)),
        }
    }

    pub fn reload(&mut self) {
        let is_read = |path: &str| path == FSTAB || path.starts_with("/etc/systemd/system/");
        self.known = self.files.clone().into_iter().filter(|(path, _)| is_read(path)).collect();
    }

    pub fn restart(&mut self, unit: &str) {
        self.running.insert(unit.into(), self.known.clone());
    }
}

fn either(is_before: bool, is_after: bool, other: &str) -> Standing {
    match (is_before, is_after) {
        (_, true) => Standing::After,
        (true, _) => Standing::Before,
        _ => Standing::Other(other.into()),
    }
}

fn set<T>(map: &mut BTreeMap<String, T>, key: String, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

/// The hand on the model.
pub struct ModelHand<'a>(pub &'a RefCell<World>);

impl Hand for ModelHand<'_> {
    fn standing(&self, change: &Change) -> Result<Standing, Trouble> {
        Ok(self.0.borrow().host.standing(change))
    }

    fn make(&self, change: &Change, mark: &str, care: Care) -> Result<(), MountTrouble> {
        assert_eq!(mark, ID);
        let mut world = self.0.borrow_mut();
        if let Some(obstacle) = world.host.obstacle(change) {
            return Err(obstacle);
        }
        let standing = world.host.standing(change);
        assert!(care == Care::Overwrite || !matches!(standing, Standing::Other(_)), "{change:?} over {standing:?}");
        let leftover = matches!(change, Change::File { .. } | Change::Line { .. }).then(|| change.subject());
        let clamp = world.clamp;
        let made = world.operate(&change.to_string(), leftover.as_deref(), |world| world.host.apply(change, clamp));
        made.map_err(MountTrouble::Other)
    }

    fn settle(&self, change: &Change, mark: &str) -> Result<(), Trouble> {
        assert_eq!(mark, ID);
        let mut world = self.0.borrow_mut();
        let subject = change.subject();
        if !world.host.leftovers.contains(&subject) {
            return Ok(());
        }
        world.operate("settle", None, |world| {
            world.host.leftovers.remove(&subject);
        })
    }

    fn has_ended(&self, process: ProcessRef) -> bool {
        self.0.borrow().host.ended.contains(&process)
    }

    fn held(&self, directory: &str) -> Option<String> {
        super::mount::held_names(&self.0.borrow().host.inside(directory))
    }

    fn reload(&self) -> Result<(), Trouble> {
        self.0.borrow_mut().operate("reload", None, |world| world.host.reload())
    }

    fn restart(&self, unit: &str) -> Result<(), Trouble> {
        self.0.borrow_mut().operate(&format!("restart {unit}"), None, |world| world.host.restart(unit))
    }
}

/// The journal in the model.
pub struct ModelBook<'a>(pub &'a RefCell<World>);

impl ModelBook<'_> {
    fn append(&self, record: &Record) -> Result<(), Trouble> {
        let mut world = self.0.borrow_mut();
        let line = serde_json::to_string(record).unwrap() + "\n";
        if world.full_from.is_some_and(|full| world.count >= full) {
            return Err(Trouble::new("write the journal", "no space left on device"));
        }
        match world.turn() {
            Turn::Go => world.journal.extend(line.as_bytes()),
            // A record that is not whole has not been written; a process that was killed may have written half of one.
            Turn::Fails(_) | Turn::Dead => return Err(Trouble::new("write the journal", "it was made to fail")),
            Turn::Dies(is_done) => {
                let written = match (record, is_done) {
                    (_, true) => line.as_bytes(),
                    (Record::Begin(_), false) => &[],
                    (_, false) => &line.as_bytes()[..line.len() / 2],
                };
                world.journal.extend(written);
                return Err(Trouble::new("write the journal", "killed"));
            }
        }
        Ok(())
    }
}

impl Book for ModelBook<'_> {
    fn id(&self) -> &str {
        ID
    }

    fn gtune(&self, words: &str) -> String {
        format!("gtune {words}")
    }

    fn is_begun(&self) -> bool {
        !self.0.borrow().journal.is_empty()
    }

    fn begin(&mut self) -> Result<(), Trouble> {
        if self.is_begun() {
            return Ok(());
        }
        self.append(&Record::Begin(begin()))
    }

    fn keep(&mut self, _change: &Change) -> Result<(), Trouble> {
        self.0.borrow_mut().operate("keep", None, |_| {})
    }

    fn write(&mut self, record: &Record) -> Result<(), Trouble> {
        self.append(record)
    }
}

pub fn begin() -> Begin {
    Begin {
        schema: 1,
        id: ID.into(),
        at: "2026-11-21T12:05:01Z".parse().unwrap(),
        gtune: "0.1.0".into(),
        boot_id: Some("this boot".into()),
        network: None,
        uid: 0,
        sudo_user: None,
        arguments: vec![],
        changes: 9,
        restarts: vec!["gunicorn.service".into(), "api.service".into()],
    }
}

/// The changes that plans are made of, in the order of a plan.
pub fn changes() -> Vec<Change> {
    let made = |path: &str| Change::Directory { path: path.into(), before: None, after: Some(DirectoryImage::OF_ROOT) };
    let tmpfs = MountImage { kind: "tmpfs".into(), source: "tmpfs".into(), options: vec!["size=64m".into()] };
    let soft_hard = |soft| SoftHard { soft: Limit::At(soft), hard: Limit::Unlimited };
    vec![
        made("/mem"),
        made("/etc/systemd/system/gunicorn.service.d"),
        Change::File { path: DROP_IN.into(), before: None, after: Some(FileImage::configuration("DIR=/mem\n")) },
        Change::File {
            path: SYSCTL.into(),
            before: Some(FileImage::configuration("old\n")),
            after: Some(FileImage::configuration("new\n")),
        },
        Change::Line {
            path: FSTAB.into(),
            before: Some(FileImage::configuration("root\n")),
            after: Some(FileImage::configuration("root\ntmpfs /mem tmpfs\n")),
            old_line: None,
            new_line: Some("tmpfs /mem tmpfs".into()),
        },
        Change::Link { path: "/etc/systemd/system/x.wants/m".into(), before: None, after: Some("../m".into()) },
        Change::Mount { target: "/mem".into(), before: None, after: Some(tmpfs) },
        Change::KernelValue { key: "net.core.somaxconn".into(), network: NetworkOf::Gtune, before: 128, after: 8192 },
        Change::ProcessLimit { process: PROCESS, before: soft_hard(1024), after: soft_hard(4096) },
    ]
}

/// A plan of some of the changes, some of which are so already, and the world it is made for.
pub fn plan(chosen: &[bool], already: &[bool], restarts: usize) -> (World, Vec<Action>) {
    let mut world = World::default();
    let mut actions = vec![];
    for (at, change) in changes().into_iter().enumerate() {
        // A service that names the mount before it is there would not have started.
        let is_too_early = at == 2 && chosen[6] && !already[6];
        let (is_chosen, is_already) = (chosen[at], already[at] && !is_too_early);
        match &change {
            Change::Line { path, before, .. } => set(&mut world.host.files, path.clone(), before.clone()),
            _ => world.host.apply(&change.clone().inverse(), None),
        }
        // What lies in a directory or is mounted at it needs it.
        let needs_directory = |inner: usize| already[inner] || (chosen[inner] && !is_chosen);
        let is_there = is_already || (at == 0 && needs_directory(6)) || (at == 1 && needs_directory(2));
        if is_there {
            world.host.apply(&change, None);
        }
        if at == 6 && actions.iter().any(|action: &Action| reads(action)) {
            actions.push(Action::Reload);
        }
        if is_chosen {
            actions.push(Action::Change(change));
        }
    }
    let units = ["gunicorn.service", "api.service"];
    actions.extend(units.iter().take(restarts).map(|unit| Action::Restart((*unit).into())));
    world.host.reload();
    for unit in units {
        world.host.restart(unit);
    }
    (world, actions)
}

/// The plan of all changes.
pub fn whole_plan() -> (World, Vec<Action>) {
    plan(&[true; 9], &[false; 9], 2)
}

fn reads(action: &Action) -> bool {
    matches!(action, Action::Change(change) if change.is_read_by_systemd())
}
