//! Logs that lost their beginning or their end, and reports that were printed into each other.

use crate::bed::{Logs, Said, all_of, data};
use crate::expected::together;
use crate::forms::{expected, forms};
use crate::support::{Law, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("every_form_that_is_cut_at_any_line_yields_the_kills_that_are_left", &[], cut),
        Law::new("reports_spliced_line_by_line_are_found_and_lend_each_other_nothing", &[], spliced),
    ]
}

const CASE: &str = "16-through-journald-and-rsyslogd";

/// The pids of the kills of the case whose own line is in the text.
fn left(kills: &[Value], text: &str) -> Vec<u64> {
    let pids = kills.iter().filter_map(|kill| kill["pid"].as_u64());
    pids.filter(|pid| text.contains(&format!("Killed process {pid} ("))).collect()
}

/// `dmesg -J | tail`, and the like.
fn cut() -> Result {
    let (logs, kills, mut failures) = (Logs::new()?, expected(CASE)?, Vec::new());
    for form in forms(CASE)? {
        let text = fs::read_to_string(data(&format!("captures/{CASE}/{form}")))?;
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        // A step without a factor in common with the lines of a record, so that each of those is once the first.
        for at in (1..lines.len()).step_by(lines.len() / 16 + 1) {
            for part in [lines[at..].concat(), lines[..at].concat()] {
                let found = all_of(&logs.write("cut.log", &part)?)?.pids();
                if found != left(&kills, &part) {
                    failures.push(format!("{form}, cut at line {at}: {found:?}"));
                }
            }
        }
    }
    together(failures)
}

fn by_pid(said: &Said) -> BTreeMap<u64, Value> {
    said.kills().iter().filter_map(|kill| Some((kill["pid"].as_u64()?, kill.clone()))).collect()
}

/// Lines of a log; one that goes on after a newline in a name is part of the line before.
fn records(text: &[u8]) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match records.last_mut() {
            Some(last) if line.starts_with(b"     ") => last.extend(line),
            _ => records.push(line.to_vec()),
        }
    }
    records
}

/// Nothing in these frames tells whose a line is. What cannot be told is null; a figure of another report is a lie.
fn spliced() -> Result {
    let logs = Logs::new()?;
    let mut failures = Vec::new();
    for (one, two) in [("01-sync-leak", "05-pid-namespace"), ("02-trigger-is-not-the-victim", "03-odd-process-names")] {
        for form in ["kmsg.txt", "dmesg.txt", "dmesg-T.txt", "dmesg-decode.txt"] {
            let read = |case: &str| fs::read(data(&format!("captures/{case}/{form}")));
            let (one, two) = (read(one)?, read(two)?);
            let mut whole = by_pid(&all_of(&logs.write("one.log", &one)?)?);
            whole.extend(by_pid(&all_of(&logs.write("two.log", &two)?)?));
            for step in [1, 3, 7] {
                let mixed = mixed(&records(&one), &records(&two), step);
                let found = by_pid(&all_of(&logs.write("mixed.log", mixed)?)?);
                assert!(found.keys().eq(whole.keys()), "{form}, {step} lines at a time: {:?}", found.keys());
                failures.extend(found.iter().filter_map(|(pid, kill)| lent(kill, &whole[pid], form, step)));
            }
        }
    }
    together(failures)
}

fn mixed(one: &[Vec<u8>], two: &[Vec<u8>], step: usize) -> Vec<u8> {
    let (mut one, mut two) = (one.chunks(step), two.chunks(step));
    let mut text = Vec::new();
    loop {
        match (one.next(), two.next()) {
            (None, None) => return text,
            (these, those) => text.extend(these.into_iter().chain(those).flatten().flatten()),
        }
    }
}

/// What a kill has of another one's report.
fn lent(kill: &Value, whole: &Value, form: &str, step: usize) -> Option<String> {
    let keys = ["uid", "anon_rss_bytes", "limit_bytes", "usage_bytes", "oom_memcg", "task_memcg"];
    let wrong = keys.into_iter().find(|key| !kill[*key].is_null() && kill[*key] != whole[*key]);
    let asks = |kill: &Value| kill["trigger"]["comm_hex"].clone();
    let wrong = wrong.or_else(|| (!asks(kill).is_null() && asks(kill) != asks(whole)).then_some("trigger"))?;
    Some(format!(
        "{form}, {step} lines at a time: kill of {}: {wrong} is {}, not {}",
        kill["pid"], kill[wrong], whole[wrong]
    ))
}
