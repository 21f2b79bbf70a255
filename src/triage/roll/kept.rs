//! Ends that are kept, held or counted.

use super::master::Master;
use super::{MOST_KEPT, Rolled};
use crate::gunicorn::log::Ending;
use crate::triage::{Asked, Ended, How, MasterEnd};
use jiff::Timestamp;

/// Ends that are held at a time: those of two seconds.
const MOST_HELD: usize = 1_000;

/// The signals by which a worker is asked to stop: SIGINT, SIGQUIT, SIGTERM (signal(7)).
const QUIET_ENDS: [i32; 3] = [2, 3, 15];

/// An end that a master about to stop may have asked for is held until that is clear.
pub fn keep_hold_or_count(master: &mut Master, ended: Ended, out: &mut Rolled) {
    let is_of_stop = matches!(ended.how, How::Told(Ending::Signal { .. })) && is_as_asked(&ended);
    if ended.context.asked.is_none()
        && ended.context.is_worker
        && is_of_stop
        && !master.is_ending()
        && master.held.len() < MOST_HELD
    {
        master.held.push(ended);
    } else {
        keep_or_count(out, ended);
    }
}

/// Nobody stopped it: what was held is kept.
pub fn let_go(master: &mut Master, out: &mut Rolled) {
    master.held.drain(..).for_each(|ended| keep(out, ended));
}

/// A death is kept, an end that was asked for is counted.
pub fn keep_or_count(out: &mut Rolled, ended: Ended) {
    match ended.context.asked.filter(|_| is_as_asked(&ended)) {
        Some(asked) => count(out, asked, 1, ended.time),
        None => keep(out, ended),
    }
}

/// The same of one whose number another has now: one that was asked to stop has stopped, also where it did not say so
/// (those of uvicorn do not).
pub fn keep_or_count_gone(out: &mut Rolled, ended: Ended) {
    let is_plain = ended.context.timed_out.is_none() && ended.context.exception.is_none();
    match ended.context.asked.filter(|_| ended.how == How::Silent && is_plain) {
        Some(asked) => count(out, asked, 1, ended.time),
        None => keep_or_count(out, ended),
    }
}

/// Whether an end is one that was asked for, in the way that was asked for.
fn is_as_asked(ended: &Ended) -> bool {
    is_quiet(ended.how) && ended.context.timed_out.is_none() && ended.context.exception.is_none()
}

/// Whether a worker that is asked to stop may end so.
pub fn is_quiet(how: How) -> bool {
    match how {
        How::Exited | How::Told(Ending::Exit(0 | 1)) => true,
        How::Told(Ending::Signal { signal, .. }) => QUIET_ENDS.contains(&signal),
        How::Told(Ending::Exit(_)) | How::Silent => false,
    }
}

/// Keeps an end; the earliest give way.
pub fn keep(out: &mut Rolled, ended: Ended) {
    out.left_out = out.left_out.saturating_add(keep_latest(&mut out.ended, ended));
}

/// Keeps the end of a master; the earliest give way.
pub fn keep_master(out: &mut Rolled, end: MasterEnd) {
    out.left_out = out.left_out.saturating_add(keep_latest(&mut out.masters, end));
}

/// Adds one and tells how many of the earliest gave way: half of them at once, so that few are ever moved.
fn keep_latest<T>(all: &mut Vec<T>, one: T) -> u64 {
    let over = if all.len() >= MOST_KEPT { MOST_KEPT / 2 } else { 0 };
    all.drain(..over);
    all.push(one);
    over as u64
}

pub fn count(out: &mut Rolled, asked: Asked, ends: u64, time: Option<Timestamp>) {
    let (since, until) = out.period;
    let is_before = time.zip(since).is_some_and(|(time, since)| time < since);
    if is_before || time.zip(until).is_some_and(|(time, until)| time > until) {
        return;
    }
    let normal = &mut out.normal;
    let counter = match asked {
        Asked::Recycled => &mut normal.recycled,
        Asked::Reloaded => &mut normal.reloaded,
        Asked::Stopped => &mut normal.stopped,
        Asked::Scaled => &mut normal.scaled,
    };
    *counter = counter.saturating_add(ends);
}
