//! What a law needs of the machine, looked for once.

use super::{FrozenDisk, Host, MemoryCgroup, PidsCgroup};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// What a law needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// Namespaces of one's own, as root or by the kernel's leave.
    Namespaces,
    /// The virtual environment of this name.
    Venv(&'static str),
    /// A package in a virtual environment.
    Package(&'static str, &'static str),
    /// At least this major version of Gunicorn in a virtual environment.
    Major(&'static str, u32),
    /// To be root on the machine itself.
    Root,
    /// A loop device that can carry a file system that can be frozen.
    LoopDevice,
    /// A control group of one's own with the pids controller.
    PidsCgroup,
    /// A control group of one's own with the memory controller.
    #[allow(dead_code)]
    MemoryCgroup,
    /// A program, and the package of Debian that has it.
    #[allow(dead_code)]
    Program(&'static str, &'static str),
    /// promtool.
    Promtool,
    /// The unpacked Debian.
    DebianTree,
    /// strace, and leave to trace.
    Strace,
    /// A temporary directory that does not lie in memory.
    Disk,
    /// Leave to set the attributes of chattr(1) on temporary files.
    // Not every test program has laws that need it.
    #[allow(dead_code)]
    Attributes,
}

/// The directory `tests/run` fills.
pub fn testbed() -> PathBuf {
    std::env::var_os("GTUNE_TESTBED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/testbed"), PathBuf::from)
}

/// The version of a package in a virtual environment, by the directory that pip leaves beside it.
pub fn installed_version(venv: &str, package: &str) -> Option<String> {
    let libraries = fs::read_dir(testbed().join(format!("venv-{venv}/lib"))).ok()?;
    let names = libraries.flatten().filter_map(|python| fs::read_dir(python.path().join("site-packages")).ok());
    names.flatten().flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?.to_lowercase().replace('_', "-");
        let version = name.strip_prefix(package)?.strip_prefix('-')?.strip_suffix(".dist-info")?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    })
}

impl Need {
    /// What is missing, and the command that would provide it; nothing where the need is met.
    pub fn missing(self) -> Option<String> {
        static SEEN: LazyLock<Mutex<HashMap<Need, Option<String>>>> = LazyLock::new(Mutex::default);
        if let Some(known) = SEEN.lock().ok()?.get(&self) {
            return known.clone();
        }
        let missing = self.look();
        SEEN.lock().ok()?.insert(self, missing.clone());
        missing
    }

    fn look(self) -> Option<String> {
        match self {
            Self::Namespaces => namespaces(),
            Self::Venv(name) => unless(
                testbed().join(format!("venv-{name}/.made-from")).exists(),
                format!("no Gunicorn in {}/venv-{name}; run: tests/run", testbed().display()),
            ),
            Self::Package(venv, package) => unless(
                installed_version(venv, package).is_some(),
                format!("no {package} in venv-{venv}; run: tests/run (it says why the package does not install)"),
            ),
            Self::Major(venv, least) => unless(
                installed_version(venv, "gunicorn").and_then(|v| v.split('.').next()?.parse().ok()) >= Some(least),
                format!(
                    "no Gunicorn {least} or later in venv-{venv}; needs a newer Python: tests/run uses /usr/bin/python3"
                ),
            ),
            Self::Root => unless(nix::unistd::geteuid().is_root(), "not root; run: sudo -E tests/run".to_owned()),
            Self::LoopDevice => FrozenDisk::missing(),
            Self::PidsCgroup => PidsCgroup::missing(),
            Self::MemoryCgroup => MemoryCgroup::missing(),
            Self::Program(name, package) => unless(
                succeeds(Command::new(name).arg("--help")),
                format!("no {name}; run: sudo apt-get install {package}"),
            ),
            Self::Promtool => unless(
                testbed().join("promtool/promtool").exists(),
                "no promtool; run: tests/run (it takes it from the package prometheus)".to_owned(),
            ),
            Self::DebianTree => unless(
                testbed().join("debian/.made-from").exists(),
                "no Debian tree; run: tests/run (needs the package mmdebstrap)".to_owned(),
            ),
            Self::Strace => unless(
                succeeds(Command::new("strace").args(["-o", "/dev/null", "true"])),
                "no strace, or no leave to trace; run: sudo apt-get install strace".to_owned(),
            ),
            Self::Disk => disk(),
            Self::Attributes => attributes(),
        }
    }
}

fn unless(met: bool, missing: String) -> Option<String> {
    (!met).then_some(missing)
}

fn namespaces() -> Option<String> {
    let reason = Host::new().err()?.message()?.to_owned();
    Some(format!(
        "no private namespaces ({}); run as root, or: sudo sysctl kernel.unprivileged_userns_clone=1 \
         kernel.apparmor_restrict_unprivileged_userns=0",
        reason.trim()
    ))
}

fn disk() -> Option<String> {
    let directory = tempfile::tempdir().ok()?;
    let kind = nix::sys::statfs::statfs(directory.path()).ok()?.filesystem_type();
    let in_memory = kind == nix::sys::statfs::TMPFS_MAGIC;
    unless(!in_memory, "temporary files lie in memory; run: TMPDIR=/var/tmp tests/run".to_owned())
}

fn attributes() -> Option<String> {
    let file = tempfile::NamedTempFile::new().ok()?;
    let chattr = |change: &str| succeeds(Command::new("chattr").arg(change).arg(file.path()));
    unless(
        chattr("+i") && chattr("-i"),
        "no attributes can be set (chattr); run as root, on ext4: sudo -E TMPDIR=/var/tmp tests/run".to_owned(),
    )
}

/// Whether a command can be run and ends well.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}
