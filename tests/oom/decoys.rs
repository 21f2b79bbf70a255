//! Only what the kernel said is a kill: beside one true kill in the same frame, what others wrote is none.

use crate::bed::{Logs, all_of, kill_line, report};
use crate::expected::{failure, together};
use crate::support::{Law, Result};
use serde_json::json;

/// The true kill of every file.
const TRUE: u32 = 4001;

/// The pid in all that is forged.
const FORGED: u32 = 6666;

/// The laws.
pub fn laws() -> Vec<Law> {
    vec![
        Law::new("what_an_application_writes_to_syslog_is_no_kill", &[], syslog),
        Law::new("what_an_application_sends_by_rfc_5424_is_no_kill", &[], rfc5424),
        Law::new("what_a_user_writes_to_dev_kmsg_is_no_kill", &[], dev_kmsg),
        Law::new("what_services_write_to_the_journal_is_no_kill", &[], journal),
        Law::new("what_a_container_prints_bare_is_no_kill", &[], container),
        Law::new("what_the_kernel_quotes_within_a_message_is_no_kill", &[], quoted_by_the_kernel),
        Law::new("what_gunicorn_suspects_is_no_kill", &[], suspected),
    ]
}

fn forged() -> String {
    kill_line(FORGED, "gunicorn")
}

/// The true kill with every message dressed, then the forged lines, then half of another true report.
fn must_find_the_true_one(name: &str, forgeries: &[String], dress: impl Fn(usize, &str) -> String) -> Result {
    let logs = Logs::new()?;
    let honest: String = report(TRUE, "gunicorn", "/system.slice/web.service")
        .iter()
        .enumerate()
        .map(|(number, message)| dress(number, message) + "\n")
        .collect();
    let failures = forgeries.iter().enumerate().flat_map(|(number, forgery)| {
        // After the report, before it, and within it.
        let (half, rest) = honest.split_at(honest.match_indices('\n').nth(4).map_or(0, |(at, _)| at + 1));
        let files =
            [format!("{honest}{forgery}\n"), format!("{forgery}\n{honest}"), format!("{half}{forgery}\n{rest}")];
        let one = |(place, text): (usize, &String)| {
            let found = logs.write("decoy.log", text).and_then(|file| {
                let said = all_of(&file)?;
                assert_eq!(said.pids(), [u64::from(TRUE)], "{text}");
                assert_eq!(said.kill()?["usage_bytes"], json!(65536 * 1024), "the report was torn: {text}");
                Ok(())
            });
            failure(found).map(|failure| format!("{name}, forgery {number}, place {place}: {failure}"))
        };
        files.iter().enumerate().filter_map(one).collect::<Vec<_>>()
    });
    together(failures.collect())
}

fn syslog() -> Result {
    let forged = forged();
    let now = "Nov 20 19:14:07";
    let forgeries = [
        format!("{now} web1 shop[77]: {forged}"),
        format!("{now} web1 shop: {forged}"),
        format!("{now} web1 shop[77]: {now} web1 kernel: [   99.000000] {forged}"),
        format!(
            "{now} web1 mallory: kernel: [99999.000000] Out of memory: Killed process {FORGED} (systemd) total-vm:1kB, \
                 anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0"
        ),
        format!("{now} web1 mallory kernel: [99999.000000] {forged}"),
        format!("{now} web1 kernel[4242]: {forged}"),
        format!(
            "{now} web1 shop[77]: Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\n    \
                 RuntimeError('''\n{forged}\n''')\nRuntimeError: {forged}"
        ),
        format!("{now} web1 shop[77]: Traceback (most recent call last):#012  raise RuntimeError#012{forged}"),
        format!("{now} web1 shop[77]: Traceback\n{now} web1 shop[77]: {forged}"),
        format!("{now} web1 dockerd[5]: time=\"2026-11-20T19:14:07Z\" level=error msg=\"{forged}\""),
        format!(
            "{now} web1 gunicorn[77]: [2026-11-20 19:14:07 +0000] [1] [ERROR] Worker (pid:{FORGED}) was sent SIGKILL! \
                 Perhaps out of memory?"
        ),
    ];
    let traditional = |number: usize, message: &str| format!("{now} web1 kernel: [   88.00000{number}] {message}");
    must_find_the_true_one("syslog with stamps", &forgeries, traditional)?;
    // Without the stamps of the kernel too: the tag alone tells.
    must_find_the_true_one("syslog without stamps", &forgeries, |_, message| format!("{now} web1 kernel: {message}"))
}

fn rfc5424() -> Result {
    let forged = forged();
    let at = "2026-11-20T19:14:07.252569+00:00 web1";
    let forgeries = [
        format!("<14>1 {at} shop 77 - - {forged}"),
        format!("<12>1 {at} kernel - - - [   99.000000] {forged}"),
        format!("<12>1 {at} mallory - - - kernel: [   99.000000] {forged}"),
        format!("<14>1 {at} shop 77 - [origin x=\"kernel\"] <4>[   99.000000] {forged}"),
    ];
    must_find_the_true_one("rfc5424", &forgeries, |number, message| {
        format!("<4>1 {at} kernel - - - [   88.00000{number}] {message}")
    })
}

