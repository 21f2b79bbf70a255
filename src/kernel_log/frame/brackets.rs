//! `[ 1858.596541] …` of dmesg(1) and of journalctl(1): which of the two it is.

use super::framed::{Dress, Framed};
use super::scan::Scan;

/// Who writes the lines that begin with a bracket: dmesg(1) and journalctl(1) use the same one, and what is behind it
/// may look alike (`Call Trace:`). The lines before tell.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    writer: Writer,
    /// The first word of the last message.
    word: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    #[default]
    Unknown,
    Dmesg,
    Journalctl,
}

/// A host name has 64 bytes at most (`HOST_NAME_MAX`), a fully qualified one 253.
const LONGEST_HOST: usize = 253;

impl Brackets {
    /// Remembers how a line was read.
    pub(super) fn met(&mut self, framed: &Framed<'_>) {
        let (writer, word) = match framed.dress {
            Dress::Monotonic => (Writer::Journalctl, framed.author.host),
            Dress::Bracket => (Writer::Dmesg, Scan::of(framed.text).word()),
            // Another tool's lines are in between: what comes behind may be of either.
            _ => (Writer::Unknown, b"".as_slice()),
        };
        self.writer = writer;
        // Most lines have no bracket, and so no word. Comparing the empty words here took half of the reader's time.
        self.word.clear();
        if !word.is_empty() {
            self.word.extend_from_slice(word.get(..LONGEST_HOST).unwrap_or(word));
        }
    }

    /// Whether a line that reads `HOST TAG: ` is journalctl's.
    pub(super) fn is_host(&self, host: &[u8], tag: &[u8]) -> bool {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let named = !host.is_empty() && host.len() <= LONGEST_HOST && host.iter().all(plain);
        let again = host == self.word;
        let kernel = tag == b"kernel";
        named
            && match self.writer {
                Writer::Unknown => kernel || (tag.ends_with(b"]") && tag.contains(&b'[')),
                Writer::Journalctl => kernel || again,
                Writer::Dmesg => kernel && again,
            }
    }
}
