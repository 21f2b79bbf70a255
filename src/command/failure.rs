//! Why a command could not answer.

use super::ExitCode;
use crate::plan::Trouble;
use thiserror::Error;

/// A question that could not be answered: `cannot <verb> <thing>: <reason>`, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {what}")]
pub struct Failure {
    what: String,
    hint: Option<String>,
    code: ExitCode,
}

impl Failure {
    /// `what` follows the word "cannot": `find unit api.service: no Gunicorn runs in it`.
    pub fn new(code: ExitCode, what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, code }
    }

    /// What kept a change from being made.
    pub fn of(code: ExitCode, trouble: Trouble) -> Self {
        Self { what: format!("{}: {}", trouble.what, trouble.reason), hint: trouble.hint, code }
    }

    /// The same with what to do about it, in a line.
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What the process ends with.
    pub fn code(&self) -> ExitCode {
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_one_sentence() {
        let failure = Failure::new(ExitCode::Usage, "find unit a.service: no Gunicorn runs in it").with_hint("try b");
        assert_eq!(failure.to_string(), "cannot find unit a.service: no Gunicorn runs in it");
        assert_eq!(failure.hint(), Some("try b"));
    }
}
