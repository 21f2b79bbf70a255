use super::*;
use crate::perform::private_host::alone;
use std::fs;

fn image(options: &str) -> MountImage {
    MountImage {
        kind: "tmpfs".into(),
        source: "tmpfs".into(),
        options: options.split(',').map(str::to_owned).collect(),
    }
}

fn refusal(options: &str) -> String {
    rehearse(&image(options)).unwrap_err().to_string()
}

#[test]
fn nothing_of_a_rehearsal_is_seen_or_left() {
    alone(|| {
        let seen = || {
            let links = ["mnt", "net"].map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")).unwrap());
            (fs::read("/proc/self/mountinfo").unwrap(), links, std::env::current_dir().unwrap())
        };
        let before = seen();
        for options in ["size=64m,mode=1777,noatime,nosuid,nodev,noexec,nr_inodes=4k", "size=0", "size=20%,mode=0700"] {
            assert_eq!(rehearse(&image(options)), Ok(()), "{options}");
        }
        refusal("bogus=1");
        assert_eq!(seen(), before);
    });
}

#[test]
fn the_options_that_the_kernel_minds_are_named() {
    alone(|| {
        let said = refusal("size=64m,bogus=1,nosuid,mode=9");
        assert_eq!(said, "cannot mount a tmpfs for a trial: the kernel refuses these options: bogus=1,mode=9");
        assert!(refusal("size=").ends_with("the kernel refuses these options: size="));
        let unknown = MountImage { kind: "nofs".into(), ..image("size=1m") };
        assert!(rehearse(&unknown).unwrap_err().reason.contains("no file system nofs"));
    });
}

#[test]
fn a_mount_that_no_heartbeat_fits_in_is_refused() {
    alone(|| {
        assert!(refusal("nr_inodes=1").contains("it has no room or no inode left"));
        assert!(refusal("ro").ends_with("no file can be made in it: read-only file system"));
        assert_eq!(rehearse(&image("nr_inodes=2")), Ok(()));
    });
}

#[test]
fn without_leave_it_is_said_that_root_is_needed() {
    if nix::unistd::geteuid().is_root() {
        return;
    }
    let trouble = rehearse(&image("size=1m")).unwrap_err();
    assert_eq!(trouble.to_string(), "cannot mount a tmpfs for a trial: permission denied: needs root");
    assert_eq!(trouble.hint.as_deref(), Some("run it again with sudo"));
}
