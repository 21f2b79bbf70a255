//! Tasks that could not go on, and tasks that could not begin.

use super::cursor::Cursor;
use super::{Event, Name};
use memchr::memmem;
use serde::Serialize;

/// `INFO: task COMM:TID blocked for more than N seconds.`: `kernel/hung_task.c`; `blocked in I/O wait for more than` on the
/// newest. Only 10 are printed after boot (`kernel.hung_task_warnings`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HungTask {
    /// Name of the thread.
    pub comm: Name,
    /// The thread's number on the host.
    pub tid: u32,
    /// How long at least it has not run.
    pub seconds: u64,
    /// Whether the kernel says that it waits for a disk. Older kernels never say so.
    pub is_in_io_wait: bool,
}

pub(super) fn hung_task(message: &[u8]) -> Option<Event> {
    let message = message.strip_prefix(b"INFO: task ")?;
    // The name may hold all of it but the last: nothing free stands behind.
    let at = memmem::rfind(message, b" blocked ")?;
    let (task, rest) = message.split_at_checked(at)?;
    let colon = memchr::memrchr(b':', task)?;
    let (comm, number) = task.split_at_checked(colon)?;
    let mut number = Cursor(number.strip_prefix(b":")?);
    let tid = number.small().filter(|_| number.0.is_empty())?;
    let mut rest = Cursor(rest);
    rest.pass(b" blocked ")?;
    let is_in_io_wait = rest.passes(b"in I/O wait ");
    rest.pass(b"for more than ")?;
    let seconds = rest.decimal()?;
    rest.pass(b" seconds")?;
    Some(Event::HungTask(HungTask { comm: Name::from(comm), tid, seconds, is_in_io_wait }))
}

pub(super) fn pids_limit(message: &[u8]) -> Option<Event> {
    let path = message.strip_prefix(b"cgroup: fork rejected by pids controller in")?;
    Some(Event::PidsLimit { cgroup: Name::from(path.strip_prefix(b" ").unwrap_or(path)) })
}
