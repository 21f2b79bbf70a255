//! Service managers and killers in user space: what they write in a journal, beside Gunicorn's own lines.

use crate::bed::{Said, failure, of_text, together, told, word};
use crate::frames::{FRAMES, Frame, dressed};
use crate::story::Story;
use crate::support::{Law, Result};
use crate::truth::{expected, must_be};
use jiff::Timestamp;
use serde_json::json;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("who_earlyoom_killed_is_told", &[], earlyoom),
        Law::new("a_service_that_systemd_oomd_killed_is_told", &[], systemd_oomd),
        Law::new("a_core_tells_of_a_crash_that_gunicorn_is_silent_of", &[], core),
        Law::new("a_clock_that_was_set_explains_timeouts_of_old_versions", &[], clock),
        Law::new("a_manager_is_believed_only_in_a_frame_that_names_it", &[], forged),
        Law::new("the_manager_of_one_unit_explains_no_death_of_another", &[], other_unit),
    ]
}

/// Somebody's line in syslog, as rsyslog writes it.
fn line(time: Timestamp, who: &str, message: &str) -> String {
    format!("{} web1 {who}: {message}\n", time.strftime("%Y-%m-%dT%H:%M:%S.654321+00:00"))
}

/// The frame that `line` is in.
fn rsyslog() -> Result<&'static Frame> {
    FRAMES.iter().find(|frame| frame.0 == "rsyslog").ok_or_else(|| "no such frame".into())
}

/// A story in syslog with these lines of others right before the first line that holds `before`.
fn with(story: &Story, before: &str, others: &str) -> Result<String> {
    let text = dressed(rsyslog()?, story.text());
    let at = text.find(before).ok_or("no such line")?;
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    Ok(format!("{}{others}{}", &text[..start], &text[start..]))
}

fn must(deaths: &[&str], text: &str, what: &str) -> Result<Said> {
    let said = of_text(text)?;
    let deaths: Vec<_> = deaths.iter().map(|&death| death.to_owned()).collect();
    must_be(&expected(&deaths), &said, what)?;
    Ok(said)
}

fn killed() -> (Story, Timestamp) {
    let story = Story::new("23.0.0").start(&[801, 802]).after(600);
    let at = story.now();
    (story.killed(801, 803).after(60).stop(&[802, 803]), at)
}

fn earlyoom() -> Result {
    let (story, at) = killed();
    let words = [
        "sending SIGKILL to process 801 uid 33 \"gunicorn\": oom_score 800, oom_score_adj 0, \
         VmRSS 900 MiB, cmdline \"gunicorn app\"",
        "sending SIGKILL to process 801 uid 33 \"gunicorn\": badness 800, VmRSS 900 MiB",
        "sending SIGKILL to process 801 \"gunicorn\": badness 800, VmRSS 900 MiB",
    ];
    let one = |words: &&str| -> Result {
        let others = line(at, "earlyoom[500]", "low memory! at or below SIGKILL limits: mem 5.00%, swap 5.00%")
            + &line(at, "earlyoom[500]", words);
        let said = must(&["801 userspace-oom likely..certain"], &with(&story, "was sent SIGKILL", &others)?, words)?;
        assert!(told(said.death(801)?).contains("earlyoom"), "{:#}", said.json);
        // It killed somebody else.
        let others = others.replace("process 801", "process 4711");
        must(&["801 killed possible..likely"], &with(&story, "was sent SIGKILL", &others)?, "of another").map(drop)
    };
    together(words.iter().filter_map(|words| failure(one(words))).collect())
}

/// It kills a whole control group: the log just ends.
fn systemd_oomd() -> Result {
    let story = Story::new("27.0.1").start(&[801, 802]).after(600).by(801, "INFO", "order 7 is on its way");
    let at = story.now();
    let unit = "gunicorn.service";
    let pressure = "being 68.10% > 50.00% for > 20s with reclaim activity";
    let others = line(
        at,
        "systemd-oomd[400]",
        &format!("Killed /system.slice/{unit} due to memory pressure for /system.slice {pressure}"),
    ) + &line(at, "systemd[1]", &format!("{unit}: systemd-oomd killed 3 process(es) in this unit."))
        + &line(at, "systemd[1]", &format!("{unit}: Main process exited, code=killed, status=9/KILL"))
        + &line(at, "systemd[1]", &format!("{unit}: Failed with result 'oom-kill'."));
    let text = dressed(rsyslog()?, story.text()) + &others;
    let said =
        must(&["800 master userspace-oom likely..certain or master-lost likely..certain"], &text, "systemd-oomd")?;
    assert!(told(said.death(800)?).contains("systemd-oomd"), "{:#}", said.json);
    Ok(())
}

