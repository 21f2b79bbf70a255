//! The frames that a line of Gunicorn's may stand in, when it did not go to a file of its own.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::json;
use std::fmt::Write;

/// The host of all dressed lines.
const HOST: &str = "web1";

/// The boot of all dressed lines.
const BOOT: &str = "7b53041e63fa48238eb44694b112edeb";

/// A line, who wrote it and when, as journald and Docker would know it.
pub struct Line<'a> {
    /// The line.
    pub text: &'a str,
    /// The process.
    pub pid: u32,
    /// The time; of a line without a prefix that of the line before.
    pub time: Timestamp,
}

/// A frame by its name, and how it dresses a line.
pub type Frame = (&'static str, fn(&Line<'_>) -> String);

/// All of them.
pub const FRAMES: &[Frame] = &[
    ("journalctl -o json", journal_json),
    ("journalctl -o export", journal_export),
    ("journalctl -o short", short),
    ("journalctl -o short-iso", short_iso),
    ("rsyslog", rsyslog),
    ("docker json-file", docker),
    ("cri", cri),
];

/// The time of Gunicorn's prefix, where a line has one.
pub fn prefix_time(line: &str) -> Option<Timestamp> {
    let stamp = line.strip_prefix('[')?.split_once(']')?.0;
    strtime::parse("%Y-%m-%d %H:%M:%S %z", stamp).ok()?.to_timestamp().ok()
}

/// The pid of Gunicorn's prefix, where a line has one.
pub fn prefix_pid(line: &str) -> Option<u32> {
    prefix_time(line)?;
    line.split_once("] [")?.1.split_once(']')?.0.parse().ok()
}

/// The text with each line in the frame.
pub fn dressed(frame: &Frame, text: &str) -> String {
    let (mut time, mut pid) = (Timestamp::UNIX_EPOCH, 1);
    let mut out = String::new();
    if let Some(first) = text.lines().find_map(prefix_time) {
        time = first;
    }
    for line in text.lines() {
        time = prefix_time(line).unwrap_or(time);
        pid = prefix_pid(line).unwrap_or(pid);
        // journald keeps no empty lines of a stream.
        if !line.is_empty() {
            out += &frame.1(&Line { text: line, pid, time });
        }
    }
    out
}

fn journal_json(line: &Line<'_>) -> String {
    let micros = line.time.as_microsecond();
    let entry = json!({
        "__REALTIME_TIMESTAMP": micros.to_string(), "__MONOTONIC_TIMESTAMP": (micros % 1_000_000_000_000).to_string(),
        "_BOOT_ID": BOOT, "_HOSTNAME": HOST, "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": "gunicorn.service",
        "_SYSTEMD_CGROUP": "/system.slice/gunicorn.service", "SYSLOG_IDENTIFIER": "gunicorn", "PRIORITY": "6",
        "_COMM": "gunicorn", "_PID": line.pid.to_string(), "MESSAGE": line.text,
    });
    format!("{entry}\n")
}

fn journal_export(line: &Line<'_>) -> String {
    let mut entry = String::new();
    let micros = line.time.as_microsecond();
    let (pid, text) = (line.pid, line.text);
    let _ = write!(
        entry,
        "__REALTIME_TIMESTAMP={micros}\n_BOOT_ID={BOOT}\n_HOSTNAME={HOST}\n_TRANSPORT=stdout\nPRIORITY=6\n\
         SYSLOG_IDENTIFIER=gunicorn\n_SYSTEMD_UNIT=gunicorn.service\n_PID={pid}\nMESSAGE={text}\n\n"
    );
    entry
}

fn short(line: &Line<'_>) -> String {
    format!("{} {HOST} gunicorn[{}]: {}\n", line.time.strftime("%b %e %H:%M:%S"), line.pid, line.text)
}

fn short_iso(line: &Line<'_>) -> String {
    format!("{} {HOST} gunicorn[{}]: {}\n", line.time.strftime("%Y-%m-%dT%H:%M:%S+0000"), line.pid, line.text)
}

fn rsyslog(line: &Line<'_>) -> String {
    format!("{} {HOST} gunicorn[{}]: {}\n", line.time.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00"), line.pid, line.text)
}

fn docker(line: &Line<'_>) -> String {
    let time = line.time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z").to_string();
    format!("{}\n", json!({"log": format!("{}\n", line.text), "stream": "stderr", "time": time}))
}

fn cri(line: &Line<'_>) -> String {
    format!("{} stderr F {}\n", line.time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"), line.text)
}
