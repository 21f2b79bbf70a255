//! `sendfile`: whether files are sent from a file system that sendfile(2) is known to serve wrongly.

use crate::checks::steps::{by_hand, drop_in, restart};
use crate::checks::{Area, Check, Judge, Judgement, Seen, Severity, Verdict};
use crate::facts::{Fact, Facts, FsKind, Mount, Reason, Service};
use crate::gunicorn::WorkerClass;

/// The check.
pub const CHECK: Check = Check {
    id: "sendfile",
    area: Area::Service,
    title: "Files sent by sendfile()",
    looks_at: "The setting sendfile (and the SENDFILE variable) and the type of the file system that holds\n\
               the application: chdir, else WorkingDirectory= of the unit, in /proc/<pid>/mountinfo.",
    why: "Gunicorn hands files of wsgi.file_wrapper to sendfile(2), so the kernel copies them. On shared\n\
          folders of virtual machines the kernel may send an old or truncated copy; on network and\n\
          FUSE file systems it depends on the server behind them.",
    changes: "Nothing. It is an option of Gunicorn: --no-sendfile, or SENDFILE=0.",
    by_hand: &[
        "findmnt -T /srv/app   # the file system of the application",
        "start Gunicorn with --no-sendfile, or with SENDFILE=0 in its environment",
    ],
    references: &[
        "Gunicorn settings: sendfile",
        "Gunicorn FAQ: How can I disable the use of sendfile()?",
        "sendfile(2)",
        "Apache HTTP Server: EnableSendfile, the same trouble described",
    ],
    judge: Judge::Service { each, fresh },
};

/// How a file system serves sendfile(2).
fn trouble(kind: &FsKind) -> Option<Severity> {
    match kind.name() {
        // Serve the page cache of the guest, which does not learn of writes on the host: old or truncated content.
        "vboxsf" | "prl_fs" | "vmhgfs" | "fuse.vmhgfs-fuse" => Some(Severity::Warning),
        // The same can happen where another machine writes the files; Apache advises against it for these.
        "9p" | "virtiofs" | "cifs" | "smb3" => Some(Severity::Info),
        // These hold no files anybody would serve: figures of a container, and files of a desktop.
        "fuse.lxcfs" | "fuse.gvfsd-fuse" | "fuse.portal" => None,
        name if name.starts_with("nfs") || name.starts_with("fuse.") || name == "fuse" => Some(Severity::Info),
        _ => None,
    }
}

fn each(_facts: &Facts, service: &Service) -> Judgement {
    if let Some(class @ (WorkerClass::Asgi | WorkerClass::Uvicorn | WorkerClass::Aiohttp | WorkerClass::Tornado)) =
        service.known_class()
    {
        return Ok(Verdict::not_applicable(format!("{class} workers do not call sendfile()")));
    }
    let mounts = service.mounts.needed("mounts")?;
    let suspects: Vec<&Mount> = mounts.iter().filter(|mount| trouble(&mount.kind).is_some()).collect();
    if suspects.is_empty() {
        let evidence = vec![format!("/proc/{}/mountinfo: no shared folder, network or FUSE mount", service.master.pid)];
        return Ok(Verdict::healthy("no file system that serves it badly", "a local file system", evidence));
    }
    let setting = service.settings.sendfile();
    let setting = setting.needed("sendfile")?;
    let by = format!("sendfile: {} ({})", if setting.value { "on" } else { "off" }, setting.source);
    if setting.value { on(service, mounts, &suspects, by) } else { Ok(Verdict::healthy("off", "off here", vec![by])) }
}

fn on(service: &Service, mounts: &[Mount], suspects: &[&Mount], by: String) -> Judgement {
    let Some((directory, from)) = application_directory(service)? else {
        let places: Vec<String> =
            suspects.iter().map(|mount| format!("{} at {}", mount.kind, mount.mount_point)).collect();
        let mounted = places.join(", ");
        return Err(Reason::new(format!("the directory of the application is not known, and {mounted} is mounted")));
    };
    let mount = holding(mounts, &directory).ok_or_else(|| Reason::new(format!("no mount holds {directory}")))?;
    let seen = Seen {
        observed: format!("on, {directory} on {}", mount.kind),
        wanted: "a local file system, or --no-sendfile".into(),
        evidence: vec![
            by,
            format!("{from}: {directory}"),
            format!("/proc/{}/mountinfo: {} {}", service.master.pid, mount.mount_point, mount.kind),
        ],
        ..Seen::default()
    };
    let Some(severity) = trouble(&mount.kind) else { return Ok(Verdict::Healthy(seen)) };
    let consequence = "Files sent from there may arrive old or truncated after they were changed elsewhere.";
    Ok(Verdict::finding(severity, seen, consequence, remedy(service)))
}

