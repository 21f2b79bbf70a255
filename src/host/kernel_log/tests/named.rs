//! What an operator may name.

use super::super::origin::handle_of;
use super::super::{kernel_buffer, kmsg};
use super::*;
use nix::sys::stat::Mode;
use std::os::unix::net::UnixListener;
use std::path::Path;

#[test]
fn what_is_no_file_is_refused_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(refusal(place.path()).reason.to_string(), "is a directory");
    assert_eq!(refusal(&place.path().join("x")).reason.to_string(), "no such file or directory");
    let socket = place.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert_eq!(refusal(&socket).reason.to_string(), "is a socket");
    assert_eq!(refusal(Path::new("/dev/zero")).reason.to_string(), "is a device, not a log");
}

#[test]
fn a_file_of_the_journal_is_refused_with_the_command_that_reads_it() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("it's.journal");
    std::fs::write(&path, [&b"LPKSHHRH"[..], &[0; 4000]].concat()).unwrap();
    let unread = refusal(&path);
    assert_eq!(unread.reason.to_string(), "is a journal file of systemd");
    let hint = unread.hint.unwrap();
    assert!(hint.starts_with("journalctl --file \"") && hint.ends_with(" -k -o json | gtune oom -"), "{hint}");
}

#[test]
fn reading_what_the_logger_waits_for_is_refused() {
    if Path::new("/proc/kmsg").exists() {
        assert!(refusal(Path::new("/proc/kmsg")).reason.to_string().contains("away from the logger"));
    }
}

#[test]
fn a_fifo_is_read_to_its_end() {
    let place = tempfile::tempdir().unwrap();
    let fifo = place.path().join("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let log = large();
    let text = log.text.clone();
    let path = fifo.clone();
    let writer = std::thread::spawn(move || std::fs::write(path, text));
    let mut seen = Seen::default();
    let reading = read_named(&fifo, &search(), &mut seen).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(seen.0, from_a_file(log.bytes(), &search()).0.0);
    assert!(reading.framed);
}

#[test]
fn a_file_that_the_kernel_makes_up_is_read_though_it_says_it_is_empty() {
    let mut seen = Seen::default();
    let reading = read_named(Path::new("/proc/self/status"), &search(), &mut seen).unwrap();
    assert!(reading.records.is_some_and(|records| records > 10) && seen.holds("Name:"));
}

#[test]
fn an_empty_file_is_a_log_of_nothing() {
    let (seen, reading) = from_a_file(b"", &search());
    assert!(seen.0.is_empty() && reading.records == Some(0) && reading.framed);
}

/// Where neither may be read (a container, another user) the reason is told; both are right.
#[test]
fn the_live_buffer_is_read_or_the_reason_is_told() {
    let mut seen = Seen::default();
    match kmsg(&mut seen) {
        Ok(reading) => {
            assert_eq!(reading.records, Some(seen.texts().len() as u64));
            assert!(reading.boot.is_some_and(|boot| boot.now_micros > 0));
            let named = read_named(Path::new("/dev/kmsg"), &search(), &mut Seen::default()).unwrap();
            assert!(named.records >= reading.records && named.boot.is_some());
        }
        Err(unread) => assert!(unread.hint.is_some(), "{unread:?}"),
    }
    match kernel_buffer(&mut Seen::default()) {
        Ok(reading) => assert!(reading.boot.is_some()),
        Err(unread) => assert!(!unread.reason.to_string().is_empty()),
    }
}

#[test]
fn what_lies_in_the_place_of_the_kernels_device_is_not_taken_for_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), large().bytes()).unwrap();
    let fifo = file.path().with_extension("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    for path in [Path::new("/dev/null"), Path::new("/dev/zero"), file.path(), &fifo, Path::new("/dev")] {
        let mut seen = Seen::default();
        let unread = super::super::kmsg::at(path, "/dev/kmsg", &mut seen).unwrap_err();
        assert_eq!(unread.reason.to_string(), "is not the kernel's device", "{}", path.display());
        assert!(seen.0.is_empty() && unread.hint.is_some());
    }
    std::fs::remove_file(fifo).unwrap();
}

/// What a shell opened as standard input.
fn handed(path: &Path, seen: &mut Seen) -> Result<Reading, Unread> {
    handle_of("standard input", std::fs::File::open(path).unwrap(), &search(), seen)
}

#[test]
fn standard_input_is_judged_as_a_file_that_is_named() {
    let place = tempfile::tempdir().unwrap();
    for path in [place.path(), Path::new("/dev/zero")] {
        let unread = handed(path, &mut Seen::default()).unwrap_err();
        assert_eq!((unread.reason, unread.hint), (refusal(path).reason, None), "{}", path.display());
    }
    if std::fs::File::open("/proc/kmsg").is_ok() {
        let unread = handed(Path::new("/proc/kmsg"), &mut Seen::default()).unwrap_err();
        assert!(unread.reason.to_string().contains("away from the logger"));
    }
    assert!(handed(Path::new("/dev/null"), &mut Seen::default()).is_ok_and(|reading| reading.framed));
}

#[test]
fn the_kernels_device_as_standard_input_is_read_to_its_end() {
    let path = Path::new("/dev/kmsg");
    if std::fs::File::open(path).is_err() {
        return;
    }
    let mut seen = Seen::default();
    match (handed(path, &mut seen), kmsg(&mut Seen::default())) {
        (Ok(reading), Ok(_)) => assert!(reading.boot.is_some() && reading.name == "standard input"),
        (Err(one), Err(other)) => assert_eq!(one.reason, other.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_is_refused_before_it_is_opened() {
    // A serial line, which waits, and the watchdog, which is armed by that; neither need be there for the number.
    let place = tempfile::tempdir().unwrap();
    for (number, unit) in [(4, 64), (10, 130)] {
        let path = place.path().join(format!("{number}-{unit}"));
        let device = nix::sys::stat::makedev(number, unit);
        if nix::sys::stat::mknod(&path, nix::sys::stat::SFlag::S_IFCHR, Mode::S_IRWXU, device).is_ok() {
            assert_eq!(refusal(&path).reason.to_string(), "is a device, not a log");
        }
    }
}
