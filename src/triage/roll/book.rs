//! The roll of one log: masters, and what each line means for their workers.

use super::master::Master;
use super::worker::{Worker, is_want_of_descriptors, seconds_from};
use super::{MOST_LOOSE, Period, Rolled, settle, together};
use crate::gunicorn::Version;
use crate::gunicorn::log::{Ending, Event, MasterSignal, Told, Traceback};
use crate::triage::{Asked, Ended, MasterHow};
use crate::units::Pid;
use jiff::Timestamp;
use std::collections::VecDeque;

/// Masters that are remembered at a time: services that share a log, and upgrades.
const MOST_MASTERS: usize = 64;

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
    masters: Vec<Master>,
    /// Children that are no workers: dirty arbiters and their workers.
    others: VecDeque<Pid>,
    /// Processes whose end was told a short while ago, with the time.
    gone: VecDeque<(Pid, Option<Timestamp>)>,
    now: Option<Timestamp>,
    out: Rolled,
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
            settle::keep_master(&mut self.out, end);
        }
    }

    /// The master that wrote a line; one whose start is before the log is made up.
    fn master(&mut self, source: usize, told: &Told) -> Option<&mut Master> {
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
    fn is_back(&mut self, told: &Told) {
        if self.masters.iter().all(|master| master.pid != told.writer) {
            self.out.masters.retain(|end| Some(end.pid) != told.writer || end.how != MasterHow::Lost);
        }
    }

    /// The master of a worker.
    fn master_of(&mut self, pid: Pid) -> Option<&mut Master> {
        self.masters.iter_mut().rev().find(|master| master.workers.contains_key(&pid))
    }

    /// The master that boots a worker: one that has just started or has a place to fill, else the one that came last.
    fn master_that_boots(&mut self) -> Option<&mut Master> {
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
    fn move_to_writer(&mut self, pid: Pid, told: &Told) {
        let Some(at) = self.masters.iter().rposition(|master| master.pid == told.writer) else { return };
        if self.masters.get(at).is_some_and(|master| master.workers.contains_key(&pid)) {
            return;
        }
        let Some(worker) = self.master_of(pid).and_then(|other| other.take(pid)) else { return };
        if let Some(master) = self.masters.get_mut(at) {
            master.add(worker);
        }
    }

    fn boots(&mut self, source: usize, pid: Pid, told: &Told) {
        let is_same = |booted: &Told| told.time.is_some() && booted.time == told.time;
        let worker = self.master_of(pid).and_then(|master| master.workers.get(&pid));
        if worker.is_some_and(|worker| worker.exiting.is_none() && worker.booted.as_ref().is_some_and(is_same)) {
            return;
        }
        self.gone.retain(|(gone, _)| *gone != pid);
        let mut found = vec![];
        // A number that is given again tells that the one who had it is gone.
        if let Some(master) = self.master_of(pid)
            && let Some(worker) = master.take(pid)
        {
            if let Some((_, pids)) = &mut master.old {
                pids.remove(&pid);
            }
            found.push(settle::gone_by(master, worker, told));
            master.generation.ended(told.time);
        }
        let Some(master) = self.master_that_boots() else { return };
        master.source = source;
        let Master { workers, leaving, .. } = master;
        for pid in leaving.iter() {
            workers.entry(*pid).and_modify(|worker| worker.is_replaced = true);
        }
        if master.generation.booted(told) {
            // Before 20.1 the master says nothing of the end of a worker that it has killed for a time-out.
            let is_replaced = |pid: &Pid| master.workers.get(pid).is_some_and(|worker| worker.asked.is_none());
            let overdue = master.overdue.iter().copied().find(is_replaced);
            match overdue.and_then(|pid| master.take(pid)) {
                Some(worker) => found.push(settle::gone_by(master, worker, told)),
                None => master.generation.keep_unexplained(told),
            }
        }
        master.add(Worker::booted(pid, told));
        found.into_iter().for_each(|ended| settle::keep_or_count_gone(&mut self.out, ended));
    }

    fn exits(&mut self, source: usize, pid: Pid, told: &Told) {
        if self.master_of(pid).is_none() && !self.is_gone(pid) {
            self.add_unseen(source, pid);
        }
        let Some(master) = self.master_of(pid) else { return };
        master.generation.is_complete();
        let is_ending = master.is_ending();
        let asked = master.asked.or(is_ending.then_some(Asked::Stopped));
        let Some(worker) = master.workers.get_mut(&pid) else { return };
        if worker.exiting.is_some() {
            return;
        }
        worker.exiting = Some(told.clone());
        let is_plain = worker.timed_out.is_none() && worker.exception.is_none();
        if worker.asked.is_none() && is_plain {
            worker.asked = asked.or((master.to_leave > 0).then_some(Asked::Scaled));
        }
        let is_asked = worker.asked;
        master.leaving.insert(pid);
        master.overdue.remove(&pid);
        match is_asked {
            Some(Asked::Scaled) => settle::scaled(master),
            Some(Asked::Recycled) | None if !is_ending => master.generation.ended(told.time),
            _ => {}
        }
    }

    /// A worker whose boot is before the log.
    fn add_unseen(&mut self, source: usize, pid: Pid) {
        if self.masters.is_empty() {
            self.masters.push(Master { source, ..Master::unseen() });
        }
        if let Some(master) = self.masters.iter_mut().rev().find(|master| !master.is_whole) {
            let asked = master.asked;
            master.add(Worker { asked, ..Worker::unseen(pid) });
        }
    }

    fn times_out(&mut self, source: usize, pid: Pid, told: &Told) {
        self.is_back(told);
        self.move_to_writer(pid, told);
        let mut out = std::mem::take(&mut self.out);
        if let Some(master) = self.master(source, told) {
            settle::timed_out_again(master, pid, told, &mut out);
        }
        self.out = out;
        let Some(master) = self.master(source, told) else { return };
        master.generation.is_complete();
        if !master.workers.contains_key(&pid) {
            master.add(Worker::unseen(pid));
        }
        master.overdue.insert(pid);
        if let Some(worker) = master.workers.get_mut(&pid) {
            worker.timed_out.get_or_insert_with(|| told.clone());
        }
    }

    fn ends(&mut self, source: usize, pid: Pid, ending: Ending, told: &Told) {
        let (is_told_again, is_other) = (self.is_gone(pid), self.others.contains(&pid));
        self.is_back(told);
        self.move_to_writer(pid, told);
        let Some(master) = self.master(source, told) else { return };
        let is_known = master.workers.contains_key(&pid);
        if !is_known && is_told_again {
            return;
        }
        let is_worker = is_known || (!master.is_whole && !is_other);
        let mut worker = master.take(pid).unwrap_or_else(|| Worker { asked: master.asked, ..Worker::unseen(pid) });
        if worker.asked.is_none() && master.to_leave > 0 && matches!(ending, Ending::Signal { signal: 15, .. }) {
            worker.asked = Some(Asked::Scaled);
            settle::scaled(master);
        }
        let leaves_place = worker.exiting.is_none() && worker.asked.is_none_or(|asked| asked == Asked::Recycled);
        if is_worker && leaves_place && !master.is_ending() {
            master.generation.ended(told.time);
        }
        let mut ended = settle::told(master, worker, ending, told);
        ended.context.is_worker = is_worker;
        if is_worker && matches!(ending, Ending::Exit(3 | 4)) {
            // The master stops for it: who leaves from now on was told to.
            master.has_failed_boot = true;
            master.stops(Asked::Stopped, told);
        }
        let mut out = std::mem::take(&mut self.out);
        if let Some(master) = self.master(source, told) {
            settle::keep_hold_or_count(master, ended, &mut out);
        }
        self.out = out;
        self.remember_gone(pid);
    }

    fn orphans(&mut self, told: &Told) {
        let Some(pid) = told.writer else { return };
        let Some(master) = self.master_of(pid) else { return };
        master.orphaned.get_or_insert_with(|| told.clone());
        master.take(pid);
        master.orphans.push(pid);
        self.remember_gone(pid);
    }

    fn worker_says(&mut self, source: usize, told: &Told, event: &Event) {
        let Some(pid) = told.writer else { return };
        // These tell why a worker is about to leave, also one that booted before the log begins.
        let is_reason = matches!(event, Event::Autorestarting | Event::WorkerException(_));
        if is_reason && self.master_of(pid).is_none() && !self.is_gone(pid) {
            self.add_unseen(source, pid);
        }
        if let Some(worker) = self.master_of(pid).and_then(|master| master.workers.get_mut(&pid)) {
            worker.says(told);
        }
    }

    fn keep_loose(&mut self, told: &Told, event: &Event, traceback: &Traceback) {
        if is_want_of_descriptors(event) || is_reopening(traceback) || is_of_loading(traceback) {
            let told = Told { time: told.time.or(self.now), ..told.clone() };
            if self.masters.is_empty() && self.out.loose.len() < MOST_LOOSE {
                self.out.loose.push(told.clone());
            }
            self.masters.iter_mut().for_each(|master| master.loose = Some(told.clone()));
        }
    }

    fn master_says(&mut self, source: usize, told: &Told, event: &Event) {
        if let Event::Listening(address) = event {
            self.listens(told, address);
        }
        self.is_back(told);
        let mut out = std::mem::take(&mut self.out);
        if let Some(master) = self.master(source, told) {
            heard(master, told, event, &mut out);
        }
        self.out = out;
    }

    /// Two masters at different addresses live side by side.
    fn listens(&mut self, told: &Told, address: &str) {
        for other in self.masters.iter_mut().filter(|master| master.pid != told.writer) {
            if other.address.as_deref().is_some_and(|own| own != address) {
                other.superseded = None;
            }
        }
    }

    /// Those who left without being asked, once it is clear that nobody was about to ask them.
    fn settle_leavers(&mut self) {
        let (now, out) = (self.now, &mut self.out);
        for master in self.masters.iter_mut().filter(|master| !master.is_ending()) {
            let is_past = |held: &Ended| seconds_from(held.time, now).is_none_or(|s| s > STOP_REACHES_MASTER_SECONDS);
            if master.held.first().is_some_and(is_past) {
                settle::let_go(master, out);
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

    fn is_gone(&self, pid: Pid) -> bool {
        let is_recent = |time| seconds_from(time, self.now).is_none_or(|since| since <= TOLD_AGAIN_SECONDS);
        self.gone.iter().any(|(gone, time)| *gone == pid && is_recent(*time))
    }

    fn remember_gone(&mut self, pid: Pid) {
        remember(&mut self.gone, (pid, self.now));
    }
}

fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= REMEMBERED_ENDS {
        all.pop_front();
    }
    all.push_back(one);
}

/// What a master says of itself.
fn heard(master: &mut Master, told: &Told, event: &Event, out: &mut Rolled) {
    match event {
        Event::Listening(address) => master.address = Some(address.clone()),
        Event::UsingWorker(class) => master.class = Some(class.clone()),
        Event::Handling(signal) => handles(master, *signal, told),
        Event::HangUp => settle::reload(master, told, out),
        Event::ShuttingDown => settle::stop(master, told, out),
        Event::Reason(reason) => master.gave_up = Some(*reason),
        Event::MasterException(traceback) => master.crashes(told, traceback),
        Event::CannotBind { gives_up: true } => master.end = Some((MasterHow::CannotBind, told.clone())),
        Event::Promoted => master.upgrades = false,
        _ => {}
    }
}

/// What a signal means for the workers.
fn handles(master: &mut Master, signal: MasterSignal, told: &Told) {
    master.generation.is_complete();
    match signal {
        MasterSignal::Term | MasterSignal::Int | MasterSignal::Quit => {
            let asked = if master.upgrades { Asked::Reloaded } else { Asked::Stopped };
            master.stops(asked, told);
        }
        MasterSignal::Ttin => {
            master.generation.to_come = master.generation.to_come.saturating_add(1);
            master.generation.scaled = master.generation.scaled.saturating_add(1);
        }
        // The last worker stays; how many there are is not known where some booted before the log begins.
        MasterSignal::Ttou if master.alive() > 1 || !master.is_whole => {
            master.to_leave = master.to_leave.saturating_add(1)
        }
        MasterSignal::Usr1 => master.reopened = Some(told.clone()),
        MasterSignal::Usr2 => master.upgrades = true,
        MasterSignal::Winch => master.dismissed = Some(told.clone()),
        MasterSignal::Ttou | MasterSignal::Hup => {}
    }
}

/// Logs are reopened, or cannot be: EACCES (errno(3)).
fn is_reopening(traceback: &Traceback) -> bool {
    traceback.is_reopen || traceback.errno == Some(13)
}

/// The application cannot be found: Gunicorn writes that without a prefix.
fn is_of_loading(traceback: &Traceback) -> bool {
    traceback.exception.as_deref().is_some_and(|text| text.starts_with("Failed to "))
}
