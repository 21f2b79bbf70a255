//! `fstab`: whether the mount of the heartbeat comes back after a reboot.

use super::heartbeat_mounts::{Wanted, directories};
use super::heartbeat_place;
use super::weigh::weigh;
use super::{Area, Check, Columns, Judge, Judgement, Remedy, Seen, Severity, Stored, Verdict, by_hand};
use crate::facts::{Fact, Facts, Fstab, FstabEntry, MountUnit};
use crate::units::quoted;

/// Whether the mount of the heartbeat comes back after a reboot.
pub const CHECK: Check = Check {
    id: "fstab",
    area: Area::Heartbeat,
    title: "Heartbeat mount stored for boot",
    looks_at: "/etc/fstab and the mount units of systemd, for each mount that holds a heartbeat now or was\n\
               made for one; and the lines of /etc/fstab that are no entries or mount over each other.",
    why: "A mount made by hand is gone after the next reboot. Then its directory is a plain one on disk,\n\
          or is missing: Gunicorn falls back to disk without a word, or exits with 255. A line without\n\
          nofail that cannot be mounted stops the boot in emergency mode.",
    changes: "gtune apply --tmpfs DIR appends one marked line to /etc/fstab (--backend unit: writes a mount\n\
              unit). Other lines stay as they are, byte for byte. A line of somebody else's\n\
              is changed only with --adopt.",
    by_hand: &[
        "findmnt --fstab DIR; systemctl list-unit-files --type mount",
        "echo 'tmpfs DIR tmpfs defaults,size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec,nofail,comment=for-gunicorn 0 0' >> /etc/fstab",
        "findmnt --verify; systemctl daemon-reload",
    ],
    references: &["fstab(5)", "systemd.mount(5)", "systemd-fstab-generator(8)"],
    judge: Judge::Host(judge),
};

fn judge(facts: &Facts) -> Judgement {
    if facts.host.container.as_ref().is_some_and(by_hand::holds_one_application) {
        return Ok(Verdict::not_applicable("in a container its runtime makes the mounts, not /etc/fstab"));
    }
    let fstab = match &facts.fstab {
        Fact::Known(fstab) => fstab.clone(),
        Fact::Absent => Fstab::default(),
        Fact::Unreadable(reason) => return Err(reason.clone()),
    };
    let (directories, mut looks) = directories(facts, &fstab);
    looks.extend(directories.iter().map(|wanted| Ok(stored(facts, &fstab, wanted))));
    looks.extend([duplicates(&fstab), bad_lines(&fstab)].into_iter().flatten().map(Ok));
    if looks.is_empty() {
        return Ok(nothing_to_store(facts, &fstab));
    }
    weigh(looks)
}

fn nothing_to_store(facts: &Facts, fstab: &Fstab) -> Verdict {
    match facts.fstab {
        Fact::Absent => Verdict::not_applicable("there is no /etc/fstab, and no heartbeat needs one"),
        _ => Verdict::healthy(
            "no heartbeat needs a line, and every line can be read",
            "a line for each mount that holds a heartbeat",
            vec![format!("/etc/fstab: {} entries", fstab.entries.len())],
        ),
    }
}

/// Whether, and how well, one directory is stored.
fn stored(facts: &Facts, fstab: &Fstab, wanted: &Wanted) -> Verdict {
    let line = fstab.targets(&wanted.directory).pop();
    let unit = facts.mount_units.iter().find(|unit| unit.mount_point == wanted.directory);
    match (line, unit) {
        (None, None) => not_stored(facts, wanted),
        (Some(line), Some(unit)) if shadows(unit) => by_both(wanted, line, unit),
        (Some(line), _) => by_line(facts, wanted, line),
        (None, Some(unit)) => by_unit(facts, wanted, unit),
    }
}

/// Whether a unit file hides the unit generated from a line of fstab: what lies below /usr/lib does not
/// (systemd.unit(5), unit file load path).
fn shadows(unit: &MountUnit) -> bool {
    unit.file.starts_with("/etc/systemd/") || unit.file.starts_with("/run/systemd/system/")
}

