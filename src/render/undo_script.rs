//! A rollback as a shell script, for a host on which gtune no longer runs.
//!
//! It is made of the same steps, newest first, and is as careful: a file is restored only while it is what gtune left;
//! of a shared file that others have changed since, only gtune's own line is taken back. Beside a POSIX shell it needs
//! `mktemp`, `base64`, `cp -a` and `readlink`, which coreutils and busybox have.

use super::visible;
use crate::command::RollbackReport;
use crate::plan::{Action, Change, Content, DirectoryImage, FileImage, MountImage, NetworkOf, Owner};
use crate::units::{SoftHard, quoted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The shell functions, in the order in which they stand in a script.
const PARTS: [(Part, &str); 14] = [
    (Part::Common, include_str!("undo_script/common.sh")),
    (Part::Inside, include_str!("undo_script/inside.sh")),
    (Part::Own, include_str!("undo_script/own.sh")),
    (Part::File, include_str!("undo_script/file.sh")),
    (Part::Line, include_str!("undo_script/line.sh")),
    (Part::RemoveDirectory, include_str!("undo_script/remove_directory.sh")),
    (Part::MakeDirectory, include_str!("undo_script/make_directory.sh")),
    (Part::Link, include_str!("undo_script/link.sh")),
    (Part::Unmount, include_str!("undo_script/unmount.sh")),
    (Part::MountAsBefore, include_str!("undo_script/mount_as_before.sh")),
    (Part::Process, include_str!("undo_script/process.sh")),
    (Part::Limit, include_str!("undo_script/limit.sh")),
    (Part::KernelValue, include_str!("undo_script/kernel_value.sh")),
    (Part::Systemd, include_str!("undo_script/systemd.sh")),
];

/// The word that ends a text in the script. A text that holds it on a line of its own is written in base64.
const END: &str = "END_OF_IMAGE";

/// Columns of base64, as base64(1) folds it.
const COLUMNS: usize = 76;

/// A group of shell functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Common,
    Inside,
    Own,
    File,
    Line,
    RemoveDirectory,
    MakeDirectory,
    Link,
    Unmount,
    MountAsBefore,
    Process,
    Limit,
    KernelValue,
    Systemd,
}

/// The script.
pub fn script(report: &RollbackReport) -> String {
    let Some(transaction) = &report.rolled_back.transaction else {
        return "#!/bin/sh\n# Nothing to do: no transaction of gtune is in force.\n".to_owned();
    };
    let steps = &report.rolled_back.steps;
    let needed: Vec<Part> = steps.iter().flat_map(|step| parts(&step.action)).copied().collect();
    let mut out = head(transaction, &report.host.root);
    for (part, functions) in PARTS {
        if part == Part::Common || needed.contains(&part) {
            out += &format!("\n{functions}");
        }
    }
    for (at, step) in steps.iter().enumerate() {
        let title = step.action.to_string();
        out += &format!("\n# {}. {}\n{}", at + 1, visible(&title), action(&step.action));
    }
    out + "\nexit \"$status\"\n"
}

fn head(transaction: &str, root: &str) -> String {
    let root = root.trim_end_matches('/');
    format!(
        "#!/bin/sh\n\
         # Takes transaction {} of gtune back without gtune, newest step first. Run it as root.\n\
         # What somebody else has changed since is left as it is, and named; the script then ends with status 1.\n\
         set -u\n\
         umask 077\n\
         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         LC_ALL=C\n\
         export PATH LC_ALL\n\
         ROOT={}\n",
        visible(transaction),
        quoted(root),
    )
}

/// The functions that a step calls.
fn parts(action: &Action) -> &'static [Part] {
    match action {
        Action::Reload | Action::Restart(_) => &[Part::Systemd],
        Action::Change(change) => match change {
            Change::Directory { after: None, .. } => &[Part::Inside, Part::RemoveDirectory],
            Change::Directory { .. } => &[Part::Inside, Part::Own, Part::MakeDirectory],
            Change::File { .. } => &[Part::Inside, Part::Own, Part::File],
            Change::Line { .. } => &[Part::Inside, Part::Own, Part::File, Part::Line],
            Change::Link { .. } => &[Part::Inside, Part::Link],
            Change::Mount { after: None, .. } => &[Part::Unmount],
            Change::Mount { .. } => &[Part::MountAsBefore],
            Change::KernelValue { network: NetworkOf::Gtune, .. } => &[Part::KernelValue],
            Change::KernelValue { .. } => &[Part::Process, Part::KernelValue],
            Change::ProcessLimit { .. } => &[Part::Process, Part::Limit],
        },
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Reload => "manage daemon-reload\n".to_owned(),
        Action::Restart(unit) => format!("manage restart {}\n", quoted(unit)),
        Action::Change(change) => self::change(change),
    }
}

