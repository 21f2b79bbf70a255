//! Man pages and completions are made of the same definitions as `--help`, committed, and compared here.
//! `GTUNE_BLESS=1 cargo test --test generated` writes them anew.

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use gtune::checks::{ALL, Check};
use gtune::command::ExitCode;
use std::fs;
use std::path::Path;

const SOURCE: &str = concat!("gtune ", env!("CARGO_PKG_VERSION"));

/// A section: its heading, and entries of a term and what it means.
type Section = (&'static str, &'static [(&'static str, &'static str)]);

const FILES: Section = (
    "FILES",
    &[
        (
            "/var/lib/gtune/journal",
            "a file a transaction of gtune apply: what was there before each step, and what became of it",
        ),
        (
            "/var/lib/gtune/backup",
            "the files that transactions replaced, as they were before: a directory a transaction",
        ),
        ("/var/lib/gtune/lock", "held by the one gtune that changes the host; it names that one"),
        ("/proc", "processes, their limits, descriptors, mounts and sockets; kernel settings"),
        ("/sys/fs/cgroup", "bounds of memory, tasks and CPU, and how often they were hit"),
        ("/etc/fstab, /etc/systemd/system", "what the next boot will mount and start"),
        ("/etc/sysctl.conf, /etc/sysctl.d, /run/sysctl.d, /usr/lib/sysctl.d", "kernel settings of the next boot"),
        ("/etc/security/limits.conf, /etc/security/limits.d", "limits of login sessions"),
    ],
);

const ENVIRONMENT: Section = (
    "ENVIRONMENT",
    &[
        ("COLUMNS", "width of the page; without it the size of the terminal, else 80"),
        ("NO_COLOR", "if set and not empty, no colour unless --color always is given"),
        ("CLICOLOR_FORCE", "if set and neither empty nor 0, colour even into a pipe"),
        ("TERM", "dumb, or not set: no colour"),
    ],
);

const STATES: Section = (
    "STATES",
    &[
        ("ok", "as it should be"),
        (
            "critical, warning, info",
            "a finding: hurts requests now; will hurt under load or at the next reboot; hygiene",
        ),
        ("unknown", "could not look; the reason says at what and why. Never counted as ok"),
        ("not-applicable", "makes no sense here; folded into one line unless -v is given"),
        ("skipped", "left out by --skip"),
    ],
);

const JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        ("observed_at", "when the look began, RFC 3339 in UTC"),
        ("host", "kernel, os, root, boot_id, container; null where it could not be seen"),
        (
            "services",
            "one object a Gunicorn: name (the subject of its checks), unit, master_pid, version, worker_class, workers, listeners, settings (value and source, or the reason why it could not be seen); null where processes could not be looked at",
        ),
        ("stopped_units", "units that start a Gunicorn and do not run: unit, active_state, result"),
        ("checks", "one object a check and subject: id, title, state, subject"),
        ("checks: severity", "of a finding only: critical, warning or info"),
        (
            "checks: observed, wanted, evidence",
            "of what was judged: what is there, what would be right, the lines it rests on",
        ),
        (
            "checks: configured, stored_for_boot, live, in_force",
            "for settings: what Gunicorn or the unit is told; value, file and line that win at the next boot; what the kernel has; what each process or socket got",
        ),
        ("checks: consequence, remedy", "of a finding only: what comes of it; command, by_hand, restart"),
        ("checks: reason", "stands in place of all these where the state is unknown or not-applicable"),
        ("summary", "number of rows in each state"),
        ("blind_spots", "what could not be looked at for the whole; left out where there is none"),
    ],
);

const EXPLAIN_JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        ("id, area, title", "the check"),
        ("looks_at, why, changes", "a paragraph each"),
        ("by_hand, see_also", "one string a step or reference"),
    ],
);

