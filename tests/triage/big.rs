//! Megabytes of a busy service's log: every death, with its line, and nothing else.

use crate::bed::{Logs, Said, failure, of, piped, together, word};
use crate::lifelike::{Death, Lifelike, lifelike};
use crate::support::{Law, Result};
use serde_json::Value;

/// Enough that a file is searched in several parts.
const SIZE: usize = 12 << 20;

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = ["20.1.0", "21.2.0", "27.0.1"].into_iter().map(|version| {
        Law::new(format!("a_big_log_tells_every_death_with_its_line_and_no_decoy/{version}"), &[], move || {
            big(version, SIZE, 7)
        })
    });
    each.chain([
        Law::new("small_logs_of_many_seeds_tell_every_death", &[], seeds),
        Law::new("a_big_log_tells_the_same_from_a_pipe", &[], from_a_pipe),
    ])
    .collect()
}

fn big(version: &'static str, size: usize, seed: u64) -> Result {
    let truth = lifelike(version, size, seed);
    let logs = Logs::new()?;
    let said = of(&[logs.write("error.log", &truth.text)?])?;
    is_truth(&truth, &said, &format!("{version}, seed {seed}"))
}

fn is_truth(truth: &Lifelike, said: &Said, what: &str) -> Result {
    let mut wrong = Vec::new();
    for death in &truth.deaths {
        match said.deaths().iter().filter(|told| told["pid"] == death.pid).collect::<Vec<_>>()[..] {
            [told] => wrong.extend(differs(death, told)),
            [] => wrong.push(format!("{death:?} is missing")),
            _ => wrong.push(format!("{death:?} is told twice")),
        }
    }
    for told in said.deaths() {
        if !truth.deaths.iter().any(|death| told["pid"] == death.pid) {
            wrong.push(format!("{} did not die: {} {}", told["pid"], told["summary"], told["candidates"]));
        }
        let decoy = lines(told).into_iter().find(|line| truth.decoys.contains(line));
        wrong.extend(decoy.map(|line| format!("{}: line {line} is a decoy", told["pid"])));
    }
    if said.normal("recycled") != truth.recycled {
        wrong.push(format!("{} recycled, got {}", truth.recycled, said.json["normal"]));
    }
    wrong.truncate(20);
    together(wrong.into_iter().map(|wrong| format!("{what}: {wrong}")).collect())
}

fn lines(told: &Value) -> Vec<u64> {
    told["evidence"].as_array().into_iter().flatten().filter_map(|line| line["line"].as_u64()).collect()
}

fn differs(death: &Death, told: &Value) -> Option<String> {
    if !death.verdicts.contains(&word(told, "verdict")) {
        return Some(format!("{death:?} is {} {}: {}", told["verdict"], told["confidence"], told["summary"]));
    }
    let line = death.line.filter(|line| !lines(told).contains(line))?;
    Some(format!("{}: line {line} is not among {:?}", death.pid, lines(told)))
}

fn seeds() -> Result {
    let tries =
        (1..=8_u64).flat_map(|seed| ["20.1.0", "21.2.0", "23.0.0", "27.0.1"].map(|version| (version, seed * 977)));
    together(tries.filter_map(|(version, seed)| failure(big(version, 96 << 10, seed))).collect())
}

fn from_a_pipe() -> Result {
    let truth = lifelike("27.0.1", 4 << 20, 3);
    is_truth(&truth, &piped(&["--error-log", "-"], truth.text.as_bytes())?, "a pipe")
}
