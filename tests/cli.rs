//! Drives the program as a shell would.

use gtune::checks::ALL;
use serde_json::Value;
use std::fs::File;
use std::process::{Command, Output, Stdio};

/// The program in an environment without anything, as cron and cloud-init start it.
fn gtune(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtune"));
    command.args(line.split_whitespace()).env_clear().stdin(Stdio::null());
    command
}

fn run(line: &str) -> Output {
    gtune(line).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("gtune was killed by a signal")
}

/// An exit code that a look at this unknown host may give.
fn is_verdict(code: i32) -> bool {
    [0, 1, 3].contains(&code)
}

#[test]
fn a_wrong_check_is_named_and_the_nearest_right_one_offered() {
    let right = ALL[0].id;
    let wrong = &right[..right.len() - 1];
    for line in [format!("doctor {wrong}"), format!("doctor --skip {wrong}"), format!("explain {wrong}")] {
        let output = run(&line);
        assert_eq!(code(&output), 2, "{line}");
        assert_eq!(stdout(&output), "");
        let complaint = stderr(&output);
        assert!(complaint.starts_with(&format!("gtune: cannot read the command line: invalid value '{wrong}'")));
        assert!(complaint.lines().nth(1).unwrap().starts_with("hint: did you mean "), "{complaint}");
        assert_eq!(complaint.lines().count(), 2, "{complaint}");
    }
}

#[test]
fn usage_errors_are_two_lines_on_stderr_and_exit_2() {
    for line in ["frob", "doctor --nope", "doctor --pid x", "--format yaml doctor", "explain", "-q -v doctor"] {
        let output = run(line);
        assert_eq!((code(&output), stdout(&output).as_str()), (2, ""), "{line}");
        assert_eq!(stderr(&output).lines().count(), 2, "{line}: {}", stderr(&output));
    }
    assert_eq!(code(&run("")), 2);
}

#[test]
fn help_and_version_go_to_stdout() {
    for line in [
        "--help",
        "-h",
        "--version",
        "doctor --help",
        "doctor -h",
        "explain --help",
        "help doctor",
        "apply --help",
        "rollback -h",
        "triage --help",
    ] {
        let output = run(line);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{line}");
        assert!(stdout(&output).lines().all(|line| line.chars().count() <= 80), "{line}:\n{}", stdout(&output));
    }
    assert!(stdout(&run("doctor --help")).contains("Exit status:"));
}

#[test]
fn a_root_that_is_not_there_is_a_usage_error_with_the_reason() {
    let output = run("--root /no/such/root doctor");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).starts_with("gtune: cannot open root /no/such/root: "), "{}", stderr(&output));
}

#[test]
fn a_unit_that_is_not_there_is_named() {
    let output = run("doctor --unit no-such-unit-here");
    assert!([2, 3].contains(&code(&output)));
    assert!(stderr(&output).starts_with("gtune: cannot find unit no-such-unit-here.service: "), "{}", stderr(&output));
    assert!(!stderr(&output).contains('\u{1b}'));
}

#[test]
fn names_from_the_command_line_cannot_steer_the_terminal() {
    let output = gtune("doctor --unit").arg("a\u{1b}[2Jb").output().unwrap();
    assert!(!stderr(&output).contains('\u{1b}'), "{:?}", stderr(&output));
}

/// Whether a line cannot be broken further: one word of a command, with its quotes and the backslash after it, behind a
/// label at most. Broken it would be another command.
fn holds_one_word(line: &str) -> bool {
    let line = line.trim_start();
    let command = ["by hand: ", "fix: "].iter().find_map(|label| line.strip_prefix(label)).unwrap_or(line);
    shlex::split(command.trim_end_matches('\\')).is_some_and(|words| words.len() == 1)
}

