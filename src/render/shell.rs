//! Commands and steps by hand, so that what is pasted is what is meant.

use super::wrap::fill;
use crate::units::gtune_for;

/// Lines of a command no longer than `width` where that is possible: broken between words with a backslash, never
/// inside a word or a quoted text. A comment at its end moves to a line below, so that the command comes first.
pub fn command_lines(command: &str, width: usize) -> Vec<String> {
    if command.chars().count() <= width {
        return vec![command.to_owned()];
    }
    let (command, comment) = split_comment(command);
    let comment = comment.map(|text| fill(text, width.saturating_sub(2))).unwrap_or_default();
    let mut lines = vec![];
    let room = width.saturating_sub(2);
    let mut current = String::new();
    for word in words(command) {
        if current.is_empty() {
            current = word.to_owned();
        } else if current.chars().count() + 1 + word.chars().count() <= room {
            current = format!("{current} {word}");
        } else {
            lines.push(format!("{current} \\"));
            current = format!("  {word}");
        }
    }
    lines.push(current);
    lines.extend(comment.iter().map(|line| format!("# {line}")));
    lines
}

/// A command of gtune's for the host below a root, as the operator can paste it.
pub fn gtune(root: &str, words: &str) -> String {
    format!("{} {words}", gtune_for(root))
}

/// A sentence that ends in a command: on one line where there is room, else the command below it, so that it can be
/// copied.
pub fn closing(sentence: &str, command: &str, width: usize) -> String {
    if sentence.chars().count() + 1 + command.chars().count() <= width {
        return format!("{sentence} {command}\n");
    }
    let command = command_lines(command, width.saturating_sub(2)).into_iter().map(|line| format!("  {line}"));
    fill(sentence, width).into_iter().chain(command).map(|line| line + "\n").collect()
}

/// Lines of a step by hand: a sentence is filled, a command is kept whole.
pub fn step_lines(step: &str, width: usize) -> Vec<String> {
    if is_sentence(step) { fill(step, width) } else { command_lines(step, width) }
}

/// Steps are written either as a sentence or as a command. A sentence begins with a capital, has a comma or colon
/// after a word, or a run of plain words longer than any command has.
fn is_sentence(step: &str) -> bool {
    const RUN: usize = 4;
    let bare = without_apostrophes(step);
    let words = words(split_comment(&bare).0);
    let mut first = step.chars();
    let has_capital = first.next().is_some_and(char::is_uppercase) && first.next().is_none_or(char::is_lowercase);
    let is_plain = |word: &&str| word.chars().all(char::is_alphabetic);
    let has_run = words.windows(RUN).any(|run| run.iter().all(is_plain));
    has_capital || has_run || words.iter().any(|word| word.ends_with([',', ':']))
}

/// A text without the apostrophes between two letters, which quote nothing in a sentence.
fn without_apostrophes(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_letter = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|letter| letter.is_alphabetic());
    let is_apostrophe =
        |at: usize, letter: char| letter == '\'' && is_letter(at.checked_sub(1)) && is_letter(at.checked_add(1));
    letters.iter().enumerate().filter(|(at, letter)| !is_apostrophe(*at, **letter)).map(|(_, letter)| *letter).collect()
}

/// Words of a command with their quotes.
fn words(command: &str) -> Vec<&str> {
    let mut quote = Quote::None;
    let is_break = |letter: char| {
        let bare = quote == Quote::None;
        quote = quote.after(letter);
        letter == ' ' && bare
    };
    command.split(is_break).filter(|word| !word.is_empty()).collect()
}

/// A comment begins at a `#` that begins a word, outside quotes.
fn split_comment(command: &str) -> (&str, Option<&str>) {
    let mut quote = Quote::None;
    let mut before = ' ';
    for (at, letter) in command.char_indices() {
        if letter == '#' && before == ' ' && quote == Quote::None && at > 0 {
            return (command[..at].trim_end(), Some(command[at + 1..].trim_start()));
        }
        quote = quote.after(letter);
        before = letter;
    }
    (command, None)
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    Single,
    Double,
    Escaped,
    EscapedInDouble,
}

impl Quote {
    fn after(self, letter: char) -> Self {
        match (self, letter) {
            (Self::None, '\'') => Self::Single,
            (Self::None, '"') => Self::Double,
            (Self::None, '\\') => Self::Escaped,
            (Self::Single, '\'') | (Self::Double, '"') | (Self::Escaped, _) => Self::None,
            (Self::Double, '\\') => Self::EscapedInDouble,
            (Self::EscapedInDouble, _) => Self::Double,
            (quote, _) => quote,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_apostrophe_makes_no_command_of_a_sentence() {
        let step = "the host's 470 MiB are taken by its processes, and there is no swap: MemoryMax= bounds one";
        assert!(step_lines(step, 40).iter().all(|line| line.len() <= 40 && !line.ends_with('\\')));
    }

    #[test]
    fn a_command_that_fits_stays_as_it_is() {
        assert_eq!(command_lines("ss -ltn  # queues", 40), ["ss -ltn  # queues"]);
    }

    #[test]
    fn a_long_command_goes_on_after_a_backslash() {
        let lines = command_lines("gtune apply --tmpfs /mem --unit gunicorn.service", 30);
        assert_eq!(lines, ["gtune apply --tmpfs /mem \\", "  --unit gunicorn.service"]);
    }

    #[test]
    fn quoted_text_is_never_broken() {
        let lines = command_lines("printf '%s %s %s' \"a b c d\" > /etc/sysctl.d/60-x.conf", 20);
        assert!(lines.iter().any(|line| line.contains("'%s %s %s'")), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("\"a b c d\"")), "{lines:?}");
    }

    #[test]
    fn a_comment_moves_below_a_command_that_has_no_room_for_it() {
        let lines = command_lines("grep 'open files' /proc/PID/limits   # the running process", 36);
        assert_eq!(lines, ["grep 'open files' /proc/PID/limits", "# the running process"]);
    }

    #[test]
    fn a_sentence_is_filled() {
        assert_eq!(step_lines("Restart the service at night.", 14), ["Restart the", "service at", "night."]);
        assert!(is_sentence("simplest: start Gunicorn with --worker-tmp-dir /dev/shm"));
        assert!(is_sentence("raise --timeout only where requests are meant to take that long"));
        assert!(!is_sentence("grep 'open files: a, b' /proc/PID/limits   # what counts: the process"));
        assert!(!is_sentence("systemctl daemon-reload && systemctl restart UNIT"));
    }

    proptest! {
        #[test]
        fn a_broken_command_means_the_same_to_a_shell(command in "[a-z'\"\\\\ =/.-]{0,80}", width in 4usize..60) {
            prop_assume!(shlex::split(&command).is_some());
            let joined = command_lines(&command, width).join("\n").replace("\\\n", " ");
            prop_assert_eq!(shlex::split(&joined), shlex::split(&command));
        }
    }
}
