//! Laws of the whole topic: each test starts on a healthy host without the mount and breaks one thing.

use super::*;
use crate::checks::healthy::{fresh_host, host_with_gunicorn, mount, worker};
use crate::checks::{Outcome, Selection, Verdict, assess};
use crate::facts::{Container, Fact, FsKind, Fstab, MountUnit};
use crate::plan::{Backend, Change, DirectoryImage, FileImage, MountSize, Obstacle, Place, TmpfsRequest};
use crate::units::Bytes;
use proptest::prelude::*;

const LINE: &str = "tmpfs /mem tmpfs defaults,size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec,nofail,\
                    comment=for-gunicorn 0 0";
const ROOT_LINE: &str = "UUID=1-2 / ext4 errors=remount-ro 0 1\n";
/// As Linux 6.18 prints a mount with the options of [`LINE`].
const CAREFUL: &[&str] = &["rw", "nosuid", "nodev", "noexec", "noatime", "size=65536k", "nr_inodes=4096"];
const UNIT: &str = "/etc/systemd/system/mem.mount";

fn asked(directory: &str) -> Request {
    let tmpfs = TmpfsRequest { directory: directory.into(), size: None, backend: Backend::Fstab };
    Request { tmpfs: Some(tmpfs), ..Request::default() }
}

fn sized(size: &str) -> Request {
    let mut request = asked("/mem");
    let bytes = MountSize::Bytes(Bytes(size.trim_end_matches('m').parse::<u64>().unwrap() << 20));
    request.tmpfs.as_mut().unwrap().size = Some(bytes);
    request
}

fn as_unit(mut request: Request) -> Request {
    request.tmpfs.as_mut().unwrap().backend = Backend::Unit;
    request
}

fn adopting(request: Request) -> Request {
    Request { adopt: true, ..request }
}

/// A root, an /etc, an fstab, and no directory to mount on.
fn ground(fstab: &str) -> Ground {
    let mut ground = Ground::default();
    for there in ["/", "/etc", "/etc/systemd", "/etc/systemd/system"] {
        ground.directories.insert(there.into(), Place::holding(there, DirectoryImage::OF_ROOT));
    }
    for missing in ["/mem", "/etc/systemd/system/local-fs.target.wants"] {
        ground.directories.insert(missing.into(), Place::free(missing));
    }
    ground.files.insert(FSTAB.into(), Place::holding(FSTAB, FileImage::configuration(fstab)));
    ground.files.insert(UNIT.into(), Place::free(UNIT));
    ground
}

fn with_unit(options: &str) -> Ground {
    let mut ground = ground(ROOT_LINE);
    let text = format!("[Mount]\nWhat=tmpfs\nWhere=/mem\nType=tmpfs\nOptions={options}\n");
    ground.files.insert(UNIT.into(), Place::holding(UNIT, FileImage::configuration(text)));
    ground
}

fn mounted(options: &[&str]) -> Facts {
    let mut facts = fresh_host();
    add_mount(&mut facts, "/mem", "tmpfs", options);
    facts
}

fn add_mount(facts: &mut Facts, directory: &str, kind: &str, options: &[&str]) {
    let Fact::Known(mounts) = &mut facts.mounts else { panic!() };
    let mut mount = mount(directory, kind, options);
    mount.device = format!("0:{}", 50 + mounts.len());
    mounts.push(mount);
}

fn kinds(topic: &Topic) -> Vec<&'static str> {
    let kind = |change: &Change| match change {
        Change::Directory { .. } => "directory",
        Change::Mount { before: None, .. } => "mount",
        Change::Mount { .. } => "remount",
        Change::Line { old_line: None, .. } => "new line",
        Change::Line { new_line: None, .. } => "line out",
        Change::Line { .. } => "line",
        Change::File { .. } => "file",
        Change::Link { .. } => "link",
        _ => "other",
    };
    topic.changes.iter().map(kind).collect()
}

fn planned(facts: &Facts, ground: &Ground, request: &Request) -> Topic {
    let topic = draft(facts, ground, request);
    assert!(topic.refused.is_empty(), "{:#?}", topic.refused);
    topic
}

