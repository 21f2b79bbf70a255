//! Reports of the OOM killer as Linux 6.12 prints them, and what becomes of them on the way into the log.

use crate::dice::Dice;
use crate::truth::Kill;

/// Whose limit it was.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Host,
    Cgroup,
    Group,
}

/// What happened to a report.
#[derive(Clone, Copy, PartialEq)]
pub enum Damage {
    None,
    /// Other lines stand between its own.
    Spliced,
    /// Lines 1 to 7 were swallowed by the kernel's rate limit; the kill line never is.
    RateLimited,
    /// The ring buffer ran over: the begin is gone, up to the table of tasks.
    HeadLost,
}

pub struct Report {
    pub lines: Vec<String>,
    pub kills: Vec<Kill>,
    pub is_spliced: bool,
}

/// The n-th report of a log: kinds, damages and cgroups take turns, so that every log has some of each.
pub fn report(dice: &mut Dice, number: usize) -> Report {
    let kind = [Kind::Cgroup, Kind::Host, Kind::Cgroup, Kind::Group][number % 4];
    let damage = [Damage::None, Damage::Spliced, Damage::RateLimited, Damage::None, Damage::HeadLost][number % 5];
    let victim = Victim::roll(dice, kind, number as u64);
    let table = table(dice, &victim);
    let (head, block) = match damage {
        Damage::RateLimited | Damage::HeadLost => (vec![], vec![]),
        Damage::None | Damage::Spliced => (head(dice, &victim), memory_block(dice, &victim)),
    };
    let mut kills = vec![victim.kill(dice, victim.pid, kind != Kind::Host)];
    let mut lines = [head, block].concat();
    if damage == Damage::HeadLost {
        lines.push(format!("printk: {} messages suppressed.", dice.between(20, 300)));
    }
    if damage != Damage::RateLimited {
        lines.extend(table);
        lines.push(victim.summary());
    }
    lines.push(victim.line(&kills[0]));
    if kind == Kind::Group {
        lines.push(format!("Tasks in {} are going to be killed due to memory.oom.group set", victim.cgroup));
        for member in 1..=dice.between(2, 5) {
            let kill = victim.kill(dice, victim.pid + member, true);
            lines.push(victim.line(&kill));
            kills.push(kill);
        }
    }
    if damage == Damage::RateLimited {
        kills.iter_mut().for_each(Kill::without_header);
    }
    Report { lines, kills, is_spliced: damage == Damage::Spliced }
}

struct Victim {
    kind: Kind,
    pid: u64,
    comm: &'static str,
    uid: u64,
    cgroup: String,
    limit_kib: u64,
    oom_score_adj: i64,
}

const NAMES: &[&str] = &[
    "gunicorn",
    "gunicorn: worke",
    "python3",
    "celery",
    "postgres",
    "java",
    "(worker) [x]",
    "my app (v2)",
    "a, pid=1",
];

impl Victim {
    /// No pid comes twice in a log: those of report n are 10,000 n and the next few.
    fn roll(dice: &mut Dice, kind: Kind, number: u64) -> Self {
        let cgroup = match number % 3 {
            0 => "/system.slice/gunicorn@shop.service".to_owned(),
            1 => format!("/system.slice/docker-{}.scope", dice.hex(64)),
            _ => format!("/kubepods.slice/kubepods-pod{}.slice/cri-containerd-{}.scope", dice.hex(16), dice.hex(64)),
        };
        Self {
            kind,
            pid: 10_000 * (number + 1) + dice.between(0, 9_000),
            comm: *dice.one_of(NAMES),
            uid: *dice.one_of(&[0, 33, 998, 1000]),
            cgroup,
            limit_kib: dice.between(200_000, 8_000_000),
            oom_score_adj: *dice.one_of(&[0, 0, 100, 900, -200]),
        }
    }

    fn kill(&self, dice: &mut Dice, pid: u64, is_memcg: bool) -> Kill {
        let anon = dice.between(self.limit_kib / 4, self.limit_kib);
        Kill {
            pid,
            comm: self.comm.to_owned(),
            uid: self.uid,
            anon_rss_bytes: anon * 1024,
            oom_memcg: is_memcg.then(|| self.cgroup.clone()),
            day: String::new(),
        }
    }

