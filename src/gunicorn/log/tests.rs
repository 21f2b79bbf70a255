//! Each wording of each version, and what only looks like one.

use super::*;
use crate::gunicorn::{Version, WorkerClass};
use crate::kernel_log::{Clock, Reader, Record, Stamp};
use crate::units::Pid;
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) fn clock() -> Clock {
    Clock::new(TimeZone::UTC, "2026-11-21T00:00:00Z".parse::<Timestamp>().unwrap(), None)
}

/// What lines tell that a reader undressed.
pub(super) fn by_lines(log: &[u8]) -> Vec<Told> {
    let (mut lines, mut all) = (Lines::of(clock()), vec![]);
    let mut take = |record: &Record<'_>| {
        let before = log.get(..usize::try_from(record.offset).unwrap()).unwrap();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        lines.take(&Undressed::of(record, line), &mut |told| all.push(told));
    };
    let mut reader = Reader::default();
    reader.feed(log, &mut take);
    reader.finish(&mut take);
    lines.finish(&mut |told| all.push(told));
    all
}

/// What a scan finds in pieces of about so many bytes.
pub(super) fn by_scan(log: &[u8], piece: usize) -> Vec<Told> {
    let (scan, mut repeats, mut all) = (Scan::of(clock()), Repeats::default(), vec![]);
    let (mut from, mut line) = (0, 1);
    while from < log.len() {
        let least = (from + piece.max(1)).min(log.len());
        let end = log[least - 1..].iter().position(|byte| *byte == b'\n').map_or(log.len(), |at| least + at);
        let ahead = (end + Scan::AHEAD).min(log.len());
        let mut found = vec![];
        line += scan.piece(&log[from..ahead], end - from, Place { offset: from as u64, line }, &mut found);
        all.extend(found.into_iter().filter(|told| repeats.is_news(told)));
        from = end;
    }
    assert_eq!(line, 1 + log.iter().filter(|byte| **byte == b'\n').count() as u64);
    all
}

/// What a log of text tells, which both ways find.
fn events(log: &str) -> Vec<Event> {
    let (lines, scan) = (by_lines(log.as_bytes()), by_scan(log.as_bytes(), usize::MAX / 2));
    assert_eq!(lines, scan, "{log}");
    let event = |told: Told| match told.said {
        Said::Gunicorn(event) => event,
        Said::Manager(event) => panic!("{event:?}"),
    };
    lines.into_iter().map(event).collect()
}

fn line(pid: i32, level: &str, message: &str) -> String {
    format!("[2026-11-20 19:05:52 +0000] [{pid}] [{level}] {message}\n")
}

fn only(pid: i32, level: &str, message: &str) -> Option<Event> {
    let mut events = events(&line(pid, level, message));
    assert!(events.len() < 2, "{events:?}");
    events.pop()
}

const WORKER: Pid = Pid(815);

#[test]
fn every_version_tells_how_a_worker_ended() {
    let signal = |signal, core| Some(Event::Ended { pid: WORKER, ending: Ending::Signal { signal, core } });
    let exit = |code| Some(Event::Ended { pid: WORKER, ending: Ending::Exit(code) });
    for (level, message, expected) in [
        ("WARNING", "Worker with pid 815 was terminated due to signal 9", signal(9, false)),
        ("ERROR", "Worker (pid:815) was sent SIGKILL! Perhaps out of memory?", signal(9, false)),
        ("ERROR", "Worker (pid:815) was sent SIGSEGV!", signal(11, false)),
        ("WARNING", "Worker (pid:815) was sent SIGSEGV!", signal(11, false)),
        ("INFO", "Worker (pid:815) was sent SIGTERM!", signal(15, false)),
        ("ERROR", "Worker (pid:815) was sent code 134!", signal(6, true)),
        ("ERROR", "Worker (pid:815) was sent code 40!", signal(40, false)),
        ("WARNING", "Worker (pid:815) was sent signal 40!", signal(40, false)),
        ("ERROR", "Worker (pid:815) exited with code 3", exit(3)),
        ("ERROR", "Worker (pid:815) exited with code 255.", exit(255)),
    ] {
        assert_eq!(only(812, level, message), expected, "{message}");
        assert_eq!(only(815, level, message), None, "no process says so of itself: {message}");
        assert_eq!(only(812, "DEBUG", message), None, "{message}");
        assert_eq!(only(812, "CRITICAL", message), None, "{message}");
        assert_eq!(only(812, level, &format!("user note: {message}")), None, "{message}");
        assert_eq!(only(812, level, &format!("{message} (quoted)")), None, "{message}");
        assert_eq!(events(&format!("10.0.0.9 - - [x] \"{}", line(812, level, message))), [], "{message}");
        assert_eq!(events(&format!(" {}", line(812, level, message))), [], "{message}");
    }
}

