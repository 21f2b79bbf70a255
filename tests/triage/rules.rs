//! The rules that make a verdict right where one would be wrong, each with a log that was made for it.

use crate::bed::{Said, failure, of_text, together, told, word};
use crate::story::Story;
use crate::support::{Law, Result};
use crate::truth::{expected, must_be};

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("a_kill_after_a_timeout_is_the_masters_and_one_without_is_not", &[], timeout_or_not),
        Law::new("a_timeout_of_an_earlier_worker_of_the_same_pid_excuses_no_kill", &[], pid_again),
        Law::new("exits_of_all_workers_at_usr1_are_permissions_and_others_are_exits", &[], at_usr1),
        Law::new("no_space_is_the_heartbeats_only_where_its_file_is_named", &[], no_space),
        Law::new("a_master_that_ends_by_an_error_of_its_own_is_told", &[], own_error),
        Law::new("a_log_that_ends_and_begins_again_has_lost_its_master", &[], begins_again),
        Law::new("a_child_that_never_booted_is_no_worker", &[], no_worker),
        Law::new("where_boots_are_hidden_a_death_is_a_death", &[], hidden_boots),
        Law::new("workers_that_hang_in_a_request_together_time_out_and_the_disk_is_not_to_blame", &[], database),
        Law::new("a_worker_that_is_replaced_without_a_word_has_died", &[], silent),
        Law::new("a_worker_that_was_asked_to_stop_has_not_died_whatever_is_said", &[], asked),
        Law::new("descriptors_that_ran_out_long_ago_are_no_cause", &[], descriptors),
        Law::new("every_signal_that_is_told_is_a_crash_but_sigkill", &[], signals),
    ]
}

/// The versions whose masters tell by what signal a worker ended.
const TELLING: &[&str] = &["20.1.0", "21.2.0", "23.0.0", "27.0.1"];

fn must(deaths: &[&str], story: &Story, what: &str) -> Result<Said> {
    let said = of_text(story.text())?;
    let deaths: Vec<_> = deaths.iter().map(|&death| death.to_owned()).collect();
    must_be(&expected(&deaths), &said, what)?;
    Ok(said)
}

fn timeout_or_not() -> Result {
    let one = |version: &&'static str| -> Result {
        let story = Story::new(version).start(&[801, 802]).after(60).timed_out(801).after(1).killed(801, 803);
        let story = story.after(60).killed(802, 804).after(9).stop(&[803, 804]);
        must(&["801 timeout likely..certain", "802 killed possible..likely"], &story, version).map(drop)
    };
    together(TELLING.iter().filter_map(|version| failure(one(version))).collect())
}

fn pid_again() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(60).timed_out(801).after(1).killed(801, 803);
    // Days later the kernel's numbers have come round.
    let story = story.after(200_000).killed(803, 801).after(60).killed(801, 804).after(60).stop(&[802, 804]);
    let said = of_text(story.text())?;
    let verdicts: Vec<_> = said.deaths().iter().map(|d| (d["pid"].as_u64(), word(d, "verdict"))).collect();
    assert_eq!(verdicts, [(Some(801), "timeout"), (Some(803), "killed"), (Some(801), "killed")], "{:#}", said.json);
    Ok(())
}

fn at_usr1() -> Result {
    let workers = [801, 802, 803, 804];
    for version in ["21.2.0", "27.0.1"] {
        let asked = Story::new(version).start(&workers).after(600).says("INFO", "Handling signal: usr1");
        let all = workers.iter().fold(asked.clone(), |story, pid| story.exited(*pid, 1).boot(pid + 10));
        let said = must(
            &workers.map(|pid| format!("{pid} log-reopen likely..certain")).each_ref().map(String::as_str),
            &all.after(60).stop(&[811, 812, 813, 814]),
            version,
        )?;
        assert!(said.deaths().iter().all(|death| told(death).contains("USR1")), "{:#}", said.json);
        let later = asked.after(40).exited(802, 1).boot(812).after(60).stop(&[801, 803, 804, 812]);
        must(&["802 exit likely..certain"], &later, version)?;
    }
    Ok(())
}

