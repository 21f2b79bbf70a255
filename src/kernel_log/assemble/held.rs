//! A line that is kept until later ones tell what to make of it.

use crate::kernel_log::{BootId, Origin, Record, Stamp};

/// A line of the kernel's, with its frame's words.
#[derive(Debug)]
pub struct Held {
    /// Its text so far.
    pub message: Vec<u8>,
    /// Its host.
    pub host: Vec<u8>,
    /// Its boot.
    pub boot: Option<BootId>,
    /// When.
    pub stamp: Stamp,
    level: Option<u8>,
    offset: u64,
    /// Lines since.
    pub passed: u32,
}

impl Held {
    /// Keeps a line.
    pub fn of(record: &Record<'_>) -> Self {
        Self {
            message: record.message.to_vec(),
            host: record.host.to_vec(),
            boot: record.boot,
            stamp: record.stamp,
            level: record.level,
            offset: record.offset,
            passed: 0,
        }
    }

    /// The line as it came.
    pub fn record(&self) -> Record<'_> {
        Record {
            message: &self.message,
            origin: Origin::Kernel,
            level: self.level,
            stamp: self.stamp,
            boot: self.boot,
            host: &self.host,
            tag: b"",
            pid: None,
            unit: b"",
            caller: None,
            continues: false,
            sequence: None,
            offset: self.offset,
        }
    }
}
