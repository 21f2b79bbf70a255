//! `gtune apply`: what can be asked for.

use super::values::{directory, open_files, queue_cap, size, unit_name};
use crate::plan::{self, MountSize, OpenFiles, Request, TmpfsRequest};
use clap::{ArgAction, ArgGroup, Args, ValueEnum, ValueHint};

/// The options of which at least one selects what is done.
const SELECTING: [&str; 5] = ["tmpfs", "somaxconn", "nofile", "oom_policy", "recommended"];

/// Options of `gtune apply`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("selected").required(true).multiple(true).args(SELECTING)))]
pub struct Apply {
    /// Mount a tmpfs for heartbeat files at DIR, now and at every boot
    #[arg(long, value_name = "DIR", value_parser = directory, value_hint = ValueHint::DirPath)]
    pub tmpfs: Option<String>,
    /// Size of that tmpfs: 64m, 5G, 20% of the memory, or bytes [default: 64m]
    #[arg(long, value_name = "SIZE", requires = "tmpfs", value_parser = size, allow_hyphen_values = true)]
    pub size: Option<MountSize>,
    /// Where the mount is stored for boot [default: fstab]
    #[arg(long, value_enum, value_name = "WHERE", requires = "tmpfs")]
    pub backend: Option<Backend>,
    /// Raise the cap of listen queues to N, now and at every boot
    #[arg(long, value_name = "N", value_parser = queue_cap, allow_hyphen_values = true)]
    pub somaxconn: Option<u64>,
    /// Raise the limit of open files to N, or to what the workers need
    #[arg(long, value_name = "N|auto", value_parser = open_files, allow_hyphen_values = true)]
    pub nofile: Option<OpenFiles>,
    /// What systemd does when the kernel kills a worker for want of memory
    #[arg(long, value_enum, value_name = "POLICY")]
    pub oom_policy: Option<OomPolicy>,
    /// Do what the fix: lines of doctor say; what is to be done by hand is left to you
    #[arg(long, action = ArgAction::SetTrue, conflicts_with_all = ["tmpfs", "somaxconn", "nofile", "oom_policy"])]
    pub recommended: bool,
    /// Change this unit only; may be given again [default: all that start a Gunicorn; with --tmpfs none]
    #[arg(long, value_name = "UNIT", value_parser = unit_name)]
    pub unit: Vec<String>,
    /// Print the plan and change nothing
    #[arg(long, action = ArgAction::SetTrue)]
    pub dry_run: bool,
    /// Restart the changed units at the end; without it the restart is left to you
    #[arg(long, action = ArgAction::SetTrue)]
    pub restart: bool,
    /// Change lines and files that others wrote, where they are in the way
    #[arg(long, action = ArgAction::SetTrue)]
    pub adopt: bool,
    /// Allow a number that is lower than the present one
    #[arg(long, action = ArgAction::SetTrue)]
    pub force: bool,
}

/// Where a mount is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// A line in /etc/fstab
    Fstab,
    /// A mount unit in /etc/systemd/system
    Unit,
}

/// What systemd does after a kernel OOM kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OomPolicy {
    /// Leave it to the master to replace the worker
    Continue,
    /// Stop the whole service
    Stop,
}

impl Apply {
    /// What is asked for. `--recommended` asks for nothing here: only doctor can tell what that is.
    pub fn request(&self) -> Request {
        let backend = match self.backend {
            None | Some(Backend::Fstab) => plan::Backend::Fstab,
            Some(Backend::Unit) => plan::Backend::Unit,
        };
        let tmpfs = |directory: &String| TmpfsRequest { directory: directory.clone(), size: self.size, backend };
        Request {
            tmpfs: self.tmpfs.as_ref().map(tmpfs),
            somaxconn: self.somaxconn,
            open_files: self.nofile,
            oom_policy: self.oom_policy.map(OomPolicy::planned),
            units: self.unit.clone(),
            adopt: self.adopt,
            force: self.force,
            restart: self.restart,
        }
    }
}

impl OomPolicy {
    fn planned(self) -> plan::OomPolicy {
        match self {
            Self::Continue => plan::OomPolicy::Continue,
            Self::Stop => plan::OomPolicy::Stop,
        }
    }
}

/// Shorter than clap's own, which does not fit a terminal.
pub(super) const USAGE: &str = "gtune apply <--tmpfs DIR|--somaxconn N|--nofile N|...> [OPTIONS]";

/// What it does, for `--help`.
pub(super) const ABOUT: &str = "\
Change this host for Gunicorn; every change can be taken back.

