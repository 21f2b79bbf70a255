//! What lines of workers, and of their ends, mean.

use super::book::Roll;
use super::master::Master;
use super::worker::{Worker, is_want_of_descriptors};
use super::{MOST_LOOSE, kept, settle};
use crate::gunicorn::log::{Ending, Event, Told, Traceback};
use crate::triage::Asked;
use crate::units::Pid;

impl Roll {
    pub(super) fn boots(&mut self, source: usize, pid: Pid, told: &Told) {
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
        found.into_iter().for_each(|ended| kept::keep_or_count_gone(&mut self.out, ended));
    }

    pub(super) fn exits(&mut self, source: usize, pid: Pid, told: &Told) {
        if self.master_of(pid).is_none() && !self.is_gone(pid) {
            self.add_unseen(source, pid);
        }
        let Some(master) = self.master_of(pid) else { return };
        // Those whom a reload sends away leave while others still come.
        if master.workers.get(&pid).is_none_or(|worker| worker.asked != Some(Asked::Reloaded)) {
            master.generation.is_complete();
        }
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

    pub(super) fn times_out(&mut self, source: usize, pid: Pid, told: &Told) {
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

    pub(super) fn ends(&mut self, source: usize, pid: Pid, ending: Ending, told: &Told) {
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
            kept::keep_hold_or_count(master, ended, &mut out);
        }
        self.out = out;
        self.remember_gone(pid);
    }

    pub(super) fn orphans(&mut self, told: &Told) {
        let Some(pid) = told.writer else { return };
        let Some(master) = self.master_of(pid) else { return };
        master.orphaned.get_or_insert_with(|| told.clone());
        master.take(pid);
        master.orphans.push(pid);
        self.remember_gone(pid);
    }

    pub(super) fn worker_says(&mut self, source: usize, told: &Told, event: &Event) {
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

    pub(super) fn keep_loose(&mut self, told: &Told, event: &Event, traceback: &Traceback) {
        if is_want_of_descriptors(event) || is_reopening(traceback) || is_of_loading(traceback) {
            let told = Told { time: told.time.or(self.now), ..told.clone() };
            if self.masters.is_empty() && self.out.loose.len() < MOST_LOOSE {
                self.out.loose.push(told.clone());
            }
            self.masters.iter_mut().for_each(|master| master.loose = Some(told.clone()));
        }
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
