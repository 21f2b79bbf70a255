//! `GUNICORN_CMD_ARGS` into words, as Python's `shlex.split` does it.
//!
//! A shell's rules differ: there `#` begins a comment and `"\$"` loses its backslash; here neither is so.

/// The words, or nothing where a quotation is not closed (Gunicorn would not have started).
pub fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.chars();
    let mut word: Option<String> = None;
    while let Some(next) = rest.next() {
        match next {
            // The white space of shlex; other Unicode spaces belong to the word.
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' | '"' => quoted(next, &mut rest, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(rest.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// Reads up to the closing quote. Only double quotes know an escape, of themselves and of the backslash.
fn quoted(quote: char, rest: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            end if end == quote => return Some(()),
            '\\' if quote == '"' => match rest.next()? {
                escaped @ ('"' | '\\') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            other => word.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_split_as_python_splits_them() {
        // Expected values from shlex.split of Python 3.11.
        for (text, words) in [
            ("--worker-tmp-dir /dev/shm -w4", Some(vec!["--worker-tmp-dir", "/dev/shm", "-w4"])),
            (r#"-e "A=b c" -n 'x y'z"#, Some(vec!["-e", "A=b c", "-n", "x yz"])),
            (r#""\$x" "\"" '\a' \ a"#, Some(vec![r"\$x", "\"", r"\a", " a"])),
            ("-n #x ''", Some(vec!["-n", "#x", ""])),
            ("-n 'x", None),
            ("-n \\", None),
        ] {
            let expected: Option<Vec<String>> = words.map(|all| all.into_iter().map(str::to_owned).collect());
            assert_eq!(split_words(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_split(text in "\\PC*") {
            split_words(&text);
        }

        #[test]
        fn quoted_words_come_back(words in prop::collection::vec("[^']{0,8}", 0..6)) {
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split_words(&line), Some(words));
        }
    }
}