const METRICS: Section = (
    "PROMETHEUS",
    &[
        ("gtune_check_state{check,subject,state}", "1 for the state a check is in, 0 for the others"),
        ("gtune_findings{severity}", "number of findings"),
        (
            "gtune_listen_queue_limit{subject,socket}, gtune_listen_queue_length{subject,socket}",
            "cap in force, and connections waiting",
        ),
        ("gtune_heartbeat_age_seconds{subject}", "age of the oldest heartbeat of a worker"),
        (
            "gtune_open_descriptors{subject}, gtune_open_descriptors_limit{subject}",
            "of the process that has most, and the lowest limit",
        ),
        ("gtune_oom_kills_total{subject}", "kernel OOM kills in the control group"),
        ("gtune_build_info{version}, gtune_last_run_timestamp_seconds", "who wrote the file, and when"),
        (
            "Writing the file",
            "write to a temporary name in the same directory, then rename. Exit codes stay as below: a systemd unit says SuccessExitStatus=1 3. A service without a unit is named by its first socket, never by a process id",
        ),
    ],
);

const NAGIOS: Section = (
    "NAGIOS",
    &[
        ("0 OK", "nothing at or above --fail-on, and nothing unknown"),
        ("1 WARNING", "a finding at or above --fail-on that is not critical"),
        ("2 CRITICAL", "a critical finding"),
        ("3 UNKNOWN", "could not look and nothing is worse; usage errors too"),
    ],
);

const GTUNE_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune doctor", "Is this host right for Gunicorn?"),
        ("gtune doctor --unit gunicorn", "the same for one service"),
        ("gtune explain somaxconn", "what a check looks at, and why"),
        ("gtune apply --recommended", "mend what doctor found"),
        ("gtune rollback", "take that back"),
        ("gtune triage", "who killed my workers?"),
    ],
);

const DOCTOR_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune doctor somaxconn listen-backlog", "two checks only"),
        ("gtune doctor --unit gunicorn --unit api", "two of the services"),
        ("gtune doctor --fail-on critical -q", "for scripts: exit 1 for what hurts now"),
        ("gtune --root /mnt doctor --format json", "an image, for a program"),
        ("gtune doctor --format nagios -v", "as a plugin, with the long output"),
    ],
);

const EXPLAIN_EXAMPLES: Section = ("EXAMPLES", &[("gtune explain heartbeat-filesystem", "the page of one check")]);

const APPLY_JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        ("observed_at, host", "as gtune-doctor(1) has them: the host before anything was changed"),
        ("dry_run", "whether only the plan was asked for"),
        ("transaction", "its id; null where nothing was changed"),
        ("outcome", "done, nothing-to-do, planned, refused, failed (all is as it was) or partly-changed"),
        (
            "steps",
            "one object a step: number, title, kind (directory, file, line, link, mount, kernel-value, process-limit, reload, restart), subject, pid, state, before, after, diff, reason, hint; null where a step has no such thing",
        ),
        ("steps: state", "planned, changed, already-so, failed, undone, not-undone or not-reached"),
        ("already", "what is so already: what, state (so, or kept where less was asked for)"),
        ("refused", "why it is not done: what, reason, hints"),
        ("not_done", "what doctor recommends and had to be refused, where the rest was done: what, reason, hints"),
        ("warnings", "a sentence each"),
        ("left", "what is left to you: command, why"),
        (
            "findings",
            "what doctor said before and says now: id, subject, before, after (states of gtune-doctor(1)), observed, waits_for_restart",
        ),
    ],
);

const ROLLBACK_JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        ("observed_at, host", "as gtune-doctor(1) has them: when it began, and the host that is changed"),
        (
            "root, dry_run, transaction",
            "the root that is changed, whether only the plan was asked for, the id; null where none is in force",
        ),
        ("outcome", "done, nothing-to-do, planned or partly-changed"),
        (
            "steps",
            "as of gtune-apply(1), newest first, with before as apply left it and after as it was before; command",
        ),
        (
            "steps: state",
            "planned, restored, already-so, left (nothing is missing; reason says why), waits (command makes it possible), conflict (somebody else changed it; reason says what is there) or failed",
        ),
        (
            "unrecorded",
            "why it could not be written down that it was taken back; null where it was. Run it again then: it changes nothing twice",
        ),
        ("left", "what is left to you: command, why"),
        ("script", "with --print, in place of outcome, steps and unrecorded: the shell script"),
    ],
);

const HISTORY_JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        ("observed_at, root", "when it was read, RFC 3339 in UTC; the root whose history it is"),
        (
            "transactions",
            "one object a transaction, newest first: id, at, state (applied, unfinished, rolled-back, partly-rolled-back), gtune, boot_id, uid, sudo_user, arguments, restarts, steps",
        ),
        (
            "transactions: steps",
            "number, title, kind, subject, state (begun, done, undone); with an ID also pid, before, after and diff, as of gtune-apply(1)",
        ),
        ("unreadable", "journals that could not be read, a sentence each; with any the exit status is 3"),
    ],
);

