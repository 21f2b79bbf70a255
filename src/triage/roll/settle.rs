//! Ends are settled: those that are told, and those that a stop or a reload brings to light.

use super::Rolled;
use super::generation::Generation;
use super::kept::{count, is_quiet, keep, keep_or_count, let_go};
use super::master::Master;
use super::worker::{Worker, seconds_from};
use crate::gunicorn::Version;
use crate::gunicorn::log::{Ending, Event, Said, StopReason, Told};
use crate::triage::{Asked, Ended, How};
use crate::units::Pid;
use jiff::Timestamp;

/// A master that stops waits for its last worker in steps of 0.1 s (arbiter.py, `stop`), and stamps are whole seconds: one
/// that takes longer has waited for a worker that does not say goodbye.
const STOPS_AT_ONCE_SECONDS: i64 = 1;

/// A log of two handlers has each line twice, at the same time.
const TOLD_TWICE_SECONDS: i64 = 2;

/// From here on the master says of every child how it ended, unless with status 0: who is missing without a reason was
/// rather not seen.
const TELLS_ALL: Version = Version::new(21, 0, 0);

fn ended(master: &Master, worker: &Worker, how: How, time: Option<Timestamp>) -> Ended {
    if worker.is_late_exception && is_quiet(how) {
        return ended(master, &Worker { exception: None, is_late_exception: false, ..worker.clone() }, how, time);
    }
    let lines = [&worker.timed_out, &worker.exception, &worker.exiting];
    let mut told: Vec<Told> = lines.into_iter().flatten().cloned().collect();
    told.sort_by_key(|told| told.order());
    Ended {
        pid: Some(worker.pid),
        candidates: vec![],
        master: master.pid,
        version: master.version,
        class: master.class.clone(),
        time,
        how,
        context: master.context(worker, time),
        told,
        source: master.source,
    }
}

/// The master says how it ended.
pub fn told(master: &Master, worker: Worker, ending: Ending, line: &Told) -> Ended {
    let mut ended = ended(master, &worker, How::Told(ending), line.time);
    ended.told.push(line.clone());
    ended
}

/// It is gone, and nobody said so; `boot` shows it. One that said goodbye went then.
pub fn gone_by(master: &Master, worker: Worker, boot: &Told) -> Ended {
    let left = worker.exiting.as_ref();
    let how = if left.is_some() { How::Exited } else { How::Silent };
    let mut ended = ended(master, &worker, how, left.map_or(boot.time, |told| told.time));
    ended.told.push(boot.clone());
    ended
}

/// One that said goodbye is gone, and nobody says with what status.
pub fn left(master: &mut Master, pid: Pid, out: &mut Rolled) {
    let Some(mut worker) = master.take(pid) else { return };
    let (left, dismissed) = (worker.exiting.as_ref(), master.dismissed.as_ref());
    let is_after = left.zip(dismissed).is_some_and(|(left, dismissed)| left.order() > dismissed.order());
    if is_after && !worker.is_replaced {
        worker.asked = worker.asked.or(Some(Asked::Stopped));
    }
    let time = worker.exiting.as_ref().and_then(|told| told.time);
    let ended = ended(master, &worker, How::Exited, time);
    keep_or_count(out, ended);
}

/// A worker follows TTOU.
pub fn scaled(master: &mut Master) {
    master.to_leave = master.to_leave.saturating_sub(1);
    master.generation.scaled = master.generation.scaled.saturating_sub(1);
}

/// A worker times out. Its master says so once of each: one that had timed out before had the same number, as those of a
/// container that is started again, in a log that hides their boots.
pub fn timed_out_again(master: &mut Master, pid: Pid, told: &Told, out: &mut Rolled) {
    let before = master.workers.get(&pid).and_then(|worker| worker.timed_out.as_ref()).and_then(|told| told.time);
    if seconds_from(before, told.time).is_none_or(|since| since <= TOLD_TWICE_SECONDS) {
        return;
    }
    let Some(worker) = master.take(pid) else { return };
    let how = if worker.exiting.is_some() { How::Exited } else { How::Silent };
    keep(out, ended(master, &worker, how, before));
    master.generation.ended(before);
}