fn core() -> Result {
    let story = Story::new("20.0.4").start(&[801, 802]).after(600);
    let at = story.now();
    let story = story.boot(803).after(60).stop(&[802, 803]);
    let others = line(at, "systemd-coredump[950]", "Process 801 (gunicorn) of user 33 dumped core.");
    must(&["801 crash likely..certain"], &with(&story, "pid: 803", &others)?, "coredump").map(drop)
}

fn clock() -> Result {
    let workers = [801, 802, 803];
    let story = Story::new("20.1.0").start(&workers).after(3600);
    let at = story.now();
    let story = workers.iter().fold(story, |story, pid| story.timed_out(*pid));
    let story = workers
        .iter()
        .fold(story, |story, pid| story.by(*pid, "INFO", format!("Worker exiting (pid: {pid})")).boot(pid + 10));
    let story = story.after(60).stop(&[811, 812, 813]);
    let deaths = workers.map(|pid| format!("{pid} timeout likely..certain"));
    for (who, words) in
        [("systemd[1]", "Time has been changed"), ("chronyd[321]", "System clock was stepped by 3598.123456 seconds")]
    {
        let text = with(&story, "WORKER TIMEOUT", &line(at, who, words))?;
        let said = must(&deaths.each_ref().map(String::as_str), &text, words)?;
        let tells = said.deaths().iter().all(|death| told(death).contains("clock"));
        assert!(tells, "{words}: {:#}", said.json);
    }
    Ok(())
}

/// Its words are within anybody's reach: an application may log them, and a client may send them.
fn forged() -> Result {
    let (story, at) = killed();
    let oom = "gunicorn.service: A process of this unit has been killed by the OOM killer.";
    let early = "sending SIGKILL to process 801 uid 33 \"gunicorn\": badness 800, VmRSS 900 MiB";
    let forgeries = [
        line(at, "shop[77]", oom),
        line(at, "shop[77]", &format!("systemd[1]: {oom}")),
        line(at, "gunicorn[802]", &format!("systemd[1]: {oom}")),
        line(at, "gunicorn[802]", &format!("[2026-11-20 18:10:00 +0000] [802] [INFO] systemd[1]: {oom}")),
        line(at, "shop[77]", early),
        line(at, "gunicorn[802]", &format!("earlyoom[500]: {early}")),
        line(
            at,
            "gunicorn[802]",
            &format!("10.0.0.9 - - [20/Nov/2026:18:10:00 +0000] \"GET / HTTP/1.1\" 200 3 \"-\" \"{oom}\""),
        ),
        json!({"MESSAGE": early, "SYSLOG_IDENTIFIER": "shop", "_SYSTEMD_UNIT": "shop.service", "_PID": "77",
               "__REALTIME_TIMESTAMP": at.as_microsecond().to_string()})
        .to_string()
            + "\n",
    ];
    let one = |forgery: &String| {
        let said = must(&["801 killed possible..likely"], &with(&story, "was sent SIGKILL", forgery)?, forgery)?;
        assert!(word(said.death(801)?, "verdict") == "killed", "{forgery}");
        Ok(())
    };
    together(forgeries.iter().filter_map(|forgery| failure(one(forgery))).collect())
}

fn other_unit() -> Result {
    let text = "[2026-11-20 18:00:00 +0000] [800] [INFO] Starting gunicorn 23.0.0";
    let (story, at) = killed();
    let entry = |unit: &str, line: &str| {
        json!({"__REALTIME_TIMESTAMP": at.as_microsecond().to_string(), "_PID": "800", "MESSAGE": line,
               "_TRANSPORT": "stdout", "SYSLOG_IDENTIFIER": "gunicorn", "_SYSTEMD_UNIT": unit})
        .to_string()
            + "\n"
    };
    let systemd = json!({"__REALTIME_TIMESTAMP": at.as_microsecond().to_string(), "_PID": "1",
        "SYSLOG_IDENTIFIER": "systemd", "_SYSTEMD_UNIT": "init.scope", "UNIT": "batch.service",
        "MESSAGE": "batch.service: A process of this unit has been killed by the OOM killer."});
    let journal: String = story.text().lines().map(|line| entry("gunicorn.service", line)).collect();
    assert!(journal.contains(text), "the story begins so");
    let said = must(&["801 killed possible..likely"], &format!("{systemd}\n{journal}"), "another unit")?;
    assert_eq!(said.deaths().len(), 1);
    Ok(())
}
