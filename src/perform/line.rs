//! One line in a file that others write too.

use super::file::of_image;
use super::settle::{self, Journalled};
use super::spot::Spot;
use super::{Care, file};
use crate::host::{Last, Root};
use crate::plan::{Content, FileImage, Standing, Trouble, change_alone, rival};

/// The parts of a `Change::Line`.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The file.
    pub path: &'a str,
    /// The whole file before.
    pub before: Option<&'a FileImage>,
    /// The whole file after.
    pub after: Option<&'a FileImage>,
    /// The line before.
    pub old_line: Option<&'a Content>,
    /// The line after.
    pub new_line: Option<&'a Content>,
}

impl Line<'_> {
    fn edit(&self, present: Option<&FileImage>) -> Option<Option<FileImage>> {
        change_alone(self.old_line, self.new_line, present)
    }

    fn edit_back(&self, present: Option<&FileImage>) -> Option<Option<FileImage>> {
        change_alone(self.new_line, self.old_line, present)
    }

    /// What somebody has put in the place of the line that the change adds.
    fn rival_of_new(&self, present: Option<&FileImage>) -> Option<Content> {
        self.new_line.filter(|_| self.old_line.is_none()).and_then(|line| rival(line, self.before, present))
    }

    /// The file without what somebody has put in the place of the line that is to go.
    fn edit_rival(&self, present: Option<&FileImage>) -> Option<Option<FileImage>> {
        let rival = rival(self.old_line?, self.after, present)?;
        change_alone(Some(&rival), self.new_line, present)
    }

    /// Whether the line is in a file as the change would leave it, whatever lies around it.
    fn is_made_in(&self, present: Option<&FileImage>) -> bool {
        let times = |line: &Content| present.map_or(0, |file| times(line, &file.content));
        self.new_line.is_none_or(|line| times(line) == 1) && self.old_line.is_none_or(|line| times(line) == 0)
    }
}

/// How often a line is in a file.
fn times(line: &Content, file: &Content) -> usize {
    let bare = |found: &[u8]| found.strip_suffix(b"\r").unwrap_or(found) == line.0;
    file.0.split(|byte| *byte == b'\n').filter(|found| bare(found)).count()
}

/// How the file stands to the change. `After` also where others have changed other lines and this one is as it shall be.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(root: &Root, line: &Line<'_>) -> Result<Standing, Trouble> {
    let whole = file::standing(root, line.path, line.before, line.after)?;
    let Standing::Other(what) = whole else { return Ok(whole) };
    let Ok(present) = present(root, line) else { return Ok(Standing::Other(what)) };
    if let stands @ (Standing::Before | Standing::After) = of_image(present.as_ref(), line.before, line.after) {
        return Ok(stands);
    }
    Ok(if line.is_made_in(present.as_ref()) {
        Standing::After
    } else if let Some(rival) = line.rival_of_new(present.as_ref()) {
        Standing::Other(format!("its line is now: {}", rival.text()))
    } else if line.edit(present.as_ref()).is_some() {
        Standing::Drifted
    } else {
        Standing::Other(what)
    })
}

/// The file now; trouble where something else than a file is there.
fn present(root: &Root, line: &Line<'_>) -> Result<Option<FileImage>, Trouble> {
    let spot = Spot::find(root, line.path, Last::Followed, "", "look at")?;
    let file = spot.map_or(Ok(None), |spot| spot.file())?;
    Ok(file.map(|file| file.image))
}

/// Makes it so.
///
/// - `Care::Respect`: only where the whole file is as it was planned for.
/// - `Care::LineAlone`: where it has drifted, the line alone is changed.
/// - `Care::Overwrite`: the same, also where somebody has changed the line; and where it cannot be told any more the
///   whole file becomes as it shall be.
///
/// # Errors
/// As [`super::file::make`].
pub fn make(root: &Root, line: &Line<'_>, mark: &str, care: Care) -> Result<(), Trouble> {
    let whole = || file::make(root, line.path, line.before, line.after, mark, care);
    if care == Care::Respect {
        return whole();
    }
    let now = present(root, line)?;
    match of_image(now.as_ref(), line.before, line.after) {
        Standing::After => return Ok(()),
        Standing::Before => return file::make(root, line.path, line.before, line.after, mark, Care::Respect),
        Standing::Drifted | Standing::Other(_) => {}
    }
    let edit_rival = || line.edit_rival(now.as_ref()).filter(|_| care == Care::Overwrite);
    match line.edit(now.as_ref()).or_else(edit_rival) {
        _ if line.is_made_in(now.as_ref()) && edit_rival().is_none() => Ok(()),
        Some(edited) => file::make(root, line.path, now.as_ref(), edited.as_ref(), mark, Care::Respect),
        None => whole(),
    }
}

/// Settles what a run that was killed left beside the file, as [`super::file::settle`] does; also where that run had
/// changed the line alone in a file that had drifted.
///
/// # Errors
/// As [`super::file::settle`].
pub fn settle(root: &Root, line: &Line<'_>, mark: &str) -> Result<(), Trouble> {
    let edited = |image: &FileImage| {
        let edits = [line.edit(Some(image)), line.edit_back(Some(image))];
        edits.into_iter().flatten().flatten().collect()
    };
    settle::settle(root, line.path, &Journalled { before: line.before, after: line.after, edited: &edited }, mark)
}

#[cfg(test)]
mod tests;
