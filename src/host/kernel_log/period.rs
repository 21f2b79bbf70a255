//! The part of an ordered file that a time lies in, found by looking at places of it.

use super::{Reading, Search};
use crate::host::log_source::{bytes_at, lines};
use crate::kernel_log::{Clock, stamp_of};
use jiff::{SignedDuration, Timestamp};
use std::fs::File;
use std::ops::Range;

/// Loggers write what reaches them, so neighbours may be out of order; and when summer time ends, an hour comes twice.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The same in bytes, for a report that began before the time and a death that is told after it.
const ROOM: u64 = 256 << 10;

/// Below this all of a file is searched: that takes as long as looking at so many places, some milliseconds, and finds
/// also what is out of order.
const SMALL: u64 = 64 << 20;

/// So many places of the file are looked at, evenly spread, to see where the time is, and whether the file is in order: a
/// host whose clock was wrong for a while, two logs in one file, or a log of more than a year without years, is not. It is
/// not bisected, as a step into a part that is out of order would lead past everything. A thousand take some
/// milliseconds.
const PROBES: u64 = 1024;

/// What is read at each place, and what is read where no line with a time begins in it.
const PROBE: usize = 1 << 10;
const LARGE_PROBE: usize = 256 << 10;

/// The part of a file that holds the time that is asked for; none where that is all of it, or cannot be told.
pub fn span(file: &File, size: u64, search: &Search, reading: &Reading) -> Option<Range<u64>> {
    if size < SMALL || (search.since.is_none() && search.until.is_none()) {
        return None;
    }
    of_ordered(file, size, search, reading)
}

/// The same of a file of any size; none where it is out of order.
pub(super) fn of_ordered(file: &File, size: u64, search: &Search, reading: &Reading) -> Option<Range<u64>> {
    let clock = Clock::new(search.zone.clone(), reading.written, reading.last);
    let last = clock.moment(&reading.last?)?.time;
    let times = Times { file, size, clock }.in_order(last)?;
    let place = |probe: usize| size / PROBES * probe as u64;
    let begin = match search.since {
        Some(since) => {
            let since = since.saturating_sub(MARGIN).ok()?;
            place(times.partition_point(|time| *time < since).saturating_sub(1)).saturating_sub(ROOM)
        }
        None => 0,
    };
    let end = match search.until {
        Some(until) => {
            let until = until.saturating_add(MARGIN).ok()?;
            let after = times.partition_point(|time| *time <= until);
            if after < times.len() { place(after).saturating_add(ROOM).min(size) } else { size }
        }
        None => size,
    };
    Some(begin.min(end)..end)
}

/// The times of the lines of a file.
struct Times<'a> {
    file: &'a File,
    size: u64,
    clock: Clock,
}

impl Times<'_> {
    /// The latest time up to each place. None where some place has no time, or one well before those before it.
    fn in_order(&self, last: Timestamp) -> Option<Vec<Timestamp>> {
        let mut latest = Vec::with_capacity(PROBES as usize);
        let mut earlier = Timestamp::MIN;
        let mut buffer = vec![0; PROBE];
        for probe in 0..PROBES {
            let time = self.near(self.size / PROBES * probe, &mut buffer)?;
            // Out of order by less than the margin does not matter.
            if time.saturating_add(MARGIN).ok()? < earlier {
                return None;
            }
            earlier = earlier.max(time);
            latest.push(earlier);
        }
        (last.saturating_add(MARGIN).ok()? >= earlier).then_some(latest)
    }

    /// The time of the first line that begins at a place or after it and has one.
    fn near(&self, offset: u64, buffer: &mut [u8]) -> Option<Timestamp> {
        self.in_bytes(bytes_at(self.file, buffer, offset), offset).or_else(|| {
            let mut buffer = vec![0; LARGE_PROBE];
            // At the end of a file there may be no more line: then that before counts.
            let offset = offset.min(self.size.saturating_sub(LARGE_PROBE as u64));
            self.in_bytes(bytes_at(self.file, &mut buffer, offset), offset)
        })
    }

    fn in_bytes(&self, bytes: &[u8], offset: u64) -> Option<Timestamp> {
        let cut = usize::from(offset > 0);
        lines(bytes).skip(cut).find_map(|line| Some(self.clock.moment(&stamp_of(line)?)?.time))
    }
}
