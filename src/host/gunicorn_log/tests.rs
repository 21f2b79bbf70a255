//! Laws of all logs: the same lines are told, whatever they come through.

mod named;
mod numbers;
mod packed;

use super::{Read, Unread, named as read_named, stream};
use crate::gunicorn::log::{Event, Place, Said, Told};
use crate::units::Pid;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::Path;

fn read_file(path: &Path) -> Result<(Vec<Told>, Read), Unread> {
    let mut told = Vec::new();
    let read = read_named(path, &TimeZone::UTC, &mut |one| told.push(one))?;
    Ok((told, read))
}

fn of_bytes(log: &[u8]) -> (Vec<Told>, Read) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), log).unwrap();
    read_file(file.path()).unwrap()
}

/// Reads bytes that come in pieces of at most so many.
fn through_a_pipe(log: &[u8], piece: usize) -> (Vec<Told>, Read) {
    let (mut told, mut read) = (Vec::new(), Read::of("a pipe"));
    let mut pieces = Pieces { log, piece };
    stream::read(&mut pieces, &TimeZone::UTC, Timestamp::now(), &mut |one| told.push(one), &mut read);
    (told, read)
}

struct Pieces<'a> {
    log: &'a [u8],
    piece: usize,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        let most = self.piece.min(space.len());
        self.log.read(&mut space[..most])
    }
}

fn booting(pid: i32) -> String {
    format!("[2026-11-20 19:14:07 +0000] [{pid}] [INFO] Booting worker with pid: {pid}\n")
}

fn booted(told: &[Told]) -> Vec<(i32, Place)> {
    let pid = |told: &Told| match told.said {
        Said::Gunicorn(Event::Booting(Pid(pid))) => Some((pid, told.place)),
        _ => None,
    };
    told.iter().filter_map(pid).collect()
}

/// Boots between other lines, of so many bytes.
fn log(bytes: usize) -> String {
    let mut log = String::from("[2026-11-20 19:00:00 +0000] [1] [INFO] Starting gunicorn 23.0.0\n");
    let mut pid = 1;
    while log.len() < bytes {
        log.push_str(&booting(pid));
        log.push_str(
            &"127.0.0.1 - - [20/Nov/2026:19:14:07 +0000] \"GET / HTTP/1.1\" 200 5\n".repeat(pid as usize * 31 % 900),
        );
        pid += 1;
    }
    log + "[2026-11-20 21:00:00 +0100] [1] [INFO] Shutting down: Master\n"
}