fn no_space() -> Result {
    let heartbeat = "OSError: [Errno 28] No space left on device: '/run/hb/wgunicorn-abcdefgh'";
    let other = "OSError: [Errno 28] No space left on device: '/srv/app/cache/x'";
    for version in ["20.0.4", "23.0.0", "27.0.1"] {
        let level = if version == "20.0.4" { "INFO" } else { "ERROR" };
        let crashed = |exception: &str| {
            let story = Story::new(version).start(&[801]).after(60).says(level, "Unhandled exception in main loop");
            story.traceback(exception).by(801, "INFO", "Worker exiting (pid: 801)")
        };
        let said = must(&["800 master heartbeat-storage likely..certain"], &crashed(heartbeat), version)?;
        assert!(told(said.death(800)?).contains("/run/hb"), "{:#}", said.json);
        let said = of_text(crashed(other).text())?;
        assert_ne!(word(said.death(800)?, "verdict"), "heartbeat-storage", "{version}: {:#}", said.json);
    }
    Ok(())
}

fn own_error() -> Result {
    let story = Story::new("23.0.0").start(&[801, 802]).after(60).says("ERROR", "Unhandled exception in main loop");
    let story = story.traceback("ValueError: filedescriptor out of range in select()");
    let story = story.by(801, "INFO", "Worker exiting (pid: 801)").by(802, "INFO", "Worker exiting (pid: 802)");
    let said = of_text(story.text())?;
    let death = said.death(800)?;
    assert_eq!((word(death, "role"), said.deaths().len()), ("master", 1), "{:#}", said.json);
    assert!(told(death).contains("filedescriptor out of range"), "{death:#}");
    assert!(!["heartbeat-storage", "kernel-oom", "killed"].contains(&word(death, "verdict")), "{death:#}");
    Ok(())
}

fn begins_again() -> Result {
    for version in ["20.0.4", "20.1.0", "23.0.0", "27.0.1"] {
        let story = Story::new(version).start(&[801, 802]).after(600);
        let story = story.by(801, "INFO", "order 7 is on its way").after(5).master(900).start(&[901, 902]);
        let story = story.after(600).stop(&[901, 902]);
        let said = must(&["800 master master-lost possible..likely"], &story, version)?;
        assert_eq!(said.normal("stopped"), 2, "{version}: {:#}", said.json);
        let workers: Vec<_> = said.death(800)?["workers"].as_array().into_iter().flatten().collect();
        assert_eq!(workers, [801, 802], "{version}: {:#}", said.json);
    }
    Ok(())
}

/// Pid 1 of a container reaps whatever lost its parent; up to 26.0 it calls all of them workers.
fn no_worker() -> Result {
    for version in ["21.2.0", "23.0.0"] {
        let story = Story::new(version).master(1).start(&[7, 8]).after(60);
        let story = story.signalled(4711, "SIGKILL", 9).exited(4712, 1).after(60).stop(&[7, 8]);
        let said = must(&[], &story, version)?;
        assert_eq!(said.code, 0, "{version}: {:#}", said.json);
    }
    Ok(())
}

fn hidden_boots() -> Result {
    let story = Story::new("23.0.0").signalled(801, "SIGKILL", 9).after(60).timed_out(802).after(1);
    let story = story.signalled(802, "SIGKILL", 9).after(5).signalled(803, "SIGSEGV", 11);
    let deaths = ["801 killed possible..likely", "802 timeout likely..certain", "803 crash likely..certain"];
    must(&deaths, &story, "loglevel warning").map(drop)
}

/// Where Gunicorn itself lies.
const LIBRARY: &str = "/srv/app/venv/lib/python3.11/site-packages/gunicorn";

