//! What `gtune triage` says of logs, and what must hold whatever they are.

pub use crate::kernel_bed::{Logs, gtune, report};

use crate::support::{Outcome, Result};
use jiff::Timestamp;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Verdicts, as the contract names them.
const VERDICTS: &[&str] = &[
    "master-lost",
    "kernel-oom",
    "userspace-oom",
    "heartbeat-storage",
    "fd-exhaustion",
    "log-reopen",
    "boot-failure",
    "crash",
    "killed",
    "timeout",
    "exit",
    "unknown",
];

/// How sure a verdict may be, least first.
pub const SURE: &[&str] = &["possible", "likely", "certain"];

/// What no advice for a timeout may say: memory is not what it wants.
const NO_CURE_FOR_A_TIMEOUT: &[&str] = &["MemoryMax", "more memory", "add memory", "more RAM", "memory limit"];

/// A log of Gunicorn with known truth.
pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gunicorn-logs").join(path)
}

/// A kernel log with known truth.
pub fn kernel_data(path: &str) -> PathBuf {
    crate::kernel_bed::data(path)
}

/// The text of a log of Gunicorn with known truth.
pub fn text(path: &str) -> Result<String> {
    fs::read_to_string(data(path)).map_err(|e| format!("{path}: {e}").into())
}

/// What `gtune triage --format json` said.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// The one JSON value.
    pub json: Value,
}

impl Said {
    /// Reads what came of the command, and checks what must hold of every answer.
    pub fn read(outcome: Outcome) -> Result<Self> {
        let json: Value = serde_json::from_str(&outcome.stdout).map_err(|e| format!("no JSON ({e}): {outcome:#?}"))?;
        let said = match outcome.code {
            Some(code @ 0..=3) => Self { code, json },
            _ => return Err(format!("triage ended in its own way: {outcome:#?}").into()),
        };
        match said.wrong() {
            Some(wrong) => Err(format!("{wrong}: {:#}", said.json).into()),
            None => Ok(said),
        }
    }

