//! The directory and the live mount.

use super::*;

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
    assert!(refusal.reason.contains("lacks nosuid, nodev, noexec"), "{}", refusal.reason);
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

fn forced(request: Request) -> Request {
    Request { force: true, ..request }
}

#[test]
fn a_smaller_size_is_taken_by_force_alone() {
    let stored = ground(&format!("{LINE}\n"));
    let facts = mounted(CAREFUL);
    let topic = planned(&facts, &stored, &sized("16m"));
    assert_eq!(kinds(&topic), [""; 0]);
    let said: Vec<String> = topic.already.iter().map(ToString::to_string).collect();
    for kept in [
        "kept: /mem is mounted with size=64m, above 16m; --force makes it smaller",
        "kept: the next boot mounts /mem with size=64m, above 16m; --force makes it smaller",
    ] {
        assert!(said.iter().any(|said| said == kept), "{said:?}");
    }
    assert_eq!(kinds(&planned(&facts, &stored, &sized("128m"))), ["remount", "line"]);
    let new = planned(&facts, &ground(""), &sized("16m"));
    assert!(fstab_after(&new).contains("size=64m,"), "what is stored for boot is not smaller than what is mounted");
}

#[test]
fn a_smaller_unit_is_written_by_force_alone() {
    let stored = with_unit("size=20%,nr_inodes=4k,nosuid,nodev,noexec,comment=for-gunicorn");
    let mut facts = fresh_host();
    (facts.host.live, facts.host.root) = (false, "/mnt".into());
    let percent = |percent| {
        let mut request = asked("/mem");
        request.tmpfs.as_mut().unwrap().size = Some(MountSize::Percent(percent));
        request
    };
    let files = |request: &Request| kinds(&planned(&facts, &stored, request)).contains(&"file");
    assert!(!files(&percent(10)) && files(&forced(percent(10))) && files(&percent(30)));
    let topic = planned(&facts, &stored, &sized("64m"));
    let unsure = "kept: the next boot mounts /mem with size=20%, and 64m may be less; --force sets it";
    assert!(topic.already.iter().any(|already| already.to_string() == unsure), "the memory is not known: {topic:?}");
}

#[test]
fn another_size_is_given_to_the_mount_and_to_the_line() {
    let topic = planned(&mounted(CAREFUL), &ground(&format!("{LINE}\r\n#end")), &forced(sized("16m")));
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
fn half_of_the_memory_is_what_the_kernel_takes_without_a_size() {
    let mut request = asked("/mem");
    request.tmpfs.as_mut().unwrap().size = Some(MountSize::Percent(50));
    let facts = mounted(&["rw", "nosuid", "nodev", "noexec", "nr_inodes=4096"]);
    let topic = planned(&facts, &ground(""), &request);
    assert_eq!(kinds(&topic), ["new line"], "the kernel does not print the default");
    assert_eq!(kinds(&planned(&facts, &after(&ground(""), &topic), &asked("/mem"))), [""; 0]);
}

#[test]
fn a_directory_that_a_link_leads_to_is_called_by_its_name() {
    let mut ground = ground("");
    ground.directories.insert("/mem".into(), Place::holding("/srv/mem", DirectoryImage::OF_ROOT));
    assert_eq!(refused(&fresh_host(), &ground, &asked("/mem")).hints, ["gtune apply --tmpfs /srv/mem"]);
    let mut image = fresh_host();
    (image.host.live, image.host.root) = (false, "/mnt".into());
    assert_eq!(refused(&image, &ground, &asked("/mem")).hints, ["gtune --root /mnt apply --tmpfs /srv/mem"]);
    assert_eq!(refused(&image, &ground, &asked("/var/tmp")).hints, ["gtune --root /mnt apply --tmpfs /mem"]);
    ground.directories.insert("/mem/new".into(), Place::free("/mem/new"));
    assert_eq!(refused(&fresh_host(), &ground, &asked("/mem/new")).hints, ["gtune apply --tmpfs /srv/mem/new"]);
}