const APPLY_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune apply --recommended --dry-run", "what would it change?"),
        ("gtune apply --tmpfs /mem --unit gunicorn", "a tmpfs for heartbeat files, and the service on it"),
        ("gtune apply --tmpfs /mem --size 20%", "the mount alone, 20% of the memory"),
        ("gtune apply --somaxconn 8192 --nofile auto", "two settings in one transaction"),
        ("gtune apply --recommended --restart --format json", "for a program"),
    ],
);

const ROLLBACK_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune rollback --dry-run", "what would the last transaction give back?"),
        ("gtune rollback 7f3a9c --restart", "a named one; its services start anew"),
        ("gtune rollback --print > undo.sh", "the same for a host without gtune"),
    ],
);

const HISTORY_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune history", "what has gtune changed here?"),
        ("gtune history 7f3a9c", "one transaction, with all differences"),
    ],
);

const OOM_JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        ("observed_at", "when it was asked, RFC 3339 in UTC"),
        (
            "log",
            "one object a source: source, begins_at (null where the log has no clock), records (null where only the parts about kills were read), lost (records are known to be missing), note (why, and what else is to be known of it)",
        ),
        (
            "kills",
            "one object a kill, in order of time. What the log does not hold is null, never 0. Process ids are those of the host's own pid namespace",
        ),
        ("kills: pid, comm, comm_hex, uid", "the process; comm is decoded lossily, comm_hex has its bytes"),
        (
            "kills: time, time_uncertainty_seconds, time_assumes",
            "when, how far off that may be, and what was assumed: zone (of this host), year (from the end of the log), no-suspend (the host slept since boot, which the kernel's clock does not count)",
        ),
        ("kills: boot_seconds, boot_id, host", "the kernel's own clock; the boot and the host, where the log tells"),
        (
            "kills: scope, part",
            "what had run out of memory: memcg, global, cpuset, mempolicy, manual (sysrq f), unknown; why this process: chosen, group (memory.oom.group), child (in its parent's place), shares-memory",
        ),
        (
            "kills: oom_memcg, task_memcg, unit",
            "the control group whose limit was hit, that of the process, and its unit",
        ),
        (
            "kills: limit_bytes, usage_bytes, swap_limit_bytes, swap_usage_bytes",
            "of oom_memcg; limits are null where there is none; swap is memory and swap together on version 1",
        ),
        (
            "kills: total_vm_bytes, anon_rss_bytes, file_rss_bytes, shmem_rss_bytes, pgtables_bytes, oom_score_adj",
            "what the process held",
        ),
        (
            "kills: trigger",
            "who asked for memory: comm, comm_hex, pid (of the thread), gfp_mask, order, oom_score_adj; null where the kernel did not say",
        ),
        (
            "kills: tasks, tasks_left_out, report_of",
            "the processes the kernel chose from: pid, tgid, uid, comm, total_vm_bytes, rss_bytes, oom_score_adj; rows that were not kept, for their number; of several kills by one report the first has the table, and the others its pid in report_of",
        ),
        ("kills: kernel, source, offset", "release of the kernel; the log, and the byte in it where the kill is told"),
        ("kills: concerns_gunicorn, advice", "whether it hit a Gunicorn; what the numbers say of the cause, sentences"),
        ("others", "kills that were found and not asked for"),
        (
            "counters",
            "oom_kill of /proc/vmstat, and in_log: lines of this boot that tell of a kill, some of a process twice, as the counter does; null for files and with --since or --until",
        ),
        ("blind_spots", "what could not be read, a clause each"),
    ],
);