#[test]
fn every_event_of_a_life_is_told_in_its_words_its_level_and_by_whom_it_concerns() {
    for (pid, level, message, event) in [
        (812, "INFO", "Starting gunicorn 23.0.0", Event::Starting(Some(Version::new(23, 0, 0)))),
        (812, "INFO", "Listening at: http://127.0.0.1:8000 (812)", Event::Listening("http://127.0.0.1:8000".into())),
        (812, "INFO", "Listening at: http://127.0.0.1:8000", Event::Listening("http://127.0.0.1:8000".into())),
        (812, "INFO", "Using worker: gthread", Event::UsingWorker(WorkerClass::Gthread)),
        (815, "INFO", "Booting worker with pid: 815", Event::Booting(WORKER)),
        (815, "INFO", "Worker exiting (pid: 815)", Event::Exiting(WORKER)),
        (815, "INFO", "Autorestarting worker after current request.", Event::Autorestarting),
        (815, "INFO", "Parent changed, shutting down: <Worker 815>", Event::ParentChanged),
        (815, "WARNING", "Worker graceful timeout (pid:815)", Event::GracefulTimeout(WORKER)),
        (812, "CRITICAL", "WORKER TIMEOUT (pid:815)", Event::TimedOut(WORKER)),
        (812, "INFO", "Handling signal: usr1", Event::Handling(MasterSignal::Usr1)),
        (812, "INFO", "Handling signal: winch", Event::Handling(MasterSignal::Winch)),
        (812, "INFO", "Hang up: Master", Event::HangUp),
        (812, "INFO", "Hang up: Master.2", Event::HangUp),
        (812, "INFO", "Shutting down: Master", Event::ShuttingDown),
        (812, "ERROR", "Shutting down: Master", Event::ShuttingDown),
        (812, "ERROR", "Reason: Worker failed to boot.", Event::Reason(StopReason::WorkerFailedToBoot)),
        (812, "INFO", "Reason: App failed to load.", Event::Reason(StopReason::AppFailedToLoad)),
        (812, "ERROR", "Connection in use: ('127.0.0.1', 8000)", Event::CannotBind { gives_up: false }),
        (812, "ERROR", "Can't connect to ('127.0.0.1', 8000)", Event::CannotBind { gives_up: true }),
        (812, "INFO", "Master has been promoted.", Event::Promoted),
        (812, "INFO", "Spawned dirty arbiter (pid: 815) at /tmp/gunicorn-dirty-x/arbiter.sock", Event::Dirty(WORKER)),
        (812, "WARNING", "Dirty worker (pid:815) killed by signal 9", Event::Dirty(WORKER)),
        (812, "INFO", "Dirty worker exited (pid:815)", Event::Dirty(WORKER)),
    ] {
        assert_eq!(only(pid, level, message), Some(event), "{message}");
        assert_eq!(only(pid, level, &format!("upstream said: [{level}] {message}")), None, "{message}");
    }
    for (pid, level, message) in [
        (812, "INFO", "Booting worker with pid: 815"),
        (812, "INFO", "Worker exiting (pid: 815)"),
        (812, "INFO", "Parent changed, shutting down: <Worker 815>"),
        (815, "CRITICAL", "WORKER TIMEOUT (pid:815)"),
        (812, "ERROR", "WORKER TIMEOUT (pid:815)"),
        (812, "INFO", "Handling signal: chld"),
        (812, "INFO", "Starting gunicorn jobs of the night"),
        (812, "INFO", "Connection in use: ('127.0.0.1', 8000)"),
        (812, "INFO", "Worker (pid:815) was sent flowers!"),
        (812, "ERROR", "Worker (pid:0) exited with code 3"),
        (812, "ERROR", "Worker (pid:99999999999999999999) exited with code 3"),
    ] {
        assert_eq!(only(pid, level, message), None, "{message}");
    }
}