/// `Hang up`: those who are there are to leave, others come.
pub fn reload(master: &mut Master, told: &Told, out: &mut Rolled) {
    old_generation(master, out);
    leavers(master, out);
    // Those whom an earlier reload told to leave are not of this generation.
    let is_of_it = |worker: &&Worker| worker.asked.is_none();
    let pids = master.workers.values().filter(is_of_it).map(|worker| worker.pid).collect();
    master.workers.values_mut().for_each(|worker| worker.asked = worker.asked.or(Some(Asked::Reloaded)));
    master.old = Some((std::mem::take(&mut master.generation), pids));
    master.reloaded_at = told.time;
}

/// Those of a reload that never said goodbye died before it, as far as boots are there that nothing else explains.
fn old_generation(master: &mut Master, out: &mut Rolled) {
    let Some((generation, pids)) = master.old.take() else { return };
    let mut missing = master.missing();
    missing.retain(|pid| pids.contains(pid));
    let said_goodbye = pids.len().saturating_sub(missing.len());
    // Some may not have left yet; as many as were booted in their place were wanted.
    let wanted = said_goodbye.max(master.generation.first.len());
    if said_goodbye > 0 {
        died_before(master, &missing, &generation.replacements(wanted), out);
    }
}

/// `Shutting down`: who has not said goodbye died before, or was killed for not leaving in time.
pub fn stop(master: &mut Master, told: &Told, out: &mut Rolled) {
    overdue(master, out);
    old_generation(master, out);
    if master.asked.is_none() {
        // Nobody asked it: a worker that left before this may be the reason, which follows.
        let unasked = |pid: &&Pid| master.workers.get(pid).is_some_and(|worker| worker.asked.is_none());
        let early: Vec<Pid> = master.leaving.iter().filter(unasked).copied().collect();
        let mut early: Vec<Worker> = early.into_iter().filter_map(|pid| master.take(pid)).collect();
        early.sort_by_key(|worker| worker.exiting.as_ref().map(|told| told.order()));
        master.early = early;
    }
    let goodbye = master.leaving.iter().filter_map(|pid| master.workers.get(pid)?.exiting.as_ref()?.time).max();
    let waited = seconds_from(goodbye.max(master.asked_at), told.time).unwrap_or(0);
    let goodbyes = master.leaving.len() + master.early.len();
    let asked = master.asked.unwrap_or(Asked::Stopped);
    count(out, asked, master.held.len() as u64, told.time);
    master.held.clear();
    master.stops(asked, told);
    let generation = std::mem::take(&mut master.generation);
    if goodbyes > 0 && waited <= STOPS_AT_ONCE_SECONDS {
        died_before(master, &master.missing(), &generation.replacements(goodbyes), out);
    } else {
        some_died(master, &generation, out);
    }
    leavers(master, out);
    // Those who did not leave in time were killed by their master, as they should be.
    count(out, asked, master.workers.len() as u64, told.time);
    master.workers.clear();
    master.stopped = Some(told.clone());
}

/// All that said goodbye.
fn leavers(master: &mut Master, out: &mut Rolled) {
    for pid in std::mem::take(&mut master.leaving) {
        master.has_failed_boot |= master.workers.get(&pid).is_some_and(|worker| worker.exception.is_some());
        left(master, pid, out);
    }
}

/// These are missing, and so many boots replaced somebody: each pair is a silent death, the oldest worker and the earliest
/// boot first. Where more are missing than were replaced, it was one of them.
fn died_before(master: &mut Master, missing: &[Pid], replacements: &[Told], out: &mut Rolled) {
    let is_each = missing.len() <= replacements.len();
    for (pid, boot) in missing.iter().zip(replacements) {
        // Nobody is replaced by one who came before.
        let Some(worker) = master.take(*pid).filter(|worker| was_there(worker, boot)) else { continue };
        let mut ended = gone_by(master, Worker { asked: None, ..worker }, boot);
        if !is_each {
            (ended.pid, ended.candidates) = (None, missing.to_vec());
        }
        keep(out, ended);
    }
}

