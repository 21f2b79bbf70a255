//! One object of JSON over many lines, as `journalctl -o json-pretty` prints it.

/// What is kept of an object; a larger one is no entry of the kernel's.
const LONGEST: usize = 1 << 20;

/// An object under way.
#[derive(Debug, Default)]
pub(super) struct Pretty {
    open: bool,
    whole: bool,
    offset: u64,
    text: Vec<u8>,
}

impl Pretty {
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Begins with a line that is a brace alone.
    pub(super) fn begin(&mut self, offset: u64) {
        *self = Self { open: true, whole: false, offset, text: b"{".to_vec() };
    }

    /// Takes a line and says whether it belongs to the object. Members are indented.
    pub(super) fn line(&mut self, line: &[u8]) -> bool {
        let inside = matches!(line.first(), Some(b' ' | b'\t' | b']'));
        self.whole = line.starts_with(b"}");
        if !inside && !self.whole {
            self.drop();
            return false;
        }
        let line = if self.whole { b"}" } else { line };
        if self.text.len() + line.len() < LONGEST {
            self.text.extend_from_slice(line);
            self.text.push(b'\n');
        }
        true
    }

    /// The object and its place, if it is whole.
    pub(super) fn whole(&mut self) -> Option<(Vec<u8>, u64)> {
        if !self.whole {
            return None;
        }
        let Self { offset, text, .. } = std::mem::take(self);
        Some((text, offset))
    }

    /// Gives the object up.
    pub(super) fn drop(&mut self) {
        *self = Self::default();
    }
}
