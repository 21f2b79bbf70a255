//! What the numbers of a report say of its cause, in plain words; nothing where they do not.

use super::{HostMemory, Kill, Part, Scope, Task};
use crate::units::{Bytes, Limit};

/// Shared memory and tmpfs from this share of the limit on are worth naming: files in a tmpfs are charged to the group
/// that wrote them, and no process shows them as its own.
const SHARED_SHARE: f64 = 0.2;

/// Processes of one name that together hold this share of the limit are what fills it.
const SIBLINGS_SHARE: f64 = 0.7;

/// A process that holds more than this many times what its siblings hold grew on its own; workers of one application
/// usually differ by less than half.
const GREW: f64 = 2.0;

/// All processes of the table together hold this share of the memory of the host: then it is overcommitted, and not
/// eaten up by the kernel or by what no process owns.
const OVERCOMMITTED_SHARE: f64 = 0.7;

/// systemd sets `memory.oom.group` for `OOMPolicy=kill` (systemd.service(5)), Kubernetes for whole containers since 1.28.
const TOGETHER: &str = "its whole group was killed with the one that was picked, because memory.oom.group is set: OOMPolicy=continue of the unit spares the others";

/// Sentences on the cause of a kill, each with what to do.
pub fn advice(kill: &Kill) -> Vec<String> {
    if kill.part == Part::Group {
        return vec![TOGETHER.to_owned()];
    }
    let said = match kill.scope {
        Scope::Memcg => [shared(kill), siblings(kill), swap(kill)],
        Scope::Global => [host_shared(kill), overcommitted(kill), siblings(kill)],
        Scope::Manual => {
            [Some("somebody asked the kernel for this kill (sysrq f): no limit was hit".to_owned()), None, None]
        }
        Scope::Cpuset | Scope::Mempolicy => [Some(nodes()), None, None],
        Scope::Unknown => [None, None, None],
    };
    said.into_iter().flatten().collect()
}

/// The bound that was hit: memory of the group, or of the host.
fn bound(kill: &Kill) -> Option<Bytes> {
    match kill.scope {
        Scope::Memcg => kill.report.memory.and_then(|usage| usage.limit.number()).map(Bytes),
        Scope::Global => host_bytes(kill),
        _ => None,
    }
}

fn host_bytes(kill: &Kill) -> Option<Bytes> {
    let HostMemory { ram_pages, reserved_pages, .. } = kill.report.host;
    let pages = ram_pages?.saturating_sub(reserved_pages.unwrap_or(0));
    Some(Bytes(pages.saturating_mul(kill.page_bytes())))
}

fn shared(kill: &Kill) -> Option<String> {
    let limit = bound(kill)?;
    let shared = Bytes(*kill.report.stats.get("shmem")?);
    (shared.share_of(limit) >= SHARED_SHARE).then(|| {
        format!("{shared} of the {limit} are files in a tmpfs or shared memory, which count too: put large files on a disk, or raise the limit by as much")
    })
}

/// Several processes of the victim's name: either one grew, or there are too many of them.
fn siblings(kill: &Kill) -> Option<String> {
    let (limit, own) = (bound(kill)?, kill.sizes.resident()?);
    let mut others: Vec<Bytes> = siblings_of(kill).filter_map(|task| kill.rss_of(task)).collect();
    others.sort_unstable();
    // The master is among them, and small: the middle of them is a worker.
    let usual = *others.get(others.len() / 2)?;
    let count = others.len() + 1;
    let together = Bytes(others.iter().map(|rss| rss.0).sum::<u64>().saturating_add(own.0));
    if usual.0 > 0 && own.0 as f64 > GREW * usual.0 as f64 {
        return Some(format!(
            "this process alone grew: {own}, where its siblings hold {usual}: find what it served last; --max-requests bounds slow growth"
        ));
    }
    (together.share_of(limit) >= SIBLINGS_SHARE).then(|| {
        let of = if kill.scope == Scope::Global { "memory" } else { "limit" };
        format!("{count} such processes of about {usual} each in a {of} of {limit}: fewer workers, or more memory")
    })
}

fn siblings_of(kill: &Kill) -> impl Iterator<Item = &Task> {
    kill.report.tasks.iter().filter(|task| task.pid != kill.pid && *task.comm == *kill.comm)
}

/// The bound of memory and swap together was hit, or swap was used up before memory.
fn swap(kill: &Kill) -> Option<String> {
    let usage = kill.report.swap.filter(|usage| usage.used.0 > 0)?;
    match usage.limit {
        Limit::At(limit) if usage.used.0 >= limit && limit > 0 => {
            Some(format!("its swap was full too ({} of {})", usage.used, Bytes(limit)))
        }
        _ => None,
    }
}

