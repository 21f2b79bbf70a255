//! Steps of a plan, of a rollback and of a transaction: headings, numbered lists, what came of each.

use super::diff::{self, owner};
use super::shell::step_lines;
use super::wrap::{fill, labelled};
use super::{Page, remedy::hanging, visible};
use crate::plan::{Action, Change, DirectoryImage, MountImage, Trouble};
use clap::builder::styling::{AnsiColor, Style};

/// Columns that a diff and what else belongs to a step are indented by.
const BELOW: usize = 4;

/// How a step went, for people: its word and how that looks.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// The word.
    pub text: &'static str,
    /// Its look.
    pub look: Style,
}

impl Word {
    /// It is as it was wanted.
    pub fn good(text: &'static str) -> Self {
        Self { text, look: AnsiColor::Green.on_default() }
    }

    /// Nothing happened, and that is as it should be.
    pub fn quiet(text: &'static str) -> Self {
        Self { text, look: Style::new().dimmed() }
    }

    /// It is not what was asked for, and nothing is lost.
    pub fn odd(text: &'static str) -> Self {
        Self { text, look: AnsiColor::Yellow.on_default().bold() }
    }

    /// Somebody has to look at it.
    pub fn bad(text: &'static str) -> Self {
        Self { text, look: AnsiColor::Red.on_default().bold() }
    }
}

/// A step with its number, counted from 1, how it went, and what is said below it.
pub struct Result {
    /// Number.
    pub number: usize,
    /// Heading.
    pub title: String,
    /// How it went.
    pub word: Word,
    /// What is said below it.
    pub below: Vec<Below>,
}

/// What is said below a step.
pub enum Below {
    /// Sentences; line ends stay.
    Text(String),
    /// A label, and a command or a step by hand.
    Command(&'static str, String),
    /// The difference that the step makes.
    Difference(Action),
}

/// The heading of a step with all that is changed and stands in no diff.
pub fn heading(action: &Action) -> String {
    let Action::Change(change) = action else { return action.to_string() };
    match details(change) {
        Some(details) => format!("{change}{details}"),
        None => change.to_string(),
    }
}

fn details(change: &Change) -> Option<String> {
    let directory = |image: &DirectoryImage| format!("{:04o} {}", image.mode, owner(image.owner));
    let options = |image: &MountImage| image.options.join(", ");
    match change {
        Change::Directory { before: Some(before), after: Some(after), .. } => {
            Some(format!(" ({} to {})", directory(before), directory(after)))
        }
        Change::Directory { after: Some(image), .. } => Some(format!(" ({})", directory(image))),
        Change::Link { before: Some(before), after: Some(after), .. } => Some(format!(" to {after}, was {before}")),
        Change::Link { after: Some(text), .. } => Some(format!(" to {text}")),
        Change::Mount { before: Some(before), after: Some(after), .. } => {
            Some(format!(": {}; now {}", options(after), options(before)))
        }
        Change::Mount { after: Some(image), .. } => Some(format!(": {}", options(image))),
        Change::ProcessLimit { before, after, .. } if before.hard != after.hard => {
            Some(format!(", hard from {} to {}", before.hard, after.hard))
        }
        _ => None,
    }
}

/// The steps with their numbers and diffs, as they will be done.
pub fn numbered<'a>(actions: impl ExactSizeIterator<Item = &'a Action>, page: &Page) -> String {
    let digits = actions.len().to_string().len();
    let one = |(at, action)| {
        let label = format!("{:>digits$}  ", at + 1);
        labelled(&label, &visible(&heading(action)), page.width) + &difference(action, page)
    };
    actions.enumerate().map(one).collect()
}

/// The diff of a step, below its heading.
pub fn difference(action: &Action, page: &Page) -> String {
    match action {
        Action::Change(change) => diff::shown(change, BELOW, page),
        Action::Reload | Action::Restart(_) => String::new(),
    }
}

/// What came of each step.
pub fn results(all: &[Result], page: &Page) -> String {
    let words = all.iter().map(|result| result.word.text.len()).max().unwrap_or(0);
    let digits = all.iter().map(|result| result.number.to_string().len()).max().unwrap_or(0);
    all.iter().map(|one| result(one, words, digits, page)).collect()
}

fn result(one: &Result, words: usize, digits: usize, page: &Page) -> String {
    let word = one.word.text;
    let label = format!("{word:<words$}  {:>digits$}  ", one.number);
    let mut out = labelled(&label, &visible(&one.title), page.width);
    out = out.replacen(word, &page.paint.with(one.word.look, word), 1);
    out.extend(one.below.iter().map(|said| below(said, page)));
    out
}

fn below(said: &Below, page: &Page) -> String {
    let lead = " ".repeat(BELOW);
    let room = page.width.saturating_sub(BELOW);
    match said {
        Below::Command(label, text) => {
            let lead = format!("{lead}{label}");
            hanging(&lead, step_lines(&visible(text), page.width.saturating_sub(lead.len())))
        }
        Below::Difference(action) => difference(action, page),
        Below::Text(text) => {
            let parts = text.lines().flat_map(|line| fill(&visible(line), room));
            parts.map(|part| format!("{lead}{part}\n")).collect()
        }
    }
}

/// What is said of trouble below its step.
pub fn trouble(trouble: &Trouble) -> Vec<Below> {
    let hint = trouble.hint.clone().map(|hint| Below::Command("hint: ", hint));
    std::iter::once(Below::Text(trouble.to_string())).chain(hint).collect()
}
