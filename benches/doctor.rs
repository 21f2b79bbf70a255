//! `gtune doctor` beside `lsof -nP`, on a host that is busy with other things: 400 processes that hold 80,000
//! descriptors, and a Gunicorn where `tests/run` has put one. Run by `cargo bench --bench doctor`; needs no root. Wall time, CPU time and peak memory of each run
//! are what the kernel counts for it (getrusage(2)); the two take turns, and medians are shown.

mod measure;

use measure::{Run, describe_machine, median, take_turns};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tabled::builder::Builder;
use tabled::settings::Style;

const PROCESSES: &str = "400";
const DESCRIPTORS_EACH: &str = "200";
const ROUNDS: usize = 9;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The background load; it ends when this is dropped.
struct Load {
    generator: PathBuf,
    directory: tempfile::TempDir,
}

/// A Gunicorn for doctor to judge; it ends when this is dropped.
struct Gunicorn(Child);

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == measure::ONE) {
        return measure::one(&arguments[at + 1..]);
    }
    let load = Load::start()?;
    let gunicorn = Gunicorn::start(&load);
    describe_machine();
    describe_load(&load, gunicorn.as_ref());
    let gtune = vec![env!("CARGO_BIN_EXE_gtune").to_owned(), "doctor".to_owned(), "--format=json".to_owned()];
    let lsof = vec!["lsof".to_owned(), "-nP".to_owned()];
    let runs = take_turns(&[&gtune, &lsof], ROUNDS);
    print_table(["gtune doctor", "lsof -nP"].into_iter().zip(runs))
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

fn print_table<'a>(measured: impl Iterator<Item = (&'a str, Result<Vec<Run>>)>) -> Result {
    let mut table = Builder::new();
    table.push_record(["median of 9", "wall, s", "CPU, s", "peak memory, MiB"]);
    for (name, runs) in measured {
        match runs {
            Ok(runs) => table.push_record([
                name.to_owned(),
                format!("{:.3}", median(&runs, |run| run.wall_milliseconds) / 1e3),
                format!("{:.3}", median(&runs, |run| run.cpu_milliseconds) / 1e3),
                format!("{:.1}", median(&runs, |run| run.peak_kibibytes) / 1024.0),
            ]),
            Err(reason) => table.push_record([name.to_owned(), reason.to_string(), String::new(), String::new()]),
        }
    }
    println!("{}", table.build().with(Style::markdown()));
    Ok(())
}

fn describe_load(load: &Load, gunicorn: Option<&Gunicorn>) {
    if let Some(truth) = load.truth() {
        let gunicorn =
            if gunicorn.is_some() { "a Gunicorn of 4 workers" } else { "no Gunicorn (tests/run brings one)" };
        println!("{gunicorn}; beside it {} processes with {} descriptors\n", truth["processes"], truth["fds"]);
    }
}