fn refused(facts: &Facts, ground: &Ground, request: &Request) -> Refusal {
    let topic = draft(facts, ground, request);
    assert!(topic.changes.is_empty(), "{:#?}", topic.changes);
    assert!(!topic.refused.is_empty(), "{topic:#?}");
    topic.refused[0].clone()
}

fn fstab_after(topic: &Topic) -> String {
    let line = topic.changes.iter().find_map(|change| match change {
        Change::Line { after, .. } => after.clone(),
        _ => None,
    });
    line.unwrap().content.text()
}

fn remounted_with(topic: &Topic) -> Vec<String> {
    let mount = topic.changes.iter().find_map(|change| match change {
        Change::Mount { after, .. } => after.clone(),
        _ => None,
    });
    mount.unwrap().options
}

fn after(ground: &Ground, topic: &Topic) -> Ground {
    let mut ground = ground.clone();
    topic.changes.iter().for_each(|change| ground.after(change));
    ground
}

#[test]
fn a_directory_is_made_then_mounted_then_stored() {
    let topic = planned(&fresh_host(), &ground(ROOT_LINE), &asked("/mem/"));
    assert_eq!(kinds(&topic), ["directory", "mount", "new line"]);
    assert_eq!(fstab_after(&topic), format!("{ROOT_LINE}{LINE}\n"));
    let options = ["size=64m", "nr_inodes=4k", "mode=1777", "noatime", "nosuid", "nodev", "noexec"];
    assert_eq!(remounted_with(&topic), options);
    assert_eq!(topic.rehearsals.len(), 1);
}

#[test]
fn a_second_apply_changes_nothing() {
    for request in [asked("/mem"), as_unit(asked("/mem")), sized("16m")] {
        let ground = ground(ROOT_LINE);
        let first = planned(&fresh_host(), &ground, &request);
        let options = ["rw", "nosuid", "nodev", "noexec", "noatime", "size=65536k", "nr_inodes=4096"];
        let options = options.map(|o| if request == sized("16m") { o.replace("65536k", "16384k") } else { o.into() });
        let facts = mounted(&options.iter().map(String::as_str).collect::<Vec<_>>());
        let second = planned(&facts, &after(&ground, &first), &request);
        assert_eq!(kinds(&second), [""; 0], "{request:?}");
        assert_eq!(second.already.len(), 2);
        assert!(second.warnings.is_empty(), "{:?}", second.warnings);
    }
}

#[test]
fn doctor_is_content_afterwards() {
    let ground = ground(ROOT_LINE);
    let line = fstab_after(&planned(&host_with_gunicorn(), &ground, &asked("/mem")));
    let mut facts = host_with_gunicorn();
    facts.fstab = Fact::Known(Fstab::parse(line.as_bytes()));
    add_mount(&mut facts, "/mem", "tmpfs", CAREFUL);
    let only = Selection { only: vec!["tmpfs-mount".into(), "fstab".into()], skip: vec![] };
    for row in assess(&facts, &only) {
        assert!(matches!(row.outcome, Outcome::Judged(Verdict::Healthy(_))), "{:#?}", row.outcome);
    }
}

#[test]
fn a_mount_made_by_hand_is_stored_with_the_size_it_has() {
    let facts = mounted(&["rw", "nosuid", "nodev", "noexec", "size=16384k", "nr_inodes=1024"]);
    let topic = planned(&facts, &ground(""), &asked("/mem"));
    assert_eq!(kinds(&topic), ["new line"]);
    assert!(fstab_after(&topic).contains("size=16m,"));
}

#[test]
fn a_loose_mount_of_others_is_changed_with_adopt_only() {
    let facts = mounted(&["rw", "relatime", "size=1024k", "mode=700", "uid=33"]);
    let refusal = refused(&facts, &ground(""), &asked("/mem"));
    assert!(refusal.reason.contains("lacks nosuid, nodev, noexec, nr_inodes=4k"), "{}", refusal.reason);
    assert!(refusal.hints[0].starts_with("gtune apply --tmpfs /mem --adopt"));
    let topic = planned(&facts, &ground(""), &adopting(asked("/mem")));
    assert_eq!(kinds(&topic), ["remount", "new line"]);
    let kept = ["rw", "relatime", "size=1024k", "mode=700", "uid=33", "nosuid", "nodev", "noexec", "nr_inodes=4k"];
    assert_eq!(remounted_with(&topic), kept);
}

