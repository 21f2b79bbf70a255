//! Which processes form a Gunicorn, and which part each of them plays.
//!
//! A master holds the heartbeat files that its children hold. Where descriptors are hidden, signal masks and the
//! command line speak. Pure: the facts of one pass in, groups out.

use crate::facts::{Identity, Upgrade};
use crate::units::{FileId, Pid};
use std::collections::{HashMap, HashSet};

/// What the signal mask of a process says it is; a hint only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Catches HUP, USR2 and CHLD among others.
    Master,
    /// A worker of any class.
    Worker,
    /// Catches HUP and CHLD and not USR2.
    DirtyArbiter,
    /// Catches CHLD and not HUP.
    DirtyWorker,
    /// Only INT: any Python program; a Gunicorn before it has set its handlers.
    Starting,
    /// Anything else.
    Unclear,
}

/// What makes a heartbeat file the same in two processes; its path where the file system does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HeartbeatKey {
    /// Device and inode.
    File(FileId),
    /// The link text.
    Path(String),
}

/// A process that may belong to a Gunicorn, reduced to what decides its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The process.
    pub pid: Pid,
    /// Its parent.
    pub parent: Pid,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// What its signal mask says.
    pub part: Part,
    /// The heartbeat files it holds; nothing where its descriptors are hidden.
    pub heartbeats: Option<Vec<HeartbeatKey>>,
    /// What its command line says.
    pub command: Command,
}

impl Seen {
    /// A worker whose application catches CHLD has the mask of a dirty worker; its parent tells them apart.
    fn has_workers_mask(&self) -> bool {
        matches!(self.part, Part::Worker | Part::DirtyWorker)
    }
}

/// What a command line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Starts a Gunicorn, or is a title that Gunicorn sets.
    Gunicorn,
    /// The same, and the environment says that an older master started it (`GUNICORN_PID`).
    Successor,
    /// Anything else, an application that embeds Gunicorn included.
    Other,
}

/// A Gunicorn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its master.
    pub master: Pid,
    /// Its workers and the heartbeat file of each, where that is seen without doubt.
    pub workers: Vec<(Pid, Option<HeartbeatKey>)>,
    /// Its dirty arbiter and dirty workers.
    pub dirty: Vec<Pid>,
    /// How sure it is.
    pub identity: Identity,
    /// Its part in an upgrade.
    pub upgrade: Option<Upgrade>,
}

/// All Gunicorns, and the workers that have lost theirs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grouping {
    /// By master, in order of its number.
    pub groups: Vec<Group>,
    /// Workers without a master.
    pub orphans: Vec<Pid>,
}

/// Groups what one pass saw.
pub fn group(seen: &[Seen]) -> Grouping {
    let family = Family::of(seen);
    let mut groups: Vec<Group> = family.masters().map(|master| family.group_of(master)).collect();
    groups.sort_by_key(|group| group.master);
    mark_upgrades(&mut groups, &family);
    let orphans = family.orphans(&groups);
    Grouping { groups, orphans }
}

/// The processes by number and by parent.
struct Family<'a> {
    by_pid: HashMap<Pid, &'a Seen>,
    children: HashMap<Pid, Vec<&'a Seen>>,
}

impl<'a> Family<'a> {
    fn of(seen: &'a [Seen]) -> Self {
        let by_pid: HashMap<Pid, &Seen> = seen.iter().map(|one| (one.pid, one)).collect();
        let mut children: HashMap<Pid, Vec<&Seen>> = HashMap::new();
        for one in seen {
            // A parent that is younger than its child is another process with the number of the real one.
            if by_pid.get(&one.parent).is_some_and(|parent| parent.started <= one.started) {
                children.entry(one.parent).or_default().push(one);
            }
        }
        Self { by_pid, children }
    }

