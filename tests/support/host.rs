//! A private host: namespaces of its own below one temporary directory.

use super::{Gunicorn, Report, Result};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};
use tempfile::TempDir;

/// The interpreter that the system's package manager provides; a version manager's shim would need its environment.
pub const PYTHON: &str = "/usr/bin/python3";

/// Where programs lie in a host.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// No command of a test takes this long; one that does hangs.
const HANGS_AFTER: &str = "60";

/// A private host. Its pid 1 is a sleeper; when that goes, the kernel kills everything inside.
pub struct Host {
    init: Child,
    outside_pid: String,
    directory: TempDir,
}

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; 124 where it was stopped because it hung.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Outcome {
    /// The same, but an error where it did not end well.
    pub fn success(self) -> Result<Self> {
        if self.code == Some(0) { Ok(self) } else { Err(format!("a command failed: {self:?}").into()) }
    }
}

/// The Python files beside this one.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Waits until something yields a value, at most half a minute: the machine may be small and busy.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(value) = look() {
            return Ok(value);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("waited half a minute in vain: {what}").into())
}

impl Host {
    /// Makes one, with a network of its own in which only `lo` is up.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("gtune-bed-").tempdir()?;
        readable_by_all(directory.path())?;
        fs::create_dir(directory.path().join("bin"))?;
        fs::write(directory.path().join("bin/gtune"), "")?;
        let mut init = Command::new("unshare")
            // The environment of pid 1 would tell gtune of a container that the tests themselves run in.
            .env_clear()
            .env("PATH", PATH)
            .args(if is_root() { &[][..] } else { &["--user", "--map-root-user"] })
            .args(["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child", PYTHON])
            .args([script("namespace.py"), "init".into(), env!("CARGO_BIN_EXE_gtune").into()])
            .arg(directory.path().join("bin/gtune"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot run unshare: {e}"))?;
        let outside_pid = init.stdout.take().and_then(|out| BufReader::new(out).lines().next()?.ok());
        let Some(outside_pid) = outside_pid else {
            let refused = init.wait_with_output()?;
            return Err(String::from_utf8_lossy(&refused.stderr).into_owned().into());
        };
        Ok(Self { init, outside_pid, directory })
    }

    /// The directory of this host; inside and outside it has the same name.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// gtune, at a place that everybody inside may read.
    pub fn gtune(&self) -> PathBuf {
        self.directory().join("bin/gtune")
    }

    /// A path inside, as the tests outside can open it: through the root directory of pid 1.
    pub fn seen_from_outside(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        Path::new("/proc").join(&self.outside_pid).join("root").join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// A command inside, with a clean environment, in the host's directory.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_in(self.directory(), &[], program)
    }

    /// A command inside, in this directory, with these variables besides a clean environment.
    pub fn command_in(&self, directory: &Path, variables: &[(String, String)], program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.outside_pid, "--mount", "--net", "--uts", "--ipc", "--pid"]);
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--", "env", "-i", "-C"]).arg(directory);
        command.args([&format!("PATH={PATH}"), "LANG=C.UTF-8"]);
        command.arg(setting("HOME", directory));
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a command inside to its end, or stops it where it hangs.
    pub fn run<S: AsRef<OsStr>>(&self, argv: &[S]) -> Result<Outcome> {
        let mut command = self.command("timeout");
        command.args(["--kill-after=2", HANGS_AFTER]).args(argv);
        outcome(&mut command)
    }

    /// Runs a line of shell inside; an error where it fails.
    pub fn shell(&self, line: &str) -> Result<String> {
        Ok(self.run(&["sh", "-euc", line])?.success()?.stdout)
    }

    /// Starts a command inside that goes on; it ends with the host at the latest.
    pub fn spawn<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Result<Child> {
        Ok(self.command(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
    }

    /// Connects inside to an address, `number` times, and holds on; asks for the paths where there are any.
    pub fn connect(&self, address: &str, number: usize, paths: &[&str]) -> Result<Child> {
        let mut arguments = vec![script("connect.py").into_os_string(), address.into(), number.to_string().into()];
        arguments.extend(paths.iter().map(OsString::from));
        let mut client = self.spawn(PYTHON, &arguments)?;
        let said = client.stdout.as_mut().and_then(|out| BufReader::new(out).lines().next()?.ok());
        if said.is_some() { Ok(client) } else { Err(format!("cannot connect to {address}").into()) }
    }

    /// Sets `net.core.somaxconn` in this host's network namespace.
    pub fn set_somaxconn(&self, value: u32) -> Result {
        self.shell(&format!("echo {value} > /proc/sys/net/core/somaxconn")).map(drop)
    }

    /// A counter of this host's network, by its name among the `TcpExt` of `/proc/net/netstat`.
    pub fn tcp_counter(&self, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.seen_from_outside("/proc/1/net/netstat")).ok()?;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
        let mut pairs = lines.next()?.split(' ').zip(lines.next()?.split(' '));
        pairs.find(|(column, _)| *column == name)?.1.parse().ok()
    }

    /// A directory of this host on a tmpfs with these mount options.
    pub fn tmpfs(&self, name: &str, options: &str) -> Result<PathBuf> {
        let directory = self.directory().join(name);
        fs::create_dir(&directory)?;
        self.shell(&format!("mount -t tmpfs -o {options} tmpfs {}", directory.display()))?;
        Ok(directory)
    }

    /// Gives this host a copy of a directory of its own, so that it can be written to.
    pub fn own(&self, directory: &str) -> Result {
        let copy = self.directory().join("own").join(directory.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap_or(&copy))?;
        // What an ordinary user may not read is left out; gtune could not read it either.
        self.shell(&format!("cp -a {directory} {0} 2>/dev/null || true; mount --bind {0} {directory}", copy.display()))
            .map(drop)
    }

    /// A Gunicorn from this virtual environment, not yet started.
    pub fn gunicorn(&self, venv: &str) -> Gunicorn<'_> {
        Gunicorn::new(self, venv)
    }

    /// `gtune doctor --format json` inside.
    pub fn doctor(&self, arguments: &[&str]) -> Result<Report> {
        let gtune = self.gtune();
        let mut argv: Vec<&OsStr> = vec![gtune.as_os_str(), "doctor".as_ref(), "--format".as_ref(), "json".as_ref()];
        argv.extend(arguments.iter().map(OsStr::new));
        Report::read(self.run(&argv)?)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // unshare was told to take its child along; the kernel then ends the whole pid namespace.
        drop(self.init.kill());
        drop(self.init.wait());
        let gone = || (!Path::new("/proc").join(&self.outside_pid).exists()).then_some(());
        drop(eventually("the end of a host", gone));
    }
}

/// Runs a command to its end and keeps all it wrote.
pub fn outcome(command: &mut Command) -> Result<Outcome> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn setting(name: &str, value: &Path) -> OsString {
    let mut setting = OsString::from(name);
    setting.push("=");
    setting.push(value);
    setting
}

fn readable_by_all(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}
