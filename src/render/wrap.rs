//! Paragraphs that fit the page.

use tabled::settings::width::Wrap;

/// Text filled into lines of at most `width` columns, broken between words, inside a word only where it is longer.
/// Line ends of the text count as spaces.
pub fn fill(text: &str, width: usize) -> Vec<String> {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrapped = Wrap::<(), ()>::wrap(&flat, width.max(1), true);
    wrapped.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Filled text behind a label; the lines that follow begin below its first word.
pub fn labelled(label: &str, text: &str, width: usize) -> String {
    let indent = label.chars().count();
    let lines = fill(text, width.saturating_sub(indent).max(8));
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let lead = if number == 0 { label.to_owned() } else { " ".repeat(indent) };
        out.push_str(&format!("{lead}{line}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_paragraph_breaks_between_words() {
        assert_eq!(fill("one two\nthree four", 9), ["one two", "three", "four"]);
        assert_eq!(fill("", 9), Vec::<String>::new());
    }

    #[test]
    fn a_word_longer_than_the_page_is_cut() {
        assert_eq!(fill("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    #[test]
    fn lines_that_follow_stand_below_the_first_word() {
        assert_eq!(labelled("  seen: ", "alpha beta", 14), "  seen: alpha\n        beta\n");
    }

    proptest! {
        #[test]
        fn no_letter_is_lost_at_any_width(text in any::<String>(), width in 1usize..120) {
            let text = super::super::visible(&text).into_owned();
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            // A wide letter has no room on a page of one column; tabled puts a replacement there.
            prop_assume!(width > 1);
            prop_assert_eq!(letters(&fill(&text, width).concat()), letters(&text));
        }
    }
}
