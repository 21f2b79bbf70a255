//! What a change does to a file, as a unified diff.

use super::{Page, visible};
use crate::plan::{Change, FileImage, Owner};
use clap::builder::styling::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};
use tabled::grid::util::string::get_text_width;

/// Lines of others that are shown around a change, as diff(1) and patch(1) have it.
const CONTEXT: usize = 3;

/// Above this many bytes a file is summed up: nobody reads such a difference, and a configuration file is far smaller.
const LARGEST: usize = 1 << 20;

/// Columns between the stops that a terminal expands tabs to.
const TAB: usize = 8;

/// Where a line of a diff that is longer than the page goes on.
const GOES_ON: char = '|';

/// The line that says what diff(1) says of a file whose last line has no end.
const NO_END: &str = "\\ No newline at end of file";

/// A line of a diff, with its sign and without its end.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    tag: Option<ChangeTag>,
    text: String,
}

/// The diff of a change of a file, exact, for programs; none of other changes.
pub fn exact(change: &Change) -> Option<String> {
    let lines = lines(change)?;
    Some(lines.iter().map(|line| format!("{}\n", line.text)).collect())
}

/// The diff of a change of a file, for people: indented, folded to the page, nothing in it can steer the terminal.
pub fn shown(change: &Change, indent: usize, page: &Page) -> String {
    let lines = lines(change).unwrap_or_default();
    lines.iter().map(|line| shown_line(line, indent, page)).collect()
}

fn lines(change: &Change) -> Option<Vec<Line>> {
    match change {
        Change::File { path, before, after } | Change::Line { path, before, after, .. } => {
            Some(of_file(path, before.as_ref(), after.as_ref()))
        }
        _ => None,
    }
}

fn of_file(path: &str, before: Option<&FileImage>, after: Option<&FileImage>) -> Vec<Line> {
    let name = |image: Option<&FileImage>| image.map_or("/dev/null", |_| path).to_owned();
    let mut lines = attributes(before, after);
    let bytes = |image: Option<&FileImage>| image.map(|file| file.content.0.clone()).unwrap_or_default();
    let (old, new) = (bytes(before), bytes(after));
    if old == new {
        return lines;
    }
    if [&old, &new].into_iter().any(|bytes| bytes.len() > LARGEST || bytes.contains(&0)) {
        lines.push(Line::note(format!("from {} to {} bytes that are no text", old.len(), new.len())));
        return lines;
    }
    lines.push(Line::note(format!("--- {}", name(before))));
    lines.push(Line::note(format!("+++ {}", name(after))));
    lines.extend(hunks(&old, &new));
    lines
}

/// Mode and owner, where they change or are not what gtune makes by itself.
fn attributes(before: Option<&FileImage>, after: Option<&FileImage>) -> Vec<Line> {
    let usual = FileImage::configuration("");
    let (old, new) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (Some(image), None) | (None, Some(image)) => (&usual, image),
        (None, None) => return vec![],
    };
    let is_new = before.is_none() || after.is_none();
    let from = |text: String| if is_new { String::new() } else { format!("{text} to ") };
    let mut lines = vec![];
    if old.mode != new.mode {
        lines.push(Line::note(format!("mode {}{:04o}", from(format!("{:04o}", old.mode)), new.mode)));
    }
    if old.owner != new.owner {
        lines.push(Line::note(format!("owner {}{}", from(owner(old.owner)), owner(new.owner))));
    }
    let differing = |name: &&String| old.attributes.get(*name) != new.attributes.get(*name);
    let mut names: Vec<&String> = old.attributes.keys().chain(new.attributes.keys()).filter(differing).collect();
    names.dedup();
    names.sort();
    names.dedup();
    if !is_new {
        lines.extend(names.iter().map(|name| Line::note(format!("extended attribute {name} changes"))));
    }
    lines
}

/// Whose something is: `root`, or the numbers, since names are the host's matter.
pub fn owner(owner: Owner) -> String {
    if owner == Owner::ROOT { "root".to_owned() } else { format!("{}:{}", owner.uid, owner.gid) }
}