    fn children(&self, of: &Seen) -> impl Iterator<Item = &'a Seen> {
        self.children.get(&of.pid).into_iter().flatten().copied()
    }

    fn parent(&self, of: &Seen) -> Option<&'a Seen> {
        self.by_pid.get(&of.parent).copied().filter(|parent| parent.started <= of.started)
    }

    fn masters(&self) -> impl Iterator<Item = &'a Seen> {
        self.by_pid.values().copied().filter(|one| self.is_master(one))
    }

    fn is_master(&self, one: &Seen) -> bool {
        // A worker between fork and init_signals still has its master's mask, and shares a heartbeat file with it.
        if self.parent(one).is_some_and(|parent| share(parent, one)) {
            return false;
        }
        match one.part {
            Part::Worker | Part::DirtyWorker => false,
            Part::Master => self.is_master_by_mask(one),
            Part::DirtyArbiter => self.parent(one).is_none() && self.has_workers(one),
            Part::Starting => self.is_starting(one) || self.has_workers(one),
            Part::Unclear => self.has_workers(one),
        }
    }

    fn is_master_by_mask(&self, one: &Seen) -> bool {
        let has_workers = self.has_workers(one) || self.children(one).any(Seen::has_workers_mask);
        // A child that a master forked and that is no worker (a helper started in a hook) has its mask and its command
        // line as well; the new master of an upgrade says so in its environment.
        let forked_helper = self.parent(one).is_some_and(|parent| parent.part == Part::Master);
        has_workers || one.command == Command::Successor || (one.command == Command::Gunicorn && !forked_helper)
    }

    /// A master that imports the application before it has set its handlers, or has no worker yet.
    fn is_starting(&self, one: &Seen) -> bool {
        let forked_by_another = self.parent(one).is_some_and(|parent| parent.command != Command::Other);
        let holds_none = one.heartbeats.as_ref().is_none_or(Vec::is_empty);
        one.command == Command::Successor || (one.command == Command::Gunicorn && holds_none && !forked_by_another)
    }

    fn has_workers(&self, one: &Seen) -> bool {
        self.children(one).any(|child| share(one, child))
    }

    fn group_of(&self, master: &Seen) -> Group {
        let children: Vec<&Seen> = self.children(master).filter(|child| !self.is_master(child)).collect();
        let workers = workers(&children);
        let arbiters = children.iter().filter(|child| child.part == Part::DirtyArbiter);
        let dirty = arbiters.flat_map(|arbiter| self.dirty_family(arbiter)).collect();
        let held = master.heartbeats.as_ref().is_some_and(|held| !held.is_empty());
        let seen_in_workers = workers.iter().any(|(_, key)| key.is_some());
        let identity = if held || seen_in_workers { Identity::Heartbeat } else { Identity::SignalsAndCommandLine };
        Group { master: master.pid, workers, dirty, identity, upgrade: None }
    }

    fn dirty_family(&self, arbiter: &Seen) -> Vec<Pid> {
        let is_dirty = |child: &&Seen| child.part == Part::DirtyWorker || share(arbiter, child);
        std::iter::once(arbiter.pid).chain(self.children(arbiter).filter(is_dirty).map(|child| child.pid)).collect()
    }

    /// Workers whose parent is no Gunicorn. What an application forked and left behind has the mask and the heartbeat
    /// file of a worker as well; then that file is still held by the master or by a worker.
    fn orphans(&self, groups: &[Group]) -> Vec<Pid> {
        let members: HashSet<Pid> = groups.iter().flat_map(Group::members).collect();
        let held: HashSet<&HeartbeatKey> = members.iter().flat_map(|pid| keys(self.by_pid[pid])).collect();
        let is_lost = |one: &Seen| {
            one.has_workers_mask()
                && !members.contains(&one.pid)
                && keys(one).next().is_some()
                && !keys(one).any(|key| held.contains(key))
        };
        let mut orphans: Vec<Pid> = self
            .by_pid
            .values()
            .filter(|one| is_lost(one) && self.parent(one).is_none_or(|parent| !is_lost(parent)))
            .map(|one| one.pid)
            .collect();
        orphans.sort_unstable();
        orphans
    }
}

