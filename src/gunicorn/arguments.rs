//! Gunicorn's command line, read as Python's argparse reads it.

use super::options::{Kind, Setting, setting_of_option, settings_of_beginning};
use super::{ConfigToRead, Value};
use std::collections::BTreeMap;

/// What the arguments after the program say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    /// Values by the setting's name. Of a repeated option the last one counts; lists grow.
    pub given: BTreeMap<String, Value>,
    /// What is no option, in order; the first is the application.
    pub positional: Vec<String>,
    /// Options that no Gunicorn of 19.7 to 27.0 has, and ones without their value.
    pub unknown: Vec<String>,
}

impl Arguments {
    /// The application, `module:name`, where it is on the command line.
    pub fn application(&self) -> Option<&str> {
        self.positional.first().map(String::as_str)
    }
}

/// Reads what follows the program.
pub fn parse_arguments(arguments: &[String]) -> Arguments {
    let mut reader = Reader { rest: arguments, read: Arguments::default() };
    while let Some((argument, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        match look(argument) {
            _ if argument == "--" => {
                reader.read.positional.extend_from_slice(rest);
                break;
            }
            Word::Positional => reader.read.positional.push(argument.clone()),
            Word::Unknown => reader.read.unknown.push(argument.clone()),
            Word::Ambiguous(settings) => reader.ambiguous(argument, &settings),
            Word::Long(setting, value) => reader.option(setting, argument, value),
            Word::Short(setting, joined) => reader.short(setting, argument, joined),
        }
    }
    reader.read
}

/// What one argument is, before its neighbours are looked at.
enum Word<'a> {
    Positional,
    Unknown,
    /// A beginning that several options have; which one depends on the version.
    Ambiguous(Vec<&'static Setting>),
    /// An option, and the value after `=`.
    Long(&'static Setting, Option<&'a str>),
    /// A one-letter option with something joined to it.
    Short(&'static Setting, &'a str),
}

/// Follows `_parse_optional` of argparse, in its order.
fn look(argument: &str) -> Word<'_> {
    if !argument.starts_with('-') || argument.len() == 1 {
        return Word::Positional;
    }
    if let Some(setting) = setting_of_option(argument) {
        return Word::Long(setting, None);
    }
    let (name, value) = argument.split_once('=').map_or((argument, None), |(name, value)| (name, Some(value)));
    if let Some(setting) = setting_of_option(name) {
        return Word::Long(setting, value);
    }
    let found = if argument.starts_with("--") { abbreviated(name, value) } else { one_letter(argument) };
    // A negative number or a word with a space in it is a value, not an option.
    let is_value = argument.contains(' ') || argument[1..].parse::<f64>().is_ok();
    found.unwrap_or(if is_value { Word::Positional } else { Word::Unknown })
}

fn abbreviated<'a>(name: &str, value: Option<&'a str>) -> Option<Word<'a>> {
    match settings_of_beginning(name).as_slice() {
        [] => None,
        [only] => Some(Word::Long(only, value)),
        many => Some(Word::Ambiguous(many.to_vec())),
    }
}

fn one_letter(argument: &str) -> Option<Word<'_>> {
    let end = argument.char_indices().nth(2).map_or(argument.len(), |(at, _)| at);
    let (letter, joined) = argument.split_at(end);
    setting_of_option(letter).map(|setting| Word::Short(setting, joined))
}

/// The arguments not yet read, and what was read.
struct Reader<'a> {
    rest: &'a [String],
    read: Arguments,
}

