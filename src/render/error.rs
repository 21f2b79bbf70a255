//! The last step of every run: what is printed where, and what a stream that is closed or full does to the exit code.

use super::nagios;
use super::page::paint;
use super::shell::gtune;
use super::style::Paint;
use super::visible;
use crate::cli::{ColorWhen, Format, Global};
use crate::command::{Answer, ExitCode, Failure};
use clap::builder::styling::AnsiColor;
use clap::error::{ContextKind, ContextValue};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};

/// Prints an answer and gives the number to exit with.
pub fn answer(answer: &Answer) -> u8 {
    print(&answer.text, answer.exit)
}

/// Prints why there is no answer, and gives the number to exit with.
pub fn failure(failure: &Failure, global: &Global) -> u8 {
    complain(&failure.to_string(), failure.hint(), paint(global.color, &io::stderr()));
    match global.format {
        Format::Nagios => print(&nagios::unknown(&failure.to_string()), nagios::PluginState::Unknown.number()),
        _ => failure.code().number(),
    }
}

/// Prints help or the version, or what is wrong with the command line, and gives the number to exit with.
///
/// A plugin's usage errors are UNKNOWN by convention, since 2 would be taken for CRITICAL; the arguments are looked
/// at once more to tell whether it is one.
pub fn usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let asked = paint(ColorWhen::Auto, &io::stdout());
    if !error.use_stderr() {
        return print(&rendered(error, asked), ExitCode::Healthy.number());
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        to_stderr(&rendered(error, paint(ColorWhen::Auto, &io::stderr())));
        return ExitCode::Usage.number();
    }
    let wrong = first_line(error);
    complain(
        &format!("cannot read the command line: {wrong}"),
        Some(&hint(error, arguments)),
        paint(ColorWhen::Auto, &io::stderr()),
    );
    if asks_for_nagios(arguments) {
        return print(&nagios::unknown(&wrong), nagios::PluginState::Unknown.number());
    }
    ExitCode::Usage.number()
}

/// Writes the whole of a text to stdout. A reader that went away has seen what it wanted; any other fault loses the
/// answer, and that must not look like one.
fn print(text: &str, exit: u8) -> u8 {
    match write_all(text) {
        Ok(()) => exit,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit,
        Err(error) => {
            let why = crate::host::told(&error);
            complain(&format!("cannot write the answer: {why}"), None, paint(ColorWhen::Auto, &io::stderr()));
            ExitCode::CouldNotChange.number()
        }
    }
}

fn write_all(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn complain(message: &str, hint: Option<&str>, paint: Paint) {
    let name = paint.with(AnsiColor::Red.on_default().bold(), "gtune:");
    let mut text = format!("{name} {}\n", visible(message));
    if let Some(hint) = hint {
        text += &format!("{} {}\n", paint.with(AnsiColor::Cyan.on_default(), "hint:"), visible(hint));
    }
    to_stderr(&text);
}

/// Nobody is left to tell where stderr is closed.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn rendered(error: &clap::Error, paint: Paint) -> String {
    match paint {
        Paint::Colour => error.render().ansi().to_string(),
        Paint::Plain => error.render().to_string(),
    }
}

/// What is wrong, without clap's layout: `invalid value 'x' for '[CHECK]...'`. What was not given stands on lines of
/// its own, and belongs to it.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let head = text.split("\n\n").next().unwrap_or(text);
    let lines = head.lines().map(str::trim).filter(|line| !line.starts_with("[possible values"));
    lines.collect::<Vec<_>>().join(" ")
}

