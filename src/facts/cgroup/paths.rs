//! `/proc/<pid>/cgroup`: which groups a process is in (cgroups(7)).

use procfs::{FromBufRead, ProcessCGroups};

/// The groups of a process, one a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CgroupPaths {
    /// The lines, in the kernel's order.
    pub lines: Vec<CgroupLine>,
}

/// The group of a process in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupLine {
    /// Number of the hierarchy; 0 is the unified one.
    pub hierarchy: u32,
    /// Its controllers; `name=systemd` for a named hierarchy, none for the unified one.
    pub controllers: Vec<String>,
    /// Path below the root of the hierarchy, as the reader's cgroup namespace has it; may begin with `/..`.
    pub path: String,
}

impl CgroupPaths {
    /// Reads the file. A line that is none is left out; paths are decoded lossily.
    ///
    /// The kernel marks a group that was removed with ` (deleted)`; the mark is taken off.
    pub fn parse(proc_cgroup: &[u8]) -> Self {
        let text = String::from_utf8_lossy(proc_cgroup);
        // procfs gives up at the first odd line, so it gets them one by one.
        let parsed = text.lines().filter_map(|line| ProcessCGroups::from_buf_read(line.as_bytes()).ok()).flatten();
        let lines = parsed.map(|group| CgroupLine {
            hierarchy: group.hierarchy,
            controllers: group.controllers,
            path: group.pathname.strip_suffix(" (deleted)").unwrap_or(&group.pathname).to_owned(),
        });
        Self { lines: lines.collect() }
    }

    /// The path in the unified hierarchy (version 2, also where version 1 runs beside it).
    pub fn unified(&self) -> Option<&str> {
        let line = self.lines.iter().find(|line| line.hierarchy == 0 && line.controllers.is_empty());
        line.map(|line| line.path.as_str())
    }

    /// The path in the version 1 hierarchy of a controller, for example `memory`.
    pub fn controller(&self, name: &str) -> Option<&str> {
        let line = self.lines.iter().find(|line| line.controllers.iter().any(|c| c == name));
        line.map(|line| line.path.as_str())
    }

    /// The path in the hierarchy that systemd keeps for itself on a version 1 host.
    pub fn systemd(&self) -> Option<&str> {
        self.controller("name=systemd")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HYBRID: &str = "12:cpu,cpuacct:/system.slice/web.service\n4:memory:/system.slice/web.service\n\
        1:name=systemd:/system.slice/web.service/a:b\n0::/system.slice/web.service (deleted)\n";

    #[test]
    fn each_hierarchy_has_its_own_path() {
        let paths = CgroupPaths::parse(HYBRID.as_bytes());
        assert_eq!(paths.unified(), Some("/system.slice/web.service"));
        assert_eq!(paths.controller("cpuacct"), Some("/system.slice/web.service"));
        assert_eq!(paths.systemd(), Some("/system.slice/web.service/a:b"));
        assert_eq!(paths.controller("pids"), None);
    }

    #[test]
    fn a_modern_host_has_one_line() {
        let paths = CgroupPaths::parse(b"0::/user.slice/x\n");
        assert_eq!((paths.unified(), paths.systemd(), paths.lines.len()), (Some("/user.slice/x"), None, 1));
    }

    #[test]
    fn one_odd_line_costs_no_other() {
        let paths = CgroupPaths::parse(b"junk\n\n0::/a\xff\n");
        assert_eq!(paths.unified(), Some("/a\u{fffd}"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            CgroupPaths::parse(&bytes);
        }

        #[test]
        fn a_path_is_kept_as_it_is(path in "/[!-~]{0,30}") {
            let text = format!("0::{path}\n");
            let paths = CgroupPaths::parse(text.as_bytes());
            prop_assert_eq!(paths.unified(), Some(path.as_str()));
        }
    }
}
