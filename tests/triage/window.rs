//! `--since` and `--until`.

use crate::bed::{Logs, Said, naming, triage, word};
use crate::story::Story;
use crate::support::{Law, Result};
use crate::truth::{expected, must_be};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_window_shows_exactly_the_deaths_in_it", &[], exactly),
        Law::new("what_was_before_the_window_explains_what_is_in_it", &[], explained),
        Law::new("a_window_counts_only_the_ends_in_it", &[], counts),
        Law::new("a_window_is_told_as_it_was_asked_for", &[], told),
        Law::new("a_silent_death_is_in_the_window_in_which_it_was_found", &[], silent),
    ]
}

/// The word on a file with these options.
fn asked(options: &[&str], file: &Path) -> Result<Said> {
    let options: Vec<OsString> = options.iter().map(OsString::from).collect();
    triage(&[naming(&[PathBuf::from(file)], &[]), options].concat())
}

/// A worker dies every minute: 810 at 18:01, 811 at 18:02, …
fn every_minute() -> Story {
    let story = Story::new("23.0.0").start(&[810]);
    (810..840).fold(story, |story, pid| story.after(60).killed(pid, pid + 1)).after(60).stop(&[840])
}

fn exactly() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("error.log", every_minute().text())?;
    let pids = |options: &[&str]| asked(options, &file).map(|said| (said.pids(), said.code));
    let of = |range: std::ops::Range<u64>| (range.collect::<Vec<_>>(), 1);
    assert_eq!(pids(&[])?, of(810..840));
    assert_eq!(pids(&["--since", "2026-11-20T18:10:30Z"])?, of(820..840));
    assert_eq!(pids(&["--until", "2026-11-20T18:10:30Z"])?, of(810..820));
    assert_eq!(pids(&["--since", "2026-11-20T20:10:30+02:00", "--until", "2026-11-20T18:20:30Z"])?, of(820..830));
    assert_eq!(pids(&["--since", "2026-11-20", "--until", "2026-11-21"])?, of(810..840));
    assert_eq!(pids(&["--since", "36500d"])?, of(810..840));
    for none in [&["--until", "2026-11-20"][..], &["--since", "2026-11-21"], &["--since", "1s"]] {
        let (pids, code) = pids(none)?;
        // A log that does not reach into the window may be called a blind spot.
        assert!(pids.is_empty() && [0, 3].contains(&code), "{none:?}: {pids:?}, {code}");
    }
    Ok(())
}

fn explained() -> Result {
    let logs = Logs::new()?;
    let story = Story::new("23.0.0").start(&[801, 802]).after(59).timed_out(801).after(1).killed(801, 803);
    let file = logs.write("error.log", story.after(60).stop(&[802, 803]).text())?;
    let said = asked(&["--since", "2026-11-20T18:01:00Z"], &file)?;
    must_be(&expected(&["801 timeout likely..certain".into()]), &said, "a timeout just before the window")?;
    assert_eq!(word(said.death(801)?, "gunicorn"), "23.0.0", "the start was before the window");
    // Asked to stop before the window, killed in it.
    let story = Story::new("23.0.0").start(&[801, 802]).after(59).says("INFO", "Handling signal: ttou").after(1);
    let story = story.by(801, "INFO", "Worker exiting (pid: 801)").signalled(801, "SIGTERM", 15).after(60).stop(&[802]);
    let file = logs.write("error.log", story.text())?;
    let said = asked(&["--since", "2026-11-20T18:01:00Z"], &file)?;
    assert_eq!((said.deaths().len(), said.code), (0, 0), "{:#}", said.json);
    Ok(())
}

fn counts() -> Result {
    let logs = Logs::new()?;
    let recycled = |story: Story, pid: u32| {
        let story = story.after(60).by(pid, "INFO", "Autorestarting worker after current request.");
        story.by(pid, "INFO", format!("Worker exiting (pid: {pid})")).boot(pid + 1)
    };
    let story = (810..830).fold(Story::new("23.0.0").start(&[810]), recycled);
    let file = logs.write("error.log", story.after(60).stop(&[830]).text())?;
    let normal = |options: &[&str]| asked(options, &file).map(|said| (said.normal("recycled"), said.normal("stopped")));
    assert_eq!(normal(&[])?, (20, 1));
    assert_eq!(normal(&["--until", "2026-11-20T18:05:30Z"])?, (5, 0));
    assert_eq!(normal(&["--since", "2026-11-20T18:05:30Z"])?, (15, 1));
    Ok(())
}

fn told() -> Result {
    let logs = Logs::new()?;
    let file = logs.write("error.log", every_minute().text())?;
    let said = asked(&["--since", "2026-11-20T18:05:00Z", "--until", "2026-11-20T19:00:00Z"], &file)?;
    assert_eq!(said.json["window"]["from"], "2026-11-20T18:05:00Z", "{:#}", said.json["window"]);
    assert_eq!(said.json["window"]["to"], "2026-11-20T19:00:00Z", "{:#}", said.json["window"]);
    Ok(())
}

fn silent() -> Result {
    let logs = Logs::new()?;
    let story = Story::new("20.0.4").start(&[801, 802]).after(600).boot(803).after(600).stop(&[802, 803]);
    let file = logs.write("error.log", story.text())?;
    for (since, pids) in [("2026-11-20T18:05:00Z", &[801][..]), ("2026-11-20T18:25:00Z", &[])] {
        assert_eq!(asked(&["--since", since], &file)?.pids(), pids, "{since}");
    }
    Ok(())
}