/// The nearest thing that would have been right, else where help is.
fn hint(error: &clap::Error, arguments: &[OsString]) -> String {
    const SUGGESTIONS: [ContextKind; 4] = [
        ContextKind::SuggestedValue,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedCommand,
    ];
    let nearest = SUGGESTIONS.iter().find_map(|kind| error.get(*kind).and_then(text_of));
    let is_check = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg.contains("CHECK"),
        Some(ContextValue::Strings(all)) => all.iter().any(|arg| arg.contains("CHECK")),
        _ => false,
    };
    if error.kind() == clap::error::ErrorKind::ArgumentConflict && error.get(ContextKind::InvalidArg).is_none() {
        // The one conflict that clap does not know of itself: a form of output that this verb does not have.
        return "use --format table or --format json".to_owned();
    }
    if error.kind() == clap::error::ErrorKind::MissingRequiredArgument && first_line(error).contains("--recommended") {
        let command = gtune(&root(arguments), "apply --recommended --dry-run");
        return format!("{command}   # shows what doctor would have done");
    }
    match (nearest, is_check) {
        (Some(near), true) => format!("did you mean {near}? gtune doctor --list names all checks"),
        (None, true) => "gtune doctor --list names all checks".to_owned(),
        (Some(near), false) => format!("did you mean {near}?"),
        (None, false) => possible(error).unwrap_or("gtune --help names commands and options".to_owned()),
    }
}

fn possible(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(all)) if !all.is_empty() => Some(format!("one of {}", all.join(", "))),
        _ => None,
    }
}

fn text_of(value: &ContextValue) -> Option<String> {
    match value {
        ContextValue::String(one) => Some(one.clone()),
        ContextValue::Strings(all) => all.first().cloned(),
        ContextValue::StyledStr(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The root that the command line names, `/` where it names none.
fn root(arguments: &[OsString]) -> String {
    let words: Vec<Cow<'_, str>> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let together = words.iter().find_map(|word| word.strip_prefix("--root="));
    let apart = words.windows(2).find_map(|pair| (pair[0] == "--root").then_some(pair[1].as_ref()));
    together.or(apart).unwrap_or("/").to_owned()
}

fn asks_for_nagios(arguments: &[OsString]) -> bool {
    let together = arguments.iter().any(|argument| argument == OsStr::new("--format=nagios"));
    together || arguments.windows(2).any(|pair| pair[0] == OsStr::new("--format") && pair[1] == OsStr::new("nagios"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> clap::Error {
        crate::cli::parse(words(line), 80).unwrap_err()
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn hint(line: &str) -> String {
        super::hint(&error(line), &words(line))
    }

    #[test]
    fn what_is_wrong_with_a_command_line_is_one_line() {
        for line in ["gtune frob", "gtune doctor --pid x", "gtune explain", "gtune doctor --fail-on", "gtune --nope"] {
            let text = first_line(&error(line));
            assert!(!text.is_empty() && !text.contains('\n'), "{line}: {text}");
            assert!(!hint(line).contains('\n'));
        }
    }

    #[test]
    fn the_nearest_word_is_offered() {
        assert_eq!(hint("gtune docto"), "did you mean doctor?");
        assert_eq!(hint("gtune doctor --skp x"), "did you mean --skip?");
        assert_eq!(hint("gtune doctor --fail-on x"), "one of critical, warning, info");
        assert_eq!(hint("gtune explain fstab --format nagios"), "use --format table or --format json");
        assert_eq!(hint("gtune explain"), "gtune doctor --list names all checks");
        assert_eq!(hint("gtune doctor zzzzzzzz"), "gtune doctor --list names all checks");
        assert!(hint("gtune apply --dry-run").starts_with("gtune apply --recommended --dry-run "));
        for named in ["--root /mnt", "--root=/mnt"] {
            let hint = hint(&format!("gtune {named} apply"));
            assert!(hint.starts_with("gtune --root /mnt apply --recommended --dry-run "), "{hint}");
        }
        assert_eq!(hint("gtune history --format nagios"), "use --format table or --format json");
    }

    #[test]
    fn a_plugin_is_told_by_its_arguments() {
        let arguments = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(asks_for_nagios(&arguments("gtune doctor --format nagios --x")));
        assert!(asks_for_nagios(&arguments("gtune --format=nagios doctor --x")));
        assert!(!asks_for_nagios(&arguments("gtune doctor nagios")));
    }
}
