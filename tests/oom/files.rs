//! Several files, the same file again, and standard input.

use crate::bed::{Logs, Said, all, dmesg, gtune, report};
use crate::support::{Law, Result};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_file_named_twice_tells_of_each_kill_once", &[], twice),
        Law::new("a_file_and_its_rotated_sibling_that_overlap_tell_of_each_kill_once", &[], overlap),
        Law::new("kills_come_in_order_of_time_whatever_the_order_of_files", &[], in_order),
        Law::new("kills_of_two_hosts_are_two_though_pid_and_stamp_agree", &[], two_hosts),
        Law::new("kills_of_two_boots_are_two_though_pid_and_stamp_agree", &[], two_boots),
        Law::new("standard_input_is_a_file_like_others", &[], standard_input),
        Law::new("standard_input_may_be_closed_or_empty", &[], no_input),
        Law::new("a_pipe_may_be_named", &[], named_pipe),
    ]
}

const PATH: &str = "/system.slice/gunicorn.service";

fn syslog(host: &str, time: &str, stamp: &str, pid: u32) -> String {
    let line = |message: &String| format!("{time} {host} kernel: [{stamp}] {message}\n");
    report(pid, "gunicorn", PATH).iter().map(line).collect()
}

fn twice() -> Result {
    let logs = Logs::new()?;
    for file in
        ["captures/10-boot-loop-rate-limited/dmesg.txt", "captures/01-sync-leak/dmesg-T.txt", "eras/no-frame.log"]
    {
        let file = logs.copy(file)?;
        let link = logs.path("link.log");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&file, &link)?;
        let once = all(std::slice::from_ref(&file))?.pids();
        assert_eq!(all(&[file.clone(), file.clone()])?.pids(), once);
        assert_eq!(all(&[file.clone(), link])?.pids(), once);
    }
    Ok(())
}

fn overlap() -> Result {
    let logs = Logs::new()?;
    let parts: Vec<_> =
        (1..=3).map(|n| syslog("web1", &format!("Nov 20 19:1{n}:00"), &format!("  10{n}.000000"), 100 + n)).collect();
    let old = logs.write("kern.log.1", parts[..2].concat())?;
    let new = logs.write("kern.log", parts[1..].concat())?;
    assert_eq!(all(&[old, new])?.pids(), [101, 102, 103]);
    Ok(())
}

fn in_order() -> Result {
    let logs = Logs::new()?;
    let part = |n: u32| {
        logs.write(
            &format!("{n}"),
            syslog("web1", &format!("2026-11-20T19:1{n}:00+00:00"), &format!("  10{n}.000000"), 100 + n),
        )
    };
    let files = [part(3)?, part(1)?, part(2)?];
    assert_eq!(all(&files)?.pids(), [101, 102, 103]);
    Ok(())
}

fn two_hosts() -> Result {
    let logs = Logs::new()?;
    let (one, two) =
        (syslog("web1", "Nov 20 19:11:00", "  100.000000", 7), syslog("web2", "Nov 20 19:11:00", "  100.000000", 7));
    assert_eq!(all(&[logs.write("both", format!("{one}{two}"))?])?.pids(), [7, 7]);
    assert_eq!(all(&[logs.write("one", one)?, logs.write("two", two)?])?.pids(), [7, 7]);
    Ok(())
}

/// A host that boots the same way every time and dies of the same thing.
fn two_boots() -> Result {
    let logs = Logs::new()?;
    let boots: Vec<_> =
        [18, 20].map(|day| syslog("web1", &format!("Nov {day} 19:11:00"), "  100.000000", 7)).into_iter().collect();
    assert_eq!(all(&[logs.write("both", boots.concat())?])?.pids(), [7, 7]);
    let journal = |boot: &str, second: u64| -> String {
        let record = |message: &String| {
            json!({"_BOOT_ID": boot, "_HOSTNAME": "web1", "_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel",
                   "PRIORITY": "3",
                   "_SOURCE_MONOTONIC_TIMESTAMP": "100000000",
                   "__REALTIME_TIMESTAMP": (second * 1_000_000).to_string(),
                   "MESSAGE": message})
            .to_string()
                + "\n"
        };
        report(7, "gunicorn", PATH).iter().map(record).collect()
    };
    // Even within the minute: a virtual machine may be up again in seconds.
    let two = journal("99cf476bd3bc43f399a40545a5819a86", 1_795_202_207)
        + &journal("5f0c2f4e8a6b4c1d9e3a7b5d1c0f2e4a", 1_795_202_230);
    assert_eq!(all(&[logs.write("journal", two)?])?.pids(), [7, 7]);
    Ok(())
}

/// `gtune oom --all --format json -` with this on standard input.
pub fn piped(input: &[u8]) -> Result<Said> {
    let mut child = gtune()
        .args(["oom", "--all", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    drop(writer.join());
    Said::read(crate::support::Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn standard_input() -> Result {
    let messages = report(31, "gunicorn", PATH);
    let said = piped(dmesg(5, &messages).as_bytes())?;
    assert_eq!((said.pids(), said.code), (vec![31], 1));
    assert_eq!(said.kill()?["source"], said.json["log"][0]["source"]);
    // Something that was typed, without any frame.
    assert_eq!(piped((messages.join("\n") + "\n").as_bytes())?.pids(), [31]);
    Ok(())
}

fn no_input() -> Result {
    let line = |redirect: &str| format!("exec {} oom --all --format json - {redirect}", env!("CARGO_BIN_EXE_gtune"));
    for (redirect, codes) in [("</dev/null", [0, 0]), ("<&-", [0, 2])] {
        let said = crate::support::outcome(std::process::Command::new("sh").args(["-c", &line(redirect)]))?;
        assert!(said.code.is_some_and(|code| codes.contains(&code)), "{said:?}");
        assert!(!said.stderr.contains("panic"), "{said:?}");
    }
    assert_eq!(piped(b"")?.code, 0);
    Ok(())
}

fn named_pipe() -> Result {
    let logs = Logs::new()?;
    let pipe = logs.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
    let text = dmesg(5, &report(32, "gunicorn", PATH));
    let writer = {
        let pipe: PathBuf = pipe.clone();
        std::thread::spawn(move || fs::write(Path::new(&pipe), text))
    };
    let said = all(&[pipe])?;
    assert_eq!(said.pids(), [32]);
    drop(writer.join());
    Ok(())
}
