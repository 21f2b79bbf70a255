//! What the kernel wrote of processes it killed: frames of each source → records → kills and other deaths (pure).
//!
//! ```text
//! bytes ──Reader──▶ Record ──Assembler──▶ Kill, Event ──settle (clock)──▶ with a time ──merge──▶ each once
//! ```
//!
//! [`Reader`] knows how each tool dresses a kernel message and takes the dress off; [`Assembler`] knows what the kernel
//! of each era says of a kill, and in which order.

mod advice;
mod assemble;
mod clock;
mod concern;
mod event;
mod frame;
mod kill;
mod lines;
mod merge;
mod record;

pub use advice::advice;
pub use assemble::{Assembler, Found, ToldEvent};
pub use clock::{BootClock, Clock, Moment, Uncertainty};
pub use concern::{Concern, Known};
pub use event::{
    BlockError, BufferError, DelayedAllocationFailed, Event, FaultCode, FileSystemError, HungTask, NEEDLES, Name,
    Object, OomPanic, OomdKill, PageAllocationFailure, Seccomp, Segfault, SynAnswer, SynFlooding, Trap,
    UnhandledException, event,
};
pub use frame::{Reader, stamp_of};
pub use kill::{Hit, HostMemory, Kill, LONGEST_COMM, LONGEST_LINE, Page, Part, Report, Scope, Task, Trigger};
pub use lines::memory::Usage;
pub use lines::victim::Sizes;
pub use merge::{Settled, merge};
pub use record::{BootId, Caller, Origin, Record, Stamp, Wall};

/// Takes the records of a source, in order.
pub trait Sink {
    /// The next record.
    fn record(&mut self, record: &Record<'_>);
    /// Records are missing here: they were not read, because nothing in them was asked for, or they were lost.
    fn gap(&mut self);
}
