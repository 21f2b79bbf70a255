//! Files that are damaged, or no logs at all.

use crate::bed::{self, Logs, all_of, dmesg, report, run};
use crate::support::{Law, Need, Outcome, Result, outcome};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const PATH: &str = "/system.slice/gunicorn.service";

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_file_that_cannot_be_read_is_bad_input", &[], unreadable),
        Law::new("a_file_that_may_not_be_read_is_bad_input", &[Need::Root], forbidden),
        Law::new("a_file_that_is_no_log_could_not_be_looked_into", &[], no_log),
        Law::new("an_empty_log_tells_of_no_kill", &[], empty),
        Law::new("nul_bytes_in_a_log_hide_no_kill", &[], nul_bytes),
        Law::new("lines_that_end_as_those_of_windows_are_lines", &[], carriage_returns),
        Law::new("a_line_without_end_hides_no_kill_and_takes_no_memory", &[], long_line),
        Law::new("a_last_line_without_its_end_is_read", &[], no_last_newline),
        Law::new("lines_of_others_between_those_of_a_report_change_nothing", &[], lines_between),
    ]
}

fn honest(pid: u32) -> String {
    dmesg(pid, &report(pid, "gunicorn", PATH))
}

fn is_bad_input(said: &Outcome, path: &Path) {
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains(&format!("cannot read {}: ", path.display())), "{said:?}");
    assert!(said.stderr.lines().any(|line| line.starts_with("hint: ")), "{said:?}");
}

fn unreadable() -> Result {
    let logs = Logs::new()?;
    let directory = logs.path("directory");
    fs::create_dir(&directory)?;
    for path in [logs.path("missing.log"), directory, logs.path("missing/kern.log"), logs.path("missing.log.gz")] {
        is_bad_input(&run(&[&path])?, &path);
        // Beside a file that can be read, too.
        let good = logs.write("good.log", honest(5))?;
        is_bad_input(&run(&[&good, &path])?, &path);
    }
    Ok(())
}

fn forbidden() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("kern.log", honest(5))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let gtune = logs.path("gtune");
    fs::copy(env!("CARGO_BIN_EXE_gtune"), &gtune)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(gtune).arg("oom").arg(&file);
    let said = outcome(&mut command)?;
    is_bad_input(&said, &file);
    assert!(said.stderr.to_lowercase().contains("permission denied"), "{said:?}");
    Ok(())
}

