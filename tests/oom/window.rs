//! `--since`, `--until` and `--match`.

use crate::bed::{Logs, oom, report, run};
use crate::support::{Law, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_window_cuts_at_its_times", &[], cuts),
        Law::new("a_window_shows_exactly_the_kills_in_it", &[], exactly),
        Law::new("a_window_into_a_log_that_is_out_of_order_shows_exactly_the_kills_in_it", &[], out_of_order),
        Law::new("a_window_over_the_turn_of_the_year_is_right", &[], turn_of_the_year),
        Law::new("a_report_that_begins_before_the_window_is_whole", &[], whole_report),
        Law::new("a_time_that_is_none_is_a_usage_error", &[], bad_times),
        Law::new("a_pattern_selects_by_name_unit_and_group", &[], patterns),
        Law::new("a_pattern_that_is_none_is_a_usage_error", &[], bad_pattern),
    ]
}

/// The pids that `gtune oom --all` finds in a file with these options.
fn pids(options: &[&str], file: &Path) -> Result<Vec<u64>> {
    let mut arguments: Vec<PathBuf> = ["--all"].iter().chain(options).map(PathBuf::from).collect();
    arguments.push(file.to_owned());
    Ok(oom(&arguments)?.pids())
}

fn cuts() -> Result {
    let logs = Logs::new()?;
    for form in [
        "rsyslog-kern-iso.log",
        "rsyslog-kern.log",
        "journalctl-json.txt",
        "journalctl-short-unix.txt",
        "journalctl-short.txt",
    ] {
        let file = logs.copy(&format!("captures/16-through-journald-and-rsyslogd/{form}"))?;
        let of = |options: &[&str]| pids(options, &file);
        let (first, second, both) = ([62135].as_slice(), [62137].as_slice(), [62135, 62137].as_slice());
        let none: &[u64] = &[];
        assert_eq!(of(&["--since", "2026-11-20T19:16:48Z"])?, second, "{form}");
        assert_eq!(of(&["--until", "2026-11-20T19:16:48Z"])?, first, "{form}");
        assert_eq!(of(&["--since", "2026-11-20T21:16:48+02:00"])?, second, "{form}");
        assert_eq!(of(&["--since", "2026-11-20"])?, both, "{form}");
        assert_eq!(of(&["--since", "2026-11-20", "--until", "2026-11-21"])?, both, "{form}");
        assert_eq!(of(&["--until", "2026-11-20"])?, none, "{form}");
        assert_eq!(of(&["--since", "2026-11-21"])?, none, "{form}");
        assert_eq!(of(&["--since", "36500d"])?, both, "{form}");
        assert_eq!(of(&["--since", "1s"])?, none, "{form}");
    }
    let iso = logs.copy("captures/01-sync-leak/dmesg-iso.txt")?;
    assert_eq!(pids(&["--since", "2026-11-20T19:14:08Z"], &iso)?, [60237, 60248]);
    Ok(())
}

/// Minutes of a day, two thousand of them: noise in each, a kill in every fiftieth; pids are the minutes.
struct Day {
    lines: Vec<String>,
}

const EVERY: u32 = 50;

impl Day {
    fn new(stamp: impl Fn(u32) -> String) -> Self {
        let minute = |minute: u32| {
            let head = format!("{} web1 kernel: [{:5}.000000]", stamp(minute), minute * 60);
            let noise = format!("{head} eth0: link state change\n").repeat(6);
            let kill: String = report(minute, "gunicorn", "/system.slice/gunicorn.service")
                .iter()
                .map(|m| format!("{head} {m}\n"))
                .collect();
            if minute.is_multiple_of(EVERY) { noise + &kill } else { noise }
        };
        Self { lines: (1..2000).map(minute).collect() }
    }

    fn text(&self, minutes: impl Iterator<Item = u32>) -> String {
        minutes.filter_map(|minute| self.lines.get(minute as usize - 1)).map(String::as_str).collect()
    }
}

/// Minute by minute from 2026-11-18T00:00.
fn iso(minute: u32) -> String {
    format!("2026-11-{:02}T{:02}:{:02}:00+00:00", 18 + minute / 1440, minute / 60 % 24, minute % 60)
}

fn traditional(minute: u32) -> String {
    format!("Nov {:2} {:02}:{:02}:00", 18 + minute / 1440, minute / 60 % 24, minute % 60)
}

/// Windows that begin and end on kills, between them, before all and after all.
const WINDOWS: &[(u32, u32)] =
    &[(1, 1999), (0, 1), (50, 51), (51, 100), (49, 151), (701, 1203), (1949, 1951), (1951, 1999), (990, 1010)];

fn window_of(file: &Path, (from, to): (u32, u32)) -> Result {
    let expected: Vec<u64> = (1..2000)
        .filter(|minute: &u32| minute.is_multiple_of(EVERY) && (from..=to).contains(minute))
        .map(u64::from)
        .collect();
    let found =
        pids(&["--since", &iso(from).replace("+00:00", "Z"), "--until", &iso(to).replace(":00+00:00", ":30Z")], file)?;
    assert_eq!(found, expected, "{} from minute {from} to {to}", file.display());
    Ok(())
}

