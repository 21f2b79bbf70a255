//! JSON: exactly one value, keys with units, stable names.
//!
//! What was not seen is `null`, never 0 or an empty list.

mod changes;
mod oom;
mod step;
mod triage;

pub use changes::{apply, history, history_in_full, rollback, script};
pub use oom::oom;
pub use triage::triage;

use super::explain::area;
use super::settings::{self, SettingRecord};
use crate::checks::{Check, Columns, Outcome, Remedy, Row, Seen, Severity, Summary, Verdict};
use crate::command::{Report, State};
use crate::facts::{Fact, Host, Reason, Service, Unit};
use crate::units::Pid;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the shapes below. Keys may be added; a key that goes or changes its meaning makes it 2.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Envelope<T> {
    schema: u32,
    command: &'static str,
    gtune: &'static str,
    #[serde(flatten)]
    body: T,
}

#[derive(Serialize)]
struct Doctor<'a> {
    observed_at: String,
    host: HostRecord<'a>,
    services: Option<Vec<ServiceRecord<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stopped_units: Vec<StoppedUnit<'a>>,
    checks: Vec<CheckRecord<'a>>,
    summary: Summary,
    #[serde(skip_serializing_if = "<[Reason]>::is_empty")]
    blind_spots: &'a [Reason],
}

#[derive(Serialize)]
struct HostRecord<'a> {
    kernel: Option<&'a str>,
    os: Option<&'a str>,
    root: &'a str,
    boot_id: Option<&'a str>,
    container: Option<&'a str>,
}

#[derive(Serialize)]
struct ServiceRecord<'a> {
    name: &'a str,
    unit: Option<&'a str>,
    master_pid: Pid,
    version: Option<String>,
    worker_class: Option<String>,
    workers: Vec<Pid>,
    listeners: Option<Vec<&'a str>>,
    settings: BTreeMap<&'static str, SettingRecord>,
}

#[derive(Serialize)]
struct StoppedUnit<'a> {
    unit: &'a str,
    active_state: Option<&'a str>,
    result: Option<&'a str>,
}

#[derive(Serialize)]
struct CheckRecord<'a> {
    id: &'static str,
    title: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    subject: &'a str,
    #[serde(flatten)]
    seen: Option<SeenRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a Remedy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
}

#[derive(Serialize)]
struct SeenRecord<'a> {
    observed: &'a str,
    wanted: &'a str,
    evidence: &'a [String],
    #[serde(flatten)]
    columns: &'a Columns,
}

#[derive(Serialize)]
struct Page<'a> {
    id: &'a str,
    area: &'a str,
    title: &'a str,
    looks_at: String,
    why: String,
    changes: String,
    by_hand: &'a [&'a str],
    see_also: &'a [&'a str],
}

#[derive(Serialize)]
struct List<'a> {
    checks: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    area: &'a str,
    title: &'a str,
}

/// What `doctor` found.
pub fn doctor(report: &Report<'_>) -> String {
    let services = report.services.known().map(|all| all.iter().map(|service| service_record(service)).collect());
    value(
        "doctor",
        Doctor {
            observed_at: whole_second(report.facts.observed_at),
            host: host_record(&report.facts.host),
            services,
            stopped_units: report.facts.stopped_units.iter().map(stopped_unit).collect(),
            checks: report.rows.iter().map(check_record).collect(),
            summary: Summary::of(&report.rows),
            blind_spots: &report.facts.blind_spots,
        },
    )
}

/// The page of a check.
pub fn explain(check: &Check) -> String {
    value(
        "explain",
        Page {
            id: check.id,
            area: area(check.area),
            title: check.title,
            looks_at: flat(check.looks_at),
            why: flat(check.why),
            changes: flat(check.changes),
            by_hand: check.by_hand,
            see_also: check.references,
        },
    )
}

/// All checks.
pub fn list(checks: &[&Check]) -> String {
    let entries = checks.iter().map(|check| Entry { id: check.id, area: area(check.area), title: check.title });
    value("doctor", List { checks: entries.collect() })
}

/// Serialising plain structs into memory cannot fail; should it ever, `null` is still one JSON value.
fn value(command: &'static str, body: impl Serialize) -> String {
    let envelope = Envelope { schema: SCHEMA, command, gtune: env!("CARGO_PKG_VERSION"), body };
    let mut text = serde_json::to_string_pretty(&envelope).unwrap_or_else(|_| "null".to_owned());
    text.push('\n');
    harmless(text)
}

/// JSON need not escape the control characters beyond ASCII (RFC 8259, section 7), but terminals may obey them.
fn harmless(text: String) -> String {
    let is_control = |letter: char| ('\u{7f}'..='\u{9f}').contains(&letter);
    if !text.contains(is_control) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_control(letter) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => out.push(letter),
        }
    }
    out
}

/// RFC 3339 in UTC, to the second: `2026-11-20T18:46:00Z`.
fn whole_second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// Line ends in the source of a text are layout, not meaning.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn host_record(host: &Host) -> HostRecord<'_> {
    HostRecord {
        kernel: host.kernel.known().map(|kernel| kernel.release.as_str()),
        os: host.os.known().map(String::as_str),
        root: &host.root,
        boot_id: host.boot_id.known().map(String::as_str),
        container: host.container.as_ref().map(|container| container.runtime.as_str()),
    }
}

