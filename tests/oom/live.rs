//! The log of the kernel that runs: a kill made on the spot, in a control group of its own.

use crate::bed::{self, Logs, Said, oom};
use crate::support::{Law, MemoryCgroup, Need, Result, outcome};
use jiff::Timestamp;
use serde_json::Value;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The interpreter that the system's package manager provides.
const PYTHON: &str = "/usr/bin/python3";

/// The limit of the group: a Python takes some 10 MiB to start.
const LIMIT: u64 = 32 << 20;

/// The laws.
pub fn laws() -> Vec<Law> {
    let needs = [Need::Root, Need::MemoryCgroup];
    vec![
        Law::new("a_kill_is_found_within_the_second", &needs, within_the_second),
        Law::new("a_kill_of_another_program_is_counted_and_can_be_asked_for", &needs, of_another),
        Law::new("who_may_not_read_the_log_is_told_what_would_help", &needs, by_nobody),
    ]
}

/// A process that was killed, and when its end was seen.
struct Killed {
    pid: u32,
    at: Timestamp,
    since: Instant,
    group: String,
}

/// Lets a process of this name take more memory than its group may have, until the kernel kills it.
fn kill(name: &str) -> Result<Killed> {
    let (group, logs) = (MemoryCgroup::new(LIMIT)?, Logs::new()?);
    let program = logs.path(name);
    std::os::unix::fs::symlink(PYTHON, &program)?;
    // The shell becomes the program, so its pid is known before.
    let enter = group.enter();
    let mut child = Command::new(&enter[0])
        .args(&enter[1..])
        .arg(&program)
        .args(["-c", "kept = []\nwhile True: kept.append(bytearray(1 << 20))"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = child.wait()?;
    let (at, since) = (Timestamp::now(), Instant::now());
    assert_eq!(status.signal(), Some(9), "it was not killed: {status}");
    Ok(Killed { pid: child.id(), at, since, group: group.name().to_owned() })
}

/// The kill among those that were found.
fn found<'a>(said: &'a Said, killed: &Killed) -> Result<&'a Value> {
    // Pids come again: the one that counts is the last.
    let kill = said.kills().iter().rfind(|kill| kill["pid"] == killed.pid);
    kill.ok_or_else(|| format!("no kill of {}: {:?}; {}", killed.pid, said.pids(), said.json["log"]).into())
}

fn within_the_second() -> Result {
    let killed = kill("gunicorn")?;
    let said = oom(&["--since", "1h"])?;
    assert!(killed.since.elapsed() < Duration::from_secs(1), "took {:?}", killed.since.elapsed());
    let kill = found(&said, &killed)?;
    let time: Timestamp = kill["time"].as_str().ok_or("no time")?.parse()?;
    let off = (killed.at - time).total(jiff::Unit::Second)?;
    assert!(off.abs() < 1.0, "{off} s off: {kill:#}");
    assert_eq!((said.code, &kill["comm"], &kill["scope"]), (1, &"gunicorn".into(), &"memcg".into()));
    assert_eq!((&kill["source"], kill["uid"].as_u64()), (&"/dev/kmsg".into(), Some(0)));
    if !kill["trigger"].is_null() {
        assert_eq!((&kill["limit_bytes"], &kill["concerns_gunicorn"]), (&LIMIT.into(), &true.into()));
        assert!(kill["oom_memcg"].as_str().is_some_and(|path| path.ends_with(&killed.group)), "{kill:#}");
    }
    let counted = said.json["counters"]["oom_kill"].as_u64();
    assert!(counted.is_none_or(|kills| kills >= 1), "{}", said.json["counters"]);
    Ok(())
}

fn of_another() -> Result {
    let before = oom(&["--since", "1h"])?.json["others"].as_u64().ok_or("no count")?;
    let killed = kill("eater")?;
    let said = oom(&["--since", "1h"])?;
    assert!(found(&said, &killed).is_err(), "it is none of Gunicorn's");
    assert!(said.json["others"].as_u64() > Some(before), "{before}, then {}", said.json["others"]);
    for options in [&["--all"][..], &["--match", "^eater$"]] {
        let said = oom(options)?;
        assert_eq!((found(&said, &killed)?["concerns_gunicorn"].as_bool(), said.code), (Some(false), 1), "{options:?}");
    }
    Ok(())
}

/// Without CAP_SYSLOG, and in no group that may read the files.
fn by_nobody() -> Result {
    let killed = kill("gunicorn")?;
    let logs = Logs::new()?;
    let gtune = logs.path("gtune");
    fs::copy(env!("CARGO_BIN_EXE_gtune"), &gtune)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]);
    let said = bed::Said::read(outcome(command.arg(gtune).args(["oom", "--format", "json"]))?)?;
    if found(&said, &killed).is_ok() {
        return Ok(());
    }
    // The counter may have been read: a kill that it counts may be in the log that may not be read, so none is lost.
    assert_eq!(said.code, 3, "{:#}", said.json);
    let spots = said.json["blind_spots"].to_string().to_lowercase();
    let helps = ["cap_syslog", "root", "adm", "systemd-journal", "dmesg_restrict"];
    assert!(spots.contains("/dev/kmsg") && helps.iter().any(|word| spots.contains(word)), "{spots}");
    Ok(())
}