fn not_stored(facts: &Facts, wanted: &Wanted) -> Verdict {
    let directory = &wanted.directory;
    let mut seen = seen(wanted, None);
    seen.observed = format!("{directory} is mounted and nothing mounts it at the next boot");
    seen.evidence = vec![
        format!("/proc/self/mountinfo: {directory} {}", wanted.because),
        format!("/etc/fstab: no line for {directory}, and no mount unit for it"),
    ];
    let consequence = format!(
        "After the next reboot {directory} is a plain directory on disk, or is missing and Gunicorn exits with 255."
    );
    let by_hand = heartbeat_place::mount_steps(&quoted(directory)).split_off(1);
    let remedy = Remedy { command: Some(command(facts, wanted)), by_hand, restart: false };
    Verdict::finding(Severity::Warning, seen, consequence, remedy)
}

fn command(facts: &Facts, wanted: &Wanted) -> String {
    format!("{} apply --tmpfs {}{}", by_hand::gtune(facts), quoted(&wanted.directory), wanted.unit)
}

fn seen(wanted: &Wanted, stored_for_boot: Option<Stored>) -> Seen {
    let columns = Columns { stored_for_boot, ..Columns::default() };
    Seen { wanted: format!("{} stored for boot", wanted.directory), columns, ..Seen::default() }
}

fn line_seen(wanted: &Wanted, line: &FstabEntry) -> Seen {
    let value = format!("{} {} {} {}", line.source, line.target, line.kind, line.options.join(","));
    let evidence = vec![format!("/etc/fstab, line {}: {value}", line.line)];
    let stored = Stored { value, file: Some("/etc/fstab".into()), line: Some(line.line) };
    Seen { evidence, ..seen(wanted, Some(stored)) }
}

fn unit_seen(wanted: &Wanted, unit: &MountUnit) -> Seen {
    let value = format!("{} {} {}", unit.kind, unit.mount_point, unit.options.join(","));
    let value = value.trim_end().to_owned();
    let evidence = vec![format!("{}: {value}", unit.file)];
    Seen { evidence, ..seen(wanted, Some(Stored { value, file: Some(unit.file.clone()), line: None })) }
}

fn by_line(facts: &Facts, wanted: &Wanted, line: &FstabEntry) -> Verdict {
    let directory = &wanted.directory;
    let mut seen = line_seen(wanted, line);
    let has = |option: &str| line.options.iter().any(|o| o == option);
    let edit =
        |change: &str| vec![format!("in line {} of /etc/fstab: {change}", line.line), "systemctl daemon-reload".into()];
    let remedy =
        |by_hand| Remedy { command: Some(format!("{} --adopt", command(facts, wanted))), by_hand, restart: false };
    if !matches!(line.kind.as_str(), "tmpfs" | "ramfs") {
        seen.observed = format!("line {} mounts {} at {directory}", line.line, line.kind);
        let consequence = "After the next reboot the heartbeat lies on that file system and no longer in memory.";
        // Whatever lies on that file system is somebody's, so gtune does not take the line over.
        let by_hand = edit("give that file system another directory, then: gtune apply --tmpfs");
        return Verdict::finding(Severity::Warning, seen, consequence, Remedy { by_hand, ..Remedy::default() });
    }
    if has("noauto") && !wanted.required {
        seen.observed = format!("line {} has noauto", line.line);
        let consequence = format!("Nothing mounts {directory} at the next boot: the heartbeat falls back to disk.");
        return Verdict::finding(Severity::Warning, seen, consequence, remedy(edit("take out noauto")));
    }
    if !has("nofail") {
        seen.observed = format!("line {} lacks nofail", line.line);
        let consequence = format!("Should {directory} not be mountable, the boot stops in emergency mode.");
        return Verdict::finding(Severity::Info, seen, consequence, remedy(edit("add nofail to the options")));
    }
    seen.observed = format!("{directory} is stored in line {}", line.line);
    Verdict::Healthy(seen)
}

fn by_unit(facts: &Facts, wanted: &Wanted, unit: &MountUnit) -> Verdict {
    let mut seen = unit_seen(wanted, unit);
    if unit.enabled || wanted.required {
        seen.observed = format!("{} is stored as a mount unit", wanted.directory);
        return Verdict::Healthy(seen);
    }
    let name = unit.file.rsplit('/').next().unwrap_or(&unit.file);
    seen.observed = format!("{name} is not enabled");
    let consequence =
        format!("Nothing mounts {} at the next boot: the heartbeat falls back to disk.", wanted.directory);
    let by_hand = vec![format!("systemctl enable {}", quoted(name))];
    let remedy = Remedy { command: Some(command(facts, wanted)), by_hand, restart: false };
    Verdict::finding(Severity::Warning, seen, consequence, remedy)
}

