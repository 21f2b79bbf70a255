//! Words of a systemd value: blanks separate, quotes and C escapes as systemd.syntax(7) has them.

use std::iter::Peekable;
use std::str::Chars;

/// One word, and whether any of it was quoted or escaped (a lone `;` that was not separates commands).
pub(super) struct Word {
    pub text: String,
    pub bare: bool,
}

/// Splits a value into words. What is not closed ends with the value; an unknown escape is kept as it stands.
///
/// `systemctl show` quotes for a shell, so that `\$` and `` \` `` inside double quotes stand for `$` and `` ` ``.
pub(super) fn words(value: &str) -> Vec<Word> {
    let mut rest = value.chars().peekable();
    let mut all = Vec::new();
    loop {
        while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return all;
        }
        all.push(next_word(&mut rest));
    }
}

fn next_word(rest: &mut Peekable<Chars<'_>>) -> Word {
    let mut bytes = Vec::new();
    let mut bare = true;
    let mut quote = None;
    while let Some(c) = rest.next_if(|c| quote.is_some() || !c.is_ascii_whitespace()) {
        match (c, quote) {
            ('\\', _) => unescape(rest, quote, &mut bytes),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            _ => {
                push(c, &mut bytes);
                continue;
            }
        }
        bare = false;
    }
    Word { text: String::from_utf8_lossy(&bytes).into_owned(), bare }
}

/// What follows a backslash.
fn unescape(rest: &mut Peekable<Chars<'_>>, quote: Option<char>, bytes: &mut Vec<u8>) {
    let Some(c) = rest.next() else {
        return bytes.push(b'\\');
    };
    match c {
        'a' => bytes.push(0x07),
        'b' => bytes.push(0x08),
        'f' => bytes.push(0x0c),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(0x0b),
        's' => bytes.push(b' '),
        '\\' | '"' | '\'' | ';' => push(c, bytes),
        '$' | '`' if quote == Some('"') => push(c, bytes),
        'x' => coded(rest, c, (16, 2), bytes),
        'u' => coded(rest, c, (16, 4), bytes),
        'U' => coded(rest, c, (16, 8), bytes),
        '0'..='3' => octal(rest, c, bytes),
        other => keep(other, "", bytes),
    }
}

/// `\xNN` is a byte, `\uNNNN` and `\UNNNNNNNN` are characters.
fn coded(rest: &mut Peekable<Chars<'_>>, letter: char, (radix, length): (u32, usize), bytes: &mut Vec<u8>) {
    let digits = take_digits(rest, radix, length);
    let code = u32::from_str_radix(&digits, radix).ok().filter(|code| digits.len() == length && *code > 0);
    match code {
        Some(code) if letter == 'x' => bytes.push((code & 0xff) as u8),
        Some(code) => push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), bytes),
        None => keep(letter, &digits, bytes),
    }
}

/// `\nnn` in octal is a byte.
fn octal(rest: &mut Peekable<Chars<'_>>, first: char, bytes: &mut Vec<u8>) {
    let digits = take_digits(rest, 8, 2);
    match u8::from_str_radix(&format!("{first}{digits}"), 8) {
        Ok(byte) if digits.len() == 2 && byte > 0 => bytes.push(byte),
        _ => keep(first, &digits, bytes),
    }
}

fn take_digits(rest: &mut Peekable<Chars<'_>>, radix: u32, most: usize) -> String {
    let mut digits = String::new();
    while digits.len() < most {
        let Some(digit) = rest.next_if(|c| c.is_digit(radix)) else { break };
        digits.push(digit);
    }
    digits
}

/// An escape that means nothing stays as it was written.
fn keep(letter: char, digits: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'\\');
    push(letter, bytes);
    bytes.extend_from_slice(digits.as_bytes());
}

fn push(c: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(value: &str) -> Vec<String> {
        words(value).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_what_systemd_made_of_them() {
        // The argv that systemd 252 printed for this ExecStart, by word.
        let line = r#"/bin/sleep --a "two words" 'single "dq"' a\x20b "" $FOO ${BAR} \; 1000"#;
        let argv = ["/bin/sleep", "--a", "two words", "single \"dq\"", "a b", "", "$FOO", "${BAR}", ";", "1000"];
        assert_eq!(texts(line), argv);
    }

    #[test]
    fn escapes_are_bytes_or_characters() {
        assert_eq!(texts(r"\xc3\xa4 \303\244 \u00e4 \U0001f600 a\tb\s\\"), ["ä", "ä", "ä", "😀", "a\tb \\"]);
        assert_eq!(texts(r"\q \xZ \9 \04 \uD800"), [r"\q", r"\xZ", r"\9", r"\04", "\u{fffd}"]);
    }

    #[test]
    fn a_quote_may_open_and_close_within_a_word() {
        assert_eq!(texts("--b='x y'z \"open"), ["--b=x yz", "open"]);
        assert_eq!(texts("\\"), ["\\"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).*") {
            words(&text);
        }

        #[test]
        fn plain_words_come_back(all in proptest::collection::vec("[!#-&(-\\[\\]-~]{1,8}", 0..6)) {
            prop_assert_eq!(texts(&all.join("  ")), all);
        }
    }
}
