//! What people see: the answer first, one paragraph a cause, and nothing that the terminal would obey.

use crate::bed::{Logs, gtune, of, word};
use crate::story::Story;
use crate::support::{Law, Outcome, Result, outcome};
use crate::truth::case;
use std::path::Path;
use std::process::Command;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("forty_deaths_of_one_cause_are_one_paragraph_and_forty_rows_for_who_asks", &[], gathered),
        Law::new("two_causes_are_two_paragraphs_worst_first", &[], two_causes),
        Law::new("no_text_of_a_log_reaches_the_terminal_as_a_command", &[], harmless),
        Law::new("every_width_is_kept_by_triage", &[], widths),
        Law::new("a_closed_pipe_is_success_for_triage", &[], closed_pipe),
        Law::new("the_json_of_triage_is_one_value_and_nothing_else", &[], one_value),
        Law::new("quiet_and_verbose_change_no_exit_code_of_triage", &[], exit_codes),
        Law::new("silence_is_no_answer", &[], healthy),
    ]
}

fn shown(options: &[&str], columns: u32, file: &Path) -> Result<Outcome> {
    let columns = columns.to_string();
    outcome(gtune().arg("triage").args(options).arg("--error-log").arg(file).env("COLUMNS", columns))
}

/// A worker crashes every half minute.
fn forty() -> Story {
    let story = Story::new("23.0.0").start(&[9001]);
    let crash = |story: Story, pid: u32| story.after(30).signalled(pid, "SIGSEGV", 11).boot(pid + 1);
    (9001..9041).fold(story, crash).after(60).stop(&[9041])
}

fn gathered() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("error.log", forty().text())?;
    let said = of(std::slice::from_ref(&file))?;
    assert_eq!(said.pids(), (9001..9041).collect::<Vec<_>>());
    let first = said.deaths().first().ok_or("no death")?;
    let same = |key: &str| said.deaths().iter().all(|death| death[key] == first[key]);
    assert!(same("verdict") && same("confidence") && same("advice"), "they gather: {:#}", said.json);
    let rows = |text: &str| text.lines().filter(|line| (9001..9041).any(|pid| line.contains(&pid.to_string()))).count();
    let brief = shown(&[], 100, &file)?;
    assert_eq!(brief.code, Some(1), "{brief:?}");
    assert!(brief.stdout.lines().next().is_some_and(|line| line.contains("40")), "the answer first:\n{}", brief.stdout);
    assert!(brief.stdout.lines().count() < 40 && rows(&brief.stdout) < 20, "{}", brief.stdout);
    let advice = first["advice"][0].as_str().and_then(|advice| advice.get(..20)).unwrap_or_default();
    assert!(brief.stdout.matches(advice).count() <= 1, "once is enough:\n{}", brief.stdout);
    let verbose = shown(&["-v"], 100, &file)?;
    assert!(rows(&verbose.stdout) >= 40, "{}", verbose.stdout);
    Ok(())
}

fn two_causes() -> Result {
    let logs = Logs::new()?;
    let story = (0..5).fold(Story::new("23.0.0").start(&[9001]), |story, turn| {
        let pid = 9001 + turn;
        let story = story.after(60).timed_out(pid).after(1);
        story.signalled(pid, "SIGKILL", 9).boot(pid + 1)
    });
    let story = story.after(60).says("ERROR", "Unhandled exception in main loop");
    let story = story.traceback("OSError: [Errno 28] No space left on device: '/run/hb/wgunicorn-abcdefgh'");
    let file = logs.write("error.log", story.text())?;
    let verdicts =
        of(std::slice::from_ref(&file))?.deaths().iter().map(|d| word(d, "verdict").to_owned()).collect::<Vec<_>>();
    assert_eq!(verdicts, ["timeout", "timeout", "timeout", "timeout", "timeout", "heartbeat-storage"]);
    let text = shown(&["--color", "never"], 100, &file)?.stdout;
    let (worst, other) = (text.rfind("/run/hb"), text.rfind("9003"));
    assert!(worst.is_some() && other.is_some(), "{text}");
    let lines = [text.find("heartbeat"), text.find("timeout")];
    assert!(lines[0].is_some() && lines[1].is_some(), "{text}");
    Ok(())
}

