//! Whether a service may write below a directory, by what confines it (systemd.exec(5), "Sandboxing").

use super::HEARTBEAT;
use crate::facts::{Unit, unit_words};

/// What confines a unit, as it was loaded; as its files store it where it was not, or not since they changed.
pub(super) struct Sandbox<'a> {
    unit: &'a Unit,
    /// Paths that gtune's own drop-in makes writable: they count for nothing here, else that line would take itself out.
    own: &'a [String],
}

/// What a sandbox makes of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// The service can write there.
    Writable,
    /// It can with `ReadWritePaths=`.
    ReadOnly,
    /// It cannot whatever is added for it; the clause says why, the second what to do.
    Hidden {
        /// `PrivateTmp= gives it another /tmp`.
        reason: String,
        /// A line for the unit, or a step.
        hint: String,
    },
}

impl<'a> Sandbox<'a> {
    pub fn of(unit: &'a Unit, own: &'a [String]) -> Self {
        Self { unit, own }
    }

    /// What it makes of a directory.
    pub fn access(&self, directory: &str) -> Access {
        if let Some((path, key)) = deepest(self.inaccessible(), directory) {
            let hint = format!("take {path} out of {key}, or choose a directory outside it");
            return Access::Hidden { reason: format!("{key} hides {path} from it"), hint };
        }
        let bound = deepest(self.bound(), directory);
        if let Some((path, key)) = deepest(self.replaced(), directory).filter(|one| is_deeper(one, bound.as_ref())) {
            let hint = format!("in its [Service] section: BindPaths={}", super::unit_word(directory));
            return Access::Hidden { reason: format!("{key} gives it a {path} of its own"), hint };
        }
        let writable = deepest(self.writable(), directory);
        match deepest(self.read_only(), directory).filter(|one| is_deeper(one, writable.as_ref())) {
            // Of two entries for one path systemd keeps the stricter.
            Some((path, key)) if path == directory && key.ends_with("Paths=") => {
                let hint = format!("take {path} out of {key}");
                Access::Hidden { reason: format!("{key} makes {path} read-only for it"), hint }
            }
            Some(_) => Access::ReadOnly,
            None => Access::Writable,
        }
    }

    /// What nothing can be nested in.
    fn inaccessible(&self) -> Vec<Entry> {
        let homes = if is_yes(&self.protect_home()) { HOMES } else { &[] };
        self.paths("InaccessiblePaths").chain(entries(homes, "ProtectHome=")).collect()
    }

    /// What is replaced by something empty or by another file system; a bind mount can be nested in it.
    fn replaced(&self) -> Vec<Entry> {
        let mut all = self.mounted("TemporaryFileSystem", 0);
        if self.protect_home() == "tmpfs" {
            all.extend(entries(HOMES, "ProtectHome=tmpfs"));
        }
        if self.is_dynamic() || !matches!(self.word("PrivateTmp").as_str(), "" | "no" | "false" | "0" | "off") {
            all.extend(entries(&["/tmp", "/var/tmp"], "PrivateTmp="));
        }
        for key in ["RootDirectory", "RootImage"] {
            if !matches!(self.word(key).as_str(), "" | "/") {
                all.push(("/".into(), format!("{key}=")));
            }
        }
        all
    }

    /// Bind mounts that show a directory at its own place.
    fn bound(&self) -> Vec<Entry> {
        let in_place = |(source, target): (String, String)| (source == target).then_some(target);
        let pairs = ["BindPaths", "BindReadOnlyPaths"].into_iter().flat_map(|key| self.binds(key));
        pairs.filter_map(in_place).map(|path| (path, String::new())).collect()
    }

    fn read_only(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> = self.paths("ReadOnlyPaths").collect();
        all.extend(self.mounted("BindReadOnlyPaths", 1));
        let system = if self.is_dynamic() { "strict".to_owned() } else { self.word("ProtectSystem") };
        let below: &[&str] = match system.as_str() {
            "strict" => &["/"],
            "full" => &["/usr", "/boot", "/efi", "/etc"],
            yes if is_yes(yes) => &["/usr", "/boot", "/efi"],
            _ => &[],
        };
        all.extend(entries(below, "ProtectSystem="));
        if self.protect_home() == "read-only" {
            all.extend(entries(HOMES, "ProtectHome="));
        }
        all
    }

