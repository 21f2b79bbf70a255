//! A master that lives, or whose end is not told yet.

use super::generation::Generation;
use super::worker::{Worker, seconds_from};
use crate::gunicorn::log::{StopReason, Told, Traceback};
use crate::gunicorn::{Version, WorkerClass};
use crate::triage::{Asked, Context, Ended, MasterEnd, MasterHow};
use crate::units::Pid;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Workers that are remembered of a master; a log that claims more is none, or made to fill the memory.
const MOST_WORKERS: usize = 2_000;

/// An end so soon after USR1 has to do with it: workers reopen their logs in the handler, at once, or when the call that
/// they are in returns. Stamps are whole seconds.
const REOPENING_SECONDS: i64 = 2;

/// An error without a writer so long before an end may be that of the one who ended, seconds.
const LOOSE_SECONDS: i64 = 10;

/// What is known of a master.
#[derive(Debug, Clone, Default)]
pub struct Master {
    /// None where only its workers were seen.
    pub pid: Option<Pid>,
    pub version: Option<Version>,
    pub class: Option<WorkerClass>,
    pub address: Option<Box<str>>,
    /// Its start.
    pub started: Option<Told>,
    /// Whether its start was seen: else it may have workers that were not.
    pub is_whole: bool,
    /// Those that live, and those that said goodbye, until it is clear why they left.
    pub workers: BTreeMap<Pid, Worker>,
    /// Those of them that said goodbye.
    pub leaving: BTreeSet<Pid>,
    /// Those of them that timed out and did not say goodbye.
    pub overdue: BTreeSet<Pid>,
    pub generation: Generation,
    /// The generation that a reload told to leave.
    pub old: Option<(Generation, BTreeSet<Pid>)>,
    /// TTOU that no worker has followed yet.
    pub to_leave: u64,
    pub asked: Option<Asked>,
    pub asked_at: Option<Timestamp>,
    /// WINCH: a daemon tells all workers to leave and boots none in their place; any other ignores it.
    pub dismissed: Option<Told>,
    /// Whether it handled USR2.
    pub upgrades: bool,
    pub reopened: Option<Told>,
    pub reloaded_at: Option<Timestamp>,
    /// The last error without a writer that may tell why somebody ends.
    pub loose: Option<Told>,
    /// Its own last words.
    pub end: Option<(MasterHow, Told)>,
    /// `Shutting down`.
    pub stopped: Option<Told>,
    /// Those who had left unasked when it said so; its reason, which follows, tells whether they were the reason.
    pub early: Vec<Worker>,
    /// Ends by a signal that asks to stop, which the master tells a moment before it says that it shuts down itself.
    pub held: Vec<Ended>,
    pub gave_up: Option<StopReason>,
    /// The master that started after it and may stand in its place.
    pub superseded: Option<Told>,
    pub orphaned: Option<Told>,
    /// Workers that found it gone.
    pub orphans: Vec<Pid>,
    /// Whether a worker could not be booted, which is told as the worker's death.
    pub has_failed_boot: bool,
    pub last: Option<Told>,
    /// Index of the source of its last line.
    pub source: usize,
}

impl Master {
    /// One whose start is before the log.
    pub fn unseen() -> Self {
        Self { generation: Generation::unseen(), ..Self::default() }
    }

    pub fn add(&mut self, worker: Worker) {
        if self.workers.len() >= MOST_WORKERS
            && let Some((first, _)) = self.workers.first_key_value()
        {
            let first = *first;
            self.take(first);
        }
        self.workers.insert(worker.pid, worker);
    }

    pub fn take(&mut self, pid: Pid) -> Option<Worker> {
        self.leaving.remove(&pid);
        self.overdue.remove(&pid);
        self.workers.remove(&pid)
    }

    /// Workers that have not said goodbye.
    pub fn alive(&self) -> usize {
        self.workers.len().saturating_sub(self.leaving.len())
    }

    /// Those of them, the oldest first.
    pub fn missing(&self) -> Vec<Pid> {
        let mut missing: Vec<&Worker> = self.workers.values().filter(|worker| worker.exiting.is_none()).collect();
        missing.sort_by_key(|worker| worker.booted.as_ref().map(|told| told.order()));
        missing.into_iter().map(|worker| worker.pid).collect()
    }

    /// Whether its workers leave because it goes.
    pub fn is_ending(&self) -> bool {
        self.asked.is_some() || self.end.is_some() || self.stopped.is_some()
    }

