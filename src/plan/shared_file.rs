//! Edits of a file that gtune shares with others (`/etc/fstab`, `/etc/sysctl.conf`): one line, by its bytes.
//!
//! Whatever is not that line stays as it is, be it no UTF-8, have other line ends, or hold NULs. Mode, owner and
//! attributes of the file are kept.

use super::{Change, Content, FileImage};

/// Adds a line at the end. A last line without its end is ended first, else the two would become one.
///
/// `line` holds no line end. A file that is not there is made.
pub fn append(file: Option<&FileImage>, path: impl Into<String>, line: &str) -> Change {
    let line = Content::from(line);
    Change::Line {
        path: path.into(),
        before: file.cloned(),
        after: Some(with_line_added(file, &line)),
        old_line: None,
        new_line: Some(line),
    }
}

/// Puts a line in the place of the one with this number, from 1; that line's own end is kept. None where there is no
/// such line.
pub fn replace(file: &FileImage, path: impl Into<String>, line_number: usize, new: &str) -> Option<Change> {
    edit(file, path, line_number, Some(Content::from(new)))
}

/// Takes out the line with this number, from 1, with its end. None where there is no such line.
pub fn take_out(file: &FileImage, path: impl Into<String>, line_number: usize) -> Option<Change> {
    edit(file, path, line_number, None)
}

fn edit(file: &FileImage, path: impl Into<String>, line_number: usize, new_line: Option<Content>) -> Option<Change> {
    let index = line_number.checked_sub(1)?;
    let (old, _) = split_end(lines(file).nth(index)?);
    Some(Change::Line {
        path: path.into(),
        before: Some(file.clone()),
        after: Some(with_line_changed(file, index, new_line.as_ref())),
        old_line: Some(Content(old.to_vec())),
        new_line,
    })
}

/// The file with one line changed, where others have changed other lines since the change was planned.
///
/// Exactly one line that equals `old_line` becomes `new_line`, or goes where there is none; without `old_line`,
/// `new_line` is added at the end unless it is there. The outer `None`: the line is not there exactly once, so that
/// whose it is cannot be told. An end that gtune once gave to the last line of others stays: without it, their next
/// line would run into that one.
pub fn change_alone(
    old_line: Option<&Content>,
    new_line: Option<&Content>,
    present: Option<&FileImage>,
) -> Option<Option<FileImage>> {
    let Some(old) = old_line else { return Some(added_once(new_line, present)) };
    let file = present?;
    let mut places = lines(file).enumerate().filter(|(_, line)| split_end(line).0 == old.0).map(|(index, _)| index);
    let index = places.next()?;
    if places.next().is_some() {
        return None;
    }
    Some(Some(with_line_changed(file, index, new_line)))
}

/// A line that somebody has put in the place of this one: it says something else about the same thing, and is none of
/// those that were there before.
pub fn rival(line: &Content, before: Option<&FileImage>, present: Option<&FileImage>) -> Option<Content> {
    let subject = subject(&line.0)?;
    let was_there = |found: &[u8]| before.is_some_and(|file| lines(file).any(|old| split_end(old).0 == found));
    let mut found = present.into_iter().flat_map(lines).map(|found| split_end(found).0);
    let is_rival = |found: &&[u8]| *found != line.0 && self::subject(found) == Some(subject) && !was_there(found);
    found.find(is_rival).map(|found| Content(found.to_vec()))
}

/// What a line is about: the key of an assignment, else its first two fields, which are source and target in fstab.
fn subject(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    match first.iter().position(|byte| *byte == b'=') {
        Some(at) => Some((first.get(..at)?, b"=")),
        None if second.first() == Some(&b'=') => Some((first, b"=")),
        None if first.starts_with(b"#") => None,
        None => Some((first, second)),
    }
}

/// The file with this line, which it may hold already.
fn added_once(new_line: Option<&Content>, present: Option<&FileImage>) -> Option<FileImage> {
    let Some(new) = new_line else { return present.cloned() };
    let is_there = present.is_some_and(|file| lines(file).any(|line| split_end(line).0 == new.0));
    if is_there { present.cloned() } else { Some(with_line_added(present, new)) }
}

