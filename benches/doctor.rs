//! `gtune doctor` beside `lsof -nP`, on a host that is busy with other things: 400 processes that hold 80,000
//! descriptors, and a Gunicorn where `tests/run` has put one. Run by `cargo bench --bench doctor`; needs no root. Wall time, CPU time and peak memory of each run
//! are what the kernel counts for it (getrusage(2)); the two take turns, and medians are shown.

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tabled::builder::Builder;
use tabled::settings::Style;

const PROCESSES: &str = "400";
const DESCRIPTORS_EACH: &str = "200";
const ROUNDS: usize = 9;

/// With this word the program runs one command as its only child, so that the kernel's sums over children are its own.
const MEASURE: &str = "--measure-one";

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// One run of a command.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall_milliseconds: f64,
    cpu_milliseconds: f64,
    peak_kibibytes: f64,
}

/// The background load; it ends when this is dropped.
struct Load {
    generator: PathBuf,
    directory: tempfile::TempDir,
}

/// A Gunicorn for doctor to judge; it ends when this is dropped.
struct Gunicorn(Child);

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == MEASURE) {
        return measure(&arguments[at + 1..]);
    }
    let load = Load::start()?;
    let gunicorn = Gunicorn::start(&load);
    describe_machine(&load, gunicorn.as_ref());
    let gtune = vec![env!("CARGO_BIN_EXE_gtune").to_owned(), "doctor".to_owned(), "--format=json".to_owned()];
    let lsof = vec!["lsof".to_owned(), "-nP".to_owned()];
    let both = vec![("gtune doctor", gtune), ("lsof -nP", lsof)];
    print_table(&take_turns(&both))
}

impl Load {
    fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let generator = directory.path().join("mkprocs");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mkprocs.c");
        let built = Command::new("cc").args(["-O2", "-o"]).arg(&generator).arg(source).status()?;
        if !built.success() {
            return Err("cannot build benches/mkprocs.c".into());
        }
        let load = Self { generator, directory };
        let numbers = ["--procs", PROCESSES, "--fds", DESCRIPTORS_EACH];
        if load.tell("start").args(numbers).status()?.success() {
            Ok(load)
        } else {
            Err("cannot start the load; is `ulimit -u` high enough for 400 processes?".into())
        }
    }

    fn tell(&self, word: &str) -> Command {
        let mut command = Command::new(&self.generator);
        command.arg(word).arg("--dir").arg(self.directory.path()).stdout(Stdio::null());
        command
    }

    fn truth(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&fs::read(self.directory.path().join("truth.json")).ok()?).ok()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Err(reason) = self.tell("stop").status() {
            eprintln!("cannot stop the load: {reason}");
        }
    }
}

impl Gunicorn {
    fn start(load: &Load) -> Option<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let socket = load.directory.path().join("app.sock");
        let started = Command::new(project.join("target/testbed/venv-newest/bin/gunicorn"))
            .args(["--workers", "4", "--log-level", "critical", "--chdir"])
            .arg(project.join("tests/support"))
            .arg("--bind")
            .arg(format!("unix:{}", socket.display()))
            .arg("app:application")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .spawn();
        let gunicorn = Self(started.ok()?);
        // It listens before it forks; the workers are there soon after, long before the first round is over.
        let listens = || (0..100).any(|_| socket.exists() || pause(100));
        listens().then_some(gunicorn)
    }
}

impl Drop for Gunicorn {
    fn drop(&mut self) {
        // SIGTERM, not SIGKILL: the master takes its workers along.
        drop(Command::new("kill").arg(self.0.id().to_string()).status());
        drop(self.0.wait());
    }
}

fn pause(milliseconds: u64) -> bool {
    std::thread::sleep(Duration::from_millis(milliseconds));
    false
}

/// Runs a command, and prints what it took as three numbers.
fn measure(command: &[String]) -> Result {
    let (program, arguments) = command.split_first().ok_or("no command to measure")?;
    let began = Instant::now();
    // A finding is exit code 1 and no failure here; a program that is not there is.
    Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let wall = began.elapsed().as_secs_f64() * 1e3;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    println!("{wall} {} {}", cpu_milliseconds(&usage), usage.max_rss());
    Ok(())
}

fn cpu_milliseconds(usage: &Usage) -> f64 {
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e3
}

/// The runs of each command: A B A B …, so that what else happens on the machine meets both.
fn take_turns(commands: &[(&str, Vec<String>)]) -> Vec<(String, Result<Vec<Run>>)> {
    let mut all: Vec<_> = commands.iter().map(|(name, _)| ((*name).to_owned(), Ok(Vec::new()))).collect();
    for round in 0..=ROUNDS {
        for ((_, command), (_, runs)) in commands.iter().zip(&mut all) {
            let run = one_run(command);
            // The first round only fills the kernel's caches.
            match (run, runs.as_mut()) {
                (Ok(run), Ok(kept)) if round > 0 => kept.push(run),
                (Err(reason), Ok(_)) => *runs = Err(reason),
                _ => {}
            }
        }
    }
    all
}

fn one_run(command: &[String]) -> Result<Run> {
    let said = Command::new(std::env::current_exe()?).arg(MEASURE).args(command).output()?;
    let text = String::from_utf8(said.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [wall_milliseconds, cpu_milliseconds, peak_kibibytes] => {
            Ok(Run { wall_milliseconds, cpu_milliseconds, peak_kibibytes })
        }
        _ => Err("it did not run".into()),
    }
}

fn median(runs: &[Run], value: fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print_table(measured: &[(String, Result<Vec<Run>>)]) -> Result {
    let mut table = Builder::new();
    table.push_record(["median of 9", "wall, s", "CPU, s", "peak memory, MiB"]);
    for (name, runs) in measured {
        match runs {
            Ok(runs) => table.push_record([
                name.clone(),
                format!("{:.3}", median(runs, |run| run.wall_milliseconds) / 1e3),
                format!("{:.3}", median(runs, |run| run.cpu_milliseconds) / 1e3),
                format!("{:.1}", median(runs, |run| run.peak_kibibytes) / 1024.0),
            ]),
            Err(reason) => table.push_record([name.clone(), reason.to_string(), String::new(), String::new()]),
        }
    }
    println!("{}", table.build().with(Style::markdown()));
    Ok(())
}

fn describe_machine(load: &Load, gunicorn: Option<&Gunicorn>) {
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
    if let Some(truth) = load.truth() {
        let gunicorn =
            if gunicorn.is_some() { "a Gunicorn of 4 workers" } else { "no Gunicorn (tests/run brings one)" };
        println!("{gunicorn}; beside it {} processes with {} descriptors\n", truth["processes"], truth["fds"]);
    }
}
