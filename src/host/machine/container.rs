//! Whether gtune runs in a container, by the rules systemd-detect-virt(1) follows, and what it was told by.
//!
//! All of them can mislead, so this is a hint for the wording of remedies. What may be changed is found out by trying.

use crate::facts::Container;
use crate::host::Root;

/// The pid namespace the kernel itself makes at boot, with its fixed inode of include/linux/proc_ns.h (since Linux 3.8).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The container gtune runs in. `root` is the live `/`.
pub(super) fn container(root: &Root) -> Option<Container> {
    let (runtime, because) = by_kernel(root)
        .or_else(|| named_by_its_manager(root))
        .or_else(|| left_by_its_runtime(root))
        .or_else(other_namespaces)
        .map(|found| in_kubernetes(root, found))?;
    Some(Container { runtime, id: id(root), because })
}

type Told = (String, String);

fn told(runtime: &str, because: &str) -> Option<Told> {
    Some((runtime.to_owned(), because.to_owned()))
}

fn is_there(root: &Root, path: &str) -> bool {
    root.stat(path).known().is_some()
}

fn content(root: &Root, path: &str) -> Option<String> {
    root.read(path).known().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn by_kernel(root: &Root) -> Option<Told> {
    if is_there(root, "/proc/vz") && !is_there(root, "/proc/bc") {
        return told("openvz", "/proc/vz is there and /proc/bc is not");
    }
    let release = content(root, "/proc/sys/kernel/osrelease")?;
    let is_wsl = release.contains("Microsoft") || release.contains("WSL");
    is_wsl.then(|| told("wsl", "/proc/sys/kernel/osrelease names it")).flatten()
}

/// `$container` of pid 1, which managers set by agreement (https://systemd.io/CONTAINER_INTERFACE). systemd keeps it
/// in `/run/systemd/container`, since the environment of pid 1 is for root alone.
fn named_by_its_manager(root: &Root) -> Option<Told> {
    for file in ["/run/host/container-manager", "/run/systemd/container"] {
        if let Some(name) = content(root, file).and_then(|text| name_in(&text)) {
            return Some((of_oci(root, name), format!("{file} names it")));
        }
    }
    let environment = content(root, "/proc/1/environ")?;
    let value = environment.split('\0').find_map(|entry| entry.strip_prefix("container="))?;
    Some((of_oci(root, name_in(value)?), "pid 1 has `container` in its environment".to_owned()))
}

/// The name of a manager, without what could not be one.
fn name_in(text: &str) -> Option<String> {
    let name: String =
        text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect();
    (!name.is_empty()).then_some(name)
}

/// `oci` is what several runtimes say; the file each leaves tells them apart.
fn of_oci(root: &Root, name: String) -> String {
    match left_file(root) {
        Some((runtime, _)) if name == "oci" => runtime.to_owned(),
        _ => name,
    }
}

fn left_file(root: &Root) -> Option<(&'static str, &'static str)> {
    [("podman", "/run/.containerenv"), ("docker", "/.dockerenv")].into_iter().find(|(_, file)| is_there(root, file))
}

/// The file alone proves little: it stays in a file system that was made from an image and booted as a machine. A
/// runtime also mounts files of its own over the container's name files.
fn left_by_its_runtime(root: &Root) -> Option<Told> {
    let (runtime, file) = left_file(root)?;
    let mounted = mount_over_a_name_file(&content(root, "/proc/self/mountinfo")?)?;
    told(runtime, &format!("{file} is there, and {mounted} is a mount of its own"))
}

/// Docker and Podman bind these three into every container, whatever its network.
fn mount_over_a_name_file(mountinfo: &str) -> Option<&'static str> {
    let is_mounted = |path: &&&str| mountinfo.lines().any(|line| line.split(' ').nth(4) == Some(**path));
    ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].iter().find(is_mounted).copied()
}

fn other_namespaces() -> Option<Told> {
    let elsewhere = is_in(FIRST_PID_NAMESPACE) == Some(false);
    elsewhere.then(|| told("namespace", "gtune is not in the first pid namespace of the kernel")).flatten()
}

/// Whether gtune is in this namespace, written as `/proc/self/ns` does.
fn is_in(namespace: &str) -> Option<bool> {
    let (kind, _) = namespace.split_once(':')?;
    Some(std::fs::read_link(format!("/proc/self/ns/{kind}")).ok()?.to_str()? == namespace)
}

/// Kubernetes mounts the account of the pod in every container of it.
fn in_kubernetes(root: &Root, found: Told) -> Told {
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    let environment = std::env::var_os("KUBERNETES_SERVICE_HOST").map(|_| "KUBERNETES_SERVICE_HOST is set".to_owned());
    let hint = if is_there(root, account) { Some(format!("{account} is there")) } else { environment };
    match hint {
        Some(hint) => ("kubernetes".to_owned(), format!("{hint}; {}", found.1)),
        None => found,
    }
}

/// The id that Docker, Podman and containerd put in the cgroup path, or in the source of the mounts they make.
fn id(root: &Root) -> Option<String> {
    let files = ["/proc/self/cgroup", "/proc/self/mountinfo"];
    files.iter().filter_map(|file| content(root, file)).find_map(|text| id_in(&text))
}

/// A component of 64 hexadecimal digits, with or without the affixes of systemd scopes (`docker-….scope`).
fn id_in(text: &str) -> Option<String> {
    let is_id = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_id).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_file_left_over_is_no_container_without_the_mounts_of_a_runtime() {
        let machine = "22 1 254:0 / / rw - ext4 /dev/vda rw\n";
        let container =
            format!("{machine}40 22 254:0 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/vda rw\n");
        assert_eq!(mount_over_a_name_file(machine), None);
        assert_eq!(mount_over_a_name_file(&container), Some("/etc/hosts"));
    }

    #[test]
    fn an_id_is_found_in_the_paths_of_every_runtime() {
        for path in [
            format!("0::/docker/{ID}\n"),
            format!("0::/system.slice/docker-{ID}.scope\n"),
            format!("12:memory:/kubepods/besteffort/pod1-2/{ID}\n"),
            format!("1 2 0:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/vda1 rw\n"),
        ] {
            assert_eq!(id_in(&path).as_deref(), Some(ID), "{path}");
        }
        assert_eq!(id_in("0::/system.slice/gunicorn.service\n"), None);
    }

    #[test]
    fn the_name_of_a_manager_is_one_plain_word() {
        assert_eq!(name_in("systemd-nspawn\n").as_deref(), Some("systemd-nspawn"));
        assert_eq!(name_in("lxc\u{1b}[2J").as_deref(), Some("lxc"));
        assert_eq!(name_in("\n"), None);
    }

    #[test]
    fn what_the_manager_says_counts_before_the_file_of_a_runtime() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("run/systemd")).unwrap();
        std::fs::write(place.path().join("run/systemd/container"), "oci\n").unwrap();
        std::fs::write(place.path().join(".dockerenv"), "").unwrap();
        let root = Root::open(place.path()).unwrap();
        let found = named_by_its_manager(&root);
        assert_eq!(found, told("docker", "/run/systemd/container names it"));
        std::fs::write(place.path().join("run/systemd/container"), "systemd-nspawn\n").unwrap();
        assert_eq!(named_by_its_manager(&root), told("systemd-nspawn", "/run/systemd/container names it"));
    }
}