/// A line and a unit of the administrator for one directory: the unit wins and the line is idle.
fn by_both(wanted: &Wanted, line: &FstabEntry, unit: &MountUnit) -> Verdict {
    let mut seen = unit_seen(wanted, unit);
    seen.evidence.extend(line_seen(wanted, line).evidence);
    seen.observed = format!("{} is stored twice: in line {} and in {}", wanted.directory, line.line, unit.file);
    let consequence = "The unit file wins, so a change of the line in /etc/fstab does nothing.";
    let by_hand = vec![
        format!("take out line {} of /etc/fstab, or delete {}", line.line, unit.file),
        "systemctl daemon-reload".into(),
    ];
    Verdict::finding(Severity::Info, seen, consequence, Remedy { by_hand, ..Remedy::default() })
}

/// Entries that mount over each other: the later hides the earlier, and systemd takes only one of them.
fn duplicates(fstab: &Fstab) -> Option<Verdict> {
    let told = |(a, b): (&FstabEntry, &FstabEntry)| format!("lines {} and {} both mount {}", a.line, b.line, b.target);
    let pairs = fstab.duplicates().into_iter().map(told).collect();
    let consequence = "mount(8) puts the later over the earlier, while systemd keeps one of them only.";
    remark(pairs, "each directory mounted once", consequence, "keep one line for each directory")
}

fn bad_lines(fstab: &Fstab) -> Option<Verdict> {
    let lines = fstab.bad_lines.iter().map(|(line, wrong)| format!("line {line}: {wrong}")).collect();
    let consequence = "What such a line should mount is not mounted at boot.";
    remark(lines, "lines that are entries or comments", consequence, "mend the line or put # before it")
}

