//! Logs that lost their end or their beginning, in the middle of any line.

use crate::bed::{Said, failure, of_text, together, word};
use crate::support::{Law, Result};
use crate::truth::case;
use std::collections::BTreeSet;

const CASES: &[&str] = &[
    "20.0.4/worker_kill9",
    "20.0.4/boot_exception",
    "21.2.0/timeout_c_call",
    "23.0.0/tmpdir_full_at_respawn",
    "23.0.0/emfile_gthread",
    "27.0.1/worker_other_deaths",
    "27.0.1/timeout_python",
];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = CASES.iter().flat_map(|path| {
        [
            Law::new(format!("a_log_that_is_cut_at_its_end_tells_what_is_left/{path}"), &[], || cut(path, End::Tail)),
            Law::new(format!("a_log_that_is_cut_at_its_start_tells_what_is_left/{path}"), &[], || cut(path, End::Head)),
        ]
    });
    each.collect()
}

/// What is gone.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Head,
    Tail,
}

/// In the middle of every line, and behind it.
fn cut(path: &str, end: End) -> Result {
    let (case, text) = (case(path)?, case(path)?.text()?);
    let whole = of_text(&text)?;
    let pids: BTreeSet<u64> = case.deaths().iter().map(crate::truth::Expected::pid).collect();
    let mut at = 0;
    let mut failures = Vec::new();
    for line in text.split_inclusive('\n') {
        for cut in [at + line.len() / 2, at + line.len()] {
            let left = if end == End::Head { &text[cut..] } else { &text[..cut] };
            let what = format!("{path}, {} bytes at {cut}", if end == End::Head { "from" } else { "up to" });
            failures.extend(failure(of_text(left).and_then(|said| honest(&whole, &pids, left, &said, &what))));
        }
        at += line.len();
    }
    together(failures)
}

/// Nobody died who did not, what is said outright is found, and what cannot be known is not certain.
fn honest(whole: &Said, pids: &BTreeSet<u64>, left: &str, said: &Said, what: &str) -> Result {
    let mut wrong = Vec::new();
    for death in said.deaths() {
        let (pid, verdict, sure) = (death["pid"].as_u64(), word(death, "verdict"), word(death, "confidence"));
        if verdict == "master-lost" && sure != "certain" {
            continue;
        }
        let Some(pid) = pid else {
            let known = death["candidates"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64);
            if !known.clone().any(|pid| pids.contains(&pid)) || sure == "certain" {
                wrong.push(format!("{what}: {death}"));
            }
            continue;
        };
        // Of a worker that could not boot the master's own words may be all that is left.
        let is_told_by_master = verdict == "boot-failure" && word(death, "role") == "master";
        if is_told_by_master && whole.deaths().iter().any(|of_whole| of_whole["verdict"] == verdict) {
            continue;
        }
        if !pids.contains(&pid) {
            wrong.push(format!("{what}: {pid} did not die ({verdict} {sure}: {})", death["summary"]));
        }
        let is_so = whole.deaths().iter().any(|of_whole| of_whole["pid"] == pid && of_whole["verdict"] == verdict);
        if !is_so && sure == "certain" {
            wrong.push(format!("{what}: {pid} is {verdict} for certain"));
        }
    }
    // A line that is left whole and says it outright.
    for pid in pids {
        let outright = [format!("(pid:{pid}) was sent SIGKILL! Perhaps"), format!("WORKER TIMEOUT (pid:{pid})\n")];
        if outright.iter().any(|line| left.contains(line)) && !said.pids().contains(pid) {
            wrong.push(format!("{what}: {pid} is missing"));
        }
    }
    together(wrong)
}
