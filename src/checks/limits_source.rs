//! `limits-source`: where the limit of open files is set, and whether that reaches the process.

use crate::checks::columns::stored;
use crate::checks::login_limits::{self, Intent};
use crate::checks::steps::{apply, by_hand, raise_open_files, restart, systemctl};
use crate::checks::unit_limit::{KEY, in_words, loaded, open_file_columns, parse, same};
use crate::checks::weigh::weigh;
use crate::checks::{Area, Check, Columns, Judge, Judgement, Remedy, Seen, Severity, Verdict};
use crate::facts::{Fact, Facts, Manager, Reason, Service, Unit, UnitAssignment};
use crate::units::{Limit, SoftHard, quoted};

/// The check.
pub const CHECK: Check = Check {
    id: "limits-source",
    area: Area::Limits,
    title: "Where the limit comes from",
    looks_at: "LimitNOFILE= in the unit's files, what systemd has loaded (systemctl show), what the\n\
               processes have (/proc/<pid>/limits), fs.nr_open, and limits.conf with limits.d.",
    why: "A limit can be written in a place that never reaches Gunicorn. systemd does not read\n\
          limits.conf for services; a changed unit counts after daemon-reload and a restart only;\n\
          a limit above fs.nr_open is cut without a word.",
    changes: "gtune apply --nofile N --unit UNIT writes the limit where the service will get it.",
    by_hand: &[
        "systemctl show UNIT -p LimitNOFILE,LimitNOFILESoft,NeedDaemonReload,DropInPaths",
        "grep 'open files' /proc/PID/limits",
        "systemctl daemon-reload && systemctl restart UNIT",
    ],
    references: &["systemd.exec(5), LimitNOFILE=", "limits.conf(5)", "pam_limits(8)", "proc_sys_fs(5), nr_open"],
    judge: Judge::Service { each, fresh },
};

fn each(facts: &Facts, service: &Service) -> Judgement {
    match &service.manager {
        Manager::Container => Ok(Verdict::not_applicable(
            "the container runtime sets the limits; neither units nor limits.d of this host reach it",
        )),
        Manager::SystemUnit(_) | Manager::UserUnit { .. } => of_unit(facts, service),
        Manager::Session(_) => of_session(facts, service),
        Manager::Supervisor { .. } | Manager::Nobody => not_reached(facts, service, Severity::Info),
    }
}

fn of_unit(facts: &Facts, service: &Service) -> Judgement {
    let unit = service.unit.needed("unit")?;
    weigh([
        reread(service, unit),
        restarted(facts, service, unit),
        capped(facts, service, unit),
        not_reached(facts, service, Severity::Warning),
    ])
}

/// Stored in the files against loaded in the manager.
fn reread(service: &Service, unit: &Unit) -> Judgement {
    let loaded_unit = unit.loaded.needed("loaded unit")?;
    let Some(line) = unit.winner(KEY) else { return Ok(nothing_stored(unit)) };
    let Some(written) = parse(&line.value) else { return unit_line_is_no_limit(service, unit, line) };
    let Some(loaded) = loaded(loaded_unit) else { return Err(no_limit_shown(unit)) };
    let evidence = vec![stored_line(line), shown(unit, loaded)];
    if same(written, loaded) {
        return Ok(Verdict::healthy(format!("LimitNOFILE={}", line.value), "the same in files and systemd", evidence));
    }
    let seen = Seen {
        observed: format!("the unit's files say {}, systemd has loaded {}", line.value, in_words(loaded)),
        wanted: "the same in both".into(),
        evidence,
        columns: Columns { stored_for_boot: Some(stored(line)), ..Columns::default() },
    };
    let consequence = "The limit in the files does not count before systemd has read them again.";
    let steps = vec![systemctl(unit, "daemon-reload"), restart(service)];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, with_restart(steps)))
}

fn nothing_stored(unit: &Unit) -> Verdict {
    let evidence = vec![format!("{}: no LimitNOFILE= in its files", unit.name)];
    Verdict::healthy("nothing set in the unit", "a limit that reaches the process", evidence)
}

