use super::place::mounts;
use super::*;
use crate::perform::private_host::alone;
use nix::mount::MsFlags;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use tempfile::TempDir;

const FULL: &str = "size=64m,nr_inodes=4k,mode=1777,noatime,nosuid,nodev,noexec";

fn image(options: &str) -> MountImage {
    let options = options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
    MountImage { kind: "tmpfs".into(), source: "tmpfs".into(), options }
}

/// A directory that something can be mounted at.
struct Target {
    _above: TempDir,
    path: String,
}

impl Target {
    fn new() -> Self {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().canonicalize().unwrap().join("mem");
        fs::create_dir(&path).unwrap();
        Self { _above: above, path: path.to_str().unwrap().to_owned() }
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.path).join(name)
    }

    fn standing(&self, before: Option<&MountImage>, after: Option<&MountImage>) -> Standing {
        standing(&self.path, before, after).unwrap()
    }

    fn make(&self, before: Option<&MountImage>, after: Option<&MountImage>) {
        make(&self.path, before, after, Care::Respect).unwrap();
    }

    /// Why it cannot be made.
    fn refusal(&self, before: Option<&MountImage>, after: Option<&MountImage>) -> Trouble {
        self.forced_refusal(before, after, Care::Respect)
    }

    fn forced_refusal(&self, before: Option<&MountImage>, after: Option<&MountImage>, care: Care) -> Trouble {
        match make(&self.path, before, after, care).unwrap_err() {
            MountTrouble::Other(trouble) => trouble,
            other => panic!("{other:?}"),
        }
    }

    fn is_mounted(&self) -> bool {
        mounts().unwrap().iter().any(|mount| mount.mount_point == self.path)
    }
}

#[test]
fn a_mount_comes_and_goes_and_its_standing_follows() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        assert_eq!(target.standing(None, Some(&wanted)), Standing::Before);
        target.make(None, Some(&wanted));
        assert_eq!(target.standing(None, Some(&wanted)), Standing::After);
        assert_eq!(target.standing(Some(&wanted), None), Standing::Before);
        assert_eq!(fs::metadata(&target.path).unwrap().mode() & 0o7777, 0o1777);
        target.make(Some(&wanted), None);
        assert_eq!(target.standing(Some(&wanted), None), Standing::After);
        assert!(!target.is_mounted());
    });
}

#[test]
fn the_same_mount_written_otherwise_stands_the_same() {
    alone(|| {
        let target = Target::new();
        target.make(None, Some(&image(FULL)));
        for same in ["size=65536k,nr_inodes=4096,nodev,nosuid,noexec,noatime,rw", "nr_blocks=16k,mode=01777", ""] {
            assert_eq!(target.standing(None, Some(&image(same))), Standing::After, "{same}");
        }
        let Standing::Other(said) = target.standing(None, Some(&image("size=16m,exec"))) else { panic!() };
        assert_eq!(said, "a tmpfs is mounted there: its size is 64 MiB, not 16 MiB; it is mounted noexec");
    });
}

#[test]
fn a_part_of_the_memory_is_what_the_kernel_makes_of_it() {
    alone(|| {
        for options in ["size=20%", "size=1%", "size=0", "nr_inodes=0", "size=5000", "size=0x100000", "size=010k"] {
            let (target, wanted) = (Target::new(), image(options));
            target.make(None, Some(&wanted));
            assert_eq!(target.standing(None, Some(&wanted)), Standing::After, "{options}");
            target.make(Some(&wanted), None);
        }
    });
}

#[test]
fn other_options_are_given_and_taken_back_also_those_that_one_side_leaves_open() {
    alone(|| {
        for (old, new) in [
            ("size=16m,nosuid", "size=64m,nosuid,nodev"),
            ("", FULL),
            ("mode=0755,uid=0,gid=0,ro", "mode=0700,size=1m"),
            ("ro", "ro,size=1m"),
            ("size=20%", "size=30%,strictatime"),
        ] {
            let (target, old, new) = (Target::new(), image(old), image(new));
            target.make(None, Some(&old));
            assert_eq!(target.standing(Some(&old), Some(&new)), Standing::Before, "{old:?}");
            target.make(Some(&old), Some(&new));
            assert_eq!(target.standing(Some(&old), Some(&new)), Standing::After, "{new:?}");
            assert_eq!(target.standing(Some(&new), Some(&old)), Standing::Before, "{new:?}");
            target.make(Some(&new), Some(&old));
            assert_eq!(target.standing(Some(&new), Some(&old)), Standing::After, "{old:?}");
            target.make(Some(&old), None);
        }
    });
}

#[test]
fn a_mount_for_one_user_belongs_to_that_user() {
    alone(|| {
        // In a user namespace of an ordinary user there is only root.
        if !fs::read_to_string("/proc/self/uid_map").unwrap().trim_end().ends_with("4294967295") {
            return;
        }
        let (target, shared, private) = (Target::new(), image("size=1m"), image("size=1m,uid=33,gid=44,mode=0700"));
        target.make(None, Some(&shared));
        target.make(Some(&shared), Some(&private));
        assert_eq!(target.standing(Some(&shared), Some(&private)), Standing::After);
        let directory = fs::metadata(&target.path).unwrap();
        assert_eq!((directory.uid(), directory.gid(), directory.mode() & 0o7777), (33, 44, 0o700));
        target.make(Some(&private), Some(&shared));
        assert_eq!(target.standing(Some(&private), Some(&shared)), Standing::After);
    });
}

