//! A time out of a big file.

use super::*;

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

#[test]
fn of_a_big_file_only_the_time_that_is_asked_for_is_read() {
    let log = long();
    assert!(log.bytes().len() > 8 << 20);
    let search = Search { since: Some(at(40_000)), until: Some(at(50_000)), ..search() };
    let (seen, _) = from_a_file(log.bytes(), &search);
    for pid in 20..25 {
        assert!(seen.holds(&format!("Killed process {pid} ")), "{pid} of second {}", pid * 2000 + 1999);
    }
    assert!(!seen.holds("Killed process 5 ") && !seen.holds("Killed process 37 "));
    let search = Search { until: None, ..search };
    let (seen, reading) = from_a_file(log.bytes(), &search);
    assert!(seen.holds("Killed process 39 ") && !seen.holds("Killed process 5 "));
    assert_eq!(reading.begins.unwrap().boot_micros, Some(0), "the log begins where it begins");
}

#[test]
fn a_time_before_or_after_the_log_reads_little_and_finds_nothing() {
    let log = long();
    let after = Search { since: Some(at(10_000_000)), ..search() };
    assert!(from_a_file(log.bytes(), &after).0.deaths() <= 4);
    let before = Search { until: Some(at(0) - jiff::SignedDuration::from_hours(48)), ..search() };
    assert!(from_a_file(log.bytes(), &before).0.deaths() <= 4);
}

#[test]
fn a_file_out_of_order_is_read_whole() {
    let log = long();
    let middle = log.text[log.text.len() / 2..].find('\n').unwrap() + log.text.len() / 2 + 1;
    let swapped = [&log.bytes()[middle..], &log.bytes()[..middle]].concat();
    let search = Search { since: Some(at(70_000)), ..search() };
    assert_eq!(from_a_file(&swapped, &search).0.deaths(), 40);
}

#[test]
fn a_file_that_tells_only_the_time_since_boot_is_read_whole() {
    let log: String = long().text.lines().map(|line| format!("{}\n", line.split_once("kernel: ").unwrap().1)).collect();
    let search = Search { since: Some(at(70_000)), ..search() };
    assert_eq!(from_a_file(log.as_bytes(), &search).0.deaths(), 40);
}
