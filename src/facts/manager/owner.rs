//! Who owns a control group, told by its path as systemd and the container runtimes build it.

use super::Container;
use super::container::container_of;
use serde::Serialize;

/// Who a control group belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupOwner {
    /// A unit of the system's manager, with its suffix.
    SystemUnit(String),
    /// A unit of a user's manager.
    UserUnit {
        /// Name of the unit.
        unit: String,
        /// The user.
        uid: u32,
    },
    /// A login session by its id, `3` of `session-3.scope`, as loginctl(1) names it.
    Session(String),
    /// A container.
    Container(Container),
    /// Nobody that the path tells of.
    None,
}

/// The suffixes of units that hold processes (systemd.unit(5)); slices only hold other units.
const SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Tells who owns the group at `path`. Names of units keep their escapes (`\x2d`), as systemctl(1) wants them.
pub fn unit_of_cgroup_path(path: &str) -> CgroupOwner {
    // A reader in a cgroup namespace of its own sees the groups outside it as `/../…`.
    let names: Vec<&str> = path.split('/').filter(|n| !n.is_empty() && *n != "..").map(without_escape).collect();
    if let Some((runtime, id)) = container_of(&names) {
        let because = format!("control group {path}");
        return CgroupOwner::Container(Container { runtime: runtime.to_owned(), id, because });
    }
    if let Some((uid, below)) = below_user_manager(&names) {
        return match first_unit(below) {
            Some(unit) => CgroupOwner::UserUnit { unit: unit.to_owned(), uid },
            None => CgroupOwner::SystemUnit(format!("user@{uid}.service")),
        };
    }
    match first_unit(&names) {
        Some(unit) => match unit.strip_prefix("session-").and_then(|id| id.strip_suffix(".scope")) {
            Some(id) => CgroupOwner::Session(id.to_owned()),
            None => CgroupOwner::SystemUnit(unit.to_owned()),
        },
        None => CgroupOwner::None,
    }
}

/// systemd puts `_` before a name that the kernel could take for one of its own files, such as `cpu.service`.
fn without_escape(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

/// The user whose manager runs the group, and the names below that manager.
fn below_user_manager<'a>(names: &'a [&'a str]) -> Option<(u32, &'a [&'a str])> {
    let uid_of = |name: &str| name.strip_prefix("user@")?.strip_suffix(".service")?.parse().ok();
    names.iter().enumerate().find_map(|(at, name)| Some((uid_of(name)?, &names[at + 1..])))
}

/// The unit of a path: the first name below the slices. What lies below it is the unit's own affair (`Delegate=`).
fn first_unit<'a>(names: &[&'a str]) -> Option<&'a str> {
    let name = names.iter().find(|name| !name.ends_with(".slice"))?;
    SUFFIXES.iter().any(|s| name.len() > s.len() && name.ends_with(s)).then_some(*name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn system(unit: &str) -> CgroupOwner {
        CgroupOwner::SystemUnit(unit.to_owned())
    }

    fn user(unit: &str, uid: u32) -> CgroupOwner {
        CgroupOwner::UserUnit { unit: unit.to_owned(), uid }
    }

    #[test]
    fn a_unit_is_the_first_name_below_the_slices() {
        for (path, owner) in [
            ("/system.slice/gunicorn.service", system("gunicorn.service")),
            ("/system.slice/system-gunicorn.slice/gunicorn@web.service", system("gunicorn@web.service")),
            ("/system.slice/web.service/workers/a.service", system("web.service")),
            (r"/system.slice/my\x2dapp.service", system(r"my\x2dapp.service")),
            ("/system.slice/_cpu.service", system("cpu.service")),
            ("/../web.service", system("web.service")),
            ("/init.scope", system("init.scope")),
            ("/system.slice/docker.service", system("docker.service")),
            ("/user.slice/user-0.slice/run-u12.scope", system("run-u12.scope")),
            ("/user.slice/user-1000.slice/session-c3.scope", CgroupOwner::Session("c3".into())),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", user("web.service", 1000)),
            ("/user.slice/user-1000.slice/user@1000.service/web.service/sub", user("web.service", 1000)),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", user("init.scope", 1000)),
            ("/user.slice/user-1000.slice/user@1000.service", system("user@1000.service")),
            ("/", CgroupOwner::None),
            ("", CgroupOwner::None),
            ("/system.slice", CgroupOwner::None),
            ("/mine/web.service", CgroupOwner::None),
            ("/.service", CgroupOwner::None),
        ] {
            assert_eq!(unit_of_cgroup_path(path), owner, "{path}");
        }
    }

    #[test]
    fn a_container_is_named_before_the_unit_that_holds_or_is_in_it() {
        let id = "0123456789abcdef".repeat(4);
        for path in [format!("/system.slice/docker-{id}.scope"), format!("/docker/{id}/system.slice/web.service")] {
            let CgroupOwner::Container(container) = unit_of_cgroup_path(&path) else { panic!("{path}") };
            assert_eq!((container.runtime.as_str(), container.id.as_deref()), ("docker", Some(id.as_str())));
            assert_eq!(container.because, format!("control group {path}"));
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "(?s).*", odd in "(/[a-z@._-]{0,12}){0,5}") {
            unit_of_cgroup_path(&path);
            unit_of_cgroup_path(&odd);
        }
    }
}
