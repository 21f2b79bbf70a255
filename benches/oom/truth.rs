//! What happened in a log, and whether gtune says so.

use crate::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// One process that was killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kill {
    pub pid: u64,
    pub comm: String,
    pub uid: u64,
    pub anon_rss_bytes: u64,
    /// Where the log still says it; `None` too for a kill because the host was out of memory.
    pub oom_memcg: Option<String>,
    /// The day, UTC.
    pub day: String,
}

impl Kill {
    /// Only the kill line is left.
    pub fn without_header(&mut self) {
        self.oom_memcg = None;
    }
}

/// All that happened.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Truth {
    pub reports: usize,
    pub lines: u64,
    pub kills: Vec<Kill>,
    /// Pids that other programs say were killed.
    pub decoys: Vec<u64>,
}

impl Truth {
    /// A day with a kill in it, far from both ends: its begin and the begin of the next.
    pub fn day(&self) -> [String; 2] {
        let day = self.kills.get(self.kills.len() / 2).map_or("2025-12-20", |kill| &kill.day);
        let date: jiff::civil::Date = day.parse().unwrap_or(jiff::civil::date(2025, 12, 20));
        [date, date.tomorrow().unwrap_or(date)].map(|date| format!("{date}T00:00:00Z"))
    }

    /// What is wrong with gtune's kills, of all days or of one.
    fn objections(&self, kills: &[Value], day: Option<&str>) -> Vec<String> {
        let expected = self.kills.iter().filter(|kill| day.is_none_or(|day| kill.day == day));
        let mut missed: BTreeMap<u64, &Kill> = expected.map(|kill| (kill.pid, kill)).collect();
        let mut objections = vec![];
        for said in kills {
            let pid = said["pid"].as_u64().unwrap_or_default();
            match missed.remove(&pid) {
                Some(kill) => objections.extend(kill.differs(said)),
                None if self.decoys.contains(&pid) => objections.push(format!("{pid} is a decoy")),
                None => objections.push(format!("{pid} is invented, or told twice")),
            }
        }
        objections.extend(missed.keys().map(|pid| format!("{pid} is missed")));
        objections
    }
}

impl Kill {
    fn differs(&self, said: &Value) -> Vec<String> {
        let Ok(Value::Object(mut known)) = serde_json::to_value(self) else { return vec![] };
        known.remove("day");
        let wrong = known.into_iter().filter(|(key, value)| !value.is_null() && said[key.as_str()] != *value);
        wrong.map(|(key, value)| format!("{}: {key} is {value}, not {}", self.pid, said[key.as_str()])).collect()
    }
}

/// Runs gtune once and compares; the answer in words, an error where there is none.
pub fn check(command: &[String], truth: &Truth) -> Result<String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let said = Command::new(program).args(arguments).env("TZ", "UTC").output()?;
    // A kill that was found may be an exit code of its own; the answer counts.
    let Ok(answer) = serde_json::from_slice::<Value>(&said.stdout) else {
        let reason = String::from_utf8_lossy(&said.stderr);
        return Err(reason.lines().next().unwrap_or("no answer").trim().to_owned().into());
    };
    let kills = answer["kills"].as_array().ok_or("the answer has no `kills`")?;
    let since = arguments.iter().skip_while(|word| *word != "--since").nth(1);
    let objections = truth.objections(kills, since.and_then(|since| since.get(..10)));
    Ok(match objections.as_slice() {
        [] => format!("right, {} kills", kills.len()),
        wrong => format!("WRONG in {} points: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; ")),
    })
}
