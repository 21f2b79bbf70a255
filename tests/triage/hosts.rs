//! A Debian 12 host on which one worker was hurt: Gunicorn's log with the kernel's in every form, and systemd's.

use crate::bed::{Logs, Said, data, failure, kernel_data, of, together, told, with_kernel, word};
use crate::frames::{FRAMES, dressed};
use crate::kernel_bed;
use crate::support::{Law, Result};
use crate::truth::{expected, must_be};
use std::fs;
use std::path::PathBuf;

/// What happened on it.
#[derive(Clone, Copy)]
struct Host {
    case: &'static str,
    /// Who died.
    pid: u64,
    /// Of what, where the kernel log does not hold an OOM kill.
    by_itself: &'static str,
    /// The same with a kernel log that covers it and holds none.
    with_silent_kernel: &'static str,
    /// Workers that ended with their master.
    stopped: u64,
}

const KILLED: &str = "killed possible..likely";
const KILLED_FOR_SURE: &str = "killed possible..certain";

/// All of them. `meta.txt` of each tells what was done.
const HOSTS: &[Host] = &[
    Host { case: "memcg-oom-policy-stop", pid: 195, by_itself: KILLED, with_silent_kernel: KILLED, stopped: 2 },
    Host { case: "memcg-oom-policy-continue", pid: 236, by_itself: KILLED, with_silent_kernel: KILLED, stopped: 3 },
    Host { case: "global-oom", pid: 221, by_itself: KILLED, with_silent_kernel: KILLED, stopped: 3 },
    Host { case: "oom-then-reboot", pid: 234, by_itself: KILLED, with_silent_kernel: KILLED, stopped: 6 },
    Host { case: "outside-kill9", pid: 198, by_itself: KILLED, with_silent_kernel: KILLED_FOR_SURE, stopped: 0 },
    Host {
        case: "segfault",
        pid: 195,
        by_itself: "crash likely..certain",
        with_silent_kernel: "crash likely..certain",
        stopped: 0,
    },
    Host {
        case: "worker-timeout-sigkill",
        pid: 238,
        by_itself: "timeout likely..certain",
        with_silent_kernel: "timeout likely..certain",
        stopped: 3,
    },
    Host {
        case: "worker-timeout-sigabrt",
        pid: 237,
        by_itself: "timeout likely..certain",
        with_silent_kernel: "timeout likely..certain",
        stopped: 3,
    },
];

/// The laws.
pub fn laws() -> Vec<Law> {
    let each = HOSTS.iter().flat_map(|host| {
        let law =
            |name: &str, body: fn(&Host) -> Result| Law::new(format!("{name}/{}", host.case), &[], move || body(host));
        [
            law("a_host_of_debian_12_tells_its_verdict_with_every_form_of_its_kernel_log", every_kernel_form),
            law("without_its_kernel_log_a_host_of_debian_12_is_less_sure", without_kernel),
            law("all_files_of_a_host_at_once_tell_of_its_death_once", all_at_once),
            law("an_export_of_a_host_tells_its_verdict", export),
        ]
    });
    each.chain([
        Law::new("what_systemd_says_of_an_oom_kill_is_enough", &[], systemd_alone),
        Law::new("that_systemd_stopped_the_service_for_one_worker_is_told", &[], oom_policy),
        Law::new("the_line_that_hung_is_told", &[], hanging_line),
        Law::new("a_segfault_is_told_with_its_library", &[], library),
    ])
    .collect()
}

impl Host {
    fn error_log(&self) -> PathBuf {
        data(&format!("hosts/{}/gunicorn-error.log", self.case))
    }

    /// What systemd wrote of the unit, in the forms there are.
    fn journals(&self) -> Vec<PathBuf> {
        let names = ["journalctl-u-gunicorn.json", "journalctl-u-gunicorn-short.txt"];
        names.iter().map(|name| data(&format!("hosts/{}/{name}", self.case))).filter(|path| path.exists()).collect()
    }

    fn kernel_forms(&self) -> Result<Vec<PathBuf>> {
        let directory = format!("hosts/{}", self.case);
        let is_log =
            |name: &String| ["kern.log", "dmesg", "kmsg", "journalctl-k"].iter().any(|log| name.starts_with(log));
        let names = kernel_bed::names(&directory)?;
        Ok(names.iter().filter(|name| is_log(name)).map(|name| kernel_data(&format!("{directory}/{name}"))).collect())
    }

