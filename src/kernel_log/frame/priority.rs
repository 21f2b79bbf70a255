//! Facilities and priorities, as numbers (syslog(2), RFC 5424) and in words.

use crate::kernel_log::Origin;

/// Who wrote it, and how grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priority {
    pub(super) origin: Origin,
    pub(super) level: Option<u8>,
}

/// The words util-linux, busybox and syslog-ng print for the levels 0 to 7; the second word is a synonym.
const LEVELS: [(&[u8], &[u8]); 8] = [
    (b"emerg", b"panic"),
    (b"alert", b"alert"),
    (b"crit", b"critical"),
    (b"err", b"error"),
    (b"warn", b"warning"),
    (b"notice", b"notice"),
    (b"info", b"info"),
    (b"debug", b"debug"),
];

const FACILITIES: [&[u8]; 13] = [
    b"kern",
    b"user",
    b"mail",
    b"daemon",
    b"auth",
    b"syslog",
    b"lpr",
    b"news",
    b"uucp",
    b"cron",
    b"authpriv",
    b"ftp",
    b"security",
];

/// The level a word names.
pub(super) fn level(word: &[u8]) -> Option<u8> {
    let at = LEVELS.iter().position(|(short, long)| word == *short || word == *long)?;
    u8::try_from(at).ok()
}

/// The origin that a facility's word names; none where it is no facility.
pub(super) fn facility(word: &[u8]) -> Option<Origin> {
    if word == b"kern" {
        return Some(Origin::Kernel);
    }
    let local = matches!(word, [b'l', b'o', b'c', b'a', b'l', b'0'..=b'7']);
    (local || FACILITIES.contains(&word)).then_some(Origin::Other)
}

impl Priority {
    /// `facility * 8 + level`. Only the kernel has facility 0: it gives the messages of others facility 1 at least.
    pub(super) fn of_number(number: u64) -> Self {
        let origin = if number < 8 { Origin::Kernel } else { Origin::Other };
        Self { origin, level: u8::try_from(number % 8).ok() }
    }

    /// `kern.warn`, `kern.warning`.
    pub(super) fn of_words(words: &[u8]) -> Option<Self> {
        let dot = words.iter().position(|byte| *byte == b'.')?;
        let (facility_word, level_word) = words.split_at_checked(dot)?;
        let level = level(level_word.get(1..)?)?;
        Some(Self { origin: facility(facility_word)?, level: Some(level) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_facility_0_is_the_kernel() {
        let (kernel, other) = (Origin::Kernel, Origin::Other);
        assert_eq!(Priority::of_number(4), Priority { origin: kernel, level: Some(4) });
        assert_eq!(Priority::of_number(12), Priority { origin: other, level: Some(4) });
        assert_eq!(Priority::of_number(u64::MAX), Priority { origin: other, level: Some(7) });
        assert_eq!(Priority::of_words(b"kern.warning"), Some(Priority { origin: kernel, level: Some(4) }));
        assert_eq!(Priority::of_words(b"local3.err"), Some(Priority { origin: other, level: Some(3) }));
        assert_eq!(Priority::of_words(b"kern.loud"), None);
    }
}
