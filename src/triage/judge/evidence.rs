//! The lines that a verdict rests on.

use crate::gunicorn::log::Told;
use crate::kernel_log::Settled;
use crate::triage::{Evidence, KernelEvent, Source};
use bstr::ByteSlice;

/// Lines that are shown of one death: those of its end come first into it. More is not read.
const MOST: usize = 12;

/// A line of a log of Gunicorn, or of a manager.
pub fn told(sources: &[Source], told: &Told) -> Evidence {
    Evidence {
        source: name(sources, told.source),
        line: Some(told.place.line).filter(|line| *line > 0),
        offset: Some(told.place.offset),
        time: told.time,
        text: lossy(&told.text),
    }
}

/// The kernel's line of a kill.
pub fn kill(sources: &[Source], settled: &Settled) -> Evidence {
    let kill = &settled.kill;
    // A kill that was put together of torn lines has none to show.
    let text = match kill.text.is_empty() {
        true => format!("Killed process {} ({})", kill.pid, kill.comm.to_str_lossy()),
        false => lossy(&kill.text),
    };
    let time = settled.moment.map(|moment| moment.time);
    Evidence { source: name(sources, settled.source), line: None, offset: Some(kill.offset), time, text }
}

/// Another line of the kernel.
pub fn event(sources: &[Source], event: &KernelEvent) -> Evidence {
    Evidence {
        source: name(sources, event.source),
        line: None,
        offset: Some(event.offset),
        time: event.moment.map(|moment| moment.time),
        text: lossy(&event.text),
    }
}

/// A figure or a state that was seen.
pub fn seen(source: impl Into<String>, text: impl Into<String>) -> Evidence {
    Evidence { source: source.into(), line: None, offset: None, time: None, text: text.into() }
}

/// The lines in order of time, each once. Those without a time stand last.
pub fn in_order(mut lines: Vec<Evidence>) -> Vec<Evidence> {
    let mut kept: Vec<Evidence> = vec![];
    for line in lines.drain(..) {
        if kept.len() < MOST && !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept.sort_by_cached_key(place);
    kept
}

/// Where a line stands. Within a second those go first whose clock is finer: they tell what happened, and Gunicorn's whole
/// seconds tell that it was found.
fn place(line: &Evidence) -> (bool, Option<i64>, bool, String, Option<u64>) {
    let second = line.time.map(|time| time.as_second());
    let is_whole = line.time.is_none_or(|time| time.subsec_nanosecond() == 0);
    (second.is_none(), second, is_whole, line.source.clone(), line.offset)
}

fn name(sources: &[Source], source: usize) -> String {
    sources.get(source).map_or_else(|| "a log".to_owned(), |source| source.name.clone())
}

/// Control characters stay: the renderer escapes them.
fn lossy(text: &[u8]) -> String {
    text.to_str_lossy().into_owned()
}
