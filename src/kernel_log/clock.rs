//! From the stamp of a record to a point in time, and how far off that may be.

use super::{Stamp, Wall};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A log that was written in another time zone, or a clock that was set, may be this far ahead of the file's own time.
/// More than a day cannot come of zones (UTC-12 to UTC+14).
const ZONES: SignedDuration = SignedDuration::from_hours(26);

/// Within a boot the kernel's clock drifts from the wall clock, which NTP corrects and it is not: some 100 parts in a
/// million with ordinary quartz (ntpd(8) gives up above 500).
const DRIFT_PER_MILLION: u64 = 100;

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub time: Timestamp,
    /// How far off it may be.
    pub uncertainty: Uncertainty,
}

/// How far off a time may be, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncertainty {
    /// Microseconds, either way.
    pub micros: u64,
    /// Whether the zone was taken to be that of this host, since the log does not say.
    pub zone_assumed: bool,
    /// Whether the year was inferred from the end of the log.
    pub year_inferred: bool,
    /// Whether the host slept since boot, which the kernel's clock does not count.
    pub slept: bool,
    /// Whether it was worked out of the kernel's clock by whoever wrote the log, who may not have counted such sleep.
    pub derived: bool,
}

impl Uncertainty {
    fn exact(micros: u64) -> Self {
        Self { micros, zone_assumed: false, year_inferred: false, slept: false, derived: false }
    }
}

/// The relation of a host's kernel clock to the wall clock, taken at one moment of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootClock {
    /// The wall clock now.
    pub now: Timestamp,
    /// The kernel's clock now, microseconds (`CLOCK_MONOTONIC`).
    pub now_micros: u64,
    /// How long the host has been suspended since boot, microseconds (`CLOCK_BOOTTIME` less `CLOCK_MONOTONIC`).
    pub slept_micros: u64,
}

/// What is known of the time a source was written at.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    end: DateTime,
    boot: Option<BootClock>,
}

impl Clock {
    /// A clock for a source that was last written at `written` (the file's modification time, or now). `last` is the
    /// stamp of its last record: a log copied years later still has its own order, so years are counted from its end. A
    /// day more is allowed for: clocks are set, hours come twice when summer time ends, and hosts are in many zones.
    pub fn new(zone: TimeZone, written: Timestamp, last: Option<Stamp>) -> Self {
        let latest = written.checked_add(ZONES).unwrap_or(Timestamp::MAX).to_zoned(zone.clone()).datetime();
        let end = match last.and_then(|stamp| stamp.wall) {
            Some(Wall::Yearless { month, day, time, .. }) => {
                latest_before(latest, month, day, time).and_then(|last| last.checked_add(ZONES).ok()).unwrap_or(latest)
            }
            _ => latest,
        };
        Self { zone, end, boot: None }
    }

    /// The same for the running kernel's own log.
    pub fn of_boot(zone: TimeZone, boot: BootClock) -> Self {
        Self { boot: Some(boot), ..Self::new(zone, boot.now, None) }
    }

    /// The time of a stamp; none where it says only how long the host was up, and which boot that was is not known.
    pub fn moment(&self, stamp: &Stamp) -> Option<Moment> {
        match (stamp.wall, stamp.boot_micros) {
            (Some(wall), _) => self.of_wall(wall).map(|moment| {
                let uncertainty = Uncertainty { derived: stamp.derived, ..moment.uncertainty };
                Moment { uncertainty, ..moment }
            }),
            (None, Some(micros)) => self.boot.as_ref().and_then(|boot| of_boot(boot, micros)),
            (None, None) => None,
        }
    }

    fn of_wall(&self, wall: Wall) -> Option<Moment> {
        match wall {
            Wall::Exact { at, step_micros } => Some(Moment { time: at, uncertainty: Uncertainty::exact(step_micros) }),
            Wall::Local { at, step_micros } => self.local(at, step_micros, false),
            Wall::Yearless { month, day, time, step_micros } => {
                self.local(latest_before(self.end, month, day, time)?, step_micros, true)
            }
        }
    }

    fn local(&self, at: DateTime, step_micros: u64, year_inferred: bool) -> Option<Moment> {
        let time = self.zone.to_ambiguous_zoned(at).compatible().ok()?.timestamp();
        let uncertainty = Uncertainty { zone_assumed: true, year_inferred, ..Uncertainty::exact(step_micros) };
        Some(Moment { time, uncertainty })
    }
}

/// The latest such day and time that is not after `end`; the 29th of February only in a leap year.
fn latest_before(end: DateTime, month: i8, day: i8, time: Time) -> Option<DateTime> {
    // Nine years hold a leap year also round a century that has none (1896 to 1904).
    let mut years = (0..9).map(|back| end.year().saturating_sub(back));
    years.find_map(|year| Date::new(year, month, day).ok().map(|date| date.to_datetime(time)).filter(|at| *at <= end))
}

