//! The part of an ordered file that a time lies in, found by bisection.

use super::plain::bytes_at;
use super::{Reading, Search, ends};
use crate::kernel_log::{Clock, stamp_of};
use jiff::{SignedDuration, Timestamp};
use std::fs::File;
use std::ops::Range;

/// Loggers write what reaches them, so neighbours may be out of order; and when summer time ends, an hour comes twice.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The same in bytes, for a report that began before the time and a death that is told after it.
const ROOM: u64 = 256 << 10;

/// The bisection ends when so little is left: reading it costs less than one more step.
const FINE: u64 = 64 << 10;

/// So many places of the file are looked at before, evenly spread, to see whether it is in order: a host whose clock was
/// wrong for a while, or a log of more than a year without years, is not.
const PROBES: u64 = 64;

/// What is read at each place, and what is read where no line with a time begins in it.
const PROBE: usize = 4 << 10;
const LARGE_PROBE: usize = 256 << 10;

/// The part of a file that holds the time that is asked for; none where that is all of it, or cannot be told.
pub fn span(file: &File, size: u64, search: &Search, reading: &Reading) -> Option<Range<u64>> {
    if search.since.is_none() && search.until.is_none() {
        return None;
    }
    let clock = Clock::new(search.zone.clone(), reading.written, reading.last);
    let times = Times { file, size, clock };
    if !times.are_in_order()? {
        return None;
    }
    let begin = match search.since {
        Some(since) => times.first_after(since.saturating_sub(MARGIN).ok()?)?.saturating_sub(ROOM),
        None => 0,
    };
    let end = match search.until {
        Some(until) => times.first_after(until.saturating_add(MARGIN).ok()?)?.saturating_add(FINE + ROOM).min(size),
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
    /// None where some place has no time.
    fn are_in_order(&self) -> Option<bool> {
        let mut earlier = Timestamp::MIN;
        for probe in 0..PROBES {
            let time = self.near(self.size / PROBES * probe)?;
            // Out of order by less than the margin does not matter.
            if time.saturating_add(MARGIN).ok()? < earlier {
                return Some(false);
            }
            earlier = earlier.max(time);
        }
        Some(true)
    }

    /// A place shortly before the first line that is at `time` or later.
    fn first_after(&self, time: Timestamp) -> Option<u64> {
        let (mut low, mut high) = (0, self.size);
        while high - low > FINE {
            let middle = low + (high - low) / 2;
            if self.near(middle)? < time { low = middle } else { high = middle }
        }
        Some(low)
    }

    /// The time of the first line that begins at a place or after it and has one.
    fn near(&self, offset: u64) -> Option<Timestamp> {
        let mut buffer = vec![0; PROBE];
        self.in_bytes(bytes_at(self.file, &mut buffer, offset), offset).or_else(|| {
            buffer.resize(LARGE_PROBE, 0);
            // At the end of a file there may be no more line: then that before counts.
            let offset = offset.min(self.size.saturating_sub(LARGE_PROBE as u64));
            self.in_bytes(bytes_at(self.file, &mut buffer, offset), offset)
        })
    }

    fn in_bytes(&self, bytes: &[u8], offset: u64) -> Option<Timestamp> {
        let cut = usize::from(offset > 0);
        ends::lines(bytes).skip(cut).find_map(|line| Some(self.clock.moment(&stamp_of(line)?)?.time))
    }
}
