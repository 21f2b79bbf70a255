//! Lines that carry the kernel's tag and are not the kernel's: anybody may call logger(1) with the tag `kernel`, and
//! traditional syslog keeps nothing else of who wrote. Such a line does not fit the kernel's lines around it, so a line
//! that tells of a kill and does not fit those before it waits for those behind it.

use super::held::Held;
use crate::kernel_log::{Origin, Record, Stamp, Wall};
use memchr::memmem;

/// How far the kernel's clock and the log's may be apart from one line to the next. A daemon that starts late stamps
/// all lines of the boot with the same time, minutes late at most; a forger does not know the kernel's clock.
const APART_MICROS: i128 = 600_000_000;

/// So many lines without the kernel's clock, one after the other, are another way of writing the log, not a forgery.
const OTHER_FORMAT: u32 = 8;

/// Lines behind a doubtful one within which one must fit it, if it is the kernel's. With the logs of several hosts of one
/// name in one file, or after a reboot, lines of its own clock come before that.
const PATIENCE: u32 = 64;

/// Hosts that are kept apart; more write into one file only on a central log server, where none is judged then.
const MOST_HOSTS: usize = 16;

/// Relations of the two clocks that are known of one name: reboots and other hosts of the same name.
const MOST_OFFSETS: usize = 16;

/// Lines that wait at a time; what comes then is believed.
const MOST_HELD: usize = 1_024;

/// The clocks of the hosts of a log, and the lines that wait.
#[derive(Debug, Default)]
pub struct Doubts {
    hosts: Vec<HostClock>,
    /// Lines that were not believed.
    pub dropped: Vec<Held>,
}

/// What is known of one host.
#[derive(Debug, Default)]
struct HostClock {
    host: Vec<u8>,
    has_clock: bool,
    without_clock: u32,
    offsets: Vec<i128>,
    held: Vec<Held>,
}

/// What comes of a record.
#[derive(Debug, Default)]
pub struct Passed {
    /// Lines before it that are believed now.
    pub believed: Vec<Held>,
    /// Whether the record itself waits.
    pub waits: bool,
}

impl Doubts {
    /// The next record: does it fit, and does it settle what waits?
    pub fn pass(&mut self, record: &Record<'_>) -> Passed {
        let is_text = record.origin == Origin::Kernel && record.stamp.wall.is_some() && record.boot.is_none();
        if !is_text {
            return Passed::default();
        }
        let Some(host) = self.host(record.host) else { return Passed::default() };
        if memmem::find(record.message, b"Killed process").is_some() {
            let waits = host.is_doubtful(&record.stamp) && host.held.len() < MOST_HELD;
            if waits {
                host.held.push(Held::of(record));
            }
            return Passed { believed: vec![], waits };
        }
        let (believed, dropped) = host.settle(&record.stamp);
        self.dropped.extend(dropped);
        Passed { believed, waits: false }
    }

    fn host(&mut self, name: &[u8]) -> Option<&mut HostClock> {
        let at = self.hosts.iter().position(|host| host.host == name);
        if at.is_none() && self.hosts.len() < MOST_HOSTS {
            self.hosts.push(HostClock { host: name.to_vec(), ..HostClock::default() });
            return self.hosts.last_mut();
        }
        at.and_then(|at| self.hosts.get_mut(at))
    }

    /// Records are missing, or the log ends: nothing can be compared any more, and what waits is believed. A kill that
    /// is hidden is worse than one that is made up.
    pub fn gap(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.hosts).into_iter().flat_map(|host| host.held).collect()
    }
}

impl HostClock {
    fn is_doubtful(&self, stamp: &Stamp) -> bool {
        match offset(stamp) {
            Some(offset) => !self.offsets.is_empty() && !self.knows(offset),
            None => self.has_clock,
        }
    }

    fn knows(&self, offset: i128) -> bool {
        self.offsets.iter().any(|known| is_near(*known, offset))
    }

    /// Takes a line that tells of no kill; gives what is believed because of it, and what is not.
    fn settle(&mut self, stamp: &Stamp) -> (Vec<Held>, Vec<Held>) {
        let Some(own) = offset(stamp) else {
            self.without_clock = self.without_clock.saturating_add(1);
            if self.without_clock < OTHER_FORMAT {
                return (vec![], vec![]);
            }
            self.has_clock = false;
            return (std::mem::take(&mut self.held), vec![]);
        };
        (self.has_clock, self.without_clock) = (true, 0);
        if !self.knows(own) {
            if self.offsets.len() >= MOST_OFFSETS {
                self.offsets.remove(0);
            }
            self.offsets.push(own);
        }
        self.judge()
    }

    fn judge(&mut self) -> (Vec<Held>, Vec<Held>) {
        let (mut believed, mut dropped, mut waiting) = (vec![], vec![], vec![]);
        for mut held in std::mem::take(&mut self.held) {
            held.passed += 1;
            match offset(&held.stamp) {
                Some(offset) if self.knows(offset) => believed.push(held),
                Some(_) if held.passed < PATIENCE => waiting.push(held),
                _ => dropped.push(held),
            }
        }
        self.held = waiting;
        (believed, dropped)
    }
}

fn is_near(a: i128, b: i128) -> bool {
    (a - b).abs() <= APART_MICROS
}

/// The wall clock less the kernel's.
fn offset(stamp: &Stamp) -> Option<i128> {
    let wall = match stamp.wall? {
        Wall::Exact { at, .. } => i128::from(at.as_microsecond()),
        Wall::Local { .. } | Wall::Yearless { .. } => i128::from(stamp.wall?.micros_of_day_and_date()),
    };
    Some(wall - i128::from(stamp.boot_micros?))
}
