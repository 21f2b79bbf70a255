//! A report that is being written: what its lines have said so far.

use crate::kernel_log::lines::memory::{self, Bound, HostPages, HostSwap};
use crate::kernel_log::lines::summary::{self, LONGEST_SUMMARY, SUMMARY, Summary};
use crate::kernel_log::lines::tasks::{self, Columns, Row};
use crate::kernel_log::lines::trigger::{self, Context, Invoked};
use crate::kernel_log::lines::victim::{Chosen, chosen};
use crate::kernel_log::{BootId, Caller, Record, Report, Scope, Stamp, Task, Trigger};
use crate::units::Pid;
use memchr::memmem;
use std::sync::Arc;

/// Rows that are kept of one table. The default of `pid_max` on a large host is 4 Mi, but a host that runs more processes
/// than this has other troubles, and the largest tables seen had some 4,000 rows.
const MOST_TASKS: usize = 32_768;

/// Figures of a control group that are kept; Linux 6.18 prints 58.
const MOST_STATS: usize = 128;

/// A report is printed at once; what comes later than this belongs to another one. A console at 9600 baud holds up the
/// kernel for half a minute with a table of some hundred processes.
pub const FRESH_MICROS: u64 = 60_000_000;

/// The same in records, for logs without a clock: the largest tables have some thousand rows, and each of them counts
/// as a sign of life.
pub const FRESH_RECORDS: u64 = 1_024;

/// The members of a control group are killed in one go, milliseconds after each other; a slow console (9600 baud) holds
/// each line up a fifth of a second, and whole reports for seconds.
pub const GROUP_MICROS: u64 = 10_000_000;

/// Which block of lines a report is in: some lines are known by the block alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Stats,
    HostMemory,
}

/// The process that was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// None yet.
    None,
    /// By the summary of Linux 5.0 and later: this very one is killed.
    BySummary(Pid),
    /// By the line of older kernels: this one or a child of it is killed.
    ByLine(Pid),
}

/// A report, not yet closed.
#[derive(Debug)]
pub struct Open {
    /// Whose log: reports of several hosts may be in one file.
    pub host: Vec<u8>,
    /// Which boot.
    pub boot: Option<BootId>,
    /// Which task printed it, where that is told.
    pub caller: Option<Caller>,
    /// What was said.
    pub report: Arc<Report>,
    /// Who is to be killed.
    pub pick: Pick,
    /// The control group of that one.
    pub task_memcg: Option<Vec<u8>>,
    /// Its user.
    pub uid: Option<u32>,
    /// How many kills were told.
    pub killed: u32,
    /// The control group that is killed as a whole.
    pub group: Option<Vec<u8>>,
    /// Whether the kernel said that nobody is killed.
    pub(super) is_closed: bool,
    /// The record that was its last line, by number.
    pub(super) touched: u64,
    pub(super) names_host: bool,
    pub(super) scope: Scope,
    pub(super) last: Stamp,
    pub(super) columns: Option<Columns>,
    block: Block,
    torn: Option<Vec<u8>>,
    /// The control group whose memory was told.
    pub(super) measured: Option<Vec<u8>>,
    /// Whether the figures of two groups were told.
    is_confused: bool,
}

impl Open {
    /// A report that begins with this record.
    pub fn at(record: &Record<'_>, count: u64) -> Self {
        Self {
            host: record.host.to_vec(),
            boot: record.boot,
            caller: record.caller,
            report: Arc::default(),
            pick: Pick::None,
            task_memcg: None,
            uid: None,
            killed: 0,
            group: None,
            is_closed: false,
            touched: count,
            names_host: false,
            scope: Scope::Unknown,
            last: record.stamp,
            columns: None,
            block: Block::None,
            torn: None,
            measured: None,
            is_confused: false,
        }
    }

    /// Opens it with its first line.
    pub fn invoked(&mut self, invoked: &Invoked<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let trigger = Trigger {
            comm: invoked.comm.to_vec(),
            thread: None,
            gfp_mask: invoked.gfp_mask.map(text),
            order: invoked.order,
            oom_score_adj: invoked.oom_score_adj,
        };
        if invoked.order == Some(-1) {
            self.scope = Scope::Manual;
        }
        self.edit().trigger = Some(trigger);
    }

