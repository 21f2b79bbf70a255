//! fstab as people have it: gtune adds one line, every other byte stays, and a rollback restores all of them.

use crate::snapshot::Closely;
use crate::support::{Law, Result};
use crate::tree::{FSTAB, Tree};
use std::fs;

/// The laws.
pub fn laws() -> Vec<Law> {
    let named = |name: &str, law: &str| format!("fstab_{name}_{law}");
    let kept =
        KEPT.iter().map(|&(name, bytes)| Law::new(named(name, "is_kept_byte_for_byte"), &[], move || is_kept(bytes)));
    let others = OTHERS
        .iter()
        .map(|&(name, line)| Law::new(named(name, "is_shown_and_changed_only_with_adopt"), &[], move || others(line)));
    let right = RIGHT.iter().map(|&(name, line)| Law::new(named(name, "is_left_alone"), &[], move || is_left(line)));
    let alone = vec![
        Law::new("fstab_of_10_000_lines_is_kept_byte_for_byte", &[], || is_kept(&ten_thousand_lines())),
        Law::new("fstab_that_is_missing_is_made_and_removed_again", &[], missing),
        Law::new("fstab_with_two_lines_for_the_target_is_refused_and_both_are_shown", &[], duplicates_of_the_target),
        Law::new("fstab_line_of_another_file_system_is_never_taken_over", &[], another_file_system),
        Law::new("fstab_keeps_mode_and_owner", &[], keeps_mode),
        Law::new("a_size_that_was_asked_for_is_in_the_line", &[], a_size_is_in_the_line),
        Law::new("a_target_with_a_blank_is_written_escaped_and_found_again", &[], a_blank_in_the_target),
        Law::new("another_size_changes_the_line_that_gtune_wrote", &[], another_size),
        Law::new("a_mount_unit_leaves_fstab_alone", &[], a_mount_unit),
    ];
    kept.chain(others).chain(right).chain(alone).collect()
}

/// Files to which one line is added.
const KEPT: &[(&str, &[u8])] = &[
    ("of_a_fresh_debian", FSTAB.as_bytes()),
    ("that_is_empty", b""),
    ("of_one_empty_line", b"\n"),
    ("without_a_final_newline", b"/dev/vda1 / ext4 rw 0 1"),
    ("with_a_comment_without_a_final_newline", b"/dev/vda1 / ext4 rw 0 1\n# the end"),
    ("with_crlf", b"# from afar\r\n/dev/vda1 / ext4 rw 0 1\r\n"),
    ("with_crlf_without_a_final_newline", b"# from afar\r\n/dev/vda1 / ext4 rw 0 1"),
    ("with_tabs", b"/dev/vda1\t/\text4\trw\t0\t1\n\t/dev/vdb1 \t /data\txfs\tdefaults\n"),
    (
        "with_octal_escapes",
        b"//nas/my\\040share /srv/my\\040share cifs credentials=/a\\040b 0 0\n/d\\134x /y\\011z auto rw\n",
    ),
    ("with_a_hash_in_a_field", b"sshfs#u@h:/x /mnt/x fuse user 0 0\ntmpfs /mem#1 tmpfs size=1m 0 0\n"),
    (
        "with_duplicate_targets_of_others",
        b"/dev/vdb1 /data xfs rw 0 2\n/dev/vdc1 /data ext4 rw 0 2\nx none swap sw\ny none swap sw\n",
    ),
    (
        "with_comments_in_the_middle",
        b"/dev/vda1 / ext4 rw 0 1\n  # tmpfs /mem tmpfs size=1m 0 0\n#tmpfs /mem tmpfs\n/dev/vdb1 /data xfs rw\n",
    ),
    ("with_text_after_the_sixth_field", b"/dev/vda1 / ext4 rw 0 1 # the disk\n/dev/vdb1 /data xfs rw 0 2 and so on\n"),
    ("with_blank_lines_at_the_end", b"/dev/vda1 / ext4 rw 0 1\n\n\n   \n"),
    ("of_invalid_utf_8", b"# caf\xe9 \xff\xfe\n/dev/vda1 /\xe9t\xe9 ext4 rw 0 1\n"),
    ("with_a_nul", b"# \0 what is this\n/dev/vda1 / ext4 rw 0 1\n"),
    ("with_garbage", b"what is this\n\\\n====\n/dev/vda1\n"),
    ("with_x_systemd_options", b"/dev/vdb1 /data xfs noauto,x-systemd.automount,x-systemd.idle-timeout=60 0 2\n"),
    (
        "written_by_cloud_init",
        b"LABEL=root\t/\text4\tdefaults\t0 1\n/dev/sdb\t/mnt\tauto\t\
          defaults,nofail,x-systemd.after=cloud-init.service,_netdev,comment=cloudconfig\t0\t2\n",
    ),
    ("with_a_mount_below_the_target_elsewhere", b"tmpfs /srv/mem tmpfs size=1m 0 0\ntmpfs /memory tmpfs size=1m 0 0\n"),
    ("with_a_tmpfs_for_tmp", b"tmpfs /tmp tmpfs defaults,noatime,mode=1777 0 0\n"),
];

