//! `gtune triage`: what can be asked for.

use super::values::{process_id, unit_name};
use super::when::{When, when};
use crate::units::Pid;
use clap::Args;
use std::path::PathBuf;

/// Options of `gtune triage`.
#[derive(Debug, Args)]
pub struct Triage {
    /// Tell of this unit's deaths only; of named logs, that they are this unit's; may be given again
    #[arg(long, value_name = "UNIT", value_parser = unit_name)]
    pub unit: Vec<String>,
    /// Tell of this worker's death only, or of a master and its workers
    #[arg(long, value_name = "PID", value_parser = process_id)]
    pub pid: Option<Pid>,
    /// Gunicorn's error logs or journals to read in place of this host's logs; - is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = clap::ValueHint::FilePath)]
    pub error_log: Vec<PathBuf>,
    /// The kernel's logs to read in place of this host's logs; - is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = clap::ValueHint::FilePath)]
    pub kernel_log: Vec<PathBuf>,
    /// Leave out what was before: 2h, 7d, 2026-11-20, 2026-11-20T18:46:00Z [default: 24h; for named logs their begin]
    #[arg(long, value_name = "TIME", value_parser = when, allow_hyphen_values = true)]
    pub since: Option<When>,
    /// Leave out what came after
    #[arg(long, value_name = "TIME", value_parser = when, allow_hyphen_values = true)]
    pub until: Option<When>,
}

impl Triage {
    /// Whether logs were named: then these alone are read, and nothing of this host is used.
    pub fn names_logs(&self) -> bool {
        !self.error_log.is_empty() || !self.kernel_log.is_empty()
    }
}

/// What it does, for `--help`.
pub(super) const ABOUT: &str = "\
Tell what ended each worker that died: how sure that is, on which lines it rests, and what to do.

Read are the error logs and journals of the Gunicorns of this host, of those that are down too; the kernel's buffer, \
journal and log files; what systemd and the user-space killers wrote; and what runs now. Error logs of every version \
since 19 are understood, also those of versions that say nothing of a death: a worker that is replaced without a reason \
has died.

Logs that are named are the only ones read, the whole of them unless --since or --until is given, and nothing of this \
host is used: a bundle from another machine is judged as it is. They may be plain or compressed, rotated ones of one log \
are put in order, and journals are taken in any format; what a journal or syslog holds of the kernel is used too.

Deaths of one cause are one paragraph; -v and --format json have each of them. A worker that ended as it was asked to, \
by max_requests, a reload, TTOU or a stop, is only counted. What could not be read is said.";

pub(super) const EXAMPLES: &str = "\
Examples:
  gtune triage                            Who killed my workers since yesterday?
  gtune triage --unit web --since 7d -v   Each death of one service, with its lines
  gtune triage --pid 815                  What became of this worker?
  gtune triage --error-log error.log* --kernel-log kern.log.1.gz
                                          In logs from another machine
  journalctl -u web -o export | gtune triage --error-log - --format json";
