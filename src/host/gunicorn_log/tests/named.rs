//! What an operator may name.

use super::*;
use nix::sys::stat::Mode;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

fn refusal(path: &Path) -> (String, Option<String>) {
    let unread = read_file(path).unwrap_err();
    (unread.reason.to_string(), unread.hint)
}

#[test]
fn what_is_no_log_is_refused_with_what_would_help() {
    let place = tempfile::tempdir().unwrap();
    let name = place.path().display().to_string();
    assert_eq!(refusal(place.path()), ("is a directory".into(), Some(format!("gtune triage --error-log {name}/*"))));
    assert_eq!(refusal(&place.path().join("x")), ("no such file or directory".into(), None));
    assert_eq!(refusal(Path::new("/dev/zero")).0, "is a device, not a log");
    let journal = place.path().join("system.journal");
    fs::write(&journal, [&b"LPKSHHRH"[..], &[0; 4000]].concat()).unwrap();
    let (reason, hint) = refusal(&journal);
    assert_eq!(reason, "is a journal file of systemd");
    let expected = format!("journalctl --file {} -o json --all | gtune triage --error-log -", journal.display());
    assert_eq!(hint, Some(expected));
}

#[test]
fn a_log_tells_the_same_from_a_file_and_through_a_pipe_in_any_pieces() {
    for bytes in [0, 10_000, 5 << 20] {
        let log = log(bytes);
        let (told, read) = of_bytes(log.as_bytes());
        assert!(booted(&told).len() >= bytes / 100_000 && read.framed);
        for piece in [7, 4096, 100_000, 1 << 20] {
            let (through, other) = through_a_pipe(log.as_bytes(), piece);
            assert!(through == told, "{bytes} {piece}");
            assert_eq!((other.source.begins, other.source.ends), (read.source.begins, read.source.ends));
        }
        assert_eq!(read.source.begins, "2026-11-20T19:00:00Z".parse().ok());
        assert_eq!(read.source.ends, "2026-11-20T20:00:00Z".parse().ok());
    }
}

#[test]
fn lines_are_told_in_order_with_their_places() {
    let log = log(20 << 20);
    let booted = booted(&of_bytes(log.as_bytes()).0);
    assert!(booted.len() > 100);
    let mut from = 0;
    for (index, (pid, place)) in booted.iter().enumerate() {
        assert_eq!(*pid, index as i32 + 1);
        let line = log[from..].find(&booting(*pid)).unwrap() + from;
        assert_eq!(place.offset, line as u64);
        from = line;
    }
    let (_, last) = booted.last().unwrap();
    assert_eq!(last.line, log[..last.offset as usize].matches('\n').count() as u64 + 1);
}

#[test]
fn an_empty_file_is_a_log_and_rubbish_is_none() {
    let (told, read) = of_bytes(b"");
    assert!(told.is_empty() && read.framed && read.source.lost.is_none());
    assert!(through_a_pipe(b"-- No entries --\n", 9).1.framed);
    let rubbish: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (told, read) in [of_bytes(&rubbish), through_a_pipe(&rubbish, 1000)] {
        assert!(told.is_empty() && !read.framed && read.source.begins.is_none());
    }
}

