//! The roll of one log: masters, and what each line means for their workers.

use super::master::Master;
use super::worker::{Worker, seconds_from};
use super::{Period, Rolled, kept, settle, together};
use crate::gunicorn::Version;
use crate::gunicorn::log::{Event, Told};
use crate::triage::{Ended, MasterHow};
use crate::units::Pid;
use jiff::Timestamp;
use std::collections::VecDeque;

/// Masters that are remembered at a time: services that share a log, and upgrades.
const MOST_MASTERS: usize = 32;

/// Workers that have said goodbye and wait to be settled; more than this do not leave within two seconds.
const MOST_LEAVING: usize = 256;

/// Who left is settled after so long: a stop of the whole control group reaches workers before the master says that it
/// handles it.
const STOP_REACHES_MASTER_SECONDS: i64 = 2;

/// Ends that further lines may speak of: Gunicorn 21 to 23 tell an exit twice.
const REMEMBERED_ENDS: usize = 64;

/// The second line of an end follows in the same moment.
const TOLD_AGAIN_SECONDS: i64 = 5;

/// What one log tells of its masters and workers.
#[derive(Debug, Default)]
pub struct Roll {
    pub(super) masters: Vec<Master>,
    /// Children that are no workers: dirty arbiters and their workers.
    pub(super) others: VecDeque<Pid>,
    /// Processes whose end was told a short while ago, with the time.
    pub(super) gone: VecDeque<(Pid, Option<Timestamp>)>,
    pub(super) now: Option<Timestamp>,
    pub(super) out: Rolled,
}

impl Roll {
    /// One that counts ends that were asked for in this time only.
    pub fn within(period: Period) -> Self {
        Self { out: Rolled { period, ..Rolled::default() }, ..Self::default() }
    }

    /// Takes the next line.
    pub fn take(&mut self, source: usize, told: &Told, event: &Event) {
        self.now = told.time.or(self.now);
        self.settle_leavers();
        match event {
            Event::Starting(version) => self.starts(source, told, *version),
            Event::Booting(pid) => self.boots(source, *pid, told),
            Event::Exiting(pid) => self.exits(source, *pid, told),
            Event::TimedOut(pid) => self.times_out(source, *pid, told),
            Event::Ended { pid, ending } => self.ends(source, *pid, *ending, told),
            Event::ParentChanged => self.orphans(told),
            Event::Dirty(pid) => remember(&mut self.others, *pid),
            Event::Loose(traceback) => self.keep_loose(told, event, traceback),
            Event::Autorestarting
            | Event::WorkerException(_)
            | Event::RequestError { .. }
            | Event::SocketError(_)
            | Event::GracefulTimeout(_) => self.worker_says(source, told, event),
            _ => self.master_says(source, told, event),
        }
    }

    /// What there was, once the log has ended.
    pub fn finish(mut self) -> Rolled {
        for master in std::mem::take(&mut self.masters) {
            self.close(master);
        }
        together::count(&mut self.out.ended);
        self.out
    }

    fn starts(&mut self, source: usize, told: &Told, version: Option<Version>) {
        // A log of two handlers has each line twice.
        let is_it = |master: &Master| master.pid == told.writer && master.is_whole && master.workers.is_empty();
        let is_same = |last: &Told| last.said == told.said && told.time.is_some() && last.time == told.time;
        if self.masters.iter().any(|master| is_it(master) && master.last.as_ref().is_some_and(is_same)) {
            return;
        }
        let is_upgrade = self.masters.iter().any(|master| master.upgrades);
        // A container's master is process 1 each time.
        let is_over = |master: &Master| master.is_over() || master.pid == told.writer || master.pid.is_none();
        let (over, mut open): (Vec<Master>, Vec<Master>) = self.masters.drain(..).partition(is_over);
        if open.len() >= MOST_MASTERS {
            self.close(open.remove(0));
        }
        for mut master in over {
            master.superseded.get_or_insert_with(|| told.clone());
            self.close(master);
        }
        if !is_upgrade {
            open.iter_mut().for_each(|master| master.superseded = Some(told.clone()));
        }
        self.masters = open;
        let last = Some(told.clone());
        let started = last.clone();
        let master = Master { pid: told.writer, version, is_whole: true, started, last, source, ..Master::default() };
        self.masters.push(master);
    }

