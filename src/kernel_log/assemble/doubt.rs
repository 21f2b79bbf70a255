//! Lines that carry the kernel's tag and are not the kernel's: anybody may call logger(1) with the tag `kernel`, and
//! traditional syslog keeps nothing else of who wrote. Such a line does not fit the kernel's lines around it.

use super::Found;
use crate::kernel_log::{Origin, Record, Stamp, Wall};
use memchr::memmem;

/// How far the kernel's clock and the log's may be apart from one line to the next. A daemon that starts late stamps
/// all lines of the boot with the same time, minutes late at most; a forger does not know the kernel's clock.
const APART_MICROS: i128 = 600_000_000;

/// Kills whose line is to be compared with the kernel's next one.
#[derive(Debug, Default)]
pub struct Doubts {
    host: Vec<u8>,
    before: Option<Stamp>,
    asked: Vec<(usize, Doubt)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Lines before it have the kernel's clock; this one has not.
    NoClock,
    /// Its two clocks do not agree with those of the line before.
    Apart(Stamp),
}

impl Doubts {
    /// A kill, the `index`th, is told by this record: does it fit the line before?
    pub fn ask(&mut self, record: &Record<'_>, index: usize) {
        let Some(before) = self.before.filter(|_| self.host == record.host) else { return };
        if record.origin != Origin::Kernel || record.stamp.wall.is_none() || record.boot.is_some() {
            return;
        }
        match (before.boot_micros, record.stamp.boot_micros) {
            (Some(_), None) => self.asked.push((index, Doubt::NoClock)),
            (Some(_), Some(_)) if !agree(&before, &record.stamp) => {
                self.asked.push((index, Doubt::Apart(record.stamp)));
            }
            _ => {}
        }
    }

    /// The next record: settles what was asked before it.
    pub fn pass(&mut self, record: &Record<'_>, found: &mut Found) {
        // Several forged lines in a row do not vouch for each other.
        if !self.asked.is_empty() && memmem::find(record.message, b"Killed process").is_some() {
            return;
        }
        for (index, doubt) in std::mem::take(&mut self.asked).into_iter().rev() {
            let is_forged = match doubt {
                Doubt::NoClock => record.stamp.boot_micros.is_some(),
                Doubt::Apart(stamp) => {
                    !agree(&stamp, &record.stamp) && self.before.is_some_and(|before| agree(&before, &record.stamp))
                }
            };
            if is_forged && index < found.kills.len() {
                found.kills.remove(index);
                found.doubted += 1;
            }
        }
        self.host.clear();
        self.host.extend_from_slice(record.host);
        self.before = Some(record.stamp);
    }

    /// Records are missing: nothing can be compared over the gap.
    pub fn gap(&mut self) {
        *self = Self::default();
    }
}

/// Whether the wall clock less the kernel's is the same for both; true where that cannot be told.
fn agree(a: &Stamp, b: &Stamp) -> bool {
    match (offset(a), offset(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= APART_MICROS,
        _ => true,
    }
}

fn offset(stamp: &Stamp) -> Option<i128> {
    let wall = match stamp.wall? {
        Wall::Exact { at, .. } => i128::from(at.as_microsecond()),
        Wall::Local { .. } | Wall::Yearless { .. } => i128::from(stamp.wall?.micros_of_day_and_date()),
    };
    Some(wall - i128::from(stamp.boot_micros?))
}
