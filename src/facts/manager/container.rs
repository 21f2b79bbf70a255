//! Containers by the names that their runtimes give to control groups.

/// The runtime and the id or name of the innermost container on a path.
pub(super) fn container_of(names: &[&str]) -> Option<(&'static str, Option<String>)> {
    let in_pod = names.iter().any(|name| name.starts_with("kubepods"));
    (0..names.len()).rev().find_map(|at| named(names, at, in_pod)).or_else(|| in_pod.then_some(("kubernetes", None)))
}

/// The container that the name at this place tells of.
fn named(names: &[&str], at: usize, in_pod: bool) -> Option<(&'static str, Option<String>)> {
    let name = names[at];
    let above = at.checked_sub(1).map_or("", |above| names[above]);
    let runtime = |own: &'static str| if in_pod { "kubernetes" } else { own };
    if let Some((own, id)) = scope_of_runtime(name) {
        return Some((runtime(own), Some(id.to_owned())));
    }
    // cgroupfs drivers: /docker/<id>, /kubepods/burstable/pod<uid>/<id>, /ecs/<task>/<id>.
    if is_container_id(name) {
        return Some((runtime("docker"), Some(name.to_owned())));
    }
    // containerd without the systemd driver: <slice>:cri-containerd:<id>.
    let containerd = || Some(("kubernetes", name.split_once(":cri-containerd:")?.1.to_owned()));
    let machine = || Some(("systemd-nspawn", machine(name)?));
    let (own, id) = lxc(name, above).map(|id| ("lxc", id)).or_else(machine).or_else(containerd)?;
    Some((own, Some(id)))
}

/// `docker-<id>.scope` and its like; without `.scope` below the payload of some runtimes.
fn scope_of_runtime(name: &str) -> Option<(&'static str, &str)> {
    const PREFIXES: [(&str, &str); 5] = [
        ("docker-", "docker"),
        ("libpod-", "podman"),
        ("crio-", "kubernetes"),
        ("cri-containerd-", "kubernetes"),
        ("nerdctl-", "containerd"),
    ];
    let (prefix, runtime) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let id = &name[prefix.len()..];
    let id = id.strip_suffix(".scope").unwrap_or(id);
    // The monitor of a container (libpod-conmon-<id>) is not in it, and docker-foo.service is no container.
    let is_id = id.len() >= 12 && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then_some((*runtime, id))
}

/// 64 hexadecimal digits: what the Open Container runtimes call a container.
fn is_container_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `lxc.payload.NAME` (LXC 4), `lxc.payload/NAME` (LXC 3), `lxc/NAME`.
fn lxc(name: &str, above: &str) -> Option<String> {
    let below = matches!(above, "lxc" | "lxc.payload").then_some(name);
    name.strip_prefix("lxc.payload.").or(below).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// `machine-NAME.scope` and `systemd-nspawn@NAME.service`; the name's escapes are undone, since no unit is meant.
fn machine(name: &str) -> Option<String> {
    let scope = name.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope"));
    let service = || name.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    scope.or_else(service).map(|id| id.replace(r"\x2d", "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn of(path: &str) -> Option<(&'static str, Option<String>)> {
        let path = path.replace("ID", ID);
        container_of(&path.split('/').filter(|n| !n.is_empty()).collect::<Vec<_>>())
    }

    #[test]
    fn each_runtime_is_told_by_its_names() {
        for (path, runtime) in [
            ("/system.slice/docker-ID.scope", "docker"),
            ("/docker/ID", "docker"),
            ("/ecs/0123/ID", "docker"),
            ("/machine.slice/libpod-ID.scope/container", "podman"),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", "podman"),
            ("/kubepods/burstable/pod1-2/ID", "kubernetes"),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-ID.scope",
                "kubernetes",
            ),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", "kubernetes"),
            ("/kubepods.slice/kubepods-pod1.slice/docker-ID.scope", "kubernetes"),
            ("/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:ID", "kubernetes"),
        ] {
            assert_eq!(of(path), Some((runtime, Some(ID.to_owned()))), "{path}");
        }
    }

    #[test]
    fn machines_go_by_their_name() {
        let named = |runtime, name: &str| Some((runtime, Some(name.to_owned())));
        assert_eq!(of("/lxc.payload.web/system.slice/gunicorn.service"), named("lxc", "web"));
        assert_eq!(of("/lxc/web/init.scope"), named("lxc", "web"));
        assert_eq!(of(r"/machine.slice/machine-my\x2dbox.scope/payload"), named("systemd-nspawn", "my-box"));
        assert_eq!(of("/machine.slice/systemd-nspawn@box.service/payload"), named("systemd-nspawn", "box"));
        assert_eq!(of("/kubepods/besteffort"), Some(("kubernetes", None)));
    }

    #[test]
    fn what_only_serves_containers_is_none() {
        for path in [
            "/system.slice/docker.service",
            "/system.slice/docker-registry.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/lxc.monitor.web",
            "/system.slice/containerd.service",
            "/machine.slice",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn the_innermost_container_is_named() {
        let inner = ID.replace('e', "f");
        assert_eq!(of(&format!("/docker/ID/kubepods/pod1/{inner}")), Some(("kubernetes", Some(inner))));
    }
}