fn service_record(service: &Service) -> ServiceRecord<'_> {
    ServiceRecord {
        name: &service.name,
        unit: service.unit.known().map(|unit| unit.name.as_str()),
        master_pid: service.master.pid,
        version: service.known_version().map(|version| version.to_string()),
        worker_class: service.known_class().map(ToString::to_string),
        workers: service.workers.iter().map(|worker| worker.process.pid).collect(),
        listeners: match &service.listeners {
            Fact::Known(all) => Some(all.iter().map(|listener| listener.address.as_str()).collect()),
            Fact::Absent => Some(vec![]),
            Fact::Unreadable(_) => None,
        },
        settings: settings::of(service).into_iter().collect(),
    }
}

fn stopped_unit(unit: &Unit) -> StoppedUnit<'_> {
    let loaded = unit.loaded.known();
    StoppedUnit {
        unit: &unit.name,
        active_state: loaded.map(|loaded| loaded.active_state.as_str()),
        result: loaded.map(|loaded| loaded.result.as_str()),
    }
}

fn check_record(row: &Row) -> CheckRecord<'_> {
    let mut record = CheckRecord {
        id: row.check.id,
        title: row.check.title,
        state: State::of(&row.outcome).name(),
        severity: None,
        subject: &row.subject,
        seen: None,
        consequence: None,
        remedy: None,
        reason: None,
    };
    match &row.outcome {
        Outcome::Judged(Verdict::Healthy(seen)) => record.seen = Some(seen_record(seen)),
        Outcome::Judged(Verdict::Finding(finding)) => {
            record.severity = Some(finding.severity);
            record.seen = Some(seen_record(&finding.seen));
            record.consequence = Some(&finding.consequence);
            record.remedy = Some(&finding.remedy);
        }
        Outcome::Judged(Verdict::NotApplicable(reason) | Verdict::CannotTell(reason)) => record.reason = Some(reason),
        Outcome::Skipped => {}
    }
    record
}

fn seen_record(seen: &Seen) -> SeenRecord<'_> {
    SeenRecord { observed: &seen.observed, wanted: &seen.wanted, evidence: &seen.evidence, columns: &seen.columns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::host_with_gunicorn;
    use crate::facts::Facts;
    use crate::render::sample::{HEARTBEAT, SOMAXCONN, rows};
    use serde_json::{Value, json};

    fn parsed(facts: &Facts) -> Value {
        let services = facts.services.as_ref().map(|all| all.iter().collect());
        let report = Report { facts, services, rows: rows(), fail_on: Severity::Warning };
        serde_json::from_str(&doctor(&report)).unwrap()
    }

    #[test]
    fn the_object_is_the_documented_one() {
        let value = parsed(&host_with_gunicorn());
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["checks", "command", "gtune", "host", "observed_at", "schema", "services", "summary"]);
        assert_eq!(value["observed_at"], "2026-11-20T18:46:00Z");
        assert_eq!(value["services"][0]["name"], value["checks"][1]["subject"]);
        assert_eq!(value["services"][0]["workers"], json!([815, 816]));
        assert_eq!(value["services"][0]["listeners"], json!(["127.0.0.1:8000"]));
        assert_eq!(value["services"][0]["version"], "23.0.0");
        assert_eq!(value["host"]["container"], Value::Null);
        assert_eq!(value["summary"], json!({"ok": 1, "finding": 3, "unknown": 1, "not-applicable": 1, "skipped": 1}));
    }

    #[test]
    fn a_finding_has_severity_columns_and_remedy() {
        let value = parsed(&host_with_gunicorn());
        let finding = &value["checks"][1];
        assert_eq!((&finding["state"], &finding["severity"]), (&json!("finding"), &json!("warning")));
        assert_eq!(finding["stored_for_boot"], json!({"value": "ext4", "file": "/etc/fstab", "line": 3}));
        assert_eq!(finding["in_force"], json!([{"subject": "pid 815", "value": "ext4"}]));
        assert_eq!(finding["remedy"]["restart"], true);
        assert_eq!(finding.get("reason"), None);
    }

    #[test]
    fn a_reason_stands_in_place_of_what_was_not_judged() {
        let value = parsed(&host_with_gunicorn());
        for record in [&value["checks"][4], &value["checks"][5]] {
            assert!(record["reason"].is_string(), "{record}");
            for key in ["observed", "wanted", "remedy", "severity", "evidence"] {
                assert_eq!(record.get(key), None, "{key}");
            }
        }
    }

    #[test]
    fn what_was_not_seen_is_null() {
        let mut facts = host_with_gunicorn();
        facts.services = Fact::unreadable("permission denied");
        facts.host.boot_id = Fact::Absent;
        let value = parsed(&facts);
        assert_eq!((&value["services"], &value["host"]["boot_id"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_page_and_a_list_are_one_value_each() {
        let page: Value = serde_json::from_str(&explain(&HEARTBEAT)).unwrap();
        assert_eq!(page["why"], "A write to a disk can wait; the master then kills a worker that is well.");
        let all: Value = serde_json::from_str(&list(&[&HEARTBEAT, &SOMAXCONN])).unwrap();
        assert_eq!(all["checks"][1], json!({"id": "somaxconn", "area": "sockets", "title": "Cap of listen queues"}));
    }
}