#[test]
fn an_exit_that_is_written_twice_is_told_once() {
    let both = |code| {
        line(812, "ERROR", &format!("Worker (pid:815) exited with code {code}"))
            + &line(812, "ERROR", &format!("Worker (pid:815) exited with code {code}."))
    };
    assert_eq!(events(&both(1)).len(), 1);
    assert_eq!(events(&(both(1) + &both(1))).len(), 2, "the number was given again");
    let once = line(812, "ERROR", "Worker (pid:815) exited with code 1.");
    assert_eq!(events(&(once.clone() + &once)).len(), 2, "24.0 and later write it once");
}

const TRACEBACK: &str = "Traceback (most recent call last):\n  File \"/srv/app/a.py\", line 3, in f\n    open(x)\nOSError: [Errno 24] Too many open files\n";

#[test]
fn a_traceback_belongs_to_the_line_before_it() {
    for (level, message) in [
        ("ERROR", "Exception in worker process"),
        ("ERROR", "Unhandled exception in main loop"),
        ("INFO", "Unhandled exception in main loop"),
        ("ERROR", "Error handling request /a b"),
        ("ERROR", "Error handling request (no URI read)"),
        ("ERROR", "Error handling request"),
        ("ERROR", "Socket error processing request."),
    ] {
        let log = line(815, level, message) + TRACEBACK + &line(812, "INFO", "Handling signal: hup");
        let events = events(&log);
        let [event, Event::Handling(MasterSignal::Hup)] = &events[..] else { panic!("{events:?}") };
        let (Event::MasterException(traceback)
        | Event::WorkerException(traceback)
        | Event::RequestError { traceback, .. }
        | Event::SocketError(traceback)) = event
        else {
            panic!("{event:?}")
        };
        assert_eq!(traceback.errno, Some(24));
        assert_eq!(traceback.frame.as_ref().map(|frame| (&*frame.file, frame.line)), Some(("/srv/app/a.py", 3)));
        if let Event::RequestError { request, .. } = event {
            assert_eq!(request.as_deref(), message.ends_with("/a b").then_some("/a b"));
        }
    }
}

#[test]
fn a_traceback_of_nobody_is_told_for_itself_and_a_flood_of_it_once() {
    let loose = |log: &str| events(log).into_iter().filter(|event| matches!(event, Event::Loose(_))).count();
    assert_eq!(loose(TRACEBACK), 1);
    let flood = format!("socket.accept() out of system resource\nsocket: <x>\n{TRACEBACK}").repeat(300);
    assert_eq!(loose(&flood), 1);
    let boot = line(812, "INFO", "Handling signal: hup") + &flood;
    assert_eq!(loose(&boot), 1);
    assert_eq!(loose(&(flood.clone() + &TRACEBACK.replace("24] Too many open files", "28] No space left"))), 2);
    let alone = "Failed to find attribute 'app' in 'noapp'.\n";
    let [Event::Loose(said)] = &events(alone)[..] else { panic!() };
    assert_eq!(said.exception.as_deref(), Some("Failed to find attribute 'app' in 'noapp'."));
    let flood = TRACEBACK.repeat((1 << 20) / TRACEBACK.len());
    assert_eq!(by_scan(flood.as_bytes(), 300_000).len(), 16, "one in each 64 KiB");
}