The plan is printed first: numbered steps, with the difference in every file and the old and new number of every \
kernel value. --dry-run stops there and needs no root. Then the steps are performed with a journal, and the host is \
judged again. A step that fails takes the ones before it back. What is so already is left alone, so a second run \
changes nothing.

At least one of --tmpfs, --somaxconn, --nofile, --oom-policy and --recommended says what is to be done. With --root \
only what is stored for the next boot is changed.";

pub(super) const EXAMPLES: &str = "\
Examples:
  gtune apply --recommended --dry-run           What would it change?
  gtune apply --tmpfs /mem --unit gunicorn      A tmpfs, and the service on it
  gtune apply --tmpfs /mem --size 20%           The mount alone, 20% of the memory
  gtune apply --somaxconn 8192 --nofile auto    Two settings, one transaction
  gtune --root /mnt apply --somaxconn 8192      In an image";

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command, parse};
    use crate::plan::{Backend, MountSize, OomPolicy, OpenFiles, Request, TmpfsRequest};
    use crate::units::Bytes;
    use std::ffi::OsString;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split(' ').map(OsString::from), 80)
    }

    fn request(options: &str) -> Request {
        match parsed(&format!("gtune apply {options}")).unwrap().command {
            Command::Apply(apply) => apply.request(),
            _ => unreachable!("{options}"),
        }
    }

    #[test]
    fn what_is_asked_for_is_what_was_written() {
        let all = "--tmpfs /mem --size 20% --backend unit --somaxconn 8192 --nofile auto --oom-policy continue \
                   --unit gunicorn --unit api.service --restart --adopt --force";
        let expected = Request {
            tmpfs: Some(TmpfsRequest {
                directory: "/mem".into(),
                size: Some(MountSize::Percent(20)),
                backend: Backend::Unit,
            }),
            somaxconn: Some(8192),
            open_files: Some(OpenFiles::Auto),
            oom_policy: Some(OomPolicy::Continue),
            units: vec!["gunicorn.service".into(), "api.service".into()],
            adopt: true,
            force: true,
            restart: true,
        };
        assert_eq!(request(all), expected);
    }

    #[test]
    fn what_was_not_written_is_not_asked_for() {
        assert_eq!(request("--somaxconn 8192"), Request { somaxconn: Some(8192), ..Request::default() });
        let nothing = Request { units: vec!["gunicorn.service".into()], ..Request::default() };
        assert_eq!(request("--recommended --unit gunicorn"), nothing);
        let tmpfs = request("--tmpfs /mem").tmpfs.unwrap();
        assert_eq!((tmpfs.size, tmpfs.backend), (None, Backend::Fstab));
        let size = request("--tmpfs /mem --size 64m").tmpfs.unwrap().size;
        assert_eq!(size, Some(MountSize::Bytes(Bytes(64 << 20))));
    }

    #[test]
    fn nothing_selected_is_an_error_that_names_what_can_be() {
        for line in ["gtune apply", "gtune apply --dry-run", "gtune apply --unit gunicorn", "gtune apply --restart"] {
            let text = parsed(line).unwrap_err().to_string();
            for option in ["--tmpfs", "--somaxconn", "--nofile", "--oom-policy", "--recommended"] {
                assert!(text.contains(option), "{line}: {text}");
            }
        }
    }

    #[test]
    fn what_excludes_or_needs_each_other_is_a_usage_error() {
        for options in [
            "--size 64m --somaxconn 8192",
            "--backend unit --somaxconn 8192",
            "--recommended --tmpfs /mem",
            "--recommended --somaxconn 8192",
            "--recommended --nofile auto",
            "--recommended --oom-policy stop",
            "--somaxconn 8192 --format nagios",
            "--somaxconn 8192 --format prometheus",
        ] {
            assert!(parsed(&format!("gtune apply {options}")).unwrap_err().use_stderr(), "{options}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_argument_and_the_reason() {
        for (options, argument, reason) in [
            ("--tmpfs mem", "--tmpfs <DIR>", "does not begin with /"),
            ("--tmpfs /mem --size 0", "--size <SIZE>", "no bound"),
            ("--tmpfs /mem --size -5", "--size <SIZE>", "64m"),
            ("--somaxconn 0", "--somaxconn <N>", "from 1 to 2147483647"),
            ("--somaxconn -1", "--somaxconn <N>", "from 1 to 2147483647"),
            ("--nofile 0", "--nofile <N|auto>", "above 0"),
        ] {
            let text = parsed(&format!("gtune apply {options}")).unwrap_err().to_string();
            assert!(text.contains(argument) && text.contains(reason), "{options}: {text}");
        }
    }
}
