//! `gtune oom` beside `rg`, `grep` and `zgrep`, over a big kernel log with a few kills in it:
//!
//! ```sh
//! cargo bench --bench oom -- [--size 1G] [--seed 1] [--rounds 7] [--gtune PROGRAM]
//! ```
//!
//! The log is made below `target/oom-bench`, the same for the same size and seed; what happened in it is known, and
//! gtune's answer is compared with that first. Then the commands take turns, A B A B …, with the log in the page cache;
//! wall time, CPU time and peak memory are what the kernel counts for each (getrusage(2)), and medians are shown. Needs no
//! root. What is not installed is named and left out.

#[path = "../measure/contest.rs"]
mod contest;
mod dice;
mod lines;
mod log;
#[path = "../measure/mod.rs"]
mod measure;
mod report;
mod truth;

use contest::{Contest, Contestant, Wishes, directory, hold};
use log::Log;
use measure::describe_machine;
use std::error::Error;
use std::fs;
use std::path::Path;
use truth::check;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What every search asks for: the one line that is there for each kill (and in the decoys).
const NEEDLE: &str = "Killed process";

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == measure::ONE) {
        return measure::one(&arguments[at + 1..]);
    }
    let wishes = Wishes::of(&arguments)?;
    let log = Log::at(&directory("oom-bench")?, wishes.size, wishes.seed)?;
    describe_machine();
    describe_log(&log);
    let mut missing = vec![];
    let contests = contests(&wishes.gtune, &log, &mut missing);
    hold(&contests, wishes.rounds, missing)
}

fn contests(program: &str, log: &Log, missing: &mut Vec<String>) -> Vec<Contest> {
    let plain = log.path.display().to_string();
    let packed = log.packed.display().to_string();
    let gtune = |name: &str, file: &str, more: &[&str]| Contestant {
        name: name.to_owned(),
        command: [&[program, "oom", file, "--all", "--format", "json"], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect(),
    };
    let rival = |name: &str, options: &[&str], file: &str| Contestant::rival(name, options, NEEDLE, file);
    let over_plain =
        vec![gtune("gtune oom", &plain, &[]), rival("rg", &["-c"], &plain), rival("grep", &["-c"], &plain)];
    let over_packed =
        vec![gtune("gtune oom, .gz", &packed, &[]), rival("zgrep", &["-c"], &packed), rival("rg", &["-cz"], &packed)];
    let [since, until] = log.truth.day();
    let day = vec![gtune("gtune oom, one day of it", &plain, &["--since", &since, "--until", &until])];
    let right = |command: &[String]| check(command, &log.truth);
    [over_plain, over_packed, day].into_iter().map(|all| Contest::of(all, right, missing)).collect()
}

fn describe_log(log: &Log) {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len()) >> 20;
    println!(
        "{} MiB of syslog ({} MiB as .gz), {} lines, {} kills in {} reports, {} decoys\n",
        size(&log.path),
        size(&log.packed),
        log.truth.lines,
        log.truth.kills.len(),
        log.truth.reports,
        log.truth.decoys.len()
    );
}
