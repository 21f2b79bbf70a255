//! The kernel's own buffer as text: syslog(2), for where `/dev/kmsg` is not there.

use super::boot_clock::boot_clock;
use super::tally::Tally;
use super::{Reading, Unread, kmsg};
use crate::facts::Reason;
use crate::kernel_log::{Reader, Sink};
use jiff::Timestamp;
use libc::{c_int, klogctl};
use std::io;

/// `SYSLOG_ACTION_READ_ALL` and `SYSLOG_ACTION_SIZE_BUFFER` of syslog(2); neither takes anything away.
const READ_ALL: c_int = 3;
const SIZE_BUFFER: c_int = 10;

/// The text of a record has a prefix of up to 40 bytes that the buffer does not hold; with short records it is twice as
/// long as the buffer. The kernel gives what fits, the newest.
const TEXT_PER_BUFFER: c_int = 2;

/// A buffer made larger by `log_buf_len=` is read as far as this.
const LARGEST_TEXT: c_int = 64 << 20;

/// Reads the live buffer.
///
/// # Errors
/// Where the kernel refuses, with what would help.
pub fn kernel_buffer(sink: &mut dyn Sink) -> Result<Reading, Unread> {
    let name = "the kernel's buffer (syslog(2))";
    let text = text().map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Unread::system(name, &error).hint(kmsg::who_may()),
        _ => Unread::system(name, &error),
    })?;
    let (mut reader, mut tally) = (Reader::at(0), Tally::of(sink));
    tally.feed(&mut reader, &text);
    tally.finish(&mut reader);
    let mut reading = Reading::of(name, Timestamp::now());
    tally.tell_whole(&mut reading);
    reading.boot = boot_clock();
    // The first record of a boot is of its very first microsecond.
    if reading.begins.and_then(|stamp| stamp.boot_micros).is_some_and(|micros| micros > 0) {
        reading.lost = Some(Reason::new("older records of this boot were overwritten or cleared"));
    }
    Ok(reading)
}

fn text() -> io::Result<Vec<u8>> {
    let size = ask(SIZE_BUFFER, &mut [])?;
    let size = c_int::try_from(size).unwrap_or(LARGEST_TEXT).saturating_mul(TEXT_PER_BUFFER).min(LARGEST_TEXT);
    let mut text = vec![0; usize::try_from(size).unwrap_or(0)];
    let length = ask(READ_ALL, &mut text)?;
    text.truncate(length);
    Ok(text)
}

/// Asks the kernel; it gives the number of bytes it wrote, or the size.
#[allow(unsafe_code)]
fn ask(action: c_int, text: &mut [u8]) -> io::Result<usize> {
    let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
    // SAFETY: klogctl(3) writes at most `length` bytes to the pointer, which stands for at least as many that this
    // function alone may write; it keeps no pointer, and touches no other memory. Both actions only read the buffer.
    let answer = unsafe { klogctl(action, text.as_mut_ptr().cast(), length) };
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}
