//! What the numbers of a report say of its cause, in plain words; nothing where they do not.

use super::{Concern, HostMemory, Kill, Page, Part, Scope, Task};
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

/// Sentences on the cause of a kill, each with what to do. Words of Gunicorn are said only where a Gunicorn was hit.
pub fn advice(kill: &Kill, concern: &Concern) -> Vec<String> {
    if kill.part == Part::Group {
        return vec![TOGETHER.to_owned()];
    }
    let table = Table::of(kill);
    let said = match kill.scope {
        Scope::Memcg => [shared(kill), siblings(kill, &table, concern), swap(kill)],
        Scope::Global => [host_shared(kill, &table), overcommitted(kill, &table), siblings(kill, &table, concern)],
        Scope::Manual => {
            [Some("somebody asked the kernel for this kill (sysrq f): no limit was hit".to_owned()), None, None]
        }
        Scope::Cpuset | Scope::Mempolicy => [Some(nodes()), None, None],
        Scope::Unknown => [None, None, None],
    };
    said.into_iter().flatten().collect()
}

/// What the table of processes says in bytes.
struct Table {
    page: Page,
    /// Of all processes together. Shared pages count once for each process that has them.
    all: Bytes,
    largest: Bytes,
    /// Those of the victim's name, the victim left out, smallest first.
    siblings: Vec<Bytes>,
}

impl Table {
    fn of(kill: &Kill) -> Self {
        let page = kill.page();
        let rss = |task: &Task| task.rss_pages.map(|pages| page.bytes(pages));
        let tasks = &kill.report.tasks;
        let is_sibling = |task: &&Task| task.pid != kill.pid && *task.comm == *kill.comm;
        let mut siblings: Vec<Bytes> = tasks.iter().filter(is_sibling).filter_map(rss).collect();
        siblings.sort_unstable();
        let sizes = || tasks.iter().filter_map(rss);
        Self { page, all: sum(sizes()), largest: sizes().max().unwrap_or_default(), siblings }
    }
}

fn sum(sizes: impl Iterator<Item = Bytes>) -> Bytes {
    Bytes(sizes.fold(0, |sum, size| sum.saturating_add(size.0)))
}

/// The bound that was hit: memory of the group, or of the host.
fn bound(kill: &Kill, page: Page) -> Option<Bytes> {
    match kill.scope {
        Scope::Memcg => kill.report.hit().and_then(|(_, usage)| usage.limit.number()).map(Bytes),
        Scope::Global => host_bytes(kill, page),
        _ => None,
    }
}

fn host_bytes(kill: &Kill, page: Page) -> Option<Bytes> {
    let HostMemory { ram_pages, reserved_pages, .. } = kill.report.host;
    Some(page.bytes(ram_pages?.saturating_sub(reserved_pages.unwrap_or(0))))
}

fn shared(kill: &Kill) -> Option<String> {
    let limit = bound(kill, kill.page())?;
    let shared = Bytes(*kill.report.stats.get("shmem")?);
    (shared.share_of(limit) >= SHARED_SHARE).then(|| {
        format!("{shared} of the {limit} are files in a tmpfs or shared memory, which count too: put large files on a disk, or raise the limit by as much")
    })
}

/// Several processes of the victim's name: either one grew, or there are too many of them.
fn siblings(kill: &Kill, table: &Table, concern: &Concern) -> Option<String> {
    let (limit, own) = (bound(kill, table.page)?, kill.sizes.resident()?);
    let others = &table.siblings;
    // Of two the larger one is meant: the other may be the master, which serves nothing. One alone says nothing.
    let usual = *others.get(others.len() / 2).filter(|_| others.len() >= 2)?;
    let is_largest = kill.scope == Scope::Memcg || own >= table.largest;
    if usual.0 > 0 && own.0 as f64 > GREW * usual.0 as f64 {
        let bound = if concern.gunicorn { "; --max-requests bounds slow growth" } else { "" };
        let grew = format!(
            "this process alone grew: {own}, where others of its name hold {usual}: find what it served last{bound}"
        );
        return is_largest.then_some(grew);
    }
    let together = sum(others.iter().copied().chain([own]));
    // More than there is means that shared pages were counted more than once.
    let share = together.share_of(limit);
    (is_largest && (SIBLINGS_SHARE..=1.0).contains(&share)).then(|| {
        let of = if kill.scope == Scope::Global { "memory" } else { "limit" };
        let fewer = if concern.gunicorn { "fewer workers" } else { "fewer of them" };
        let count = others.len() + 1;
        format!("{count} such processes of about {usual} each in a {of} of {limit}: {fewer}, or more memory")
    })
}

