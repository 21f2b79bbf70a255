use super::*;
use crate::perform::private_host::{Sleeper, alone};
use nix::mount::{MsFlags, mount};

const KEY: &str = "net.core.somaxconn";
const OWN: NetworkOf = NetworkOf::Gtune;

#[test]
fn a_value_is_written_and_its_standing_follows() {
    alone(|| {
        make(KEY, OWN, 128).unwrap();
        assert_eq!(standing(KEY, OWN, 128, 8192), Ok(Standing::Before));
        make(KEY, OWN, 8192).unwrap();
        assert_eq!(standing(KEY, OWN, 128, 8192), Ok(Standing::After));
        assert_eq!(standing(KEY, OWN, 128, 4096), Ok(Standing::Other("it is 8192".into())));
        assert_eq!(fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap(), "8192\n");
    });
}

#[test]
fn the_network_of_another_process_is_changed_and_no_other() {
    alone(|| {
        let sleeper = Sleeper::start(&["unshare", "--net"]);
        let theirs = NetworkOf::Process(sleeper.named());
        make(KEY, OWN, 1111).unwrap();
        make(KEY, theirs, 2222).unwrap();
        assert_eq!(standing(KEY, theirs, 1111, 2222), Ok(Standing::After));
        assert_eq!(standing(KEY, OWN, 1111, 2222), Ok(Standing::Before));
    });
}

#[test]
fn a_process_in_gtunes_own_network_needs_no_leave_to_enter_it() {
    let sleeper = Sleeper::start(&["env"]);
    let standing = standing(KEY, NetworkOf::Process(sleeper.named()), u64::MAX, u64::MAX);
    assert!(matches!(standing, Ok(Standing::Other(_))), "{standing:?}");
}

#[test]
fn the_network_of_a_process_that_has_ended_is_not_looked_for() {
    let ended = NetworkOf::Process(Sleeper::start(&["env"]).end());
    let said = standing(KEY, ended, 1, 2).unwrap_err().to_string();
    assert!(said.starts_with("cannot read net.core.somaxconn: pid ") && said.ends_with(": it has ended"), "{said}");
    assert!(make(KEY, ended, 2).is_err());
}

#[test]
fn a_number_that_the_kernel_does_not_allow_changes_nothing() {
    alone(|| {
        make(KEY, OWN, 1111).unwrap();
        for number in [1 << 31, 1 << 40, u64::MAX] {
            assert_eq!(make(KEY, OWN, number).unwrap_err().reason, "the kernel does not allow this number");
        }
        assert_eq!(standing(KEY, OWN, 1111, 2), Ok(Standing::Before));
    });
}

#[test]
fn in_a_container_the_hint_says_how_it_is_started() {
    alone(|| {
        // As container runtimes do it.
        let bind = |flags| mount(Some("/proc/sys"), "/proc/sys", None::<&str>, flags, None::<&str>).unwrap();
        bind(MsFlags::MS_BIND);
        bind(MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | nosuid_nodev_noexec());
        let trouble = make(KEY, OWN, 8192).unwrap_err();
        assert_eq!(trouble.to_string(), "cannot set net.core.somaxconn to 8192: /proc/sys is read-only here");
        assert!(trouble.hint.unwrap().contains("docker run --sysctl net.core.somaxconn=8192"));
    });
}

/// In a user namespace a mount keeps these of the one it is a copy of (mount_namespaces(7)).
fn nosuid_nodev_noexec() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC
}

#[test]
fn a_key_is_a_path_below_proc_sys_and_nowhere_else() {
    let plain = |key| path("look", key).ok();
    assert_eq!(plain("net.core.somaxconn").as_deref(), Some("/proc/sys/net/core/somaxconn"));
    assert_eq!(plain("net.ipv4.conf.eth0/1.mtu").as_deref(), Some("/proc/sys/net/ipv4/conf/eth0.1/mtu"));
    for key in ["", ".", "net..core", "a.//.b", "a./.b", "net.core.", "..etc.passwd", "a\0b"] {
        assert_eq!(plain(key), None, "{key}");
    }
}

#[test]
fn what_is_no_number_or_not_there_is_said() {
    let said = |key| standing(key, OWN, 1, 2).unwrap_err().to_string();
    assert!(said("kernel.ostype").ends_with("it is no number: Linux\\n"));
    assert!(said("net.core.no_such").contains("this kernel has no such value"));
}