/// Facility 0 is the kernel's, and only the kernel can write with it (syslog(2), `/dev/kmsg`).
fn dev_kmsg() -> Result {
    let forged = forged();
    let kmsg = [
        format!("12,700,88000100,-;{forged}"),
        format!("30,700,88000100,-;systemd[1]: {forged}"),
        format!("13,700,88000100,c;{forged}"),
    ];
    must_find_the_true_one("kmsg", &kmsg, |number, message| format!("4,{},8800000{number},-;{message}", 600 + number))?;
    let raw = [format!("<12>[   88.000100] {forged}"), format!("<30>[   88.000100] {forged}")];
    must_find_the_true_one("dmesg -r", &raw, |number, message| format!("<4>[   88.00000{number}] {message}"))?;
    let decoded =
        [format!("user  :warn  : [   88.000100] {forged}"), format!("daemon:err   : [   88.000100] {forged}")];
    must_find_the_true_one("dmesg -x", &decoded, |number, message| {
        format!("kern  :warn  : [   88.00000{number}] {message}")
    })
}

fn journal() -> Result {
    let record = |transport: &str, facility: &str, message: &str| {
        json!({"_BOOT_ID": "99cf476bd3bc43f399a40545a5819a86", "_HOSTNAME": "web1", "_TRANSPORT": transport,
               "PRIORITY": "3",
               "SYSLOG_FACILITY": facility, "SYSLOG_IDENTIFIER": "kernel", "__REALTIME_TIMESTAMP": "1795202207476299",
               "MESSAGE": message})
        .to_string()
    };
    let forgeries = [
        record("syslog", "0", &forged()),
        record("stdout", "3", &forged()),
        record("journal", "3", &forged()),
        record("kernel", "1", &forged()),
        record("syslog", "0", &record("kernel", "0", &forged())),
    ];
    must_find_the_true_one("journalctl -o json", &forgeries, |_, message| record("kernel", "0", message))?;
    let export = |transport: &str, message: &str| {
        let head = "__REALTIME_TIMESTAMP=1795202207476299\nSYSLOG_IDENTIFIER=kernel\nPRIORITY=3";
        format!("{head}\n_TRANSPORT={transport}\nMESSAGE={message}\n")
    };
    // A message with newlines has its length before it, and may look like fields and records of its own. The length is
    // 512, whose bytes are all text.
    let forged = format!("x\n\n_TRANSPORT=kernel\nMESSAGE={}\n\n", forged());
    let length = String::from_utf8(512_u64.to_le_bytes().to_vec())?;
    let counted = format!("__REALTIME_TIMESTAMP=1795202207476299\n_TRANSPORT=stdout\nMESSAGE\n{length}{forged:512}\n");
    must_find_the_true_export(&[export("stdout", &self::forged()), export("syslog", &self::forged()), counted], export)
}

/// Records of the export form have many lines, so a forgery stands between records.
fn must_find_the_true_export(forgeries: &[String], export: impl Fn(&str, &str) -> String) -> Result {
    let logs = Logs::new()?;
    let honest: Vec<_> =
        report(TRUE, "gunicorn", "/system.slice/web.service").iter().map(|m| export("kernel", m)).collect();
    for forgery in forgeries {
        for place in [0, 4, honest.len()] {
            let mut records = honest.clone();
            records.insert(place, forgery.clone());
            let said = all_of(&logs.write("export", records.join("\n"))?)?;
            assert_eq!(said.pids(), [u64::from(TRUE)], "{forgery}");
        }
    }
    Ok(())
}

/// Docker and CRI keep what containers print. A collector prints the kernel's log with the kernel's frame; a line
/// without one is an application's.
fn container() -> Result {
    let docker = |text: &str| {
        json!({"log": format!("{text}\n"), "stream": "stdout", "time": "2026-11-20T19:14:07.1Z"}).to_string()
    };
    let forged = forged();
    let quoted = format!("2026-11-20 19:14:07 ERROR the host said: [   99.000000] {forged}");
    must_find_the_true_one("docker", &[docker(&forged), docker(&quoted)], |number, message| {
        docker(&format!("<4>[   88.00000{number}] {message}"))
    })?;
    let cri = |text: &str| format!("2026-11-20T19:14:07.123456789Z stdout F {text}");
    must_find_the_true_one("cri", &[cri(&forged), cri(&quoted)], |number, message| {
        cri(&format!("4,{},8800000{number},-;{message}", 600 + number))
    })
}

/// Names of processes and texts of users get into messages of the kernel, but a kill begins its message.
fn quoted_by_the_kernel() -> Result {
    let forged = forged();
    let messages = [
        format!("audit: type=1400 audit(1795202207.476:12): apparmor=\"DENIED\" name=\"{forged}\" pid=77"),
        "Killed process [77]: segfault at 0 ip 00007f36f336cd76 sp 00007ffd49e29538 error 4 in libc.so.6".to_owned(),
        "Out of memory: [77]: segfault at 0 ip 00007f36f336cd76 sp 00007ffd49e29538 error 4 in libc.so.6".to_owned(),
        "INFO: task Killed process:6666 blocked for more than 120 seconds.".to_owned(),
        format!("systemd[1]: shop.service: {forged}"),
        format!("Memory cgroup out of memory: Kill process {FORGED} (gunicorn) score 903 or sacrifice child"),
        format!("oom_reaper: reaped process {FORGED} (gunicorn), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"),
    ];
    let stamped: Vec<_> = messages.iter().map(|message| format!("[   88.000005] {message}")).collect();
    must_find_the_true_one("dmesg", &stamped, |number, message| format!("[   88.00000{number}] {message}"))
}

fn suspected() -> Result {
    let log = "[2026-11-20 19:14:07 +0000] [60222] [ERROR] Worker (pid:60236) was sent SIGKILL! \
               Perhaps out of memory?\n\
               [2026-11-20 19:14:07 +0000] [60248] [INFO] Booting worker with pid: 60248\n";
    let said = all_of(&Logs::new()?.write("error.log", log)?)?;
    assert!(said.kills().is_empty(), "{:#}", said.json);
    assert!([0, 3].contains(&said.code), "{}", said.code);
    Ok(())
}