#[test]
fn only_one_word_of_a_command_may_be_too_long() {
    assert!(holds_one_word(r"             'tmpfs /mem tmpfs size=64m 0 0' \"));
    assert!(holds_one_word("  by hand: \"a b\""));
    for line in ["  seen: it's one", "printf 'a b' > /etc/x", "a worker's limit", "  found: \"x\" y"] {
        assert!(!holds_one_word(line), "{line}");
    }
}

#[test]
fn every_line_fits_the_columns() {
    for columns in ["40", "80", "200"] {
        let pages = ALL.iter().map(|check| format!("explain {}", check.id));
        for line in ["doctor", "doctor -v", "doctor --list"].map(str::to_owned).into_iter().chain(pages) {
            let output = gtune(&line).env("COLUMNS", columns).output().unwrap();
            let (text, width) = (stdout(&output), columns.parse::<usize>().unwrap());
            assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
            let too_long = |line: &&str| line.chars().count() > width && !holds_one_word(line);
            assert_eq!(text.lines().find(too_long).filter(|_| width >= 80), None, "{line} at {columns}");
        }
    }
}

#[test]
fn colour_is_asked_for_or_absent() {
    let has_colour = |command: &mut Command| stdout(&command.output().unwrap()).contains('\u{1b}');
    assert!(!has_colour(&mut gtune("doctor")));
    assert!(has_colour(&mut gtune("doctor --color always")));
    assert!(has_colour(gtune("doctor").env("CLICOLOR_FORCE", "1")));
    assert!(!has_colour(gtune("doctor").env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
    assert!(!has_colour(&mut gtune("doctor --color always --format json")));
}

#[test]
fn a_bare_environment_and_any_locale_are_enough() {
    let plain = code(&run("doctor"));
    assert!(is_verdict(plain), "{plain}");
    for (name, value) in
        [("LANG", "C"), ("LC_ALL", "C"), ("LANG", "de_DE.UTF-8"), ("TERM", "no-such-terminal"), ("COLUMNS", "x")]
    {
        assert_eq!(code(&gtune("doctor").env(name, value).output().unwrap()), plain, "{name}={value}");
    }
}

#[test]
fn json_is_exactly_one_value() {
    let output = run("doctor --format json");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&value["schema"], &value["command"]), (&Value::from(1), &Value::from("doctor")));
    let states = value["summary"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(states as usize, value["checks"].as_array().unwrap().len());
    let time = value["observed_at"].as_str().unwrap();
    assert!(time.ends_with('Z') && !time.contains('.'), "{time}");
    for line in ["doctor --list --format json", "--format json explain somaxconn"] {
        serde_json::from_slice::<Value>(&run(line).stdout).unwrap();
    }
}

#[test]
fn the_list_names_every_check() {
    let text = stdout(&run("doctor --list"));
    ALL.iter().for_each(|check| assert!(text.contains(check.id), "{}", check.id));
    assert_eq!(text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(), ["CHECK", "AREA", "TITLE"]);
}

#[test]
fn every_check_can_be_explained() {
    for check in ALL {
        let output = run(&format!("explain {}", check.id));
        assert_eq!(code(&output), 0);
        let text = stdout(&output);
        for heading in ["Looks at", "Why it matters to Gunicorn", "What gtune changes", "By hand", "See also"] {
            assert!(text.lines().any(|line| line == heading), "{}: {heading}", check.id);
        }
        assert!(text.starts_with(&format!("{}: ", check.id)));
    }
}

#[test]
fn one_check_can_be_run_or_left_out() {
    let id = ALL[0].id;
    let value: Value = serde_json::from_slice(&run(&format!("doctor {id} --format json")).stdout).unwrap();
    assert!(value["checks"].as_array().unwrap().iter().all(|check| check["id"] == id));
    let value: Value = serde_json::from_slice(&run(&format!("doctor --skip {id} --format json")).stdout).unwrap();
    let mine = value["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id);
    assert!(mine.clone().count() == 1 && mine.clone().all(|check| check["state"] == "skipped"));
}

#[test]
fn a_reader_that_went_away_is_success() {
    for line in ["doctor", "doctor --format json", "--help", "doctor --list"] {
        let expected = code(&run(line));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = gtune(line).stdout(writer).output().unwrap();
        assert_eq!((code(&output), stderr(&output).as_str()), (expected, ""), "{line}");
    }
}

#[test]
fn a_full_disk_is_an_error_of_its_own() {
    for line in ["doctor", "doctor --format json", "--help", "doctor --format nagios"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = gtune(line).stdout(full).output().unwrap();
        assert_eq!(code(&output), 4, "{line}");
        assert_eq!(stderr(&output), "gtune: cannot write the answer: no space left on device\n");
    }
}

#[test]
fn a_closed_stderr_does_no_harm() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = gtune("doctor nonsense").stderr(writer).output().unwrap();
    assert_eq!(code(&output), 2);
}

#[test]
fn a_plugin_speaks_on_stdout_and_exits_as_plugins_do() {
    let output = run("doctor --format nagios");
    let text = stdout(&output);
    let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    let word = words[code(&output) as usize];
    assert!(text.starts_with(&format!("GTUNE {word} - ")), "{text}");
    assert!(text.split(" | ").next().unwrap().chars().count() < 80);
    for line in
        ["doctor --format nagios --nope", "doctor --format=nagios nonsense", "doctor --format nagios --root /no/such"]
    {
        let output = run(line);
        assert_eq!(code(&output), 3, "{line}");
        assert!(stdout(&output).starts_with("GTUNE UNKNOWN - "), "{line}");
    }
}

#[test]
fn what_this_release_cannot_run_is_marked() {
    let help = stdout(&run("--help"));
    let has = |verb: &str| help.lines().any(|line| line.starts_with(&format!("  {verb} ")));
    for check in ALL {
        let text = stdout(&run(&format!("explain {}", check.id)));
        let by_hand = text.split("\nBy hand\n").nth(1).unwrap().split("\n\n").next().unwrap();
        for line in by_hand.lines().filter_map(|line| line.trim_start().strip_prefix("gtune ")) {
            let verb = line.split_whitespace().next().unwrap();
            let mark = format!("with a release that has {verb}:");
            assert!(has(verb) || by_hand.contains(&mark), "{}: {line}", check.id);
        }
        if !has("apply") && check.changes.contains("gtune apply") {
            assert!(text.contains("gtune apply comes with a later release"), "{text}");
        }
    }
}

/// An image with one transaction in force, and the directory it lies in: the image is named from there.
fn changed_image() -> tempfile::TempDir {
    let above = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(above.path().join("image/etc/sysctl.d")).unwrap();
    let output = gtune("--root image apply --somaxconn 8192").current_dir(above.path()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    above
}

fn settings(above: &tempfile::TempDir) -> usize {
    std::fs::read_dir(above.path().join("image/etc/sysctl.d")).unwrap().count()
}

#[test]
fn a_transaction_that_is_not_there_is_a_usage_error_and_none_in_force_is_nothing_to_do() {
    let above = tempfile::tempdir().unwrap();
    let root = above.path().display();
    for verb in ["rollback", "history"] {
        let output = run(&format!("--root {root} {verb} nope"));
        assert_eq!(code(&output), 2, "{verb}");
        let told = "gtune: cannot find transaction nope: the journal holds none of that name\n";
        assert_eq!(stderr(&output), format!("{told}hint: gtune --root {root} history\n"));
        assert_eq!(code(&run(&format!("--root {root} {verb} nop"))), 2, "too short to be meant");
    }
    let output = run(&format!("--root {root} rollback"));
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "nothing to do: no transaction is in force\n"));
    let output = run(&format!("--root {root} rollback --format json"));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&value["transaction"], &value["outcome"]), (&Value::Null, &Value::from("nothing-to-do")));
    assert_eq!(std::fs::read_dir(above.path()).unwrap().count(), 0);
}