    fn edit(&mut self) -> &mut Report {
        Arc::make_mut(&mut self.report)
    }

    /// Takes a line that only a report has, and could begin one whose first lines are lost.
    pub fn takes_own_line(&mut self, message: &[u8]) -> bool {
        self.takes_owner(message) || self.takes_usage(message) || self.takes_header(message) || self.takes_pick(message)
    }

    /// Takes a line that means something only within a report.
    pub fn takes_inner_line(&mut self, message: &[u8]) -> bool {
        self.takes_end(message)
            || self.takes_piece(message)
            || self.takes_row(message)
            || self.takes_context(message)
            || self.takes_block(message)
    }

    /// Remembers when the last line came.
    pub fn touch(&mut self, record: &Record<'_>, count: u64) {
        (self.last, self.touched) = (record.stamp, count);
    }

    /// The kernel found nobody to kill, or thought better of it: the next kill is of another report.
    fn takes_end(&mut self, message: &[u8]) -> bool {
        let ends: [&[u8]; 3] =
            [b"no killable process", b"OOM request ignored", b"is already exiting. Skip killing the task"];
        self.is_closed |= ends.iter().any(|end| memmem::find(message, end).is_some());
        self.is_closed
    }

    fn takes_owner(&mut self, message: &[u8]) -> bool {
        let Some((task, limit)) = summary::legacy_owner(message) else { return false };
        self.task_memcg = Some(task.to_vec());
        self.edit().oom_memcg = Some(limit.to_vec());
        true
    }

    fn takes_usage(&mut self, message: &[u8]) -> bool {
        let Some((bound, usage)) = memory::usage(message) else { return false };
        if bound == Bound::Memory && (self.report.memory.is_some() || self.is_confused) {
            // A report says it once: two are written at the same time, and whose figures follow cannot be told.
            self.is_confused = true;
        }
        if self.is_confused {
            self.forget_figures();
            return true;
        }
        match bound {
            Bound::Memory => self.edit().memory = Some(usage),
            Bound::MemoryAndSwap => self.edit().memory_and_swap = Some(usage),
            Bound::Swap => self.edit().swap = Some(usage),
            Bound::Kernel => {}
        }
        true
    }

    /// Headers of the blocks.
    fn takes_header(&mut self, message: &[u8]) -> bool {
        if let Some(columns) = tasks::columns(message) {
            (self.columns, self.block) = (Some(columns), Block::None);
            return true;
        }
        if message == b"Mem-Info:" {
            (self.block, self.names_host) = (Block::HostMemory, true);
            return true;
        }
        let Some((path, figures)) = memory::stats_header(message) else { return false };
        if self.report.stats.is_empty() {
            // Old kernels go on with the groups below; the first one is that of the limit.
            self.block = Block::Stats;
            memory::old_stats(figures).for_each(|(name, value)| self.stat(name, value));
            self.measured = Some(path.to_vec());
        }
        true
    }

    fn takes_pick(&mut self, message: &[u8]) -> bool {
        if let Some(Chosen { pid, scope }) = chosen(message) {
            self.pick = Pick::ByLine(pid);
            self.learn(scope);
            return true;
        }
        if !message.starts_with(SUMMARY) {
            return false;
        }
        match summary::summary(message) {
            Some(summary) => self.summed_up(&summary),
            None => self.torn = Some(message.to_vec()),
        }
        true
    }

    /// Takes a piece of a summary that was torn.
    fn takes_piece(&mut self, message: &[u8]) -> bool {
        let Some(torn) = self.torn.as_mut().filter(|torn| summary::goes_on(torn, message)) else { return false };
        torn.extend_from_slice(message);
        let whole = std::mem::take(torn);
        match summary::summary(&whole) {
            Some(summary) => {
                self.summed_up(&summary);
                self.torn = None;
            }
            None => self.torn = (whole.len() < LONGEST_SUMMARY).then_some(whole),
        }
        true
    }

    fn summed_up(&mut self, summary: &Summary<'_>) {
        self.pick = Pick::BySummary(summary.pid);
        self.uid = summary.uid;
        self.task_memcg = summary.task_memcg.map(<[u8]>::to_vec);
        let oom_memcg = summary.oom_memcg.map(<[u8]>::to_vec);
        if self.measured.is_some() && self.measured != oom_memcg {
            // The figures are of another group.
            self.forget_figures();
        }
        self.edit().oom_memcg = oom_memcg;
        self.learn(summary.scope);
    }