impl Reader<'_> {
    /// `-w4`, `-DRw4`: a switch lets the next letter follow, any other option takes the rest.
    fn short(&mut self, mut setting: &'static Setting, argument: &str, mut joined: &str) {
        while matches!(setting.kind, Kind::Switch(_)) && !joined.is_empty() {
            self.option(setting, argument, None);
            let end = joined.char_indices().nth(1).map_or(joined.len(), |(at, _)| at);
            let Some(next) = setting_of_option(&format!("-{}", &joined[..end])) else {
                self.read.unknown.push(argument.to_owned());
                return;
            };
            (setting, joined) = (next, &joined[end..]);
        }
        let joined = joined.strip_prefix('=').unwrap_or(joined);
        self.option(setting, argument, Some(joined).filter(|value| !value.is_empty()));
    }

    fn option(&mut self, setting: &'static Setting, argument: &str, value: Option<&str>) {
        let value = match setting.kind {
            Kind::Switch(on) if value.is_none() => Some(Value::Flag(on)),
            Kind::Switch(_) => None,
            Kind::OptionalText => Some(self.optional(value)),
            kind => value.map(str::to_owned).or_else(|| self.next_value()).map(|text| typed(kind, text)),
        };
        match value {
            Some(value) => self.give(setting.name, value),
            None => self.read.unknown.push(argument.to_owned()),
        }
    }

    fn give(&mut self, name: &str, value: Value) {
        match (self.read.given.get_mut(name), value) {
            (Some(Value::List(list)), Value::List(more)) => list.extend(more),
            (_, value) => {
                self.read.given.insert(name.to_owned(), value);
            }
        }
    }

    /// The argument after an option, where it is no option itself.
    fn next_value(&mut self) -> Option<String> {
        let (next, rest) = self.rest.split_first()?;
        matches!(look(next), Word::Positional).then(|| {
            self.rest = rest;
            next.clone()
        })
    }

    /// `--proxy-protocol` was a switch up to 23; since 24 it takes what follows, and starts only with one of these.
    fn optional(&mut self, value: Option<&str>) -> Value {
        const MODES: [&str; 9] = ["off", "false", "0", "none", "true", "auto", "1", "v1", "v2"];
        let is_mode = |next: &String| MODES.contains(&next.trim().to_ascii_lowercase().as_str());
        match value {
            Some(value) => Value::Text(value.to_owned()),
            None if self.rest.first().is_some_and(is_mode) => self.next_value().map_or(Value::Flag(true), Value::Text),
            None => Value::Flag(true),
        }
    }

    /// The running version knew which one it was; here each of them may have been set.
    fn ambiguous(&mut self, argument: &str, settings: &[&'static Setting]) {
        let takes_value = settings.iter().all(|setting| !matches!(setting.kind, Kind::Switch(_)));
        if takes_value && !argument.contains('=') {
            self.next_value();
        }
        for setting in settings {
            self.read.given.insert(setting.name.to_owned(), Value::Computed(argument.to_owned()));
        }
    }
}

/// The value of an option's text; a number that is none stays text, and no accessor takes it for one.
fn typed(kind: Kind, text: String) -> Value {
    match kind {
        Kind::List => Value::List(vec![text.trim().to_owned()]),
        Kind::Number => decimal(&text).map_or(Value::Text(text), Value::Number),
        Kind::AnyBase => any_base(&text).map_or(Value::Text(text), Value::Number),
        _ => Value::Text(text.trim().to_owned()),
    }
}

/// A number as Python's `int(text)` takes it: spaces around it, underscores within.
fn decimal(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.trim_start_matches(['+', '-']);
    let edge = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if edge { None } else { text.replace('_', "").parse().ok() }
}

/// A number as Python's `int(text, 0)` takes it, and `022` as Gunicorn reads a mask.
pub(super) fn any_base(text: &str) -> Option<i64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'0'..=b'9', ..] => (8, &lower[1..]),
        _ => return decimal(text),
    };
    if digits.starts_with(['+', '-']) { None } else { i64::from_str_radix(&digits.replace('_', ""), base).ok() }
}

