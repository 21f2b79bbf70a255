//! Editing one line of a file that others write too.

use super::{Content, FileImage};

/// Changes one line and leaves all others byte for byte. None where the old line is not there exactly once, or the new
/// one already is.
pub fn change_alone(
    old_line: Option<&Content>,
    new_line: Option<&Content>,
    present: Option<&FileImage>,
) -> Option<Option<FileImage>> {
    let Some(file) = present else {
        return old_line.is_none().then(|| new_line.map(|new| FileImage::configuration([&new.0[..], b"\n"].concat())));
    };
    let mut lines: Vec<&[u8]> = file.content.0.split_inclusive(|byte| *byte == b'\n').collect();
    let bare = |line: &[u8]| line.strip_suffix(b"\n").unwrap_or(line).to_vec();
    let new = new_line.map(|line| [&line.0[..], b"\n"].concat());
    let Some(old) = old_line else {
        let end = if lines.last().is_some_and(|line| !line.ends_with(b"\n")) { &b"\n"[..] } else { b"" };
        lines.push(end);
        lines.extend(new.as_deref());
        return Some(Some(file.with_content(lines.concat())));
    };
    let at: Vec<usize> = (0..lines.len()).filter(|index| lines.get(*index).is_some_and(|l| bare(l) == old.0)).collect();
    let [at] = at[..] else { return None };
    lines.splice(at..=at, new.as_deref());
    Some(Some(file.with_content(lines.concat())))
}
