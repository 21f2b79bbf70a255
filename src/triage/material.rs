//! All that was found, before it is judged.

use super::{Ended, MasterEnd, Normal};
use crate::facts::{Facts, Reason};
use crate::gunicorn::log::Told;
use crate::kernel_log::{Event, Moment, Settled};
use jiff::Timestamp;

/// A source that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// As the operator knows it.
    pub name: String,
    /// The unit whose log it is, where it was found through one.
    pub unit: Option<String>,
    /// When its first line was written.
    pub begins: Option<Timestamp>,
    /// When its last line was written.
    pub ends: Option<Timestamp>,
    /// Why lines are missing, where they are known to be.
    pub lost: Option<Reason>,
    /// Whether service managers write there too: a journal, a syslog.
    pub has_managers: bool,
    /// Of a log of the kernel: whether the kernel says nothing in it, so that its silence proves nothing.
    pub is_silent: bool,
}

/// Another line of the kernel with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelEvent {
    /// What happened.
    pub event: Event,
    /// When.
    pub moment: Option<Moment>,
    /// Index in [`Material::kernel_sources`].
    pub source: usize,
    /// Where its line is in the source, in bytes.
    pub offset: u64,
    /// The line, at most [`LONGEST_LINE`](crate::kernel_log::LONGEST_LINE) bytes.
    pub text: Box<[u8]>,
}

/// All that was found.
#[derive(Debug, Clone, Default)]
pub struct Material {
    /// Logs of Gunicorn and journals.
    pub sources: Vec<Source>,
    /// Workers that ended, over all logs.
    pub ended: Vec<Ended>,
    /// Masters that ended, or whose end is not told.
    pub masters: Vec<MasterEnd>,
    /// Ends that were asked for.
    pub normal: Normal,
    /// What managers and user-space killers wrote, with the index of the source.
    pub manager: Vec<(usize, Told)>,
    /// Errors in logs without a master: what a service writes to its standard error, where its log is another file.
    pub loose: Vec<Told>,
    /// Logs of the kernel.
    pub kernel_sources: Vec<Source>,
    /// Every OOM kill, merged over the sources; [`Settled::source`] is an index in `kernel_sources`.
    pub kills: Vec<Settled>,
    /// Its other lines.
    pub events: Vec<KernelEvent>,
    /// What runs now; none where logs were named, which may be of another host.
    pub facts: Option<Facts>,
    /// What could not be read.
    pub unread: Vec<Reason>,
    /// Nothing earlier was asked for.
    pub since: Option<Timestamp>,
    /// Nothing later was asked for.
    pub until: Option<Timestamp>,
}
