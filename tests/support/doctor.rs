//! What `gtune doctor --format json` said, in the words of the contract.

use super::{Outcome, Result};
use serde_json::Value;

/// A whole report.
#[derive(Debug)]
pub struct Report {
    /// Exit code.
    pub code: i32,
    /// The one JSON value.
    pub json: Value,
    /// What went to stderr.
    pub stderr: String,
}

/// One entry of `checks`.
#[derive(Debug, Clone)]
pub struct Check(pub Value);

impl Report {
    /// Reads what came of the command. Stdout must hold exactly one JSON value, and no code above 3 is doctor's.
    pub fn read(outcome: Outcome) -> Result<Self> {
        let json = serde_json::from_str(&outcome.stdout).map_err(|e| format!("no JSON ({e}): {outcome:#?}"))?;
        match outcome.code {
            Some(code @ 0..=3) => Ok(Self { code, json, stderr: outcome.stderr }),
            _ => Err(format!("doctor ended in its own way: {outcome:#?}").into()),
        }
    }

    /// The services.
    pub fn services(&self) -> &[Value] {
        self.json["services"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The service of this master.
    pub fn service(&self, master: i32) -> Result<&Value> {
        let found = self.services().iter().find(|service| service["master_pid"] == master);
        found.ok_or_else(|| format!("no service of master {master}: {:#}", self.json["services"]).into())
    }

    /// All entries.
    pub fn checks(&self) -> Vec<Check> {
        self.json["checks"].as_array().into_iter().flatten().cloned().map(Check).collect()
    }

    /// The only entry of a check.
    pub fn check(&self, id: &str) -> Result<Check> {
        let mut found: Vec<_> = self.checks().into_iter().filter(|check| check.text("id") == id).collect();
        match (found.pop(), found.is_empty()) {
            (Some(check), true) => Ok(check),
            _ => Err(format!("not exactly one entry of {id}: {:#}", self.json["checks"]).into()),
        }
    }
}

impl Check {
    /// A field that holds text; empty where it is missing.
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// Its state.
    pub fn state(&self) -> &str {
        self.text("state")
    }

    /// Whether any of its texts says this word, in whatever case.
    pub fn says(&self, word: &str) -> bool {
        self.0.to_string().to_lowercase().contains(&word.to_lowercase())
    }

    /// An error unless it is in this state.
    pub fn must_be(&self, state: &str) -> Result {
        if self.state() == state { Ok(()) } else { Err(format!("not {state}: {:#}", self.0).into()) }
    }

    /// An error unless it is a finding of this severity.
    pub fn must_find(&self, severity: &str) -> Result {
        self.must_be("finding")?;
        if self.text("severity") == severity { Ok(()) } else { Err(format!("not {severity}: {:#}", self.0).into()) }
    }

    /// An error unless its texts say all these words.
    pub fn must_say(&self, words: &[&str]) -> Result {
        match words.iter().find(|word| !self.says(word)) {
            Some(word) => Err(format!("does not say {word:?}: {:#}", self.0).into()),
            None => Ok(()),
        }
    }
}
