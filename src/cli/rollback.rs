//! `gtune rollback` and `gtune history`: what can be asked for.

use super::values::transaction_id;
use clap::{ArgAction, Args};

/// Options of `gtune rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The transaction, as gtune history names it; its first 4 characters are enough [default: the last one in force]
    #[arg(value_name = "ID", value_parser = transaction_id)]
    pub id: Option<String>,
    /// Print what would be taken back and change nothing
    #[arg(long, action = ArgAction::SetTrue)]
    pub dry_run: bool,
    /// Print it as a shell script that does the same without gtune, and change nothing
    #[arg(long, action = ArgAction::SetTrue, conflicts_with_all = ["dry_run", "force"])]
    pub print: bool,
    /// Take back also what somebody else has changed since; their change is lost
    #[arg(long, action = ArgAction::SetTrue)]
    pub force: bool,
    /// Restart every unit that loses a setting, also where apply restarted none
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "no_restart")]
    pub restart: bool,
    /// Restart no unit, also where apply restarted some
    #[arg(long, action = ArgAction::SetTrue)]
    pub no_restart: bool,
}

/// Options of `gtune history`.
#[derive(Debug, Args)]
pub struct History {
    /// Show the steps of this transaction and the differences they made; its first 4 characters are enough
    #[arg(value_name = "ID", value_parser = transaction_id)]
    pub id: Option<String>,
}

/// Which units a rollback restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarts {
    /// Those that the transaction itself restarted.
    AsApplied,
    /// All whose settings are taken back.
    All,
    /// None.
    None,
}

impl Rollback {
    /// Which units are restarted.
    pub fn restarts(&self) -> Restarts {
        match (self.restart, self.no_restart) {
            (true, _) => Restarts::All,
            (false, true) => Restarts::None,
            (false, false) => Restarts::AsApplied,
        }
    }
}

/// What it does, for `--help`.
pub(super) const ABOUT: &str = "\
Take a transaction of apply back, newest step first.

What is as apply left it becomes what it was before, byte for byte. What is so already is left alone. What somebody \
else has changed since is shown and left, unless --force is given; in /etc/fstab and other shared files only gtune's \
own line is taken out. Run it again after a crash or a reboot: it goes on where it stopped.

Units that apply restarted are restarted again, so that they run as before; --restart and --no-restart say \
otherwise.";

pub(super) const EXAMPLES: &str = "\
Examples:
  gtune rollback --dry-run           What would the last transaction give back?
  gtune rollback                     Take the last one back
  gtune rollback 7f3a9c --restart    A named one; its services start anew
  gtune rollback --print > undo.sh   The same for a host without gtune";

pub(super) const HISTORY_EXAMPLES: &str = "\
Examples:
  gtune history                      What has gtune changed here?
  gtune history -v                   The same with the steps
  gtune history 7f3a9c               One transaction, with all differences";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, parse};
    use std::ffi::OsString;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split(' ').map(OsString::from), 80)
    }

    fn rollback(line: &str) -> Rollback {
        match parsed(line).unwrap().command {
            Command::Rollback(rollback) => rollback,
            _ => unreachable!("{line}"),
        }
    }

    #[test]
    fn units_are_restarted_as_apply_did_unless_asked_otherwise() {
        assert_eq!(rollback("gtune rollback").restarts(), Restarts::AsApplied);
        assert_eq!(rollback("gtune rollback 7f3a9c --restart").restarts(), Restarts::All);
        assert_eq!(rollback("gtune rollback --print --no-restart").restarts(), Restarts::None);
    }

    #[test]
    fn a_transaction_is_named_by_letters_and_digits_and_never_by_a_path() {
        assert_eq!(rollback("gtune rollback 7f3a9c").id.as_deref(), Some("7f3a9c"));
        assert_eq!(rollback("gtune rollback 7f3a").id.as_deref(), Some("7f3a"), "its first characters are enough");
        for wrong in ["../7f3a9c", "a/b", "", "a.jsonl", "-", "7f3"] {
            assert!(parsed(&format!("gtune rollback {wrong}")).is_err(), "{wrong}");
            assert!(parsed(&format!("gtune history {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_excludes_each_other_is_a_usage_error() {
        for line in [
            "gtune rollback --restart --no-restart",
            "gtune rollback --print --dry-run",
            "gtune rollback --print --force",
            "gtune rollback a b",
            "gtune rollback --format nagios",
            "gtune history --format prometheus",
        ] {
            assert!(parsed(line).unwrap_err().use_stderr(), "{line}");
        }
    }
}
