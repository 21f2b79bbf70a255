//! What must come out, and whether it did.

use crate::support::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The first difference between what was expected and what came, as a path and both values. Keys that are not expected
/// may be anything; lists are compared as a whole, numbers and times by their value.
pub fn difference(expected: &Value, got: &Value, path: &str) -> Option<String> {
    match (expected, got) {
        (Value::Object(keys), Value::Object(_)) => {
            keys.iter().find_map(|(key, value)| difference(value, &got[key], &format!("{path}.{key}")))
        }
        (Value::Array(these), Value::Array(those)) if these.len() == those.len() => {
            let pairs = these.iter().zip(those).enumerate();
            pairs.into_iter().find_map(|(n, (this, that))| difference(this, that, &format!("{path}[{n}]")))
        }
        _ if same(expected, got) => None,
        _ => Some(format!("{path}: expected {expected}, got {got}")),
    }
}

fn same(expected: &Value, got: &Value) -> bool {
    if expected.is_f64() || got.is_f64() {
        let pair = expected.as_f64().zip(got.as_f64());
        return pair.is_some_and(|(this, that)| (this - that).abs() < 1e-6);
    }
    expected == got || time(expected).is_some_and(|time_| Some(time_) == time(got))
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// An error with all differences unless exactly these kills came, in this order.
pub fn must_be(expected: &[Value], got: &[Value], what: &str) -> Result {
    let pids = |kills: &[Value]| kills.iter().map(|kill| kill["pid"].clone()).collect::<Vec<_>>();
    let (wanted, found) = (pids(expected), pids(got));
    if wanted != found {
        return Err(format!("{what}: expected the kills of {}, got {}", json!(wanted), json!(found)).into());
    }
    let pairs = expected.iter().zip(got);
    let differences: Vec<_> =
        pairs.filter_map(|(this, that)| difference(this, that, &format!("{what}: kill of {}", this["pid"]))).collect();
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n").into()) }
}

/// Collects the failures of many tries into one.
pub fn together(failures: Vec<String>) -> Result {
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// The text of a failure.
pub fn failure(result: Result) -> Option<String> {
    result.err().map(|failed| failed.message().unwrap_or("no message").to_owned())
}
