//! A directory that stands for a host, and gtune at work on it.

use crate::snapshot::{Closely, Snapshot};
use crate::support::{Outcome, Result, outcome};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The fstab of a fresh Debian.
pub const FSTAB: &str = "\
# /etc/fstab: static file system information.
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
UUID=0a3407de-014b-458b-b5c1-848e92a327a3 /               ext4    errors=remount-ro 0       1
UUID=f9fe0b69-a280-415d-a03a-a32752370dee none            swap    sw              0       0
";

/// A unit that starts a Gunicorn.
pub const UNIT: &str = "\
[Unit]
Description=The shop
After=network.target

[Service]
Type=notify
User=www-data
WorkingDirectory=/srv/shop
ExecStart=/srv/venv/bin/gunicorn --workers 3 shop.wsgi
ExecReload=/bin/kill -s HUP $MAINPID

[Install]
WantedBy=multi-user.target
";

/// Where the unit is stored.
pub const UNIT_FILE: &str = "etc/systemd/system/gunicorn.service";

/// No run of gtune on a directory of a few files takes this many seconds; one that does hangs.
const HANGS_AFTER: &str = "30";

/// A directory that stands for a host.
pub struct Tree(TempDir);

/// What came of gtune.
#[derive(Debug)]
pub struct Answer {
    /// Exit code; 124 where it hung.
    pub code: i32,
    /// The one JSON value it wrote; null where it wrote nothing.
    pub json: Value,
    /// What it complained of.
    pub stderr: String,
}

impl Tree {
    /// A host with a Gunicorn that has never met gtune.
    pub fn new() -> Result<Self> {
        let tree = Self::empty()?;
        for directory in ["proc", "sys", "dev", "run/lock", "var/lib", "var/log", "srv/shop", "usr/lib/systemd/system"]
        {
            tree.directory(directory)?;
        }
        tree.write("etc/fstab", FSTAB)?;
        tree.write("etc/os-release", "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n")?;
        tree.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n")?;
        tree.write("etc/sysctl.conf", "# nothing is set here\n")?;
        tree.write("etc/sysctl.d/10-network.conf", "net.ipv4.tcp_syncookies = 1\n")?;
        tree.write("etc/security/limits.conf", "# <domain> <type> <item> <value>\n")?;
        tree.write(UNIT_FILE, UNIT)?;
        tree.directory("tmp")?;
        fs::set_permissions(tree.path().join("tmp"), Permissions::from_mode(0o1777))?;
        Ok(tree)
    }

    /// Nothing at all.
    fn empty() -> Result<Self> {
        // In memory where that can be had: the laws write thousands of files, and none of them has to survive.
        let memory = Path::new("/dev/shm");
        let place = if fs::metadata(memory).is_ok() { memory.to_owned() } else { std::env::temp_dir() };
        let builder = || tempfile::Builder::new().prefix("gtune-apply-").to_owned();
        let directory = builder().tempdir_in(place).or_else(|_| builder().tempdir())?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        Ok(Self(directory))
    }

    /// The same host with this fstab.
    pub fn with_fstab(fstab: &[u8]) -> Result<Self> {
        let tree = Self::new()?;
        fs::write(tree.path().join("etc/fstab"), fstab)?;
        Ok(tree)
    }

    /// The same host with this unit.
    pub fn with_unit(unit: &str) -> Result<Self> {
        let tree = Self::new()?;
        tree.write(UNIT_FILE, unit)?;
        Ok(tree)
    }

