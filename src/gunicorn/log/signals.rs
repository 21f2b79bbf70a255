//! Names of signals, as Python and systemd write them.

use super::text;

/// The numbers of Linux on all machines that Gunicorn is run on (signal(7); Alpha, MIPS and PA-RISC differ).
const SIGNALS: [(&[u8], i32); 37] = [
    (b"HUP", 1),
    (b"INT", 2),
    (b"QUIT", 3),
    (b"ILL", 4),
    (b"TRAP", 5),
    (b"ABRT", 6),
    (b"IOT", 6),
    (b"BUS", 7),
    (b"FPE", 8),
    (b"KILL", 9),
    (b"USR1", 10),
    (b"SEGV", 11),
    (b"USR2", 12),
    (b"PIPE", 13),
    (b"ALRM", 14),
    (b"TERM", 15),
    (b"STKFLT", 16),
    (b"CHLD", 17),
    (b"CLD", 17),
    (b"CONT", 18),
    (b"STOP", 19),
    (b"TSTP", 20),
    (b"TTIN", 21),
    (b"TTOU", 22),
    (b"URG", 23),
    (b"XCPU", 24),
    (b"XFSZ", 25),
    (b"VTALRM", 26),
    (b"PROF", 27),
    (b"WINCH", 28),
    (b"IO", 29),
    (b"POLL", 29),
    (b"PWR", 30),
    (b"SYS", 31),
    (b"RTMIN", 34),
    (b"RTMAX", 64),
    (b"UNUSED", 31),
];

/// The largest number of a signal.
const LAST: i32 = 64;

/// The number of `SIGKILL`, `KILL` or `RTMIN+3`.
pub(super) fn numbered(name: &[u8]) -> Option<i32> {
    let name = name.strip_prefix(b"SIG").unwrap_or(name);
    if let Some(further) = name.strip_prefix(b"RTMIN+") {
        let (further, rest) = text::number(further)?;
        return further.checked_add(34).filter(|signal| rest.is_empty() && *signal <= LAST);
    }
    SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// A number that is one of a signal.
pub(super) fn valid(number: i32) -> Option<i32> {
    (1..=LAST).contains(&number).then_some(number)
}
