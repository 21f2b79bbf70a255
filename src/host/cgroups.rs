//! The control group of a process: its bounds, with those of the groups above it, and what has hit them.
//!
//! Paths come from `/proc/<pid>/cgroup` and directories from gtune's own mountinfo; both are written relative to the
//! cgroup namespace of the reader (cgroup_namespaces(7)), so they fit together in containers as well.

use super::processes::ProcessHandle;
use super::words::told;
use crate::facts::{
    Cgroup, CgroupCpu, CgroupMemory, CgroupPaths, CgroupTasks, CgroupVersion, Fact, Mount, cpu_quota_v1,
    parse_cgroup_limit, parse_cpu_max, parse_flat_keyed,
};
use crate::units::{Bytes, Limit};
use std::fs;
use std::io;

/// The names of the files of one version, in the order the figures need them.
struct Files {
    version: CgroupVersion,
    memory_limit: &'static str,
    memory_usage: &'static str,
    kill_counter: &'static str,
}

const V1: Files = Files {
    version: CgroupVersion::V1,
    memory_limit: "memory.limit_in_bytes",
    memory_usage: "memory.usage_in_bytes",
    // `memory.failcnt` stays 0 on recent kernels although the limit was hit; since Linux 4.13 this one counts.
    kill_counter: "memory.oom_control",
};

const V2: Files = Files {
    version: CgroupVersion::V2,
    memory_limit: "memory.max",
    memory_usage: "memory.current",
    kill_counter: "memory.events",
};

/// The hierarchies mounted where gtune can read them.
#[derive(Debug)]
pub struct Hierarchies<'a> {
    mounts: &'a [Mount],
}

/// A control group as a directory, and the directory its hierarchy is mounted at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    directory: String,
    top: String,
}

impl Place {
    /// The group and all above it that are visible, the group first.
    fn upwards(&self) -> Vec<String> {
        let mut all = vec![self.directory.clone()];
        while let Some((above, _)) =
            all.last().filter(|last| last.len() > self.top.len()).and_then(|last| last.rsplit_once('/'))
        {
            all.push(above.to_owned());
        }
        all
    }
}

impl<'a> Hierarchies<'a> {
    /// From the mounts gtune sees.
    pub fn of(mounts: &'a [Mount]) -> Self {
        Self { mounts }
    }

    /// The control group of a process.
    pub fn cgroup(&self, process: &ProcessHandle) -> Fact<Cgroup> {
        process.read("cgroup").and_then(|bytes| {
            let paths = CgroupPaths::parse(&bytes);
            match telling(&paths) {
                Some(path) => Fact::Known(self.figures(path.to_owned(), &paths)),
                None => Fact::Absent,
            }
        })
    }

    fn figures(&self, path: String, paths: &CgroupPaths) -> Cgroup {
        Cgroup {
            path,
            memory: self
                .find("memory", V1.memory_usage, V2.memory_usage, paths)
                .and_then(|(place, files)| memory(&place, files)),
            tasks: self.find("pids", "pids.current", "pids.current", paths).and_then(|(place, _)| tasks(&place)),
            cpu: self.find("cpu", "cpu.cfs_quota_us", "cpu.max", paths).and_then(|(place, files)| cpu(&place, files)),
        }
    }

    /// Where the figures of a controller lie: a controller belongs to one version at a time (cgroups(7)). Absent where
    /// neither has it for this group, which then has no bound.
    fn find(
        &self,
        controller: &str,
        v1_file: &str,
        v2_file: &str,
        paths: &CgroupPaths,
    ) -> Fact<(Place, &'static Files)> {
        let v1 = paths.controller(controller).map(|path| self.v1_place(controller, path));
        let v2 = paths.unified().map(|path| self.v2_place(path));
        let mut why_not = None;
        for (place, file, files) in [(v1, v1_file, &V1), (v2, v2_file, &V2)] {
            match place {
                Some(Ok(place)) => match with_figures(place, file) {
                    Some(place) => return Fact::Known((place, files)),
                    None => continue,
                },
                Some(Err(reason)) => why_not = why_not.or(Some(reason)),
                None => {}
            }
        }
        why_not.map_or(Fact::Absent, Fact::unreadable)
    }

    fn v1_place(&self, controller: &str, path: &str) -> Result<Place, String> {
        self.place(path, &|mount| {
            mount.kind.name() == "cgroup" && mount.options.iter().any(|option| option == controller)
        })
    }

    fn v2_place(&self, path: &str) -> Result<Place, String> {
        self.place(path, &|mount| mount.kind.name() == "cgroup2")
    }

