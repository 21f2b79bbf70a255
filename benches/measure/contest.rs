//! Commands that do the same work, in turns, and the table of what they took; for benchmarks over a log.

use crate::Result;
use crate::measure::{Run, median, one_run, take_turns};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tabled::builder::Builder;
use tabled::settings::Style;

/// What the command line asks for.
pub struct Wishes {
    pub size: u64,
    pub seed: u64,
    pub rounds: usize,
    /// Another build of gtune, to compare with.
    pub gtune: String,
}

/// A command to measure, and what it is called in the table.
pub struct Contestant {
    pub name: String,
    pub command: Vec<String>,
}

/// Commands that do the same work; gtune is the one the others are compared with.
pub struct Contest {
    pub contestants: Vec<Contestant>,
}

impl Wishes {
    /// `[--size 1G] [--seed 1] [--rounds 7] [--gtune PROGRAM]`
    pub fn of(arguments: &[String]) -> Result<Self> {
        let gtune = env!("CARGO_BIN_EXE_gtune").to_owned();
        let mut wishes = Self { size: 1 << 30, seed: 1, rounds: 7, gtune };
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
}

fn bytes(text: &str) -> Result<u64> {
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
    let unit = units.into_iter().find_map(|(letter, unit)| Some((text.strip_suffix(letter)?, unit)));
    let (number, unit) = unit.unwrap_or((text, 1));
    Ok(number.parse::<u64>()? * unit)
}

/// Where the logs of a benchmark are kept: beside the program, so that they go with `cargo clean`.
pub fn directory(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).ok_or("the program is not in target/")?;
    let directory = target.join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

impl Contestant {
    /// A search that an operator would type instead.
    pub fn rival(name: &str, options: &[&str], pattern: &str, file: &str) -> Self {
        let command = [&[name], options, &[pattern, file]].concat().into_iter().map(str::to_owned).collect();
        Self { name: format!("{name} {}", options.join(" ")), command }
    }

    fn is_gtune(&self) -> bool {
        self.name.starts_with("gtune")
    }
}

impl Contest {
    /// Those that are there, of these; `check` says of gtune's command whether its answer is right.
    pub fn of(all: Vec<Contestant>, check: impl Fn(&[String]) -> Result<String>, missing: &mut Vec<String>) -> Self {
        let mut contestants = vec![];
        for contestant in all {
            let is_gtune = contestant.is_gtune();
            let judged = if is_gtune { check(&contestant.command) } else { installed(&contestant.command) };
            match judged {
                Ok(verdict) => println!("{}: {verdict}", contestant.name),
                Err(reason) => {
                    missing.push(format!("{}: {reason}", contestant.name));
                    continue;
                }
            }
            contestants.push(contestant);
        }
        Self { contestants }
    }
}

/// Whether a program is there; its version.
fn installed(command: &[String]) -> Result<String> {
    let program = command.first().ok_or("no command")?;
    let version = Command::new(program).arg("--version").output().map_err(|_| "not installed")?;
    let text = String::from_utf8_lossy(&version.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Runs all of them and prints what they took, and what was left out.
pub fn hold(contests: &[Contest], rounds: usize, mut missing: Vec<String>) -> Result {
    let mut table = Builder::new();
    table.push_record(["command", "wall, ms", "CPU, ms", "peak memory, MiB", "× gtune's wall time"]);
    for contest in contests {
        let commands: Vec<_> = contest.contestants.iter().map(|one| one.command.as_slice()).collect();
        add_rows(&mut table, contest, &take_turns(&commands, rounds), &mut missing);
    }
    println!("{}", table.build().with(Style::markdown()));
    println!("\nMedians of {rounds} runs in turns, page cache warm.");
    println!("{:.1} MiB is what any program is charged here.", floor_mebibytes()?);
    missing.iter().for_each(|what| println!("Left out: {what}."));
    Ok(())
}

fn add_rows(table: &mut Builder, contest: &Contest, runs: &[Result<Vec<Run>>], missing: &mut Vec<String>) {
    let wall = |runs: &[Run]| median(runs, |run| run.wall_milliseconds);
    let named = contest.contestants.iter().zip(runs);
    let gtune = named.clone().find(|(contestant, _)| contestant.is_gtune());
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

/// What the kernel charges a program that does nothing: before it becomes that program it is a copy of this one.
fn floor_mebibytes() -> Result<f64> {
    Ok(one_run(&["true".to_owned()])?.peak_kibibytes / 1024.0)
}
