//! A place in a line that moves forward as words are recognised; nothing here can run past the end.

/// The rest of a line. Methods that do not find what they look for answer `None`; the place is then of no use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn peek(self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next byte, whatever it is.
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// This text must be next.
    pub(super) fn text(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Whether this byte is next; if so it is behind us.
    pub(super) fn took(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn spaces(&mut self) {
        while self.took(b' ') {}
    }

    /// A decimal number of at least one digit.
    pub(super) fn number(&mut self) -> Option<u64> {
        self.digits().map(|(number, _)| number)
    }

    /// A decimal number and how many digits it has.
    pub(super) fn digits(&mut self) -> Option<(u64, usize)> {
        let mut number = 0_u64;
        let mut count = 0;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.next();
            count += 1;
        }
        (count > 0).then_some((number, count))
    }

    /// Exactly two digits.
    pub(super) fn two(&mut self) -> Option<i8> {
        match self.rest {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
                self.rest = rest;
                i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()
            }
            _ => None,
        }
    }

    /// Everything before the next `end`, which is then behind us. `within` bounds the search.
    pub(super) fn until(&mut self, end: u8, within: usize) -> Option<&'a [u8]> {
        let at = memchr::memchr(end, self.rest.get(..within).unwrap_or(self.rest))?;
        let (before, after) = self.rest.split_at_checked(at)?;
        self.rest = after.get(1..)?;
        Some(before)
    }

    /// The bytes up to the next space or the end; may be empty.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let at = memchr::memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(at).unwrap_or((self.rest, &[]));
        self.rest = rest;
        word
    }
}