#[test]
fn what_is_in_it_survives_other_options() {
    alone(|| {
        let (target, old, new) = (Target::new(), image("size=1m"), image("size=2m,noexec"));
        target.make(None, Some(&old));
        fs::write(target.file("kept"), "text").unwrap();
        target.make(Some(&old), Some(&new));
        assert_eq!(fs::read_to_string(target.file("kept")).unwrap(), "text");
    });
}

#[test]
fn a_bound_that_the_kernel_cannot_set_any_more_is_said() {
    alone(|| {
        for (old, new, reason) in [
            ("size=0", "size=1m", "it has no bound of its size, and cannot get one while it is mounted"),
            ("nr_inodes=0", "nr_inodes=9", "it has no bound of its inodes, and cannot get one while it is mounted"),
            ("size=1m", "bogus=1", "the kernel refuses these options: bogus=1,size=50%"),
        ] {
            let (target, old, new) = (Target::new(), image(old), image(new));
            target.make(None, Some(&old));
            assert_eq!(target.refusal(Some(&old), Some(&new)).reason, reason);
            assert_eq!(target.standing(Some(&old), Some(&new)), Standing::Before);
        }
        let (target, old) = (Target::new(), image("size=1m"));
        target.make(None, Some(&old));
        fs::write(target.file("big"), vec![1; 64 << 10]).unwrap();
        let reason = target.refusal(Some(&old), Some(&image("size=8k"))).reason;
        assert_eq!(reason, "64 KiB are in it, more than the new size");
        assert_eq!(target.standing(None, Some(&old)), Standing::After);
    });
}

#[test]
fn a_deleted_file_that_is_open_keeps_the_mount_in_use() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        target.make(None, Some(&wanted));
        let heartbeat = fs::File::create(target.file("wgunicorn-x")).unwrap();
        fs::remove_file(target.file("wgunicorn-x")).unwrap();
        assert!(matches!(make(&target.path, Some(&wanted), None, Care::Respect), Err(MountTrouble::Busy)));
        assert_eq!(target.standing(None, Some(&wanted)), Standing::After);
        let read_only = image("ro,mode=0700");
        assert!(matches!(make(&target.path, Some(&wanted), Some(&read_only), Care::Respect), Err(MountTrouble::Busy)));
        assert_eq!(target.standing(None, Some(&wanted)), Standing::After);
        drop(heartbeat);
        target.make(Some(&wanted), None);
        assert!(!target.is_mounted());
    });
}

#[test]
fn nothing_is_hidden_and_nothing_mounted_twice() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        fs::write(target.file("mine"), "").unwrap();
        assert!(target.refusal(None, Some(&wanted)).reason.contains("not empty"));
        fs::remove_file(target.file("mine")).unwrap();
        target.make(None, Some(&wanted));
        assert_eq!(target.refusal(None, Some(&wanted)).reason, "a tmpfs is mounted there already");
        target.make(Some(&wanted), None);
        assert_eq!(target.refusal(Some(&wanted), None).reason, "nothing is mounted there");
        fs::remove_dir(&target.path).unwrap();
        assert_eq!(target.refusal(None, Some(&wanted)).reason, "there is no such directory");
        assert_eq!(target.standing(None, Some(&wanted)), Standing::Before);
    });
}

#[test]
fn no_link_leads_to_a_mount_point() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        let link = target.path.clone() + "-link";
        symlink(&target.path, &link).unwrap();
        assert!(standing(&link, None, Some(&wanted)).unwrap_err().reason.contains("symbolic link"));
        assert!(make(&link, None, Some(&wanted), Care::Respect).is_err());
        target.make(None, Some(&wanted));
        assert!(make(&link, Some(&wanted), None, Care::Respect).is_err());
        assert!(target.is_mounted());
    });
}

#[test]
fn of_two_mounts_at_one_place_the_upper_one_is_meant() {
    alone(|| {
        let (target, lower, upper) = (Target::new(), image("size=1m"), image("size=2m"));
        target.make(None, Some(&lower));
        // Somebody else.
        mount(Some("x"), target.path.as_str(), Some("ramfs"), MsFlags::empty(), None::<&str>).unwrap();
        let Standing::Other(said) = target.standing(Some(&lower), Some(&upper)) else { panic!() };
        assert_eq!(said, "a ramfs is mounted there: its type is ramfs, not tmpfs");
        assert_eq!(target.refusal(Some(&lower), None).reason, "a ramfs is mounted there, no tmpfs");
        umount2(target.path.as_str(), MntFlags::empty()).unwrap();
        assert_eq!(target.standing(Some(&lower), Some(&upper)), Standing::Before);
    });
}

