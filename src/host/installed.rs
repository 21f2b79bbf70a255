//! The Gunicorn package on disk that a master would import, found as Python finds it and never executed.

use super::mapped::shared_objects;
use super::processes::ProcessHandle;
use super::root::Root;
use crate::facts::{Fact, InstalledVersion, LoadedUnit};
use crate::gunicorn::Version;
use nix::sys::stat::FileStat;
use std::collections::BTreeMap;

/// What tells where a master looks for packages. Everything is a path in its own root.
#[derive(Debug, Default)]
pub struct Origins {
    /// Its arguments; empty where setproctitle has replaced them.
    pub arguments: Vec<String>,
    /// Its environment, where it can be read.
    pub environment: BTreeMap<String, String>,
    /// Its working directory.
    pub directory: String,
    /// The interpreter it runs, links resolved.
    pub interpreter: String,
    /// Shared libraries it has mapped.
    pub mapped: Vec<String>,
    /// The home directory of its user.
    pub home: Option<String>,
}

impl Origins {
    /// Gathers them; what is hidden is left out.
    pub fn of(
        master: &ProcessHandle,
        arguments: &[String],
        environment: BTreeMap<String, String>,
        unit: Option<&LoadedUnit>,
    ) -> Self {
        let text =
            |name: &str| master.link(name).map(|link| String::from_utf8_lossy(&link).into_owned()).known().cloned();
        let from_unit = unit.map(|unit| unit.exec_start.clone()).filter(|_| is_title(arguments));
        Self {
            arguments: from_unit.unwrap_or_else(|| arguments.to_vec()),
            environment,
            directory: text("cwd").unwrap_or_default(),
            interpreter: text("exe").unwrap_or_default(),
            mapped: shared_objects(master).known().cloned().unwrap_or_default(),
            home: None,
        }
    }
}

/// One string instead of arguments is a title.
fn is_title(arguments: &[String]) -> bool {
    arguments.len() <= 1
}

/// The installed version; unreadable where no package was found, for the running one must have come from somewhere.
pub fn installed(root: &Root, origins: &Origins, started_at: f64) -> Fact<InstalledVersion> {
    let mut hidden = None;
    let candidates = candidates(root, origins);
    for directory in &candidates {
        let file = format!("{directory}/gunicorn/__init__.py");
        match root.read(&file) {
            Fact::Known(text) => match version_of(&text) {
                Some(version) => return Fact::Known(found(root, file, version, started_at)),
                None => hidden = Some(Fact::unreadable(format!("no version_info: {}", root.shown(&file)))),
            },
            Fact::Absent => {}
            Fact::Unreadable(reason) => hidden = hidden.or(Some(Fact::Unreadable(reason))),
        }
    }
    hidden.unwrap_or_else(|| {
        Fact::unreadable(format!("no gunicorn package in the {} directories Python would look in", candidates.len()))
    })
}

fn found(root: &Root, file: String, version: Version, started_at: f64) -> InstalledVersion {
    let changed = root.stat(&file).map(|stat: FileStat| stat.st_ctime as f64).known().copied();
    // Times of files have the grain of a tick; a service is never started within a second of the end of its upgrade.
    InstalledVersion { version, file, newer_than_master: changed.is_some_and(|changed| changed > started_at + 1.0) }
}

/// `version_info = (23, 0, 0)`, as every release since 0.1 has it.
fn version_of(text: &[u8]) -> Option<Version> {
    let text = String::from_utf8_lossy(text);
    let tuple = text.lines().find_map(|line| {
        let rest = line.strip_prefix("version_info")?.trim_start().strip_prefix('=')?;
        rest.trim().strip_prefix('(')?.split_once(')').map(|(numbers, _)| numbers.to_owned())
    })?;
    let numbers: Vec<&str> = tuple.split(',').map(|number| number.trim().trim_matches(['"', '\''])).collect();
    Version::parse(&numbers.join("."))
}

