//! Files of `EnvironmentFile=` (systemd.exec(5)), read and written as systemd's own reader takes them.
//!
//! Its rules are not a shell's: quotes mean something only before the first plain character of a value, `export` is a
//! part of the name, `$` and `%` stand for themselves.

use serde::Serialize;

/// One assignment of such a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentLine {
    /// The name as written. One that no variable can have, such as `export A`, is ignored by systemd.
    pub name: String,
    /// The value, without quotes and escapes.
    pub value: String,
    /// The line it begins in, from 1.
    pub line: usize,
}

/// The assignments of a file in order; of two with one name the last counts.
///
/// A comment that ends in a backslash ends with its line, as since systemd 254; before, it swallowed the next one.
pub fn parse_environment_file(bytes: &[u8]) -> Vec<EnvironmentLine> {
    let mut reader = Reader::default();
    for c in String::from_utf8_lossy(bytes).chars() {
        reader.take(c);
        reader.line += usize::from(c == '\n');
    }
    reader.end()
}

/// A line for such a file that gives this variable this value.
pub fn environment_file_line(name: &str, value: &str) -> String {
    let escaped: String =
        value.chars().flat_map(|c| MARKED.contains(&c).then_some('\\').into_iter().chain([c])).collect();
    format!("{name}=\"{escaped}\"")
}

/// What a backslash takes its meaning from inside double quotes.
const MARKED: [char; 4] = ['"', '\\', '`', '$'];

/// Where in an assignment the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    BeforeName,
    Name,
    /// After the equals sign, and again after a closing quote.
    BeforeValue,
    Value,
    Escape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

#[derive(Default)]
struct Reader {
    state: State,
    read: Vec<EnvironmentLine>,
    name: String,
    value: String,
    /// How much of the value stays when blanks that nothing protects are cut from its end.
    protected: usize,
    /// Lines before this character.
    line: usize,
    /// The line the name begins in, from 1.
    began: usize,
}

impl Reader {
    /// Follows `parse_env_file_internal` of systemd state by state.
    fn take(&mut self, c: char) {
        let ends = is_end(c);
        self.state = match self.state {
            State::BeforeName if matches!(c, '#' | ';') => State::Comment,
            State::BeforeName if is_blank(c) => State::BeforeName,
            State::BeforeName => self.begin(c),
            State::Name if ends => State::BeforeName,
            State::Name if c == '=' => State::BeforeValue,
            State::Name => self.keep_name(c),
            State::BeforeValue | State::Value if ends => self.finish(),
            State::BeforeValue if c == '\'' => State::Single,
            State::BeforeValue if c == '"' => State::Double,
            State::BeforeValue if is_blank(c) => State::BeforeValue,
            State::BeforeValue | State::Value if c == '\\' => self.protect(State::Escape),
            State::BeforeValue | State::Value => self.keep_plain(c),
            State::Escape if ends => State::Value,
            State::Escape => self.keep(c, State::Value),
            State::Single if c == '\'' => State::BeforeValue,
            State::Single => self.keep(c, State::Single),
            State::Double if c == '"' => State::BeforeValue,
            State::Double if c == '\\' => State::DoubleEscape,
            State::Double => self.keep(c, State::Double),
            State::DoubleEscape if c == '\n' => State::Double,
            State::DoubleEscape => self.keep_escaped(c),
            State::Comment if c == '\\' => State::CommentEscape,
            State::Comment | State::CommentEscape if ends => State::BeforeName,
            State::Comment | State::CommentEscape => State::Comment,
        };
    }

    fn begin(&mut self, c: char) -> State {
        self.name = c.into();
        self.began = self.line + 1;
        self.value.clear();
        self.protected = 0;
        State::Name
    }

    fn keep_name(&mut self, c: char) -> State {
        self.name.push(c);
        State::Name
    }

    fn keep(&mut self, c: char, next: State) -> State {
        self.value.push(c);
        self.protect(next)
    }

    /// A backslash in double quotes stays before anything that it does not mark.
    fn keep_escaped(&mut self, c: char) -> State {
        if !MARKED.contains(&c) {
            self.value.push('\\');
        }
        self.keep(c, State::Double)
    }

