//! Symbolic links that enable units. They are never followed.

use super::Care;
use super::refused::errno;
use super::spot::Spot;
use crate::host::{Last, Root};
use crate::plan::{Standing, Trouble};
use nix::errno::Errno;
use rustix::fs::{AtFlags, readlinkat, symlinkat, unlinkat};
use std::ffi::OsStr;

/// What is at the place of a link.
enum Present {
    Nothing,
    Link(String),
    Else,
}

/// How a link stands to a change from `before` to `after`.
///
/// # Errors
/// Where it could not be looked at.
pub fn standing(root: &Root, path: &str, before: Option<&str>, after: Option<&str>) -> Result<Standing, Trouble> {
    let spot = Spot::find(root, path, Last::Itself, "", "look at")?;
    let present = match &spot {
        Some(spot) => look(spot)?,
        None => Present::Nothing,
    };
    Ok(if present.is(after) {
        Standing::After
    } else if present.is(before) {
        Standing::Before
    } else {
        Standing::Other(match present {
            Present::Nothing => "it is gone".into(),
            Present::Link(text) => format!("it is a link to {} now", text.escape_debug()),
            Present::Else => "something else than a link is there".into(),
        })
    })
}

impl Present {
    fn is(&self, text: Option<&str>) -> bool {
        match self {
            Self::Nothing => text.is_none(),
            Self::Link(present) => text == Some(present),
            Self::Else => false,
        }
    }
}

fn look(spot: &Spot<'_>) -> Result<Present, Trouble> {
    match read(spot, &spot.site.name) {
        Ok(text) => Ok(Present::Link(text)),
        Err(Errno::ENOENT) => Ok(Present::Nothing),
        Err(Errno::EINVAL) => Ok(Present::Else),
        Err(errno) => Err(spot.refused(errno)),
    }
}

fn read(spot: &Spot<'_>, name: &OsStr) -> Result<String, Errno> {
    let text = readlinkat(&spot.site.directory, name, Vec::new()).map_err(errno)?;
    Ok(text.to_string_lossy().into_owned())
}

/// Makes it so. With `Care::Overwrite` another link is replaced; what is no link never is.
///
/// # Errors
/// What the system refuses, or that something else is there; nothing is changed then.
pub fn make(
    root: &Root,
    path: &str,
    before: Option<&str>,
    after: Option<&str>,
    mark: &str,
    care: Care,
) -> Result<(), Trouble> {
    let verb = if after.is_some() { "make link" } else { "remove link" };
    if after.is_none() && Spot::find(root, path, Last::Itself, mark, verb)?.is_none() {
        return Ok(());
    }
    let spot = Spot::open(root, path, Last::Itself, mark, verb)?;
    let present = look(&spot)?;
    if present.is(after) {
        return Ok(());
    }
    match &present {
        Present::Else => return Err(spot.in_the_way("something else than a link")),
        Present::Link(_) if care != Care::Overwrite && !present.is(before) => return Err(spot.meanwhile()),
        Present::Nothing if care != Care::Overwrite && before.is_some() => return Err(spot.meanwhile()),
        Present::Link(_) | Present::Nothing => {}
    }
    match (present, after) {
        (Present::Nothing, Some(text)) => symlinkat(text, &spot.site.directory, &spot.site.name).map_err(errno),
        (_, Some(text)) => replace(&spot, text),
        (_, None) => unlinkat(&spot.site.directory, &spot.site.name, AtFlags::empty()).map_err(errno),
    }
    .map_err(|errno| if errno == Errno::EEXIST { spot.meanwhile() } else { spot.refused(errno) })?;
    spot.sync()
}

/// Puts another link in the place of one. A link is its text, so that nothing but that text could be lost; one that a
/// run left under the temporary name goes.
fn replace(spot: &Spot<'_>, text: &str) -> Result<(), Errno> {
    if read(spot, &spot.temporary).is_ok() {
        spot.discard()?;
    }
    symlinkat(text, &spot.site.directory, &spot.temporary).map_err(errno)?;
    spot.rename_over().inspect_err(|_| {
        let _ = spot.discard();
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PATH: &str = "/mem.mount";

    fn image() -> (tempfile::TempDir, Root) {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path()).unwrap();
        (place, root)
    }

    fn text(place: &tempfile::TempDir) -> Option<String> {
        assert!(fs::read_dir(place.path()).unwrap().count() <= 1, "a temporary link is left");
        fs::read_link(place.path().join("mem.mount")).ok().map(|text| text.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_link_is_made_changed_and_removed_without_following_it() {
        let (place, root) = image();
        for [before, after] in
            [[None, Some("/a")], [Some("/a"), Some("/b")], [Some("/b"), Some("/a")], [Some("/a"), None]]
        {
            assert_eq!(standing(&root, PATH, before, after).unwrap(), Standing::Before);
            make(&root, PATH, before, after, "1", Care::Respect).unwrap();
            assert_eq!(standing(&root, PATH, before, after).unwrap(), Standing::After);
            assert_eq!(text(&place).as_deref(), after);
        }
    }

    #[test]
    fn a_link_of_others_is_replaced_by_force_only() {
        let (place, root) = image();
        std::os::unix::fs::symlink("/theirs", place.path().join("mem.mount")).unwrap();
        let stands = standing(&root, PATH, Some("/a"), None).unwrap();
        assert_eq!(stands, Standing::Other("it is a link to /theirs now".into()));
        for [before, after] in [[None, Some("/a")], [Some("/b"), Some("/a")], [Some("/b"), None]] {
            assert!(make(&root, PATH, before, after, "1", Care::Respect).is_err());
            assert_eq!(text(&place).as_deref(), Some("/theirs"));
        }
        make(&root, PATH, None, Some("/a"), "1", Care::Overwrite).unwrap();
        assert_eq!(text(&place).as_deref(), Some("/a"));
    }

    #[test]
    fn what_is_no_link_is_never_replaced() {
        let (place, root) = image();
        fs::write(place.path().join("mem.mount"), "theirs").unwrap();
        assert!(matches!(standing(&root, PATH, Some("/a"), None).unwrap(), Standing::Other(_)));
        for [before, after] in [[None, Some("/a")], [Some("/a"), None]] {
            assert!(make(&root, PATH, before, after, "1", Care::Overwrite).is_err());
        }
        assert_eq!(fs::read_to_string(place.path().join("mem.mount")).unwrap(), "theirs");
    }
}