    /// Of several mounts of a hierarchy the one that shows most of the groups above.
    fn place(&self, path: &str, fits: &dyn Fn(&Mount) -> bool) -> Result<Place, String> {
        let below = |mount: &Mount| below_root(path, &mount.root).map(|rest| place_at(&mount.mount_point, rest));
        let hierarchy = || self.mounts.iter().filter(|mount| fits(mount));
        let mut visible: Vec<&Mount> = hierarchy().filter(|mount| below(mount).is_some()).collect();
        visible.sort_by_key(|mount| mount.root.len());
        match (visible.first().and_then(|mount| below(mount)), hierarchy().next()) {
            (Some(place), _) => Ok(place),
            (None, Some(mount)) => {
                Err(format!("control group {path} lies outside of what {} shows", mount.mount_point))
            }
            (None, None) => Err(format!("no hierarchy is mounted that shows control group {path}")),
        }
    }
}

/// The path that names the group: of the unified hierarchy, of systemd's, of the memory controller's; the first that
/// is not the root, where a hybrid host leaves the processes in the hierarchies it does not use.
fn telling(paths: &CgroupPaths) -> Option<&str> {
    let all = [paths.unified(), paths.systemd(), paths.controller("memory")];
    all.into_iter().flatten().find(|path| *path != "/").or_else(|| all.into_iter().flatten().next())
}

/// The part of a group's path below the root of a mount; nothing where it lies elsewhere. A group outside of gtune's
/// cgroup namespace is written with leading `/..`, which no directory stands for.
fn below_root<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn place_at(mount_point: &str, rest: &str) -> Place {
    let top = mount_point.trim_end_matches('/').to_owned();
    Place { directory: format!("{top}{}", rest.trim_end_matches('/')), top }
}

/// The nearest group, from this one upwards, that has the file: version 2 switches controllers on group by group.
fn with_figures(place: Place, file: &str) -> Option<Place> {
    let has = |directory: &String| fs::symlink_metadata(format!("{directory}/{file}")).is_ok();
    let directory = place.upwards().into_iter().find(has)?;
    Some(Place { directory, top: place.top })
}

fn memory(place: &Place, files: &Files) -> Fact<CgroupMemory> {
    let directory = &place.directory;
    let limits = place.upwards().into_iter().map(|above| format!("{above}/{}", files.memory_limit));
    let (limit_bytes, limit_file) = match lowest(limits) {
        Ok(lowest) => lowest,
        Err(reason) => return Fact::unreadable(reason),
    };
    let of_v2 = |name: &str| match files.version {
        CgroupVersion::V1 => Fact::Absent,
        CgroupVersion::V2 => read(&format!("{directory}/{name}")),
    };
    Fact::Known(CgroupMemory {
        version: files.version,
        directory: directory.clone(),
        limit_bytes,
        limit_file,
        high_bytes: of_v2("memory.high").and_then(|text| limit(&text)),
        usage_bytes: number(&format!("{directory}/{}", files.memory_usage)).map(Bytes),
        inactive_file_bytes: keyed(&format!("{directory}/memory.stat"), "inactive_file").map(Bytes),
        oom_kills: keyed(&format!("{directory}/{}", files.kill_counter), "oom_kill"),
        oom_kills_from: format!("{directory}/{}: oom_kill", files.kill_counter),
        oom_group: of_v2("memory.oom.group").map(|text| text.trim_ascii() == b"1"),
    })
}

/// The lowest of several limits and the file it stands in; a file that is not there (the root group has none) bounds
/// nothing.
fn lowest(files: impl Iterator<Item = String>) -> Result<(Limit, String), String> {
    let mut found: Option<(Limit, String)> = None;
    for file in files {
        match read(&file).and_then(|text| limit(&text)) {
            Fact::Known(limit) if found.as_ref().is_none_or(|(lowest, _)| limit < *lowest) => {
                found = Some((limit, file))
            }
            Fact::Known(_) | Fact::Absent => {}
            Fact::Unreadable(reason) => return Err(reason.to_string()),
        }
    }
    found.ok_or_else(|| "no file of the control group holds a limit".to_owned())
}

/// The group with the least room: a `pids.max` above this one may be hit first.
fn tasks(place: &Place) -> Fact<CgroupTasks> {
    let mut tightest: Option<CgroupTasks> = None;
    for directory in place.upwards() {
        let limit_file = format!("{directory}/pids.max");
        let bound = read(&limit_file).and_then(|text| limit(&text));
        let (Fact::Known(limit), Fact::Known(current)) = (bound, number(&format!("{directory}/pids.current"))) else {
            continue;
        };
        let room =
            |tasks: &CgroupTasks| tasks.limit.number().map_or(u64::MAX, |limit| limit.saturating_sub(tasks.current));
        let here =
            CgroupTasks { current, limit, limit_file, refused: keyed(&format!("{directory}/pids.events"), "max") };
        if tightest.as_ref().is_none_or(|so_far| room(&here) < room(so_far)) {
            tightest = Some(here);
        }
    }
    // The root group counts but has no bound.
    tightest.into()
}

fn cpu(place: &Place, files: &Files) -> Fact<CgroupCpu> {
    let quotas = place.upwards().into_iter().filter_map(|directory| quota(&directory, files).known().copied());
    Fact::Known(CgroupCpu {
        quota_cpus: quotas.reduce(f64::min).into(),
        throttled_periods: keyed(&format!("{}/cpu.stat", place.directory), "nr_throttled"),
    })
}

