//! One worker that ended, with all that is known of it; and what a rule makes of that.

use super::kills::Match;
use super::life::Life;
use super::running::Running;
use super::signal;
use super::witnesses::Witnesses;
use super::{coverage::Coverage, evidence};
use crate::gunicorn::Version;
use crate::gunicorn::log::{Ending, Told};
use crate::triage::{Confidence, Context, Ended, Evidence, How, Material, Verdict};
use crate::units::Pid;
use jiff::Timestamp;

/// The first version that tells with what status a worker exits.
pub const TELLS_STATUS: Version = Version::new(21, 0, 0);

/// What a rule came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What ended it.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// One clause.
    pub summary: String,
    /// Lines beside those of the end itself.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub advice: Vec<String>,
    /// The process as the host numbers it, where a witness names it.
    pub named: Option<Pid>,
}

impl Finding {
    /// A finding that rests on the lines of the end alone.
    pub fn new(verdict: Verdict, confidence: Confidence, summary: impl Into<String>) -> Self {
        Self { verdict, confidence, summary: summary.into(), evidence: vec![], advice: vec![], named: None }
    }

    /// The same, resting on these lines too.
    pub fn on(mut self, lines: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(lines);
        self
    }

    /// The same of a process that a witness names.
    pub fn naming(mut self, pid: Option<Pid>) -> Self {
        self.named = pid;
        self
    }

    /// The same, with what to do.
    pub fn advising<S: Into<String>>(mut self, advice: impl IntoIterator<Item = S>) -> Self {
        self.advice.extend(advice.into_iter().map(Into::into));
        self
    }
}

/// A worker that ended.
pub struct Case<'a> {
    /// Everything.
    pub material: &'a Material,
    /// What others say.
    pub witnesses: &'a Witnesses<'a>,
    /// What the kernel's logs cover.
    pub coverage: &'a Coverage,
    /// It, by Gunicorn's log.
    pub ended: &'a Ended,
    /// It, as a process of the host.
    pub life: Life<'a>,
    /// The kernel's kill of it.
    pub kill: Option<Match<'a>>,
    /// Workers of the same master that SIGKILL ended and that had not timed out, itself included.
    pub sigkilled_siblings: u64,
}

impl<'a> Case<'a> {
    /// When it ended.
    pub fn time(&self) -> Option<Timestamp> {
        self.ended.time
    }

    /// What else its log tells.
    pub fn context(&self) -> &'a Context {
        &self.ended.context
    }

    /// Its unit.
    pub fn unit(&self) -> Option<&'a str> {
        self.life.unit
    }

    /// The service in its place.
    pub fn running(&self) -> Option<Running<'a>> {
        self.life.running
    }

    /// The version of Gunicorn: by the log, else by what the same master shows.
    pub fn version(&self) -> Option<Version> {
        let shown = || self.running().filter(|running| running.is_same_master)?.service.known_version();
        self.ended.version.or_else(shown)
    }

    /// Whether its Gunicorn is surely older than this.
    pub fn is_before(&self, version: Version) -> bool {
        self.version().is_some_and(|own| own < version)
    }

    /// Whether its master would not have told an exit status: up to 20.1 none is.
    pub fn hides_status(&self) -> bool {
        self.version().is_none_or(|version| version < TELLS_STATUS)
    }

    /// The signal that its master says ended it.
    pub fn signal(&self) -> Option<i32> {
        match self.ended.how {
            How::Told(ending) => signal::of(ending),
            How::Exited | How::Silent => None,
        }
    }

    /// The exit status that its master tells.
    pub fn status(&self) -> Option<i32> {
        match self.ended.how {
            How::Told(Ending::Exit(status)) => Some(status),
            _ => None,
        }
    }

    /// Whether its master says that SIGKILL ended it.
    pub fn is_sigkill(&self) -> bool {
        self.signal() == Some(signal::KILL)
    }

    /// Its numbers in the host's pid namespace.
    pub fn host_pids(&self) -> Vec<Pid> {
        self.life.numbers().iter().map(|number| number.on_host).collect()
    }

    /// A line of its log as evidence.
    pub fn told(&self, told: &Told) -> Evidence {
        evidence::told(&self.material.sources, told)
    }
}