#[test]
fn a_frame_is_taken_off_and_tells_who_wrote_it() {
    let message = "[2026-11-20 19:05:52 +0100] [812] [CRITICAL] WORKER TIMEOUT (pid:815)";
    for (frame, pid) in [
        ("Nov 20 18:05:52 web gunicorn[9812]: ", Some(9_812)),
        ("2026-11-20T18:05:52.252569+00:00 web gunicorn[9812]: ", Some(9_812)),
        ("<30>1 2026-11-20T18:05:52Z web gunicorn 9812 - - ", Some(9_812)),
        ("2026-11-20T18:05:52.2Z stderr F ", None),
        ("", None),
    ] {
        let log = format!("{frame}{message}\n");
        let told = by_lines(log.as_bytes());
        assert_eq!(told, by_scan(log.as_bytes(), 1 << 20), "{frame}");
        let [told] = &told[..] else { panic!("{told:?}") };
        assert_eq!(told.said, Said::Gunicorn(Event::TimedOut(WORKER)));
        assert_eq!((told.writer, told.frame_pid), (Some(Pid(812)), pid.map(Pid)));
        assert_eq!(told.time.unwrap().to_string(), "2026-11-20T18:05:52Z", "the prefix counts");
        assert_eq!(&*told.text, message.as_bytes());
    }
    let json = format!("{{\"MESSAGE\":\"{message}\",\"_PID\":\"9812\",\"_SYSTEMD_UNIT\":\"web.service\"}}\n");
    let told = by_lines(json.as_bytes());
    assert_eq!(told.first().and_then(|told| told.unit.as_deref()), Some("web.service"));
}

#[test]
fn what_gunicorn_sends_to_syslog_has_neither_time_nor_level() {
    let log = "Nov 20 18:05:52 web gunicorn.app.app.error: [812] WORKER TIMEOUT (pid:815)\nNov 20 18:05:53 web gunicorn.app.app.access: [815] WORKER TIMEOUT (pid:815)\n";
    let told = by_lines(log.as_bytes());
    assert_eq!(told, by_scan(log.as_bytes(), 1 << 20));
    let [told] = &told[..] else { panic!("{told:?}") };
    assert_eq!(told.said, Said::Gunicorn(Event::TimedOut(WORKER)));
    assert_eq!(told.time.unwrap().to_string(), "2026-11-20T18:05:52Z");
    let traced = "Nov 20 18:05:52 web gunicorn.app.app.error: [815] Exception in worker process#012Traceback (most recent call last):#012  File \"/srv/a.py\", line 3, in f#012OSError: [Errno 24] Too many open files\n";
    let [Event::WorkerException(traceback)] = &events(traced)[..] else { panic!() };
    assert_eq!(traceback.errno, Some(24));
}

#[test]
fn managers_are_heard_only_by_their_tag() {
    let message = "web.service: Failed with result 'oom-kill'.";
    for (log, heard) in [
        (format!("Nov 20 18:05:52 web systemd[1]: {message}\n"), 1),
        (format!("Nov 20 18:05:52 web systemd: {message}\n"), 1),
        (format!("Nov 20 18:05:52 web gunicorn[812]: {message}\n"), 0),
        (format!("systemd[1]: {message}\n"), 0),
        (line(812, "INFO", &format!("systemd[1]: {message}")), 0),
    ] {
        let told = by_lines(log.as_bytes());
        assert_eq!(told.len(), heard, "{log}");
        assert_eq!(told, by_scan(log.as_bytes(), 1 << 20), "{log}");
    }
}

