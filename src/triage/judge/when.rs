//! Whether two times are of one moment.
//!
//! Gunicorn's stamps are whole seconds, and a master finds a dead worker within a second; a kernel line reaches its log in
//! well under one. So two sources that tell of one death differ by two seconds at most, if their clocks agree.

use crate::kernel_log::Moment;
use jiff::{SignedDuration, Timestamp};

/// What Gunicorn's log and the kernel's may differ by.
pub const SAME: SignedDuration = SignedDuration::from_secs(2);

/// What a service manager's line may differ by: systemd looks at its counters when a process of the unit has gone, and
/// a host without memory is slow at that.
pub const MANAGERS: SignedDuration = SignedDuration::from_secs(5);

/// The coarsest stamp whose own step is forgiven in full: syslog and dmesg -T write whole seconds.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// The kernel's clock runs free: with 100 parts in a million it is off by four minutes after a month, and dmesg -T shows it.
const DRIFT: SignedDuration = SignedDuration::from_mins(10);

/// All zones are multiples of a quarter of an hour apart, and at most 26 hours (UTC-12 to UTC+14).
const ZONE_STEP: SignedDuration = SignedDuration::from_mins(15);
const ZONES: SignedDuration = SignedDuration::from_hours(26);

/// How well the time of a kernel line agrees with that of a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// To the second.
    Same,
    /// It would, if the zone were another, or the kernel's clock had drifted or stood still.
    Shifted,
    /// One of the two has no time.
    Timeless,
}

/// How far apart two times are.
pub fn apart(a: Timestamp, b: Timestamp) -> SignedDuration {
    a.duration_since(b).abs()
}

/// Whether `at` is in the time from `before` ahead of `time` to `after` behind it.
pub fn is_around(at: Timestamp, time: Timestamp, before: SignedDuration, after: SignedDuration) -> bool {
    let since = at.duration_since(time);
    -before <= since && since <= after
}

/// Whether a kernel line may be of that time; none where it is of another.
pub fn agreement(time: Option<Timestamp>, moment: Option<Moment>) -> Option<Agreement> {
    let (Some(time), Some(moment)) = (time, moment) else { return Some(Agreement::Timeless) };
    let doubt = moment.uncertainty;
    let micros = i64::try_from(doubt.micros).unwrap_or(i64::MAX);
    let own = SignedDuration::from_micros(micros);
    let far = apart(time, moment.time);
    if far <= SAME + own.min(STEP) {
        return Some(Agreement::Same);
    }
    let is_off = far <= SAME.saturating_add(own) || (doubt.derived || doubt.slept) && far <= DRIFT;
    let is_shifted = is_off || doubt.zone_assumed && is_whole_zones(far);
    is_shifted.then_some(Agreement::Shifted)
}

fn is_whole_zones(far: SignedDuration) -> bool {
    let rest = far.as_secs().rem_euclid(ZONE_STEP.as_secs());
    far <= ZONES && rest.min(ZONE_STEP.as_secs() - rest) <= SAME.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::Uncertainty;

    const NOON: &str = "2026-11-20T12:00:00Z";

    fn at(time: &str, change: impl FnOnce(&mut Uncertainty)) -> Option<Agreement> {
        let mut uncertainty =
            Uncertainty { micros: 1_000, zone_assumed: false, year_inferred: false, slept: false, derived: false };
        change(&mut uncertainty);
        agreement(NOON.parse().ok(), Some(Moment { time: time.parse().unwrap(), uncertainty }))
    }

    #[test]
    fn two_seconds_are_the_same_and_a_minute_is_not() {
        assert_eq!(at("2026-11-20T11:59:58.1Z", |_| ()), Some(Agreement::Same));
        assert_eq!(at("2026-11-20T11:59:00Z", |_| ()), None);
        assert_eq!(at("2026-11-20T11:00:00Z", |_| ()), None, "the zone is told");
    }

    #[test]
    fn a_log_without_a_zone_may_be_hours_off_but_not_minutes() {
        let zoneless = |doubt: &mut Uncertainty| doubt.zone_assumed = true;
        assert_eq!(at("2026-11-20T17:30:01Z", zoneless), Some(Agreement::Shifted));
        assert_eq!(at("2026-11-20T17:37:00Z", zoneless), None);
        assert_eq!(at("2026-11-22T12:00:00Z", zoneless), None);
    }

    #[test]
    fn a_time_that_was_worked_out_of_the_kernels_clock_may_be_minutes_off() {
        assert_eq!(at("2026-11-20T12:04:00Z", |doubt| doubt.derived = true), Some(Agreement::Shifted));
        assert_eq!(at("2026-11-20T12:14:00Z", |doubt| doubt.derived = true), None);
        assert_eq!(at("2026-11-20T12:04:00Z", |doubt| doubt.micros = 260_000_000), Some(Agreement::Shifted));
    }

    #[test]
    fn without_a_clock_nothing_speaks_against_it() {
        assert_eq!(agreement(None, None), Some(Agreement::Timeless));
    }

    #[test]
    fn no_uncertainty_is_too_great_to_add() {
        assert_eq!(at("2126-11-20T12:00:00Z", |doubt| doubt.micros = u64::MAX), Some(Agreement::Shifted));
    }
}