/// CPUs that one group allows; absent where it sets no quota.
fn quota(directory: &str, files: &Files) -> Fact<f64> {
    match files.version {
        CgroupVersion::V2 => {
            read(&format!("{directory}/cpu.max")).and_then(|text| parse_cpu_max(&text).flatten().into())
        }
        CgroupVersion::V1 => read(&format!("{directory}/cpu.cfs_quota_us")).and_then(|quota| {
            read(&format!("{directory}/cpu.cfs_period_us"))
                .and_then(|period| cpu_quota_v1(&quota, &period).flatten().into())
        }),
    }
}

fn read(path: &str) -> Fact<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Fact::Known(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Fact::Absent,
        Err(error) => Fact::unreadable(format!("{}: {path}", told(&error))),
    }
}

fn limit(text: &[u8]) -> Fact<Limit> {
    match parse_cgroup_limit(text) {
        Some(limit) => Fact::Known(limit),
        None => Fact::unreadable(format!("no limit: {:?}", String::from_utf8_lossy(text).trim())),
    }
}

fn number(path: &str) -> Fact<u64> {
    read(path).and_then(|text| match std::str::from_utf8(&text).map(|text| text.trim().parse()) {
        Ok(Ok(number)) => Fact::Known(number),
        _ => Fact::unreadable(format!("no number: {path}")),
    })
}

/// One line `key number` of a file of such lines; absent where the kernel does not count it.
fn keyed(path: &str, key: &str) -> Fact<u64> {
    read(path).and_then(|text| parse_flat_keyed(&text).get(key).copied().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::FsKind;

    fn mount(kind: &str, root: &str, mount_point: &str, option: &str) -> Mount {
        Mount {
            id: 1,
            parent: 1,
            device: "0:1".into(),
            root: root.into(),
            mount_point: mount_point.into(),
            kind: FsKind::named(kind),
            source: kind.into(),
            options: vec!["rw".into(), option.into()],
        }
    }

    #[test]
    fn a_group_lies_below_its_mount() {
        let mounts = [mount("cgroup2", "/", "/sys/fs/cgroup", "")];
        let place = Hierarchies::of(&mounts).v2_place("/system.slice/a.service").unwrap();
        assert_eq!(place.directory, "/sys/fs/cgroup/system.slice/a.service");
        assert_eq!(
            place.upwards(),
            ["/sys/fs/cgroup/system.slice/a.service", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"]
        );
    }

    #[test]
    fn a_container_sees_its_group_as_the_root_of_the_mount() {
        let mounts = [mount("cgroup", "/docker/abc", "/sys/fs/cgroup/memory", "memory")];
        let hierarchies = Hierarchies::of(&mounts);
        assert_eq!(hierarchies.v1_place("memory", "/docker/abc").unwrap().directory, "/sys/fs/cgroup/memory");
        assert_eq!(hierarchies.v1_place("memory", "/docker/abc/x").unwrap().directory, "/sys/fs/cgroup/memory/x");
        assert!(hierarchies.v1_place("memory", "/docker/abcdef").is_err());
        assert!(hierarchies.v1_place("memory", "/../other").is_err());
        assert!(hierarchies.v1_place("pids", "/docker/abc").is_err());
    }

    #[test]
    fn the_lowest_limit_above_counts() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().to_str().unwrap();
        fs::create_dir_all(format!("{top}/slice/unit")).unwrap();
        for (path, text) in [
            ("slice/unit/memory.max", "max\n"),
            ("slice/memory.max", "1000\n"),
            ("slice/unit/memory.current", "500\n"),
            ("slice/unit/memory.events", "low 0\noom 3\noom_kill 2\n"),
            ("slice/unit/pids.max", "100\n"),
            ("slice/unit/pids.current", "10\n"),
            ("slice/pids.max", "50\n"),
            ("slice/pids.current", "20\n"),
            ("slice/unit/cpu.max", "max 100000\n"),
            ("slice/cpu.max", "150000 100000\n"),
        ] {
            fs::write(format!("{top}/{path}"), text).unwrap();
        }
        let mounts = [mount("cgroup2", "/", top, "")];
        let paths = CgroupPaths::parse(b"0::/slice/unit\n");
        let figures = Hierarchies::of(&mounts).figures("/slice/unit".into(), &paths);
        let memory = figures.memory.known().unwrap();
        assert_eq!((memory.limit_bytes, &memory.limit_file), (Limit::At(1000), &format!("{top}/slice/memory.max")));
        assert_eq!(memory.oom_kills, Fact::Known(2));
        assert_eq!(memory.high_bytes, Fact::Absent);
        let tasks = figures.tasks.known().unwrap();
        assert_eq!((tasks.current, tasks.limit), (20, Limit::At(50)));
        assert_eq!(figures.cpu.known().unwrap().quota_cpus, Fact::Known(1.5));
    }
}
