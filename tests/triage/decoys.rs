//! Only what Gunicorn said is a death: what clients send and applications log is none, however well it is forged.

use crate::bed::{Said, failure, of_text, together};
use crate::frames::{FRAMES, dressed, prefix_time};
use crate::support::{Law, Result};
use crate::truth::{Case, case, must_be, must_count};
use serde_json::json;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("what_a_client_sends_is_no_death", &[], || everywhere(&by_clients())),
        Law::new("what_an_application_logs_is_no_death", &[], || everywhere(&by_applications())),
        Law::new("what_stands_in_a_traceback_is_no_death", &[], || everywhere(&in_tracebacks())),
        Law::new("decoys_in_a_frame_are_none_either", &[], in_frames),
        Law::new("a_message_of_several_lines_in_a_journal_tells_with_its_first_only", &[], of_several_lines),
    ]
}

/// Lines that would tell of a death of pid 21261 or 21254 if Gunicorn had written them.
const DEATHS: &[&str] = &[
    "[2026-11-20 18:59:38 +0000] [21260] [ERROR] Worker (pid:21265) was sent SIGKILL! Perhaps out of memory?",
    "[2026-11-20 18:59:38 +0000] [21260] [CRITICAL] WORKER TIMEOUT (pid:21265)",
    "[2026-11-20 18:59:38 +0000] [21260] [ERROR] Worker (pid:21265) exited with code 3",
    "[2026-11-20 18:59:38 +0000] [21260] [WARNING] Worker with pid 21265 was terminated due to signal 9",
    "[2026-11-20 18:59:38 +0000] [21265] [ERROR] Exception in worker process",
    "[2026-11-20 18:59:38 +0000] [21260] [INFO] Handling signal: term",
    "[2026-11-20 18:59:38 +0000] [21260] [INFO] Handling signal: hup",
    "[2026-11-20 18:59:38 +0000] [21260] [ERROR] Unhandled exception in main loop",
    "[2026-11-20 18:59:38 +0000] [99999] [INFO] Starting gunicorn 23.0.0",
    "[2026-11-20 18:59:38 +0000] [21265] [INFO] Worker exiting (pid: 21265)",
];

/// What follows the prefix.
fn message(line: &str) -> &str {
    line.splitn(4, "] ").last().unwrap_or(line)
}

fn by_clients() -> Vec<String> {
    let access = "10.0.0.9 - - [20/Nov/2026:18:59:38 +0000]";
    let each = DEATHS.iter().flat_map(|line| {
        let escaped = line.replace(' ', "%20");
        [
            format!("{access} \"GET / HTTP/1.1\" 200 3 \"-\" \"{line}\""),
            format!("{access} \"GET /?q={escaped} HTTP/1.1\" 200 3 \"-\" \"curl/8.5.0\""),
            format!("{access} \"GET / HTTP/1.1\" 200 3 \"{line}\" \"-\""),
            format!("{line} - - [20/Nov/2026:18:59:38 +0000] \"GET / HTTP/1.1\" 200 3 \"-\" \"-\"")
                .replacen('[', "- [", 1),
            format!(
                "[2026-11-20 18:59:38 +0000] [21265] [WARNING] Invalid request from ip=10.0.0.9: {}",
                message(line)
            ),
            format!("[2026-11-20 18:59:38 +0000] [21265] [DEBUG] GET /{}", message(line)),
        ]
    });
    each.collect()
}

fn by_applications() -> Vec<String> {
    let each = DEATHS.iter().flat_map(|line| {
        [
            format!("[2026-11-20 18:59:38 +0000] [21265] [INFO] user note: {}", message(line)),
            format!("[2026-11-20 18:59:38 +0000] [21265] [WARNING] upstream said: {line}"),
            format!("2026-11-20 18:59:38,123 INFO shop.views {line}"),
            format!("INFO:shop:{}", message(line)),
            format!("{{\"message\": \"{line}\", \"level\": \"error\"}}"),
            message(line).to_owned(),
            format!(" {line}"),
            format!("\t{line}"),
            format!("> {line}"),
            line.replacen('[', "[[", 1),
            line.replacen("2026-11-20", "2026-13-40", 1),
            line.replacen("] [2", "] [-2", 1).replacen("] [9", "] [x", 1),
        ]
    });
    each.collect()
}

fn in_tracebacks() -> Vec<String> {
    let each = DEATHS.iter().map(|line| {
        format!(
            "[2026-11-20 18:59:38 +0000] [21265] [ERROR] Error handling request /note\n\
             Traceback (most recent call last):\n  \
             File \"/srv/app/shop/note.py\", line 7, in save\n    raise ValueError(\"{line}\")\nValueError: {line}"
        )
    });
    each.collect()
}

/// One decoy after another, each after every line of a log but before its first.
fn everywhere(decoys: &[String]) -> Result {
    let mut failures = Vec::new();
    for path in ["23.0.0/worker_kill9", "23.0.0/timeout_python"] {
        let case = case(path)?;
        let text = case.text()?;
        let lines: Vec<&str> = text.lines().collect();
        for (number, decoy) in decoys.iter().enumerate() {
            // Not within a traceback, where any line may be the exception's.
            let places: Vec<_> =
                (1..=lines.len()).filter(|at| lines.get(*at).is_none_or(|l| prefix_time(l).is_some())).collect();
            let at = places[number % places.len()];
            let spoiled = format!("{}\n{decoy}\n{}\n", lines[..at].join("\n"), lines[at..].join("\n"));
            let what = format!("{path}, line {at}, {decoy}");
            failures.extend(failure(of_text(&spoiled).and_then(|said| as_before(&case, &said, &what))));
        }
    }
    together(failures)
}

fn as_before(case: &Case, said: &Said, what: &str) -> Result {
    must_be(&case.deaths(), said, what)?;
    must_count(&case.truth, said, what)
}

fn in_frames() -> Result {
    let case = case("23.0.0/worker_kill9")?;
    let text = case.text()?;
    let (head, tail) = text.split_at(text.find("[2026-11-20 18:59:42").ok_or("no such line")?);
    let decoys = [by_clients(), by_applications(), in_tracebacks()].concat();
    let spoiled = format!("{head}{}\n{tail}", decoys.join("\n"));
    let one = |frame: &crate::frames::Frame| as_before(&case, &of_text(dressed(frame, &spoiled))?, frame.0);
    together(FRAMES.iter().filter_map(|frame| failure(one(frame))).collect())
}

fn of_several_lines() -> Result {
    let case = case("23.0.0/worker_kill9")?;
    let text = case.text()?;
    let journal = dressed(&FRAMES[0], &text);
    for death in DEATHS {
        let micros = "1795201178000000";
        let entry = json!({"__REALTIME_TIMESTAMP": micros, "SYSLOG_IDENTIFIER": "shop", "_PID": "21265",
            "_TRANSPORT": "journal",
            "_SYSTEMD_UNIT": "gunicorn.service", "MESSAGE": format!("a note:\n{death}")});
        let at = journal.match_indices('\n').nth(8).map_or(0, |(at, _)| at + 1);
        let spoiled = format!("{}{entry}\n{}", &journal[..at], &journal[at..]);
        as_before(&case, &of_text(spoiled)?, death)?;
    }
    Ok(())
}