#[test]
fn a_loose_mount_of_gtunes_own_needs_no_adopt() {
    let topic = planned(&mounted(&["rw", "size=65536k"]), &ground(&format!("{LINE}\n")), &asked("/mem"));
    assert_eq!(kinds(&topic), ["remount"]);
}

#[test]
fn another_size_is_given_to_the_mount_and_to_the_line() {
    let topic = planned(&mounted(CAREFUL), &ground(&format!("{LINE}\r\n#end")), &sized("16m"));
    assert_eq!(kinds(&topic), ["remount", "line"]);
    let line = LINE.replace("size=64m,", "").replace(",comment=for-gunicorn", ",comment=for-gunicorn,size=16m");
    assert_eq!(fstab_after(&topic), format!("{line}\r\n#end"));
    assert!(remounted_with(&topic).contains(&"size=16m".into()));
}

#[test]
fn a_mount_without_any_bound_can_only_be_mounted_anew() {
    let facts = mounted(&["rw", "nosuid", "nodev", "noexec", "size=0k", "nr_inodes=0"]);
    let refusal = refused(&facts, &ground(""), &adopting(asked("/mem")));
    assert!(refusal.hints[0].starts_with("umount /mem && gtune apply"), "{refusal:?}");
}

#[test]
fn a_mount_that_is_seen_elsewhere_too_is_never_changed() {
    let mut facts = mounted(&["rw", "size=1024k"]);
    let Fact::Known(mounts) = &mut facts.mounts else { panic!() };
    let device = mounts.last().unwrap().device.clone();
    mounts.push(crate::facts::Mount { device, ..mount("/srv/x", "tmpfs", &["rw"]) });
    assert!(refused(&facts, &ground(""), &adopting(asked("/mem"))).reason.contains("mounted at /srv/x"));
}

#[test]
fn a_mount_of_another_type_is_left_alone() {
    let mut facts = fresh_host();
    add_mount(&mut facts, "/mem", "ext4", &["rw"]);
    let refusal = refused(&facts, &ground(""), &adopting(asked("/mem")));
    assert!(refusal.reason.contains("ext4 is mounted there"));
}

#[test]
fn what_the_system_keeps_in_memory_is_already_so_and_never_mounted_again() {
    let mut facts = fresh_host();
    add_mount(&mut facts, "/dev/shm", "tmpfs", &["rw"]);
    add_mount(&mut facts, "/run", "tmpfs", &["rw"]);
    for directory in ["/dev/shm", "/run", "/run/gunicorn", "/tmp"] {
        let topic = planned(&facts, &Ground::default(), &asked(directory));
        assert!(topic.changes.is_empty() && topic.already.len() == 1, "{directory}");
    }
    let mut missing = Ground::default();
    missing.directories.insert("/run/gunicorn".into(), Place::free("/run/gunicorn"));
    assert!(refused(&facts, &missing, &asked("/run/gunicorn")).hints[0].contains("RuntimeDirectory="));
    assert!(refused(&facts, &missing, &asked("/var/tmp")).reason.contains("ext4 at /"));
}

#[test]
fn a_directory_that_a_mount_would_hide_or_that_could_be_swapped_is_refused() {
    let holding = |obstacle| {
        let mut ground = ground("");
        ground.directories.insert("/mem".into(), Place { obstacle, ..Place::holding("/mem", DirectoryImage::OF_ROOT) });
        ground
    };
    let request = asked("/mem");
    let mut full = holding(None);
    assert_eq!(kinds(&planned(&fresh_host(), &full, &request)), ["mount", "new line"]);
    full.not_empty.insert("/mem".into());
    assert!(refused(&fresh_host(), &full, &request).reason.contains("holds files"));
    assert_eq!(kinds(&planned(&mounted(CAREFUL), &full, &request)), ["new line"], "these files are in the mount");
    let link = holding(Some(Obstacle::NotRegular("a symbolic link to /srv".into())));
    assert!(refused(&fresh_host(), &link, &request).reason.contains("symbolic link to /srv"));
    let swapped = holding(Some(Obstacle::OthersCanSwap("/home/app".into())));
    assert!(refused(&fresh_host(), &swapped, &request).reason.contains("/home/app"));
    planned(&fresh_host(), &holding(Some(Obstacle::ReadOnly)), &request);
    let mut top = ground("");
    top.directories.get_mut("/").unwrap().obstacle = Some(Obstacle::ReadOnly);
    assert!(
        refused(&fresh_host(), &top, &request).reason.contains("/ lies on a file system that is mounted read-only")
    );
}