/// A remark on lines of the file that concern more than Gunicorn.
fn remark(lines: Vec<String>, wanted: &str, consequence: &str, step: &str) -> Option<Verdict> {
    if lines.is_empty() {
        return None;
    }
    let evidence = lines.iter().map(|line| format!("/etc/fstab: {line}")).collect();
    let seen = Seen { observed: lines.join("; "), wanted: wanted.into(), evidence, ..Seen::default() };
    let by_hand = vec![format!("in /etc/fstab: {step}"), "findmnt --verify; systemctl daemon-reload".into()];
    Some(Verdict::finding(Severity::Info, seen, consequence, Remedy { by_hand, ..Remedy::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy::*;
    use crate::checks::judged::*;
    use crate::facts::{FsKind, UnitAssignment};

    const GOOD: &str = "tmpfs /mem tmpfs size=64m,nofail,comment=for-gunicorn";

    /// A host whose heartbeat lies on /mem, with these lines in fstab.
    fn with_lines(lines: &[&str]) -> Facts {
        let mut facts = host_with_gunicorn();
        facts.fstab = Fact::Known(fstab(lines));
        let Fact::Known(mounts) = &mut facts.mounts else { panic!() };
        mounts.push(mount("/mem", "tmpfs", &["rw"]));
        facts
    }

    fn mem_unit(file: &str, enabled: bool) -> MountUnit {
        let kind = FsKind::named("tmpfs");
        MountUnit { mount_point: "/mem".into(), kind, options: vec![], file: file.into(), enabled }
    }

    #[test]
    fn a_stored_mount_is_healthy() {
        let seen = healthy(judge(&with_lines(&["UUID=1 / ext4 rw", GOOD])));
        assert_eq!(seen.observed, "/mem is stored in line 2");
        assert_eq!(seen.columns.stored_for_boot.unwrap().line, Some(2));
    }

    #[test]
    fn a_mount_that_nothing_stores_is_gone_after_a_reboot() {
        let finding = found(judge(&with_lines(&["UUID=1 / ext4 rw"])));
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.consequence.contains("next reboot"));
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune apply --tmpfs /mem --unit gunicorn.service"));
        let mut facts = with_lines(&[]);
        facts.fstab = Fact::Absent;
        assert_eq!(found(judge(&facts)).severity, Severity::Warning);
    }

    #[test]
    fn a_line_is_judged_by_what_it_will_mount() {
        for (line, severity, words) in [
            ("tmpfs /mem tmpfs size=64m", Severity::Info, "lacks nofail"),
            ("/dev/vdb /mem ext4 nofail", Severity::Warning, "mounts ext4 at /mem"),
            ("tmpfs /mem tmpfs noauto,nofail", Severity::Warning, "noauto"),
        ] {
            let finding = found(judge(&with_lines(&[line])));
            assert_eq!(finding.severity, severity);
            assert!(finding.seen.observed.contains(words), "{}", finding.seen.observed);
            // The file system of somebody else is not taken over.
            let command = finding.remedy.command;
            assert_eq!(command.is_none(), line.contains("ext4"), "{command:?}");
            assert!(command.is_none_or(|command| command.ends_with("--adopt")));
        }
    }

    #[test]
    fn a_mount_unit_stores_it_as_well_when_something_wants_it() {
        let mut facts = with_lines(&[]);
        facts.mount_units = vec![mem_unit("/etc/systemd/system/mem.mount", true)];
        healthy(judge(&facts));
        facts.mount_units[0].enabled = false;
        let finding = found(judge(&facts));
        assert_eq!(finding.remedy.by_hand, ["systemctl enable mem.mount"]);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        let Fact::Known(unit) = &mut services[0].unit else { panic!() };
        let assignment = UnitAssignment { value: "/srv /mem".into(), file: "50.conf".into(), line: 2 };
        unit.stored.insert("Unit.RequiresMountsFor".into(), vec![assignment]);
        healthy(judge(&facts));
    }

    #[test]
    fn a_unit_of_the_administrator_makes_the_line_idle() {
        let mut facts = with_lines(&[GOOD]);
        facts.mount_units = vec![mem_unit("/etc/systemd/system/mem.mount", true)];
        let finding = found(judge(&facts));
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.seen.observed.contains("stored twice"));
        facts.mount_units[0].file = "/usr/lib/systemd/system/mem.mount".into();
        healthy(judge(&facts));
    }

    #[test]
    fn what_the_system_makes_itself_needs_no_line() {
        let mut facts = with_service(|s| {
            for worker in &mut s.workers {
                let Fact::Known(heartbeat) = &mut worker.heartbeat else { panic!() };
                heartbeat.filesystem = Fact::Known(filesystem("tmpfs", "/dev/shm"));
            }
        });
        healthy(judge(&facts));
        facts.fstab = Fact::Absent;
        not_applicable(judge(&facts));
    }

    #[test]
    fn what_only_the_service_sees_is_made_by_its_unit() {
        // The host of the builder has no /mem: the service's own mount namespace has.
        healthy(judge(&host_with_gunicorn()));
    }

    #[test]
    fn faults_of_the_file_are_remarks() {
        let mut file = fstab(&[GOOD, "a /srv ext4 rw", "b /srv ext4 rw", "x none swap sw", "y none swap sw"]);
        file.bad_lines.push((9, "fewer than three fields".into()));
        let mut facts = with_lines(&[]);
        facts.fstab = Fact::Known(file);
        let finding = found(judge(&facts));
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.seen.observed.contains("lines 2 and 3 both mount /srv"));
        assert!(finding.seen.observed.contains("line 9: fewer than three fields"));
        assert!(!finding.seen.observed.contains("none"));
    }

    #[test]
    fn what_could_not_be_seen_is_not_stored() {
        let mut facts = with_lines(&[GOOD]);
        hide(&mut facts.fstab);
        cannot_tell(judge(&facts));
        let mut facts = with_lines(&[GOOD]);
        hide(&mut facts.services);
        cannot_tell(judge(&facts));
        let mut facts = with_lines(&[]);
        hide(&mut facts.mounts);
        cannot_tell(judge(&facts));
        let mut facts = with_lines(&[]);
        let Fact::Known(services) = &mut facts.services else { panic!() };
        hide(&mut services[0].workers[0].heartbeat);
        cannot_tell(judge(&facts));
    }

    #[test]
    fn an_image_is_judged_by_its_file_alone() {
        let mut facts = with_lines(&["tmpfs /mem tmpfs comment=for-gunicorn"]);
        (facts.host.live, facts.host.root) = (false, "/mnt".into());
        hide(&mut facts.services);
        let finding = found(judge(&facts));
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.remedy.command.as_deref(), Some("gtune --root /mnt apply --tmpfs /mem --adopt"));
    }
}