/// Directories in the order of `sys.path`: the script's or the working directory, `PYTHONPATH`, then the packages of
/// the virtual environment, or of the user and the interpreter where there is none.
fn candidates(root: &Root, origins: &Origins) -> Vec<String> {
    let mut found = Vec::new();
    let variable = |name: &str| origins.environment.get(name).map(String::as_str).unwrap_or_default();
    // `python -m gunicorn` puts the working directory first (Python, "Command line and environment").
    if origins.arguments.iter().any(|argument| argument == "-m") {
        found.push(origins.directory.clone());
    }
    found.extend(variable("PYTHONPATH").split(':').filter(|path| !path.is_empty()).map(|path| origins.absolute(path)));
    for prefix in origins.prefixes(root) {
        found.extend(packages_below(root, &prefix, &origins.python()));
    }
    found.extend(origins.mapped.iter().filter_map(|library| packages_of(library)));
    if let Some(home) = &origins.home {
        found.extend(packages_below(root, &format!("{home}/.local"), &origins.python()));
    }
    for prefix in origins.base_prefixes() {
        found.extend(packages_below(root, &prefix, &origins.python()));
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|directory| !directory.is_empty() && seen.insert(directory.clone()));
    found
}

impl Origins {
    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory.trim_end_matches('/')) }
    }

    /// Virtual environments: of the interpreter, of the script, of `VIRTUAL_ENV`.
    fn prefixes(&self, root: &Root) -> Vec<String> {
        let programs = self.arguments.iter().take(2).flat_map(|argument| self.program(argument, root));
        let mut prefixes: Vec<String> = programs.filter_map(|program| prefix_of(&program)).collect();
        prefixes.extend(self.environment.get("VIRTUAL_ENV").cloned());
        prefixes.retain(|prefix| root.stat(&format!("{prefix}/pyvenv.cfg")).known().is_some());
        prefixes
    }

    /// Where a program of this name lies: itself, or the first of `PATH` that has it.
    fn program(&self, name: &str, root: &Root) -> Option<String> {
        if name.contains('/') {
            return Some(self.absolute(name));
        }
        let path = self.environment.get("PATH")?;
        let in_directory = |directory: &str| format!("{}/{name}", self.absolute(directory).trim_end_matches('/'));
        path.split(':').map(in_directory).find(|program| root.stat(program).known().is_some())
    }

    /// Where the interpreter itself keeps packages. Debian's looks below `/usr/local` first.
    fn base_prefixes(&self) -> Vec<String> {
        let own = prefix_of(&self.interpreter);
        let local = own.as_deref().filter(|prefix| *prefix == "/usr").map(|_| "/usr/local".to_owned());
        local.into_iter().chain(own).collect()
    }

    /// `python3.11`, or what else the interpreter is called.
    fn python(&self) -> String {
        self.interpreter.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// `/srv/venv` of `/srv/venv/bin/python3`.
fn prefix_of(program: &str) -> Option<String> {
    program.rsplit_once("/bin/").map(|(prefix, _)| prefix.to_owned())
}

/// Package directories below a prefix: of the interpreter's own version first, then Debian's unversioned one.
fn packages_below(root: &Root, prefix: &str, python: &str) -> Vec<String> {
    let mut found = Vec::new();
    for library in ["lib", "lib64"] {
        let versions = root.list(&format!("{prefix}/{library}")).known().cloned().unwrap_or_default();
        let mut versions: Vec<String> = versions.into_iter().filter(|name| name.starts_with("python3")).collect();
        versions.sort_by_key(|name| name != python);
        for version in versions {
            for packages in ["site-packages", "dist-packages"] {
                found.push(format!("{prefix}/{library}/{version}/{packages}"));
            }
        }
    }
    found
}

/// The package directory a shared library was installed into.
fn packages_of(library: &str) -> Option<String> {
    ["/site-packages/", "/dist-packages/"].iter().find_map(|packages| {
        let (above, _) = library.split_once(packages)?;
        Some(format!("{above}{}", packages.trim_end_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn install(root: &std::path::Path, packages: &str, version: &str) {
        let directory = root.join(packages.trim_start_matches('/')).join("gunicorn");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("__init__.py"), format!("version_info = ({version})\n__version__ = 1\n")).unwrap();
    }

    fn version(root: &std::path::Path, origins: &Origins) -> Fact<String> {
        installed(&Root::open(root).unwrap(), origins, f64::MAX).map(|found| found.version.to_string())
    }

    /// A virtual environment and a system with packages of their own.
    fn host() -> (tempfile::TempDir, Origins) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("srv/app")).unwrap();
        install(root.path(), "/srv/venv/lib/python3.11/site-packages", "23, 0, 0");
        fs::write(root.path().join("srv/venv/pyvenv.cfg"), "home = /usr/bin\n").unwrap();
        install(root.path(), "/usr/lib/python3/dist-packages", "20, 1, 0");
        let origins = Origins {
            arguments: vec!["/srv/venv/bin/python3".into(), "/srv/venv/bin/gunicorn".into(), "wsgi".into()],
            directory: "/srv/app".into(),
            interpreter: "/usr/bin/python3.11".into(),
            ..Origins::default()
        };
        (root, origins)
    }

    #[test]
    fn the_virtual_environment_comes_before_the_system() {
        let (root, origins) = host();
        assert_eq!(version(root.path(), &origins), Fact::Known("23.0.0".into()));
    }

    #[test]
    fn without_a_virtual_environment_the_interpreter_has_its_own() {
        let (root, mut origins) = host();
        origins.arguments = vec!["/usr/bin/python3".into(), "/usr/bin/gunicorn".into()];
        assert_eq!(version(root.path(), &origins), Fact::Known("20.1.0".into()));
    }

    #[test]
    fn a_title_leaves_the_mapped_libraries() {
        let (root, mut origins) = host();
        origins.arguments = vec!["gunicorn: master [wsgi]".into()];
        origins.mapped = vec!["/srv/venv/lib/python3.11/site-packages/setproctitle.so".into()];
        assert_eq!(version(root.path(), &origins), Fact::Known("23.0.0".into()));
    }

    #[test]
    fn python_m_looks_in_the_working_directory_first() {
        let (root, mut origins) = host();
        install(root.path(), "/srv/app", "26, 1, 0");
        origins.arguments = vec!["/srv/venv/bin/python3".into(), "-m".into(), "gunicorn".into()];
        assert_eq!(version(root.path(), &origins), Fact::Known("26.1.0".into()));
    }

    #[test]
    fn a_relative_or_bare_program_is_found_from_where_it_was_started() {
        let (root, mut origins) = host();
        origins.arguments = vec!["../venv/bin/python3".into(), "../venv/bin/gunicorn".into()];
        assert_eq!(version(root.path(), &origins), Fact::Known("23.0.0".into()));
        fs::create_dir_all(root.path().join("srv/venv/bin")).unwrap();
        fs::write(root.path().join("srv/venv/bin/python3"), "").unwrap();
        origins.arguments = vec!["python3".into(), "-m".into(), "gunicorn".into()];
        origins.environment.insert("PATH".into(), "/srv/venv/bin:/usr/bin".into());
        assert_eq!(version(root.path(), &origins), Fact::Known("23.0.0".into()));
    }

    #[test]
    fn no_package_is_not_a_version() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(version(root.path(), &host().1), Fact::Unreadable(_)));
    }

    #[test]
    fn an_upgrade_after_the_start_is_seen() {
        let (root, origins) = host();
        let root = Root::open(root.path()).unwrap();
        assert!(installed(&root, &origins, 0.0).known().unwrap().newer_than_master);
        assert!(!installed(&root, &origins, f64::MAX).known().unwrap().newer_than_master);
    }

    proptest! {
        #[test]
        fn any_package_is_read_without_panic(bytes in any::<Vec<u8>>(), text in "version_info = .*") {
            version_of(&bytes);
            version_of(text.as_bytes());
        }
    }
}
