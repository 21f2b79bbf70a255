//! An entry of the journal, whichever way journalctl(1) prints it.

use super::date;
use super::framed::{Author, Head, pid};
use crate::kernel_log::{BootId, Origin, Stamp};

/// The fields of an entry of the journal that matter (systemd.journal-fields(7)).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) message: Option<Vec<u8>>,
    host: Vec<u8>,
    transport: Vec<u8>,
    identifier: Vec<u8>,
    facility: Vec<u8>,
    priority: Vec<u8>,
    realtime: Vec<u8>,
    source_monotonic: Vec<u8>,
    boot: Vec<u8>,
    pid: Vec<u8>,
    unit: Vec<u8>,
    /// Whether that is of a user's manager: all its services are one unit of the system's, `user@1000.service`.
    of_user: bool,
}

impl Entry {
    /// Takes a field of the journal; others are left alone.
    pub(super) fn take(&mut self, name: &[u8], value: Option<Vec<u8>>) {
        if name == b"MESSAGE" {
            self.message = value;
            return;
        }
        let place = match name {
            b"_HOSTNAME" => &mut self.host,
            b"_TRANSPORT" => &mut self.transport,
            b"SYSLOG_IDENTIFIER" => &mut self.identifier,
            b"SYSLOG_FACILITY" => &mut self.facility,
            b"PRIORITY" => &mut self.priority,
            b"__REALTIME_TIMESTAMP" => &mut self.realtime,
            b"_SOURCE_MONOTONIC_TIMESTAMP" => &mut self.source_monotonic,
            b"_BOOT_ID" => &mut self.boot,
            b"_PID" => &mut self.pid,
            b"_SYSTEMD_UNIT" if !self.of_user => &mut self.unit,
            b"_SYSTEMD_USER_UNIT" => {
                self.of_user = true;
                &mut self.unit
            }
            _ => return,
        };
        *place = value.unwrap_or_default();
    }

    /// What the entry tells of its message.
    pub(super) fn head(&self) -> Head {
        let level = number(&self.priority).and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 8);
        let stamp = Stamp {
            boot_micros: number(&self.source_monotonic),
            wall: number(&self.realtime).and_then(date::of_epoch),
            derived: false,
        };
        Head { level, stamp, boot: boot_id(&self.boot), ..Head::of(self.origin()) }
    }

    /// Whose message it is. `SYSLOG_IDENTIFIER` is what the process says, the rest what journald knows of it.
    pub(super) fn author(&self) -> Author<'_> {
        Author { host: &self.host, tag: &self.identifier, pid: pid(&self.pid), unit: &self.unit }
    }

    /// journald sets `_TRANSPORT` itself. Where somebody left it out, the other two could be anybody's word.
    fn origin(&self) -> Origin {
        match self.transport.as_slice() {
            // What was written to /dev/kmsg has the transport of the kernel too, but never its facility.
            b"kernel" if matches!(self.facility.as_slice(), b"" | b"0") => Origin::Kernel,
            b"" if self.identifier == b"kernel" && self.facility == b"0" => Origin::Unsaid,
            _ => Origin::Other,
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn boot_id(text: &[u8]) -> Option<BootId> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32)?;
    u128::from_str_radix(text, 16).ok().map(BootId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_a_user_is_known_by_its_own_unit_whichever_field_comes_first() {
        let fields = [("_SYSTEMD_UNIT", "user@1000.service"), ("_SYSTEMD_USER_UNIT", "web.service")];
        for order in [[0, 1], [1, 0]] {
            let mut entry = Entry::default();
            for (name, value) in order.map(|index: usize| fields[index]) {
                entry.take(name.as_bytes(), Some(value.as_bytes().to_vec()));
            }
            assert_eq!(entry.author().unit, b"web.service");
        }
    }
}
