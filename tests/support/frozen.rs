//! A disk that stops answering: ext4 on a loop device, frozen with fsfreeze(8).

use super::needs::succeeds;
use super::{Host, Result};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// An ext4 file system mounted in one host. Dropped before its host, or the host could not end.
pub struct FrozenDisk {
    /// Where it is mounted.
    pub directory: PathBuf,
    thawer: Option<Child>,
}

const IMAGE: &str = "disk.img";

impl FrozenDisk {
    /// Makes and mounts one, not frozen yet.
    pub fn mounted_in(host: &Host) -> Result<Self> {
        let directory = host.directory().join("disk");
        let image = host.directory().join(IMAGE);
        host.shell(&format!(
            "truncate -s 16M {image}; mkfs.ext4 -q {image}; mkdir {disk}; mount -o loop {image} {disk}; chmod 1777 {disk}",
            image = image.display(),
            disk = directory.display()
        ))?;
        Ok(Self { directory, thawer: None })
    }

    /// What is missing to make one.
    pub fn missing() -> Option<String> {
        if !nix::unistd::geteuid().is_root() {
            return Some("not root, so no loop device; run: sudo -E tests/run".to_owned());
        }
        let tool = |name: &str| succeeds(Command::new(name).arg("--version"));
        if !tool("fsfreeze") || !succeeds(Command::new("mkfs.ext4").arg("-V")) {
            return Some("no mkfs.ext4 or fsfreeze; run: apt-get install e2fsprogs util-linux".to_owned());
        }
        let mounted = Host::new().and_then(|host| Self::mounted_in(&host).map(drop));
        let reason = mounted.err()?.message()?.to_owned();
        Some(format!("no loop device can be mounted ({}); run: modprobe loop", reason.trim()))
    }

    /// Freezes it. It is thawed when this is dropped, when the tests die, or after a minute: whatever comes first.
    /// Who thaws lives outside the host's pid namespace, for the kernel could not end a host that hangs on the disk.
    pub fn freeze(&mut self, host: &Host) -> Result {
        let line = "fsfreeze -f \"$1\" && echo frozen; read -t 60 -r _; fsfreeze -u \"$1\"";
        let mut thawer = Command::new("nsenter")
            .arg(format!("--mount={}", host.seen_from_outside("/proc/1/ns/mnt").display()))
            .args(["--", "bash", "-c", line, "bash"])
            .arg(&self.directory)
            // A group of its own, so that an interrupt from the terminal does not end it before it has thawed.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = thawer.stdout.as_mut().and_then(|out| BufReader::new(out).lines().next()?.ok());
        self.thawer = Some(thawer);
        if said.as_deref() == Some("frozen") { Ok(()) } else { Err("fsfreeze did not freeze".into()) }
    }
}

impl Drop for FrozenDisk {
    fn drop(&mut self) {
        let Some(thawer) = &mut self.thawer else { return };
        if let Some(mut input) = thawer.stdin.take() {
            drop(input.write_all(b"thaw\n"));
        }
        drop(thawer.wait());
    }
}
