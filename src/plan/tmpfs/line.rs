//! The line of `/etc/fstab` that mounts the directory at boot.

use super::FSTAB;
use super::stored::Stored;
use super::wish::{Wish, marked, shown};
use crate::checks::made_for_gunicorn;
use crate::facts::{Fact, Fstab, FstabEntry, mount_table_field};
use crate::plan::drop_in::obstructed;
use crate::plan::mount_options::TmpfsOptions;
use crate::plan::{Change, FileImage, Place, Refusal, Topic, shared_file};

/// The file, and what it has for the directory.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub file: Option<&'a FileImage>,
    /// Its lines for the directory.
    pub lines: Vec<FstabEntry>,
}

impl<'a> Table<'a> {
    /// Reads it from the ground, so that what the plan changes before counts.
    pub fn read(wish: &Wish<'a>) -> Result<Self, Refusal> {
        let file = match wish.ground.files.get(FSTAB).map(|place| &place.image) {
            Some(Fact::Unreadable(reason)) => return Err(wish.refuse(format!("/etc/fstab: {reason}"), vec![])),
            image => image.and_then(Fact::known),
        };
        let fstab = file.map(|file| Fstab::parse(&file.content.0)).unwrap_or_default();
        Ok(Self { file, lines: fstab.targets(wish.directory).into_iter().cloned().collect() })
    }

    /// What storing the mount as a line comes to.
    pub fn store(&self, wish: &Wish<'_>) -> Result<Stored, Refusal> {
        match self.lines.as_slice() {
            [] => self.append(wish),
            [line] => self.keep_or_mend(wish, line),
            lines => Err(several(wish, lines)),
        }
    }

    /// A new line at the end: there it follows those of the directories above it.
    fn append(&self, wish: &Wish<'_>) -> Result<Stored, Refusal> {
        let live = wish.mount().map(|mount| TmpfsOptions::read(&mount.options));
        // `nofail`: a boot without heartbeats in memory is better than none (fstab(5)).
        let mut options = vec!["defaults".to_owned()];
        options.extend(wish.fresh(wish.caps(live.as_ref()), live.as_ref()));
        options.push("nofail".to_owned());
        let options = marked(options);
        let line = format!("tmpfs {} tmpfs {} 0 0", mount_table_field(wish.directory), options.join(","));
        self.changed(wish, shared_file::append(self.file, FSTAB, &line), "tmpfs", options)
    }

    fn keep_or_mend(&self, wish: &Wish<'_>, line: &FstabEntry) -> Result<Stored, Refusal> {
        let live = wish.mount().map(|mount| TmpfsOptions::read(&mount.options));
        let caps = wish.caps(&live);
        let read = TmpfsOptions::read(&line.options);
        let is_tmpfs = line.kind == "tmpfs";
        if !is_tmpfs && line.kind != "ramfs" {
            // Whatever lies on it would be gone from its place with the next boot.
            let reason = format!("/etc/fstab, {}: mounts {} there", shown(line), line.kind);
            return Err(wish.refuse(reason, vec!["choose a directory of its own, such as /mem".to_owned()]));
        }
        let mut lacks = if is_tmpfs { vec![] } else { vec!["type tmpfs".to_owned()] };
        lacks.extend(read.tells("noauto").then(|| "auto instead of noauto".to_owned()));
        lacks.extend((!read.tells("nofail")).then(|| "nofail".to_owned()));
        lacks.extend(wish.lacks(&read, caps));
        if lacks.is_empty() {
            let what = format!("{} is stored in line {} of /etc/fstab", wish.directory, line.line);
            return Ok(Stored::already(wish, what, &line.source, &line.options));
        }
        if !wish.adopt && !made_for_gunicorn(&line.options) {
            let reason = format!("/etc/fstab, {}: lacks {}", shown(line), lacks.join(", "));
            let hint = format!("{}   # changes this line", wish.again(" --adopt"));
            return Err(wish.refuse(reason, vec![hint]));
        }
        // Options of another file system mean nothing to a tmpfs.
        let kept = if is_tmpfs { line.options.clone() } else { of_any_kind(&line.options, &read) };
        let mut options = wish.mended(&kept, caps);
        if !read.tells("nofail") {
            options.push("nofail".to_owned());
        }
        let mut stored = self.rewrite(wish, line, marked(options))?;
        if is_tmpfs {
            stored.keeps_size(wish, &line.options);
        }
        Ok(stored)
    }

    /// The same line with other options, and with another type where that is wrong.
    fn rewrite(&self, wish: &Wish<'_>, line: &FstabEntry, options: Vec<String>) -> Result<Stored, Refusal> {
        let by_hand = || {
            let reason = format!("/etc/fstab, line {} holds bytes that are no UTF-8", line.line);
            wish.refuse(reason, vec!["change that line by hand".to_owned()])
        };
        let file = self.file.ok_or_else(by_hand)?;
        let raw = file.content.0.split(|byte| *byte == b'\n').nth(line.line - 1).ok_or_else(by_hand)?;
        let raw = std::str::from_utf8(raw.strip_suffix(b"\r").unwrap_or(raw)).map_err(|_| by_hand())?;
        if options.iter().any(|option| option.contains('\u{fffd}')) {
            return Err(by_hand());
        }
        let is_tmpfs = line.kind == "tmpfs";
        let new = with_fields(raw, &mount_table_field(&options.join(",")), is_tmpfs);
        let change = shared_file::replace(file, FSTAB, line.line, &new).ok_or_else(by_hand)?;
        self.changed(wish, change, if is_tmpfs { &line.source } else { "tmpfs" }, options)
    }

