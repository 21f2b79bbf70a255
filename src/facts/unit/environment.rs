//! The environment that a unit's own lines give its processes (systemd.exec(5), Environment=).

use super::words::words;
use super::{Unit, UnitAssignment};

/// A line of `Environment=` that sets a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableLine<'a> {
    /// The value without its quotes; specifiers (`%i`, and `%%` for a percent sign) stand as they were written.
    pub value: String,
    /// The line.
    pub line: &'a UnitAssignment,
}

impl Unit {
    /// The lines of `Environment=` that set a variable, in the order they are read; the last one counts.
    pub fn variable_lines(&self, name: &str) -> Vec<VariableLine<'_>> {
        let lines = self.stored.get("Service.Environment").into_iter().flatten();
        lines.filter_map(|line| Some(VariableLine { value: variable_in(&line.value, name)?, line })).collect()
    }
}

/// What a value of `Environment=` sets a variable to.
pub fn variable_in(value: &str, name: &str) -> Option<String> {
    let assigned = |word: String| Some(word.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    unit_words(value).into_iter().filter_map(assigned).next_back()
}

/// The words of a value that is a list, without quotes and escapes (systemd.syntax(7)).
pub fn unit_words(value: &str) -> Vec<String> {
    words(value).into_iter().map(|word| word.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::healthy;
    use crate::facts::{environment_line, parse_unit_file};
    use proptest::prelude::*;

    fn unit(lines: &str) -> Unit {
        let mut unit = healthy::unit();
        parse_unit_file("web.service", format!("[Service]\n{lines}\n").as_bytes(), &mut unit.stored);
        unit
    }

    #[test]
    fn the_last_line_that_sets_a_variable_is_the_last_of_its_lines() {
        let unit = unit("Environment=A=1 \"B=2 3\" A=4\nEnvironment=C=5\nEnvironment=AB=6\nEnvironment='A=7 %i'");
        let lines = unit.variable_lines("A");
        assert_eq!(
            lines.iter().map(|one| (one.value.as_str(), one.line.line)).collect::<Vec<_>>(),
            [("4", 2), ("7 %i", 5)]
        );
        assert_eq!(unit.variable_lines("B")[0].value, "2 3");
        assert!(unit.variable_lines("D").is_empty());
    }

    proptest! {
        #[test]
        fn a_value_that_gtune_writes_comes_back(value in "[^\0]*") {
            let unit = unit(&environment_line("A", &value));
            let lines = unit.variable_lines("A");
            prop_assert_eq!(lines.len(), 1);
            prop_assert_eq!(lines[0].value.replace("%%", "%"), value);
        }
    }
}