/// Lines of others for the same target, however it is written.
const OTHERS: &[(&str, &str)] = &[
    ("line_of_another_size", "tmpfs /mem tmpfs size=1m 0 0"),
    ("line_of_another_type", "ramfs /mem ramfs rw 0 0"),
    ("line_with_tabs_for_the_target", "tmpfs\t/mem\ttmpfs\tsize=1m"),
    ("line_with_an_end_slash", "tmpfs /mem/ tmpfs size=1m 0 0"),
    ("line_with_two_slashes", "tmpfs //mem tmpfs size=1m 0 0"),
    ("line_with_an_escaped_target", "tmpfs /\\155em tmpfs size=1m 0 0"),
    ("line_of_cloud_init_for_the_target", "tmpfs /mem tmpfs size=1m,comment=cloudconfig 0 0"),
    ("line_with_x_systemd_options_for_the_target", "tmpfs /mem tmpfs size=1m,x-systemd.automount 0 0"),
    ("line_with_noauto_for_the_target", "tmpfs /mem tmpfs noauto,size=64m,mode=1777,nosuid,nodev,noexec 0 0"),
];

/// Lines of others that do what was asked for, however they say it.
const RIGHT: &[(&str, &str)] = &[
    (
        "line_that_is_right",
        "tmpfs /mem tmpfs defaults,size=64m,mode=1777,noatime,nosuid,nodev,noexec,nofail,nr_inodes=4k,comment=for-gunicorn 0 0",
    ),
    (
        "line_that_is_right_in_other_words",
        "none /mem/ tmpfs noexec,nodev,nosuid,noatime,nofail,mode=01777,size=65536k,nr_inodes=4096",
    ),
];

const APPLY: [&str; 2] = ["--tmpfs", "/mem"];

