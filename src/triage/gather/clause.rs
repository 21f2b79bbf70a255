//! Clauses that differ in figures only.

/// Units that [`Bytes`](crate::units::Bytes) is written in, by their powers of 1024.
const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// A clause as words and figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause<'a>(Vec<Part<'a>>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part<'a> {
    Word(&'a str),
    /// A number, and the punctuation behind it.
    Number(f64, &'a str, &'a str),
    /// A size in bytes with its text, and the punctuation behind it.
    Size(f64, &'a str, &'a str, &'a str),
}

impl<'a> Clause<'a> {
    /// Takes a clause apart.
    pub fn of(text: &'a str) -> Self {
        let mut parts = vec![];
        let mut words = text.split(' ').peekable();
        while let Some(word) = words.next() {
            let (bare, tail) = bare(word);
            let Some(value) = number(bare) else {
                parts.push(Part::Word(word));
                continue;
            };
            let unit = words.peek().copied().filter(|_| tail.is_empty()).and_then(size);
            match unit {
                Some((power, name, tail)) => {
                    words.next();
                    parts.push(Part::Size(value * 1024_f64.powi(power), bare, name, tail));
                }
                None => parts.push(Part::Number(value, bare, tail)),
            }
        }
        Self(parts)
    }

    /// The clause without its figures: equal for clauses that differ in these alone.
    pub fn shape(&self) -> Vec<String> {
        let shape = |part: &Part<'_>| match part {
            Part::Word(word) => (*word).to_owned(),
            Part::Number(_, _, tail) => format!("# {tail}"),
            Part::Size(_, _, _, tail) => format!("#B {tail}"),
        };
        self.0.iter().map(shape).collect()
    }
}

/// One clause for all, which have one shape: a figure in which they differ is told from the least to the greatest.
pub fn together<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let clauses: Vec<Clause<'a>> = texts.map(Clause::of).collect();
    let Some(first) = clauses.first() else { return String::new() };
    let parts = first.0.iter().enumerate().map(|(at, part)| {
        let all = clauses.iter().filter_map(|clause| clause.0.get(at));
        range(*part, all)
    });
    parts.collect::<Vec<String>>().join(" ")
}

fn range<'a>(first: Part<'a>, all: impl Iterator<Item = &'a Part<'a>>) -> String {
    let (mut least, mut greatest) = (first, first);
    for part in all {
        if value(part) < value(&least) {
            least = *part;
        }
        if value(part) > value(&greatest) {
            greatest = *part;
        }
    }
    match (least, greatest) {
        (Part::Number(a, low, _), Part::Number(b, high, tail)) if a < b => format!("{low} to {high}{tail}"),
        (Part::Size(a, low, one, _), Part::Size(b, high, unit, tail)) if a < b => {
            if one == unit {
                format!("{low} to {high} {unit}{tail}")
            } else {
                format!("{low} {one} to {high} {unit}{tail}")
            }
        }
        (Part::Number(_, low, tail), _) => format!("{low}{tail}"),
        (Part::Size(_, low, unit, tail), _) => format!("{low} {unit}{tail}"),
        (Part::Word(word), _) => word.to_owned(),
    }
}

fn value(part: &Part<'_>) -> f64 {
    match part {
        Part::Word(_) => 0.0,
        Part::Number(value, ..) | Part::Size(value, ..) => *value,
    }
}

/// A word and the punctuation at its end.
fn bare(word: &str) -> (&str, &str) {
    let end = word.trim_end_matches([',', ';', ':', ')']).len();
    word.split_at_checked(end).unwrap_or((word, ""))
}

fn number(word: &str) -> Option<f64> {
    let is_number = word.starts_with(|c: char| c.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| word.parse().ok()).flatten().filter(|value: &f64| value.is_finite())
}

/// A unit of bytes: its power of 1024, its name, and the punctuation behind it.
fn size(word: &str) -> Option<(i32, &str, &str)> {
    let (name, tail) = bare(word);
    let power = UNITS.iter().position(|unit| *unit == name)?;
    Some((i32::try_from(power).ok()?, name, tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bytes;
    use proptest::prelude::*;

    fn said(texts: &[&str]) -> String {
        together(texts.iter().copied())
    }

    #[test]
    fn figures_that_differ_are_a_range() {
        let a = "its control group hit the limit of 200 MiB while it held 148 MiB; systemd";
        let b = "its control group hit the limit of 200 MiB while it held 1.1 GiB; systemd";
        assert_eq!(Clause::of(a).shape(), Clause::of(b).shape());
        assert_eq!(
            said(&[a, b]),
            "its control group hit the limit of 200 MiB while it held 148 MiB to 1.1 GiB; systemd"
        );
        assert_eq!(said(&["after 30 s,", "after 9 s,"]), "after 9 to 30 s,");
        assert_eq!(said(&["held 148 MiB", "held 171 MiB"]), "held 148 to 171 MiB");
    }

    #[test]
    fn words_that_differ_are_another_clause() {
        let shape = |text| Clause::of(text).shape();
        assert_ne!(shape("hung in f (wsgi.py:30)"), shape("hung in f (wsgi.py:80)"));
        assert_ne!(shape("exited with status 7"), shape("ended with status 7"));
        assert_ne!(shape("held 5 MiB"), shape("held 5 files"));
    }

    #[test]
    fn units_are_those_that_sizes_are_written_in() {
        for power in 0..UNITS.len() {
            let text = Bytes(7 << (10 * power)).to_string();
            assert!(matches!(Clause::of(&text).0[..], [Part::Size(..)]), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_alone_stays_as_it_is(text: String) {
            prop_assert_eq!(said(&[&text]), text);
        }

        #[test]
        fn nothing_panics(a: String, b: String) {
            said(&[&a, &b]);
        }
    }
}
