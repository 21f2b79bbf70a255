//! Python source as logical lines of tokens, without executing any of it: enough to see what is assigned.
//!
//! One pass over the text (Python Language Reference, "Lexical analysis"). Text that is no Python makes odd tokens,
//! never an error; only a string or bracket that is not closed is told.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<'a> {
    /// An identifier or keyword.
    Name(&'a str),
    /// A number as written.
    Number(&'a str),
    /// A string; nothing where its value is not in the text: bytes, `f"{x}"`, `\N{…}`.
    Text(Option<String>),
    /// An operator or bracket.
    Sign(&'a str),
}

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token<'a> {
    /// What it is.
    pub part: Part<'a>,
    /// How many brackets are open around it; a bracket stands outside itself.
    pub depth: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
}

impl Token<'_> {
    /// Whether it is this operator or bracket.
    pub fn is(&self, sign: &str) -> bool {
        matches!(self.part, Part::Sign(found) if found == sign)
    }

    /// The identifier it is.
    pub fn name(&self) -> Option<&str> {
        match self.part {
            Part::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// A logical line: brackets and backslashes join physical ones. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Columns of white space before it; a tab goes to the next multiple of eight.
    pub indent: usize,
    /// Its tokens.
    pub tokens: Vec<Token<'a>>,
}

/// All logical lines, and the line where a string or bracket begins that is not closed.
pub fn logical_lines(source: &str) -> (Vec<Line<'_>>, Option<usize>) {
    let mut lexer = Lexer { source, at: 0, line: 1, open: Vec::new(), broken: None };
    let mut lines = Vec::new();
    while lexer.at < source.len() {
        let indent = lexer.indent();
        let tokens = lexer.rest_of_line();
        if !tokens.is_empty() {
            lines.push(Line { indent, tokens });
        }
    }
    let unclosed = lexer.open.first().copied();
    (lines, lexer.broken.or(unclosed))
}

/// Longest first, so that `**=` is one sign and `==` is no assignment.
const SIGNS: [&str; 24] = [
    "**=", "//=", ">>=", "<<=", "...", ":=", "==", "!=", "<=", ">=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
    "^=", "@=", "**", "//", ">>", "<<",
];

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    /// Lines of the brackets that are open.
    open: Vec<usize>,
    broken: Option<usize>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn indent(&mut self) -> usize {
        let mut columns = 0;
        while let Some(&byte) = self.source.as_bytes().get(self.at) {
            columns = match byte {
                b' ' => columns + 1,
                b'\t' => columns / 8 * 8 + 8,
                b'\x0c' => 0,
                _ => break,
            };
            self.at += 1;
        }
        columns
    }

    /// Tokens up to the end of the logical line, which is consumed.
    fn rest_of_line(&mut self) -> Vec<Token<'a>> {
        let mut tokens = Vec::new();
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\n' => {
                    self.at += 1;
                    self.line += 1;
                    if self.open.is_empty() {
                        break;
                    }
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                '\\' if self.rest().starts_with("\\\n") => {
                    self.at += 2;
                    self.line += 1;
                }
                _ if next.is_whitespace() => self.at += next.len_utf8(),
                _ => tokens.push(self.token(next)),
            }
        }
        tokens
    }

    fn token(&mut self, next: char) -> Token<'a> {
        let (start, line) = (self.at, self.line);
        let depth = self.open.len();
        let (part, depth) = match next {
            '\'' | '"' => (self.string(""), depth),
            _ if next.is_alphabetic() || next == '_' => (self.word(), depth),
            _ if next.is_ascii_digit() => (self.number(), depth),
            _ => self.sign(next),
        };
        Token { part, depth, line, span: start..self.at }
    }

    fn word(&mut self) -> Part<'a> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        let is_prefix = end <= 2 && word.chars().all(|c| "rRbBuUfFtT".contains(c));
        if is_prefix && self.rest().starts_with(['\'', '"']) { self.string(word) } else { Part::Name(word) }
    }

    fn number(&mut self) -> Part<'a> {
        let rest = self.rest();
        let mut end = 0_usize;
        for byte in rest.bytes() {
            let signed = matches!(byte, b'+' | b'-')
                && matches!(rest.as_bytes().get(end.wrapping_sub(1)), Some(b'e' | b'E'))
                && !rest.starts_with("0x");
            if !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'.' && !signed {
                break;
            }
            end += 1;
        }
        self.at += end;
        Part::Number(&rest[..end])
    }

    fn sign(&mut self, next: char) -> (Part<'a>, usize) {
        let rest = self.rest();
        let long = SIGNS.iter().find(|sign| rest.starts_with(**sign)).map(|sign| sign.len());
        let end = long.unwrap_or(next.len_utf8());
        let mut depth = self.open.len();
        match next {
            '(' | '[' | '{' => self.open.push(self.line),
            ')' | ']' | '}' => {
                self.open.pop();
                depth = self.open.len();
            }
            _ => {}
        }
        self.at += end;
        (Part::Sign(&rest[..end]), depth)
    }

    /// Reads a string from its opening quote on.
    fn string(&mut self, prefix: &str) -> Part<'a> {
        let begins = self.line;
        let quote = &self.rest()[..1];
        let tripled = quote.repeat(3);
        let quote = if self.rest().starts_with(&tripled) { tripled.as_str() } else { quote };
        self.at += quote.len();
        let Some(length) = self.length_of_string(quote) else {
            self.broken.get_or_insert(begins);
            self.at = self.source.len();
            return Part::Text(None);
        };
        let body = &self.rest()[..length];
        self.line += body.bytes().filter(|byte| *byte == b'\n').count();
        self.at += length + quote.len();
        Part::Text(string_value(prefix, body))
    }

    /// How far it is to the closing quote. A line break ends a string of single quotes, unless it is escaped.
    fn length_of_string(&self, quote: &str) -> Option<usize> {
        let rest = self.rest().as_bytes();
        let mut at = 0;
        loop {
            match rest.get(at)? {
                b'\\' => at += 2,
                b'\n' if quote.len() == 1 => return None,
                _ if rest[at..].starts_with(quote.as_bytes()) => return Some(at),
                _ => at += 1,
            }
        }
    }
}