    /// The change that takes out the line, for a unit that takes its place.
    pub fn without(&self, wish: &Wish<'_>, line: &FstabEntry) -> Result<Option<Change>, Refusal> {
        self.may_be_written(wish)?;
        Ok(self.file.and_then(|file| shared_file::take_out(file, FSTAB, line.line)))
    }

    fn changed(&self, wish: &Wish<'_>, change: Change, source: &str, options: Vec<String>) -> Result<Stored, Refusal> {
        self.may_be_written(wish)?;
        let mut changes = wish.ground.make_above(FSTAB);
        changes.push(change);
        let mut stored = Stored { topic: Topic { changes, ..Topic::default() }, source: source.to_owned(), options };
        stored.rehearse(wish);
        Ok(stored)
    }

    fn may_be_written(&self, wish: &Wish<'_>) -> Result<(), Refusal> {
        let free = Place::free(FSTAB);
        if let Some(refusal) = obstructed(wish.ground, FSTAB, wish.ground.files.get(FSTAB).unwrap_or(&free)) {
            return Err(refusal);
        }
        match self.file.and_then(banner) {
            Some(banner) => Err(Refusal::new(
                format!("write {FSTAB}"),
                format!("it says of itself that it is made by something else: {banner}"),
                wish.again(" --backend unit"),
            )),
            None => Ok(()),
        }
    }
}

/// Several lines for one directory: which of them counts depends on who reads the file.
pub(super) fn several(wish: &Wish<'_>, lines: &[FstabEntry]) -> Refusal {
    let all: Vec<String> = lines.iter().map(shown).collect();
    let reason = format!("/etc/fstab has {} lines for it: {}", lines.len(), all.join("; "));
    wish.refuse(reason, vec!["take out all but one of these lines".to_owned()])
}

/// Of the options of another file system those that mean the same to each.
fn of_any_kind(options: &[String], read: &TmpfsOptions) -> Vec<String> {
    let is_its_own = |option: &&String| {
        let sets = ["size=", "nr_blocks=", "nr_inodes=", "mode=", "uid=", "gid="];
        let is_value = sets.iter().any(|name| option.starts_with(name));
        is_value || read.unknown.contains(option) || read.others.contains(option)
    };
    options.iter().filter(|option| !is_its_own(option)).cloned().collect()
}

/// A line with other options, and made one for a tmpfs where it is not; blanks, escapes and what follows stay.
fn with_fields(raw: &str, options: &str, is_tmpfs: bool) -> String {
    let mut new = String::with_capacity(raw.len() + options.len());
    let mut fields = 0;
    let mut rest = raw;
    while !rest.is_empty() {
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let (blank, from_field) = rest.split_at(blanks);
        let (field, after) = from_field.split_at(from_field.find([' ', '\t']).unwrap_or(from_field.len()));
        // A line may end after its third field; what follows it then is the options.
        new.push_str(blank);
        if !field.is_empty() {
            new.push_str(match (fields, is_tmpfs) {
                (3, _) => options,
                (0 | 2, false) => "tmpfs",
                // A tmpfs is neither dumped nor checked (fstab(5)).
                (4 | 5, false) => "0",
                _ => field,
            });
            fields += 1;
        }
        rest = after;
    }
    match fields {
        0..=3 => format!("{} {options} 0 0", new.trim_end_matches([' ', '\t'])),
        _ => new,
    }
}

/// The comment by which a file says that something else makes it and will make it anew: NixOS, Puppet, Ansible.
fn banner(file: &FileImage) -> Option<String> {
    const WORDS: [&str; 8] = [
        "do not edit",
        "don't edit",
        "do not modify",
        "generated file",
        "automatically generated",
        "autogenerated",
        "auto-generated",
        "ansible managed",
    ];
    let text = file.content.text();
    let comments = text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with('#'));
    let told = |line: &&str| WORDS.iter().any(|word| line.to_lowercase().contains(word));
    comments.filter(told).map(|line| line.trim_start_matches(['#', ' ']).to_owned()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_rewritten_field_by_field() {
        for (raw, is_tmpfs, new) in [
            ("tmpfs\t/mem  tmpfs size=1m 0 0 # ours", true, "tmpfs\t/mem  tmpfs NEW 0 0 # ours"),
            ("  my\\040fs /mem tmpfs rw", true, "  my\\040fs /mem tmpfs NEW"),
            ("tmpfs /mem tmpfs  ", true, "tmpfs /mem tmpfs NEW 0 0"),
            ("/dev/vdb /mem ext4 defaults 1 2", false, "tmpfs /mem tmpfs NEW 0 0"),
            ("/dev/vdb /mem ext4", false, "tmpfs /mem tmpfs NEW 0 0"),
        ] {
            assert_eq!(with_fields(raw, "NEW", is_tmpfs), new);
        }
    }

    #[test]
    fn a_file_that_something_else_makes_says_so_before_its_first_line() {
        let of = |text: &str| banner(&FileImage::configuration(text));
        let nixos = "# This is a generated file.  Do not edit!\n#\nUUID=1 / ext4 rw 0 1\n";
        assert_eq!(of(nixos).as_deref(), Some("This is a generated file.  Do not edit!"));
        let anaconda = "\n#\n# /etc/fstab\n# Created by anaconda on Fri Nov 20 18:46:00 2026\n# After editing this file, run\n\
                        # 'systemctl daemon-reload' to update systemd units generated from this file.\n#\nUUID=1 / xfs rw 0 0\n";
        assert_eq!(of(anaconda), None);
        assert_eq!(of("UUID=1 / ext4 rw 0 1\n# do not edit the next line\n"), None);
    }
}
