//! The JSON of `triage`.

use super::oom::{Log, log};
use super::{HostRecord, host_record, value, whole_second};
use crate::command::TriageReport;
use crate::triage::{Death, Normal, Source};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
struct Triage<'a> {
    observed_at: String,
    host: Option<HostRecord<'a>>,
    window: Window,
    answer: &'a str,
    deaths: &'a [Death],
    normal: Normal,
    blind_spots: &'a [String],
    log: Vec<GunicornLog<'a>>,
    kernel_log: Vec<Log<'a>>,
}

#[derive(Serialize)]
struct Window {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

#[derive(Serialize)]
struct GunicornLog<'a> {
    source: &'a str,
    unit: Option<&'a str>,
    begins_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    lost: bool,
    note: Option<String>,
}

/// The deaths, and the logs they were found in.
pub fn triage(report: &TriageReport) -> String {
    let body = Triage {
        observed_at: whole_second(report.observed_at),
        host: report.host.as_ref().map(host_record),
        window: Window { from: report.window.from, to: report.window.to },
        answer: &report.answer,
        deaths: &report.triage.deaths,
        normal: report.triage.normal,
        blind_spots: &report.triage.blind_spots,
        log: report.logs.iter().map(gunicorn_log).collect(),
        kernel_log: report.kernel_logs.iter().map(log).collect(),
    };
    value("triage", body)
}

fn gunicorn_log(source: &Source) -> GunicornLog<'_> {
    GunicornLog {
        source: &source.name,
        unit: source.unit.as_deref(),
        begins_at: source.begins,
        ends_at: source.ends,
        lost: source.lost.is_some(),
        note: source.lost.as_ref().map(ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::triage_sample::{none, report};
    use serde_json::{Value, json};

    fn parsed(report: &TriageReport) -> Value {
        serde_json::from_str(&triage(report)).unwrap()
    }

    #[test]
    fn it_has_the_documented_shape() {
        let value = parsed(&report());
        assert_eq!((&value["schema"], &value["command"]), (&json!(1), &json!("triage")));
        assert_eq!(value["window"], json!({"from": "2026-11-19T20:00:00Z", "to": "2026-11-20T20:00:00Z"}));
        let death = &value["deaths"][0];
        assert_eq!(death["pid"], 815);
        assert_eq!((&death["verdict"], &death["confidence"]), (&json!("kernel-oom"), &json!("certain")));
        assert_eq!(death["gunicorn"], "23.0.0");
        assert_eq!(death["time"], "2026-11-20T19:14:07Z");
        assert_eq!(death["evidence"][0]["source"], "/var/log/gunicorn/error.log");
        assert_eq!(death["evidence"][0]["line"], 123);
        assert_eq!(value["normal"], json!({"recycled": 4, "reloaded": 2, "stopped": 0, "scaled": 0}));
        assert_eq!(value["blind_spots"].as_array().unwrap().len(), 1);
        assert_eq!(value["log"][0]["unit"], "gunicorn.service");
    }

    #[test]
    fn what_is_not_known_is_null() {
        let value = parsed(&none());
        for key in ["/host", "/window/from", "/window/to"] {
            assert_eq!(value.pointer(key), Some(&Value::Null), "{key}");
        }
        assert_eq!(value["deaths"], json!([]));
        let untold = &parsed(&report())["deaths"][2];
        assert_eq!((&untold["pid"], &untold["time"], &untold["unit"]), (&Value::Null, &Value::Null, &Value::Null));
        assert_eq!(untold["candidates"], json!([901, 902]));
    }
}