/// A client chooses the request line, and an application what it raises.
fn harmless() -> Result {
    let logs = Logs::new()?;
    let story = Story::new("23.0.0").start(&[801, 802]).after(60).timed_out(801);
    let story = story.by(801, "ERROR", "Error handling request /\u{1b}[2J\u{9b}31m\u{7}hang").raw(
        "Traceback (most recent call last):\n  \
         File \"/srv/app/\u{1b}]0;x\u{7}shop.py\", line 31, in \u{1b}[31mrows\n    wait('\u{1b}[2J')\n  \
         File \"/srv/lib/gunicorn/workers/base.py\", line 203, in handle_abort\n    sys.exit(1)\nSystemExit: 1",
    );
    let story = story.by(801, "INFO", "Worker exiting (pid: 801)").boot(803).after(9);
    let story = story.by(803, "ERROR", "Exception in worker process").traceback("RuntimeError: \u{1b}[2J\u{8}boom");
    let story =
        story.by(803, "INFO", "Worker exiting (pid: 803)").exited(803, 3).says("ERROR", "Shutting down: Master");
    let evil = logs.write("x\u{1b}[2Jy\nz.log", story.text())?;
    for options in [&["-v"][..], &[], &["-q"], &["--format", "json"], &["-v", "--color", "never"]] {
        let said = shown(options, 120, &evil)?;
        assert_eq!(said.code, Some(1), "{said:?}");
        let control = said.stdout.chars().chain(said.stderr.chars()).find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{options:?}: {}", said.stdout);
    }
    let said = shown(&[], 120, &logs.path("none\u{1b}[2J"))?;
    assert!(said.code == Some(2) && !said.stderr.contains('\u{1b}'), "{said:?}");
    Ok(())
}

fn widths() -> Result {
    let logs = Logs::new()?;
    for path in [
        "23.0.0/boot_exception",
        "27.0.1/timeout_python",
        "27.0.1/worker_other_deaths",
        "23.0.0/tmpdir_full_at_respawn",
    ] {
        let file = logs.write("e.log", case(path)?.text()?)?;
        let name = file.to_string_lossy().into_owned();
        for columns in [40, 60, 80, 100, 160] {
            for options in [&[][..], &["-v"]] {
                let said = shown(options, columns, &file)?;
                assert_eq!(said.code, Some(1), "{said:?}");
                let wide = said.stdout.lines().find(|line| {
                    // The name of the file may be one word longer than the page, and so may a word of the log.
                    line.chars().count() > columns as usize
                        && !line.contains(&name)
                        && line.split_whitespace().all(|word| word.chars().count() < columns as usize / 2)
                });
                assert!(wide.is_none(), "{path}, {columns}: {wide:?}\n{}", said.stdout);
            }
        }
    }
    Ok(())
}

fn closed_pipe() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("error.log", forty().text())?;
    for format in ["table", "json"] {
        let run = |reader: &str| {
            let gtune = env!("CARGO_BIN_EXE_gtune");
            let line = format!(
                "set -o pipefail; {gtune} triage -v --format {format} --error-log {} | {reader}",
                file.display()
            );
            outcome(Command::new("bash").args(["-c", &line]))
        };
        for _ in 0..5 {
            let said = run("true")?;
            // Who reads may be gone before the first byte, or after the last; the verdict may still be told.
            assert!([Some(0), Some(1)].contains(&said.code) && said.stderr.is_empty(), "{said:?}");
        }
        let said = run("head -c 1")?;
        assert!(said.stderr.is_empty() && said.stdout.len() == 1, "{said:?}");
    }
    Ok(())
}

fn one_value() -> Result {
    let logs = Logs::new()?;
    for (path, code) in [("23.0.0/worker_kill9", 1), ("23.0.0/start_stop", 0), ("23.0.0/log_disk_full", 3)] {
        let file = logs.write("error.log", case(path)?.text()?)?;
        let said = shown(&["--format", "json"], 80, &file)?;
        assert_eq!((said.code, said.stderr.as_str()), (Some(code), ""), "{path}");
        let values: Vec<_> =
            serde_json::Deserializer::from_str(&said.stdout).into_iter::<serde_json::Value>().collect();
        assert!(matches!(values[..], [Ok(_)]), "{path}: {}", said.stdout);
    }
    Ok(())
}

fn exit_codes() -> Result {
    let logs = Logs::new()?;
    for (path, code) in [
        ("23.0.0/worker_kill9", 1),
        ("23.0.0/timeout_python", 1),
        ("23.0.0/boot_exception", 1),
        ("23.0.0/master_kill9", 1),
        ("23.0.0/start_stop", 0),
        ("23.0.0/max_requests", 0),
        ("23.0.0/signals", 0),
        ("23.0.0/log_disk_full", 3),
    ] {
        let file = logs.write("error.log", case(path)?.text()?)?;
        for options in [&[][..], &["-q"], &["-v"], &["--format", "json"], &["--color", "always"]] {
            assert_eq!(shown(options, 80, &file)?.code, Some(code), "{path} {options:?}");
        }
    }
    Ok(())
}

fn healthy() -> Result {
    let logs = Logs::new()?;
    for path in ["23.0.0/start_stop", "23.0.0/max_requests", "23.0.0/log_disk_full", "23.0.0/all_killed"] {
        let said = shown(&[], 80, &logs.write("error.log", case(path)?.text()?)?)?;
        assert!(!said.stdout.trim().is_empty(), "{path}: {said:?}");
    }
    Ok(())
}