fn with_line_added(file: Option<&FileImage>, line: &Content) -> FileImage {
    let mut content = file.map(|file| file.content.0.clone()).unwrap_or_default();
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    content.extend_from_slice(&line.0);
    content.push(b'\n');
    match file {
        Some(file) => file.with_content(content),
        None => FileImage::configuration(content),
    }
}

fn with_line_changed(file: &FileImage, index: usize, new_line: Option<&Content>) -> FileImage {
    let mut content = Vec::with_capacity(file.content.0.len());
    for (at, line) in lines(file).enumerate() {
        match new_line {
            _ if at != index => content.extend_from_slice(line),
            Some(new) => content.extend([new.0.as_slice(), split_end(line).1].concat()),
            None => {}
        }
    }
    file.with_content(content)
}

/// The lines with their ends. What follows the last end is a line only where it holds something.
fn lines(file: &FileImage) -> impl Iterator<Item = &[u8]> {
    file.content.0.split_inclusive(|byte| *byte == b'\n')
}

/// A line and its end: `\n`, `\r\n`, or nothing at the end of the file.
fn split_end(line: &[u8]) -> (&[u8], &[u8]) {
    let end = match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    };
    line.split_at(line.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Owner;
    use proptest::prelude::*;

    const OURS: &str = "tmpfs /mem tmpfs size=64m 0 0";

    fn file(content: &[u8]) -> FileImage {
        let attributes = [("security.selinux".to_owned(), Content::from("etc_t"))].into();
        FileImage { content: Content(content.to_vec()), mode: 0o640, owner: Owner { uid: 0, gid: 4 }, attributes }
    }

    fn images(change: &Change) -> (Option<FileImage>, Option<FileImage>, Option<Content>, Option<Content>) {
        let Change::Line { before, after, old_line, new_line, .. } = change.clone() else { panic!() };
        (before, after, old_line, new_line)
    }

    fn content_after(change: &Change) -> Vec<u8> {
        images(change).1.unwrap().content.0
    }

    #[test]
    fn a_last_line_without_its_end_is_ended_first() {
        for (before, after) in [("", "x\n"), ("a\n", "a\nx\n"), ("a", "a\nx\n"), ("a\r\n", "a\r\nx\n"), ("\n", "\nx\n")]
        {
            assert_eq!(content_after(&append(Some(&file(before.as_bytes())), "/f", "x")), after.as_bytes());
        }
        let made = images(&append(None, "/f", "x"));
        assert_eq!((made.0, made.1), (None, Some(FileImage::configuration("x\n"))));
    }

    #[test]
    fn whose_the_file_is_and_its_labels_stay() {
        let before = file(b"a\n");
        let after = images(&append(Some(&before), "/f", "x")).1.unwrap();
        assert_eq!(after, before.with_content("a\nx\n"));
    }

    #[test]
    fn a_replaced_line_keeps_its_own_end() {
        let before = file(b"a\r\nb\nc");
        for (number, after) in [(1, "x\r\nb\nc"), (2, "a\r\nx\nc"), (3, "a\r\nb\nx")] {
            assert_eq!(content_after(&replace(&before, "/f", number, "x").unwrap()), after.as_bytes());
        }
        assert_eq!(images(&replace(&before, "/f", 1, "x").unwrap()).2, Some("a".into()));
        assert!(replace(&before, "/f", 0, "x").is_none() && replace(&before, "/f", 4, "x").is_none());
        assert!(replace(&file(b"a\n"), "/f", 2, "x").is_none());
    }

    #[test]
    fn a_line_taken_out_goes_with_its_end() {
        for (number, after) in [(1, "b\nc"), (2, "a\r\nc"), (3, "a\r\nb\n")] {
            assert_eq!(content_after(&take_out(&file(b"a\r\nb\nc"), "/f", number).unwrap()), after.as_bytes());
        }
    }

    #[test]
    fn a_line_that_is_there_twice_or_not_at_all_is_nobodys() {
        let line = Content::from("x");
        for content in ["", "a\n", "x\nx\n", "x\na\nx", "xx\n"] {
            assert_eq!(change_alone(Some(&line), None, Some(&file(content.as_bytes()))), None, "{content:?}");
        }
        assert_eq!(change_alone(Some(&line), None, None), None);
    }

    #[test]
    fn a_line_that_is_put_back_is_there_once() {
        let line = Content::from("x");
        let with = file(b"a\nx\nb");
        assert_eq!(change_alone(None, Some(&line), Some(&with)), Some(Some(with)));
        let put_back = change_alone(None, Some(&line), Some(&file(b"a\nb"))).unwrap().unwrap();
        assert_eq!(put_back.content.0, b"a\nb\nx\n");
        assert_eq!(change_alone(None, Some(&line), None), Some(Some(FileImage::configuration("x\n"))));
    }

    #[test]
    fn a_line_is_found_though_an_editor_changed_all_line_ends() {
        let present = file(b"a\r\nx\r\nb\r\n");
        let without = change_alone(Some(&"x".into()), None, Some(&present)).unwrap().unwrap();
        assert_eq!(without.content.0, b"a\r\nb\r\n");
    }

    /// Bytes in which line ends of all kinds are common.
    fn any_file() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0u8), any::<u8>()], 0..60)
    }

    #[test]
    fn a_line_that_somebody_changed_is_told_from_one_that_is_gone() {
        let before = file(b"tmpfs /old tmpfs rw 0 0\nnet.a = 1\n");
        let found = |line: &str, present: &[u8]| rival(&line.into(), Some(&before), Some(&file(present)));
        assert_eq!(found(OURS, b"x\ntmpfs\t/mem tmpfs size=1g\r\n"), Some("tmpfs\t/mem tmpfs size=1g".into()));
        assert_eq!(found(OURS, b"x\n# tmpfs /mem tmpfs\ntmpfs /mem2 tmpfs\n"), None);
        assert_eq!(found("net.b = 7", b"net.b=8\n"), Some("net.b=8".into()));
        assert_eq!(found("net.a = 7", b"net.a = 1\n"), None, "it was there before");
    }

    proptest! {
        #[test]
        fn undone_an_edit_leaves_the_file_as_it_was(bytes in any_file(), number in 0usize..9) {
            let before = file(&bytes);
            let edits = [Some(append(Some(&before), "/f", OURS)), replace(&before, "/f", number, OURS), take_out(&before, "/f", number)];
            for edit in edits.into_iter().flatten() {
                let undone = images(&edit.inverse());
                prop_assert_eq!(undone.1, Some(before.clone()));
            }
        }

        #[test]
        fn of_an_added_line_nothing_but_it_is_taken_out_of_a_file_others_wrote_to(
            bytes in any_file(), above in any_file(), below in any_file(),
        ) {
            let added = content_after(&append(Some(&file(&bytes)), "/f", OURS));
            let kept = &added[..added.len() - OURS.len() - 1];
            let above = if above.is_empty() { above } else { [above.as_slice(), b"\n"].concat() };
            let drifted = file(&[&above, added.as_slice(), &below].concat());
            let undone = change_alone(Some(&OURS.into()), None, Some(&drifted)).unwrap().unwrap();
            prop_assert_eq!(undone, drifted.with_content([&above, kept, &below].concat()));
        }

        #[test]
        fn other_lines_stay_byte_for_byte(bytes in any_file(), number in 1usize..9) {
            let before = file(&bytes);
            if let Some(change) = replace(&before, "/f", number, OURS) {
                let after = images(&change).1.unwrap();
                let pairs: Vec<_> = lines(&before).zip(lines(&after)).collect();
                prop_assert_eq!(lines(&before).count(), lines(&after).count());
                let untouched = pairs.iter().enumerate().all(|(at, (a, b))| at + 1 == number || a == b);
                prop_assert!(untouched);
            }
        }

        #[test]
        fn no_bytes_panic_and_a_change_made_alone_can_be_taken_back(bytes in any_file(), old in any_file()) {
            let present = file(&bytes);
            let old = Content(old);
            if let Some(Some(changed)) = change_alone(Some(&old), Some(&OURS.into()), Some(&present)) {
                let back = change_alone(Some(&OURS.into()), Some(&old), Some(&changed));
                prop_assert_eq!(back, Some(Some(present)));
            }
        }
    }
}