    fn forget_figures(&mut self) {
        let report = self.edit();
        (report.memory, report.memory_and_swap, report.swap) = (None, None, None);
        report.stats.clear();
        self.block = Block::None;
    }

    fn learn(&mut self, scope: Scope) {
        if self.scope == Scope::Unknown {
            self.scope = scope;
        }
    }

    fn takes_row(&mut self, message: &[u8]) -> bool {
        let Some(row) = self.columns.as_ref().and_then(|columns| columns.row(message)) else { return false };
        let Some(task) = task(&row) else { return false };
        let report = self.edit();
        if report.tasks.len() < MOST_TASKS {
            report.tasks.push(task)
        } else {
            report.tasks_left_out += 1
        }
        true
    }

    fn takes_context(&mut self, message: &[u8]) -> bool {
        let Some(context) = trigger::context(message) else { return false };
        let is_ours = |trigger: &Trigger| trigger.thread.is_none() && is_name_of(&trigger.comm, &context);
        if !self.report.trigger.as_ref().is_some_and(is_ours) {
            return false;
        }
        let kernel = context.kernel.map(|release| String::from_utf8_lossy(release).into_owned());
        let report = self.edit();
        report.kernel = kernel;
        if let Some(trigger) = &mut report.trigger {
            trigger.thread = Some(context.thread);
            if trigger.comm.is_empty() {
                trigger.comm = context.comm.to_vec();
            }
        }
        true
    }

    /// Lines of the block the report is in; one message may hold several of them.
    fn takes_block(&mut self, message: &[u8]) -> bool {
        let lines = message.split(|byte| *byte == b'\n');
        let mut taken = false;
        for line in lines {
            taken |= match self.block {
                Block::Stats => memory::stat(line).map(|(name, value)| self.stat(name, value)).is_some(),
                Block::HostMemory => self.takes_host_memory(line),
                Block::None => false,
            };
        }
        taken
    }

    fn stat(&mut self, name: &[u8], value: u64) {
        let report = self.edit();
        if report.stats.len() < MOST_STATS {
            report.stats.entry(String::from_utf8_lossy(name).into_owned()).or_insert(value);
        }
    }

    fn takes_host_memory(&mut self, line: &[u8]) -> bool {
        let shmem = memory::host_shmem_pages(line);
        let (pages, swap) = (memory::host_pages(line), memory::host_swap(line));
        let host = &mut self.edit().host;
        match pages {
            Some(HostPages::Ram(pages)) => host.ram_pages = Some(pages),
            Some(HostPages::Reserved(pages)) => host.reserved_pages = Some(pages),
            None => {}
        }
        match swap {
            Some(HostSwap::Total(bytes)) => host.swap_total = Some(bytes),
            Some(HostSwap::Free(bytes)) => host.swap_free = Some(bytes),
            None => {}
        }
        host.shmem_pages = host.shmem_pages.or(shmem);
        pages.is_some() || swap.is_some() || shmem.is_some()
    }

    /// The trigger's name, where it was torn.
    pub fn rename_trigger(&mut self, name: Vec<u8>) {
        if let Some(trigger) = &mut self.edit().trigger {
            trigger.comm = name;
        }
    }

    /// Its whole control group is going to be killed.
    pub fn group_is_killed(&mut self, path: &[u8]) {
        self.group = Some(path.to_vec());
    }
}

/// Whether the context's name is that of the trigger. Where a name holds a newline, some frames cut it there.
fn is_name_of(comm: &[u8], context: &Context<'_>) -> bool {
    comm.is_empty() || comm == context.comm || (!context.comm.is_empty() && comm.starts_with(context.comm))
}

fn task(row: &Row<'_>) -> Option<Task> {
    Some(Task {
        pid: row.pid?,
        tgid: row.tgid,
        uid: row.uid,
        comm: row.comm.into(),
        total_vm_pages: row.total_vm_pages,
        rss_pages: row.rss_pages,
        oom_score_adj: row.oom_score_adj,
    })
}
