//! What the kernel's logs tell, each once, with the lines that it stands in.

use super::super::kernel_sources::SettledEvent;
use crate::host::gunicorn_log::line_numbers;
use crate::triage::{KernelEvent, Triage};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How far two sources may differ about the time of one line: a host that runs out of memory holds up its log daemons.
const APART_MICROS: i64 = 120_000_000;

/// Lines before one that it is compared with: a host under attack writes thousands of one kind.
const LOOK_BACK: usize = 256;

/// The events in order of time, without those that an earlier source tells as well; those without a time come last.
pub fn each_once(mut events: Vec<SettledEvent>) -> Vec<KernelEvent> {
    let time = |event: &SettledEvent| event.moment.map_or(Timestamp::MAX, |moment| moment.time);
    events.sort_by_key(|event| (time(event), event.source));
    let mut kept: Vec<KernelEvent> = vec![];
    for event in events {
        let event = KernelEvent {
            event: event.told.event,
            moment: event.moment,
            source: event.source,
            offset: event.told.offset,
            text: event.told.text,
        };
        if !kept.iter().rev().take(LOOK_BACK).any(|other| is_same(other, &event)) {
            kept.push(event);
        }
    }
    kept
}

/// Two sources that say the same at the same time. A source does not tell a line twice, so that is two lines.
fn is_same(a: &KernelEvent, b: &KernelEvent) -> bool {
    let micros = |event: &KernelEvent| event.moment.map(|moment| moment.time.as_microsecond());
    let apart = micros(a).zip(micros(b)).map(|(a, b)| a.saturating_sub(b).saturating_abs());
    a.source != b.source && a.event == b.event && apart.is_none_or(|apart| apart <= APART_MICROS)
}

/// Gives the evidence its lines, where the source is a plain file: by the name of the source.
pub fn number_lines(triage: &mut Triage, files: &BTreeMap<String, PathBuf>) {
    let mut wanted: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for evidence in triage.deaths.iter().flat_map(|death| &death.evidence) {
        if let (None, Some(offset), true) = (evidence.line, evidence.offset, files.contains_key(&evidence.source)) {
            wanted.entry(&evidence.source).or_default().push(offset);
        }
    }
    let mut lines: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for (source, mut offsets) in wanted {
        offsets.sort_unstable();
        offsets.dedup();
        let numbers = files.get(source).and_then(|path| line_numbers(path, &offsets)).unwrap_or_default();
        lines.extend(offsets.into_iter().map(|offset| (source.to_owned(), offset)).zip(numbers));
    }
    for evidence in triage.deaths.iter_mut().flat_map(|death| &mut death.evidence) {
        let place = evidence.offset.map(|offset| (evidence.source.clone(), offset));
        evidence.line = evidence.line.or_else(|| lines.get(&place?).copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::{Event, Moment, Stamp, ToldEvent, Uncertainty};

    fn told(limit: u64, time: &str, source: usize) -> SettledEvent {
        let uncertainty =
            Uncertainty { micros: 1, zone_assumed: false, year_inferred: false, slept: false, derived: false };
        let told = ToldEvent {
            event: Event::FileMaxReached { limit },
            stamp: Stamp::default(),
            boot: None,
            host: vec![],
            offset: 7,
            text: Box::default(),
        };
        SettledEvent { told, moment: Some(Moment { time: time.parse().unwrap(), uncertainty }), source }
    }

    #[test]
    fn what_two_sources_tell_is_one_line_and_what_one_tells_twice_is_two() {
        let kept = each_once(vec![
            told(9, "2026-11-20T19:14:07Z", 0),
            told(9, "2026-11-20T19:14:08Z", 1),
            told(9, "2026-11-20T19:14:09Z", 0),
            told(8, "2026-11-20T19:14:07Z", 1),
            told(9, "2026-11-20T21:14:07Z", 1),
        ]);
        let told: Vec<(usize, &Event)> = kept.iter().map(|event| (event.source, &event.event)).collect();
        let nine = &Event::FileMaxReached { limit: 9 };
        assert_eq!(told, [(0, nine), (1, &Event::FileMaxReached { limit: 8 }), (0, nine), (1, nine)]);
    }
}