    fn writable(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> = self.paths("ReadWritePaths").filter(|(path, _)| !self.own.contains(path)).collect();
        all.extend(self.mounted("BindPaths", 1));
        // What ProtectSystem=strict leaves as it is (`protect_system_strict_table` of systemd).
        all.extend(entries(&["/proc", "/sys", "/dev", "/home", "/root", "/run/user"], ""));
        for (key, parent) in
            [("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib"), ("LogsDirectory", "/var/log")]
        {
            all.extend(self.words(key).into_iter().map(|name| (format!("{parent}/{name}"), String::new())));
        }
        all
    }

    fn is_dynamic(&self) -> bool {
        is_yes(&self.word("DynamicUser"))
    }

    /// `DynamicUser=` makes homes read-only at least.
    fn protect_home(&self) -> String {
        match self.word("ProtectHome") {
            none if matches!(none.as_str(), "" | "no" | "false" | "0" | "off") && self.is_dynamic() => {
                "read-only".into()
            }
            word => word,
        }
    }

    /// The paths of a list, without the signs for "may be missing" and "inside the root directory".
    fn paths(&self, key: &'static str) -> impl Iterator<Item = Entry> {
        let words = self.words(key).into_iter();
        words.map(move |word| (path_of(&word), format!("{key}=")))
    }

    /// The mount points of a list of mounts: of `SOURCE:TARGET:OPTIONS` the field at this place, else the first.
    fn mounted(&self, key: &'static str, field: usize) -> Vec<Entry> {
        let at = |(source, target)| (if field == 0 { source } else { target }, format!("{key}="));
        self.binds(key).into_iter().map(at).collect()
    }

    fn binds(&self, key: &'static str) -> Vec<(String, String)> {
        let pair = |word: String| {
            let mut fields = word.split(':');
            let source = path_of(fields.next().unwrap_or_default());
            let target = fields.next().filter(|target| target.starts_with('/')).map(path_of);
            (source.clone(), target.unwrap_or(source))
        };
        self.words(key).into_iter().map(pair).collect()
    }

    fn word(&self, key: &'static str) -> String {
        self.words(key).pop().unwrap_or_default()
    }

    fn words(&self, key: &'static str) -> Vec<String> {
        if let Some(loaded) = super::loaded_now(self.unit) {
            return loaded.sandbox.get(key).map(|value| unit_words(value)).unwrap_or_default();
        }
        let stored = |key: String| self.unit.stored.get(&format!("Service.{key}")).into_iter().flatten();
        // The names these keys had before systemd 231.
        let lines =
            stored(key.replace("Paths", "Directories")).filter(|_| key.ends_with("Paths")).chain(stored(key.into()));
        let words = lines.filter(|line| !HEARTBEAT.is_own(&line.file)).flat_map(|line| unit_words(&line.value));
        words.map(|word| word.replace("%%", "%")).collect()
    }
}

/// A path and the key that says something of it.
type Entry = (String, String);

const HOMES: &[&str] = &["/home", "/root", "/run/user"];

fn entries<'a>(paths: &'a [&'a str], key: &'a str) -> impl Iterator<Item = Entry> + 'a {
    paths.iter().map(move |path| ((*path).to_owned(), key.to_owned()))
}

fn path_of(word: &str) -> String {
    super::trimmed(word.trim_start_matches(['-', '+'])).to_owned()
}

fn is_yes(word: &str) -> bool {
    matches!(word, "yes" | "true" | "1" | "on")
}

/// The entry that lies nearest to a directory, at it or above it.
fn deepest(all: Vec<Entry>, directory: &str) -> Option<Entry> {
    all.into_iter().filter(|(path, _)| covers(path, directory)).max_by_key(|(path, _)| path.len())
}

fn covers(path: &str, directory: &str) -> bool {
    let below = directory.strip_prefix(path.trim_end_matches('/'));
    path.starts_with('/') && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an entry counts beside another one that would lift it: it does where it is as near.
fn is_deeper(one: &Entry, other: Option<&Entry>) -> bool {
    other.is_none_or(|(path, _)| one.0.len() >= path.len())
}
