//! Files that are damaged, or no logs at all.

use crate::bed::{Logs, data, failure, gtune, of, of_text, piped, together, triage};
use crate::story::Story;
use crate::support::{Law, Need, Outcome, Result, outcome};
use crate::truth::{Case, case, must_be};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_log_that_cannot_be_read_is_bad_input", &[], unreadable),
        Law::new("a_log_that_may_not_be_read_is_bad_input", &[Need::Root], forbidden),
        Law::new("a_file_that_is_no_log_tells_of_no_death_and_says_so", &[], no_log),
        Law::new("an_empty_log_tells_of_no_death", &[], empty),
        Law::new("nul_bytes_hide_no_death", &[], nul_bytes),
        Law::new("lines_that_end_as_those_of_windows_tell_the_same", &[], carriage_returns),
        Law::new("bytes_that_are_no_text_hide_no_death", &[], no_text),
        Law::new("a_line_without_end_hides_no_death_and_takes_no_memory", &[], long_line),
        Law::new("a_last_line_without_its_end_is_read", &[], no_last_newline),
        Law::new("standard_input_is_a_log_like_others", &[], standard_input),
        Law::new("standard_input_may_be_closed_or_empty", &[], no_input),
        Law::new("a_pipe_may_be_named", &[], named_pipe),
        Law::new("a_bundle_from_another_year_is_read_whole", &[], long_ago),
        Law::new("options_that_mean_nothing_are_usage_errors", &[], usage),
    ]
}

const CASE: &str = "27.0.1/worker_other_deaths";

fn known() -> Result<Case> {
    case(CASE)
}

fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Outcome> {
    outcome(gtune().arg("triage").args(arguments))
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
    let good = logs.write("good.log", known()?.text()?)?;
    for path in [logs.path("missing.log"), directory, logs.path("missing/error.log"), logs.path("missing.log.gz")] {
        for option in ["--error-log", "--kernel-log"] {
            is_bad_input(&run(&[OsStr::new(option), path.as_os_str()])?, &path);
            // Beside a file that can be read, too.
            let both = [OsStr::new("--error-log"), good.as_os_str(), OsStr::new(option), path.as_os_str()];
            is_bad_input(&run(&both)?, &path);
        }
    }
    Ok(())
}

fn forbidden() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("error.log", known()?.text()?)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let gtune = logs.path("gtune");
    fs::copy(env!("CARGO_BIN_EXE_gtune"), &gtune)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(gtune);
    let said = outcome(command.args(["triage", "--error-log"]).arg(&file))?;
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
    for content in [rubbish(200_000), prose.into_bytes(), vec![0; 100_000], fs::read("/bin/true")?] {
        let said = of(&[logs.write("file", &content)?])?;
        assert_eq!((said.deaths().len(), said.code), (0, 3), "{:?}: {:#}", content.get(..20), said.json);
        assert!(!said.blind_spots().is_empty(), "{:#}", said.json);
    }
    // A death beside a file that is no log is found, and needs attention.
    let said = of(&[logs.write("file", rubbish(5000))?, logs.write("good.log", known()?.text()?)?])?;
    must_be(&known()?.deaths(), &said, "beside rubbish")
}

fn empty() -> Result {
    let said = of_text("")?;
    assert_eq!(said.deaths().len(), 0, "{:#}", said.json);
    let said = of_text(Story::new("23.0.0").start(&[801]).stop(&[801]).text())?;
    assert_eq!((said.code, said.deaths().len()), (0, 0), "{:#}", said.json);
    Ok(())
}

/// What a file system leaves in a log after the power was cut, and a truncation below a writer without O_APPEND.
fn nul_bytes() -> Result {
    let text = known()?.text()?;
    let nul = "\0".repeat(70_000);
    let (half, rest) = text.split_at(text.find("[2026-11-20 18:59:48").ok_or("no such line")?);
    for spoiled in
        [format!("{nul}{text}"), format!("{half}{nul}\n{rest}"), format!("{half}{nul}{rest}"), format!("{text}{nul}")]
    {
        must_be(&known()?.deaths(), &of_text(spoiled)?, "NUL bytes")?;
    }
    Ok(())
}

fn carriage_returns() -> Result {
    let mut failures = Vec::new();
    for path in ["20.0.4/boot_no_attr", "21.2.0/timeout_c_call", "23.0.0/boot_exception", "23.0.0/emfile_master", CASE]
    {
        let case = case(path)?;
        let said = of_text(case.text()?.replace('\n', "\r\n"))?;
        failures.extend(failure(must_be(&case.deaths(), &said, path)));
        failures.extend(failure(crate::truth::must_tell(&case.truth, &said, path)));
    }
    together(failures)
}

