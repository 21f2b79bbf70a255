//! Which parts of a big log are parsed.

use super::super::plain;
use super::*;
use proptest::prelude::*;

#[test]
fn a_log_gives_the_same_records_from_a_file_and_through_a_pipe_in_any_pieces() {
    let log = large();
    let (file, read) = from_a_file(log.bytes(), &search());
    assert_eq!(file.deaths(), 7);
    for sizes in [vec![1 << 20], vec![65_536], vec![4096, 7, 100_000], vec![999_983]] {
        let (pipe, reading) = through_a_pipe(log.bytes(), &sizes, &search());
        assert!(pipe.0 == file.0, "{sizes:?}: {} and {} given", pipe.0.len(), file.0.len());
        assert_eq!((reading.begins, reading.last, reading.records), (read.begins, read.last, None));
        assert!(reading.framed && read.framed && read.begins.is_some() && read.last.is_some());
    }
}

#[test]
fn a_death_has_its_report_before_it_and_what_follows_after_it() {
    let (seen, _) = from_a_file(large().bytes(), &search());
    for header in ["first", "early", "late", "again", "last"] {
        assert!(seen.holds(&format!("{header} invoked oom-killer:")), "{header}");
    }
    assert!(!seen.holds("far invoked"), "more than a mebibyte before");
    // 1; 2, 3 and 4; 5; 6; 7: with no header between, those that are near each other are one.
    assert_eq!(seen.gaps(), 4);
    let after = seen.texts().iter().skip_while(|text| !text.contains("process 5 ")).count();
    assert!(after > 100, "{after}");
}

#[test]
fn windows_begin_and_end_with_a_line() {
    let (seen, _) = from_a_file(large().bytes(), &search());
    for text in seen.texts() {
        let is_whole =
            ["as long as there is room", "oom_score_adj=0", "shmem-rss:0kB"].iter().any(|end| text.ends_with(end));
        assert!(is_whole, "{text}");
        assert!(
            ["docker0: port", "Out of memory"].iter().any(|begin| text.starts_with(begin))
                || text.contains(" invoked ")
        );
    }
}

#[test]
fn a_small_log_is_parsed_whole() {
    let log = Log::default().more(10_000).kill(1).more(10_000);
    let (seen, reading) = from_a_file(log.bytes(), &search());
    assert_eq!(reading.records, Some(log.seconds));
    assert_eq!((seen.0.len() as u64, seen.gaps()), (log.seconds, 0));
    assert!(reading.framed && reading.lost.is_none());
}

#[test]
fn what_is_one_line_comes_as_that_line() {
    let mut log = Log::default().more(3 << 20);
    log.say("nf_conntrack: table full, dropping packet");
    let log = log.more(3 << 20).header("x").kill(1).more(1 << 20);
    let search = Search { lines: &[b"table full"], ..search() };
    let (seen, _) = from_a_file(log.bytes(), &search);
    assert_eq!(seen.gaps(), 1);
    assert!(seen.texts().first().unwrap().contains("table full"), "{:?}", seen.texts().first());
    assert!(seen.holds("x invoked") && seen.deaths() == 1);
    assert_eq!(through_a_pipe(log.bytes(), &[50_000], &search).0.0, seen.0);
}

#[test]
fn a_log_of_nothing_else_is_parsed_once_and_whole() {
    let log = "Killed process\n".repeat(600_000);
    let (seen, _) = from_a_file(log.as_bytes(), &search());
    assert_eq!((seen.deaths(), seen.gaps()), (600_000, 0));
}

#[test]
fn one_line_without_an_end_is_borne() {
    let mut log = vec![b'x'; 9 << 20];
    log[6 << 20..(6 << 20) + 14].copy_from_slice(b"Killed process");
    let (seen, reading) = from_a_file(&log, &search());
    assert!(seen.0.len() < 100 && !reading.framed);
    let (piped, _) = through_a_pipe(&log, &[70_000], &search());
    assert_eq!(piped.0, seen.0);
}

#[test]
fn rubbish_is_no_log() {
    let rubbish: Vec<u8> = (0..5_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (seen, reading) = from_a_file(&rubbish, &search());
    assert!(seen.0.is_empty() && !reading.framed);
}

#[test]
fn a_file_that_is_cut_short_while_it_is_read_says_so() {
    let log = large();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), log.bytes()).unwrap();
    let handle = std::fs::File::open(file.path()).unwrap();
    let (mut seen, mut reading) = (Seen::default(), Reading::of("x", Timestamp::UNIX_EPOCH));
    let search = search();
    let size = log.bytes().len() as u64 + 20_000_000;
    plain::read(&handle, size, &search, &Needles::of(&search).unwrap(), &mut seen, &mut reading);
    assert_eq!(seen.deaths(), 7);
    assert_eq!(reading.lost.unwrap().to_string(), "the file was cut short while it was read");
}

#[test]
fn a_message_written_as_numbers_is_found_in_a_big_journal_export() {
    let bytes: Vec<String> = b"Out of memory: Killed process 7 (\xff)".iter().map(u8::to_string).collect();
    let kill = format!("{{\"MESSAGE\":[{}],\"_TRANSPORT\":\"kernel\",\"PRIORITY\":\"3\"}}\n", bytes.join(","));
    let other = "{\"MESSAGE\":\"nothing of note\",\"_TRANSPORT\":\"kernel\",\"PRIORITY\":\"6\"}\n";
    let log = other.repeat(80_000) + &kill + &other.repeat(40_000);
    for mark in ["", "\u{feff}"] {
        let (seen, reading) = from_a_file(format!("{mark}{log}").as_bytes(), &search());
        assert_eq!((seen.deaths(), seen.gaps(), reading.records), (1, 0, Some(120_001)));
    }
}

