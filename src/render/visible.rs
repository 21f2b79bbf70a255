//! Text that was observed is shown, never obeyed: process titles, paths and settings may hold anything.

use std::borrow::Cow;

/// The text with everything that a terminal would obey or hide written out: an escape becomes `\u{1b}`.
///
/// Control characters (C0, DEL, C1) move the cursor and set colours; the format characters of Unicode turn the
/// direction of what follows or take no room at all, so that one path can look like another.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_sequence_is_written_out() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("two\nlines\tx\r"), "two\\u{a}lines\\u{9}x\\u{d}");
        assert_eq!(visible("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(visible("exe\u{202e}txt"), "exe\\u{202e}txt");
    }

    #[test]
    fn ordinary_text_of_any_language_stays() {
        for text in ["/srv/app", "Größe", "日本語", "✓ ok", "e\u{301}"] {
            assert_eq!(visible(text), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_can_steer_a_terminal(text in any::<String>()) {
            let shown = visible(&text);
            prop_assert!(!shown.contains(is_hidden));
            prop_assert_eq!(visible(&shown), shown.clone());
        }

        #[test]
        fn every_ordinary_letter_is_still_there_in_order(text in any::<String>()) {
            let mut rest = visible(&text).into_owned();
            for letter in text.chars().filter(|letter| !is_hidden(*letter)) {
                let at = rest.find(letter);
                prop_assert!(at.is_some());
                rest = rest.split_off(at.unwrap_or(0) + letter.len_utf8());
            }
        }
    }
}