const OOM_SOURCES: Section = (
    "LOGS",
    &[
        (
            "/dev/kmsg",
            "the kernel's own buffer of this boot; with kernel.dmesg_restrict=1 it needs CAP_SYSLOG. Else syslog(2)",
        ),
        ("journalctl", "the journal of this and earlier boots; needs root, or group systemd-journal or adm"),
        (
            "/var/log/kern.log*, messages*, syslog*",
            "the first of these families there is, rotated and compressed files too, and of the others what was written more than an hour later; below --root those of an image",
        ),
        (
            "FILE",
            "in their place: /dev/kmsg, dmesg in all its forms (plain, -T in any locale, -r, -x, -e, -J, --time-format iso), syslog traditional, with RFC 3339 times, RFC 5424 and busybox, journalctl short in all variants, json and export, docker's and CRI's wrappers; also compressed: .gz .xz .zst .bz2. The format may change within a file",
        ),
    ],
);

const OOM_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune oom", "kills of Gunicorn's processes on this host"),
        ("gtune oom --all --since 24h -v", "every kill of the last day, with its report"),
        ("gtune oom --match 'celery|redis'", "kills of others"),
        ("gtune oom kern.log.1.gz dmesg.txt", "in logs from anywhere"),
        ("journalctl -k -o json | gtune oom - --format json", "for a program"),
    ],
);

const TRIAGE_VERDICTS: Section = (
    "VERDICTS",
    &[
        ("master-lost", "the master itself is gone: killed, or its log just ends; its workers went with it"),
        ("kernel-oom", "the kernel's OOM killer"),
        ("userspace-oom", "earlyoom, systemd-oomd or oomd"),
        ("heartbeat-storage", "the heartbeat files: a disk that stood still, no inodes left, no directory"),
        ("fd-exhaustion", "no descriptors left"),
        ("log-reopen", "died on USR1, for want of permission to open the new log"),
        ("boot-failure", "the application could not be loaded"),
        ("crash", "a fatal signal other than SIGKILL"),
        ("killed", "SIGKILL from outside, and nothing says that it was for want of memory"),
        (
            "timeout",
            "killed by its own master for want of a heartbeat, also where Gunicorn asks \"Perhaps out of memory?\"",
        ),
        ("exit", "another exit status"),
        ("unknown", "nothing tells"),
        (
            "certain, likely, possible",
            "two independent sources say so, or one that cannot be otherwise; one source says so; it fits, and so would other causes",
        ),
    ],
);

const TRIAGE_SOURCES: Section = (
    "LOGS",
    &[
        (
            "error logs of the services",
            "found through open descriptors, settings and units; rotated and compressed ones too, whole, since who dies today may have booted long ago",
        ),
        (
            "journalctl",
            "what the units wrote, what systemd says of them, what systemd-oomd, earlyoom and systemd-coredump wrote, and what the kernel said in this and earlier boots; needs root, or group systemd-journal or adm",
        ),
        ("/dev/kmsg, /var/log/kern.log*, messages*, syslog*", "the kernel's own words, as gtune-oom(1) reads them"),
        (
            "--error-log FILE",
            "in their place: files of Gunicorn, journals and syslogs in any format of gtune-oom(1), plain or compressed. Files whose names differ by rotation alone (error.log.2.gz, error.log.1, error.log) are one log. What the kernel says in a journal or syslog is used; standard input is read for Gunicorn's lines and the managers' alone",
        ),
        (
            "--kernel-log FILE",
            "in their place: any format of gtune-oom(1); what systemd and user-space killers say in it is used too",
        ),
    ],
);

const TRIAGE_JSON: Section = (
    "JSON",
    &[
        ("schema, command, gtune", "version of this shape (1), the command, the version of gtune"),
        (
            "observed_at, host",
            "when it was asked, RFC 3339 in UTC; the host as gtune-doctor(1) has it, null where logs were named",
        ),
        ("window", "from and to: the time that was looked at; null where logs were named that have no clock"),
        ("answer", "the answer in one sentence"),
        ("deaths", "one object a death, in order of time; those without a time last. What is not known is null"),
        (
            "deaths: pid, candidates, host_pid",
            "the process as Gunicorn's log names it; those it may have been, where the log does not tell; its number in the host's pid namespace, where that is another and known",
        ),
        (
            "deaths: role, workers, master_pid, unit, gunicorn, time",
            "worker or master; the workers that went with a master; its master, unit and version of Gunicorn; when",
        ),
        (
            "deaths: verdict, confidence, summary",
            "what ended it, how sure that is (see VERDICTS), and both as a clause",
        ),
        (
            "deaths: evidence",
            "the lines it rests on: source, line (from 1, null where it cannot be counted), time, text",
        ),
        ("deaths: advice", "what to do, a sentence or a command each"),
        (
            "normal",
            "workers that ended as they were asked to: recycled (max_requests), reloaded (HUP, USR2), stopped, scaled (TTOU)",
        ),
        ("blind_spots", "what could not be seen, a clause each"),
        (
            "log, kernel_log",
            "what was read: of Gunicorns and journals source, unit, begins_at, ends_at, lost, note; of the kernel as gtune-oom(1) has it",
        ),
    ],
);

