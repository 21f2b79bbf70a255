//! The text of `GUNICORN_CMD_ARGS`, with another directory for heartbeat files.

use crate::gunicorn::{Value, parse_arguments, split_words};
use std::ops::Range;

/// The variable.
pub(super) const VARIABLE: &str = "GUNICORN_CMD_ARGS";

/// Its text, which Gunicorn splits as Python's `shlex.split` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CmdArgs {
    text: String,
    words: Vec<String>,
}

impl CmdArgs {
    /// Nothing where a quotation is not closed: Gunicorn does not start with such a text.
    pub fn read(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), words: split_words(text)? })
    }

    /// What `--worker-tmp-dir` sets, in any spelling.
    pub fn directory(&self) -> Option<String> {
        directory_in(&self.words)
    }

    /// The text with this directory. What is there stays in its words; an earlier directory goes.
    pub fn with_directory(&self, directory: &str) -> String {
        if self.directory().as_deref() == Some(directory) {
            return self.text.clone();
        }
        let ours = option(directory);
        let end = self.options_end();
        let old = old_options(&self.words[..end]);
        if self.words.is_empty() {
            return ours;
        }
        if old.is_empty() && end == self.words.len() {
            return format!("{} {ours}", self.text);
        }
        let is_kept = |at: &usize| !old.iter().any(|range| range.contains(at));
        let kept = (0..end).filter(is_kept).map(|at| quoted(&self.words[at]));
        // What follows `--` are arguments, an option no more.
        let after = self.words[end..].iter().map(|word| quoted(word));
        kept.chain([ours]).chain(after).collect::<Vec<_>>().join(" ")
    }

    /// Where options end: at `--`, else with the words.
    fn options_end(&self) -> usize {
        self.words.iter().position(|word| word == "--").unwrap_or(self.words.len())
    }
}

/// The option as a line of `GUNICORN_CMD_ARGS` or of a shell has it.
pub(super) fn option(directory: &str) -> String {
    format!("--worker-tmp-dir {}", quoted(directory))
}

/// What the arguments set as the directory of heartbeat files.
pub(super) fn directory_in(arguments: &[String]) -> Option<String> {
    match parse_arguments(arguments).given.remove("worker_tmp_dir") {
        Some(Value::Text(directory)) => Some(super::trimmed(&directory).to_owned()),
        _ => None,
    }
}

/// The places of `--worker-tmp-dir` with their values. argparse takes any beginning that only one option has, and a
/// value that stands apart or after an equals sign.
fn old_options(words: &[String]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let (name, joined) = word.split_once('=').map_or((word.as_str(), false), |(name, _)| (name, true));
        let is_ours = name.starts_with("--") && directory_in(&[format!("{name}=x")]).is_some();
        let with_next = words.get(at..at + 2).filter(|_| !joined).is_some_and(|pair| directory_in(pair).is_some());
        let length = if is_ours && with_next { 2 } else { 1 };
        if is_ours {
            found.push(at..at + length);
        }
        at += length;
    }
    found
}

