//! Points in time as an operator types them: `2h`, `7d`, `2026-11-20`, `2026-11-20T18:46:00Z`.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A point in time, or one that depends on where and when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long ago.
    Ago(SignedDuration),
    /// This very moment.
    At(Timestamp),
    /// By the clock of this host.
    Local(DateTime),
}

impl When {
    /// The moment, seen from `now` on a host in `zone`.
    pub fn timestamp(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
            Self::Local(at) => {
                zone.to_ambiguous_zoned(at).compatible().map_or(Timestamp::MIN, |zoned| zoned.timestamp())
            }
        }
    }
}

/// Reads one: a time span counts back from now, a date begins at midnight, a time without a zone is that of this host.
pub(super) fn when(text: &str) -> Result<When, String> {
    let text = text.trim();
    if let Some(ago) = span(text) {
        return Ok(When::Ago(ago));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at));
    }
    if let Some(seconds) = text.strip_prefix('@').and_then(|seconds| seconds.parse().ok()) {
        return Timestamp::from_second(seconds).map(When::At).map_err(|_| wrong());
    }
    // A date with a time and a zone that is none must not be read without it.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"-:. T".contains(&byte));
    let local = || text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)));
    is_plain.then(local).flatten().map(When::Local).ok_or_else(wrong)
}

fn wrong() -> String {
    "a time is 2h, 7d, 2026-11-20, \"2026-11-20 18:46\" or 2026-11-20T18:46:00Z".to_owned()
}

/// `90s`, `15m`, `2h`, `7d`, `2w`, and sums of them such as `1d12h`.
fn span(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut seconds: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        let unit = rest.get(digits..)?;
        let letters = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
        let factor = match unit.get(..letters)? {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = unit.get(letters..)?;
    }
    (!text.is_empty()).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen_from_noon(text: &str) -> String {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        when(text).unwrap().timestamp(now, &TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)).to_string()
    }

    #[test]
    fn a_span_counts_back_from_now() {
        for (text, time) in [
            ("2h", "2026-11-20T10:00:00Z"),
            ("7d", "2026-11-13T12:00:00Z"),
            ("90s", "2026-11-20T11:58:30Z"),
            ("1d12h", "2026-11-19T00:00:00Z"),
            ("1w", "2026-11-13T12:00:00Z"),
        ] {
            assert_eq!(seen_from_noon(text), time, "{text}");
        }
    }

    #[test]
    fn a_moment_with_a_zone_is_the_same_everywhere() {
        for text in ["2026-11-20T18:46:00Z", "2026-11-20T19:46:00+01:00", "2026-11-20 18:46:00Z", "@1795200360"] {
            assert_eq!(seen_from_noon(text), "2026-11-20T18:46:00Z", "{text}");
        }
    }

    #[test]
    fn without_a_zone_it_is_the_time_of_this_host() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let now = Timestamp::UNIX_EPOCH;
        for (text, time) in [("2026-11-20", "2026-11-19T23:00:00Z"), ("2026-11-20 18:46", "2026-11-20T17:46:00Z")] {
            assert_eq!(when(text).unwrap().timestamp(now, &zone).to_string(), time);
        }
    }

    #[test]
    fn what_is_no_time_is_wrong() {
        for text in [
            "",
            "2",
            "h",
            "2x",
            "-2h",
            "yesterday",
            "2026-13-01",
            "2026-11-20T25:00",
            "2026-11-20 18:46 CET",
            "99999999999999999999d",
        ] {
            assert!(when(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), digits in "[0-9]{0,25}[smhdw]{0,2}") {
            for text in [text, digits] {
                if let Ok(when) = when(&text) {
                    when.timestamp(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
                }
            }
        }
    }
}