fn of_boot(boot: &BootClock, micros: u64) -> Option<Moment> {
    let ago = boot.now_micros.saturating_sub(micros);
    let now = boot.now.as_microsecond();
    let time = Timestamp::from_microsecond(now.checked_sub(i64::try_from(ago).ok()?)?).ok()?;
    // The sleep may lie before the record or after it.
    let off = boot.slept_micros.saturating_add(ago / 1_000_000 * DRIFT_PER_MILLION).max(1_000);
    let slept = boot.slept_micros > 1_000_000;
    Some(Moment { time, uncertainty: Uncertainty { slept, ..Uncertainty::exact(off) } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn yearless(month: i8, day: i8) -> Stamp {
        let wall = Wall::Yearless { month, day, time: Time::constant(10, 0, 0, 0), step_micros: 1_000_000 };
        Stamp { wall: Some(wall), boot_micros: None, derived: false }
    }

    fn clock(written: &str, last: Option<Stamp>) -> Clock {
        Clock::new(TimeZone::UTC, written.parse().unwrap(), last)
    }

    fn time(clock: &Clock, stamp: Stamp) -> String {
        clock.moment(&stamp).unwrap().time.to_string()
    }

    #[test]
    fn december_in_a_log_that_ends_in_january_is_of_the_year_before() {
        let clock = clock("2026-01-02T00:00:00Z", Some(yearless(1, 1)));
        assert_eq!(time(&clock, yearless(12, 31)), "2025-12-31T10:00:00Z");
        assert_eq!(time(&clock, yearless(1, 1)), "2026-01-01T10:00:00Z");
    }

    #[test]
    fn a_log_that_was_copied_later_keeps_its_order() {
        let clock = clock("2026-11-21T15:00:00Z", Some(yearless(12, 13)));
        assert_eq!(time(&clock, yearless(12, 13)), "2025-12-13T10:00:00Z");
        assert_eq!(time(&clock, yearless(11, 3)), "2025-11-03T10:00:00Z", "not of the year the file was copied in");
    }

    #[test]
    fn a_clock_that_was_set_back_puts_no_line_into_the_year_before() {
        let last = Wall::Yearless { month: 11, day: 20, time: Time::constant(8, 0, 0, 0), step_micros: 1_000_000 };
        let last = Stamp { wall: Some(last), boot_micros: None, derived: false };
        let clock = clock("2026-11-20T08:00:00Z", Some(last));
        assert_eq!(time(&clock, yearless(11, 20)), "2026-11-20T10:00:00Z", "two hours later than the last line");
    }

    #[test]
    fn the_last_line_may_be_of_a_zone_that_is_ahead() {
        let clock = clock("2026-03-01T00:00:00Z", Some(yearless(3, 1)));
        assert_eq!(time(&clock, yearless(3, 1)), "2026-03-01T10:00:00Z");
    }

    #[test]
    fn the_leap_day_is_of_a_leap_year() {
        assert_eq!(time(&clock("2026-03-05T00:00:00Z", None), yearless(2, 29)), "2024-02-29T10:00:00Z");
        assert_eq!(time(&clock("2103-03-05T00:00:00Z", None), yearless(2, 29)), "2096-02-29T10:00:00Z");
    }

    #[test]
    fn a_stamp_since_boot_is_a_time_only_of_the_boot_that_is_known() {
        let stamp = Stamp { boot_micros: Some(46_436_216), wall: None, derived: false };
        assert_eq!(clock("2026-11-20T19:00:00Z", None).moment(&stamp), None);
        let now = "2026-11-20T19:30:45Z".parse().unwrap();
        let awake = BootClock { now, now_micros: 53_000_000, slept_micros: 0 };
        let moment = Clock::of_boot(TimeZone::UTC, awake).moment(&stamp).unwrap();
        assert_eq!(moment.time.to_string(), "2026-11-20T19:30:38.436216Z");
        assert!(moment.uncertainty.micros < 10_000 && !moment.uncertainty.slept);
        let slept = BootClock { slept_micros: 3_600_000_000, ..awake };
        let moment = Clock::of_boot(TimeZone::UTC, slept).moment(&stamp).unwrap();
        assert!(moment.uncertainty.micros >= 3_600_000_000 && moment.uncertainty.slept);
    }

    proptest! {
        #[test]
        fn no_stamp_panics(month: i8, day: i8, micros: u64, now_micros: u64, slept_micros: u64) {
            let clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, Some(yearless(month, day)));
            let _ = clock.moment(&yearless(month, day));
            let boot = BootClock { now: Timestamp::UNIX_EPOCH, now_micros, slept_micros };
            let _ = Clock::of_boot(TimeZone::UTC, boot).moment(&Stamp { boot_micros: Some(micros), wall: None, derived: false });
        }
    }
}
