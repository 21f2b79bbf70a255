//! Files of `EnvironmentFile=` that may set `GUNICORN_CMD_ARGS`: they win over a drop-in (systemd.exec(5)), and they are
//! others', so gtune says which line to change and leaves them alone.

use super::cmd_args::{CmdArgs, VARIABLE, option};
use super::{Wish, loaded_now};
use crate::facts::{EnvironmentLine, Fact, Unit, environment_file_line, parse_environment_file};
use crate::plan::ground::ancestors;
use crate::plan::{FileImage, Places, Refusal};

/// The files that the environment of a unit comes from.
pub(super) fn places(unit: &Unit) -> Places {
    let files = environment_files(unit).into_iter().filter(|path| is_one_file(path));
    Places { files: files.collect(), ..Places::default() }
}

/// The paths of `EnvironmentFile=`, in the order they are read.
fn environment_files(unit: &Unit) -> Vec<String> {
    if let Some(loaded) = loaded_now(unit) {
        return loaded.environment_files.iter().map(|(path, _)| path.clone()).collect();
    }
    let stored = unit.stored.get("Service.EnvironmentFile").into_iter().flatten();
    // The whole value is the path: quotes would be a part of it.
    stored.map(|line| line.value.trim_start_matches('-').to_owned()).collect()
}

/// Whether a path is neither a pattern, which systemd expands (glob(7)), nor holds a specifier.
fn is_one_file(path: &str) -> bool {
    path.starts_with('/') && !path.contains(['*', '?', '[', '%'])
}

impl Wish<'_> {
    /// The last file that sets the variable decides, whatever `Environment=` says.
    pub fn in_environment_files(&self, unit: &Unit) -> Result<Option<String>, Refusal> {
        for path in environment_files(unit).iter().rev() {
            if !is_one_file(path) {
                if self.runs_without_variable() {
                    continue;
                }
                let reason = format!(
                    "EnvironmentFile={path} stands for files that gtune does not look for, and one may set {VARIABLE}"
                );
                return Err(self.refuse(reason, self.in_whatever_file(path)));
            }
            let image = match self.ground.files.get(path).map(|place| &place.image) {
                Some(Fact::Known(image)) => image,
                Some(Fact::Absent) => continue,
                Some(Fact::Unreadable(reason)) => return Err(self.unread(path, &reason.to_string())),
                None => return Err(self.unread(path, "it was not looked at")),
            };
            let lines = parse_environment_file(&image.content.0);
            if let Some(line) = lines.iter().rfind(|line| line.name == VARIABLE) {
                return self.in_environment_file(path, image, line).map(Some);
            }
        }
        Ok(None)
    }

    fn in_environment_file(&self, path: &str, image: &FileImage, line: &EnvironmentLine) -> Result<String, Refusal> {
        let EnvironmentLine { value, line, .. } = line;
        let args = CmdArgs::read(value);
        if args.as_ref().and_then(CmdArgs::directory).as_deref() == Some(self.directory) {
            return Ok(format!("{path}, line {line}"));
        }
        let reason =
            format!("{path}, line {line}, sets {VARIABLE}, and a file of EnvironmentFile= wins over a drop-in");
        let new = match args {
            Some(args) if self.is_public(path, image) => {
                environment_file_line(VARIABLE, &args.with_directory(self.directory))
            }
            _ => format!("{VARIABLE}=… {}", option(self.directory)),
        };
        Err(self.refuse(reason, format!("in {path}, line {line}: {new}")))
    }

    /// Whether everyone can read a file, so that its options may be repeated.
    fn is_public(&self, path: &str, image: &FileImage) -> bool {
        const READ: u32 = 0o004;
        const SEARCH: u32 = 0o001;
        let is_open = |directory: String| {
            let image = self.ground.directories.get(&directory).and_then(|place| place.image.known());
            image.is_some_and(|image| image.mode & SEARCH != 0)
        };
        image.mode & READ != 0 && ancestors(path).all(is_open)
    }

    fn unread(&self, path: &str, reason: &str) -> Refusal {
        let reason = format!("EnvironmentFile={path} may set {VARIABLE} and could not be read: {reason}");
        self.refuse(reason, "run it as root")
    }

    fn in_whatever_file(&self, path: &str) -> String {
        format!("grep -n {VARIABLE} {path}   # add there: {}", option(self.directory))
    }

    /// Whether the running master was started without the variable, as far as it shows its environment.
    fn runs_without_variable(&self) -> bool {
        let Some(service) = self.target.service else { return false };
        service.settings.blind.is_none() && self.running_names().is_empty()
    }
}