fn no_text() -> Result {
    let text = known()?.text()?;
    let mut spoiled = Vec::new();
    for line in text.split_inclusive('\n') {
        spoiled.extend(line.as_bytes());
        spoiled.extend(rubbish(300).into_iter().map(|byte| if byte == b'\n' { 0xff } else { byte }));
        spoiled.push(b'\n');
    }
    must_be(&known()?.deaths(), &of_text(spoiled)?, "rubbish between lines")
}

fn long_line() -> Result {
    let logs = Logs::new()?;
    let text = known()?.text()?;
    let (half, rest) = text.split_at(text.find("[2026-11-20 18:59:45").ok_or("no such line")?);
    let long = "x".repeat(50 << 20);
    for between in [format!("{long}\n"), format!("[2026-11-20 18:59:44 +0000] [21346] [INFO] {long}\n")] {
        let file = logs.write("error.log", format!("{half}{between}{rest}"))?;
        // All that is not the file itself, which may be mapped.
        let mut command = Command::new("prlimit");
        command.args(["--data=67108864", env!("CARGO_BIN_EXE_gtune"), "triage", "--format", "json", "--error-log"]);
        let said = crate::bed::Said::read(outcome(command.arg(&file))?)?;
        must_be(&known()?.deaths(), &said, "a long line")?;
        let said = piped(&["--error-log", "-"], &fs::read(&file)?)?;
        must_be(&known()?.deaths(), &said, "a long line in a pipe")?;
    }
    Ok(())
}

fn no_last_newline() -> Result {
    let text = Story::new("23.0.0").start(&[801, 802]).after(60).signalled(801, "SIGSEGV", 11);
    assert_eq!(of_text(text.text().trim_end())?.pids(), [801]);
    Ok(())
}

fn standard_input() -> Result {
    let case = known()?;
    must_be(&case.deaths(), &piped(&["--error-log", "-"], case.text()?.as_bytes())?, "stdin")?;
    let oom = crate::truth::case("27.0.1/oom")?;
    let kernel = data("27.0.1/oom.kmsg.log");
    let arguments = ["--error-log", "-", "--kernel-log", kernel.to_str().unwrap_or_default()];
    let said = piped(&arguments, oom.text()?.as_bytes())?;
    assert_eq!(said.verdicts(), [(Some(22082), "kernel-oom".to_owned())], "{:#}", said.json);
    let file = data("27.0.1/oom.log");
    let arguments = ["--error-log", file.to_str().unwrap_or_default(), "--kernel-log", "-"];
    let said = piped(&arguments, &fs::read(kernel)?)?;
    assert_eq!(said.verdicts(), [(Some(22082), "kernel-oom".to_owned())], "{:#}", said.json);
    Ok(())
}

fn no_input() -> Result {
    let line = |redirect: &str| format!("exec {} triage --error-log - {redirect}", env!("CARGO_BIN_EXE_gtune"));
    for redirect in ["</dev/null", "<&-"] {
        let said = outcome(Command::new("sh").args(["-c", &line(redirect)]))?;
        assert!(said.code.is_some_and(|code| [2, 3].contains(&code)), "of nothing nobody is known to live: {said:?}");
        assert!(!said.stderr.contains("panic"), "{said:?}");
    }
    Ok(())
}

fn named_pipe() -> Result {
    let logs = Logs::new()?;
    let pipe = logs.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
    let (path, text) = (pipe.clone(), known()?.text()?);
    let writer = std::thread::spawn(move || fs::write(path, text));
    let said = of(&[pipe])?;
    drop(writer.join());
    must_be(&known()?.deaths(), &said, "a pipe")
}

/// The last 24 hours are the default for a host, not for files that were named.
fn long_ago() -> Result {
    let case = known()?;
    let said = of_text(case.text()?.replace("2026-11-20", "2019-02-28"))?;
    must_be(&case.deaths(), &said, "2019")
}

fn usage() -> Result {
    let file = data("27.0.1/oom.log");
    let file = file.to_str().unwrap_or_default();
    for arguments in [
        &["--since", "yesterdaay", "--error-log", file][..],
        &["--until", "never", "--error-log", file],
        &["--error-log"],
        &["--pid", "x"],
        &[file],
    ] {
        let said = run(arguments)?;
        assert!(said.code == Some(2) && said.stdout.is_empty() && !said.stderr.is_empty(), "{arguments:?}: {said:?}");
    }
    // Twice the same pipe cannot be read.
    let said = run(&["--error-log", "-", "--kernel-log", "-"])?;
    assert!(said.code.is_some_and(|code| code <= 3) && !said.stderr.contains("panic"), "{said:?}");
    let said = triage(&["--error-log", file, "--since", "2026-11-20", "--until", "2026-11-21"])?;
    assert_eq!(said.pids(), [22082]);
    Ok(())
}
