//! A system call that a filter did not let pass.

use super::cursor::Cursor;
use super::{Event, Name};
use serde::Serialize;

/// `audit: type=1326 audit(TIME:N): … uid=U … pid=P comm="COMM" exe="EXE" sig=S arch=A syscall=N … code=C`: `audit_seccomp`
/// in `kernel/auditsc.c`, 3.5 on; without `audit: ` up to 3.16. Not in the kernel's log while auditd(8) runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seccomp {
    /// The thread's number on the host.
    pub tid: u32,
    /// Name of the thread.
    pub comm: Name,
    /// The program, since 3.12.
    pub exe: Option<Name>,
    /// Who it ran as.
    pub uid: Option<u32>,
    /// The signal that follows: 31 (SIGSYS) kills the thread or the process, 0 is a call that was only logged.
    pub signal: u32,
    /// The system call, by its number on that machine.
    pub syscall: Option<u32>,
}

pub(super) fn seccomp(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    rest.passes(b"audit: ");
    rest.pass(b"type=1326 audit(")?;
    // Names are quoted, or in hexadecimal where they hold a space: from here on every space ends a field. Before it a
    // security label stands as it is.
    let before = rest.until_last(b" pid=")?;
    let tid = rest.small()?;
    rest.pass(b" comm=")?;
    let mut fields = rest.0.split(|byte| *byte == b' ');
    let comm = untrusted(fields.next()?);
    let (mut exe, mut signal, mut syscall) = (None, None, None);
    for field in fields {
        let mut field = Cursor(field);
        match field.until(b"=") {
            Some(b"exe") => exe = Some(untrusted(field.0)),
            Some(b"sig") => signal = field.small(),
            Some(b"syscall") => syscall = field.small(),
            _ => {}
        }
    }
    Some(Event::Seccomp(Seccomp { tid, comm, exe, uid: uid(before), signal: signal?, syscall }))
}

fn uid(before: &[u8]) -> Option<u32> {
    let mut rest = Cursor(before);
    rest.until(b" uid=")?;
    rest.small()
}

/// A text as `audit_log_untrustedstring` writes it: in quotes, or in hexadecimal where it holds a quote, a space or a
/// byte that cannot be printed.
fn untrusted(field: &[u8]) -> Name {
    if let Some(quoted) = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")) {
        return Name::from(quoted);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = field.chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().map_or_else(|| Name::from(field), Name)
}
