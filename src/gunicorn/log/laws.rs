//! Laws for any bytes, however they are cut.

use super::tests::{by_lines, by_scan, shown};
use super::*;
use crate::units::Pid;
use proptest::prelude::*;

/// Lines that logs are made of, so that random text comes near to them.
const LINES: &[&str] = &[
    "[2026-11-20 19:05:52 +0000] [812] [INFO] Starting gunicorn 23.0.0",
    "[2026-11-20 19:05:52 +0000] [812] [INFO] Handling signal: hup",
    "[2026-11-20 19:05:52 +0000] [815] [INFO] Booting worker with pid: 815",
    "[2026-11-20 19:05:53 +0000] [812] [CRITICAL] WORKER TIMEOUT (pid:815)",
    "[2026-11-20 19:05:53 +0000] [812] [ERROR] Worker (pid:815) was sent SIGKILL! Perhaps out of memory?",
    "[2026-11-20 19:05:53 +0000] [812] [ERROR] Worker (pid:815) exited with code 1",
    "[2026-11-20 19:05:53 +0000] [812] [ERROR] Worker (pid:815) exited with code 1.",
    "[2026-11-20 19:05:53 +0000] [812] [WARNING] Worker with pid 815 was terminated due to signal 9",
    "[2026-11-20 19:05:53 +0000] [815] [ERROR] Exception in worker process",
    "[2026-11-20 19:05:53 +0000] [815] [ERROR] Error handling request GET /x",
    "[2026-11-20 19:05:53 +0000] [812] [ERROR] Unhandled exception in main loop",
    "[2026-11-20 19:05:53 +0000] [815] [INFO] user note: Worker (pid:815) was sent SIGKILL!",
    "[2026-11-20 19:05:53 +0000] [815] [WARNING] upstream said: [CRITICAL] WORKER TIMEOUT (pid:815)",
    "10.0.0.9 - - [20/Nov/2026:19:05:53 +0000] \"GET /?q=WORKER%20TIMEOUT%20(pid:815) HTTP/1.1\" 200 12",
    "::1 - - [x] \"GET / HTTP/1.1\" 200 9 \"-\" \"[1] [INFO] Worker with pid 815 was terminated due to signal 9\"",
    "Traceback (most recent call last):",
    "  File \"/srv/app/a.py\", line 3, in f",
    "  File \"/usr/lib/python3.11/site-packages/gunicorn/workers/base.py\", line 3, in handle_abort",
    "    sys.exit(1)",
    "SystemExit: 1",
    "OSError: [Errno 24] Too many open files: '/x'",
    "During handling of the above exception, another exception occurred:",
    "",
    "socket.accept() out of system resource",
    "Failed to find attribute 'app' in 'noapp'.",
    "Application object must be callable.",
    "2026-11-20T19:05:53Z <StreamServer at 0x7f fileno=5> failed with OSError",
    "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK",
    "Nov 20 19:05:53 web systemd[1]: web.service: Main process exited, code=killed, status=9/KILL",
    "Nov 20 19:05:53 web systemd: Starting Web...",
    "Nov 20 19:05:53 web gunicorn[9812]: [2026-11-20 19:05:53 +0000] [812] [CRITICAL] WORKER TIMEOUT (pid:815)",
    "Nov 20 19:05:53 web gunicorn[9815]: [2026-11-20 19:05:53 +0000] [815] [ERROR] Exception in worker process",
    "Nov 20 19:05:53 web gunicorn[9815]: Traceback (most recent call last):",
    "Nov 20 19:05:53 web gunicorn[9815]:   File \"/srv/app/b.py\", line 3, in f",
    "Nov 20 19:05:53 web gunicorn[9815]: ValueError: x",
    "Nov 20 19:05:53 web gunicorn[9812]: [2026-11-20 19:05:53 +0000] [812] [INFO] Hang up: Master",
    "2026-11-20T19:05:53.1+00:00 web earlyoom[7]: sending SIGTERM to process 815 uid 33 \"gunicorn\": x",
    "2026-11-20T19:05:53.1+00:00 web gunicorn.app.app.error: [812] Worker (pid:815) exited with code 3",
];

/// A log of lines that are all in frames, or of lines that are in none but Gunicorn's own.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let (framed, bare) = LINES.iter().partition::<Vec<&str>, _>(|line| line.contains(" web "));
    let lines = |of: Vec<&'static str>| prop::collection::vec(prop::sample::select(of), 0..40);
    prop_oneof![lines(framed), lines(bare)].prop_map(|lines| (lines.join("\n") + "\n").into_bytes())
}