#[test]
fn in_a_container_its_runtime_is_told_what_to_do() {
    for (runtime, words) in
        [("docker", "docker run --tmpfs /mem:rw"), ("podman", "podman run"), ("kubernetes", "medium: Memory")]
    {
        let mut facts = fresh_host();
        let container = |runtime: &str| Container { runtime: runtime.into(), id: None, because: "cgroup path".into() };
        facts.host.container = Some(container(runtime));
        let refusal = refused(&facts, &ground(""), &adopting(asked("/mem")));
        assert!(refusal.hints[0].contains(words), "{refusal:?}");
        assert!(refusal.hints.last().unwrap().contains("/dev/shm"));
        add_mount(&mut facts, "/mem", "tmpfs", &["rw"]);
        assert!(planned(&facts, &ground(""), &asked("/mem")).changes.is_empty());
        facts.host.container = Some(container("lxc"));
        planned(&facts, &ground(""), &adopting(asked("/mem")));
    }
}

#[test]
fn a_line_of_others_that_is_right_is_already_so() {
    let line = "tmpfs /mem tmpfs size=8m,nr_inodes=1k,nosuid,nodev,noexec,nofail 0 0";
    let topic = planned(&fresh_host(), &ground(line), &asked("/mem"));
    assert_eq!(kinds(&topic), ["directory", "mount"], "it is mounted as the line has it");
    assert_eq!(remounted_with(&topic), ["size=8m", "nr_inodes=1k", "nosuid", "nodev", "noexec"]);
}

#[test]
fn a_line_of_others_is_mended_with_adopt_only_and_keeps_what_is_harmless() {
    let others =
        "a /a ext4 rw 0 2\ntmpfs\t/mem\ttmpfs  noauto,exec,uid=33,x-b=c,size=8m 0 0 # theirs\nb /b ext4 rw 0 2";
    let refusal = refused(&fresh_host(), &ground(others), &asked("/mem"));
    for word in ["line 2: tmpfs /mem tmpfs noauto,exec", "auto instead of noauto", "nofail", "noexec"] {
        assert!(refusal.reason.contains(word), "{}", refusal.reason);
    }
    let topic = planned(&fresh_host(), &ground(others), &adopting(asked("/mem")));
    let mended = "uid=33,x-b=c,size=8m,nosuid,nodev,noexec,nr_inodes=4k,nofail,comment=for-gunicorn";
    assert_eq!(fstab_after(&topic), others.replace("noauto,exec,uid=33,x-b=c,size=8m", mended));
}

#[test]
fn a_line_for_another_file_system_becomes_one_for_a_tmpfs() {
    let topic = planned(
        &fresh_host(),
        &ground("/dev/vdb /mem ext4 noatime,errors=remount-ro,uid=5 0 2\n"),
        &adopting(asked("/mem")),
    );
    let new = "tmpfs /mem tmpfs noatime,nosuid,nodev,noexec,size=64m,nr_inodes=4k,nofail,comment=for-gunicorn 0 0\n";
    assert_eq!(fstab_after(&topic), new);
}

#[test]
fn several_lines_for_the_directory_are_shown_and_left_alone() {
    let lines = "tmpfs /mem tmpfs rw\n#\n//nas/x /mem cifs password=hunter2\n";
    for request in [asked("/mem"), adopting(asked("/mem")), as_unit(adopting(asked("/mem")))] {
        let refusal = refused(&fresh_host(), &ground(lines), &request);
        assert!(refusal.reason.contains("line 1: ") && refusal.reason.contains("line 3: "), "{}", refusal.reason);
        assert!(!refusal.reason.contains("hunter2"));
    }
}

