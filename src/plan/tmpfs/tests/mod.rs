//! Laws of the whole topic: each test starts on a healthy host without the mount and breaks one thing.

mod any_fstab;
mod line;
mod live;
mod unit;

use super::*;
use crate::checks::healthy::{fresh_host, host_with_gunicorn, mount, worker};
use crate::checks::{Outcome, Selection, Verdict, assess};
use crate::facts::{Container, Fact, FsKind, Fstab, MountUnit};
use crate::plan::{Backend, Change, DirectoryImage, FileImage, MountSize, Obstacle, Place, TmpfsRequest};
use crate::units::Bytes;

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