/// The value of a string with this prefix, where the text tells it.
fn string_value(prefix: &str, body: &str) -> Option<String> {
    let has = |letter: char| prefix.chars().any(|c| c.eq_ignore_ascii_case(&letter));
    let formatted = (has('f') || has('t')) && body.contains(['{', '}']);
    if has('b') || has('t') || formatted {
        None
    } else if has('r') {
        Some(body.to_owned())
    } else {
        unescape(body)
    }
}

/// Resolves backslashes (Python Language Reference, "Escape sequences"); nothing for `\N{…}` and bad numbers.
fn unescape(body: &str) -> Option<String> {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let escaped = rest.chars().next()?;
        let plain = match escaped {
            '\n' => None,
            '\\' | '\'' | '"' => Some(escaped),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' | 'u' | 'U' | 'N' | '0'..='7' => {
                let (character, length) = by_number(rest)?;
                text.push(character);
                rest = &rest[length..];
                continue;
            }
            other => {
                text.push('\\');
                Some(other)
            }
        };
        text.extend(plain);
        rest = &rest[escaped.len_utf8()..];
    }
    text.push_str(rest);
    Some(text)
}

/// The character that `x41`, `u0041`, `U00000041` or `101` stands for, and how long that is.
fn by_number(rest: &str) -> Option<(char, usize)> {
    let (skip, length, base) = match rest.as_bytes().first()? {
        b'x' => (1, 2, 16),
        b'u' => (1, 4, 16),
        b'U' => (1, 8, 16),
        b'0'..=b'7' => {
            let octal = rest.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            (0, octal, 8)
        }
        _ => return None,
    };
    let digits = rest.get(skip..skip + length)?;
    let all_digits = digits.chars().all(|c| c.is_digit(base));
    let number = u32::from_str_radix(digits, base).ok().filter(|_| all_digits)?;
    Some((char::from_u32(number)?, skip + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only_string(source: &str) -> Option<String> {
        let (lines, broken) = logical_lines(source);
        assert_eq!((lines.len(), broken), (1, None), "{source}");
        match &lines[0].tokens[..] {
            [Token { part: Part::Text(text), .. }] => text.clone(),
            other => panic!("{source}: {other:?}"),
        }
    }

    #[test]
    fn every_way_to_write_a_string_gives_its_value() {
        for (source, value) in [
            (r#"'a"b'"#, Some("a\"b")),
            (r#""a'b\n""#, Some("a'b\n")),
            ("'''a\n'b'''", Some("a\n'b")),
            (r"r'\d\'x'", Some(r"\d\'x")),
            (r"u'\x41\u00e9\101\q'", Some("Aé\x41\\q")),
            ("'a\\\nb'", Some("ab")),
            ("f'plain'", Some("plain")),
            ("f'{host}:80'", None),
            ("b'x'", None),
            (r"'\N{DASH}'", None),
            (r"'\xé1'", None),
            ("''", Some("")),
        ] {
            assert_eq!(only_string(source).as_deref(), value, "{source}");
        }
    }

    #[test]
    fn brackets_and_backslashes_join_lines() {
        let (lines, broken) = logical_lines("a = [1, # one\n 2]\nb = 3 + \\\n 4\n\n  # no\nif x:\n\tc\n");
        let shape: Vec<(usize, usize, usize)> =
            lines.iter().map(|line| (line.indent, line.tokens.len(), line.tokens[0].line)).collect();
        assert_eq!(shape, [(0, 7, 1), (0, 5, 3), (0, 3, 7), (8, 1, 8)]);
        assert_eq!(broken, None);
    }

    #[test]
    fn what_is_not_closed_is_told_with_its_line() {
        assert_eq!(logical_lines("a = 1\nb = 'x\n").1, Some(2));
        assert_eq!(logical_lines("a = 1\nb = [1,\n2").1, Some(2));
        assert_eq!(logical_lines("x = '''\n\n").1, Some(1));
    }

    proptest! {
        #[test]
        fn any_text_becomes_tokens_in_order(source in "([\\n\\\\'\"#(\\[\\]){}=:frb0-9a-z ]|\\PC){0,60}") {
            let (lines, _) = logical_lines(&source);
            let mut end = 0;
            for token in lines.iter().flat_map(|line| &line.tokens) {
                prop_assert!(token.span.start >= end && token.span.end > token.span.start);
                prop_assert!(source.is_char_boundary(token.span.start) && source.is_char_boundary(token.span.end));
                end = token.span.end;
            }
        }
    }
}