    fn keep_plain(&mut self, c: char) -> State {
        self.value.push(c);
        if is_blank(c) { State::Value } else { self.protect(State::Value) }
    }

    fn protect(&mut self, next: State) -> State {
        self.protected = self.value.len();
        next
    }

    fn finish(&mut self) -> State {
        self.value.truncate(self.protected);
        let name = self.name.trim_end_matches(is_blank).to_owned();
        self.read.push(EnvironmentLine { name, value: std::mem::take(&mut self.value), line: self.began });
        State::BeforeName
    }

    /// A last line without its end, or with a quotation that is not closed, counts as well.
    fn end(mut self) -> Vec<EnvironmentLine> {
        if !matches!(self.state, State::BeforeName | State::Name | State::Comment | State::CommentEscape) {
            self.finish();
        }
        self.read
    }
}

fn is_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        let lines = parse_environment_file(text.as_bytes());
        lines.into_iter().map(|one| (one.name, one.value, one.line)).collect()
    }

    fn values(text: &str) -> Vec<String> {
        read(text).into_iter().map(|(_, value, _)| value).collect()
    }

    #[test]
    fn comments_and_lines_without_an_equals_sign_count_for_nothing() {
        let text = "# A=1\n ; B=2\nnothing\n\n C = 3 \r\nD=";
        assert_eq!(read(text), [("C".into(), "3".into(), 5), ("D".into(), String::new(), 6)]);
    }

    #[test]
    fn values_are_what_systemd_made_of_them() {
        // As load_env_file of systemd 252 read them.
        for (text, value) in [
            (r#"A="3 4""#, "3 4"),
            (r"A='3 \ 4'", r"3 \ 4"),
            (r#"A=x"y z" "#, r#"x"y z""#),
            (r#"A="x" 'y'z "#, "xyz"),
            (r#"A="\$ \` \\ \" \n""#, r#"$ ` \ " \n"#),
            (r"A=a\ \b\\ ", r"a b\"),
            ("A=1\\\n2 ", "12"),
            ("A=\"1\\\n2\n3\"", "12\n3"),
            (r"A=x\ ", "x "),
            ("A=$HOME %i # no comment", "$HOME %i # no comment"),
            ("A=\"open", "open"),
        ] {
            assert_eq!(values(text), [value], "{text}");
        }
    }

    #[test]
    fn a_value_over_several_lines_has_the_number_of_its_first() {
        let lines = read("A=1\\\n2\nB='x\ny'\nC=3\n");
        assert_eq!(
            lines.iter().map(|(name, _, line)| (name.as_str(), *line)).collect::<Vec<_>>(),
            [("A", 1), ("B", 3), ("C", 5)]
        );
    }

    #[test]
    fn export_is_a_part_of_the_name() {
        assert_eq!(read("export A=1\n")[0].0, "export A");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            parse_environment_file(&bytes);
        }

        #[test]
        fn what_is_written_comes_back_among_other_lines(value in "[^\0]*", before in "(#[a-z ]{0,9}\n|[A-Z]=[a-z ]{0,9}\n){0,3}") {
            let line = environment_file_line("NAME", &value);
            let lines = parse_environment_file(format!("{before}{line}\nLAST=1\n").as_bytes());
            let [.., own, last] = lines.as_slice() else { panic!("{lines:?}") };
            prop_assert_eq!((own.name.as_str(), &own.value), ("NAME", &value));
            prop_assert_eq!(own.line, before.matches('\n').count() + 1);
            prop_assert_eq!(&last.name, "LAST");
        }

        #[test]
        fn plain_lines_are_all_kept_with_their_numbers(values in proptest::collection::vec("[a-z]([a-z ]{0,8}[a-z])?", 1..8)) {
            let text: String = values.iter().map(|v| format!("K={v}\n")).collect();
            for (index, (line, written)) in parse_environment_file(text.as_bytes()).iter().zip(&values).enumerate() {
                prop_assert_eq!((&line.value, line.line), (written, index + 1));
            }
        }
    }
}
