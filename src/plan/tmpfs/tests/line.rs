//! The line of `/etc/fstab`.

use super::*;

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
fn a_line_for_another_file_system_is_not_taken_over() {
    let disk = ground("/dev/vdb /mem ext4 noatime,errors=remount-ro,uid=5 0 2\n");
    let refusal = refused(&fresh_host(), &disk, &adopting(asked("/mem")));
    assert!(refusal.reason.contains("mounts ext4 there"), "{}", refusal.reason);
    let memory = ground("ramfs /mem ramfs nofail 0 0\n");
    let new = "tmpfs /mem tmpfs nofail,nosuid,nodev,noexec,size=64m,nr_inodes=4k,comment=for-gunicorn 0 0\n";
    assert_eq!(fstab_after(&planned(&fresh_host(), &memory, &adopting(asked("/mem")))), new);
}

#[test]
fn a_new_line_lets_in_whom_the_live_mount_lets_in() {
    let facts = mounted(&["rw", "nosuid", "nodev", "noexec", "size=16384k", "mode=700", "uid=33"]);
    let stored = fstab_after(&planned(&facts, &ground(""), &asked("/mem")));
    assert!(stored.contains(",mode=700,uid=33,"), "{stored}");
}

#[test]
fn a_line_that_leaves_the_number_of_inodes_to_the_kernel_is_right() {
    let line = "tmpfs /mem tmpfs size=64m,mode=1777,nosuid,nodev,noexec,nofail 0 0\n";
    let topic = planned(&fresh_host(), &ground(line), &asked("/mem"));
    assert!(!kinds(&topic).contains(&"changed line"), "{:?}", kinds(&topic));
    assert!(topic.already.iter().any(|already| already.what.contains("line 1")), "{:?}", topic.already);
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