#[test]
fn a_script_of_a_root_that_was_named_from_here_works_from_anywhere() {
    let above = changed_image();
    assert_eq!(settings(&above), 1);
    let printed = gtune("--root image rollback --print").current_dir(above.path()).output().unwrap();
    let undone = Command::new("sh").arg("-c").arg(stdout(&printed)).current_dir("/").output().unwrap();
    assert_eq!((code(&undone), settings(&above)), (0, 0), "{}", stderr(&undone));
    let again = gtune("--root image rollback").current_dir(above.path()).output().unwrap();
    assert_eq!(code(&again), 0, "{}", stdout(&again));
}

#[test]
fn an_older_transaction_is_refused_as_a_whole_while_a_later_one_stands_on_it() {
    let above = changed_image();
    let root = above.path().join("image");
    let root = root.display();
    assert_eq!(code(&run(&format!("--root {root} apply --somaxconn 16384"))), 0);
    let listed = run(&format!("--root {root} history --format json"));
    let value: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let id = |at: usize| value["transactions"][at]["id"].as_str().unwrap();
    let (later, older) = (id(0), id(1));
    for options in ["", " --dry-run", " --print"] {
        let output = run(&format!("--root {root} rollback {older}{options}"));
        assert_eq!((code(&output), stdout(&output).as_str()), (4, ""));
        assert!(stderr(&output).contains(&format!(": transaction {later} changed /etc/sysctl.d/")), "{options}");
        assert!(stderr(&output).ends_with(&format!("hint: gtune --root {root} rollback {later}\n")));
    }
    let unchanged = run(&format!("--root {root} history --format json"));
    let unchanged: Value = serde_json::from_slice(&unchanged.stdout).unwrap();
    assert_eq!(unchanged["transactions"], value["transactions"]);
    for prefix in [&later[..4], &older[..4]] {
        assert_eq!(code(&run(&format!("--root {root} rollback {prefix}"))), 0);
    }
    assert_eq!(settings(&above), 0);
}

#[test]
fn history_that_cannot_read_a_journal_could_not_look() {
    let above = changed_image();
    let root = above.path().join("image");
    let damaged = root.join("var/lib/gtune/journal/20200101T000000Z-bad000.jsonl");
    std::fs::write(&damaged, "garbage\n").unwrap();
    let listed = run(&format!("--root {} history", root.display()));
    assert_eq!(code(&listed), 3);
    let told = stdout(&listed);
    assert!(told.contains("\ncannot read") && told.contains("bad000"), "{told}");
    assert_eq!(code(&run(&format!("--root {} history bad0", root.display()))), 3);
    assert_eq!(code(&run(&format!("--root {} history nope", root.display()))), 2);
}