impl Group {
    fn members(&self) -> impl Iterator<Item = Pid> {
        let workers = self.workers.iter().map(|(pid, _)| *pid);
        std::iter::once(self.master).chain(workers).chain(self.dirty.iter().copied())
    }
}

/// The children of a master that are workers, each with the one heartbeat file that is its own.
fn workers(children: &[&Seen]) -> Vec<(Pid, Option<HeartbeatKey>)> {
    let mut taken: HashSet<&HeartbeatKey> = HashSet::new();
    // Who has the mask of a worker has the better claim; a helper forked by the master holds copies of all files.
    let (sure, unsure): (Vec<&Seen>, Vec<&Seen>) = children.iter().partition(|child| child.has_workers_mask());
    let mut workers: Vec<(Pid, Option<HeartbeatKey>)> = Vec::new();
    for child in by_fewest_keys(sure) {
        let own = own_key(child, &mut taken);
        workers.push((child.pid, own));
    }
    for child in by_fewest_keys(unsure).into_iter().filter(|child| child.part != Part::DirtyArbiter) {
        if let Some(own) = own_key(child, &mut taken) {
            workers.push((child.pid, Some(own)));
        }
    }
    workers.sort_by_key(|(pid, _)| *pid);
    workers
}

/// A worker that was forked a moment ago still holds its siblings' files; those who hold one only choose first.
fn by_fewest_keys(mut children: Vec<&Seen>) -> Vec<&Seen> {
    children.sort_by_key(|child| keys(child).count());
    children
}

fn own_key<'a>(child: &'a Seen, taken: &mut HashSet<&'a HeartbeatKey>) -> Option<HeartbeatKey> {
    let mut free = keys(child).filter(|key| !taken.contains(key));
    let own = free.next()?;
    if free.next().is_some() {
        return None;
    }
    taken.insert(own);
    Some(own.clone())
}

fn keys(one: &Seen) -> impl Iterator<Item = &HeartbeatKey> {
    one.heartbeats.iter().flatten()
}

/// By sets: anyone may hold any number of files that are named like a heartbeat, and must not make gtune compare each of
/// them with each.
fn share(one: &Seen, other: &Seen) -> bool {
    let (few, many) = if keys(one).count() < keys(other).count() { (one, other) } else { (other, one) };
    let few: HashSet<&HeartbeatKey> = keys(few).collect();
    !few.is_empty() && keys(many).any(|key| few.contains(key))
}

