//! The logs with known truth, and whether an answer is that truth.
//!
//! `truth.json` has an entry a case. Each death is a text: `?` where it may be left out, pid, `master` where it is
//! that, then what the verdict may be and how sure: `killed possible..likely or unknown possible..possible`.

use crate::bed::{SURE, Said, data, together, told, word};
use crate::support::Result;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A log with known truth.
#[derive(Clone)]
pub struct Case {
    /// Version of Gunicorn.
    pub version: String,
    /// What happened.
    pub name: String,
    /// The truth.
    pub truth: Value,
}

impl Case {
    /// `23.0.0/worker_kill9`
    pub fn path(&self) -> String {
        format!("{}/{}", self.version, self.name)
    }

    /// The files of its error log, oldest first.
    pub fn files(&self) -> Vec<String> {
        let named = strings(&self.truth["files"]);
        let names = if named.is_empty() { vec![format!("{}.log", self.name)] } else { named };
        names.into_iter().map(|name| format!("{}/{name}", self.version)).collect()
    }

    /// The same as paths.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files().iter().map(|file| data(file)).collect()
    }

    /// All of it, as if it had not been rotated.
    pub fn text(&self) -> Result<String> {
        self.files().iter().map(|file| crate::bed::text(file)).collect()
    }

    /// The deaths that must be found.
    pub fn deaths(&self) -> Vec<Expected> {
        expected(&strings(&self.truth["deaths"]))
    }
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let Ok(text) = fs::read_to_string(data("truth.json")) else { return Vec::new() };
    let Ok(Value::Object(versions)) = serde_json::from_str(&text) else { return Vec::new() };
    let of_version = |(version, cases): (String, Value)| -> Vec<Case> {
        let cases = cases.as_object().cloned().unwrap_or_default();
        cases.into_iter().map(|(name, truth)| Case { version: version.clone(), name, truth }).collect()
    };
    versions.into_iter().flat_map(of_version).collect()
}

/// The case of this path.
pub fn case(path: &str) -> Result<Case> {
    cases().into_iter().find(|case| case.path() == path).ok_or_else(|| format!("no case {path}").into())
}

/// The texts of a list.
pub fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A death that must, or may, be found.
#[derive(Debug, Clone)]
pub struct Expected {
    pid: u64,
    is_master: bool,
    may_be_left_out: bool,
    ways: Vec<Way>,
}

/// A verdict that it may have, and how sure.
#[derive(Debug, Clone)]
struct Way {
    verdict: String,
    least: usize,
    most: usize,
}

/// Reads texts like `?812 master master-lost possible..likely`.
pub fn expected(texts: &[String]) -> Vec<Expected> {
    texts.iter().map(|text| one(text).unwrap_or_else(|| panic!("no truth: {text}"))).collect()
}

fn one(text: &str) -> Option<Expected> {
    let (may_be_left_out, text) = text.strip_prefix('?').map_or((false, text), |rest| (true, rest));
    let (pid, rest) = text.split_once(' ')?;
    let (is_master, rest) = rest.strip_prefix("master ").map_or((false, rest), |rest| (true, rest));
    let ways = rest.split(" or ").map(way).collect::<Option<Vec<_>>>()?;
    Some(Expected { pid: pid.parse().ok()?, is_master, may_be_left_out, ways })
}

fn way(text: &str) -> Option<Way> {
    let (verdict, sure) = text.split_once(' ')?;
    let (least, most) = sure.split_once("..")?;
    let rank = |word: &str| SURE.iter().position(|sure| *sure == word);
    Some(Way { verdict: verdict.to_owned(), least: rank(least)?, most: rank(most)? })
}

impl Expected {
    /// Its pid.
    pub fn pid(&self) -> u64 {
        self.pid
    }

    fn wrong(&self, death: &Value) -> Option<String> {
        let sure = SURE.iter().position(|sure| death["confidence"] == *sure)?;
        let fits = |way: &Way| death["verdict"] == way.verdict.as_str() && (way.least..=way.most).contains(&sure);
        let role = if self.is_master { "master" } else { "worker" };
        let is_so = death["role"] == role && self.ways.iter().any(fits);
        (!is_so).then(|| {
            format!(
                "{} is {} {} {} ({}), expected {self:?}",
                self.pid,
                word(death, "role"),
                word(death, "verdict"),
                word(death, "confidence"),
                word(death, "summary")
            )
        })
    }
}

/// An error with all differences unless exactly these deaths were found.
pub fn must_be(expected: &[Expected], said: &Said, what: &str) -> Result {
    let mut wrong: Vec<String> = Vec::new();
    for death in said.deaths() {
        match expected.iter().find(|expected| death["pid"] == expected.pid) {
            Some(expected) => wrong.extend(expected.wrong(death)),
            None => wrong.push(format!(
                "{} did not die ({} {}: {}; candidates {})",
                death["pid"], death["verdict"], death["confidence"], death["summary"], death["candidates"]
            )),
        }
    }
    for expected in expected {
        match said.deaths().iter().filter(|death| death["pid"] == expected.pid).count() {
            0 if !expected.may_be_left_out => wrong.push(format!("{} is missing", expected.pid)),
            0 | 1 => {}
            times => wrong.push(format!("{} died {times} times", expected.pid)),
        }
    }
    together(wrong.into_iter().map(|wrong| format!("{what}: {wrong}")).collect())
}

/// An error unless each death tells all these texts, `sums_up` of them in its summary.
pub fn must_tell(truth: &Value, said: &Said, what: &str) -> Result {
    let missing = said.deaths().iter().flat_map(|death| {
        let in_summary = strings(&truth["sums_up"]).into_iter().filter(|text| !word(death, "summary").contains(text));
        let anywhere = strings(&truth["tells"]).into_iter().filter(|text| !told(death).contains(text));
        let who = format!("{what}: {}", death["pid"]);
        in_summary.chain(anywhere).map(move |text| format!("{who} does not tell {text}")).collect::<Vec<_>>()
    });
    together(missing.collect())
}

/// An error unless so many workers ended as they were asked to; where `total` is given, in whatever way.
pub fn must_count(truth: &Value, said: &Said, what: &str) -> Result {
    let Some(normal) = truth["normal"].as_object() else { return Ok(()) };
    let keys = ["recycled", "reloaded", "stopped", "scaled"];
    if let Some(total) = normal.get("total") {
        let sum: u64 = keys.iter().map(|key| said.normal(key)).sum();
        return if *total == sum {
            Ok(())
        } else {
            Err(format!("{what}: {total} ends, got {}", said.json["normal"]).into())
        };
    }
    let expected = |key: &str| normal.get(key).and_then(Value::as_u64).unwrap_or(0);
    let differs = keys.iter().any(|key| expected(key) != said.normal(key));
    if differs { Err(format!("{what}: expected {normal:?}, got {}", said.json["normal"]).into()) } else { Ok(()) }
}
