//! The captures: which forms of them there are, and what each form can show.

use crate::bed::{self, data};
use crate::raw;
use crate::support::Result;
use serde_json::Value;
use std::fs;

/// All of them.
pub const CASES: &[&str] = &[
    "01-sync-leak",
    "02-trigger-is-not-the-victim",
    "03-odd-process-names",
    "05-pid-namespace",
    "07-interleaved",
    "10-boot-loop-rate-limited",
    "12-not-oom-kill-dash-9",
    "13-not-oom-timeout",
    "16-through-journald-and-rsyslogd",
];

/// Forms that show the kernel's own clock.
const WITH_CLOCK: &[&str] = &[
    "kmsg.txt",
    "dmesg.txt",
    "dmesg-raw.txt",
    "dmesg-decode.txt",
    "dmesg.json",
    "journalctl-json.txt",
    "journalctl-export.txt",
    "journalctl-short-monotonic.txt",
    "rsyslog-kern.log",
    "rsyslog-kern-iso.log",
    "rsyslog-kern-rfc5424.log",
];

/// Forms that show no time of the day.
pub const WITHOUT_TIME: &[&str] = &[
    "kmsg.txt",
    "dmesg.txt",
    "dmesg-raw.txt",
    "dmesg-decode.txt",
    "dmesg.json",
    "journalctl-cat.txt",
    "journalctl-short-monotonic.txt",
];

/// What happened, as it was seen from outside.
pub fn truth(case: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(data(&format!("captures/{case}/truth.json")))?)?)
}

/// The files that tell of it.
pub fn forms(case: &str) -> Result<Vec<String>> {
    let names = bed::names(&format!("captures/{case}"))?;
    Ok(names.into_iter().filter(|name| name != "truth.json").collect())
}

/// Its kills, by the raw records.
pub fn expected(case: &str) -> Result<Vec<Value>> {
    Ok(raw::kills(&fs::read_to_string(data(&format!("captures/{case}/kmsg.txt")))?))
}

/// What a form cannot show is not expected of it.
pub fn in_form(kills: &[Value], form: &str) -> Vec<Value> {
    let shown = |kill: &Value| {
        let mut kill = kill.clone();
        if !WITH_CLOCK.contains(&form) {
            kill["boot_seconds"] = Value::Null;
        }
        if WITHOUT_TIME.contains(&form) {
            kill["time"] = Value::Null;
        }
        kill
    };
    kills.iter().map(shown).collect()
}