fn unit_line_is_no_limit(service: &Service, unit: &Unit, line: &UnitAssignment) -> Judgement {
    if line.value.trim().is_empty() {
        return Ok(nothing_stored(unit));
    }
    let seen = Seen {
        observed: format!("LimitNOFILE={} is no limit", line.value),
        wanted: "a number, soft:hard, or infinity".into(),
        evidence: vec![stored_line(line)],
        ..Seen::default()
    };
    let steps =
        vec![format!("mend line {} of {}", line.line, line.file), systemctl(unit, "daemon-reload"), restart(service)];
    Ok(Verdict::finding(Severity::Warning, seen, "systemd leaves the line out.", with_restart(steps)))
}

/// Loaded in the manager against what the master has, from which workers inherit.
fn restarted(facts: &Facts, service: &Service, unit: &Unit) -> Judgement {
    let Some(loaded) = loaded(unit.loaded.needed("loaded unit")?) else { return Err(no_limit_shown(unit)) };
    let mut evidence = vec![shown(unit, loaded)];
    for process in service.processes() {
        let limits = process.limits.needed("limits")?.open_files;
        evidence.push(format!("/proc/{}/limits: Max open files {} {}", process.pid, limits.soft, limits.hard));
    }
    let (pid, soft) = (service.master.pid, service.master.limits.needed("limits")?.open_files.soft);
    if soft == cut(loaded.soft, facts) {
        return Ok(Verdict::healthy(format!("{soft} in force"), "", evidence));
    }
    let seen = Seen {
        observed: format!("systemd has loaded {}, master {pid} has {soft}", loaded.soft),
        wanted: "the same in both".into(),
        evidence,
        columns: open_file_columns(facts, service),
    };
    let consequence = if soft > loaded.soft {
        "The higher limit was given to the running process and is gone after the next restart."
    } else if unit.of_user {
        "The limit does not count before a restart, nor above what the user's own manager may have."
    } else {
        "The limit systemd knows does not count before the service has been restarted."
    };
    Ok(Verdict::finding(Severity::Warning, seen, consequence, after_restart(service, soft, loaded.soft)))
}

/// A restart brings the loaded limit; where that would lower it, it has to be stored first.
fn after_restart(service: &Service, in_force: Limit, loaded: Limit) -> Remedy {
    match in_force.number().filter(|soft| Limit::At(*soft) > loaded) {
        Some(soft) => Remedy {
            command: apply(service, &format!("--nofile {soft}")),
            by_hand: raise_open_files(service, soft),
            restart: true,
        },
        None => with_restart(vec![restart(service)]),
    }
}

/// What systemd makes of a limit above `fs.nr_open`: it sets the highest the kernel allows and says nothing.
fn cut(limit: Limit, facts: &Facts) -> Limit {
    facts.host.nr_open.known().map_or(limit, |cap| limit.min(Limit::At(*cap)))
}

/// A limit that is written above what the kernel allows. `infinity` is not meant as a number and is no finding.
fn capped(facts: &Facts, service: &Service, unit: &Unit) -> Judgement {
    let Some(line) = unit.winner(KEY) else { return Ok(Verdict::not_applicable("no LimitNOFILE= is stored")) };
    let Some(number) = parse(&line.value).and_then(|limits| limits.hard.number()) else {
        return Ok(Verdict::not_applicable("LimitNOFILE= names no number"));
    };
    let cap = *facts.host.nr_open.needed("/proc/sys/fs/nr_open")?;
    if number <= cap {
        return Ok(Verdict::not_applicable("LimitNOFILE= is below fs.nr_open"));
    }
    let seen = Seen {
        observed: format!("LimitNOFILE={} is above fs.nr_open={cap}", line.value),
        wanted: format!("at most {cap}, or a higher fs.nr_open"),
        evidence: vec![stored_line(line), format!("/proc/sys/fs/nr_open: {cap}")],
        columns: open_file_columns(facts, service),
    };
    let steps = [
        format!("sysctl -w fs.nr_open={number}"),
        format!("echo 'fs.nr_open = {number}' > /etc/sysctl.d/90-nr-open.conf"),
        restart(service),
    ];
    let consequence = format!("systemd cuts it to {cap} without a word.");
    Ok(Verdict::finding(Severity::Warning, seen, consequence, with_restart(steps.to_vec())))
}

