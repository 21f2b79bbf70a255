use super::*;
use crate::gunicorn::log::{Event, Said};
use crate::kernel_log::Clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::io::Write;

fn scan() -> Scan {
    Scan::of(Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, None))
}

fn read(log: &[u8], piece: usize) -> Vec<Told> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(log).unwrap();
    let mut told = Vec::new();
    let is_cut = Share::of(&file, log.len() as u64, &scan()).in_pieces(piece).read(&mut |one| told.push(one));
    assert!(!is_cut);
    told
}

fn booting(pid: u64) -> String {
    format!("[2026-11-20 19:14:07 +0000] [{pid}] [INFO] Booting worker with pid: {pid}\n")
}

const ERROR: &str = "[2026-11-20 19:14:07 +0000] [1] [ERROR]";

/// A traceback of about so many bytes.
fn traceback(bytes: usize) -> String {
    let frame = "  File \"/srv/app/wsgi.py\", line 3, in app\n    return answer(request)\n";
    format!("Traceback (most recent call last):\n{}ValueError: {bytes}\n", frame.repeat(bytes / 80))
}

/// Where a line of a log is that boots this worker.
fn place(log: &str, pid: u64) -> Place {
    let offset = log.find(&booting(pid)).unwrap();
    Place { offset: offset as u64, line: log[..offset].matches('\n').count() as u64 + 1 }
}

#[test]
fn a_big_file_is_told_in_its_order_with_its_lines_counted() {
    let mut log = String::new();
    for pid in 1..400 {
        log.push_str(&booting(pid));
        log.push_str(&"an access line of no interest\n".repeat((pid * 7919 % 5000) as usize));
    }
    assert!(log.len() as u64 > 3 * WORTH_A_THREAD);
    let told = read(log.as_bytes(), PIECE);
    assert_eq!(told.len(), 399);
    for (pid, one) in (1..).zip(told) {
        assert_eq!(
            (one.said, one.place),
            (Said::Gunicorn(Event::Booting(crate::units::Pid(pid))), place(&log, pid as u64))
        );
    }
}

#[test]
fn a_file_that_became_shorter_says_so_and_tells_what_is_left() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(booting(7).as_bytes()).unwrap();
    let mut told = Vec::new();
    assert!(Share::of(&file, 30 << 20, &scan()).read(&mut |one| told.push(one)));
    assert_eq!(told.len(), 1);
}

#[test]
fn a_line_longer_than_many_pieces_hides_no_other() {
    let log = booting(1) + &"x".repeat(3 << 20) + "\n" + &booting(2) + &"y".repeat(2 << 20);
    let places: Vec<Place> = read(log.as_bytes(), PIECE).into_iter().map(|told| told.place).collect();
    assert_eq!(places, [place(&log, 1), place(&log, 2)]);
}

#[test]
fn what_waits_to_be_told_is_bounded() {
    // Each piece is a hundred times what is told of it, and telling takes longer than looking.
    let log = booting(1).repeat(40_000);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(log.repeat(10).as_bytes()).unwrap();
    let size = log.len() as u64 * 10;
    let (mut count, mut last) = (0_u64, 0);
    Share::of(&file, size, &scan()).read(&mut |told| {
        count += 1;
        assert!(told.place.offset >= last && told.place.line == count);
        last = told.place.offset;
    });
    assert_eq!(count, 400_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pieces_of_any_size_tell_the_same(
        parts in proptest::collection::vec((0_usize..3000, 0_u8..7), 0..40), size in 1_usize..20_000
    ) {
        let mut log = String::new();
        for (pid, (bytes, what)) in (1..).zip(&parts) {
            match what {
                0 => log.push_str(&booting(pid)),
                1 => log.push_str(&"a\n".repeat(*bytes / 2)),
                2 => log.push_str(&("b".repeat(*bytes) + "\n")),
                3 => log.push_str(&format!("{ERROR} Exception in worker process\n{}", traceback(*bytes))),
                4 => log.push_str(&traceback(*bytes)),
                5 => log.push_str(&format!("{ERROR} Worker (pid:{pid}) exited with code 1\n").repeat(2)),
                _ => log.push_str("\n[2026-11-20 19:14:07 +0000] [1] [INFO] Using worker: sync\n"),
            }
        }
        let whole = read(log.as_bytes(), 1 << 20);
        prop_assert_eq!(&read(log.as_bytes(), size), &whole);
        let booted: Vec<Place> = (1..).zip(&parts).filter(|(_, part)| part.1 == 0).map(|(pid, _)| place(&log, pid)).collect();
        let told: Vec<Place> = whole.iter().filter(|told| matches!(told.said, Said::Gunicorn(Event::Booting(_)))).map(|told| told.place).collect();
        prop_assert_eq!(told, booted);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000), size in 1_usize..600) {
        read(&bytes, size);
    }
}