/// All at once, but each in the middle of a request and gone within the second.
fn database() -> Result {
    let workers = [801, 802, 803, 804];
    let story = workers.iter().fold(Story::new("23.0.0").start(&workers).after(60), |story, pid| story.timed_out(*pid));
    let story = workers.iter().fold(story, |story, pid| {
        let file = "/srv/app/shop/db.py";
        let story = story.by(*pid, "ERROR", format!("Error handling request /orders/{pid}")).raw(format!(
            "Traceback (most recent call last):\n  \
             File \"{LIBRARY}/workers/sync.py\", line 134, in handle\n    \
             self.handle_request(listener, req, client, addr)\n  \
             File \"{file}\", line 31, in rows\n    cursor.execute(query)\n  \
             File \"{LIBRARY}/workers/base.py\", line 203, in handle_abort\n    sys.exit(1)\nSystemExit: 1"
        ));
        story.by(*pid, "INFO", format!("Worker exiting (pid: {pid})")).boot(pid + 10)
    });
    let story = story.after(60).stop(&[811, 812, 813, 814]);
    let deaths = workers.map(|pid| format!("{pid} timeout likely..certain"));
    let said = must(&deaths.each_ref().map(String::as_str), &story, "a database that does not answer")?;
    let tells = said.deaths().iter().all(|death| told(death).contains("/srv/app/shop/db.py"));
    assert!(tells, "{:#}", said.json);
    Ok(())
}

fn silent() -> Result {
    for version in ["19.9.0", "20.0.4"] {
        let story = Story::new(version).start(&[801, 802, 803]).after(600).boot(804).after(600).stop(&[801, 803, 804]);
        let said = must(&["802 killed possible..possible or unknown possible..likely"], &story, version)?;
        assert_eq!(said.normal("stopped"), 3, "{version}: {:#}", said.json);
        // One that is asked for is not missing.
        let story = Story::new(version).start(&[801, 802]).after(60).says("INFO", "Handling signal: ttin").boot(803);
        must(&[], &story.after(60).stop(&[801, 802, 803]), version)?;
    }
    Ok(())
}

fn asked() -> Result {
    for version in TELLING {
        let story = Story::new(version).start(&[801, 802, 803]).after(60).says("INFO", "Handling signal: ttou");
        let story = story.by(801, "INFO", "Worker exiting (pid: 801)").signalled(801, "SIGTERM", 15).after(60);
        let story = story.says("INFO", "Handling signal: hup").says("INFO", "Hang up: Master").boot(804).boot(805);
        let story = story.by(802, "INFO", "Worker exiting (pid: 802)").by(803, "INFO", "Worker exiting (pid: 803)");
        let story = story.signalled(802, "SIGTERM", 15).signalled(803, "SIGTERM", 15).after(60);
        let said = must(&[], &story.stop(&[804, 805]), version)?;
        let normal = ["scaled", "reloaded", "stopped", "recycled"].map(|key| said.normal(key));
        assert_eq!((normal, said.code), ([1, 2, 2, 0], 0), "{version}: {:#}", said.json);
    }
    Ok(())
}

fn descriptors() -> Result {
    let error = |story: Story| {
        let story = story.by(801, "ERROR", "Socket error processing request.");
        story.traceback("OSError: [Errno 24] Too many open files: '/srv/app/x'")
    };
    let story = error(Story::new("23.0.0").start(&[801, 802]).after(60)).after(7200).killed(801, 803);
    must(&["801 killed possible..likely"], &story.after(60).stop(&[802, 803]), "two hours later").map(drop)
}

fn signals() -> Result {
    let names = [("SIGSEGV", 11), ("SIGBUS", 7), ("SIGILL", 4), ("SIGFPE", 8), ("SIGABRT", 6), ("code 139", 11)];
    for version in TELLING {
        for (name, number) in names.iter().filter(|(name, _)| !name.starts_with("code") || *version == "21.2.0") {
            let story = Story::new(version).start(&[801, 802]).after(60).signalled(801, name, *number).boot(803);
            let said = must(&["801 crash likely..certain"], &story.after(60).stop(&[802, 803]), version)?;
            let summary = word(said.death(801)?, "summary");
            let signal = if name.starts_with("code") { "SIGSEGV" } else { name };
            assert!(summary.contains(signal), "{version}, {name}: {summary}");
        }
    }
    Ok(())
}
