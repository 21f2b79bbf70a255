use super::*;
use crate::gunicorn::log::{Event, Said};
use crate::units::Pid;

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

fn boot(pid: i32) -> String {
    let second = 1_795_201_894 + i64::from(pid);
    format!(
        "{{\"__REALTIME_TIMESTAMP\":\"{second}000000\",\"_PID\":\"{pid}\",\"_TRANSPORT\":\"stdout\",\"SYSLOG_IDENTIFIER\":\"gunicorn\",\
         \"MESSAGE\":\"[2026-11-20 19:11:34 +0000] [{pid}] [INFO] Booting worker with pid: {pid}\"}}"
    )
}

fn booted(command: Command, time: Duration) -> (Vec<i32>, Result<Read, Unread>) {
    let (mut pids, mut read) = (Vec::new(), Read::of("the journal of web.service"));
    let result = asked(
        command,
        time,
        &mut |told| {
            if let Said::Gunicorn(Event::Booting(Pid(pid))) = told.said {
                pids.push(pid);
            }
        },
        &mut read,
    );
    (pids, result.map(|()| read))
}

#[test]
fn what_the_journal_prints_is_told_in_its_order() {
    let (pids, read) = booted(shell(&format!("echo '{}'; echo '{}'", boot(7), boot(8))), TIME);
    let read = read.unwrap();
    assert_eq!((pids, read.framed, &read.source.lost), (vec![7, 8], true, &None));
    assert_eq!(read.source.begins, "2026-11-20T19:11:41Z".parse().ok());
    assert_eq!(read.source.ends, "2026-11-20T19:11:42Z".parse().ok());
}

#[test]
fn a_journal_that_fails_says_why_and_what_came_before_counts() {
    let (_, read) = booted(shell("echo 'Compiled without pattern matching support' >&2; exit 1"), TIME);
    assert_eq!(read.unwrap_err().reason.to_string(), "/bin/sh failed: Compiled without pattern matching support");
    let (pids, read) = booted(shell(&format!("echo '{}'; exec sleep 60", boot(7))), Duration::from_millis(400));
    assert_eq!(pids, [7]);
    assert_eq!(read.unwrap().source.lost.unwrap().to_string(), "/bin/sh did not come to its end in time");
}

#[test]
fn a_pattern_that_no_entry_has_is_no_failure() {
    let (pids, read) = booted(shell("exit 1"), TIME);
    assert_eq!((pids, read.unwrap().source.lost), (vec![], None));
}

#[test]
fn requests_are_left_out_and_what_tells_of_workers_is_not() {
    let pattern = |question: Question| {
        let pattern = question.arguments().into_iter().find_map(|one| Some(one.strip_prefix("--grep=")?.to_owned()));
        pattern.unwrap()
    };
    let boots = regex::bytes::Regex::new(&pattern(Question::of_all().boots())).unwrap();
    let boot = "[2026-11-20 19:14:07 +0000] [7] [INFO] Booting worker with pid: 7";
    assert!(boots.is_match(boot.as_bytes()) && !boots.is_match(format!("x {boot}").as_bytes()));
    let requests = pattern(Question::of_all().without_requests());
    // What looks ahead is journalctl's to match: PCRE2 knows it, and this crate does not.
    let requests = requests.strip_prefix("^(?!").and_then(|rest| rest.strip_suffix(')')).unwrap();
    let requests = regex::bytes::Regex::new(&format!("^(?:{requests})")).unwrap();
    let request = "127.0.0.1 - bob [20/Nov/2026:19:14:07 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"curl/8\"";
    assert!(requests.is_match(request.as_bytes()));
    for line in
        [boot, "Traceback (most recent call last):", "  File \"/srv/app.py\", line 3, in x", "ValueError: x [20/Nov"]
    {
        assert!(!requests.is_match(line.as_bytes()), "{line}");
    }
}

#[test]
fn of_the_time_before_the_newest_entries_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("entries");
    let lines: String = (0..60_000).map(|pid| boot(pid) + "\n").collect();
    std::fs::write(&path, &lines).unwrap();
    let entries = earlier(shell(&format!("exec cat {}", path.display()))).unwrap();
    let bytes: usize = entries.iter().map(Vec::len).sum();
    assert!(bytes > MOST_BEFORE - (1 << 20) && bytes < MOST_BEFORE + (1 << 20), "{bytes}");
    assert_eq!(entries[0], (boot(0) + "\n").into_bytes());
    assert!(entries.iter().all(|entry| entry.ends_with(b"}\n")));
}

fn arguments(question: Question) -> Vec<String> {
    // The first five are the same for all.
    question.arguments().into_iter().skip(5).collect()
}

#[test]
fn a_unit_is_asked_for_whatever_its_name_begins_with() {
    let asked = arguments(Question::of_units(&["web.service".into(), "--rotate".into()]));
    assert_eq!(asked, ["--unit=web.service", "--unit=--rotate"]);
    let asked = arguments(Question::of_user_units(&["web.service".into()], 1000));
    let expected = [
        "_SYSTEMD_USER_UNIT=web.service",
        "_UID=1000",
        "+",
        "USER_UNIT=web.service",
        "_UID=1000",
        "+",
        "COREDUMP_USER_UNIT=web.service",
        "COREDUMP_UID=1000",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn those_who_kill_are_asked_for_by_their_names_and_by_what_nobody_can_forge() {
    let asked = arguments(Question::of_killers());
    let sets: Vec<&[String]> = asked.split(|one| one == "+").collect();
    assert_eq!(sets[0][0], "_SYSTEMD_SLICE=system.slice");
    assert!(sets[0][1..].iter().all(|name| name.starts_with("SYSLOG_IDENTIFIER=")));
    assert_eq!(sets[1], ["SYSLOG_IDENTIFIER=systemd-coredump", "_UID=0"]);
    assert_eq!(sets[2], ["MESSAGE_ID=c7a787079b354eaaa9e77b371893cd27", "_PID=1"]);
}

#[test]
fn a_time_is_asked_for_with_room_on_both_sides() {
    let time = |second| Timestamp::from_second(second).ok();
    let asked = arguments(Question::of_all().within(less(time(100_000), MARGIN), more(time(200_000))));
    assert_eq!(asked, ["--since=@96400", "--until=@203600"]);
    assert_eq!(arguments(Question::of_all().within(None, None)), [] as [&str; 0]);
}

#[test]
fn without_a_journal_the_reason_is_told() {
    if Path::new("/run/systemd/system").exists() {
        return;
    }
    let unread = unit_journal(&["web.service".into()], None, None, &mut |_| {}).unwrap_err();
    assert_eq!(unread.reason.to_string(), "no journal of the system is there");
    assert!(killers_journal(None, None, &mut |_| {}).is_err());
}
