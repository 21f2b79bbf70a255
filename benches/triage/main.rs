//! `gtune triage` beside `rg`, `grep` and `zgrep`, over a big error log of Gunicorn with some deaths in it:
//!
//! ```sh
//! cargo bench --bench triage -- [--size 1G] [--seed 1] [--rounds 7] [--gtune PROGRAM]
//! ```
//!
//! The log is made below `target/triage-bench`, the same for the same size and seed; who died in it and of what is known,
//! and gtune's answer is compared with that first. Then the commands take turns, A B A B …, with the log in the page
//! cache; wall time, CPU time and peak memory are what the kernel counts for each (getrusage(2)), and medians are shown.
//! Needs no root. What is not installed is named and left out.

#[path = "../measure/contest.rs"]
mod contest;
#[path = "../oom/dice.rs"]
mod dice;
mod lines;
mod log;
#[path = "../measure/mod.rs"]
mod measure;
mod server;
mod truth;

use contest::{Contest, Contestant, Wishes, directory, hold};
use log::Log;
use measure::describe_machine;
use std::error::Error;
use std::fs;
use truth::check;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What one types to find deaths: the words of Gunicorn since 20.1 (and of the decoys).
const PATTERN: &str = "WORKER TIMEOUT|was sent SIG|terminated due to signal|exited with code";

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == measure::ONE) {
        return measure::one(&arguments[at + 1..]);
    }
    let wishes = Wishes::of(&arguments)?;
    let log = Log::at(&directory("triage-bench")?, wishes.size, wishes.seed)?;
    describe_machine();
    let size = fs::metadata(&log.path).map_or(0, |metadata| metadata.len()) >> 20;
    let truth = &log.truth;
    println!("{size} MiB, {} lines, {} deaths, {} decoys\n", truth.lines, truth.deaths.len(), truth.decoys);
    let mut missing = vec![];
    let contests = contests(&wishes.gtune, &log, &mut missing);
    hold(&contests, wishes.rounds, missing)
}

fn contests(program: &str, log: &Log, missing: &mut Vec<String>) -> Vec<Contest> {
    let plain = log.path.display().to_string();
    let packed = log.packed.display().to_string();
    let gtune = |name: &str, file: &str| Contestant {
        name: name.to_owned(),
        command: [program, "triage", "--error-log", file, "--format", "json"].map(str::to_owned).to_vec(),
    };
    let rival = |name: &str, options: &[&str], file: &str| Contestant::rival(name, options, PATTERN, file);
    let over_plain = vec![gtune("gtune triage", &plain), rival("rg", &["-c"], &plain), rival("grep", &["-cE"], &plain)];
    let over_packed =
        vec![gtune("gtune triage, .gz", &packed), rival("zgrep", &["-cE"], &packed), rival("rg", &["-cz"], &packed)];
    let right = |command: &[String]| check(command, &log.truth);
    [over_plain, over_packed].into_iter().map(|all| Contest::of(all, right, missing)).collect()
}
