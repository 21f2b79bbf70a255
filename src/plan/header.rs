//! The comment that every file of gtune's begins with: what the file is for, and how to take it back.

/// A terminal that nobody has made wider has 80 columns, and a diff of the file indents it by 5.
const WIDTH: usize = 75;

const WRITTEN: &str = "# Written by gtune: ";

/// The comment lines, each with its end. `purpose` is one sentence or two, in small letters at first.
pub(super) fn header(purpose: &str) -> String {
    let mut lines = vec![];
    let mut line = WRITTEN.trim_end().to_owned();
    for word in purpose.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push(std::mem::replace(&mut line, "#".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
    // The last transaction need not be the one that wrote this file, so it is looked up by its id.
    lines.push("# Take it back: gtune history, then: gtune rollback ID".to_owned());
    lines.join("\n") + "\n"
}

/// Whether a file holds what gtune never writes there, whatever was asked for: another key than these, one of them
/// twice, or a comment of somebody else's. A value that was changed by hand cannot be told from one of gtune's.
pub(super) fn is_edited(content: &[u8], keys: &[&str]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return true };
    if !text.starts_with(WRITTEN) {
        return true;
    }
    let mut below = text.lines().skip_while(|line| line.starts_with('#')).filter(|line| !line.is_empty());
    let mut left = keys.to_vec();
    let is_gtunes = |line: &str| {
        let is_section = line.starts_with('[') && line.ends_with(']');
        let key = line.split_once('=').and_then(|(key, _)| left.iter().position(|left| *left == key));
        is_section || key.map(|at| left.swap_remove(at)).is_some()
    };
    !below.all(is_gtunes)
}

/// What is said before a file that was edited is written anew.
pub(super) fn edit_is_lost(path: &str) -> String {
    format!("{path} was edited since gtune wrote it; the edit is lost.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEYS: &[&str] = &["LimitNOFILE"];

    fn written(value: &str) -> String {
        format!("{}[Service]\nLimitNOFILE={value}\n", header("how many files it may open."))
    }

    #[test]
    fn a_file_that_holds_more_than_gtune_writes_was_edited() {
        assert!(!is_edited(written("8192:524288").as_bytes(), KEYS));
        for more in ["LimitNPROC=9\n", "# for the nightly import\n", "LimitNOFILE=9\n", "\\\n"] {
            assert!(is_edited((written("8192") + more).as_bytes(), KEYS), "{more}");
        }
        assert!(is_edited(b"[Service]\nLimitNOFILE=1\n", KEYS), "gtune says that a file is its own");
        assert!(is_edited(b"# Written by gtune: \xff\n", KEYS));
    }

    proptest! {
        #[test]
        fn a_header_is_a_comment_that_fits_a_terminal_and_loses_no_word(words in prop::collection::vec("[a-z=,.]{1,30}", 0..40)) {
            let header = header(&words.join(" "));
            prop_assert!(header.lines().all(|line| line.starts_with('#') && line.len() <= WIDTH));
            let told: Vec<&str> = header.lines().flat_map(|line| line.trim_start_matches("# ").split(' ')).collect();
            let told = told.iter().filter(|word| **word != "#").copied().collect::<Vec<_>>();
            prop_assert_eq!(&told[3..3 + words.len()], words.as_slice());
            prop_assert!(header.ends_with("gtune rollback ID\n"));
        }

        #[test]
        fn no_value_is_an_edit_and_no_content_panics(value in "[^\r\n]*", content: Vec<u8>) {
            prop_assert!(!is_edited(written(&value).as_bytes(), KEYS));
            is_edited(&content, KEYS);
        }
    }
}
