//! How deaths lie in time.

use crate::units::Seconds;
use jiff::{SignedDuration, Timestamp};

/// Deaths so close are one event: the master looks once a second, and stamps are whole seconds.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);

/// Fewer events than this have no rhythm.
const FEWEST: usize = 3;

/// Of the usual gap every other may differ by this share: a worker that leaks does not leak by the clock.
const EVEN_SHARE: f64 = 0.2;

/// A job that is started daily is started within this time of the day's mark (AccuracySec of timers is a minute).
const DAILY: i64 = 120;

const DAY: i64 = 86_400;

/// The rhythm of these times, which are in order; none where there is none to tell.
pub fn of(times: &[Timestamp]) -> Option<String> {
    let events = events(times);
    let (first, last) = (*events.first()?, *events.last()?);
    let each = if times.len() > events.len() {
        format!(", {} at a time", per_event(times.len(), events.len()))
    } else {
        String::new()
    };
    if let Some(mark) = daily(&events) {
        return Some(format!("at {:02}:{:02} UTC each day{each}", mark / 3600, mark % 3600 / 60));
    }
    if let Some(gap) = even(&events) {
        return Some(format!("every {}{each}", Seconds(gap)));
    }
    match (times.len(), events.len()) {
        (0 | 1, _) => None,
        (all, 1) => Some(format!("{all} at once")),
        (all, _) if all >= FEWEST => Some(format!("{all} in {}", Seconds(last.duration_since(first).as_secs_f64()))),
        _ => None,
    }
}

/// The first time of each event.
fn events(times: &[Timestamp]) -> Vec<Timestamp> {
    let mut events: Vec<Timestamp> = vec![];
    let mut last: Option<Timestamp> = None;
    for time in times {
        if last.is_none_or(|last| time.duration_since(last) > AT_ONCE) {
            events.push(*time);
        }
        last = Some(*time);
    }
    events
}

/// `4`, or `about 4`.
fn per_event(all: usize, events: usize) -> String {
    let each = (all + events / 2) / events.max(1);
    if each * events == all { each.to_string() } else { format!("about {each}") }
}

/// The usual gap, seconds, where all are about as long.
fn even(events: &[Timestamp]) -> Option<f64> {
    let mut gaps: Vec<f64> = events.windows(2).filter_map(gap).collect();
    gaps.sort_by(f64::total_cmp);
    let usual = *gaps.get(gaps.len().saturating_sub(1) / 2).filter(|_| events.len() >= FEWEST)?;
    // Stamps are whole seconds, so each gap may be off by one.
    let most = (usual * EVEN_SHARE).max(1.0);
    gaps.iter().all(|gap| (gap - usual).abs() <= most).then_some(usual)
}

fn gap(pair: &[Timestamp]) -> Option<f64> {
    let [a, b] = pair else { return None };
    Some(b.duration_since(*a).as_secs_f64())
}

/// The second of the day, where each event is on another day at that time.
fn daily(events: &[Timestamp]) -> Option<i64> {
    let mark = events.first().filter(|_| events.len() >= FEWEST)?.as_second();
    let off = |time: &Timestamp| {
        let rest = (time.as_second() - mark).rem_euclid(DAY);
        rest.min(DAY - rest)
    };
    let days = events.windows(2).filter_map(gap).all(|gap| gap > (DAY - 2 * DAILY) as f64);
    (days && events.iter().all(|time| off(time) <= DAILY)).then_some(mark.rem_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(seconds: &[i64]) -> Option<String> {
        let times: Vec<Timestamp> =
            seconds.iter().map(|s| Timestamp::from_second(1_795_132_800 + s).unwrap()).collect();
        of(&times)
    }

    #[test]
    fn even_gaps_are_a_rhythm_and_uneven_ones_a_number() {
        assert_eq!(said(&[0, 31, 62, 94]).as_deref(), Some("every 31 s"));
        assert_eq!(said(&[0, 31, 200, 240]).as_deref(), Some("4 in 4 min"));
        assert_eq!(said(&[0, 31]), None);
        assert_eq!(said(&[0]), None);
    }

    #[test]
    fn those_at_once_are_one_event() {
        assert_eq!(said(&[0, 0, 1, 2]).as_deref(), Some("4 at once"));
        assert_eq!(said(&[0, 1, 60, 60, 121, 121]).as_deref(), Some("every 60 s, 2 at a time"));
    }

    #[test]
    fn a_nightly_job_is_told_by_its_hour() {
        let midnight = -(1_795_132_800 % DAY);
        let nights: Vec<i64> = (1..5).flat_map(|day| [midnight + day * DAY, midnight + day * DAY + 1]).collect();
        assert_eq!(said(&nights).as_deref(), Some("at 00:00 UTC each day, 2 at a time"));
        assert_eq!(said(&[0, DAY, 2 * DAY + 7200]).as_deref(), Some("every 24 h"));
    }

    proptest! {
        #[test]
        fn no_times_panic(mut seconds in proptest::collection::vec(-377_705_023_201_i64..253_402_207_200, 0..20)) {
            seconds.sort_unstable();
            let times: Vec<Timestamp> = seconds.iter().filter_map(|s| Timestamp::from_second(*s).ok()).collect();
            of(&times);
        }
    }
}