/// Lines of limits.d that ask for more than a process has which never reads them.
fn not_reached(facts: &Facts, service: &Service, by_name: Severity) -> Judgement {
    let intent = login_limits::intent(login_limits::conf(facts)?, service);
    let Some(intent) = intent else {
        return Ok(Verdict::healthy("no line of limits.d concerns it", "a limit that reaches the process", vec![]));
    };
    let soft = service.master.limits.needed("limits")?.open_files.soft;
    if soft >= intent.soft {
        return Ok(Verdict::healthy("no lower than limits.d asks", "", vec![intent.line.clone()]));
    }
    let seen = Seen {
        observed: format!("limits.d asks for {}, the master has {soft}", intent.soft),
        wanted: "the limit in the unit".into(),
        evidence: vec![intent.line.clone(), format!("/proc/{}/limits: Max open files soft {soft}", service.master.pid)],
        columns: open_file_columns(facts, service),
    };
    let consequence = "limits.d reaches logins only: it does not raise the limit of a service.";
    Ok(Verdict::finding(severity(&intent, by_name), seen, consequence, as_asked(service, &intent)))
}

/// A line that names the service's user was meant for it; one for everybody may well be meant for logins.
fn severity(intent: &Intent, by_name: Severity) -> Severity {
    if intent.names_user { by_name } else { Severity::Info }
}

fn as_asked(service: &Service, intent: &Intent) -> Remedy {
    let soft = intent.number();
    Remedy {
        command: apply(service, &format!("--nofile {soft}")),
        by_hand: raise_open_files(service, soft),
        restart: true,
    }
}

/// In a login session limits.d does count, from the next login on.
fn of_session(facts: &Facts, service: &Service) -> Judgement {
    let soft = service.master.limits.needed("limits")?.open_files.soft;
    let evidence = vec![format!("/proc/{}/limits: Max open files soft {soft}", service.master.pid)];
    let Some(intent) = login_limits::intent(login_limits::conf(facts)?, service) else {
        return Ok(Verdict::healthy(format!("{soft} from the login session"), "", evidence));
    };
    let seen = Seen {
        observed: format!("limits.d gives the next login {}, this session has {soft}", intent.soft),
        wanted: "the same in both".into(),
        evidence: [evidence, vec![intent.line.clone()]].concat(),
        columns: Columns { stored_for_boot: Some(intent.stored()), ..open_file_columns(facts, service) },
    };
    if soft == intent.soft {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "A Gunicorn started at the next login runs with another limit than this one.";
    let steps = vec!["log in anew and check with: ulimit -n".to_owned(), restart(service)];
    Ok(Verdict::finding(Severity::Warning, seen, consequence, with_restart(steps)))
}

fn fresh(facts: &Facts) -> Judgement {
    let Some(intent) = login_limits::for_everybody(login_limits::conf(facts)?) else {
        let evidence = vec!["/etc/security/limits.conf, limits.d: no nofile line for everybody".into()];
        return Ok(Verdict::healthy("nothing that a service would miss", "limits set in the unit", evidence));
    };
    if facts.host.systemd == Fact::Absent {
        return Ok(Verdict::healthy(
            "limits.d, and no systemd",
            "limits where the service gets them",
            vec![intent.line],
        ));
    }
    let default = facts.host.systemd_default_open_files.needed("DefaultLimitNOFILE of systemd")?;
    let seen = Seen {
        observed: format!("limits.d gives logins {}, systemd gives a service {default}", intent.soft),
        wanted: "LimitNOFILE= in the unit of the Gunicorn to come".into(),
        evidence: vec![intent.line.clone(), format!("systemd: DefaultLimitNOFILESoft={default}")],
        ..Seen::default()
    };
    if *default >= intent.soft {
        return Ok(Verdict::Healthy(seen));
    }
    let consequence = "A Gunicorn that ran well from a shell has fewer descriptors as a service.";
    Ok(Verdict::finding(Severity::Info, seen, consequence, by_hand(CHECK.by_hand.iter().copied())))
}

fn with_restart(steps: Vec<String>) -> Remedy {
    Remedy { command: None, by_hand: steps, restart: true }
}

fn no_limit_shown(unit: &Unit) -> Reason {
    let show = format!("systemctl show {} -p LimitNOFILE", quoted(&unit.name));
    Reason::new(format!("{show}: holds no limit of open files"))
}

fn stored_line(line: &UnitAssignment) -> String {
    format!("{}:{}: LimitNOFILE={}", line.file, line.line, line.value)
}

fn shown(unit: &Unit, loaded: SoftHard) -> String {
    format!("systemctl show {}: LimitNOFILESoft={} LimitNOFILE={}", unit.name, loaded.soft, loaded.hard)
}

#[cfg(test)]
mod tests;
