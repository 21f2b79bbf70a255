//! What people see: tables that fit, and nothing in them that the terminal would obey.

use crate::bed::{Logs, data, gtune};
use crate::support::{Law, Outcome, Result, outcome};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("no_name_reaches_the_terminal_as_a_command", &[], harmless),
        Law::new("every_width_is_kept", &[], widths),
        Law::new("a_closed_pipe_is_success_for_oom", &[], closed_pipe),
        Law::new("json_is_one_value_and_nothing_else", &[], one_value),
        Law::new("a_table_names_each_kill", &[], table),
        Law::new("quiet_and_verbose_change_no_verdict", &[], detail),
    ]
}

fn shown(options: &[&str], columns: u32, file: &Path) -> Result<Outcome> {
    outcome(gtune().args(["oom", "--all"]).args(options).arg(file).env("COLUMNS", columns.to_string()))
}

fn harmless() -> Result {
    let logs = Logs::new()?;
    for form in ["kmsg.txt", "dmesg.txt", "dmesg.json"] {
        let file = logs.copy(&format!("captures/03-odd-process-names/{form}"))?;
        for options in [&["-v"][..], &[], &["-q"], &["--format", "json"], &["-v", "--color", "never"]] {
            let said = shown(options, 120, &file)?;
            assert_eq!(said.code, Some(1), "{said:?}");
            let control = said.stdout.chars().chain(said.stderr.chars()).find(|c| c.is_control() && *c != '\n');
            assert_eq!(control, None, "{form} {options:?}: {}", said.stdout);
            assert!(
                !said.stdout.lines().any(|line| line.starts_with("worker")),
                "a newline in a name: {}",
                said.stdout
            );
        }
    }
    // A file may have such a name too.
    let evil = logs.write("x\u{1b}[2Jy\nz.log", fs::read(data("captures/01-sync-leak/dmesg.txt"))?)?;
    for options in [&["-v"][..], &["--format", "json"]] {
        let said = shown(options, 120, &evil)?;
        assert!(said.code == Some(1) && !said.stdout.contains('\u{1b}'), "{said:?}");
    }
    let said = shown(&[], 120, &logs.path("none\u{1b}[2J"))?;
    assert!(said.code == Some(2) && said.stderr.contains("cannot read") && !said.stderr.contains('\u{1b}'), "{said:?}");
    Ok(())
}

fn widths() -> Result {
    let logs = Logs::new()?;
    let files = [
        "captures/03-odd-process-names/dmesg-T.txt",
        "captures/05-pid-namespace/dmesg-iso.txt",
        "hosts/global-oom/kern.log",
        "eras/group-kill.log",
        "eras/4.19.log",
    ];
    for file in files {
        let file = logs.copy(file)?;
        for columns in [40, 60, 72, 80, 100, 120, 200] {
            for options in [&[][..], &["-v"]] {
                let said = shown(options, columns, &file)?;
                assert_eq!(said.code, Some(1), "{said:?}");
                let wide = said.stdout.lines().find(|line| line.chars().count() > columns as usize);
                // The name of the file may be one word longer than the page.
                let excused = |line: &str| line.contains(&*file.to_string_lossy());
                assert!(wide.is_none_or(excused), "{columns}: {wide:?}\n{}", said.stdout);
            }
        }
    }
    Ok(())
}

fn closed_pipe() -> Result {
    let file = Logs::new()?;
    let file = file.copy("captures/10-boot-loop-rate-limited/dmesg.txt")?;
    for format in ["table", "json"] {
        let line = format!(
            "set -o pipefail; {} oom --all -v --format {format} {} | true",
            env!("CARGO_BIN_EXE_gtune"),
            file.display()
        );
        for _ in 0..5 {
            let said = outcome(Command::new("bash").args(["-c", &line]))?;
            // Who reads may be gone before the first byte, or after the last; the verdict may still be told.
            assert!([Some(0), Some(1)].contains(&said.code) && said.stderr.is_empty(), "{said:?}");
        }
        let line = format!(
            "set -o pipefail; {} oom --all -v --format {format} {} | head -c 1",
            env!("CARGO_BIN_EXE_gtune"),
            file.display()
        );
        let said = outcome(Command::new("bash").args(["-c", &line]))?;
        assert!(said.stderr.is_empty() && said.stdout.len() == 1, "{said:?}");
    }
    Ok(())
}

fn one_value() -> Result {
    let logs = Logs::new()?;
    for (file, code) in [("captures/03-odd-process-names/kmsg.txt", 1), ("captures/12-not-oom-kill-dash-9/kmsg.txt", 0)]
    {
        let said = shown(&["--format", "json"], 80, &logs.copy(file)?)?;
        assert_eq!((said.code, said.stderr.as_str()), (Some(code), ""), "{file}");
        let values: Vec<_> =
            serde_json::Deserializer::from_str(&said.stdout).into_iter::<serde_json::Value>().collect();
        assert!(matches!(values[..], [Ok(_)]), "{file}: {}", said.stdout);
    }
    Ok(())
}

fn table() -> Result {
    let logs = Logs::new()?;
    let said = shown(&[], 120, &logs.copy("captures/01-sync-leak/dmesg-iso.txt")?)?;
    for word in ["60236", "60237", "60248", "gunicorn", "gunicorn.service", "128 MiB"] {
        assert!(said.stdout.contains(word), "no {word}:\n{}", said.stdout);
    }
    let said = shown(&[], 120, &logs.copy("hosts/segfault/kern.log")?)?;
    assert!(said.code == Some(0) && !said.stdout.trim().is_empty(), "silence is no answer: {said:?}");
    Ok(())
}

fn detail() -> Result {
    let logs = Logs::new()?;
    for (file, code) in [("hosts/global-oom/kern.log", 1), ("hosts/segfault/kern.log", 0)] {
        let file = logs.copy(file)?;
        for options in [&[][..], &["-q"], &["-v"], &["--format", "json"], &["--color", "always"]] {
            assert_eq!(shown(options, 80, &file)?.code, Some(code), "{options:?}");
        }
    }
    Ok(())
}