    /// One just like this, down to owners and time stamps.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self::empty()?;
        outcome(Command::new("cp").arg("-a").arg(self.path().join(".")).arg(copy.path()))?.success()?;
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in it.
    pub fn at(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Makes a directory, and those above it.
    pub fn directory(&self, path: &str) -> Result {
        let mut made = self.path().to_owned();
        for part in Path::new(path).components() {
            made.push(part);
            if !made.exists() {
                fs::create_dir(&made)?;
                fs::set_permissions(&made, Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    /// Writes a file, and makes the directories above it.
    pub fn write(&self, path: &str, text: &str) -> Result {
        if let Some(above) = Path::new(path).parent().and_then(Path::to_str) {
            self.directory(above)?;
        }
        fs::write(self.at(path), text)?;
        Ok(fs::set_permissions(self.at(path), Permissions::from_mode(0o644))?)
    }

    /// The bytes of a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        Ok(fs::read(self.at(path)).map_err(|e| format!("cannot read {path}: {e}"))?)
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// All drop-ins of a unit, one after the other as systemd reads them; empty where there is none.
    pub fn drop_ins(&self, unit: &str) -> Result<String> {
        let directory = self.at(&format!("etc/systemd/system/{unit}.d"));
        let Ok(entries) = fs::read_dir(directory) else { return Ok(String::new()) };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        Ok(files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect())
    }

    /// The journals of gtune, in no order of meaning: those of one second are named by chance.
    pub fn journals(&self) -> Result<Vec<PathBuf>> {
        let Ok(entries) = fs::read_dir(self.at("var/lib/gtune/journal")) else { return Ok(Vec::new()) };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        Ok(files)
    }

    /// How it is, gtune's own state apart.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::of(self.path())
    }

    /// How it is, with gtune's own state.
    pub fn whole(&self) -> Result<Snapshot> {
        Snapshot::whole(self.path())
    }

    /// An error unless it is as it was then.
    pub fn must_be(&self, before: &Snapshot, closely: Closely) -> Result {
        self.snapshot()?.must_be(before, closely)
    }

    /// gtune, told to work on this tree and to answer in JSON.
    pub fn gtune(&self, arguments: &[&str]) -> Result<Answer> {
        let argv = gtune(self.path(), arguments);
        Answer::read(bounded(&argv)?)
    }

    /// `gtune apply`.
    pub fn apply(&self, arguments: &[&str]) -> Result<Answer> {
        self.gtune(&[&["apply"], arguments].concat())
    }

    /// `gtune rollback`.
    pub fn rollback(&self, arguments: &[&str]) -> Result<Answer> {
        self.gtune(&[&["rollback"], arguments].concat())
    }

    /// Takes the last transaction back; an error unless all is as it was before it.
    pub fn must_go_back_to(&self, before: &Snapshot) -> Result {
        self.rollback(&[])?.must_end(0)?;
        self.must_be(before, Closely::Restored)
    }
}

/// The program and its arguments.
pub fn gtune(root: &Path, arguments: &[&str]) -> Vec<OsString> {
    // Another build can be tried: a static one, or one for release.
    let program = std::env::var_os("GTUNE_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_gtune").into());
    let mut argv = vec![program, "--root".into(), root.into(), "--format".into(), "json".into()];
    argv.extend(arguments.iter().map(OsString::from));
    argv
}

/// Runs a command with a bare environment to its end, or stops it where it hangs.
pub fn bounded(argv: &[OsString]) -> Result<Outcome> {
    outcome(&mut bounded_command(argv))
}

/// The same, not yet run.
pub fn bounded_command(argv: &[OsString]) -> Command {
    let mut command = Command::new("timeout");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
    command.args(["--kill-after=2", HANGS_AFTER]).args(argv);
    command
}

impl Answer {
    /// Reads what came of it: nothing on stdout, or exactly one JSON value, and an exit code of the contract.
    pub fn read(outcome: Outcome) -> Result<Self> {
        let json = match outcome.stdout.trim().is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&outcome.stdout).map_err(|e| format!("no JSON ({e}): {outcome:#?}"))?,
        };
        match outcome.code {
            Some(code @ 0..=5) => Ok(Self { code, json, stderr: outcome.stderr }),
            _ => Err(format!("gtune ended in its own way: {outcome:#?}").into()),
        }
    }

    /// Whether it says this word anywhere, in whatever case.
    pub fn says(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        self.stderr.to_lowercase().contains(&word) || texts(&self.json).any(|text| text.to_lowercase().contains(&word))
    }

    /// An error unless it ended with this code.
    pub fn must_end(self, code: i32) -> Result<Self> {
        if self.code == code { Ok(self) } else { Err(format!("not code {code}: {self:#?}").into()) }
    }

    /// An error unless it says all these words.
    pub fn must_say(self, words: &[&str]) -> Result<Self> {
        match words.iter().find(|word| !self.says(word)) {
            Some(word) => Err(format!("does not say {word:?}: {self:#?}").into()),
            None => Ok(self),
        }
    }
}

/// All texts in a value.
fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(all) => Box::new(all.iter().flat_map(texts)),
        Value::Object(all) => Box::new(all.values().flat_map(texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Box::new(std::iter::empty()),
    }
}