#[test]
fn what_comes_out_otherwise_is_taken_back() {
    alone(|| {
        let target = Target::new();
        // One option that the kernel takes for two.
        let odd = MountImage { options: vec!["size=1m,size=2m".into()], ..image("") };
        assert!(target.refusal(None, Some(&odd)).reason.starts_with("it came out otherwise: "));
        assert!(!target.is_mounted());
        let old = image("size=4m,nosuid");
        target.make(None, Some(&old));
        assert!(target.refusal(Some(&old), Some(&odd)).reason.starts_with("it came out otherwise: "));
        assert_eq!(target.standing(Some(&old), None), Standing::Before);
        assert_eq!(target.standing(None, Some(&image("size=4m,nosuid"))), Standing::After);
    });
}

#[test]
fn options_and_types_that_the_kernel_does_not_know_are_refused() {
    alone(|| {
        let target = Target::new();
        let reason = target.refusal(None, Some(&image("size=1m,bogus=1"))).reason;
        assert_eq!(reason, "the kernel refuses these options: size=1m,bogus=1");
        let unknown = MountImage { kind: "nofs".into(), ..image("") };
        assert_eq!(target.refusal(None, Some(&unknown)).reason, "this kernel has no file system nofs");
        assert!(!target.is_mounted());
    });
}

#[test]
fn who_changes_the_directory_of_a_mount_is_noticed() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        target.make(None, Some(&wanted));
        fs::set_permissions(&target.path, fs::Permissions::from_mode(0o700)).unwrap();
        let Standing::Other(said) = target.standing(None, Some(&wanted)) else { panic!() };
        assert_eq!(said, "a tmpfs is mounted there: the mode of its directory is 0700, not 1777");
    });
}

#[test]
fn a_path_with_blanks_is_a_path() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        let path = target.path.clone() + "/my mem\\040 ü";
        fs::create_dir(&path).unwrap();
        make(&path, None, Some(&wanted), Care::Respect).unwrap();
        assert_eq!(standing(&path, None, Some(&wanted)).unwrap(), Standing::After);
        make(&(path.clone() + "/"), Some(&wanted), None, Care::Respect).unwrap();
        assert_eq!(standing(&path, None, Some(&wanted)).unwrap(), Standing::Before);
    });
}

#[test]
fn what_holds_files_is_not_unmounted_unless_by_force() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        target.make(None, Some(&wanted));
        for (name, said) in [("b", "it holds b"), (".a", "it holds 2 files, first: .a")] {
            fs::create_dir(target.file(name)).unwrap();
            let outcome = make(&target.path, Some(&wanted), None, Care::Respect);
            let Err(MountTrouble::Holds(held)) = outcome else { panic!("{outcome:?}") };
            assert_eq!(held, said);
            assert!(make(&target.path, Some(&wanted), None, Care::LineAlone).is_err());
        }
        assert!(target.is_mounted() && target.file("b").is_dir());
        assert_eq!(target.standing(None, Some(&wanted)), Standing::After);
        make(&target.path, Some(&wanted), None, Care::Overwrite).unwrap();
        assert!(!target.is_mounted());
    });
}

#[test]
fn what_somebody_has_mounted_over_it_is_never_unmounted() {
    alone(|| {
        for source in ["tmpfs", "theirs"] {
            for options in [FULL, "size=9m"] {
                let (target, wanted) = (Target::new(), image(FULL));
                target.make(None, Some(&wanted));
                let text = if options == FULL { "size=64m,nr_inodes=4k,mode=1777" } else { options };
                let flags = if options == FULL { Split::of(&wanted.options).set } else { MsFlags::empty() };
                mount(Some(source), target.path.as_str(), Some("tmpfs"), flags, Some(text)).unwrap();
                let said = Standing::Other("another tmpfs is mounted over it".into());
                assert_eq!(target.standing(None, Some(&wanted)), said);
                for care in [Care::Respect, Care::Overwrite] {
                    let reason = target.forced_refusal(Some(&wanted), None, care).reason;
                    assert_eq!(reason, "another tmpfs is mounted over it");
                }
                umount2(target.path.as_str(), MntFlags::empty()).unwrap();
                assert_eq!(target.standing(None, Some(&wanted)), Standing::After);
            }
        }
    });
}

#[test]
fn a_mount_of_another_source_or_with_other_options_is_somebody_elses() {
    alone(|| {
        let (target, wanted) = (Target::new(), image(FULL));
        let theirs = MountImage { source: "theirs".into(), ..image(FULL) };
        target.make(None, Some(&theirs));
        let said = "a tmpfs is mounted there: its source is theirs, not tmpfs".to_owned();
        assert_eq!(target.standing(None, Some(&wanted)), Standing::Other(said));
        for care in [Care::Respect, Care::Overwrite] {
            let reason = target.forced_refusal(Some(&wanted), None, care).reason;
            assert_eq!(reason, "a tmpfs of theirs is mounted there, not of tmpfs");
        }
        target.make(Some(&theirs), None);
        let larger = image("size=65m");
        target.make(None, Some(&larger));
        let reason = target.refusal(Some(&wanted), None).reason;
        assert!(reason.starts_with("it is another one now: its size is 65 MiB"), "{reason}");
        make(&target.path, Some(&wanted), None, Care::Overwrite).unwrap();
    });
}