/// Bytes without any order, the same at every run.
fn rubbish(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn no_log() -> Result {
    let logs = Logs::new()?;
    let prose = "Dear colleague,\n\nthe meeting is on Thursday.\nRegards\n".repeat(40);
    for content in [rubbish(200_000), prose.into_bytes(), vec![0; 100_000], fs::read(env!("CARGO_BIN_EXE_gtune"))?] {
        let said = all_of(&logs.write("file", &content)?)?;
        assert_eq!((said.kills().len(), said.code), (0, 3), "{:?}: {:#}", content.get(..20), said.json);
        assert!(said.json["log"][0]["note"].is_string() || said.json["blind_spots"] != json!([]), "{:#}", said.json);
    }
    // A true kill beside a file that is no log is found, and needs attention.
    let good = logs.write("good.log", honest(5))?;
    let said = bed::all(&[logs.write("file", rubbish(5000))?, good])?;
    assert_eq!((said.pids(), said.code), (vec![5], 1));
    Ok(())
}

fn empty() -> Result {
    let logs = Logs::new()?;
    let said = all_of(&logs.write("kern.log", "")?)?;
    assert_eq!((said.code, said.kills().len()), (0, 0), "{:#}", said.json);
    // Quiet logs are logs.
    let said = all_of(&logs.write("kern.log", "[    0.000000] Linux version 6.1.0\n")?)?;
    assert_eq!((said.code, said.kills().len()), (0, 0), "{:#}", said.json);
    let said = all_of(&logs.write("syslog", "Nov 20 19:14:07 web1 systemd[1]: Started cron.service.\n")?)?;
    assert_eq!((said.code, said.kills().len()), (0, 0), "{:#}", said.json);
    Ok(())
}

/// What a file system leaves in a log after the power was cut.
fn nul_bytes() -> Result {
    let logs = Logs::new()?;
    let nul = "\0".repeat(3000);
    let syslog = |pid: u32| -> String {
        let line = |message: &String| format!("Nov 20 19:14:07 web1 kernel: [{pid:5}.000000] {message}\n");
        report(pid, "gunicorn", PATH).iter().map(line).collect()
    };
    for dress in [honest, syslog] {
        for text in [
            format!("{}{nul}\n{}", dress(5), dress(6)),
            format!("{}{nul}{}", dress(5), dress(6)),
            format!("{nul}{}{nul}{}{nul}", dress(5), dress(6)),
        ] {
            assert_eq!(all_of(&logs.write("kern.log", &text)?)?.pids(), [5, 6]);
        }
    }
    Ok(())
}

fn carriage_returns() -> Result {
    let logs = Logs::new()?;
    let windows = |path: &str| -> Result<String> { Ok(fs::read_to_string(bed::data(path))?.replace('\n', "\r\n")) };
    let form = "captures/16-through-journald-and-rsyslogd";
    for name in [
        "kmsg.txt",
        "dmesg.txt",
        "dmesg-T.txt",
        "dmesg.json",
        "journalctl-json.txt",
        "journalctl-cat.txt",
        "rsyslog-kern.log",
    ] {
        let said = all_of(&logs.write("windows.log", windows(&format!("{form}/{name}"))?)?)?;
        assert_eq!(said.pids(), [62135, 62137], "{name}");
        let kill = &said.kills()[0];
        assert_eq!((&kill["task_memcg"], kill["oom_score_adj"].as_i64()), (&PATH.into(), Some(0)), "{name}");
        assert_eq!(kill["tasks"][1]["comm"], "gunicorn", "{name}");
    }
    Ok(())
}

fn long_line() -> Result {
    let logs = Logs::new()?;
    let long = "x".repeat(50 << 20);
    for text in
        [format!("{}{long}\n{}", honest(5), honest(6)), format!("{}[    5.500000] {long}\n{}", honest(5), honest(6))]
    {
        let file = logs.write("kern.log", &text)?;
        // All that is not the file itself, which may be mapped.
        let mut command = Command::new("prlimit");
        command.args(["--data=50331648", env!("CARGO_BIN_EXE_gtune"), "oom", "--all", "--format", "json"]).arg(&file);
        assert_eq!(bed::Said::read(outcome(&mut command)?)?.pids(), [5, 6]);
        assert_eq!(crate::files::piped(text.as_bytes())?.pids(), [5, 6]);
    }
    Ok(())
}

fn no_last_newline() -> Result {
    let logs = Logs::new()?;
    assert_eq!(all_of(&logs.write("kern.log", honest(5).trim_end())?)?.pids(), [5]);
    // The last line is still being written: its name is whole, its figures are not.
    let cut = honest(5);
    let cut = cut.find(" anon-rss").map_or("", |at| &cut[..at]);
    let said = all_of(&logs.write("kern.log", cut)?)?;
    assert!(said.pids().is_empty() || said.kill()?["anon_rss_bytes"].is_null(), "{:#}", said.json);
    Ok(())
}

fn lines_between() -> Result {
    let logs = Logs::new()?;
    let noise = [
        "[    5.000000] usb 1-1: new high-speed USB device\n",
        "[    5.000000] [drm] ready\n",
        "[    5.000000] \n",
        "[    5.000000] IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=40 PROTO=TCP\n",
    ];
    for between in noise {
        let spliced = honest(5).split_inclusive('\n').map(|line| format!("{line}{between}")).collect::<String>();
        let kill = all_of(&logs.write("kern.log", spliced)?)?.kill()?.clone();
        assert_eq!((&kill["limit_bytes"], &kill["trigger"]["pid"]), (&(65536 * 1024).into(), &5.into()), "{between}");
        assert_eq!(kill["oom_memcg"], PATH);
    }
    Ok(())
}
