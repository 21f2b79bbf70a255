//! One message of the kernel log, undressed: what was said, by whom, and when.

use crate::units::Pid;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

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
    /// Who wrote it by its own account: the tag of syslog, `SYSLOG_IDENTIFIER` of the journal. Empty where the frame does
    /// not tell.
    pub tag: &'a [u8],
    /// The process that wrote it: the number behind the tag, `_PID` of the journal.
    pub pid: Option<Pid>,
    /// The unit whose process that is (`_SYSTEMD_UNIT`); only the journal's own formats tell.
    pub unit: &'a [u8],
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
    /// Whether that was worked out of the kernel's own clock, as dmesg(1) does: hours off where the host slept since.
    pub derived: bool,
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

impl BootId {
    /// Reads 32 hexadecimal digits, with the dashes of `/proc/sys/kernel/random/boot_id` or without.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|letter| *letter != '-').collect();
        (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten().map(Self)
    }
}

/// The context that printed a record: `T19113` is a task (thread id), `C1` a CPU in an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A thread.
    Task(u32),
    /// A CPU outside of any task.
    Cpu(u32),
}

impl Wall {
    /// Microseconds since some fixed day, for comparing two readings of the same kind. Those without a year are taken to
    /// be of one leap year.
    pub(super) fn micros_of_day_and_date(self) -> i64 {
        const LEAP_YEAR: i16 = 2000;
        let at = match self {
            Self::Exact { at, .. } => return at.as_microsecond(),
            Self::Local { at, .. } => at,
            Self::Yearless { month, day, time, .. } => match Date::new(LEAP_YEAR, month, day) {
                Ok(date) => date.to_datetime(time),
                Err(_) => return 0,
            },
        };
        at.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_microsecond())
    }

    /// How far two readings of the same kind are apart, microseconds. Without years December is next to January.
    fn micros_apart(self, other: Self) -> Option<u64> {
        const LEAP_YEAR_MICROS: u64 = 366 * 86_400_000_000;
        let apart = self.micros_of_day_and_date().abs_diff(other.micros_of_day_and_date());
        match (self, other) {
            (Self::Yearless { .. }, Self::Yearless { .. }) => Some(apart.min(LEAP_YEAR_MICROS.saturating_sub(apart))),
            (Self::Exact { .. }, Self::Exact { .. }) | (Self::Local { .. }, Self::Local { .. }) => Some(apart),
            _ => None,
        }
    }
}

impl Stamp {
    /// How far two stamps of one log are apart, microseconds, by that of their clocks that says more: equal kernel clocks
    /// may be of two boots, and a log daemon that starts late writes many lines at one time. None where they have no
    /// clock in common.
    pub fn micros_apart(&self, other: &Self) -> Option<u64> {
        let boot = self.boot_micros.zip(other.boot_micros).map(|(a, b)| a.abs_diff(b));
        let wall = self.wall.zip(other.wall).and_then(|(a, b)| a.micros_apart(b));
        boot.max(wall)
    }
}