/// Where a line begins that goes on behind a frame is not known to who does not see the frame.
fn placed(told: Vec<Told>) -> Vec<Told> {
    let placed = |told: Told| match told.said {
        Said::Gunicorn(Event::Loose(_)) => Told { place: Place { offset: 0, ..told.place }, ..told },
        _ => told,
    };
    told.into_iter().map(placed).collect()
}

fn near() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        6 => prop::sample::select(LINES).prop_map(|line| line.as_bytes().to_vec()),
        2 => (prop::sample::select(LINES), any::<prop::sample::Index>())
            .prop_map(|(line, cut)| line.as_bytes()[..cut.index(line.len() + 1)].to_vec()),
        4 => Just(b"\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_scan_finds_what_reading_every_line_finds(log in log()) {
        let (scan, lines) = (placed(by_scan(&log, usize::MAX / 2)), placed(by_lines(&log)));
        prop_assert!(scan == lines, "{}\n{}\n{}", String::from_utf8_lossy(&log), shown(&scan), shown(&lines));
    }

    #[test]
    fn pieces_of_any_size_tell_the_same(log in log(), piece in 1_usize..2_000) {
        let (whole, pieces) = (by_scan(&log, usize::MAX / 2), by_scan(&log, piece));
        prop_assert!(whole == pieces, "{}\n{}\n{}", String::from_utf8_lossy(&log), shown(&whole), shown(&pieces));
    }

    #[test]
    fn no_bytes_panic(log in near(), piece in 1_usize..300) {
        by_lines(&log);
        by_scan(&log, piece);
    }

    #[test]
    fn any_bytes_at_all_are_taken(log: Vec<u8>, own: usize) {
        by_lines(&log);
        Scan::of(super::tests::clock()).piece(&log, own, Place::default(), &mut vec![]);
    }

    #[test]
    fn no_death_is_lost_in_any_words_and_frame(
        before in log(),
        master in 1..99_999_i32,
        worker in 1..99_999_i32,
        version in 0..7_usize,
        frame in 0..6_usize,
        signal in prop::sample::select(vec![(6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM")]),
    ) {
        prop_assume!(master != worker);
        let (number, name) = signal;
        let (level, message, ending) = match version {
            0 => ("WARNING", format!("Worker with pid {worker} was terminated due to signal {number}"), Some((number, false))),
            1 => ("ERROR", format!("Worker (pid:{worker}) was sent {name}!"), Some((number, false))),
            2 => ("INFO", format!("Worker (pid:{worker}) was sent {name}!"), Some((number, false))),
            3 => ("ERROR", format!("Worker (pid:{worker}) was sent {name}! Perhaps out of memory?"), Some((number, false))),
            4 => ("ERROR", format!("Worker (pid:{worker}) was sent code {}!", 128 + number), Some((number, true))),
            5 => ("ERROR", format!("Worker (pid:{worker}) exited with code 7."), None),
            _ => ("CRITICAL", format!("WORKER TIMEOUT (pid:{worker})"), None),
        };
        let pid = Pid(worker);
        let event = match ending {
            Some((signal, core)) => Event::Ended { pid, ending: Ending::Signal { signal, core } },
            None if version == 5 => Event::Ended { pid, ending: Ending::Exit(7) },
            None => Event::TimedOut(pid),
        };
        let message = format!("[2026-11-20 19:05:52 -0330] [{master}] [{level}] {message}");
        let text = match frame {
            0 => message,
            1 => format!("Nov  6 19:12:34 web gunicorn[77]: {message}"),
            2 => format!("2026-11-20T19:12:34.252569+00:00 web gunicorn: {message}"),
            3 => format!("<30>1 2026-11-20T19:12:34Z web gunicorn 77 - - {message}"),
            4 => format!("2026-11-20T19:16:47.252569123Z stderr F {message}"),
            _ => format!("{{\"log\":\"{message}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T19:16:47.25Z\"}}"),
        };
        let log = [before, text.into_bytes(), b"\n".to_vec()].concat();
        for told in [by_lines(&log), by_scan(&log, 700)] {
            let last = told.last().map(|told| (told.said.clone(), told.writer, told.time.map(|time| time.to_string())));
            let time = Some("2026-11-20T22:35:52Z".to_owned());
            prop_assert_eq!(last, Some((Said::Gunicorn(event.clone()), Some(Pid(master)), time)));
        }
    }

    #[test]
    fn memory_is_bounded_by_what_is_open(log in near()) {
        let many = log.repeat(50);
        let told = by_scan(&many, 4_096);
        prop_assert!(told.iter().all(|told| told.text.len() <= LONGEST_TEXT));
    }
}
