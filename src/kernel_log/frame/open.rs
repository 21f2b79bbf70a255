//! The record that is being read: the next line may go on with it.

use super::escape::{self, Escape};
use super::framed::{Author, Dress, Framed, Head};
use crate::kernel_log::{Origin, Record};
use crate::units::Pid;

/// What is kept of a message. The kernel's own are below 1 KiB a record; one that goes on over many lines is somebody
/// else's.
pub(super) const LONGEST_MESSAGE: usize = 1 << 20;

/// How wide the frame was that continued lines are indented by.
#[derive(Debug, Default, Clone, Copy)]
struct Indent {
    bytes: usize,
    /// In a locale with letters of more than one byte a tool may count letters.
    letters: usize,
}

/// A record that is not handed over yet.
#[derive(Debug, Default)]
pub(super) struct Open {
    begun: bool,
    head: Head,
    host: Vec<u8>,
    tag: Vec<u8>,
    pid: Option<Pid>,
    unit: Vec<u8>,
    message: Vec<u8>,
    offset: u64,
    escape: Escape,
    dress: Dress,
    indent: Indent,
    /// Whether the line was in colours.
    pub(super) coloured: bool,
    /// Empty lines since: part of the message only if it goes on behind them.
    blank: usize,
}

impl Open {
    /// Whether there is a record that a line could go on with.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn origin(&self) -> Origin {
        self.head.origin
    }

    pub(super) fn dress(&self) -> Dress {
        self.dress
    }

    /// Begins with a message whose line is `line`, which its text is the end of.
    pub(super) fn begin(&mut self, framed: &Framed<'_>, line: &[u8], offset: u64) {
        self.start(framed.head, framed.author, offset);
        let frame = line.len().saturating_sub(framed.text.len());
        self.escape = framed.escape;
        self.dress = framed.dress;
        self.indent.bytes = frame;
        self.indent.letters = line.iter().take(frame).filter(|byte| **byte & 0xc0 != 0x80).count();
        self.add(framed.text);
    }

    /// Begins with a message that has no escapes any more.
    pub(super) fn begin_plain(&mut self, head: Head, author: Author<'_>, message: &[u8], offset: u64) {
        self.start(head, author, offset);
        self.add(message);
    }

    fn start(&mut self, head: Head, author: Author<'_>, offset: u64) {
        self.begun = true;
        self.head = head;
        self.offset = offset;
        for (kept, told) in [(&mut self.host, author.host), (&mut self.tag, author.tag), (&mut self.unit, author.unit)]
        {
            kept.clear();
            kept.extend_from_slice(told);
        }
        self.pid = author.pid;
        self.message.clear();
        self.escape = Escape::Plain;
        self.dress = Dress::Line;
        self.indent = Indent::default();
        self.coloured = false;
        self.blank = 0;
    }

    fn add(&mut self, text: &[u8]) {
        let room = LONGEST_MESSAGE.saturating_sub(self.message.len());
        self.escape.undo(text.get(..room).unwrap_or(text), &mut self.message);
    }

    /// An empty line was met.
    pub(super) fn blank(&mut self) {
        self.blank = self.blank.saturating_add(1);
    }

    /// Whether a line is indented just as far as the message began.
    pub(super) fn is_indented(&self, line: &[u8]) -> bool {
        self.indent.letters > 0 && indentation(line) >= self.indent.letters
    }

    /// The message goes on with this line.
    pub(super) fn go_on(&mut self, line: &[u8]) {
        let room = LONGEST_MESSAGE.saturating_sub(self.message.len());
        let breaks = self.blank.saturating_add(1).min(room);
        self.message.extend(std::iter::repeat_n(b'\n', breaks));
        self.blank = 0;
        let spaces = indentation(line);
        let indent = [self.indent.bytes, self.indent.letters].into_iter().find(|width| *width <= spaces).unwrap_or(0);
        let text = line.get(indent..).unwrap_or_default();
        if self.coloured {
            let mut plain = Vec::new();
            escape::without_colours(text, &mut plain);
            self.add(&plain);
        } else {
            self.add(text);
        }
    }

    /// Hands the record over, if there is one.
    pub(super) fn hand_over(&mut self, each: &mut impl FnMut(&Record<'_>)) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        let Head { origin, level, stamp, boot, caller, continues, sequence } = self.head;
        each(&Record {
            message: &self.message,
            origin,
            level,
            stamp,
            boot,
            host: &self.host,
            tag: &self.tag,
            pid: self.pid,
            unit: &self.unit,
            caller,
            continues,
            sequence,
            offset: self.offset,
        });
    }
}

fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}