    /// Whether all that is told of it from now on is its reason.
    pub fn is_over(&self) -> bool {
        self.superseded.is_some() || self.orphaned.is_some() || self.end.is_some() || self.stopped.is_some()
    }

    /// USR1, where an end at that time may be due to it.
    fn reopened_before(&self, end: Option<Timestamp>) -> Option<Told> {
        let is_just =
            |told: &&Told| seconds_from(told.time, end).is_some_and(|since| (0..=REOPENING_SECONDS).contains(&since));
        self.reopened.as_ref().filter(is_just).cloned()
    }

    fn loose_before(&self, end: Option<Timestamp>) -> Option<Told> {
        let is_near = |told: &&Told| seconds_from(told.time, end).is_some_and(|s| (0..=LOOSE_SECONDS).contains(&s));
        self.loose.as_ref().filter(is_near).cloned()
    }

    /// What else is known of a worker that ended and was taken off the list.
    pub fn context(&self, worker: &Worker, end: Option<Timestamp>) -> Context {
        let timed_out_at = worker.timed_out.as_ref().and_then(|told| told.time);
        Context {
            host_pid: self.host_pid(worker),
            booted: worker.booted.as_ref().and_then(|told| told.time),
            timed_out: worker.timed_out.clone(),
            timed_out_together: usize::from(worker.timed_out.is_some()),
            alive: self.alive() + 1,
            lingered_seconds: seconds_from(timed_out_at, end),
            asked: worker.asked,
            reopened: self.reopened_before(end),
            ended_together: 1,
            exception: worker.exception.clone(),
            request_error: worker.request_error.clone(),
            descriptor_error: worker.descriptor_error_near(end),
            loose: self.loose_before(end),
            is_worker: true,
        }
    }

    /// The number that the journal knows a worker by. Older systemd has the main process's for all lines, which is none.
    fn host_pid(&self, worker: &Worker) -> Option<Pid> {
        let own = [&worker.booted, &worker.exception, &worker.request_error, &worker.exiting].into_iter().flatten();
        let main = self.last.as_ref().and_then(|told| told.frame_pid);
        own.filter(|told| told.writer == Some(worker.pid))
            .find_map(|told| told.frame_pid)
            .filter(|pid| Some(*pid) != main)
    }

    /// Its end, where it was not a stop that was asked for and done.
    pub fn ended(self) -> Option<MasterEnd> {
        let (how, word) = match (self.end, self.gave_up) {
            (Some((how, told)), _) => (how, Some(told)),
            (None, Some(reason)) if !self.has_failed_boot => (MasterHow::GaveUp(reason), self.stopped),
            // It ends for a worker that it could not boot, also where the log has no more to say of that.
            (None, _) if self.stopped.is_some() || self.has_failed_boot => return None,
            (None, _) => match self.orphaned.as_ref().or(self.superseded.as_ref()) {
                Some(told) => (MasterHow::Lost, Some(told.clone())),
                None => (MasterHow::Open, None),
            },
        };
        let noticed = self.orphaned.iter().chain(&self.superseded).filter_map(|told| told.time).min();
        let time = self.last.as_ref().and_then(|told| told.time);
        let reloading = seconds_from(self.reloaded_at, time).is_some_and(|since| since <= REOPENING_SECONDS);
        let mut told: Vec<Told> = self.last.into_iter().chain(word).collect();
        told.dedup();
        Some(MasterEnd {
            pid: self.pid?,
            version: self.version,
            workers: self.orphans.into_iter().chain(self.workers.into_keys()).collect(),
            started: self.started,
            time,
            noticed,
            how,
            asked: self.asked.is_some(),
            reloading,
            told,
            source: self.source,
        })
    }

    /// Ends with words of its own.
    pub fn crashes(&mut self, told: &Told, traceback: &Traceback) {
        self.end = Some((MasterHow::Crashed(traceback.clone()), told.clone()));
        self.generation.is_complete();
        for worker in self.workers.values_mut() {
            worker.asked = worker.asked.or(Some(Asked::Stopped));
        }
    }

    /// From now on workers leave because it tells them to.
    pub fn stops(&mut self, asked: Asked, told: &Told) {
        self.generation.is_complete();
        if self.asked.is_none() {
            (self.asked, self.asked_at) = (Some(asked), told.time);
        }
        for worker in self.workers.values_mut() {
            worker.asked = worker.asked.or(Some(asked));
        }
    }
}