    fn line(&self, kill: &Kill) -> String {
        let prefix = if self.kind == Kind::Host { "Out of memory" } else { "Memory cgroup out of memory" };
        let anon = kill.anon_rss_bytes / 1024;
        format!(
            "{prefix}: Killed process {} ({}) total-vm:{}kB, anon-rss:{anon}kB, file-rss:{}kB, shmem-rss:0kB, UID:{} \
             pgtables:{}kB oom_score_adj:{}",
            kill.pid,
            self.comm,
            anon + 300_000,
            anon % 9000,
            self.uid,
            anon / 512,
            self.oom_score_adj
        )
    }

    fn summary(&self) -> String {
        let (constraint, whose) = match self.kind {
            Kind::Host => ("CONSTRAINT_NONE", ",global_oom".to_owned()),
            Kind::Cgroup | Kind::Group => ("CONSTRAINT_MEMCG", format!(",oom_memcg={}", self.cgroup)),
        };
        format!(
            "oom-kill:constraint={constraint},nodemask=(null),cpuset=/,mems_allowed=0{whose},task_memcg={},task={},pid={},uid={}",
            self.cgroup, self.comm, self.pid, self.uid
        )
    }
}

fn head(dice: &mut Dice, victim: &Victim) -> Vec<String> {
    let trigger = *dice.one_of(&[victim.comm, "kworker/u8:2", "python3", "systemd"]);
    let gfp = if victim.kind == Kind::Host { "0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)" } else { "0xcc0(GFP_KERNEL)" };
    let mut lines = vec![
        format!("{trigger} invoked oom-killer: gfp_mask={gfp}, order=0, oom_score_adj=0"),
        format!(
            "CPU: {} UID: {} PID: {} Comm: {trigger} Not tainted 6.12.{}-amd64 #1 PREEMPT(lazy) ",
            dice.between(0, 7),
            victim.uid,
            victim.pid + 1,
            dice.between(10, 60)
        ),
        "Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.3-2 04/01/2014".to_owned(),
    ];
    let stack = [
        "Call Trace:",
        " <TASK>",
        " dump_stack_lvl+0x5d/0x80",
        " dump_header+0x43/0x1c0",
        " out_of_memory+0x24e/0x530",
    ];
    lines.extend(stack.map(str::to_owned));
    lines.push(format!("RIP: 0033:0x7f{}", dice.hex(10)));
    lines.push(" </TASK>".to_owned());
    lines
}

fn memory_block(dice: &mut Dice, victim: &Victim) -> Vec<String> {
    if victim.kind == Kind::Host {
        let mut lines = vec!["Mem-Info:".to_owned()];
        lines.push(format!(
            "active_anon:{} inactive_anon:{} isolated_anon:0",
            dice.between(1000, 99_999),
            victim.limit_kib / 4
        ));
        lines.push(format!("Node 0 DMA32 free:{}kB boost:0kB min:23000kB low:36260kB", dice.between(9000, 40_000)));
        lines.extend(["0 pages in swap cache", "Free swap  = 0kB", "Total swap = 0kB"].map(str::to_owned));
        lines.push(format!("{} pages RAM", victim.limit_kib / 4 + 100_000));
        return lines;
    }
    let limit = victim.limit_kib;
    let mut lines = vec![
        format!("memory: usage {limit}kB, limit {limit}kB, failcnt {}", dice.between(100, 99_999)),
        "swap: usage 0kB, limit 9007199254740988kB, failcnt 0".to_owned(),
        format!("Memory cgroup stats for {}:", victim.cgroup),
    ];
    let names =
        ["anon", "file", "kernel", "kernel_stack", "pagetables", "sock", "shmem", "slab", "pgfault", "pgmajfault"];
    lines.extend(names.map(|name| format!("{name} {}", dice.between(0, limit * 1024))));
    lines
}

fn table(dice: &mut Dice, victim: &Victim) -> Vec<String> {
    let mut lines = vec![
        "Tasks state (memory values in pages):".to_owned(),
        "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name".to_owned(),
    ];
    let others = if victim.kind == Kind::Host { dice.between(80, 420) } else { dice.between(2, 30) };
    let place = dice.between(0, others - 1);
    for number in 0..others {
        let (pid, comm) = if number == place { (victim.pid, victim.comm) } else { (300 + number, *dice.one_of(NAMES)) };
        let anon = dice.between(50, 400_000);
        lines.push(format!(
            "[{pid:7}] {uid:5} {pid:5} {total:8} {anon:8} {anon:8} {zero:8} {zero:9} {tables:14} {zero:8} {zero:13} {comm}",
            uid = victim.uid,
            total = anon + 9000,
            zero = 0,
            tables = dice.between(40, 900) * 1024
        ));
    }
    lines
}