/// The configuration file that Gunicorn reads with these arguments and this `GUNICORN_CMD_ARGS`.
///
/// The command line wins over the variable; with neither, `./gunicorn.conf.py` of the directory it was started in
/// (since 19.4; `--chdir` is applied afterwards).
pub fn config_to_read(arguments: Option<&[String]>, cmd_args: Option<&str>) -> ConfigToRead {
    let words = cmd_args.and_then(super::words::split_words).unwrap_or_default();
    let named = |arguments: &[String]| match parse_arguments(arguments).given.remove("config") {
        Some(Value::Text(location)) if !location.is_empty() => Some(location),
        _ => None,
    };
    match arguments.and_then(named).or_else(|| named(&words)) {
        None => ConfigToRead::Default,
        Some(location) => match location.strip_prefix("python:") {
            Some(module) => ConfigToRead::Module(module.to_owned()),
            None => ConfigToRead::File(location.strip_prefix("file:").unwrap_or(&location).to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Arguments {
        parse_arguments(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn a_value_may_follow_be_joined_or_stand_after_an_equals_sign() {
        for line in ["-w 4", "-w4", "-w=4", "--workers 4", "--workers=4", "--worker 4 -w4", "-Dw4", "-w +4", "-w 0_4"] {
            let expected = if line.starts_with("--worker ") { None } else { Some(&Value::Number(4)) };
            let read = read(line);
            assert_eq!(expected.is_none(), read.given.contains_key("worker_class"), "{line}");
            assert_eq!(read.given.get("workers"), Some(&Value::Number(4)), "{line}");
        }
    }

    #[test]
    fn a_unique_beginning_is_the_option() {
        assert_eq!(read("--worker-tmp /x app").given["worker_tmp_dir"], Value::Text("/x".into()));
        assert_eq!(read("--worker-tmp=/x").given["worker_tmp_dir"], Value::Text("/x".into()));
        assert_eq!(read("--prel app").application(), Some("app"));
        // `--reload` is an option of its own although `--reload-engine` begins with it.
        assert_eq!(read("--reload app").given["reload"], Value::Flag(true));
    }

    #[test]
    fn a_beginning_of_several_options_may_have_set_each() {
        let read = read("--worker-c 9 app");
        assert_eq!(read.given["worker_class"], Value::Computed("--worker-c".into()));
        assert_eq!(read.given["worker_connections"], Value::Computed("--worker-c".into()));
        assert_eq!(read.application(), Some("app"));
    }

    #[test]
    fn the_last_one_counts_and_lists_grow() {
        let read = read("-b :1 -t 5 app --bind=:2 -t 6 -b:3");
        assert_eq!(read.given["bind"], list(&[":1", ":2", ":3"]));
        assert_eq!(read.given["timeout"], Value::Number(6));
        assert_eq!(read.positional, ["app"]);
    }

    #[test]
    fn a_lone_dash_is_a_value_and_two_dashes_end_the_options() {
        let read = read("--access-logfile - --log-file=- -- -w 4");
        assert_eq!(read.given["accesslog"], Value::Text("-".into()));
        assert_eq!(read.given["errorlog"], Value::Text("-".into()));
        assert_eq!(read.positional, ["-w", "4"]);
    }

    #[test]
    fn switches_set_what_they_name() {
        let read = read("-DR --no-sendfile --no-control-socket --preload app");
        for name in ["daemon", "enable_stdio_inheritance", "control_socket_disable", "preload_app"] {
            assert_eq!(read.given[name], Value::Flag(true), "{name}");
        }
        assert_eq!(read.given["sendfile"], Value::Flag(false));
    }

    #[test]
    fn proxy_protocol_is_a_switch_and_since_24_a_word() {
        assert_eq!(read("--proxy-protocol app").application(), Some("app"));
        assert_eq!(read("--proxy-protocol v2 app").given["proxy_protocol"], Value::Text("v2".into()));
        assert_eq!(read("--proxy-protocol=off app").given["proxy_protocol"], Value::Text("off".into()));
    }

    #[test]
    fn numbers_are_read_in_the_base_they_are_written_in() {
        for (text, number) in [("022", Some(18)), ("0o22", Some(18)), ("0x1F", Some(31)), ("0", Some(0)), ("9z", None)]
        {
            assert_eq!(any_base(text), number, "{text}");
        }
        assert_eq!(read("-m 022").given["umask"], Value::Number(18));
        assert_eq!(read("-w four").given["workers"], Value::Text("four".into()));
    }

    #[test]
    fn what_no_gunicorn_knows_is_kept_aside() {
        let read = read("--frobnicate -w 3 app -z --timeout");
        assert_eq!(read.unknown, ["--frobnicate", "-z", "--timeout"]);
        assert_eq!(read.given["workers"], Value::Number(3));
    }

    #[test]
    fn the_command_line_names_the_file_before_the_variable_does() {
        let line = ["-c".to_owned(), "file:/etc/a.py".to_owned()];
        assert_eq!(config_to_read(Some(&line), Some("-c b.py")), ConfigToRead::File("/etc/a.py".into()));
        assert_eq!(config_to_read(Some(&[]), Some("--config=python:x.y")), ConfigToRead::Module("x.y".into()));
        assert_eq!(config_to_read(None, None), ConfigToRead::Default);
    }

    proptest! {
        #[test]
        fn any_arguments_are_read(words in prop::collection::vec("(-{0,2}[a-zA-Z=é -]{0,12}|\\PC{0,6})", 0..12)) {
            parse_arguments(&words);
            config_to_read(Some(&words), words.first().map(String::as_str));
        }

        #[test]
        fn what_stands_after_two_dashes_is_never_lost(words in prop::collection::vec("\\PC{0,6}", 0..6)) {
            let mut line = vec!["-w4".to_owned(), "--".to_owned()];
            line.extend(words.iter().cloned());
            prop_assert_eq!(parse_arguments(&line).positional, words);
        }

        #[test]
        fn a_text_given_with_an_equals_sign_comes_back(text in "[^ \\s]{0,12}") {
            let read = parse_arguments(&[format!("--worker-tmp-dir={text}")]);
            prop_assert_eq!(&read.given["worker_tmp_dir"], &Value::Text(text));
        }
    }
}
