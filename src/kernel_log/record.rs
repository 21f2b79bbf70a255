//! One message of the kernel log, undressed: what was said, by whom, and when.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};

/// One message, whatever frame it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The text, escapes of the frame undone, as bytes: names of processes are any bytes. Without the newline at its
    /// end; a newline within it is one that the kernel printed.
    pub message: &'a [u8],
    /// Who says so.
    pub origin: Origin,
    /// Priority 0 (emergency) to 7 (debug), where the frame tells (syslog(2)).
    pub level: Option<u8>,
    /// When.
    pub stamp: Stamp,
    /// Of which boot; only the journal tells.
    pub boot: Option<BootId>,
    /// The host, empty where the frame does not tell: logs of many hosts may be in one file.
    pub host: &'a [u8],
    /// The context that printed it, where the kernel was built with `CONFIG_PRINTK_CALLER`.
    pub caller: Option<Caller>,
    /// Whether the frame says that this goes on from the record before (flag `c` or `+` of `/dev/kmsg`).
    pub continues: bool,
    /// Number of the record since boot; only `/dev/kmsg` tells.
    pub sequence: Option<u64>,
    /// Where the record begins in its source, in bytes.
    pub offset: u64,
}

/// Who wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The frame says it was the kernel: facility 0, transport `kernel`, or tag `kernel`.
    Kernel,
    /// The frame cannot tell: dmesg(1) without `-x` or `-r`, a line without any frame.
    Unsaid,
    /// The frame says it was somebody else.
    Other,
}

/// When a record was written, as its frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The kernel's own clock, microseconds since boot. It stands still while the host is suspended.
    pub boot_micros: Option<u64>,
    /// A wall clock.
    pub wall: Option<Wall>,
}

/// A wall clock's reading, as far as the frame has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    /// A point in time; `step_micros` is the smallest step of its text: 1, 1,000, 1,000,000 or 60,000,000.
    Exact {
        /// The time.
        at: Timestamp,
        /// Smallest step of the text, microseconds.
        step_micros: u64,
    },
    /// Local time of the host it was written on, zone unknown.
    Local {
        /// The time there.
        at: DateTime,
        /// Smallest step of the text, microseconds.
        step_micros: u64,
    },
    /// The same without a year, as in traditional syslog.
    Yearless {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
        /// Time of the day there.
        time: Time,
        /// Smallest step of the text, microseconds.
        step_micros: u64,
    },
}

/// `_BOOT_ID` of the journal, `/proc/sys/kernel/random/boot_id` of the live host: 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BootId(pub u128);

/// The context that printed a record: `T19113` is a task (thread id), `C1` a CPU in an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A thread.
    Task(u32),
    /// A CPU outside of any task.
    Cpu(u32),
}

impl Wall {
    /// Microseconds since some fixed day, for comparing two readings of the same kind; a year of traditional syslog has
    /// 12 months of 31 days here, which is right within a month and off by days round its end.
    pub(super) fn micros_of_day_and_date(self) -> i64 {
        let (year, month, day, time) = match self {
            Self::Exact { at, .. } => return at.as_microsecond(),
            Self::Local { at, .. } => (i64::from(at.year()), at.month(), at.day(), at.time()),
            Self::Yearless { month, day, time, .. } => (0, month, day, time),
        };
        let days = (year * 12 + i64::from(month)) * 31 + i64::from(day);
        let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        (days * 86_400 + seconds) * 1_000_000 + i64::from(time.subsec_nanosecond() / 1000)
    }
}

impl Stamp {
    /// How far two stamps of one log are apart, microseconds; none where they have no clock in common.
    pub fn micros_apart(&self, other: &Self) -> Option<u64> {
        if let (Some(a), Some(b)) = (self.boot_micros, other.boot_micros) {
            return Some(a.abs_diff(b));
        }
        match (self.wall?, other.wall?) {
            (a @ Wall::Exact { .. }, b @ Wall::Exact { .. })
            | (a @ Wall::Local { .. }, b @ Wall::Local { .. })
            | (a @ Wall::Yearless { .. }, b @ Wall::Yearless { .. }) => {
                Some(a.micros_of_day_and_date().abs_diff(b.micros_of_day_and_date()))
            }
            _ => None,
        }
    }
}
