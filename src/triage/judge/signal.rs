//! Signals by name (signal(7); numbers of x86, ARM and most others).

use crate::gunicorn::log::Ending;

/// `SIGKILL`.
pub const KILL: i32 = 9;
/// `SIGTERM`.
pub const TERM: i32 = 15;
/// `SIGABRT`.
pub const ABRT: i32 = 6;

const NAMES: [&str; 32] = [
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "IO", "PWR", "SYS",
];

/// The signal that ended it, where one did.
pub fn of(ending: Ending) -> Option<i32> {
    match ending {
        Ending::Signal { signal, .. } => Some(signal),
        Ending::Exit(_) => None,
    }
}

/// `SIGSEGV`; `signal 34` for one without a name.
pub fn name(signal: i32) -> String {
    match usize::try_from(signal).ok().and_then(|number| NAMES.get(number)).filter(|name| !name.is_empty()) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// Where a fatal signal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The program itself, by what it did: a fault, or abort(3).
    Fault,
    /// Somebody sent it.
    Sent,
    /// A limit of the process (setrlimit(2)).
    Limit,
}

/// Where it most likely comes from.
pub fn source(signal: i32) -> Source {
    match signal {
        4 | 5 | 6 | 7 | 8 | 11 | 31 => Source::Fault,
        24 | 25 => Source::Limit,
        _ => Source::Sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_its_name() {
        assert_eq!(
            (name(11), name(KILL), name(TERM), name(ABRT)),
            ("SIGSEGV".into(), "SIGKILL".into(), "SIGTERM".into(), "SIGABRT".into())
        );
        assert_eq!(
            (name(31), name(0), name(64), name(-1)),
            ("SIGSYS".into(), "signal 0".into(), "signal 64".into(), "signal -1".into())
        );
    }

    #[test]
    fn a_fault_is_the_programs_own_and_a_hangup_is_not() {
        assert_eq!((source(11), source(1), source(25)), (Source::Fault, Source::Sent, Source::Limit));
    }
}
