//! The mount unit.

use super::*;

#[test]
fn a_unit_is_written_and_enabled() {
    let topic = planned(&fresh_host(), &ground(ROOT_LINE), &as_unit(asked("/mem")));
    assert_eq!(kinds(&topic), ["directory", "mount", "file", "directory", "link"]);
    let Change::File { path, after: Some(file), .. } = &topic.changes[2] else { panic!() };
    assert_eq!(path, UNIT);
    assert!(file.content.text().contains("Where=/mem\nType=tmpfs\nOptions=size=64m,nr_inodes=4k,"));
    let Change::Link { path, after, .. } = &topic.changes[4] else { panic!() };
    assert_eq!(path, "/etc/systemd/system/local-fs.target.wants/mem.mount");
    assert_eq!(after.as_deref(), Some(UNIT));
}

#[test]
fn per_cent_and_blanks_are_written_as_systemd_and_fstab_read_them() {
    let mut request = asked("/srv/my 100% mem");
    request.tmpfs.as_mut().unwrap().size = Some(MountSize::Percent(5));
    let line = fstab_after(&planned(&fresh_host(), &ground(""), &request));
    assert!(line.starts_with(r"tmpfs /srv/my\040100%\040mem tmpfs defaults,size=5%,"), "{line}");
    let request = as_unit(request);
    let topic = planned(&fresh_host(), &ground(""), &request);
    let Change::File { path, after: Some(file), .. } = &topic.changes[2] else { panic!() };
    assert_eq!(path, r"/etc/systemd/system/srv-my\x20100\x25\x20mem.mount");
    let text = file.content.text();
    assert!(text.contains("Where=/srv/my 100%% mem\n") && text.contains("Options=size=5%%,"), "{text}");
    let again = planned(&fresh_host(), &after(&ground(""), &topic), &request);
    assert_eq!(kinds(&again), ["mount"]);
}

#[test]
fn a_unit_that_is_there_counts_whichever_way_was_asked_for() {
    let right = "size=8m,nr_inodes=1k,nosuid,nodev,noexec";
    let loose = with_unit("size=8m");
    for request in [asked("/mem"), as_unit(asked("/mem"))] {
        let topic = planned(&mounted(CAREFUL), &with_unit(right), &request);
        assert_eq!(kinds(&topic), ["directory", "link"], "it is enabled");
        assert_eq!(kinds(&planned(&mounted(CAREFUL), &after(&with_unit(right), &topic), &request)), [""; 0]);
        assert!(
            refused(&mounted(CAREFUL), &loose, &request)
                .reason
                .contains("mem.mount mounts it at boot and lacks nosuid")
        );
        let adopted = planned(&mounted(CAREFUL), &loose, &adopting(request));
        assert_eq!(kinds(&adopted), ["file", "directory", "link"]);
    }
    let own = with_unit("size=8m,comment=for-gunicorn");
    let topic = planned(&mounted(CAREFUL), &own, &asked("/mem"));
    assert_eq!(kinds(&topic), ["file", "directory", "link"]);
    let edit = format!("{UNIT} was edited since gtune wrote it; the edit is lost.");
    assert!(topic.warnings.contains(&edit), "{:?}", topic.warnings);
}

#[test]
fn a_line_gives_way_to_a_unit_with_adopt_only() {
    let lines = ground(&format!("{ROOT_LINE}{LINE}\n"));
    let request = as_unit(asked("/mem"));
    let refusal = refused(&mounted(CAREFUL), &lines, &request);
    assert!(refusal.reason.contains("/etc/fstab mounts it at boot, line 2: "));
    let topic = planned(&mounted(CAREFUL), &lines, &adopting(request.clone()));
    assert_eq!(kinds(&topic), ["file", "directory", "link", "line out"]);
    assert_eq!(fstab_after(&topic), ROOT_LINE);
    let Change::File { after: Some(file), .. } = &topic.changes[0] else { panic!() };
    assert!(!file.content.text().contains("nofail,"));
    assert_eq!(kinds(&planned(&mounted(CAREFUL), &after(&lines, &topic), &adopting(request))), [""; 0]);
}

#[test]
fn a_masked_unit_is_refused_for_a_line_too() {
    let mut masked = ground("");
    let obstacle = Some(Obstacle::LeadsOutside("/dev/null".into()));
    masked.files.insert(UNIT.into(), Place { obstacle, ..Place::free(UNIT) });
    for request in [asked("/mem"), adopting(as_unit(asked("/mem")))] {
        assert_eq!(refused(&fresh_host(), &masked, &request).hints, ["systemctl unmask mem.mount"]);
    }
}

#[test]
fn a_unit_of_the_vendor_or_of_this_boot_is_told_from_one_of_the_administrator() {
    let mut facts = mounted(CAREFUL);
    let options: Vec<String> = CAREFUL.iter().map(|option| (*option).to_owned()).collect();
    let unit = |file: &str| MountUnit {
        mount_point: "/mem".into(),
        kind: FsKind::named("tmpfs"),
        options: options.clone(),
        file: file.into(),
        enabled: true,
    };
    facts.mount_units = vec![unit("/usr/lib/systemd/system/mem.mount")];
    assert_eq!(kinds(&planned(&facts, &ground(""), &asked("/mem"))), [""; 0]);
    facts.mount_units = vec![unit("/run/systemd/system/mem.mount")];
    assert!(refused(&facts, &ground(""), &asked("/mem")).hints[0].starts_with("rm /run/systemd/system/mem.mount"));
    assert_eq!(kinds(&planned(&facts, &ground(""), &as_unit(asked("/mem")))), ["file", "directory", "link"]);
    facts.host.systemd = Fact::Absent;
    assert_eq!(kinds(&planned(&facts, &ground(""), &asked("/mem"))), ["new line"]);
    assert!(refused(&facts, &ground(""), &as_unit(asked("/mem"))).reason.contains("systemd"));
}

#[test]
fn a_line_that_a_unit_makes_idle_is_told_of_and_taken_out_with_adopt() {
    let mut both = with_unit("size=8m,nr_inodes=1k,nosuid,nodev,noexec");
    both.files.insert(FSTAB.into(), Place::holding(FSTAB, FileImage::configuration(format!("{ROOT_LINE}{LINE}\n"))));
    both.links.insert(super::super::unit_file::link_of("/mem"), Fact::Known(UNIT.into()));
    let topic = planned(&mounted(CAREFUL), &both, &asked("/mem"));
    assert!(topic.changes.is_empty() && topic.warnings.iter().any(|w| w.contains("Line 2 of /etc/fstab does nothing")));
    let topic = planned(&mounted(CAREFUL), &both, &adopting(asked("/mem")));
    assert_eq!(kinds(&topic), ["line out"]);
}
