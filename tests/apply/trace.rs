//! A program under strace(1): what it writes, and the same program hit by a fault at one of these calls.
//!
//! A call that strace answers with SIGKILL is not performed: the tracee dies at its entrance. So the host is seen as it
//! is between two writes; what follows the last one is seen by a kill at the entrance of `exit_group`. "Killed right
//! after a write" is no case of its own: nothing changes between that write and the entrance of the next one.

use crate::support::{Outcome, Result};
use crate::tree::bounded;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// System calls that change files, or what else of them is durable. Names a machine does not have are left out by `?`.
const CALLS: &str = "?open,openat,?openat2,?creat,write,?pwrite64,writev,?pwritev,?pwritev2,?sendfile,?copy_file_range,\
    ?ftruncate,?truncate,fallocate,fchown,?chown,?lchown,fchownat,fchmod,?chmod,fchmodat,?fchmodat2,setxattr,lsetxattr,\
    fsetxattr,removexattr,lremovexattr,fremovexattr,?utimensat,fsync,fdatasync,syncfs,?sync_file_range,?rename,\
    ?renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,?mkdir,mkdirat,flock,mount,umount2,\
    exit_group";

/// One system call that writes, as a clean run made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The how manieth of that name it is in its thread.
    pub ordinal: usize,
    /// What strace says of it.
    pub line: String,
}

/// What hits a call in place of being performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The program is killed.
    Kill,
    /// The call fails with this error.
    Error(&'static str),
}

/// A run that was hit.
#[derive(Debug)]
pub struct Hit {
    /// What came of the program; no code where it was killed.
    pub outcome: Outcome,
    /// The call that was hit, as strace saw it.
    pub line: String,
}

impl Call {
    /// The paths it is given, each after the directory that it is relative to: `5</etc>, "fstab"`. One that is absolute
    /// stands for itself.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut rest = self.line.as_str();
        while let Some((before, after)) = rest.split_once('"') {
            let directory =
                before.rsplit_once('<').and_then(|(_, path)| path.split_once('>')).map_or("", |(path, _)| path);
            let Some((path, after)) = after.split_once('"') else { break };
            found.push(Path::new(directory).join(path));
            rest = after;
        }
        found
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}: {}", self.name, self.ordinal, self.line)
    }
}

/// Runs a program to its end, and lists the calls by which it wrote below `root`, and its end, in order.
pub fn record(program: &[OsString], root: &Path, log: &Path) -> Result<(Outcome, Vec<Call>)> {
    let outcome = traced(program, log, &[])?;
    let text = fs::read_to_string(log).map_err(|e| format!("no log of strace ({e}): {outcome:?}"))?;
    Ok((outcome, writes(&text, root)))
}

/// Runs a program and lets one of its calls meet a fault. An error where the fault met none, or another one.
pub fn hit(program: &[OsString], call: &Call, fault: Fault, root: &Path, log: &Path) -> Result<Hit> {
    let what = match fault {
        Fault::Kill => "signal=SIGKILL".to_owned(),
        Fault::Error(errno) => format!("error={errno}"),
    };
    let outcome = traced(program, log, &[format!("inject={}:{what}:when={}", call.name, call.ordinal)])?;
    let text = fs::read_to_string(log).map_err(|e| format!("no log of strace ({e}): {outcome:?}"))?;
    let met = match fault {
        Fault::Kill => killed_at(&text, &call.name),
        Fault::Error(_) => text.lines().find(|line| line.contains("(INJECTED)")),
    };
    match met {
        Some(line) if is_write(line, root) => Ok(Hit { outcome, line: line.to_owned() }),
        _ => Err(format!("{fault:?} did not meet {call}, but {met:?}: {outcome:?}").into()),
    }
}

/// Runs a program with these injections, `inject=…`, and leaves strace's log.
pub fn traced(program: &[OsString], log: &Path, injections: &[String]) -> Result<Outcome> {
    bounded(&strace(program, log, injections))
}

/// The command line that does so.
pub fn strace(program: &[OsString], log: &Path, injections: &[String]) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["strace".into(), "-f".into()];
    // With a filter in the kernel it stops the tracee only where it has to, but can then send no signal from there
    // (ptrace(2): a signal given at a PTRACE_EVENT stop is dropped).
    if !injections.iter().any(|injection| injection.contains("signal=")) {
        argv.push("--seccomp-bpf".into());
    }
    argv.extend(["-qq", "-y", "-e", "signal=kill", "-o"].map(Into::into));
    argv.push(log.into());
    argv.extend(["-e".into(), format!("trace={CALLS}").into()]);
    argv.extend(injections.iter().flat_map(|injection| ["-e".into(), injection.into()]));
    argv.extend(program.iter().cloned());
    argv
}

/// The call of this name that a killed run did not come back from.
fn killed_at<'a>(log: &'a str, name: &str) -> Option<&'a str> {
    log.lines().find(|line| line.contains("+++ killed by SIGKILL"))?;
    let mut never_back = log.lines().filter(|line| line.ends_with("= ?") || line.contains("<unfinished ...>"));
    never_back.rfind(|line| called(line).is_some_and(|(_, called)| called == name))
}

/// The calls of a log that write below `root`, and the end.
fn writes(log: &str, root: &Path) -> Vec<Call> {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut found = Vec::new();
    for line in log.lines() {
        let Some((thread, name)) = called(line) else { continue };
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        if is_write(line, root) {
            let line = line.split_once(' ').map_or(line, |(_, rest)| rest.trim_start());
            found.push(Call { name: name.to_owned(), ordinal: *count, line: line.to_owned() });
        }
    }
    found
}

/// Thread and name of a call that begins on this line.
fn called(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, _) = rest.trim_start().split_once('(')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_name && thread.bytes().all(|b| b.is_ascii_digit())).then_some((thread, name))
}

/// Whether a line tells of a call that writes below `root`, locks something there, or ends the program.
fn is_write(line: &str, root: &Path) -> bool {
    let Some((_, name)) = called(line) else { return false };
    // With `-y` every descriptor is followed by the path it was opened by, in angle brackets.
    let root = root.to_string_lossy();
    let below = line.contains(&*root);
    match name {
        "exit_group" => true,
        // What is written to stdout may well name the root.
        _ if name.contains("write") => line.split(',').next().is_some_and(|descriptor| descriptor.contains(&*root)),
        "open" | "openat" | "openat2" => {
            below && ["O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC"].iter().any(|flag| line.contains(flag))
        }
        _ => below,
    }
}