    fn close(&mut self, mut master: Master) {
        settle::last_words(&mut master, &mut self.out);
        if let Some(end) = master.ended() {
            kept::keep_master(&mut self.out, end);
        }
    }

    /// The master that wrote a line; one whose start is before the log is made up.
    pub(super) fn master(&mut self, source: usize, told: &Told) -> Option<&mut Master> {
        let own = |master: &Master| master.pid == told.writer;
        let at = self.masters.iter().rposition(own).or_else(|| self.masters.iter().position(|m| m.pid.is_none()));
        let at = at.unwrap_or_else(|| {
            self.masters.push(Master::unseen());
            self.masters.len() - 1
        });
        let master = self.masters.get_mut(at)?;
        (master.pid, master.superseded) = (told.writer, None);
        (master.last, master.source) = (Some(told.clone()), source);
        Some(master)
    }

    /// A master that speaks again without a start was not lost: another service started beside it.
    pub(super) fn is_back(&mut self, told: &Told) {
        if self.masters.iter().all(|master| master.pid != told.writer) {
            self.out.masters.retain(|end| Some(end.pid) != told.writer || end.how != MasterHow::Lost);
        }
    }

    /// The master of a worker.
    pub(super) fn master_of(&mut self, pid: Pid) -> Option<&mut Master> {
        self.masters.iter_mut().rev().find(|master| master.workers.contains_key(&pid))
    }

    /// The master that boots a worker: one that has just started or has a place to fill, else the one that came last.
    pub(super) fn master_that_boots(&mut self) -> Option<&mut Master> {
        if self.masters.is_empty() {
            self.masters.push(Master::unseen());
        }
        let wants = |master: &Master| !master.is_ending() && master.generation.is_open();
        let lives = |master: &Master| !master.is_ending();
        let at = self.masters.iter().rposition(wants).or_else(|| self.masters.iter().rposition(lives));
        let last = self.masters.len() - 1;
        self.masters.get_mut(at.unwrap_or(last))
    }

    /// Of several masters in one log it is not told which one boots a worker: the one that speaks of it later did.
    pub(super) fn move_to_writer(&mut self, pid: Pid, told: &Told) {
        let Some(at) = self.masters.iter().rposition(|master| master.pid == told.writer) else { return };
        if self.masters.get(at).is_some_and(|master| master.workers.contains_key(&pid)) {
            return;
        }
        let Some(worker) = self.master_of(pid).and_then(|other| other.take(pid)) else { return };
        if let Some(master) = self.masters.get_mut(at) {
            master.add(worker);
        }
    }

    /// Those who left without being asked, once it is clear that nobody was about to ask them.
    fn settle_leavers(&mut self) {
        let (now, out) = (self.now, &mut self.out);
        for master in self.masters.iter_mut().filter(|master| !master.is_ending()) {
            let is_past = |held: &Ended| seconds_from(held.time, now).is_none_or(|s| s > STOP_REACHES_MASTER_SECONDS);
            if master.held.first().is_some_and(is_past) {
                kept::let_go(master, out);
            }
            let is_clear = |worker: &Worker| {
                let left = worker.exiting.as_ref().and_then(|told| told.time);
                worker.is_replaced && seconds_from(left, now).is_none_or(|since| since > STOP_REACHES_MASTER_SECONDS)
            };
            let is_full = master.leaving.len() > MOST_LEAVING;
            let clear = |pid: &&Pid| is_full || master.workers.get(pid).is_some_and(is_clear);
            let clear: Vec<Pid> = master.leaving.iter().filter(clear).copied().collect();
            clear.iter().for_each(|pid| settle::left(master, *pid, out));
        }
    }

    pub(super) fn is_gone(&self, pid: Pid) -> bool {
        let is_recent = |time| seconds_from(time, self.now).is_none_or(|since| since <= TOLD_AGAIN_SECONDS);
        self.gone.iter().any(|(gone, time)| *gone == pid && is_recent(*time))
    }

    pub(super) fn remember_gone(&mut self, pid: Pid) {
        remember(&mut self.gone, (pid, self.now));
    }
}

pub(super) fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= REMEMBERED_ENDS {
        all.pop_front();
    }
    all.push_back(one);
}