#[test]
fn tracebacks_of_two_workers_that_come_line_by_line_in_a_journal_are_kept_apart() {
    let mut log = String::new();
    let text =
        |file: &str| line(1, "ERROR", "Exception in worker process") + &TRACEBACK.replace("/srv/app/a.py", file) + "\n";
    for (one, other) in text("/srv/one.py").lines().zip(text("/srv/other.py").lines()) {
        log += &format!("Nov 20 18:05:52 web gunicorn[815]: {one}\nNov 20 18:05:52 web gunicorn[816]: {other}\n");
    }
    log += &format!("Nov 20 18:05:53 web gunicorn[812]: {}", line(812, "INFO", "Handling signal: hup"));
    let told = by_lines(log.as_bytes());
    let of = |told: &Told| match &told.said {
        Said::Gunicorn(Event::WorkerException(traceback)) => {
            (told.frame_pid.unwrap().0, traceback.frame.as_ref().unwrap().file.to_string())
        }
        said => (0, format!("{said:?}")),
    };
    let expected =
        [(815, "/srv/one.py".to_owned()), (816, "/srv/other.py".to_owned()), (0, "Gunicorn(Handling(Hup))".to_owned())];
    assert_eq!(told.iter().map(of).collect::<Vec<_>>(), expected, "in the order of their first lines");
    assert_eq!(told, by_scan(log.as_bytes(), 1 << 20));
}

#[test]
fn a_hole_that_a_truncated_file_has_hides_no_line_behind_it() {
    let mut log = vec![0; 100_000];
    log.extend_from_slice(line(812, "CRITICAL", "WORKER TIMEOUT (pid:815)").replace('\n', "\r\n").as_bytes());
    let told = by_scan(&log, 4_096);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].place, Place { offset: 100_000, line: 1 });
    assert_eq!(told, by_lines(&log));
}

#[test]
fn text_of_any_length_is_cut() {
    let log = line(815, "ERROR", &format!("Error handling request /{}", "é".repeat(9_000)));
    let told = by_lines(log.as_bytes());
    assert_eq!(told[0].text.len(), LONGEST_TEXT);
    assert_eq!(told, by_scan(log.as_bytes(), 1 << 20));
}

#[test]
fn a_traceback_that_never_ends_keeps_nothing_back() {
    let mut lines = Lines::of(clock());
    let mut heard = 0;
    let stamp = Stamp::default();
    let mut take = |message: &str, pid| {
        let message = message.as_bytes();
        let line =
            Undressed { message, place: Place::default(), stamp, tag: b"gunicorn", pid: Some(Pid(pid)), unit: b"" };
        lines.take(&line, &mut |_| heard += 1);
    };
    take(line(815, "ERROR", "Exception in worker process").trim_end(), 815);
    for _ in 0..5_000 {
        take(line(812, "INFO", "Handling signal: hup").trim_end(), 812);
    }
    assert!(heard > 4_000, "{heard}");
}

/// What differs, in words.
pub(super) fn shown(told: &[Told]) -> String {
    let one = |told: &Told| {
        let Told { said, writer, frame_pid, time, place, text, .. } = told;
        format!("{said:?} {writer:?} {frame_pid:?} {time:?} {place:?} {}\n", String::from_utf8_lossy(text))
    };
    told.iter().map(one).collect()
}

#[test]
fn a_worker_of_uvicorn_says_in_its_own_words_that_it_served_enough() {
    for level in ["INFO", "WARNING"] {
        let line = format!(
            "[2026-11-20 14:05:52 +0000] [815] [{level}] Maximum request limit of 1000 exceeded. Terminating process.\n"
        );
        for told in [by_lines(line.as_bytes()), by_scan(line.as_bytes(), 64)] {
            assert_eq!(
                told.iter().map(|told| &told.said).collect::<Vec<_>>(),
                [&Said::Gunicorn(Event::Autorestarting)]
            );
        }
    }
}
