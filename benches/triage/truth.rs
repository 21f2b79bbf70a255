//! Who died in a log, and whether gtune says so.

use crate::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A master that gave up on a worker looks again a second later: either may be taken for the time of the death.
const MASTER_LOOKS_EACH_SECONDS: u64 = 1;

/// One worker that died.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Death {
    pub pid: u64,
    /// As `gtune triage` names it, without a kernel log.
    pub verdict: String,
    /// The line that says so first, from 1.
    pub line: u64,
    /// When that was written, seconds after 1970.
    pub second: i64,
}

/// All that happened.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Truth {
    pub lines: u64,
    pub deaths: Vec<Death>,
    pub decoys: usize,
}

impl Truth {
    pub fn read(note: &Path) -> Result<Self> {
        Ok(serde_json::from_slice(&fs::read(note)?)?)
    }

    /// What is wrong with gtune's deaths.
    fn objections(&self, deaths: &[Value]) -> Vec<String> {
        let mut missed: BTreeMap<u64, &Death> = self.deaths.iter().map(|death| (death.pid, death)).collect();
        let mut objections = vec![];
        for said in deaths {
            let pid = said["pid"].as_u64().unwrap_or_default();
            match missed.remove(&pid) {
                Some(death) => objections.extend(death.differs(said)),
                None => objections.push(format!("{pid} is invented, or told twice: {}", said["summary"])),
            }
        }
        objections.extend(missed.values().map(|death| format!("{} ({}) is missed", death.pid, death.verdict)));
        objections
    }
}

impl Death {
    fn differs(&self, said: &Value) -> Vec<String> {
        let Self { pid, verdict, line, second } = self;
        let mut objections = vec![];
        if said["verdict"] != *verdict.as_str() {
            objections.push(format!("{pid}: it was {verdict}, not {}", said["verdict"]));
        }
        let evidence = said["evidence"].as_array().cloned().unwrap_or_default();
        if !evidence.iter().any(|evidence| evidence["line"] == *line) {
            objections.push(format!("{pid}: line {line} is no evidence of it"));
        }
        let told = said["time"].as_str().and_then(|told| told.parse::<Timestamp>().ok());
        if told.is_none_or(|told| told.as_second().abs_diff(*second) > MASTER_LOOKS_EACH_SECONDS + 1) {
            objections.push(format!("{pid}: it was {second} seconds after 1970, not at {}", said["time"]));
        }
        objections
    }
}

/// Runs gtune once and compares; the answer in words, an error where there is none.
pub fn check(command: &[String], truth: &Truth) -> Result<String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let said = Command::new(program).args(arguments).env("TZ", "UTC").output()?;
    // A death that was found is an exit code of its own; the answer counts.
    let Ok(answer) = serde_json::from_slice::<Value>(&said.stdout) else {
        let reason = String::from_utf8_lossy(&said.stderr);
        return Err(reason.lines().next().unwrap_or("no answer").trim().to_owned().into());
    };
    let deaths = answer["deaths"].as_array().ok_or("the answer has no `deaths`")?;
    let objections = truth.objections(deaths);
    Ok(match objections.as_slice() {
        [] => format!("right, {} deaths", deaths.len()),
        wrong => format!("WRONG in {} points: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; ")),
    })
}