/// Whether a worker had booted before another did. Lines of a journal have no places to compare.
fn was_there(worker: &Worker, boot: &Told) -> bool {
    let is_its_own = matches!(boot.said, Said::Gunicorn(Event::Booting(pid)) if pid == worker.pid);
    !is_its_own && worker.booted.as_ref().is_none_or(|own| own.order() <= boot.order())
}

/// Boots that nothing explains, where it cannot be told who is missing: one of those who had booted before.
fn some_died(master: &mut Master, generation: &Generation, out: &mut Rolled) {
    if master.version.is_some_and(|version| version >= TELLS_ALL) {
        return;
    }
    for boot in &generation.unexplained {
        let mut candidates = master.missing();
        let was_seen_there = |worker: &Worker| worker.booted.is_some() && was_there(worker, boot);
        candidates.retain(|pid| master.workers.get(pid).is_some_and(was_seen_there));
        let Some(first) = candidates.first().copied() else { continue };
        let Some(worker) = master.workers.get(&first).cloned() else { continue };
        let mut ended = gone_by(master, Worker { asked: None, ..worker }, boot);
        if candidates.len() == 1 {
            master.take(first);
        }
        // Those who booted before the log begins may have died as well.
        if candidates.len() > 1 || !master.is_whole {
            (ended.pid, ended.candidates) = (None, candidates);
        }
        keep(out, ended);
    }
}

/// Those who timed out: their ends are not told, but what was to come is.
fn overdue(master: &mut Master, out: &mut Rolled) {
    for pid in std::mem::take(&mut master.overdue) {
        let Some(worker) = master.take(pid) else { continue };
        let time = worker.timed_out.as_ref().and_then(|told| told.time);
        let ended = ended(master, &worker, How::Silent, time);
        keep(out, ended);
    }
}

/// The log ends, or another master stands in the place of this one.
pub fn last_words(master: &mut Master, out: &mut Rolled) {
    early(master, out);
    let_go(master, out);
    if !master.is_whole {
        // Why they leave may be told before the log begins, and nobody was booted in their place.
        let told = |worker: &Worker| worker.asked.is_some() || worker.is_replaced || worker.exception.is_some();
        let master_workers = &master.workers;
        let unclear = |pid: &&Pid| master_workers.get(pid).is_some_and(|w| !told(w) && w.timed_out.is_none());
        let unclear: Vec<Pid> = master.leaving.iter().filter(unclear).copied().collect();
        unclear.into_iter().for_each(|pid| drop(master.take(pid)));
    }
    leavers(master, out);
    overdue(master, out);
    old_generation(master, out);
    if !master.is_ending() {
        let generation = std::mem::take(&mut master.generation);
        some_died(master, &generation, out);
    }
}

/// Those who had left unasked when the master shut down: where it says that it could not boot them, they are the reason;
/// the others were told to stop.
fn early(master: &mut Master, out: &mut Rolled) {
    let all = std::mem::take(&mut master.early);
    let first_end = all.first().and_then(|worker| worker.exiting.as_ref()).map(|told| told.order());
    let has_exception = all.iter().any(|worker| worker.exception.is_some());
    for (at, worker) in all.into_iter().enumerate() {
        // Without its exception, the first that left is the reason, and those that were booted in its place.
        let is_later_boot = worker.booted.as_ref().map(|told| told.order()) > first_end;
        let is_reason = worker.exception.is_some() || (!has_exception && (at == 0 || is_later_boot));
        let status = match master.gave_up.filter(|_| is_reason) {
            Some(StopReason::WorkerFailedToBoot) => 3,
            Some(StopReason::AppFailedToLoad) => 4,
            None if worker.exception.is_none() && worker.timed_out.is_none() => {
                count(out, Asked::Stopped, 1, worker.exiting.as_ref().and_then(|told| told.time));
                continue;
            }
            None => {
                let time = worker.exiting.as_ref().and_then(|told| told.time);
                keep(out, ended(master, &worker, How::Exited, time));
                continue;
            }
        };
        master.has_failed_boot = true;
        let time = worker.exiting.as_ref().and_then(|told| told.time);
        keep(out, ended(master, &worker, How::Told(Ending::Exit(status)), time));
    }
}