#[test]
fn a_file_that_something_else_makes_is_not_written() {
    let generated = "# This is a generated file. Do not edit!\n";
    let refusal = refused(&fresh_host(), &ground(generated), &asked("/mem"));
    assert_eq!(refusal.hints, ["gtune apply --tmpfs /mem --backend unit"]);
    assert_eq!(kinds(&planned(&fresh_host(), &ground(generated), &as_unit(asked("/mem")))).len(), 5);
    planned(&fresh_host(), &ground(&format!("{generated}{LINE}\n")), &asked("/mem"));
}

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
    assert_eq!(kinds(&planned(&mounted(CAREFUL), &own, &asked("/mem"))), ["file", "directory", "link"]);
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
fn of_an_image_only_what_is_stored_is_changed() {
    let mut facts = fresh_host();
    (facts.host.live, facts.host.root) = (false, "/mnt".into());
    facts.mounts = Fact::unreadable("nothing is mounted in an image");
    let topic = planned(&facts, &ground(ROOT_LINE), &asked("/mem"));
    assert_eq!(kinds(&topic), ["directory", "new line"]);
    assert!(topic.rehearsals.is_empty());
    assert_eq!(kinds(&planned(&facts, &after(&ground(ROOT_LINE), &topic), &asked("/mem"))), [""; 0]);
    let refusal = refused(&facts, &ground("t /mem tmpfs rw"), &asked("/mem"));
    assert!(refusal.hints[0].starts_with("gtune --root /mnt apply --tmpfs /mem --adopt"));
    planned(&facts, &ground(""), &asked("/dev/shm"));
    assert!(refused(&facts, &ground(""), &asked("/tmp")).reason.contains("disk"));
}

#[test]
fn inodes_are_enough_for_every_worker_through_an_upgrade() {
    let mut facts = host_with_gunicorn();
    let Fact::Known(services) = &mut facts.services else { panic!() };
    services[0].workers = (0..1500).map(|at| worker(1000 + at)).collect();
    assert!(fstab_after(&planned(&facts, &ground(""), &asked("/mem"))).contains("nr_inodes=8k,"));
    add_mount(&mut facts, "/mem", "tmpfs", CAREFUL);
    let topic = planned(&facts, &ground(&format!("{LINE}\n")), &asked("/mem"));
    assert!(topic.changes.is_empty() && topic.warnings[0].contains("4096 files"), "{topic:?}");
}

#[test]
fn what_deserves_a_word_is_warned_of() {
    let huge = planned(&fresh_host(), &ground(""), &sized("9000m"));
    assert!(huge.warnings[0].contains("of 8 GiB memory"), "{:?}", huge.warnings);
    let shut = [CAREFUL, &["mode=755"]].concat();
    assert!(planned(&mounted(&shut), &ground(""), &asked("/mem")).warnings[0].contains("chmod 1777 /mem"));
    let small = LINE.replace("64m", "16m");
    assert!(planned(&mounted(CAREFUL), &ground(&small), &asked("/mem")).warnings[0].contains("size=16m"));
}

#[test]
fn half_of_the_memory_is_what_the_kernel_takes_without_a_size() {
    let mut request = asked("/mem");
    request.tmpfs.as_mut().unwrap().size = Some(MountSize::Percent(50));
    let facts = mounted(&["rw", "nosuid", "nodev", "noexec", "nr_inodes=4096"]);
    let topic = planned(&facts, &ground(""), &request);
    assert_eq!(kinds(&topic), ["new line"], "the kernel does not print the default");
    assert_eq!(kinds(&planned(&facts, &after(&ground(""), &topic), &asked("/mem"))), [""; 0]);
}

#[test]
fn what_could_not_be_seen_is_not_changed() {
    let mut facts = fresh_host();
    facts.mounts = Fact::unreadable("permission denied");
    assert!(refused(&facts, &ground(""), &asked("/mem")).reason.contains("permission denied"));
    let mut hidden = ground("");
    hidden.files.get_mut(FSTAB).unwrap().image = Fact::unreadable("permission denied");
    assert!(refused(&fresh_host(), &hidden, &asked("/mem")).reason.contains("permission denied"));
}

