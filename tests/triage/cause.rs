//! What the kernel knows of a death that Gunicorn's log cannot explain, joined by the right pid and time.

use crate::bed::{Said, of_texts, report, told, word};
use crate::story::{BEGIN, Story};
use crate::support::{Law, Result};
use crate::truth::{expected, must_be};
use jiff::{SignedDuration, Timestamp};

const UNIT: &str = "/system.slice/gunicorn.service";

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_death_nothing_is_said_of_is_the_kernels_where_its_log_says_so", &[], silent_by_memory),
        Law::new("a_death_nothing_is_said_of_is_a_crash_where_the_kernel_saw_it", &[], silent_by_segfault),
        Law::new("a_kill_of_the_same_pid_an_hour_before_is_of_another_process", &[], other_time),
        Law::new("a_kill_of_another_process_in_the_same_second_is_no_certainty", &[], other_process),
        Law::new("a_master_that_the_kernel_killed_is_told_with_its_line", &[], master),
        Law::new("workers_that_freeze_together_beside_a_hung_disk_died_of_the_disk", &[], disk),
        Law::new("a_kernel_log_that_begins_later_is_a_blind_spot", &[], begins_later),
    ]
}

/// The kernel's messages in syslog, at this second of the story.
fn kernel(second: i64, messages: &[String]) -> String {
    let begin: Timestamp = BEGIN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let time = (begin + SignedDuration::from_secs(second)).strftime("%Y-%m-%dT%H:%M:%S.400000+00:00").to_string();
    let stamp = 5000 + second;
    messages.iter().map(|message| format!("{time} web1 kernel: [{stamp:5}.400000] {message}\n")).collect()
}

/// A kernel log that covers the story and tells nothing before its begin.
fn covered() -> String {
    kernel(-3600, &["eth0: link is up".to_owned()])
}

fn kill(second: i64, pid: u32, comm: &str) -> String {
    covered() + &kernel(second, &report(pid, comm, UNIT))
}

fn must(deaths: &[&str], story: &Story, kernel: &str, what: &str) -> Result<Said> {
    let said = of_texts(story.text(), kernel)?;
    let deaths: Vec<_> = deaths.iter().map(|&death| death.to_owned()).collect();
    must_be(&expected(&deaths), &said, what)?;
    Ok(said)
}

fn silent_by_memory() -> Result {
    for version in ["19.9.0", "20.0.4"] {
        let story = Story::new(version).start(&[801, 802, 803]).after(600).boot(804).after(600).stop(&[801, 803, 804]);
        must(&["802 kernel-oom certain..certain"], &story, &kill(599, 802, "gunicorn"), version)?;
        // Also where it did not stop since, and Gunicorn's log alone cannot tell who is missing.
        let story = Story::new(version).start(&[801, 802, 803]).after(600).boot(804).after(600);
        must(&["802 kernel-oom likely..certain"], &story, &kill(599, 802, "gunicorn"), version)?;
    }
    Ok(())
}

fn silent_by_segfault() -> Result {
    let line = "gunicorn[802]: segfault at 0 ip 00007f36f336cd76 sp 00007ffd49e29538 error 4 in \
                libssl.so.3[7f36f32e9000+156000]";
    let log = covered() + &kernel(599, &[line.to_owned()]);
    let story = Story::new("20.0.4").start(&[801, 802, 803]).after(600).boot(804).after(600).stop(&[801, 803, 804]);
    let said = must(&["802 crash likely..certain"], &story, &log, "20.0.4")?;
    assert!(told(said.death(802)?).contains("libssl.so.3"), "{:#}", said.json);
    Ok(())
}

fn other_time() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(7200).killed(801, 803).after(60).stop(&[802, 803]);
    for second in [60, 3600, 7000, 7260] {
        must(&["801 killed possible..certain"], &story, &kill(second, 801, "gunicorn"), &format!("{second} s"))?;
    }
    must(&["801 kernel-oom certain..certain"], &story, &kill(7200, 801, "gunicorn"), "in its second").map(drop)
}

fn other_process() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(600).killed(801, 803).after(60).stop(&[802, 803]);
    let said = of_texts(story.text(), kill(600, 4711, "ffmpeg"))?;
    let death = said.death(801)?;
    let sure = (word(death, "verdict"), word(death, "confidence"));
    assert!(sure.0 == "killed" || (sure.0 == "kernel-oom" && sure.1 != "certain"), "{:#}", said.json);
    Ok(())
}

fn master() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(600).by(801, "INFO", "order 7 is on its way");
    let story = story.after(5).master(900).start(&[901, 902]).after(60).stop(&[901, 902]);
    let either = "800 master master-lost likely..certain or kernel-oom likely..certain";
    let said = must(&[either], &story, &kill(602, 800, "gunicorn"), "OOM kill of the master")?;
    assert!(told(said.death(800)?).contains("Killed process 800"), "{:#}", said.json);
    Ok(())
}

/// Gunicorn kills who does not beat, and who waits for a disk does not even die: the end comes five seconds late.
fn disk() -> Result {
    let workers = [801, 802, 803];
    let hung = "INFO: task gunicorn:802 blocked for more than 120 seconds.".to_owned();
    let error =
        "EXT4-fs error (device vda1): ext4_journal_check_start:83: comm gunicorn: Detected aborted journal".to_owned();
    for version in ["21.2.0", "27.0.1"] {
        let story =
            workers.iter().fold(Story::new(version).start(&workers).after(600), |story, pid| story.timed_out(*pid));
        let story = workers.iter().fold(story.after(6), |story, pid| story.killed(*pid, pid + 10));
        let story = story.after(60).stop(&[811, 812, 813]);
        let deaths = workers.map(|pid| format!("{pid} heartbeat-storage likely..certain"));
        for line in [&hung, &error] {
            let log = covered() + &kernel(598, std::slice::from_ref(line));
            let said = must(&deaths.each_ref().map(String::as_str), &story, &log, version)?;
            assert!(told(said.death(802)?).contains(line.get(..20).unwrap_or_default()), "{line}: {:#}", said.json);
        }
    }
    Ok(())
}

fn begins_later() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(600).killed(801, 803).after(60).stop(&[802, 803]);
    let said = must(&["801 killed possible..likely"], &story, &kernel(640, &["eth0: link is up".to_owned()]), "later")?;
    assert!(said.blind_spots().contains("begins"), "{:#}", said.json);
    Ok(())
}