/// The group's swap was used up too.
fn swap(kill: &Kill) -> Option<String> {
    let usage = kill.report.swap.filter(|usage| usage.used.0 > 0)?;
    match usage.limit {
        Limit::At(limit) if usage.used.0 >= limit && limit > 0 => {
            Some(format!("its swap was full too ({} of {})", usage.used, Bytes(limit)))
        }
        _ => None,
    }
}

fn host_shared(kill: &Kill, table: &Table) -> Option<String> {
    let (host, pages) = (host_bytes(kill, table.page)?, kill.report.host.shmem_pages?);
    let shared = table.page.bytes(pages);
    (shared.share_of(host) >= SHARED_SHARE).then(|| {
        format!("{shared} of the host's {host} are files in a tmpfs or shared memory: df -h -t tmpfs shows where")
    })
}

fn overcommitted(kill: &Kill, table: &Table) -> Option<String> {
    let host = host_bytes(kill, table.page)?;
    // More than there is means that shared pages were counted more than once, so nothing can be said.
    (OVERCOMMITTED_SHARE..=1.0).contains(&table.all.share_of(host)).then(|| {
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
            text: Box::default(),
        }
    }

    fn said(kill: &Kill) -> Vec<String> {
        super::advice(kill, &Concern { unit: None, gunicorn: true })
    }

    fn edit(kill: &mut Kill, change: impl FnOnce(&mut Report)) {
        change(Arc::make_mut(&mut kill.report));
    }

    #[test]
    fn one_that_grew_is_told_from_too_many_that_did_not() {
        let [grew] = &said(&kill(&[12, 25, 26, 24, 110]))[..] else { panic!() };
        assert!(grew.starts_with("this process alone grew: 110 MiB, where others of its name hold 25 MiB"), "{grew}");
        let [many] = &said(&kill(&[12, 46, 45, 44, 48]))[..] else { panic!() };
        assert!(many.starts_with("5 such processes of about 45 MiB each in a limit of 200 MiB"), "{many}");
    }

    #[test]
    fn files_in_memory_are_named_where_they_fill_the_group() {
        let mut kill = kill(&[30]);
        edit(&mut kill, |report| report.stats.extend([("shmem".into(), 90 * MIB)]));
        assert!(said(&kill)[0].starts_with("90 MiB of the 200 MiB are files in a tmpfs"), "{:?}", said(&kill));
        edit(&mut kill, |report| report.stats.extend([("shmem".into(), 9 * MIB)]));
        assert_eq!(said(&kill), Vec::<String>::new());
    }

    #[test]
    fn a_host_is_overcommitted_where_its_processes_hold_it() {
        let mut kill = kill(&[100, 100, 110]);
        kill.scope = Scope::Global;
        edit(&mut kill, |report| {
            report.host.ram_pages = Some(400 * MIB / 4096);
            report.host.swap_total = Some(Bytes(0));
        });
        let told = said(&kill);
        assert!(told[0].contains("400 MiB are taken by its processes, and there is no swap"), "{told:?}");
        edit(&mut kill, |report| report.host.ram_pages = Some(4000 * MIB / 4096));
        assert_eq!(said(&kill), Vec::<String>::new(), "something else took it");
    }

    #[test]
    fn who_died_with_its_group_is_told_why_and_nothing_of_its_size() {
        let mut kill = kill(&[12, 46, 45, 44, 48]);
        kill.part = Part::Group;
        let [why] = &said(&kill)[..] else { panic!() };
        assert!(why.contains("memory.oom.group"), "{why}");
    }

    #[test]
    fn a_master_alone_is_nothing_to_compare_with_and_shared_pages_are_not_counted_twice() {
        assert_eq!(said(&kill(&[25, 190])), Vec::<String>::new());
        assert_eq!(said(&kill(&[150, 150, 150, 150])), Vec::<String>::new(), "600 MiB do not fit into 200");
    }

    #[test]
    fn other_programs_are_not_told_of_gunicorns_options() {
        let [grew] = &super::advice(&kill(&[12, 25, 26, 24, 110]), &Concern { unit: None, gunicorn: false })[..] else {
            panic!()
        };
        assert!(!grew.contains("--max-requests"), "{grew}");
    }

    #[test]
    fn of_two_bounds_the_one_that_is_full_was_hit() {
        let mut kill = kill(&[30, 60, 70, 65]);
        edit(&mut kill, |report| {
            report.memory = Some(Usage { used: Bytes(250 * MIB), limit: Limit::At(1000 * MIB) });
            report.memory_and_swap = Some(Usage { used: Bytes(300 * MIB), limit: Limit::At(300 * MIB) });
        });
        assert!(said(&kill)[0].contains("in a limit of 300 MiB"), "{:?}", said(&kill));
    }

    #[test]
    fn without_numbers_nothing_is_said() {
        let mut bare = kill(&[100, 110]);
        bare.report = Arc::default();
        assert_eq!(said(&bare), Vec::<String>::new());
    }
}