/// A word as Python's `shlex.quote` writes it. A shell's rules differ inside double quotes, so none are used alone.
fn quoted(word: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r#"'"'"'"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gunicorn::Arguments;
    use proptest::prelude::*;

    fn merged(text: &str, directory: &str) -> String {
        CmdArgs::read(text).unwrap().with_directory(directory)
    }

    #[test]
    fn what_is_there_stays_in_its_words() {
        for (text, expected) in [
            ("", "--worker-tmp-dir /mem"),
            (" \t", "--worker-tmp-dir /mem"),
            ("--workers 4", "--workers 4 --worker-tmp-dir /mem"),
            ("-e \"A=b c\"  -w4", "-e \"A=b c\"  -w4 --worker-tmp-dir /mem"),
            (r"--name a\ ", r"--name a\  --worker-tmp-dir /mem"),
            ("-w4 -- app", "-w4 --worker-tmp-dir /mem -- app"),
            ("-- --worker-tmp-dir /x", "--worker-tmp-dir /mem -- --worker-tmp-dir /x"),
        ] {
            assert_eq!(merged(text, "/mem"), expected, "{text}");
        }
    }

    #[test]
    fn an_earlier_directory_goes_however_it_was_spelled() {
        // Each was taken for the option by Gunicorn 20.1, 21.2, 23.0 and 27.0.
        for old in ["--worker-tmp-dir /tmp", "--worker-tmp-dir=/tmp", "--worker-t /tmp", "--worker-tmp='/my tmp'"] {
            assert_eq!(merged(&format!("-w4 {old} -b ':1'"), "/mem"), "-w4 -b :1 --worker-tmp-dir /mem", "{old}");
        }
        assert_eq!(merged("--worker-tmp-dir /a --worker-tmp-dir /b", "/mem"), "--worker-tmp-dir /mem");
        assert_eq!(merged("--worker-tmp-dir /a --worker-tmp-dir /mem/", "/mem").matches("worker").count(), 2);
    }

    #[test]
    fn other_options_that_begin_alike_stay() {
        let text = "--workers 4 --worker-class gthread --worker-connections=5";
        assert_eq!(merged(text, "/mem"), format!("{text} --worker-tmp-dir /mem"));
    }

    #[test]
    fn a_directory_is_one_word() {
        assert_eq!(option("/my mem"), "--worker-tmp-dir '/my mem'");
        assert_eq!(option("/it's $5"), r#"--worker-tmp-dir '/it'"'"'s $5'"#);
    }

    #[test]
    fn a_quotation_that_is_not_closed_is_no_text() {
        assert_eq!(CmdArgs::read("-n 'x"), None);
    }

    /// What the words say beside the directory.
    fn others(words: &[String]) -> Arguments {
        let mut read = parse_arguments(words);
        read.given.remove("worker_tmp_dir");
        read.unknown.clear();
        read
    }

    /// Words of an option, and whether they are an earlier directory.
    fn words() -> impl Strategy<Value = (Vec<String>, bool)> {
        let value = "[a-z'\"\\\\ $%#]{1,6}".prop_map(|v| format!("/{v}"));
        let old = ("--worker-t(mp(-dir)?)?", value.clone(), any::<bool>()).prop_map(|(name, value, joined)| {
            (if joined { vec![format!("{name}={value}")] } else { vec![name, value] }, true)
        });
        let other =
            ("(-w|--workers|-b|-e|--name|--worker-class)", value).prop_map(|(name, value)| (vec![name, value], false));
        prop_oneof![old, other, Just((vec!["--preload".to_owned()], false))]
    }

    proptest! {
        #[test]
        fn the_old_words_without_an_old_directory_and_ours_remain(
            groups in prop::collection::vec(words(), 0..6), directory in "/[a-z'\"\\\\ $%#]{1,8}[a-z]"
        ) {
            let all: Vec<String> = groups.iter().flat_map(|(words, _)| words.clone()).collect();
            let text = all.iter().map(|word| quoted(word)).collect::<Vec<_>>().join("  ");
            let args = CmdArgs::read(&text).unwrap();
            prop_assert_eq!(&args.words, &all);
            let kept = groups.iter().filter(|(_, is_old)| !is_old).flat_map(|(words, _)| words.clone());
            let expected: Vec<String> = kept.chain(["--worker-tmp-dir".to_owned(), directory.clone()]).collect();
            prop_assert_eq!(split_words(&args.with_directory(&directory)), Some(expected));
        }

        #[test]
        fn any_text_gives_the_same_settings_and_our_directory(
            text in "(-{0,2}[a-zA-Z=' \"\\\\]{0,10}|--worker-t(mp-dir)?[= ]/[a-z]| -- |\\PC{0,6}){0,6}",
            directory in "/[^\0]{0,8}[a-z]"
        ) {
            let Some(args) = CmdArgs::read(&text) else { return Ok(()) };
            let merged = args.with_directory(&directory);
            let words = split_words(&merged).unwrap();
            prop_assert_eq!(directory_in(&words), Some(directory.trim().to_owned()));
            prop_assert_eq!(others(&words), others(&args.words));
            prop_assert_eq!(CmdArgs::read(&merged).unwrap().with_directory(&directory), merged);
        }
    }
}