    /// The deaths.
    pub fn deaths(&self) -> &[Value] {
        self.json["deaths"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The pids of the deaths, in order.
    pub fn pids(&self) -> Vec<u64> {
        self.deaths().iter().filter_map(|death| death["pid"].as_u64()).collect()
    }

    /// Pid and verdict of each death, by pid.
    pub fn verdicts(&self) -> Vec<(Option<u64>, String)> {
        let mut all: Vec<_> =
            self.deaths().iter().map(|death| (death["pid"].as_u64(), word(death, "verdict").to_owned())).collect();
        all.sort();
        all
    }

    /// The only death of this pid.
    pub fn death(&self, pid: u64) -> Result<&Value> {
        let mut of_pid = self.deaths().iter().filter(|death| death["pid"] == pid);
        match (of_pid.next(), of_pid.next()) {
            (Some(death), None) => Ok(death),
            _ => Err(format!("not exactly one death of {pid}: {:#}", self.json).into()),
        }
    }

    /// What could not be seen, as one text.
    pub fn blind_spots(&self) -> String {
        self.json["blind_spots"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A count of ends that were asked for.
    pub fn normal(&self, key: &str) -> u64 {
        self.json["normal"][key].as_u64().unwrap_or(u64::MAX)
    }

    /// What is wrong with an answer, whatever was asked.
    fn wrong(&self) -> Option<String> {
        let unknown_only = self.deaths().iter().all(|death| death["verdict"] == "unknown");
        let codes: &[i32] = match self.deaths() {
            [] => &[0, 3],
            _ if unknown_only => &[1, 3],
            _ => &[1],
        };
        if !codes.contains(&self.code) {
            return Some(format!("exit code {}", self.code));
        }
        let times: Vec<Option<Timestamp>> =
            self.deaths().iter().map(|death| word(death, "time").parse().ok()).collect();
        let sorted = times.is_sorted_by_key(|time| (time.is_none(), *time));
        (!sorted).then(|| "not in order of time".to_owned()).or_else(|| self.deaths().iter().find_map(wrong_death))
    }
}

/// A text of a death by its key.
pub fn word<'a>(death: &'a Value, key: &str) -> &'a str {
    death[key].as_str().unwrap_or_default()
}

/// All that is told of a death, as one text.
pub fn told(death: &Value) -> String {
    let mut all = vec![word(death, "summary").to_owned()];
    all.extend(death["advice"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    all.extend(death["evidence"].as_array().into_iter().flatten().map(|line| word(line, "text").to_owned()));
    all.join("\n")
}

fn wrong_death(death: &Value) -> Option<String> {
    let who = format!("death of {}", death["pid"]);
    if !VERDICTS.contains(&word(death, "verdict")) || !SURE.contains(&word(death, "confidence")) {
        return Some(format!("{who}: {} {}", death["verdict"], death["confidence"]));
    }
    if !["worker", "master"].contains(&word(death, "role")) {
        return Some(format!("{who}: role {}", death["role"]));
    }
    if death["pid"].is_null() && death["candidates"].as_array().is_none_or(Vec::is_empty) {
        return Some(format!("{who}: nobody"));
    }
    let summary = word(death, "summary");
    if summary.is_empty() || told(death).contains(|c: char| c.is_control() && c != '\n') || summary.contains('\n') {
        return Some(format!("{who}: summary or evidence"));
    }
    if death["evidence"].as_array().is_none_or(Vec::is_empty) || death["advice"].as_array().is_none_or(Vec::is_empty) {
        return Some(format!("{who}: no evidence, or no advice"));
    }
    let advice = death["advice"].to_string();
    let cure = NO_CURE_FOR_A_TIMEOUT.iter().find(|cure| advice.contains(**cure));
    cure.filter(|_| death["verdict"] == "timeout").map(|cure| format!("{who}: {cure} for a timeout"))
}

/// `gtune triage --format json` with these arguments.
pub fn triage<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Said> {
    Said::read(crate::support::outcome(gtune().args(["triage", "--format", "json"]).args(arguments))?)
}

/// The arguments that name these logs.
pub fn naming(error_logs: &[PathBuf], kernel_logs: &[PathBuf]) -> Vec<OsString> {
    let each = |option: &'static str, files: &[PathBuf]| -> Vec<OsString> {
        files.iter().flat_map(|file| [option.into(), file.into()]).collect()
    };
    [each("--error-log", error_logs), each("--kernel-log", kernel_logs)].concat()
}

/// The word on these logs of Gunicorn, and on no others.
pub fn of(error_logs: &[PathBuf]) -> Result<Said> {
    triage(&naming(error_logs, &[]))
}

/// The word on these logs of Gunicorn and of the kernel.
pub fn with_kernel(error_logs: &[PathBuf], kernel_logs: &[PathBuf]) -> Result<Said> {
    triage(&naming(error_logs, kernel_logs))
}

/// The word on one log with this text.
pub fn of_text(text: impl AsRef<[u8]>) -> Result<Said> {
    let logs = Logs::new()?;
    of(&[logs.write("error.log", text)?])
}

/// The word on one log of Gunicorn and one of the kernel with these texts.
pub fn of_texts(text: impl AsRef<[u8]>, kernel: impl AsRef<[u8]>) -> Result<Said> {
    let logs = Logs::new()?;
    with_kernel(&[logs.write("error.log", text)?], &[logs.write("kern.log", kernel)?])
}

/// `gtune triage` with `-` among these arguments, and this on standard input.
pub fn piped(arguments: &[&str], input: &[u8]) -> Result<Said> {
    let mut child = gtune()
        .args(["triage", "--format", "json"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    drop(writer.join());
    Said::read(Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Collects the failures of many tries into one.
pub fn together(failures: Vec<String>) -> Result {
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// The text of a failure.
pub fn failure(result: Result) -> Option<String> {
    result.err().map(|failed| failed.message().unwrap_or("no message").to_owned())
}