/// `before` is what gtune left, `after` what was there before it.
fn change(change: &Change) -> String {
    match change {
        Change::Directory { path, after, .. } => directory(path, after.as_ref()),
        Change::File { path, before, after } => {
            images(before.as_ref(), after.as_ref()) + &restore("restore", path, before.as_ref(), after.as_ref())
        }
        Change::Line { path, before, after, old_line, new_line } => {
            images(before.as_ref(), after.as_ref())
                + &image("old", old_line.as_ref())
                + &image("new", new_line.as_ref())
                + &restore("restore_line", path, before.as_ref(), after.as_ref())
        }
        Change::Link { path, before, after } => {
            let text = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
            format!("restore_link {} {} {}\n", quoted(path), text(before), text(after))
        }
        Change::Mount { target, before, after } => mount(target, before.as_ref(), after.as_ref()),
        Change::KernelValue { key, network, before, after } => {
            let process = match network {
                NetworkOf::Gtune => String::new(),
                NetworkOf::Process(process) => format!(" {} {}", process.pid, process.start_ticks),
            };
            format!("restore_value {} {before} {after}{process}\n", quoted(&key.replace('.', "/")))
        }
        Change::ProcessLimit { process, before, after } => {
            let pair = |limits: &SoftHard| format!("{}:{}", limits.soft, limits.hard);
            format!("restore_limit {} {} {} {}\n", process.pid, process.start_ticks, pair(before), pair(after))
        }
    }
}

fn directory(path: &str, after: Option<&DirectoryImage>) -> String {
    match after {
        None => format!("remove_directory {}\n", quoted(path)),
        Some(image) => format!("make_directory {} {:04o} {}\n", quoted(path), image.mode, ids(image.owner)),
    }
}

fn mount(target: &str, before: Option<&MountImage>, after: Option<&MountImage>) -> String {
    match (before, after) {
        (_, Some(image)) => {
            let options = quoted(&image.options.join(","));
            let (kind, source) = (quoted(&image.kind), quoted(&image.source));
            format!("mount_as_before {} {kind} {source} {options}\n", quoted(target))
        }
        (Some(image), None) => format!("unmount {} {}\n", quoted(target), quoted(&image.kind)),
        (None, None) => String::new(),
    }
}

fn images(left: Option<&FileImage>, before: Option<&FileImage>) -> String {
    let content = |image: Option<&FileImage>, name| self::image(name, image.map(|file| &file.content));
    content(left, "left") + &content(before, "before")
}

/// The call that restores a file; mode and owner are told where the file has to be made, or they were changed.
fn restore(function: &str, path: &str, left: Option<&FileImage>, before: Option<&FileImage>) -> String {
    let mut call = format!("{function} {}", quoted(path));
    if let Some(before) = before
        && left.is_none_or(|left| (left.mode, left.owner) != (before.mode, before.owner))
    {
        call += &format!(" {:04o} {}", before.mode, ids(before.owner));
    }
    let lost = before.filter(|before| left.is_none_or(|left| left.attributes != before.attributes));
    let names: Vec<&str> = lost.iter().flat_map(|file| file.attributes.keys()).map(String::as_str).collect();
    match names.is_empty() {
        true => format!("{call}\n"),
        false => format!("# It also had extended attributes: {}\n{call}\n", visible(&names.join(" "))),
    }
}

/// The commands that make an image in the work directory; one of an earlier step goes.
fn image(name: &str, content: Option<&Content>) -> String {
    let Some(content) = content else { return format!("rm -f \"$work/{name}\"\n") };
    let bytes = &content.0;
    match std::str::from_utf8(bytes) {
        Ok("") => format!(": > \"$work/{name}\"\n"),
        Ok(text) if is_plain(text) => format!("cat > \"$work/{name}\" << '{END}' || exit 1\n{text}{END}\n"),
        _ => format!("base64 -d > \"$work/{name}\" << '{END}' || exit 1\n{}{END}\n", folded(&STANDARD.encode(bytes))),
    }
}

/// Whether a text comes out of the script as it went in, and can be read in it: it ends in a line end and holds nothing
/// that an editor or a terminal would change or hide.
fn is_plain(text: &str) -> bool {
    let shown = text.replace(['\n', '\t'], " ");
    text.ends_with('\n') && visible(&shown) == shown && text.lines().all(|line| line != END)
}

fn folded(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(COLUMNS).map(|line| line.iter().collect::<String>() + "\n").collect()
}

fn ids(owner: Owner) -> String {
    format!("{}:{}", owner.uid, owner.gid)
}

#[cfg(test)]
mod tests;
