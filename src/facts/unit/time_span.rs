//! Time spans of systemd.time(7): `5`, `1min 30s`, `1.5h`, `infinity`.

use crate::units::Limit;

/// Names of units and their length in microseconds. A bare number counts seconds.
const UNITS: [(&[&str], u64); 9] = [
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 7 * 86_400_000_000),
    // A month is 30.44 days and a year 365.25 days there.
    (&["M", "month", "months"], 2_629_800_000_000),
    (&["y", "year", "years"], 31_557_600_000_000),
];

/// A span in microseconds, as unit files and `systemctl show` write it; none for what is no span.
///
/// `TimeoutStopSec=0` means `infinity` to systemd; that belongs to the key, so 0 is 0 here.
pub fn parse_time_span(text: &str) -> Option<Limit> {
    let mut rest = text.trim();
    if rest == "infinity" {
        return Some(Limit::Unlimited);
    }
    let mut micros: u64 = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let (part, after) = next_part(rest)?;
        micros = micros.checked_add(part)?;
        rest = after.trim_start();
        parts += 1;
    }
    (parts > 0).then_some(Limit::At(micros))
}

/// A number, blanks, a unit; and what follows.
fn next_part(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = split_at_end(text, |c| c.is_ascii_digit() || c == '.');
    let (unit, rest) = split_at_end(rest.trim_start(), char::is_alphabetic);
    let length = UNITS.iter().find(|(names, _)| names.contains(&unit))?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some((whole.checked_mul(length)?.checked_add(part_of(fraction, length))?, rest))
}

/// A decimal fraction of a unit, in whole microseconds.
fn part_of(fraction: &str, length: u64) -> u64 {
    let mut weight = length;
    let mut micros = 0;
    for digit in fraction.bytes() {
        weight /= 10;
        micros += u64::from(digit - b'0') * weight;
    }
    micros
}

fn split_at_end(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_span_is_the_sum_of_its_parts() {
        for (text, micros) in [
            ("5", 5_000_000),
            ("5s", 5_000_000),
            ("1min 30s", 90_000_000),
            ("1min30", 90_000_000),
            ("2h", 7_200_000_000),
            ("1.5s", 1_500_000),
            (".5min", 30_000_000),
            ("250ms", 250_000),
            ("1 h 1 min", 3_660_000_000),
            ("7µs", 7),
            ("0", 0),
        ] {
            assert_eq!(parse_time_span(text), Some(Limit::At(micros)), "{text}");
        }
        assert_eq!(parse_time_span(" infinity "), Some(Limit::Unlimited));
    }

    #[test]
    fn what_is_no_span_has_no_value() {
        for text in ["", " ", "abc", "s", "5x", "1..5", ".", "-5", "5 infinity", "99999999999999999999", "[not set]"] {
            assert_eq!(parse_time_span(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).*", number in "[0-9.]{0,30}[a-zMµ ]{0,4}") {
            parse_time_span(&text);
            parse_time_span(&number);
        }

        #[test]
        fn minutes_and_seconds_add_up(minutes in 0u64..100_000, seconds in 0u64..60) {
            let span = parse_time_span(&format!("{minutes}min {seconds}s"));
            prop_assert_eq!(span, Some(Limit::At((minutes * 60 + seconds) * 1_000_000)));
        }
    }
}