fn remedy(service: &Service) -> crate::checks::Remedy {
    let steps = match &service.unit {
        Fact::Known(unit) => {
            let mut steps = drop_in(unit, "sendfile", &["Environment=SENDFILE=0".into()]);
            steps.push(restart(service));
            steps
        }
        _ => vec!["start Gunicorn with --no-sendfile, or with SENDFILE=0 in its environment".into(), restart(service)],
    };
    crate::checks::Remedy { restart: true, ..by_hand(steps) }
}

/// The directory Gunicorn works in, and where that is said. A relative `chdir` says nothing.
fn application_directory(service: &Service) -> Result<Option<(String, String)>, Reason> {
    let from_unit = || {
        let unit = service.unit.known()?;
        let directory = unit.loaded.known()?.working_directory.trim_start_matches(['!', '-']).to_owned();
        Some((directory, format!("systemctl show {}: WorkingDirectory", unit.name)))
    };
    let found = match service.settings.chdir() {
        Fact::Known(found) => Some((found.value, format!("chdir ({})", found.source))),
        Fact::Absent => from_unit(),
        Fact::Unreadable(reason) => return Err(reason),
    };
    Ok(found.filter(|(directory, _)| directory.starts_with('/')))
}

/// The mount a path lies on: the deepest, and of several at one place the last.
fn holding<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| std::path::Path::new(path).starts_with(&mount.mount_point);
    mounts.iter().filter(holds).max_by_key(|mount| std::path::Path::new(&mount.mount_point).components().count())
}

fn fresh(facts: &Facts) -> Judgement {
    let mounts = facts.mounts.needed("mounts")?;
    match mounts.iter().find(|mount| trouble(&mount.kind).is_some()) {
        None => Ok(Verdict::healthy(
            "no file system that serves it badly",
            "a local file system",
            vec!["/proc/self/mountinfo: no shared folder, network or FUSE mount".into()],
        )),
        Some(mount) => Ok(Verdict::not_applicable(format!(
            "no Gunicorn runs; one that serves files from {} ({}) should run with --no-sendfile",
            mount.mount_point, mount.kind
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::gunicorn::{Settings, Source, Sourced, Value};

    fn on_mount(kind: &str, change: impl FnOnce(&mut Service)) -> Judgement {
        let facts = healthy::with_service(|service| {
            let root = healthy::mount("/", "ext4", &["rw"]);
            service.mounts = Fact::Known(vec![root, healthy::mount("/srv", kind, &["rw"])]);
            change(service);
        });
        each(&facts, &facts.services.known().unwrap()[0])
    }

    fn severity(judgement: Judgement) -> Option<Severity> {
        match judgement.unwrap() {
            Verdict::Finding(finding) => Some(finding.severity),
            Verdict::Healthy(_) => None,
            other => panic!("healthy or a finding, not {other:?}"),
        }
    }

    #[test]
    fn shared_folders_are_a_warning_and_network_file_systems_information() {
        for (kind, expected) in [
            ("ext4", None),
            ("vboxsf", Some(Severity::Warning)),
            ("nfs4", Some(Severity::Info)),
            ("fuse.sshfs", Some(Severity::Info)),
            ("fuseblk", None),
        ] {
            assert_eq!(severity(on_mount(kind, |_| ())), expected, "{kind}");
        }
    }

    #[test]
    fn a_mount_that_does_not_hold_the_application_does_not_count() {
        let beside = healthy::settings(&[("chdir", Value::Text("/srvother/app".into()))]);
        assert_eq!(severity(on_mount("vboxsf", |service| service.settings = beside)), None);
    }

    #[test]
    fn a_gunicorn_that_does_not_use_it_is_well_anywhere() {
        let off = healthy::settings(&[("sendfile", Value::Flag(false))]);
        assert_eq!(severity(on_mount("vboxsf", |service| service.settings = off)), None);
    }

    #[test]
    fn asgi_workers_do_not_use_it() {
        let asgi = Sourced { value: WorkerClass::Uvicorn, source: Source::CommandLine };
        let judged = on_mount("vboxsf", |service| service.class = Fact::Known(asgi));
        assert!(matches!(judged, Ok(Verdict::NotApplicable(_))));
    }

    #[test]
    fn what_is_hidden_is_unknown() {
        assert!(on_mount("ext4", |service| service.mounts = Fact::unreadable("permission denied")).is_err());
        assert!(on_mount("vboxsf", |service| service.unit = Fact::Absent).is_err());
        let blind = Settings { blind: Some(Reason::new("retitled")), ..Settings::default() };
        assert!(on_mount("vboxsf", |service| service.settings = blind).is_err());
        let mut facts = healthy::fresh_host();
        assert!(matches!(fresh(&facts), Ok(Verdict::Healthy(_))));
        facts.mounts = Fact::unreadable("not in an image");
        assert!(fresh(&facts).is_err());
    }
}
