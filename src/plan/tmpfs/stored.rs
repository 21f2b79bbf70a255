//! What mounts the directory at the next boot: a line of `/etc/fstab` or a mount unit.

use super::line::Table;
use super::unit::{self, UnitFile};
use super::wish::Wish;
use crate::checks::made_for_gunicorn;
use crate::plan::mount_options::{TmpfsOptions, kernel_options};
use crate::plan::{Backend, MountImage, Refusal, Topic};
use crate::units::quoted;

/// What is, or will be, stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub topic: Topic,
    /// First field of the line, or `What=`.
    pub source: String,
    /// Options of the line or the unit.
    pub options: Vec<String>,
}

impl Stored {
    /// What the kernel will be told.
    pub fn image(&self) -> MountImage {
        let options = kernel_options(&self.options);
        MountImage { kind: "tmpfs".to_owned(), source: self.source.clone(), options }
    }

    /// What is stored already and stays so. It is tried all the same: only the kernel knows a bogus option.
    pub fn already(wish: &Wish<'_>, what: String, source: &str, options: &[String]) -> Self {
        let mut stored = Self { topic: Topic::default(), source: source.to_owned(), options: options.to_vec() };
        stored.topic.already(what);
        stored.rehearse(wish);
        stored.keeps_size(wish, options);
        let remarks = wish.remarks(&TmpfsOptions::read(options));
        stored.topic.warnings.extend(remarks);
        stored
    }

    /// Says where the size that was stored before is kept.
    pub fn keeps_size(&mut self, wish: &Wish<'_>, before: &[String]) {
        let what = format!("the next boot mounts {}", wish.directory);
        let kept = wish.kept_size(&what, &TmpfsOptions::read(before));
        kept.into_iter().for_each(|kept| self.topic.already(kept));
    }

    /// Asks for a trial mount, where that can say anything: an image is booted by another kernel.
    pub fn rehearse(&mut self, wish: &Wish<'_>) {
        let names_account = TmpfsOptions::read(&self.options).named_account().is_some();
        if wish.facts.host.live && !names_account {
            self.topic.rehearsals.push(self.image());
        }
    }
}

/// What storing the mount comes to.
pub(super) fn draft(wish: &Wish<'_>) -> Result<Stored, Refusal> {
    let table = Table::read(wish)?;
    let unit = UnitFile::find(wish)?;
    match (wish.asked.backend, unit) {
        // A unit in /etc takes the place of what systemd makes from a line (systemd.unit(5), unit load path), so it is
        // the unit that counts, whichever was asked for.
        (Backend::Fstab, Some(found)) if found.is_administrators() => unit::store(wish, &table, Some(found)),
        (Backend::Fstab, Some(found)) if found.is_transient() => Err(wish.refuse(
            format!("{} takes the place of a line in /etc/fstab until the next boot", found.file),
            vec![format!("rm {} && systemctl daemon-reload", quoted(&found.file))],
        )),
        (Backend::Fstab, Some(found)) if table.lines.is_empty() && found.is_right(wish) => found.as_it_is(wish),
        (Backend::Fstab, _) => table.store(wish),
        (Backend::Unit, found) => unit::store(wish, &table, found.filter(|found| !found.is_transient())),
    }
}

/// Whether a line or a unit for the directory bears gtune's mark.
pub(super) fn is_own(wish: &Wish<'_>) -> bool {
    let by_line = Table::read(wish).is_ok_and(|table| table.lines.iter().any(|line| made_for_gunicorn(&line.options)));
    by_line || UnitFile::find(wish).is_ok_and(|unit| unit.is_some_and(|unit| unit.is_own()))
}
