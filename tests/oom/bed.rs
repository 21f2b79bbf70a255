//! Log files in a directory of their own, and gtune's word on them.

use crate::support::{Outcome, Result};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// When the logs were last written, as their files say: 2026-11-20T20:00:00Z, half an hour after the last capture. The
/// year of stamps that have none follows from it, so it must not be the day of the check-out.
pub const WRITTEN: u64 = 1_795_204_800;

/// No command of a test takes this long; one that does hangs.
const HANGS_AFTER: &str = "120";

/// The directory of the logs with known truth.
pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kernel-logs").join(path)
}

/// The names in a directory of the logs, sorted.
pub fn names(directory: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(data(directory))?.collect::<std::io::Result<Vec<_>>>()?;
    let mut names: Vec<_> = entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// A directory of log files; it goes when it is dropped.
pub struct Logs(TempDir);

impl Logs {
    /// An empty one, which everybody may read.
    pub fn new() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::Builder::new().prefix("gtune-oom-").tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self(directory))
    }

    /// Where a file of this name lies, or would.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with this content, last written at [`WRITTEN`].
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        let mut file = File::create(&path)?;
        file.write_all(content.as_ref())?;
        date(&path)?;
        Ok(path)
    }

    /// A copy of one of the logs with known truth.
    pub fn copy(&self, path: &str) -> Result<PathBuf> {
        self.write(&path.replace('/', "-"), fs::read(data(path))?)
    }
}

/// Sets the time a file was last written at to [`WRITTEN`].
pub fn date(path: &Path) -> Result {
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(WRITTEN);
    Ok(File::options().append(true).open(path)?.set_modified(written)?)
}

/// gtune in an environment without anything but a zone, as cron would start it.
pub fn gtune() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=2", HANGS_AFTER, env!("CARGO_BIN_EXE_gtune")]);
    command.env_clear().env("TZ", "UTC").env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

/// What came of `gtune oom` with these arguments, table or not.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Outcome> {
    crate::support::outcome(gtune().arg("oom").args(arguments))
}

/// What `gtune oom --format json` said.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// The one JSON value.
    pub json: Value,
    /// What went to stderr.
    pub stderr: String,
}

impl Said {
    /// Reads what came of the command. Stdout must hold exactly one JSON value, and no code above 3 is oom's.
    pub fn read(outcome: Outcome) -> Result<Self> {
        let json: Value = serde_json::from_str(&outcome.stdout).map_err(|e| format!("no JSON ({e}): {outcome:#?}"))?;
        match outcome.code {
            Some(code @ 0..=3) => Ok(Self { code, json, stderr: outcome.stderr }),
            _ => Err(format!("oom ended in its own way: {outcome:#?}").into()),
        }
    }

    /// The kills.
    pub fn kills(&self) -> &[Value] {
        self.json["kills"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The pids of the kills, in order.
    pub fn pids(&self) -> Vec<u64> {
        self.kills().iter().filter_map(|kill| kill["pid"].as_u64()).collect()
    }

    /// The only kill.
    pub fn kill(&self) -> Result<&Value> {
        match self.kills() {
            [kill] => Ok(kill),
            _ => Err(format!("not exactly one kill: {:#}", self.json).into()),
        }
    }
}

/// `gtune oom --format json` with these arguments.
pub fn oom<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Said> {
    Said::read(crate::support::outcome(gtune().args(["oom", "--format", "json"]).args(arguments))?)
}

/// All kills in these files, also those of others than Gunicorn.
pub fn all(files: &[PathBuf]) -> Result<Said> {
    let mut arguments = vec![PathBuf::from("--all"), PathBuf::from("--")];
    arguments.extend(files.iter().cloned());
    oom(&arguments)
}

/// All kills in one file.
pub fn all_of(file: &Path) -> Result<Said> {
    all(&[file.to_owned()])
}

/// A kill as the kernel of these days prints it, without any frame: the least that must be found.
pub fn kill_line(pid: u32, comm: &str) -> String {
    format!(
        "Memory cgroup out of memory: Killed process {pid} ({comm}) total-vm:120000kB, anon-rss:60000kB, \
         file-rss:4000kB, shmem-rss:0kB, UID:33 pgtables:200kB oom_score_adj:0"
    )
}

/// The summary line that comes before it.
pub fn summary_line(pid: u32, comm: &str, path: &str) -> String {
    format!(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg={path},\
         task_memcg={path},task={comm},pid={pid},uid=33"
    )
}

/// A whole short report, one message a line.
pub fn report(pid: u32, comm: &str, path: &str) -> Vec<String> {
    vec![
        format!("{comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"),
        format!("CPU: 0 PID: {pid} Comm: {comm} Not tainted 6.1.0-18-amd64 #1 Debian 6.1.76-1"),
        "memory: usage 65536kB, limit 65536kB, failcnt 12".to_owned(),
        "swap: usage 0kB, limit 9007199254740988kB, failcnt 0".to_owned(),
        "Tasks state (memory values in pages):".to_owned(),
        "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name".to_owned(),
        format!("[{pid:7}]    33 {pid:5}    30000    16000   204800        0             0 {comm}"),
        summary_line(pid, comm, path),
        kill_line(pid, comm),
    ]
}

/// The same in the frame of dmesg(1), a microsecond a line, from `second` on.
pub fn dmesg(second: u32, messages: &[String]) -> String {
    let line = |(number, message): (usize, &String)| format!("[{second:5}.{number:06}] {message}\n");
    messages.iter().enumerate().map(line).collect()
}
