//! Points in time for people: in UTC, to the second.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `2026-11-20T19:14:07Z`.
pub fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// From the first to the last of several, the second on a line of its own: without its day where that is the same.
pub fn span(first: Timestamp, last: Timestamp) -> String {
    if second(first) == second(last) {
        return second(first);
    }
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    match day(first) == day(last) {
        true => format!("{}\nto {}", second(first), last.strftime("%H:%M:%SZ")),
        false => format!("{}\nto {}", second(first), second(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_names_a_day_once() {
        let span = |first: &str, last: &str| span(first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(span("2026-11-20T19:14:07.1Z", "2026-11-20T19:14:07.9Z"), "2026-11-20T19:14:07Z");
        assert_eq!(span("2026-11-20T19:14:07Z", "2026-11-20T19:20:00Z"), "2026-11-20T19:14:07Z\nto 19:20:00Z");
        assert_eq!(
            span("2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"),
            "2026-11-20T23:59:59Z\nto 2026-11-21T00:00:00Z"
        );
    }
}