const TRIAGE_EXAMPLES: Section = (
    "EXAMPLES",
    &[
        ("gtune triage", "who killed the workers of this host in the last 24 hours?"),
        ("gtune triage --unit web --since 7d -v", "each death of one service, with all evidence"),
        ("gtune triage --pid 815", "what became of this worker?"),
        ("gtune triage --error-log error.log* --kernel-log kern.log.1.gz", "in logs from another machine"),
        (
            "journalctl -u web -o export | gtune triage --error-log - --kernel-log dmesg.txt --format json",
            "for a program",
        ),
    ],
);

fn section((heading, entries): Section) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    entries.iter().for_each(|(term, meaning)| entry(&mut roff, term, meaning));
    roff
}

fn entry(roff: &mut Roff, term: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(meaning)]);
}

/// The exit codes of a verb, in its own words.
fn exit_status(verb: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    let codes = ExitCode::ALL.iter().filter_map(|code| Some((code, code.meaning_for(verb)?)));
    codes.for_each(|(code, meaning)| entry(&mut roff, &code.number().to_string(), meaning));
    roff
}

fn checks() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["CHECKS"]);
    ALL.iter().for_each(|check: &&Check| entry(&mut roff, check.id, check.title));
    roff
}

fn see_also(pages: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages)]);
    roff
}

/// The usage line of `--help`: it says which options have values and which arguments may be given again.
fn synopsis(command: &clap::Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([roman(usage.trim_start_matches("Usage: "))]);
    roff
}

