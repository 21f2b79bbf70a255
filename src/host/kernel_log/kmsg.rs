//! The kernel's own buffer, record by record: `/dev/kmsg` (the kernel's `Documentation/ABI/testing/dev-kmsg`).

use super::boot_clock::boot_clock;
use super::tally::Tally;
use super::{Reading, Unread};
use crate::facts::Reason;
use crate::host::machine::kernel_value;
use crate::host::told;
use crate::kernel_log::{Reader, Sink};
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat, major, minor};
use nix::unistd::read;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The device.
const DEVICE: &str = "/dev/kmsg";

/// Its number, the same on every host (the kernel's admin-guide/devices.txt). Containers put another device or a file
/// over the name.
const NUMBER: (u64, u64) = (1, 11);

const IN_CONTAINER: &str = "in a container the kernel's buffer is not there: run it on the host";

/// One read(2) gives one record or fails: the kernel writes it into 8 KiB (`CONSOLE_EXT_LOG_MAX` before 6.4, then
/// `PRINTK_MESSAGE_MAX`), escapes and properties included. Twice that is for kernels to come.
const RECORD: usize = 16 << 10;

/// More records than this are written faster than they are read: the largest buffer that can be configured
/// (`CONFIG_LOG_BUF_SHIFT` 25, 32 MiB) holds a million; `log_buf_len=` may make it 2 GiB.
const MOST_RECORDS: u64 = 16 << 20;

/// Reads the live buffer.
///
/// # Errors
/// Where it may not be opened or is not there, with what would help.
pub fn kmsg(sink: &mut dyn Sink) -> Result<Reading, Unread> {
    at(Path::new(DEVICE), DEVICE, sink)
}

/// The same under another name.
pub(super) fn at(path: &Path, name: &str, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    // What is there in its place may be a terminal.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let device = open(path, flags, Mode::empty()).map_err(|errno| refused(name, errno))?;
    let status = fstat(&device).map_err(|errno| refused(name, errno))?;
    if !is_kmsg(status.st_mode, status.st_rdev) {
        return Err(Unread::new(name, "is not the kernel's device").hint(IN_CONTAINER));
    }
    let mut ring = Ring { device, reader: Reader::at(0), tally: Tally::of(sink), place: 0, overwritten: 0 };
    let ended = ring.read_all();
    let mut reading = Reading::of(name, Timestamp::now());
    reading.boot = boot_clock();
    ring.tally.tell_whole(&mut reading);
    reading.framed = true;
    match ended {
        Ok(()) => reading.lost = ring.lost(),
        Err(errno) if reading.records == Some(0) => return Err(refused(name, errno)),
        Err(errno) => reading.lost = Some(Reason::new(told(&io::Error::from(errno)))),
    }
    Ok(reading)
}

/// Whether a file of this mode and device number is the kernel's buffer.
pub(super) fn is_kmsg(mode: u32, device: u64) -> bool {
    mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits() && (major(device), minor(device)) == NUMBER
}

/// The buffer while it is read.
struct Ring<'s> {
    device: OwnedFd,
    reader: Reader,
    tally: Tally<'s>,
    place: u64,
    overwritten: u64,
}

impl Ring<'_> {
    /// Reads until there is no more now.
    fn read_all(&mut self) -> Result<(), Errno> {
        let mut record = vec![0; RECORD];
        for _ in 0..MOST_RECORDS {
            match read(&self.device, &mut record) {
                Ok(0) | Err(Errno::EAGAIN) => break,
                Ok(length) => {
                    self.tally.feed(&mut self.reader, record.get(..length).unwrap_or_default());
                    self.place += length as u64;
                }
                Err(Errno::EINTR) => {}
                // The next record was overwritten since: the kernel goes on with the oldest that is there.
                Err(Errno::EPIPE) => self.skip(),
                // A record longer than any known kernel writes: the kernel has gone past it.
                Err(Errno::EINVAL) => self.skip(),
                Err(errno) => {
                    self.tally.finish(&mut self.reader);
                    return Err(errno);
                }
            }
        }
        self.tally.finish(&mut self.reader);
        Ok(())
    }

    fn skip(&mut self) {
        self.tally.finish(&mut self.reader);
        self.tally.gap();
        self.reader = Reader::at(self.place);
        self.overwritten += 1;
    }

    fn lost(&self) -> Option<Reason> {
        let is_head_gone = self.tally.first_sequence.is_some_and(|first| first > 0);
        match (self.overwritten > 0, is_head_gone) {
            (true, _) => Some(Reason::new("records were overwritten while it was read, and older ones before")),
            (false, true) => Some(Reason::new("older records of this boot were overwritten")),
            (false, false) => None,
        }
    }
}

fn refused(name: &str, errno: Errno) -> Unread {
    let unread = Unread::system(name, &io::Error::from(errno));
    match errno {
        Errno::EPERM | Errno::EACCES => unread.hint(who_may()),
        Errno::ENOENT | Errno::ENXIO | Errno::ENODEV => unread.hint(IN_CONTAINER),
        _ => unread,
    }
}

/// Who may read the kernel's buffer on this host.
pub fn who_may() -> String {
    match kernel_value("kernel.dmesg_restrict").known() {
        Some(0) | None => "needs root or CAP_SYSLOG".to_owned(),
        Some(restricted) => format!("needs root or CAP_SYSLOG, as kernel.dmesg_restrict is {restricted}"),
    }
}
