//! One line in a file that others write too.

use super::file::of_image;
use super::settle::{self, Journalled};
use super::spot::Spot;
use super::{Care, backup, file};
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

    /// What somebody has put in the place of the line that the change takes out: put back, there would be two.
    fn rival_of_old(&self, present: Option<&FileImage>) -> Option<Content> {
        let is_gone = |line: &&Content| present.is_none_or(|file| times(line, &file.content) == 0);
        let line = self.old_line.filter(|_| self.new_line.is_none()).filter(is_gone)?;
        rival(line, self.after, present)
    }

    /// Why it cannot be told which line is the change's own.
    fn doubt(&self, present: Option<&FileImage>) -> Option<String> {
        let times = |line: &Content| present.map_or(0, |file| times(line, &file.content));
        let several = [self.new_line, self.old_line].into_iter().flatten().map(times).find(|times| *times > 1);
        let taken = || self.rival_of_old(present).map(|rival| format!("its place is taken by: {}", rival.text()));
        several.map(|times| format!("its line is there {times} times")).or_else(taken)
    }

    /// The file with the line changed whatever others have made of it. A line that says something else about the same
    /// thing is taken for it; where there is none, an old line is put at the end, and a new one was taken out already.
    fn edit_by_force(&self, present: Option<&FileImage>) -> Option<FileImage> {
        let single = present.map(|file| [self.old_line, self.new_line].into_iter().flatten().fold(file.clone(), once));
        let present = single.as_ref();
        let is_there = |line: &&Content| present.is_some_and(|file| times(line, &file.content) > 0);
        let new_line = self.new_line.filter(|line| !is_there(line));
        let rival_of = |line: Option<&Content>, but| line.and_then(|line| rival(line, but, present));
        let rival = || rival_of(self.old_line, self.after).or_else(|| rival_of(self.new_line, self.before));
        let is_made = self.new_line.is_some() && new_line.is_none();
        let found = self.old_line.filter(is_there).cloned().or_else(|| rival().filter(|_| !is_made));
        let changed = |found: Content| change_alone(Some(&found), new_line, Some(&once(present?.clone(), &found)));
        found.and_then(changed).or_else(|| change_alone(None, new_line, present)).flatten()
    }

    /// Whether the line is in a file as the change would leave it, whatever lies around it.
    fn is_made_in(&self, present: Option<&FileImage>) -> bool {
        let times = |line: &Content| present.map_or(0, |file| times(line, &file.content));
        self.new_line.is_none_or(|line| times(line) == 1) && self.old_line.is_none_or(|line| times(line) == 0)
    }
}

/// How often a line is in a file.
fn times(line: &Content, file: &Content) -> usize {
    file.0.split(|byte| *byte == b'\n').filter(|found| is_line(line, found)).count()
}

/// Whether bytes are this line, whatever their end.
fn is_line(line: &Content, found: &[u8]) -> bool {
    let found = found.strip_suffix(b"\n").unwrap_or(found);
    found.strip_suffix(b"\r").unwrap_or(found) == line.0
}

/// The file with only the first of several lines that are alike.
fn once(file: FileImage, line: &Content) -> FileImage {
    let mut is_first = true;
    let stays = |found: &&[u8]| !is_line(line, found) || std::mem::take(&mut is_first);
    let lines = file.content.0.split_inclusive(|byte| *byte == b'\n');
    let content: Vec<u8> = lines.filter(stays).flatten().copied().collect();
    file.with_content(content)
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
    Ok(if let Some(doubt) = line.doubt(present.as_ref()) {
        Standing::Other(doubt)
    } else if line.is_made_in(present.as_ref()) {
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
/// - `Care::Overwrite`: the same, also where somebody has changed the line, after a copy of the file was kept in the
///   backup directory of the transaction. Lines about anything else stay all the same.
///
/// # Errors
/// As [`super::file::make`].
pub fn make(root: &Root, line: &Line<'_>, mark: &str, care: Care) -> Result<(), Trouble> {
    let whole = || file::make(root, line.path, line.before, line.after, mark, Care::Respect);
    if care == Care::Respect {
        return whole();
    }
    let now = present(root, line)?;
    match of_image(now.as_ref(), line.before, line.after) {
        Standing::After => return Ok(()),
        Standing::Before => return whole(),
        Standing::Drifted | Standing::Other(_) => {}
    }
    let doubt = line.doubt(now.as_ref()).is_some() || line.rival_of_new(now.as_ref()).is_some();
    let edited = match care {
        Care::Overwrite => line.edit_by_force(now.as_ref()),
        _ if doubt => return whole(),
        _ if line.is_made_in(now.as_ref()) => return Ok(()),
        _ => match line.edit(now.as_ref()) {
            Some(edited) => edited,
            None => return whole(),
        },
    };
    if edited == now {
        return Ok(());
    }
    if let (Care::Overwrite, Some(now)) = (care, &now) {
        backup::keep_forced(root, mark, line.path, now)?;
    }
    file::make(root, line.path, now.as_ref(), edited.as_ref(), mark, Care::Respect)
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