fn mark_upgrades(groups: &mut [Group], family: &Family<'_>) {
    let masters: HashSet<Pid> = groups.iter().map(|group| group.master).collect();
    let parent = |pid: Pid| family.parent(family.by_pid[&pid]).map(|parent| parent.pid);
    let pairs: Vec<(Pid, Pid)> = groups
        .iter()
        .filter_map(|group| Some((parent(group.master)?, group.master)))
        .filter(|(old, _)| masters.contains(old))
        .collect();
    for (old, new) in pairs {
        for group in groups.iter_mut() {
            if group.master == old {
                group.upgrade = Some(Upgrade::Old { new });
            } else if group.master == new {
                group.upgrade = Some(Upgrade::New { old });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DeviceId;
    use proptest::prelude::*;

    fn key(inode: u64) -> HeartbeatKey {
        HeartbeatKey::File(FileId { device: DeviceId(27), inode })
    }

    fn seen(pid: i32, parent: i32, part: Part, heartbeats: &[u64]) -> Seen {
        let heartbeats = Some(heartbeats.iter().map(|inode| key(*inode)).collect());
        Seen { pid: Pid(pid), parent: Pid(parent), started: pid as u64, part, heartbeats, command: Command::Gunicorn }
    }

    fn hidden(mut one: Seen) -> Seen {
        one.heartbeats = None;
        one
    }

    /// A master with two workers.
    fn healthy() -> Vec<Seen> {
        vec![
            seen(812, 1, Part::Master, &[1, 2]),
            seen(815, 812, Part::Worker, &[1]),
            seen(816, 812, Part::Worker, &[2]),
        ]
    }

    fn worker_pids(group: &Group) -> Vec<i32> {
        group.workers.iter().map(|(pid, _)| pid.0).collect()
    }

    #[test]
    fn a_master_holds_the_files_its_children_hold() {
        let found = group(&healthy());
        assert_eq!(found.groups.len(), 1);
        let only = &found.groups[0];
        assert_eq!((only.master, only.identity, only.upgrade), (Pid(812), Identity::Heartbeat, None));
        assert_eq!(only.workers, [(Pid(815), Some(key(1))), (Pid(816), Some(key(2)))]);
        assert!(found.orphans.is_empty());
    }

    #[test]
    fn a_process_that_feigns_many_heartbeats_costs_no_minutes() {
        let many = |from: u64| (from..from + 100_000).collect::<Vec<u64>>();
        let feigned = [seen(812, 1, Part::Master, &many(0)), seen(815, 812, Part::Master, &many(1_000_000))];
        let begin = std::time::Instant::now();
        group(&feigned);
        // Each with each are 10^10 comparisons.
        assert!(begin.elapsed().as_secs() < 20);
    }

    #[test]
    fn an_embedded_gunicorn_needs_no_command_line() {
        let mut all = healthy();
        all.iter_mut().for_each(|one| one.command = Command::Other);
        assert_eq!(worker_pids(&group(&all).groups[0]), [815, 816]);
    }

    #[test]
    fn what_an_application_forks_is_no_worker() {
        let mut all = healthy();
        all.push(seen(830, 815, Part::Worker, &[1]));
        all.push(seen(831, 1, Part::Worker, &[2]));
        let found = group(&all);
        assert_eq!(worker_pids(&found.groups[0]), [815, 816]);
        assert!(found.orphans.is_empty(), "{:?}", found.orphans);
    }

    #[test]
    fn hidden_descriptors_leave_mask_and_command_line() {
        let all: Vec<Seen> = healthy().into_iter().map(hidden).collect();
        let found = group(&all);
        assert_eq!(worker_pids(&found.groups[0]), [815, 816]);
        assert_eq!(found.groups[0].identity, Identity::SignalsAndCommandLine);
    }

    #[test]
    fn a_master_whose_own_descriptors_are_hidden_still_has_its_workers() {
        let mut all = healthy();
        all[0].heartbeats = None;
        let found = group(&all);
        assert_eq!(found.groups[0].workers, [(Pid(815), Some(key(1))), (Pid(816), Some(key(2)))]);
        assert_eq!(found.groups[0].identity, Identity::Heartbeat);
    }

    #[test]
    fn a_master_without_workers_is_found_by_its_command_line() {
        for part in [Part::Master, Part::Starting] {
            let found = group(&[seen(812, 1, part, &[])]);
            assert_eq!(found.groups[0].master, Pid(812));
            assert_eq!(found.groups[0].identity, Identity::SignalsAndCommandLine);
        }
        let mut other = seen(812, 1, Part::Starting, &[]);
        other.command = Command::Other;
        assert!(group(&[other]).groups.is_empty());
    }

    #[test]
    fn a_child_forked_during_a_preload_is_no_second_gunicorn() {
        let found = group(&[seen(812, 1, Part::Starting, &[]), seen(813, 812, Part::Starting, &[])]);
        assert_eq!(found.groups.len(), 1);
    }

    #[test]
    fn two_masters_one_the_child_of_the_other_are_an_upgrade() {
        let mut all = healthy();
        all.push(Seen { command: Command::Successor, ..seen(900, 812, Part::Master, &[9]) });
        all.push(seen(901, 900, Part::Worker, &[9]));
        let found = group(&all);
        assert_eq!(found.groups[0].upgrade, Some(Upgrade::Old { new: Pid(900) }));
        assert_eq!(found.groups[1].upgrade, Some(Upgrade::New { old: Pid(812) }));
        assert_eq!(worker_pids(&found.groups[0]), [815, 816]);
        assert_eq!(worker_pids(&found.groups[1]), [901]);
    }

    #[test]
    fn a_worker_forked_a_moment_ago_is_no_second_master() {
        let mut all = healthy();
        all[0] = seen(812, 1, Part::Master, &[1, 2, 3]);
        all.push(seen(817, 812, Part::Master, &[1, 2, 3]));
        let found = group(&all);
        assert_eq!(found.groups.len(), 1);
        assert_eq!(found.groups[0].workers[2], (Pid(817), Some(key(3))));
    }

    #[test]
    fn a_helper_forked_by_the_master_is_neither_worker_nor_master() {
        let mut all = healthy();
        all.push(seen(820, 812, Part::Master, &[1, 2]));
        all.push(seen(821, 812, Part::Master, &[]));
        let found = group(&all);
        assert_eq!(found.groups.len(), 1);
        assert_eq!(worker_pids(&found.groups[0]), [815, 816]);
    }

    #[test]
    fn dirty_processes_are_kept_apart_from_workers() {
        let mut all = healthy();
        all.push(seen(840, 812, Part::DirtyArbiter, &[1, 2, 40, 41]));
        all.push(seen(841, 840, Part::DirtyWorker, &[40]));
        all.push(seen(842, 840, Part::DirtyWorker, &[40, 41]));
        let found = group(&all);
        assert_eq!(found.groups.len(), 1);
        assert_eq!(worker_pids(&found.groups[0]), [815, 816]);
        assert_eq!(found.groups[0].dirty, [Pid(840), Pid(841), Pid(842)]);
    }

    #[test]
    fn workers_without_a_master_are_orphans_and_what_they_forked_is_not() {
        let mut all = vec![seen(815, 1, Part::Worker, &[1]), seen(816, 1, Part::Worker, &[2])];
        all.push(seen(830, 815, Part::Worker, &[1]));
        let found = group(&all);
        assert_eq!(found.orphans, [Pid(815), Pid(816)]);
        assert!(found.groups.is_empty());
    }

    #[test]
    fn a_younger_parent_is_another_process_with_that_number() {
        let mut all = healthy();
        all[0].started = 10_000;
        let found = group(&all);
        assert_eq!(found.orphans, [] as [Pid; 0], "the files are held by a master");
        assert!(found.groups.iter().all(|group| group.workers.is_empty()));
    }

    fn any_seen() -> impl Strategy<Value = Seen> {
        let part = prop_oneof![
            Just(Part::Master),
            Just(Part::Worker),
            Just(Part::DirtyArbiter),
            Just(Part::DirtyWorker),
            Just(Part::Starting),
            Just(Part::Unclear)
        ];
        let command = prop_oneof![Just(Command::Gunicorn), Just(Command::Successor), Just(Command::Other)];
        let held = proptest::option::of(proptest::collection::vec((0u64..6).prop_map(key), 0..4));
        (1i32..12, 0i32..12, 0u64..4, part, held, command).prop_map(
            |(pid, parent, started, part, heartbeats, command)| Seen {
                pid: Pid(pid),
                parent: Pid(parent),
                started,
                part,
                heartbeats,
                command,
            },
        )
    }

    proptest! {
        #[test]
        fn no_process_plays_two_parts(mut all in proptest::collection::vec(any_seen(), 0..12)) {
            all.sort_by_key(|one| one.pid);
            all.dedup_by_key(|one| one.pid);
            let found = group(&all);
            let mut parts: Vec<Pid> = found.groups.iter().flat_map(Group::members).chain(found.orphans).collect();
            let count = parts.len();
            parts.sort_unstable();
            parts.dedup();
            prop_assert_eq!(parts.len(), count);
        }
    }
}
