//! A time out of a big file.

use super::super::{ends, period};
use super::*;
use std::io::Write;

const START: i64 = 1_762_128_000;

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(START + second as i64).unwrap()
}

/// A kill every 2,000 s, in a log of some 12 MiB.
fn long() -> Log {
    let mut log = Log::default();
    for pid in 0..40 {
        while log.seconds % 2000 != 1999 {
            log = log.more(1);
        }
        log = log.kill(pid);
    }
    log
}

/// The part of a log that is read for a time, without regard to how small the log is.
fn part(log: &[u8], search: &Search) -> Option<Vec<u8>> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(log).unwrap();
    let mut reading = Reading::of("x", Timestamp::UNIX_EPOCH);
    ends::tell(&mut reading, log);
    let span = period::of_ordered(&file, log.len() as u64, search, &reading)?;
    Some(log[span.start as usize..span.end as usize].to_vec())
}

fn holds(part: &[u8], pid: u32) -> bool {
    memchr::memmem::find(part, format!("Killed process {pid} ").as_bytes()).is_some()
}

#[test]
fn of_a_big_file_only_the_time_that_is_asked_for_is_read() {
    let log = long();
    let search = Search { since: Some(at(40_000)), until: Some(at(50_000)), ..search() };
    let found = part(log.bytes(), &search).unwrap();
    for pid in 20..25 {
        assert!(holds(&found, pid), "{pid} of second {}", pid * 2000 + 1999);
    }
    assert!(!holds(&found, 5) && !holds(&found, 37));
    let found = part(log.bytes(), &Search { until: None, ..search }).unwrap();
    assert!(holds(&found, 39) && !holds(&found, 5));
}

#[test]
fn a_time_before_or_after_the_log_reads_little_and_finds_nothing() {
    let log = long();
    let few = 2 << 20;
    assert!(part(log.bytes(), &Search { since: Some(at(10_000_000)), ..search() }).unwrap().len() < few);
    let before = Some(at(0) - jiff::SignedDuration::from_hours(48));
    assert!(part(log.bytes(), &Search { until: before, ..search() }).unwrap().len() < few);
}

/// A log with a part that is stamped long before the rest at a place of it.
fn with_early_part(log: &str, place: usize, bytes: usize) -> Vec<u8> {
    let at = log[..place.min(log.len())].rfind('\n').unwrap() + 1;
    let early = Log { seconds: 0, ..Log::default() }.more(bytes).kill(777).text.replace("2025-11-", "1970-01-");
    [&log.as_bytes()[..at], early.as_bytes(), &log.as_bytes()[at..]].concat()
}

#[test]
fn a_part_out_of_order_hides_nothing_wherever_it_is() {
    let long = long().text;
    for place in [1_000_000, 5_999_999, 6_291_456, 9_000_001, usize::MAX] {
        let log = with_early_part(&long, place, 30_000);
        assert!(part(&log, &Search { since: Some(at(40_000)), ..search() }).is_none_or(|found| holds(&found, 25)));
        let early = Search { until: Timestamp::from_second(100 * 86_400).ok(), ..search() };
        assert!(from_a_file(&log, &early).0.holds("Killed process 777 "), "{place}");
        assert!(part(&log, &early).is_none(), "{place}");
    }
}

#[test]
fn a_part_too_small_to_be_seen_hides_nothing_but_itself() {
    // Two lines between two places of some 12 KiB: a bisection that lands in them would go astray.
    let long = long().text;
    for place in (6_000_000..6_012_000).step_by(777) {
        let log = with_early_part(&long, place, 100);
        for second in [40_000, 60_000] {
            let search = Search { since: Some(at(second)), ..search() };
            assert!(part(&log, &search).is_none_or(|found| holds(&found, 30) && holds(&found, 39)), "{place}");
        }
    }
}

#[test]
fn a_file_out_of_order_is_read_whole() {
    let log = long();
    let middle = log.text[log.text.len() / 2..].find('\n').unwrap() + log.text.len() / 2 + 1;
    let swapped = [&log.bytes()[middle..], &log.bytes()[..middle]].concat();
    assert_eq!(part(&swapped, &Search { since: Some(at(70_000)), ..search() }), None);
}

#[test]
fn a_file_that_tells_only_the_time_since_boot_is_read_whole() {
    let log: String = long().text.lines().map(|line| format!("{}\n", line.split_once("kernel: ").unwrap().1)).collect();
    assert_eq!(part(log.as_bytes(), &Search { since: Some(at(70_000)), ..search() }), None);
}