    /// An error unless its one death is this.
    fn must_be(&self, verdict: &str, said: &Said, what: &str) -> Result {
        let what = format!("{}, {what}", self.case);
        must_be(&expected(&[format!("{} {verdict}", self.pid)]), said, &what)?;
        if said.normal("stopped") == self.stopped {
            return Ok(());
        }
        Err(format!("{what}: {} stopped, got {}", self.stopped, said.json["normal"]).into())
    }

    fn died_of_memory(&self) -> bool {
        self.case.contains("oom")
    }
}

fn every_kernel_form(host: &Host) -> Result {
    let mut failures = Vec::new();
    for form in host.kernel_forms()? {
        let holds_it = String::from_utf8_lossy(&fs::read(&form)?).contains("Killed process");
        let verdict = if holds_it { "kernel-oom certain..certain" } else { host.with_silent_kernel };
        let said = with_kernel(&[host.error_log()], std::slice::from_ref(&form))?;
        let name = form.file_name().unwrap_or_default().to_string_lossy().into_owned();
        failures.extend(failure(host.must_be(verdict, &said, &name)));
    }
    together(failures)
}

fn without_kernel(host: &Host) -> Result {
    host.must_be(host.by_itself, &of(&[host.error_log()])?, "error log alone")
}

fn all_at_once(host: &Host) -> Result {
    let verdict = if host.died_of_memory() { "kernel-oom certain..certain" } else { host.with_silent_kernel };
    let error_logs = [vec![host.error_log()], host.journals()].concat();
    host.must_be(verdict, &with_kernel(&error_logs, &host.kernel_forms()?)?, "all files")
}

/// Gunicorn's lines and systemd's in one journal, as a service without an error log has them.
fn export(host: &Host) -> Result {
    let logs = Logs::new()?;
    let text = fs::read_to_string(host.error_log())?;
    let plain = of(&[host.error_log()])?.verdicts();
    let mut failures = Vec::new();
    for frame in FRAMES {
        let said = of(&[logs.write("journal", dressed(frame, &text))?])?;
        failures.extend(failure(host.must_be(host.by_itself, &said, frame.0)));
        if said.verdicts() != plain {
            failures.push(format!("{}, {}: {:?}, the file {plain:?}", host.case, frame.0, said.verdicts()));
        }
    }
    together(failures)
}

fn systemd_alone() -> Result {
    let mut failures = Vec::new();
    for host in HOSTS.iter().filter(|host| host.died_of_memory() && host.case != "oom-then-reboot") {
        let text = data(&format!("hosts/{}/journalctl-u-gunicorn-short.txt", host.case));
        let said = of(&[host.error_log(), text])?;
        failures.extend(failure(host.must_be("kernel-oom likely..certain", &said, "with systemd's word")));
    }
    // The others had a systemd too, and it said nothing of the kind.
    for host in HOSTS.iter().filter(|host| !host.died_of_memory()) {
        let said = of(&[vec![host.error_log()], host.journals()].concat())?;
        failures.extend(failure(host.must_be(host.with_silent_kernel, &said, "with systemd's word")));
    }
    together(failures)
}

fn oom_policy() -> Result {
    let host = HOSTS.first().ok_or("no host")?;
    for journal in host.journals() {
        for kernel in [&["kern.log"][..], &[]] {
            let kernel: Vec<_> =
                kernel.iter().map(|name| kernel_data(&format!("hosts/{}/{name}", host.case))).collect();
            let said = with_kernel(&[host.error_log(), journal.clone()], &kernel)?;
            let death = said.death(host.pid)?;
            assert!(told(death).contains("OOMPolicy"), "{}: {death:#}", journal.display());
        }
    }
    Ok(())
}

fn hanging_line() -> Result {
    let host = HOSTS.last().ok_or("no host")?;
    let said = of(&[host.error_log()])?;
    let death = said.death(host.pid)?;
    for text in ["/srv/app/wsgi.py", "30", "/hang"] {
        assert!(told(death).contains(text), "no {text}: {death:#}");
    }
    Ok(())
}

fn library() -> Result {
    let host = HOSTS.iter().find(|host| host.case == "segfault").ok_or("no host")?;
    for form in ["kern.log", "journalctl-k.json", "journalctl-k-short-iso.txt"] {
        let said = with_kernel(&[host.error_log()], &[kernel_data(&format!("hosts/segfault/{form}"))])?;
        let death = said.death(host.pid)?;
        assert!(told(death).contains("libc.so.6"), "{form}: {death:#}");
        assert_eq!(word(death, "confidence"), "certain", "{form}: two sources: {death:#}");
    }
    Ok(())
}