#[test]
fn places_are_named_for_a_directory_that_can_be_one() {
    let places = places(&fresh_host(), &asked("/srv/my mem"));
    assert!(places.files.contains(FSTAB) && places.files.contains(r"/etc/systemd/system/srv-my\x20mem.mount"));
    assert!(places.directories.contains("/srv/my mem") && places.links.len() == 1);
    assert_eq!(super::places(&fresh_host(), &asked("/proc/x")), Places::default());
    assert_eq!(super::places(&fresh_host(), &Request::default()), Places::default());
}

/// Lines of all kinds, many of them for the directory.
fn any_fstab() -> impl Strategy<Value = Vec<u8>> {
    let option = prop_oneof![
        Just("noauto"),
        Just("nofail"),
        Just("size=8m"),
        Just("size=0"),
        Just("size=x"),
        Just("nr_inodes=1k"),
        Just("user"),
        Just("exec"),
        Just("noexec"),
        Just("nosuid"),
        Just("nodev"),
        Just("ro"),
        Just("comment=for-gunicorn"),
        Just("\\040\\"),
        Just("uid=www"),
        Just("nr_blocks=9"),
        Just("context=\"a,b\""),
        Just("\\377"),
        Just("bind"),
        Just("nr_inodes=0"),
    ];
    let options = prop::collection::vec(option, 0..6).prop_map(|options| options.join(","));
    let line =
        (options, prop_oneof![Just("tmpfs"), Just("ext4")], prop_oneof![Just(" 0 0"), Just(""), Just("\t1 2 x")]);
    let line = line.prop_map(|(options, kind, rest)| format!("a\t//mem/  {kind} {options}{rest}").into_bytes());
    let line =
        prop_oneof![3 => line, 1 => prop::collection::vec(any::<u8>(), 0..30), 1 => Just(b"b /b ext4 rw".to_vec())];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    let lines = prop::collection::vec((line, end), 0..4);
    (lines, any::<bool>()).prop_map(|(lines, ended)| {
        let mut bytes: Vec<u8> =
            lines.into_iter().flat_map(|(line, end)| [line, end.as_bytes().to_vec()].concat()).collect();
        if !ended {
            bytes.pop();
        }
        bytes
    })
}

/// The lines of a file, and how many of them a change may touch.
fn untouched(before: &[u8], after: &[u8], number: Option<usize>) -> bool {
    let lines = |bytes: &[u8]| bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    match number {
        None => {
            let ended =
                if before.is_empty() || before.ends_with(b"\n") { before.to_vec() } else { [before, b"\n"].concat() };
            after.starts_with(&ended) && lines(&after[ended.len()..]).len() == 2
        }
        Some(at) => {
            let (mut before, mut after) = (lines(before), lines(after));
            before.len() == after.len() && before.remove(at - 1) != after.remove(at - 1) && before == after
        }
    }
}

proptest! {
    #[test]
    fn whatever_the_file_holds_other_lines_stay_and_a_second_draft_stores_nothing(
        bytes in any_fstab(), adopt: bool, live: bool, size in prop::option::of(1u64..100),
    ) {
        let mut request = size.map_or_else(|| asked("/mem"), |size| sized(&format!("{size}m")));
        request.adopt = adopt;
        let mut ground = ground("");
        ground.files.insert(FSTAB.into(), Place::holding(FSTAB, FileImage::configuration(bytes.clone())));
        let mut facts = fresh_host();
        facts.host.live = live;
        let topic = draft(&facts, &ground, &request);
        prop_assert!(topic.refused.is_empty() || topic.changes.is_empty());
        for change in &topic.changes {
            if let Change::Line { before: Some(before), after: Some(after), old_line, .. } = change {
                let number = Fstab::parse(&bytes).targets("/mem").first().map(|line| line.line);
                prop_assert_eq!(old_line.is_some(), number.is_some());
                prop_assert!(untouched(&before.content.0, &after.content.0, number));
            }
        }
        if topic.refused.is_empty() {
            let again = draft(&facts, &after(&ground, &topic), &request);
            prop_assert!(again.refused.is_empty(), "{:?}", again.refused);
            let stored = again.changes.iter().filter(|change| !change.is_live()).count();
            prop_assert_eq!(stored, 0);
        }
    }
}