fn exactly() -> Result {
    let logs = Logs::new()?;
    let files = [
        logs.write("iso.log", Day::new(iso).text(1..2000))?,
        logs.write("traditional.log", Day::new(traditional).text(1..2000))?,
    ];
    files.iter().try_for_each(|file| WINDOWS.iter().try_for_each(|window| window_of(file, *window)))
}

/// `cat kern.log kern.log.1 > all.log`, and lines of a host whose clock was set back.
fn out_of_order() -> Result {
    let logs = Logs::new()?;
    let day = Day::new(iso);
    let files = [
        logs.write("swapped.log", day.text((1000..2000).chain(1..1000)))?,
        logs.write("thirds.log", day.text((600..1200).chain(1200..2000)).clone() + &day.text(1..600))?,
        logs.write("set-back.log", day.text(1..1000) + &day.text(1500..2000) + &day.text(1000..1500))?,
    ];
    files.iter().try_for_each(|file| WINDOWS.iter().try_for_each(|window| window_of(file, *window)))
}

fn turn_of_the_year() -> Result {
    let logs = Logs::new()?;
    let part = |time: &str, pid: u32| -> String {
        let line = |message: &String| format!("{time} web1 kernel: [{pid:5}.000000] {message}\n");
        report(pid, "gunicorn", "/system.slice/gunicorn.service").iter().map(line).collect()
    };
    // The file was last written in November 2026, by its own time, so its December was that of 2025.
    let file =
        logs.write("kern.log", part("Dec 31 23:59:58", 5) + &part("Jan  1 00:00:02", 6) + &part("Nov 20 10:00:00", 7))?;
    assert_eq!(pids(&["--since", "2026-01-01"], &file)?, [6, 7]);
    assert_eq!(pids(&["--until", "2026-01-01"], &file)?, [5]);
    assert_eq!(pids(&["--since", "2025-12-31", "--until", "2026-02-01"], &file)?, [5, 6]);
    Ok(())
}

fn whole_report() -> Result {
    let logs = Logs::new()?;
    let messages = report(5, "gunicorn", "/system.slice/gunicorn.service");
    let line = |(number, message): (usize, &String)| {
        format!("2026-11-20T19:14:07.{number}00000+00:00 web1 kernel: [ 5.00000{number}] {message}\n")
    };
    let noise = "2026-11-20T19:14:06.000000+00:00 web1 kernel: [    4.000000] eth0: link state change\n".repeat(5000);
    let file = logs.write("kern.log", noise + &messages.iter().enumerate().map(line).collect::<String>())?;
    // The kill is at .8, the first line of its report at .0.
    let said = oom(&[Path::new("--since"), Path::new("2026-11-20T19:14:07.5Z"), &file])?;
    assert_eq!(said.kill()?["trigger"]["pid"], json!(5), "{:#}", said.json);
    Ok(())
}

fn bad_times() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("kern.log", "")?;
    for time in [
        "",
        " ",
        "soon",
        "2h2",
        "-1h",
        "1.5x",
        "2026-13-01",
        "2026-02-30",
        "25:00",
        "99999999999999999999d",
        "2026-11-20T25:00:00Z",
    ] {
        for option in ["--since", "--until"] {
            let said = run(&[&format!("{option}={time}"), &*file.to_string_lossy()])?;
            assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{option}={time}: {said:?}");
            assert!(said.stderr.contains("cannot read the command line") && said.stderr.contains("hint: "), "{said:?}");
        }
    }
    for time in ["2h", "7d", "30m", "90s", "2026-11-20", "2026-11-20T18:46:00Z"] {
        let said = run(&["--since", time, &*file.to_string_lossy()])?;
        assert_ne!(said.code, Some(2), "{time}: {said:?}");
    }
    Ok(())
}

fn patterns() -> Result {
    let logs = Logs::new()?;
    let of = |pattern: &str, case: &str| -> Result<Vec<u64>> {
        let file = logs.copy(&format!("captures/{case}/kmsg.txt"))?;
        Ok(oom(&[Path::new("--match"), Path::new(pattern), &file])?.pids())
    };
    assert_eq!(of("^celery$", "07-interleaved")?, [54362], "by name, though it is none of Gunicorn's");
    assert_eq!(of("docker/a1a1", "07-interleaved")?, [54361], "by group");
    assert_eq!(of("^gunicorn\\.service$", "01-sync-leak")?, [60236, 60237, 60248], "by unit");
    assert_eq!(of("(?i)NOBODY", "01-sync-leak")?, Vec::<u64>::new());
    assert_eq!(of("^bad", "03-odd-process-names")?, [60511], "a name that is no text");
    Ok(())
}

fn bad_pattern() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("kern.log", "")?;
    let said = run(&["--match", "gunicorn(", &*file.to_string_lossy()])?;
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.stderr.contains("hint: ") && said.stderr.contains("gunicorn("), "{said:?}");
    Ok(())
}
