//! The settings of a service and where each comes from.
//!
//! Only those that concern a host: others (`raw_env`, key files) may hold secrets and are never shown.

use crate::facts::{Fact, Service};
use crate::gunicorn::Sourced;
use serde::Serialize;
use serde_json::Value;

/// One setting, as JSON shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct SettingRecord {
    /// `null` where it has no value, or where it could not be seen.
    pub value: Value,
    /// `command line`, `GUNICORN_CMD_ARGS`, `/srv/app/gunicorn.conf.py:7`, `default`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why it could not be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// By name, in the order an operator asks for them.
pub(super) fn of(service: &Service) -> Vec<(&'static str, SettingRecord)> {
    let given = &service.settings;
    vec![
        ("workers", record(given.workers())),
        ("worker_class", record(service.class.clone())),
        ("threads", record(given.threads())),
        ("worker_connections", record(given.worker_connections())),
        ("timeout", record(given.timeout())),
        ("graceful_timeout", record(given.graceful_timeout())),
        ("max_requests", record(given.max_requests())),
        ("max_requests_jitter", record(given.max_requests_jitter())),
        ("bind", record(given.bind())),
        ("backlog", record(given.backlog())),
        ("reuse_port", record(given.reuse_port())),
        ("worker_tmp_dir", record(given.worker_tmp_dir())),
        ("preload_app", record(given.preload_app())),
        ("sendfile", record(given.sendfile())),
        ("user", record(given.user())),
        ("group", record(given.group())),
        ("errorlog", record(given.errorlog())),
        ("accesslog", record(given.accesslog())),
        ("pidfile", record(given.pidfile())),
        ("daemon", record(given.daemon())),
    ]
}

fn record<T: Serialize>(fact: Fact<Sourced<T>>) -> SettingRecord {
    match fact {
        Fact::Known(Sourced { value, source }) => SettingRecord {
            value: serde_json::to_value(value).unwrap_or_default(),
            source: Some(source.to_string()),
            reason: None,
        },
        Fact::Absent => SettingRecord { value: Value::Null, source: Some("default".to_owned()), reason: None },
        Fact::Unreadable(reason) => {
            SettingRecord { value: Value::Null, source: None, reason: Some(reason.to_string()) }
        }
    }
}

/// One line for people: what was given first and by whom, then what could not be seen. Defaults go without saying.
pub(super) fn line(service: &Service) -> String {
    let told = |(name, record): &(&str, SettingRecord)| match (&record.source, &record.reason) {
        (Some(source), _) if source == "default" => None,
        (Some(source), _) => Some(format!("{name} {} ({source})", plain(&record.value))),
        (None, _) => Some(format!("{name} unknown")),
    };
    let told: Vec<String> = of(service).iter().filter_map(told).collect();
    if told.is_empty() { "all at their defaults".to_owned() } else { told.join(", ") }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::Reason;

    #[test]
    fn a_setting_is_shown_with_its_source() {
        let service = healthy::service();
        let shown = of(&service);
        let of = |name: &str| shown.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        assert_eq!(of("workers").value, 2);
        assert_eq!(of("workers").source.as_deref(), Some("command line"));
        assert_eq!(of("timeout").source.as_deref(), Some("default"));
        assert_eq!(line(&service), "workers 2 (command line)");
    }

    #[test]
    fn what_could_not_be_seen_has_a_reason_and_no_value() {
        let mut service = healthy::service();
        service.settings.blind = Some(Reason::new("the title hides the command line"));
        let timeout = of(&service).into_iter().find(|(name, _)| *name == "timeout").unwrap().1;
        assert_eq!((timeout.value, timeout.source), (Value::Null, None));
        assert_eq!(timeout.reason.as_deref(), Some("the title hides the command line"));
    }
}
