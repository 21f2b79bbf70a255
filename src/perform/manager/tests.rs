use super::*;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// A directory with programs that note how they were run, and then do as they are told.
struct Fake {
    directory: TempDir,
}

impl Fake {
    fn new(systemctl: &str) -> Self {
        let fake = Self { directory: tempfile::tempdir().unwrap() };
        fake.program("systemctl", systemctl);
        fake.program("journalctl", "echo; echo 'first line'; echo \"gunicorn: can't import 'app'\"; echo");
        fake
    }

    /// Written by a shell: a file that this program has open for writing cannot be run, and a child that another test
    /// starts in the meantime would hold it open.
    fn program(&self, name: &str, script: &str) {
        let text = format!("#!/bin/sh\necho \"$@\" >> ${{0%/*}}/{name}.log\n{script}\n");
        let mut shell = Command::new("sh")
            .args(["-c", "cat > $0; chmod +x $0"])
            .arg(self.directory.path().join(name))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
    }

    fn programs(&self) -> Programs {
        Programs { directory: self.directory.path().to_owned() }
    }

    fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }
}

#[test]
fn systemctl_is_told_what_to_do_and_nothing_more() {
    let fake = Fake::new("");
    fake.programs().reload().unwrap();
    fake.programs().restart("gunicorn.service", RESTART).unwrap();
    let expected = "--no-pager --no-ask-password daemon-reload\n\
        --no-pager --no-ask-password restart -- gunicorn.service\n";
    assert_eq!(fake.noted("systemctl.log"), expected);
    assert_eq!(fake.noted("journalctl.log"), "");
}

#[test]
fn a_failure_says_why_and_where_to_read_on() {
    let fake = Fake::new("echo 'Job for gunicorn.service failed.' >&2; echo 'See \"systemctl status\".' >&2; exit 1");
    let trouble = fake.programs().restart("gunicorn.service", RESTART).unwrap_err();
    let said = trouble.to_string();
    assert!(said.starts_with("cannot restart gunicorn.service: "), "{said}");
    assert!(said.contains("systemctl failed: Job for gunicorn.service failed.; the last line"), "{said}");
    assert!(said.ends_with(": gunicorn: can't import 'app'"), "{said}");
    assert_eq!(trouble.hint.as_deref(), Some("journalctl -u gunicorn.service -n 50"));
    assert!(
        fake.programs().reload().unwrap_err().to_string().starts_with("cannot make systemd read its files again: ")
    );
}

#[test]
fn a_failure_needs_no_journal_to_be_told() {
    let fake = Fake::new("echo 'no bus' >&2; exit 1");
    fs::remove_file(fake.directory.path().join("journalctl")).unwrap();
    assert!(fake.programs().restart("a.service", RESTART).unwrap_err().reason.ends_with("systemctl failed: no bus"));
}

#[test]
fn what_is_no_name_of_a_unit_never_reaches_systemctl() {
    let fake = Fake::new("");
    for name in ["*.service", "--force", "", "gunicorn", "a b.service", "../a.service", "g?nicorn.service"] {
        assert_eq!(fake.programs().restart(name, RESTART).unwrap_err().reason, "that is no name of a unit", "{name}");
    }
    assert_eq!(fake.noted("systemctl.log"), "");
}

#[test]
fn a_restart_that_does_not_end_is_not_waited_for_longer_than_said() {
    let fake = Fake::new("exec sleep 60");
    let began = Instant::now();
    let trouble = fake.programs().restart("a.service", Duration::from_millis(200)).unwrap_err();
    assert!(trouble.reason.contains("did not answer"), "{trouble}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn programs_run_in_a_clean_environment_and_a_process_group_of_their_own() {
    let fake = Fake::new(
        "env >> $0.log; read -r pid comm state parent group rest < /proc/$$/stat; echo $pid $group >> $0.log; cat >> $0.log",
    );
    fake.programs().reload().unwrap();
    let noted = fake.noted("systemctl.log");
    assert!(noted.contains("LC_ALL=C\n") && noted.contains("SYSTEMD_COLORS=0\n"), "{noted}");
    assert!(!noted.contains("CARGO") && !noted.contains("HOME="), "{noted}");
    let ids: Vec<&str> = noted.lines().last().unwrap().split(' ').collect();
    assert_eq!(ids[0], ids[1], "{noted}");
}
