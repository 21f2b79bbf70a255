//! Masters that ended.

use super::case::Finding;
use super::descriptors::{self, errno};
use super::kills::Match;
use super::life::Life;
use super::storage::Directory;
use super::witnesses::Witnesses;
use super::{boot, evidence, lost};
use crate::gunicorn::log::{StopReason, Traceback};
use crate::triage::{Confidence, Evidence, MasterEnd, MasterHow, Material, Verdict};

/// A master that ended, with all that is known of it.
pub struct MasterCase<'a> {
    /// Everything.
    pub material: &'a Material,
    /// What others say.
    pub witnesses: &'a Witnesses<'a>,
    /// It, by Gunicorn's log.
    pub end: &'a MasterEnd,
    /// It, as a process of the host.
    pub life: Life<'a>,
    /// The kernel's kill of it.
    pub kill: Option<Match<'a>>,
    /// Whether a worker's death already tells why it gave up.
    pub is_explained: bool,
}

impl MasterCase<'_> {
    /// What ended it; none where it did not end, or as it was asked to.
    pub fn judge(&self) -> Option<Finding> {
        match &self.end.how {
            MasterHow::Lost | MasterHow::Open => lost::judge(self),
            MasterHow::Crashed(traceback) => Some(self.crashed(traceback)),
            MasterHow::GaveUp(why) => self.gave_up(*why),
            MasterHow::CannotBind => Some(cannot_bind()),
        }
    }

    /// The lines of its end.
    pub fn lines(&self) -> impl Iterator<Item = Evidence> {
        self.end.told.iter().map(|told| evidence::told(&self.material.sources, told))
    }

    fn crashed(&self, raised: &Traceback) -> Finding {
        if let Some(want) = errno(raised) {
            let at = raised.path.as_deref().map_or_else(String::new, |path| format!(", at {path}"));
            let finding = Finding::new(
                Verdict::FdExhaustion,
                Confidence::Certain,
                format!("the master had no descriptor left (open files){at}, and the server ended"),
            );
            return finding.advising(descriptors::advice(self.life.unit, Some(want)));
        }
        if let Some(directory) = Directory::of(raised) {
            let when = if self.end.reloading { " during a reload" } else { "" };
            let summary = format!("the server ended{when}: {}", directory.what);
            return Finding::new(Verdict::HeartbeatStorage, Confidence::Certain, summary).advising(directory.advice);
        }
        let summary = format!("the master ended of an exception{}", boot::named(raised));
        // A log that is cut before the name of the exception, or within it, may hide any cause.
        let confidence = match (&raised.exception, raised.errno, &raised.path) {
            (None, ..) => Confidence::Possible,
            (Some(_), Some(_), None) => Confidence::Likely,
            _ => Confidence::Certain,
        };
        Finding::new(Verdict::Exit, confidence, summary)
            .advising(["the traceback is in the log; where it is of Gunicorn itself, try a newer release"])
    }

    /// The deaths of its workers tell why; where none is told, it speaks for itself.
    fn gave_up(&self, why: StopReason) -> Option<Finding> {
        let is_load = why == StopReason::AppFailedToLoad;
        let summary = format!("the server ended: a worker {}", boot::clause(is_load, None));
        let finding = Finding::new(Verdict::BootFailure, Confidence::Certain, summary).advising(boot::advice(None));
        (!self.is_explained).then_some(finding)
    }
}

fn cannot_bind() -> Finding {
    let summary = "the server did not start: another process has its address";
    Finding::new(Verdict::Exit, Confidence::Certain, summary).advising([
        "ss -ltnp   # who listens there; ss -lxp for a unix socket",
        "workers of a master that was killed keep the address until they leave: pgrep -af gunicorn",
    ])
}
