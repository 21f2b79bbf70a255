//! A source that the operator named: a file, a pipe, standard input, the live buffer.

use super::{Reading, Search, Unread, file, kmsg};
use crate::host::log_source::{STANDARD_INPUT, Wording, judge, open_named, standard_input};
use crate::host::printable;
use crate::kernel_log::Sink;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How hints name the command that reads kernel logs.
pub const WORDING: Wording =
    Wording { reader: "gtune oom -", reads: "gtune oom", journal: "-k -o json", kernel: "gtune oom /dev/kmsg" };

/// Reads what is at a path; `-` is standard input. Pipes are read to their end, however long that takes.
///
/// # Errors
/// Where nothing of it can be read, with what would help.
pub fn named(path: &Path, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    if path == Path::new("-") {
        return handle_of(STANDARD_INPUT, standard_input()?, search, sink);
    }
    let name = &printable(&path.to_string_lossy());
    if path.metadata().is_ok_and(|status| kmsg::is_kmsg(status.mode(), status.rdev())) {
        return kmsg::at(path, name, sink);
    }
    file::read(name, open_named(path, &WORDING)?, search, sink)
}

/// Reads what somebody else has opened.
pub(super) fn handle_of(name: &str, file: File, search: &Search, sink: &mut dyn Sink) -> Result<Reading, Unread> {
    if file.metadata().is_ok_and(|status| kmsg::is_kmsg(status.mode(), status.rdev())) {
        // Opened anew: the handle waits for the next message where the last was read.
        let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        return kmsg::at(&link, name, sink);
    }
    judge(name, &file, &WORDING)?;
    file::read(name, file, search, sink)
}