/// A big log in which an application quotes a report, lines without a frame, so far behind its own line.
fn quoting(far: usize) -> Log {
    let mut log = Log::default().more(3 << 20);
    log.text.push_str("2025-11-03T02:00:00.000000Z web billing[77]: dump of the incident follows\n");
    let far = log.text.len() + far;
    while log.text.len() < far {
        log.text.push_str("a line of the dump, which has no frame and is not indented\n");
    }
    let quoted = Log::default().header("quoted").kill(4242).text;
    for line in quoted.lines() {
        log.text.push_str(line.split_once("] ").unwrap().1);
        log.text.push('\n');
    }
    log.more(3 << 20)
}

#[test]
fn what_an_application_quotes_stays_its_own_however_big_the_log_is() {
    for far in [0, 1200, 20_000, 900_000, 3 << 20] {
        let log = quoting(far).header("own").kill(7).more(1 << 20);
        let (seen, _) = from_a_file(log.bytes(), &search());
        let begins = |text: &str| seen.texts().iter().any(|record| record.starts_with(text));
        assert!(!begins("Out of memory: Killed process 4242") && !begins("quoted invoked"), "{far}");
        assert!(begins("Out of memory: Killed process 7 ") && begins("own invoked"), "{far}");
        assert_eq!(through_a_pipe(log.bytes(), &[100_000], &search()).0.0, seen.0, "{far}");
    }
}

#[test]
fn an_entry_over_many_lines_is_read_from_its_first() {
    let field = "    _FIELD=some value of a field that nobody asked for\n".repeat(15);
    let head =
        |n: u32| format!("Fri 2026-11-20 19:11:34.{n:06} UTC [s=a;i={n:x};b=1;m=1;t=660ba15e06a4b;x=1]\n{field}");
    let said = |n, text: &str| format!("{}    _TRANSPORT=kernel\n    MESSAGE={text}\n", head(n));
    let other = said(1, "nothing of note");
    let mut log = other.repeat(4000) + &said(2, "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0");
    log += &said(3, "Out of memory: Killed process 7 (gunicorn) total-vm:4kB");
    log += &other.repeat(2000);
    assert!(log.len() > 5 << 20);
    let (seen, _) = from_a_file(log.as_bytes(), &search());
    let header = seen.texts().iter().any(|text| text.starts_with("x invoked oom-killer:"));
    assert!(header && seen.deaths() == 1);
}

#[test]
fn a_report_whose_beginning_is_too_far_before_says_so() {
    let tasks = |count: u32| {
        let mut log = Log::default().more(4 << 20).header("first");
        for pid in 0..count {
            log.say(&format!("[{pid:>7}]    33 {pid:>5}    12345      678    90112        0             0 gunicorn"));
        }
        log.kill(7).more(1 << 20)
    };
    let note = "a report has more than 1 MiB: its beginning was not read";
    for (count, told) in [(500, None), (20_000, Some(note))] {
        let log = tasks(count);
        let (seen, reading) = from_a_file(log.bytes(), &search());
        assert_eq!((seen.deaths(), reading.note.map(|note| note.to_string()).as_deref()), (1, told), "{count}");
        let (_, reading) = through_a_pipe(log.bytes(), &[100_000], &search());
        assert_eq!(reading.note.map(|note| note.to_string()).as_deref(), told, "{count}");
    }
}

#[test]
fn a_log_that_ends_in_json_of_the_journal_says_what_is_not_looked_for() {
    let entry = "{\"__REALTIME_TIMESTAMP\":\"1795201894000000\",\"MESSAGE\":[79,117,116],\"_TRANSPORT\":\"kernel\"}\n";
    let log = Log::default().more(5 << 20).text + entry;
    let note = from_a_file(log.as_bytes(), &search()).1.note.unwrap();
    assert!(note.to_string().starts_with("it ends in JSON of the journal"), "{note}");
    assert_eq!(through_a_pipe(log.as_bytes(), &[100_000], &search()).1.note, Some(note));
    assert_eq!(from_a_file(large().bytes(), &search()).1.note, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn wherever_kills_and_headers_are_a_file_and_a_pipe_say_the_same(
        parts in proptest::collection::vec((0_usize..1_400_000, 0_u8..3), 4..12), size in 1_usize..2_000_000
    ) {
        let mut log = Log::default();
        for (pid, (bytes, what)) in (1..).zip(&parts) {
            log = log.more(*bytes);
            log = match what { 0 => log.header("any"), 1 => log.kill(pid), _ => log.header("own").kill(pid) };
        }
        let log = log.until(5 << 20);
        let (file, _) = from_a_file(log.bytes(), &search());
        prop_assert_eq!(file.deaths(), parts.iter().filter(|(_, what)| *what > 0).count());
        prop_assert!(through_a_pipe(log.bytes(), &[size, 4096], &search()).0.0 == file.0);
    }
}