fn host_shared(kill: &Kill) -> Option<String> {
    let (host, pages) = (host_bytes(kill)?, kill.report.host.shmem_pages?);
    let shared = Bytes(pages.saturating_mul(kill.page_bytes()));
    (shared.share_of(host) >= SHARED_SHARE).then(|| {
        format!("{shared} of the host's {host} are files in a tmpfs or shared memory: df -h -t tmpfs shows where")
    })
}

fn overcommitted(kill: &Kill) -> Option<String> {
    let host = host_bytes(kill)?;
    let all = Bytes(kill.report.tasks.iter().filter_map(|task| kill.rss_of(task)).map(|rss| rss.0).sum());
    (all.share_of(host) >= OVERCOMMITTED_SHARE).then(|| {
        let swap = match kill.report.host.swap_total {
            Some(Bytes(0)) => ", and there is no swap",
            _ => "",
        };
        format!("the host's {host} are taken by its processes{swap}: MemoryMax= of a service makes that one pay, not its neighbour")
    })
}

fn nodes() -> String {
    "memory of its nodes was used up, not that of the host: look at its cpuset, or numactl".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::{Report, Sizes, Stamp, Usage};
    use crate::units::Pid;
    use std::sync::Arc;

    const MIB: u64 = 1 << 20;

    /// A kill in a group with a limit of 200 MiB, whose processes named `gunicorn` held so many MiB; the last one died.
    fn kill(rss: &[u64]) -> Kill {
        let task = |(at, mib): (usize, &u64)| Task {
            pid: Pid(at as i32 + 1),
            tgid: None,
            uid: None,
            comm: b"gunicorn"[..].into(),
            total_vm_pages: None,
            rss_pages: Some(mib * MIB / 4096),
            oom_score_adj: None,
        };
        let usage = Usage { used: Bytes(200 * MIB), limit: Limit::At(200 * MIB) };
        let report =
            Report { memory: Some(usage), tasks: rss.iter().enumerate().map(task).collect(), ..Report::default() };
        Kill {
            pid: Pid(rss.len() as i32),
            comm: b"gunicorn".to_vec(),
            uid: None,
            part: Part::Chosen,
            scope: Scope::Memcg,
            sizes: Sizes { anon_rss: rss.last().map(|mib| Bytes(mib * MIB)), ..Sizes::default() },
            task_memcg: None,
            report: Arc::new(report),
            lines: 1,
            stamp: Stamp::default(),
            boot: None,
            host: vec![],
            offset: 0,
        }
    }

    fn edit(kill: &mut Kill, change: impl FnOnce(&mut Report)) {
        change(Arc::make_mut(&mut kill.report));
    }

    #[test]
    fn one_that_grew_is_told_from_too_many_that_did_not() {
        let [grew] = &advice(&kill(&[12, 25, 26, 24, 110]))[..] else { panic!() };
        assert!(grew.starts_with("this process alone grew: 110 MiB, where its siblings hold 25 MiB"), "{grew}");
        let [many] = &advice(&kill(&[12, 46, 45, 44, 48]))[..] else { panic!() };
        assert!(many.starts_with("5 such processes of about 45 MiB each in a limit of 200 MiB"), "{many}");
    }

    #[test]
    fn files_in_memory_are_named_where_they_fill_the_group() {
        let mut kill = kill(&[30]);
        edit(&mut kill, |report| report.stats.extend([("shmem".into(), 90 * MIB)]));
        assert!(advice(&kill)[0].starts_with("90 MiB of the 200 MiB are files in a tmpfs"), "{:?}", advice(&kill));
        edit(&mut kill, |report| report.stats.extend([("shmem".into(), 9 * MIB)]));
        assert_eq!(advice(&kill), Vec::<String>::new());
    }

    #[test]
    fn a_host_is_overcommitted_where_its_processes_hold_it() {
        let mut kill = kill(&[100, 100, 110]);
        kill.scope = Scope::Global;
        edit(&mut kill, |report| {
            report.host.ram_pages = Some(400 * MIB / 4096);
            report.host.swap_total = Some(Bytes(0));
        });
        let said = advice(&kill);
        assert!(said[0].contains("400 MiB are taken by its processes, and there is no swap"), "{said:?}");
        edit(&mut kill, |report| report.host.ram_pages = Some(4000 * MIB / 4096));
        assert_eq!(advice(&kill), Vec::<String>::new(), "something else took it");
    }

    #[test]
    fn who_died_with_its_group_is_told_why_and_nothing_of_its_size() {
        let mut kill = kill(&[12, 46, 45, 44, 48]);
        kill.part = Part::Group;
        let [why] = &advice(&kill)[..] else { panic!() };
        assert!(why.contains("memory.oom.group"), "{why}");
    }

    #[test]
    fn without_numbers_nothing_is_said() {
        let mut bare = kill(&[100, 110]);
        bare.report = Arc::default();
        assert_eq!(advice(&bare), Vec::<String>::new());
    }
}
