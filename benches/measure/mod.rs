//! What a command takes, beside others that do the same work; for every benchmark.

use crate::Result;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

/// With this word the program runs one command as its only child, so that the kernel's sums over children are its own.
pub const ONE: &str = "--measure-one";

/// One run of a command.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub wall_milliseconds: f64,
    pub cpu_milliseconds: f64,
    pub peak_kibibytes: f64,
}

/// Runs a command, and prints what it took as three numbers.
pub fn one(command: &[String]) -> Result {
    let (program, arguments) = command.split_first().ok_or("no command to measure")?;
    let mut command = Command::new(program);
    // Into a pipe: GNU grep stops at the first match when its output is /dev/null.
    command.args(arguments).env("TZ", "UTC").stdin(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    command.output()?;
    let wall = began.elapsed().as_secs_f64() * 1e3;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    println!("{wall} {} {}", cpu_milliseconds(&usage), usage.max_rss());
    Ok(())
}

fn cpu_milliseconds(usage: &Usage) -> f64 {
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e3
}

/// The runs of each command: A B A B …, so that what else happens on the machine meets all.
pub fn take_turns(commands: &[&[String]], rounds: usize) -> Vec<Result<Vec<Run>>> {
    let mut all: Vec<_> = commands.iter().map(|_| Ok(Vec::new())).collect();
    for round in 0..=rounds {
        for (command, runs) in commands.iter().zip(&mut all) {
            let run = one_run(command);
            // The first round only fills the page cache.
            match (run, runs.as_mut()) {
                (Ok(run), Ok(kept)) if round > 0 => kept.push(run),
                (Err(reason), Ok(_)) => *runs = Err(reason),
                _ => {}
            }
        }
    }
    all
}

/// Runs a command once, as the only child of a process of its own.
pub fn one_run(command: &[String]) -> Result<Run> {
    let said = Command::new(std::env::current_exe()?).arg(ONE).args(command).output()?;
    let text = String::from_utf8(said.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [wall_milliseconds, cpu_milliseconds, peak_kibibytes] => {
            Ok(Run { wall_milliseconds, cpu_milliseconds, peak_kibibytes })
        }
        _ => Err("it did not run".into()),
    }
}

/// The middle one of what the runs took.
pub fn median(runs: &[Run], value: fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints the machine that all this is measured on.
pub fn describe_machine() {
    let first = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        line.rsplit([':', '=']).next().unwrap_or_default().trim().trim_matches('"').to_owned()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{}, Linux {}", first("/etc/os-release", "PRETTY_NAME"), kernel.trim());
    println!(
        "{processors} CPUs, {}; {} of memory",
        first("/proc/cpuinfo", "model name"),
        first("/proc/meminfo", "MemTotal")
    );
}
