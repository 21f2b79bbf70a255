//! Any bytes through the reader of Gunicorn's logs: line by line out of their frames, and by a scan in pieces.
//!
//! ```sh
//! sh fuzz/seeds.sh                                  # a small corpus out of the tests' logs, once
//! cargo +nightly fuzz run gunicorn_log -- -max_len=8192 -dict=fuzz/gunicorn_log.dict -max_total_time=600
//! ```
//!
//! The first byte of an input says how long the pieces of the scan are, in units of 37 bytes; the rest is the log. A death
//! in Gunicorn's plain words is found by both; so is a death that the fuzzer did not know of, behind all it wrote.

#![no_main]

use gtune::gunicorn::log::{Ending, Event, LONGEST_TEXT, Lines, Place, Repeats, Said, Scan, Told, Undressed};
use gtune::kernel_log::{Clock, Reader, Record};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

/// No input of 8 KiB holds so many lines that tell something.
const MOST: usize = 2_000;

fuzz_target!(|input: &[u8]| {
    let Some((piece, log)) = input.split_first() else { return };
    let piece = 1 + usize::from(*piece) * 37;
    judge(log, &by_lines(log));
    let scanned = by_scan(log, piece);
    judge(log, &scanned);
    assert_eq!(deaths(&scanned), deaths(&by_scan(log, usize::MAX / 2)), "deaths depend on how the log was cut");
    let death = b"\n[2026-11-20 19:05:52 +0000] [812] [CRITICAL] WORKER TIMEOUT (pid:815)\n";
    let with_death = [log, death].concat();
    let is_it = |told: &Told| told.said == Said::Gunicorn(Event::TimedOut(gtune::units::Pid(815)));
    assert!(by_scan(&with_death, piece).last().is_some_and(is_it), "a death was lost");
});

fn clock() -> Clock {
    Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, None)
}

fn by_lines(log: &[u8]) -> Vec<Told> {
    let (mut lines, mut all) = (Lines::of(clock()), vec![]);
    let mut reader = Reader::default();
    let mut take = |record: &Record<'_>| lines.take(&Undressed::of(record, 1), &mut |told| all.push(told));
    reader.feed(log, &mut take);
    reader.finish(&mut take);
    lines.finish(&mut |told| all.push(told));
    all
}

fn by_scan(log: &[u8], piece: usize) -> Vec<Told> {
    let (scan, mut repeats, mut all) = (Scan::of(clock()), Repeats::default(), vec![]);
    let (mut from, mut line) = (0, 1);
    while from < log.len() {
        let least = (from + piece).min(log.len());
        let end = memchr::memchr(b'\n', &log[least - 1..]).map_or(log.len(), |at| least + at);
        let ahead = (end + Scan::AHEAD).min(log.len());
        let mut found = vec![];
        line += scan.piece(&log[from..ahead], end - from, Place { offset: from as u64, line }, &mut found);
        all.extend(found.into_iter().filter(|told| repeats.is_news(told)));
        from = end;
    }
    assert_eq!(line, 1 + memchr::memchr_iter(b'\n', log).count() as u64, "lines were not counted");
    all
}

/// Nothing that is told lies outside of the log, or is larger than it may be.
fn judge(log: &[u8], all: &[Told]) {
    assert!(all.len() < MOST, "{} things are told by {} bytes", all.len(), log.len());
    for told in all {
        assert!(told.place.offset <= log.len() as u64, "{told:?}");
        assert!(told.text.len() <= LONGEST_TEXT, "{told:?}");
        if let Said::Gunicorn(Event::Ended { pid, ending: Ending::Exit(code) }) = &told.said {
            assert!(pid.0 > 0 && *code > 0, "{told:?}");
        }
    }
}

/// What ended whom, in order.
fn deaths(all: &[Told]) -> Vec<&Said> {
    let is_death = |said: &&Said| matches!(said, Said::Gunicorn(Event::Ended { .. } | Event::TimedOut(_)));
    all.iter().map(|told| &told.said).filter(is_death).collect()
}
