//! Any bytes through the whole engine: frames, what the messages in them say, and the kills that come of it.
//!
//! ```sh
//! sh fuzz/seeds.sh                                  # a small corpus out of the tests' logs, once
//! cargo +nightly fuzz run kernel_log -- -max_len=8192 -dict=fuzz/kernel_log.dict -max_total_time=600
//! ```
//!
//! The first byte of an input says in how many pieces it is fed (0 to 15), as many bytes behind it how long each piece is,
//! in units of 7 bytes; the rest is the log. However it is cut, the records must be the same, and a kill whose line is
//! there must be found.

#![no_main]

use gtune::kernel_log::{
    Assembler, Clock, Event, Known, NEEDLES, Origin, Reader, Record, Settled, Sink, Stamp, advice, event, merge, stamp_of,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

/// What of a record the law is about, on its own feet.
#[derive(Debug, PartialEq)]
struct Seen {
    message: Vec<u8>,
    host: Vec<u8>,
    origin: Origin,
    level: Option<u8>,
    stamp: Stamp,
    is_continued: bool,
    sequence: Option<u64>,
    offset: u64,
}

impl Seen {
    fn of(record: &Record<'_>) -> Self {
        Self {
            message: record.message.to_vec(),
            host: record.host.to_vec(),
            origin: record.origin,
            level: record.level,
            stamp: record.stamp,
            is_continued: record.continues,
            sequence: record.sequence,
            offset: record.offset,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let (pieces, log) = cut(input);
    let mut assembler = Assembler::with_events();
    let whole = read(&[log], &mut assembler);
    let in_pieces = read(&pieces, &mut Assembler::default());
    assert_eq!(whole, in_pieces, "the records depend on how the log was cut");
    for record in &whole {
        assert!(record.offset <= log.len() as u64, "a record begins behind the end");
        judge(&record.message, record.origin);
    }
    for line in log.split(|byte| *byte == b'\n') {
        stamp_of(line);
        judge(line, Origin::Kernel);
    }
    look_at_kills(&whole, assembler);
});

/// The kill whose line is there is found; times, merging and advice take whatever was found.
fn look_at_kills(records: &[Seen], assembler: Assembler) {
    let found = assembler.finish();
    if found.doubted.is_empty() && found.left_out == 0 {
        let told = records.iter().filter(|record| record.origin != Origin::Other).filter_map(|record| pid(&record.message));
        for pid in told {
            assert!(found.kills.iter().any(|kill| kill.pid.0 == pid), "the kill of {pid} is missing");
        }
    }
    let clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, records.last().map(|record| record.stamp));
    let settle = |kill: gtune::kernel_log::Kill| {
        let _ = advice(&kill, &Known::default().concern(&kill));
        Settled { moment: clock.moment(&kill.stamp), kill, source: 0 }
    };
    let kills = found.kills.len();
    let merged = merge(found.kills.into_iter().map(settle));
    assert!(merged.len() <= kills && (kills == 0 || !merged.is_empty()));
}

/// The process of a kill in its plainest words.
fn pid(message: &[u8]) -> Option<i32> {
    let rest = message.strip_prefix(b"Out of memory: Killed process ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at(digits);
    let pid: i32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (rest.starts_with(b" (x) total-vm:") && (1..=4 << 20).contains(&pid)).then_some(pid)
}

/// The pieces to feed, and all of them in one.
fn cut(input: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let count = input.first().map_or(0, |byte| usize::from(byte % 16)).min(input.len().saturating_sub(1));
    let (lengths, log) = input.split_at(input.len().min(count + 1));
    let mut rest = log;
    let mut pieces = vec![];
    for length in lengths.iter().skip(1) {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(*length) * 7));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    (pieces, log)
}

fn read(pieces: &[&[u8]], sink: &mut impl Sink) -> Vec<Seen> {
    let mut seen = vec![];
    let mut each = |record: &Record<'_>| {
        sink.record(record);
        seen.push(Seen::of(record));
    };
    let mut reader = Reader::at(0);
    for piece in pieces {
        reader.feed(piece, &mut each);
    }
    reader.finish(&mut each);
    seen
}

fn judge(message: &[u8], origin: Origin) {
    let Some(said) = event(message, origin) else { return };
    let holds = |needle: &&[u8]| memchr::memmem::find(message, needle).is_some();
    assert!(NEEDLES.iter().any(holds), "a scan would pass over {said:?}");
    assert!(origin != Origin::Other || matches!(said, Event::OomdKill(_)), "somebody else said {said:?}");
}
