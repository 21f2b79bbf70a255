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

mod dice;
mod lines;
mod log;
#[path = "../measure/mod.rs"]
mod measure;
mod report;
mod truth;

use log::Log;
use measure::{Run, describe_machine, median, one_run, take_turns};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tabled::builder::Builder;
use tabled::settings::Style;
use truth::check;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What every search asks for: the one line that is there for each kill (and in the decoys).
const NEEDLE: &str = "Killed process";

/// What the command line asks for.
struct Wishes {
    size: u64,
    seed: u64,
    rounds: usize,
    /// Another build of gtune, to compare with.
    gtune: String,
}

/// A command to measure, and what it is called in the table.
struct Contestant {
    name: String,
    command: Vec<String>,
}

/// Commands that do the same work; the first is the one the others are compared with.
struct Contest {
    contestants: Vec<Contestant>,
}

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == measure::ONE) {
        return measure::one(&arguments[at + 1..]);
    }
    let wishes = wishes(&arguments)?;
    let log = Log::at(&directory()?, wishes.size, wishes.seed)?;
    describe_machine();
    describe_log(&log);
    let mut missing = vec![];
    let contests = contests(&wishes.gtune, &log, &mut missing);
    let mut table = Builder::new();
    table.push_record(["command", "wall, ms", "CPU, ms", "peak memory, MiB", "× gtune's wall time"]);
    for contest in &contests {
        let commands: Vec<_> = contest.contestants.iter().map(|one| one.command.as_slice()).collect();
        add_rows(&mut table, contest, &take_turns(&commands, wishes.rounds), &mut missing);
    }
    println!("{}", table.build().with(Style::markdown()));
    println!("\nMedians of {} runs in turns, page cache warm.", wishes.rounds);
    println!("{:.1} MiB is what any program is charged here.", floor_mebibytes()?);
    missing.iter().for_each(|what| println!("Left out: {what}."));
    Ok(())
}

fn wishes(arguments: &[String]) -> Result<Wishes> {
    let gtune = env!("CARGO_BIN_EXE_gtune").to_owned();
    let mut wishes = Wishes { size: 1 << 30, seed: 1, rounds: 7, gtune };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        // cargo bench adds this word of its own.
        if word == "--bench" {
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--size" => wishes.size = bytes(value)?,
            "--seed" => wishes.seed = value.parse()?,
            "--rounds" => wishes.rounds = value.parse::<usize>()?.max(1),
            "--gtune" => wishes.gtune.clone_from(value),
            _ => return Err(format!("no option {word}: --size, --seed, --rounds, --gtune").into()),
        }
    }
    Ok(wishes)
}

fn bytes(text: &str) -> Result<u64> {
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
    let unit = units.into_iter().find_map(|(letter, unit)| Some((text.strip_suffix(letter)?, unit)));
    let (number, unit) = unit.unwrap_or((text, 1));
    Ok(number.parse::<u64>()? * unit)
}

/// Beside the program, so that it goes with `cargo clean`.
fn directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).ok_or("the program is not in target/")?;
    let directory = target.join("oom-bench");
    fs::create_dir_all(&directory)?;
    Ok(directory)
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
    let rival = |name: &str, options: &[&str], file: &str| Contestant {
        name: format!("{name} {}", options.join(" ")),
        command: [&[name], options, &[NEEDLE, file]].concat().into_iter().map(str::to_owned).collect(),
    };
    let over_plain =
        vec![gtune("gtune oom", &plain, &[]), rival("rg", &["-c"], &plain), rival("grep", &["-c"], &plain)];
    let over_packed =
        vec![gtune("gtune oom, .gz", &packed, &[]), rival("zgrep", &["-c"], &packed), rival("rg", &["-cz"], &packed)];
    let [since, until] = log.truth.day();
    let day = vec![gtune("gtune oom, one day of it", &plain, &["--since", &since, "--until", &until])];
    [over_plain, over_packed, day].into_iter().map(|all| Contest { contestants: judged(all, log, missing) }).collect()
}

/// Those that are there; and says of gtune's whether its answer is right.
fn judged(all: Vec<Contestant>, log: &Log, missing: &mut Vec<String>) -> Vec<Contestant> {
    let mut there = vec![];
    for contestant in all {
        let is_gtune = contestant.name.starts_with("gtune");
        let judgement = if is_gtune { check(&contestant.command, &log.truth) } else { installed(&contestant.command) };
        match judgement {
            Ok(verdict) => println!("{}: {verdict}", contestant.name),
            Err(reason) => {
                missing.push(format!("{}: {reason}", contestant.name));
                continue;
            }
        }
        there.push(contestant);
    }
    there
}

/// Whether a program is there; its version.
fn installed(command: &[String]) -> Result<String> {
    let program = command.first().ok_or("no command")?;
    let version = Command::new(program).arg("--version").output().map_err(|_| "not installed")?;
    let text = String::from_utf8_lossy(&version.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn add_rows(table: &mut Builder, contest: &Contest, runs: &[Result<Vec<Run>>], missing: &mut Vec<String>) {
    let wall = |runs: &[Run]| median(runs, |run| run.wall_milliseconds);
    let named = contest.contestants.iter().zip(runs);
    let gtune = named.clone().find(|(contestant, _)| contestant.name.starts_with("gtune"));
    let gtune = gtune.and_then(|(_, runs)| runs.as_ref().ok()).map(|runs| wall(runs));
    for (contestant, runs) in named {
        match runs {
            Ok(runs) => table.push_record([
                contestant.name.clone(),
                format!("{:.1}", wall(runs)),
                format!("{:.1}", median(runs, |run| run.cpu_milliseconds)),
                format!("{:.1}", median(runs, |run| run.peak_kibibytes) / 1024.0),
                gtune.map_or("?".into(), |gtune| format!("{:.2}", wall(runs) / gtune)),
            ]),
            Err(reason) => missing.push(format!("{}: {reason}", contestant.name)),
        }
    }
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

/// What the kernel charges a program that does nothing: before it becomes that program it is a copy of this one.
fn floor_mebibytes() -> Result<f64> {
    Ok(one_run(&["true".to_owned()])?.peak_kibibytes / 1024.0)
}