/// Lines end at a line feed and nowhere else, as patch(1) counts them.
fn hunks(old: &[u8], new: &[u8]) -> Vec<Line> {
    let split = |bytes| <[u8]>::split_inclusive(bytes, |byte| *byte == b'\n').collect::<Vec<&[u8]>>();
    let (old, new) = (split(old), split(new));
    let diff = TextDiff::configure().diff_slices(&old, &new);
    let mut lines = vec![];
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        lines.push(Line::note(hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let bytes = change.value();
            let (text, is_ended) = match bytes.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (bytes, false),
            };
            let text = format!("{}{}", change.tag(), String::from_utf8_lossy(text));
            lines.push(Line { tag: Some(change.tag()), text });
            if !is_ended {
                lines.push(Line::note(NO_END));
            }
        }
    }
    lines
}

impl Line {
    fn note(text: impl Into<String>) -> Self {
        Self { tag: None, text: text.into() }
    }

    fn style(&self) -> Style {
        match self.tag {
            Some(ChangeTag::Delete) => AnsiColor::Red.on_default(),
            Some(ChangeTag::Insert) => AnsiColor::Green.on_default(),
            Some(ChangeTag::Equal) => Style::new(),
            None => AnsiColor::Cyan.on_default(),
        }
    }
}

fn shown_line(line: &Line, indent: usize, page: &Page) -> String {
    let lead = " ".repeat(indent);
    let text = expanded(&line.text);
    let parts = folded(&visible(&text), page.width.saturating_sub(indent));
    parts.iter().map(|part| format!("{lead}{}\n", page.paint.with(line.style(), part))).collect()
}

/// Tabs as a terminal would show them, behind the sign; a carriage return in the letters people know it by.
fn expanded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.replace('\r', "\\r").split('\t').enumerate() {
        if at > 0 {
            // The sign in the first column moves all stops by one.
            let column = get_text_width(&visible(&out)).saturating_sub(1);
            out.push_str(&" ".repeat(TAB - column % TAB));
        }
        out.push_str(part);
    }
    out
}