/// What gtune added after the bytes that were there; an error where those are not all there, unchanged and first.
fn added(before: &[u8], after: &[u8]) -> Result<String> {
    let told = || format!("{:?} became {:?}", String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let rest = after.strip_prefix(before).ok_or_else(told)?;
    // Where the last line had no end it gets one, which may be that of the other lines.
    let had_end = before.is_empty() || before.ends_with(b"\n");
    let rest = match had_end {
        true => rest,
        false => rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n")).ok_or_else(told)?,
    };
    if !rest.ends_with(b"\n") {
        return Err(format!("the last line has no end: {}", told()).into());
    }
    Ok(String::from_utf8(rest.to_vec()).map_err(|_| told())?)
}

/// An error unless the text is one line, comments apart, that mounts a tmpfs with these options among others.
fn is_our_line(text: &str, target: &str, options: &[&str]) -> Result {
    let entries: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let [line] = entries.as_slice() else { return Err(format!("not one line: {text:?}").into()) };
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [source, at, kind, set, dump, pass] = fields.as_slice() else {
        return Err(format!("not six fields: {line:?}").into());
    };
    assert_eq!((*source, *at, *kind, *dump, *pass), ("tmpfs", target, "tmpfs", "0", "0"), "{line}");
    let set: Vec<&str> = set.split(',').collect();
    match options.iter().find(|option| !set.contains(option)) {
        Some(option) => Err(format!("no {option} in {line:?}").into()),
        None => Ok(()),
    }
}

/// What keeps a host that boots without it alive, and what nobody needs there.
const SAFE: [&str; 5] = ["mode=1777", "nosuid", "nodev", "noexec", "nofail"];

fn is_kept(bytes: &[u8]) -> Result {
    let tree = Tree::with_fstab(bytes)?;
    let before = tree.snapshot()?;
    tree.apply(&APPLY)?.must_end(0)?;
    let line = added(bytes, &tree.read("etc/fstab")?)?;
    is_our_line(&line, "/mem", &["size=64m"])?;
    is_our_line(&line, "/mem", &SAFE)?;
    // What apply wrote is found again.
    let touched = tree.snapshot()?;
    tree.apply(&APPLY)?.must_end(0)?;
    tree.must_be(&touched, Closely::Untouched)?;
    tree.must_go_back_to(&before)
}

fn ten_thousand_lines() -> Vec<u8> {
    let line = |number: u32| format!("/dev/mapper/vg-{number:05} /srv/volumes/{number:05} ext4 defaults,nofail 0 2\n");
    (0..10_000).map(line).collect::<String>().into_bytes()
}

fn others(line: &str) -> Result {
    let (above, below) = ("# above\n/dev/vda1 / ext4 rw 0 1\n", "# below\n/dev/vdb1 /data xfs rw 0 2\n");
    let tree = Tree::with_fstab(format!("{above}{line}\n{below}").as_bytes())?;
    let before = tree.snapshot()?;
    tree.apply(&APPLY)?.must_end(4)?.must_say(&["/etc/fstab, line 3: ", "--adopt"])?;
    tree.must_be(&before, Closely::Untouched)?;
    tree.apply(&["--tmpfs", "/mem", "--size", "64m", "--adopt"])?.must_end(0)?;
    let after = tree.text("etc/fstab")?;
    let changed = after.strip_prefix(above).and_then(|rest| rest.strip_suffix(below)).ok_or("other lines changed")?;
    // How its owner wrote the target is theirs; only what it mounts changes.
    let fields: Vec<&str> = changed.split_whitespace().collect();
    let options: Vec<&str> = fields.get(3).copied().unwrap_or_default().split(',').collect();
    let wanted = ["size=64m", "nosuid", "nodev", "noexec", "nofail"];
    assert!(fields.get(2) == Some(&"tmpfs") && wanted.iter().all(|option| options.contains(option)), "{after}");
    assert!(!options.contains(&"noauto"), "it would not be mounted at boot: {after}");
    tree.must_go_back_to(&before)
}

fn is_left(line: &str) -> Result {
    let tree = Tree::with_fstab(format!("{FSTAB}{line}\n").as_bytes())?;
    let before = tree.snapshot()?;
    tree.apply(&APPLY)?.must_end(0)?;
    let told = tree.snapshot()?.differences(&before, Closely::Untouched);
    // The directory may still have to be made.
    assert!(!told.iter().any(|line| line.contains("fstab")), "{told:#?}");
    tree.rollback(&[])?;
    tree.must_be(&before, Closely::Restored)
}

fn missing() -> Result {
    let tree = Tree::new()?;
    fs::remove_file(tree.at("etc/fstab"))?;
    let before = tree.snapshot()?;
    tree.apply(&APPLY)?.must_end(0)?;
    is_our_line(&tree.text("etc/fstab")?, "/mem", &SAFE)?;
    tree.must_go_back_to(&before)
}

fn another_file_system() -> Result {
    let tree = Tree::with_fstab(b"/dev/vda1 / ext4 rw 0 1\n/dev/vdb1 /mem ext4 rw 0 2\n")?;
    let before = tree.snapshot()?;
    for options in [&["--tmpfs", "/mem"][..], &["--tmpfs", "/mem", "--adopt"]] {
        tree.apply(options)?.must_end(4)?.must_say(&["/dev/vdb1", "ext4", "line 2"])?;
    }
    tree.must_be(&before, Closely::Untouched)
}

fn duplicates_of_the_target() -> Result {
    let (first, second) = ("tmpfs /mem tmpfs size=1m 0 0", "tmpfs /mem/ tmpfs size=2m 0 0");
    let tree = Tree::with_fstab(format!("{first}\n/dev/vda1 / ext4 rw 0 1\n{second}\n").as_bytes())?;
    let before = tree.snapshot()?;
    for arguments in [&APPLY[..], &["--tmpfs", "/mem", "--adopt"]] {
        tree.apply(arguments)?.must_end(4)?.must_say(&["/etc/fstab", "line 1: ", "size=1m", "line 3: ", "size=2m"])?;
        tree.must_be(&before, Closely::Untouched)?;
    }
    Ok(())
}

fn keeps_mode() -> Result {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let tree = Tree::new()?;
    let fstab = tree.at("etc/fstab");
    fs::set_permissions(&fstab, fs::Permissions::from_mode(0o640))?;
    if nix::unistd::geteuid().is_root() {
        chown(&fstab, Some(0), Some(4))?;
    }
    let before = tree.snapshot()?;
    let rights = |status: fs::Metadata| (status.mode(), status.uid(), status.gid());
    let old = rights(fs::metadata(&fstab)?);
    tree.apply(&APPLY)?.must_end(0)?;
    assert_eq!(rights(fs::metadata(&fstab)?), old);
    tree.must_go_back_to(&before)
}

fn a_size_is_in_the_line() -> Result {
    let tree = Tree::new()?;
    tree.apply(&["--tmpfs", "/mem", "--size", "16m"])?.must_end(0)?;
    is_our_line(&added(FSTAB.as_bytes(), &tree.read("etc/fstab")?)?, "/mem", &["size=16m"])
}

fn a_blank_in_the_target() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    let arguments = ["--tmpfs", "/srv/my mem"];
    tree.apply(&arguments)?.must_end(0)?;
    is_our_line(&added(FSTAB.as_bytes(), &tree.read("etc/fstab")?)?, "/srv/my\\040mem", &SAFE)?;
    assert!(tree.at("srv/my mem").is_dir());
    let touched = tree.snapshot()?;
    tree.apply(&arguments)?.must_end(0)?;
    tree.must_be(&touched, Closely::Untouched)?;
    tree.must_go_back_to(&before)
}

fn another_size() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&APPLY)?.must_end(0)?;
    let first = tree.snapshot()?;
    tree.apply(&["--tmpfs", "/mem", "--size", "128m"])?.must_end(0)?;
    is_our_line(&added(FSTAB.as_bytes(), &tree.read("etc/fstab")?)?, "/mem", &["size=128m"])?;
    tree.must_go_back_to(&first)?;
    tree.must_go_back_to(&before)
}

fn a_mount_unit() -> Result {
    let tree = Tree::new()?;
    let before = tree.snapshot()?;
    tree.apply(&["--tmpfs", "/mem", "--backend", "unit"])?.must_end(0)?;
    assert_eq!(tree.text("etc/fstab")?, FSTAB);
    let unit = tree.text("etc/systemd/system/mem.mount")?;
    for line in ["Where=/mem", "Type=tmpfs", "[Install]"] {
        assert!(unit.contains(line), "no {line} in {unit}");
    }
    let enabled = fs::read_link(tree.at("etc/systemd/system/local-fs.target.wants/mem.mount"))?;
    assert!(enabled.ends_with("mem.mount"), "{enabled:?}");
    tree.must_go_back_to(&before)
}
