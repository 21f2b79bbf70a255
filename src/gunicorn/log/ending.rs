//! How a master words the end of a worker, in each version.

use super::prefix::{Level, Prefixed};
use super::signals;
use super::text;
use super::told::{Ending, Event};

/// Behind 128 the wait status of 21.0 to 23.0 holds the signal of a process that left a core.
const CORE: i32 = 128;

/// `Worker (pid:815) was sent SIGKILL! Perhaps out of memory?`, `Worker (pid:815) exited with code 3`, `Worker with pid 815
/// was terminated due to signal 9`. No process says so of itself.
pub(super) fn ended(line: &Prefixed<'_>) -> Option<Event> {
    if !line.is_of(&[Level::Info, Level::Warning, Level::Error]) {
        return None;
    }
    let said = line.said();
    let (pid, ending) = match said.strip_prefix(b"Worker (pid:") {
        Some(rest) => {
            let (pid, rest) = text::pid(rest)?;
            (pid, of_newer(rest.strip_prefix(b") ")?)?)
        }
        None => {
            let (pid, rest) = text::pid(said.strip_prefix(b"Worker with pid ")?)?;
            let (signal, rest) = text::number(rest.strip_prefix(b" was terminated due to signal ")?)?;
            (pid, rest.is_empty().then_some(Ending::Signal { signal: signals::valid(signal)?, core: false })?)
        }
    };
    (pid != line.writer).then_some(Event::Ended { pid, ending })
}

/// From 21.0 on.
fn of_newer(said: &[u8]) -> Option<Ending> {
    if let Some(code) = said.strip_prefix(b"exited with code ") {
        let (code, rest) = text::number(code.strip_suffix(b".").unwrap_or(code))?;
        return (rest.is_empty() && (1..=255).contains(&code)).then_some(Ending::Exit(code));
    }
    let sent = said.strip_prefix(b"was sent ")?;
    let sent = sent.strip_suffix(b" Perhaps out of memory?").unwrap_or(sent).strip_suffix(b"!")?;
    if let Some(code) = sent.strip_prefix(b"code ") {
        let (status, rest) = text::number(code)?;
        let signal = signals::valid(status % CORE).filter(|_| rest.is_empty() && status < 2 * CORE)?;
        return Some(Ending::Signal { signal, core: status >= CORE });
    }
    if let Some(signal) = sent.strip_prefix(b"signal ") {
        let (signal, rest) = text::number(signal)?;
        let signal = signals::valid(signal).filter(|_| rest.is_empty())?;
        return Some(Ending::Signal { signal, core: false });
    }
    let signal = sent.starts_with(b"SIG").then(|| signals::numbered(sent)).flatten()?;
    Some(Ending::Signal { signal, core: false })
}