/// A page: what clap knows, then what only people know.
fn page(command: clap::Command, sections: Vec<Roff>) -> Vec<u8> {
    let (has_subcommands, usage) = (command.has_subcommands(), synopsis(&command));
    let title = command.get_display_name().unwrap_or(command.get_name()).to_uppercase();
    let man = Man::new(command).title(title).section("1").date("").source(SOURCE).manual("gtune manual");
    let mut out = vec![];
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    usage.to_writer(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    if has_subcommands {
        man.render_subcommands_section(&mut out).unwrap();
    }
    sections.iter().for_each(|section| section.to_writer(&mut out).unwrap());
    out
}

fn subcommand(name: &str) -> clap::Command {
    gtune::cli::command().find_subcommand(name).unwrap().clone()
}

fn main_page() -> Vec<u8> {
    // `help` is a word of the command line, not a page.
    let command = gtune::cli::command().mut_subcommand("help", |help| help.hide(true));
    let sections = vec![
        exit_status("gtune"),
        section(FILES),
        section(ENVIRONMENT),
        section(GTUNE_EXAMPLES),
        see_also(
            "gtune-doctor(1), gtune-explain(1), gtune-apply(1), gtune-rollback(1), gtune-history(1), gtune-oom(1), \
             gtune-triage(1), gunicorn(1), systemd.exec(5), proc(5)",
        ),
    ];
    page(command, sections)
}

fn doctor_page() -> Vec<u8> {
    let sections = vec![
        checks(),
        section(STATES),
        section(JSON),
        section(METRICS),
        section(NAGIOS),
        exit_status("doctor"),
        section(FILES),
        section(ENVIRONMENT),
        section(DOCTOR_EXAMPLES),
        see_also("gtune(1), gtune-explain(1)"),
    ];
    page(subcommand("doctor"), sections)
}

fn explain_page() -> Vec<u8> {
    let sections = vec![
        checks(),
        section(EXPLAIN_JSON),
        exit_status("explain"),
        section(ENVIRONMENT),
        section(EXPLAIN_EXAMPLES),
        see_also("gtune(1), gtune-doctor(1)"),
    ];
    page(subcommand("explain"), sections)
}

fn change_page(verb: &str, json: Section, examples: Section, others: &str) -> Vec<u8> {
    let sections = vec![
        section(json),
        exit_status(verb),
        section(FILES),
        section(ENVIRONMENT),
        section(examples),
        see_also(others),
    ];
    page(subcommand(verb), sections)
}

fn apply_page() -> Vec<u8> {
    change_page("apply", APPLY_JSON, APPLY_EXAMPLES, "gtune(1), gtune-doctor(1), gtune-rollback(1), gtune-history(1)")
}

fn rollback_page() -> Vec<u8> {
    change_page("rollback", ROLLBACK_JSON, ROLLBACK_EXAMPLES, "gtune(1), gtune-apply(1), gtune-history(1)")
}

fn history_page() -> Vec<u8> {
    change_page("history", HISTORY_JSON, HISTORY_EXAMPLES, "gtune(1), gtune-apply(1), gtune-rollback(1)")
}

fn oom_page() -> Vec<u8> {
    let sections = vec![
        section(OOM_SOURCES),
        section(OOM_JSON),
        exit_status("oom"),
        section(ENVIRONMENT),
        section(OOM_EXAMPLES),
        see_also("gtune(1), gtune-doctor(1), gtune-triage(1), dmesg(1), journalctl(1), proc_sys_vm(5), cgroups(7)"),
    ];
    page(subcommand("oom"), sections)
}

fn triage_page() -> Vec<u8> {
    let sections = vec![
        section(TRIAGE_VERDICTS),
        section(TRIAGE_SOURCES),
        section(TRIAGE_JSON),
        exit_status("triage"),
        section(ENVIRONMENT),
        section(TRIAGE_EXAMPLES),
        see_also("gtune(1), gtune-doctor(1), gtune-oom(1), gunicorn(1), journalctl(1), signal(7)"),
    ];
    page(subcommand("triage"), sections)
}

/// clap_complete gives fish the values of options, not those of arguments.
fn fish_arguments(verb: &str) -> String {
    let values: Vec<String> =
        ALL.iter().map(|check| format!("{}\\t'{}'", check.id, check.title.replace('\'', "\\'"))).collect();
    format!("complete -c gtune -n \"__fish_gtune_using_subcommand {verb}\" -f -a \"{}\"\n", values.join("\n"))
}

fn completion(shell: Shell) -> Vec<u8> {
    let mut out = vec![];
    generate(shell, &mut gtune::cli::command(), "gtune", &mut out);
    if shell == Shell::Fish {
        ["doctor", "explain"].iter().for_each(|verb| out.extend(fish_arguments(verb).into_bytes()));
    }
    out
}

/// Compares a committed file with what the definitions make now, or writes it.
fn compare(file: &str, made: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("GTUNE_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, made).unwrap();
    }
    let committed = fs::read(&path).unwrap_or_default();
    assert!(committed == made, "{file} is stale: run GTUNE_BLESS=1 cargo test --test generated");
}

#[test]
fn man_pages_say_what_help_says() {
    compare("man/gtune.1", &main_page());
    compare("man/gtune-doctor.1", &doctor_page());
    compare("man/gtune-explain.1", &explain_page());
    compare("man/gtune-apply.1", &apply_page());
    compare("man/gtune-rollback.1", &rollback_page());
    compare("man/gtune-history.1", &history_page());
    compare("man/gtune-oom.1", &oom_page());
    compare("man/gtune-triage.1", &triage_page());
}

#[test]
fn every_command_has_a_page() {
    let command = gtune::cli::command();
    for verb in command.get_subcommands().map(clap::Command::get_name).filter(|verb| *verb != "help") {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("man/gtune-{verb}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn completions_know_what_the_command_line_knows() {
    compare("completions/gtune.bash", &completion(Shell::Bash));
    compare("completions/_gtune", &completion(Shell::Zsh));
    compare("completions/gtune.fish", &completion(Shell::Fish));
}

#[test]
fn every_check_is_in_the_pages_and_completions() {
    for made in [doctor_page(), explain_page()] {
        let text = String::from_utf8(made).unwrap().replace("\\-", "-");
        ALL.iter().for_each(|check| assert!(text.contains(check.id), "{}", check.id));
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let text = String::from_utf8(completion(shell)).unwrap();
        ALL.iter().for_each(|check| assert!(text.contains(check.id), "{shell}: {}", check.id));
    }
}
