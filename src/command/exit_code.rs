//! The exit codes, the same for all commands.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// Healthy, or done; also when nothing had to be done.
    Healthy = 0,
    /// Something needs attention.
    Attention = 1,
    /// The question could not be understood.
    Usage = 2,
    /// Something selected is unknown, and nothing is worse than that.
    CouldNotLook = 3,
    /// Refused or failed, and the host is as it was. Also where the answer could not be written, for example to a
    /// full disk: code 4 says nothing of the host, so a script cannot take a lost report for a verdict.
    CouldNotChange = 4,
    /// The host is left partly changed.
    PartlyChanged = 5,
}

impl ExitCode {
    /// All of them, by number.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Attention, Self::Usage, Self::CouldNotLook, Self::CouldNotChange, Self::PartlyChanged];

    /// The number the process ends with.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What it means, in a line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Healthy => "healthy, or done",
            Self::Attention => "something needs attention: a finding at or above --fail-on",
            Self::Usage => "usage error, bad input, or a named input that cannot be read",
            Self::CouldNotLook => "could not look: something selected is unknown, and nothing is worse",
            Self::CouldNotChange => "could not change, the host is as it was; or the answer could not be written",
            Self::PartlyChanged => "the host is left partly changed",
        }
    }

    /// What it means for a verb; none where the verb never ends with it.
    pub fn meaning_for(self, verb: &str) -> Option<&'static str> {
        match (verb, self) {
            ("apply", Self::Healthy) => Some("done, or nothing had to be done"),
            ("apply", Self::Attention) => Some("done, but for something that doctor recommends and apply must refuse"),
            ("apply", Self::CouldNotChange) => Some("refused or failed, and the host is as it was"),
            ("apply", Self::PartlyChanged) => Some("the host is left partly changed; the last line says what to run"),
            ("rollback", Self::Healthy) => Some("taken back, or nothing had to be done"),
            ("rollback", Self::CouldNotChange) => Some("refused, and nothing was taken back"),
            ("rollback", Self::PartlyChanged) => {
                Some("something is still to be taken back; the last line says what to run")
            }
            ("history", Self::Healthy) => Some("listed"),
            ("history", Self::CouldNotLook) => Some("a journal cannot be read"),
            ("oom", Self::Healthy) => Some("no kill to show"),
            ("oom", Self::Attention) => Some("a kill is shown, or the log has lost some"),
            ("oom", Self::CouldNotLook) => Some("no kill to show, but a log may not be read, or a file is none"),
            ("oom", Self::Usage) => Some("usage error, or a named file that cannot be read"),
            ("oom", _) => None,
            ("triage", Self::Healthy) => Some("no worker died, but as it was asked to"),
            ("triage", Self::Attention) => Some("a worker or a master died"),
            ("triage", Self::CouldNotLook) => {
                Some("no death is told, but a log of a Gunicorn could not be found or read")
            }
            ("triage", Self::Usage) => Some("usage error, or a named log that cannot be read"),
            ("triage", _) => None,
            ("apply" | "rollback" | "history", Self::Usage) => Some(self.meaning()),
            ("apply" | "rollback" | "history", _) => None,
            _ => Some(self.meaning()),
        }
    }

    /// The code of two results together: the one an operator must hear of first.
    pub fn merge(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// Not the order of the numbers: an unknown (3) is less than a finding (1), and any of them less than a question
    /// that could not be understood (2), whose answer would be to another question.
    fn rank(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::CouldNotLook => 1,
            Self::Attention => 2,
            Self::Usage => 3,
            Self::CouldNotChange => 4,
            Self::PartlyChanged => 5,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_documented_ones() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_finding_is_worse_than_an_unknown_and_an_unknown_is_worse_than_health() {
        assert_eq!(ExitCode::CouldNotLook.merge(ExitCode::Attention), ExitCode::Attention);
        assert_eq!(ExitCode::Healthy.merge(ExitCode::CouldNotLook), ExitCode::CouldNotLook);
    }

    #[test]
    fn a_host_left_partly_changed_is_never_hidden() {
        for code in ExitCode::ALL {
            assert_eq!(code.merge(ExitCode::PartlyChanged), ExitCode::PartlyChanged);
        }
    }

    #[test]
    fn merging_does_not_depend_on_order_and_healthy_changes_nothing() {
        for a in ExitCode::ALL {
            assert_eq!(a.merge(ExitCode::Healthy), a);
            assert_eq!(a.merge(a), a);
            for b in ExitCode::ALL {
                assert_eq!(a.merge(b), b.merge(a));
            }
        }
    }
}