#[test]
fn a_fifo_is_read_to_its_end() {
    let place = tempfile::tempdir().unwrap();
    let fifo = place.path().join("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let (path, text) = (fifo.clone(), log(3 << 20));
    let expected = of_bytes(text.as_bytes()).0;
    let writer = std::thread::spawn(move || fs::write(path, text));
    assert!(read_file(&fifo).unwrap().0 == expected);
    writer.join().unwrap().unwrap();
}

#[test]
fn a_file_that_grows_while_it_is_read_ends_where_it_ended() {
    let place = tempfile::NamedTempFile::new().unwrap();
    fs::write(place.path(), booting(1)).unwrap();
    let mut count = 0;
    let read = read_named(place.path(), &TimeZone::UTC, &mut |_| {
        count += 1;
        let file = File::options().append(true).open(place.path()).unwrap();
        std::io::Write::write_all(&mut &file, booting(2).repeat(100_000).as_bytes()).unwrap();
    });
    let note = read.unwrap().note.unwrap().to_string();
    assert!(count == 1 && note.starts_with("it grew by ") && note.ends_with("they are not looked at"), "{note}");
}

#[test]
fn a_file_that_is_cut_while_it_is_read_says_so() {
    let place = tempfile::NamedTempFile::new().unwrap();
    fs::write(place.path(), log(40 << 20)).unwrap();
    let file = File::options().write(true).open(place.path()).unwrap();
    let mut is_cut = false;
    let read = read_named(place.path(), &TimeZone::UTC, &mut |_| {
        if !is_cut {
            file.set_len(1 << 20).unwrap();
            is_cut = true;
        }
    });
    assert_eq!(read.unwrap().source.lost.unwrap().to_string(), "the file was cut short while it was read");
}

#[test]
fn a_log_that_is_rotated_while_it_is_read_is_read_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let (path, log) = (place.path().join("error.log"), log(20 << 20));
    fs::write(&path, &log).unwrap();
    let expected = of_bytes(log.as_bytes()).0;
    let mut told = Vec::new();
    let read = read_named(&path, &TimeZone::UTC, &mut |one| {
        if told.is_empty() {
            fs::rename(&path, path.with_extension("log.1")).unwrap();
            fs::write(&path, "").unwrap();
        }
        told.push(one);
    });
    assert!(told == expected && read.unwrap().source.lost.is_none());
}

#[test]
fn a_hole_of_nul_bytes_hides_nothing_behind_it() {
    let place = tempfile::NamedTempFile::new().unwrap();
    let file = File::options().write(true).open(place.path()).unwrap();
    file.write_all_at(booting(1).as_bytes(), 0).unwrap();
    file.write_all_at(format!("\n{}", booting(2)).as_bytes(), 30 << 20).unwrap();
    assert_eq!(booted(&read_file(place.path()).unwrap().0).len(), 2);
}

#[test]
fn a_name_of_control_characters_reaches_no_terminal() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a\x1b[2Jb\n.log");
    fs::write(&path, booting(1)).unwrap();
    let (_, read) = read_file(&path).unwrap();
    assert!(!read.source.name.chars().any(char::is_control), "{:?}", read.source.name);
}

#[test]
fn entries_of_the_journal_are_undressed() {
    let line = booting(7);
    let message = line.trim_end();
    let json = format!(
        "{{\"__REALTIME_TIMESTAMP\":\"1795201894000000\",\"MESSAGE\":\"{message}\",\"_PID\":\"7\",\"_TRANSPORT\":\"stdout\",\
         \"SYSLOG_IDENTIFIER\":\"gunicorn\",\"_SYSTEMD_UNIT\":\"web.service\"}}\n"
    );
    let export =
        format!("__CURSOR=a\n__REALTIME_TIMESTAMP=1795201894000000\n_TRANSPORT=stdout\n_PID=7\nMESSAGE={message}\n\n");
    let verbose = format!(
        "-- Journal begins at Fri 2026-11-20 19:11:34 UTC. --\nFri 2026-11-20 19:11:34.123456 UTC [s=a;i=1;b=2;m=3;t=660ba15e06a4b;x=5]\n    \
         _TRANSPORT=stdout\n    _PID=7\n    MESSAGE={message}\n"
    );
    for (log, lines) in [(json, 1), (export, 6), (verbose, 6)] {
        for (told, read) in [of_bytes(log.repeat(3).as_bytes()), through_a_pipe(log.repeat(3).as_bytes(), 11)] {
            let booted = booted(&told);
            assert_eq!(booted.iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), [7, 7, 7], "{log}");
            assert!(read.source.begins.is_some() && read.framed);
            let apart = booted[1].1.line - booted[0].1.line;
            assert!(apart == lines || apart + 1 == lines, "{apart} {log}");
        }
    }
}
