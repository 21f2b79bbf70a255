//! `gtune rollback`: take a transaction back, or print the shell script that does.

use super::arguments::again_as_root;
use super::{Answer, ExitCode, Failure, RollbackReport, open};
use crate::cli::{self, Format, Global, Rollback};
use crate::facts::Service;
use crate::host::{self, Root};
use crate::perform::{self, Care, Holders, Mode, NotBegun, Restarts, Systemd, Wish};
use crate::plan::{Action, Left, RolledBack, UndoOutcome};
use crate::render::{self, Page};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Takes a transaction of the host below `--root` back.
///
/// # Errors
/// Where nothing could be begun: no such transaction, no leave, another gtune at work.
pub fn run(global: &Global, options: &Rollback, page: &Page) -> Result<Answer, Failure> {
    let (root, observed_at) = (open(&global.root)?, Timestamp::now());
    permitted(&root, options)?;
    let machine = host::machine::machine(&root);
    let holders = |target: &str| holders(&root, target);
    let wish = Wish {
        mode: if options.dry_run || options.print { Mode::Foresee } else { Mode::Perform },
        care: if options.force { Care::Overwrite } else { Care::LineAlone },
        restarts: restarts(options),
        systemd: if machine.systemd.known().is_some() { Systemd::Running } else { Systemd::NotRunning },
        boot_id: machine.boot_id.known().map(String::as_str),
        network: root.is_live().then(host::own_network).flatten(),
        holders: &holders,
    };
    let rolled_back = perform::rollback(&root, options.id.as_deref(), &wish).map_err(failure)?;
    let dry_run = wish.mode == Mode::Foresee;
    let left = left(&rolled_back, wish.systemd);
    let report = RollbackReport { observed_at, host: machine, rolled_back, dry_run, left };
    Ok(Answer { text: text(&report, options, global.format, page), exit: report.exit_code().number() })
}

/// A name that means nothing is a question that could not be understood.
fn failure(why: NotBegun) -> Failure {
    match why {
        NotBegun::NotFound(trouble) => Failure::of(ExitCode::Usage, trouble),
        NotBegun::Trouble(trouble) => Failure::of(ExitCode::CouldNotChange, trouble),
    }
}

fn text(report: &RollbackReport, options: &Rollback, format: Format, page: &Page) -> String {
    match (format, options.print) {
        (Format::Json, true) => render::json::script(report),
        (Format::Json, false) => render::json::rollback(report),
        (_, true) => render::undo_script::script(report),
        (_, false) => render::rollback::rollback(report, page),
    }
}

fn restarts(options: &Rollback) -> Restarts {
    match options.restarts() {
        cli::Restarts::AsApplied => Restarts::AsApplied,
        cli::Restarts::All => Restarts::All,
        cli::Restarts::None => Restarts::Leave,
    }
}

/// A live host is changed by root alone; and only root may read what was changed.
fn permitted(root: &Root, options: &Rollback) -> Result<(), Failure> {
    if !root.is_live() || nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let verb = if options.dry_run || options.print { "read the journal of this host" } else { "change this host" };
    Err(Failure::new(ExitCode::CouldNotChange, format!("{verb}: only root can")).with_hint(again_as_root()))
}

/// The restarts after which services run without what was taken back.
fn left(rolled_back: &RolledBack, systemd: Systemd) -> Vec<Left> {
    if systemd == Systemd::NotRunning {
        return vec![];
    }
    let restored = rolled_back.steps.iter().filter(|step| step.outcome == Some(UndoOutcome::Restored));
    let units = restored.filter_map(|step| match &step.action {
        Action::Change(change) => change.drop_in_of(),
        Action::Reload | Action::Restart(_) => None,
    });
    let is_restarted = |unit: &str| rolled_back.steps.iter().any(|step| step.action == Action::Restart(unit.into()));
    let units: BTreeSet<&str> = units.filter(|unit| !is_restarted(unit)).collect();
    units.into_iter().map(|unit| Left::restart(unit, "it runs with what was taken back until then")).collect()
}

/// The Gunicorns whose heartbeat lies in a mount.
fn holders(root: &Root, target: &str) -> Holders {
    let facts = host::observe(root);
    let beats_in = |service: &&Service| {
        let places = service.workers.iter().filter_map(|worker| worker.heartbeat.known()?.filesystem.known());
        places.into_iter().any(|filesystem| filesystem.mount_point == target)
    };
    let services: Vec<&Service> = facts.services.known().into_iter().flatten().filter(beats_in).collect();
    let told = |service: &&Service| {
        let pids: Vec<String> = service.processes().map(|process| process.pid.to_string()).collect();
        format!("{} (pid {})", service.name, pids.join(", "))
    };
    Holders {
        who: services.iter().map(told).collect::<Vec<_>>().join(", "),
        units: services.iter().filter_map(|service| service.unit.known().map(|unit| unit.name.clone())).collect(),
    }
}