/// The text cut into pieces that fit, byte for byte; each further piece begins with the sign that it goes on.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut parts = vec![];
    let mut part = String::new();
    let mut is_empty = true;
    for letter in text.chars() {
        part.push(letter);
        if get_text_width(&part) > width.max(TAB) && !is_empty {
            part.pop();
            parts.push(std::mem::replace(&mut part, format!("{GOES_ON}{letter}")));
        }
        is_empty = false;
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Detail;
    use crate::plan::Content;
    use crate::render::style::Paint;
    use proptest::prelude::*;

    const PAGE: Page = Page { width: 80, paint: Paint::Plain, detail: Detail::Normal };

    fn change(before: Option<&[u8]>, after: Option<&[u8]>) -> Change {
        let image = |bytes: &[u8]| FileImage::configuration(bytes);
        Change::File { path: "/etc/fstab".into(), before: before.map(image), after: after.map(image) }
    }

    #[test]
    fn a_line_that_is_added_stands_between_three_lines_of_others() {
        let diff = exact(&change(Some(b"1\n2\n3\n4\n5\n"), Some(b"1\n2\n3\n4\n5\nnew\n"))).unwrap();
        assert_eq!(diff, "--- /etc/fstab\n+++ /etc/fstab\n@@ -3,3 +3,4 @@\n 3\n 4\n 5\n+new\n");
    }

    #[test]
    fn a_file_that_is_made_or_removed_is_compared_with_nothing() {
        let diff = exact(&change(None, Some(b"a\n"))).unwrap();
        assert_eq!(diff, "--- /dev/null\n+++ /etc/fstab\n@@ -0,0 +1 @@\n+a\n");
        let diff = exact(&change(Some(b"a\n"), None)).unwrap();
        assert_eq!(diff, "--- /etc/fstab\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    }

    #[test]
    fn a_last_line_without_end_is_said_to_have_none() {
        let diff = exact(&change(Some(b"a"), Some(b"a\nb\n"))).unwrap();
        assert!(diff.contains("-a\n\\ No newline at end of file\n+a\n+b\n"), "{diff}");
    }

    #[test]
    fn mode_and_owner_are_lines_of_their_own() {
        let before = FileImage::configuration("a\n");
        let after = FileImage { mode: 0o600, owner: Owner { uid: 33, gid: 33 }, ..before.clone() };
        let both = Change::File { path: "/x".into(), before: Some(before), after: Some(after.clone()) };
        assert_eq!(exact(&both).unwrap(), "mode 0644 to 0600\nowner root to 33:33\n");
        let made = Change::File { path: "/x".into(), before: None, after: Some(after) };
        assert!(exact(&made).unwrap().starts_with("mode 0600\nowner 33:33\n--- /dev/null\n"));
    }

    #[test]
    fn bytes_that_are_no_text_are_summed_up() {
        let diff = exact(&change(Some(b"\0\x01"), Some(b"\0\x01\x02"))).unwrap();
        assert_eq!(diff, "from 2 to 3 bytes that are no text\n");
        let huge = vec![b'x'; LARGEST + 1];
        assert!(exact(&change(None, Some(&huge))).unwrap().len() < 100);
    }

    #[test]
    fn tabs_stand_as_on_a_terminal_and_carriage_returns_are_seen() {
        let text = shown(&change(None, Some(b"a\tb\r\nab\tc\n")), 0, &PAGE);
        assert!(text.contains("+a       b\\r\n+ab      c\n"), "{text}");
    }

    #[test]
    fn other_changes_have_no_diff() {
        for change in crate::plan::change_samples() {
            let is_file = matches!(change, Change::File { .. } | Change::Line { .. });
            assert_eq!(exact(&change).is_some(), is_file);
            assert_eq!(shown(&change, 3, &PAGE).is_empty(), !is_file);
        }
    }

    #[test]
    fn a_line_longer_than_the_page_goes_on_below() {
        assert_eq!(folded("+abcdefghijk", 8), ["+abcdefg", "|hijk"]);
        assert_eq!(folded("", 8), [""]);
    }

    fn patched(old: &[u8], diff: &str) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, old).unwrap();
        let mut patch = std::process::Command::new("patch")
            .arg("--quiet")
            .arg(&file)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(patch.stdin.as_mut().unwrap(), diff.as_bytes()).unwrap();
        drop(patch.stdin.take());
        assert!(patch.wait().unwrap().success(), "{diff}");
        std::fs::read(&file).unwrap()
    }

    #[test]
    fn patch_makes_of_the_old_file_the_new_one() {
        if std::process::Command::new("patch").arg("--version").output().is_err() {
            // Past the harness, which keeps what a test that passes prints.
            let said = "skipped: patch_makes_of_the_old_file_the_new_one: no patch(1); run: tests/run\n";
            return std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        }
        for (old, new) in [
            ("a\nb\n", "a\nc\nb\n"),
            ("a", "a\nb"),
            ("a\n\tb\n\n", "\n\tb\n"),
            ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n2\n3\n4\n5\n6\n7\n8\n"),
        ] {
            let diff = exact(&change(Some(old.as_bytes()), Some(new.as_bytes()))).unwrap();
            assert_eq!(patched(old.as_bytes(), &diff), new.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_page_and_none_steers_it(
            old: Vec<u8>, new in any::<String>(), width in 40usize..200, indent in 0usize..6,
        ) {
            let file = |bytes: &[u8]| FileImage { content: Content(bytes.to_vec()), ..FileImage::configuration("") };
            let path = new.clone();
            let change = Change::File { path, before: Some(file(&old)), after: Some(file(new.as_bytes())) };
            let text = shown(&change, indent, &Page { width, ..PAGE });
            prop_assert!(text.lines().all(|line| get_text_width(line) <= width), "{text}");
            prop_assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
        }

        #[test]
        fn nothing_is_lost_in_folding(text in "[^|]*", width in 8usize..60) {
            let text = visible(&text);
            let joined: String =
                folded(&text, width).iter().enumerate().map(|(at, part)| &part[usize::from(at > 0)..]).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
