//! `LimitNOFILE=`: as it is written, as systemd has loaded it, as the processes have it.

use crate::checks::columns::of_directive;
use crate::checks::{Columns, InForce, Stored};
use crate::facts::{Facts, LoadedUnit, Process, Service};
use crate::units::{Limit, SoftHard};

/// The key of a unit file that sets the limit of open files.
pub(crate) const KEY: &str = "Service.LimitNOFILE";

/// The four columns of the limit of open files of a service.
pub(super) fn open_file_columns(facts: &Facts, service: &Service) -> Columns {
    let unit = service.unit.known();
    let written = of_directive(unit, "LimitNOFILE");
    Columns {
        stored_for_boot: written.stored_for_boot.or_else(|| unit.and_then(|_| default_for_boot(facts))),
        live: unit.and_then(|unit| unit.loaded.known()).and_then(loaded).map(in_words),
        in_force: service.processes().filter_map(in_force).collect(),
        ..written
    }
}

/// What a unit without `LimitNOFILE=` gets.
fn default_for_boot(facts: &Facts) -> Option<Stored> {
    let soft = facts.host.systemd_default_open_files.known()?;
    Some(Stored { value: soft.to_string(), file: None, line: None })
}

fn in_force(process: &Process) -> Option<InForce> {
    let limits = process.limits.known()?;
    Some(InForce { subject: format!("pid {}", process.pid), value: in_words(limits.open_files) })
}

/// `soft:hard`, as the directive writes it.
pub(super) fn in_words(limits: SoftHard) -> String {
    format!("{}:{}", limits.soft, limits.hard)
}

/// What the manager has loaded, where it showed both.
pub(crate) fn loaded(unit: &LoadedUnit) -> Option<SoftHard> {
    Some(SoftHard { soft: *unit.open_files_soft.known()?, hard: *unit.open_files_hard.known()? })
}

/// Whether what is written is what is loaded. `infinity` is loaded as such, or as the number it stands for.
pub(super) fn same(written: SoftHard, loaded: SoftHard) -> bool {
    let agrees = |a: Limit, b: Limit| a == b || a == Limit::Unlimited;
    agrees(written.soft, loaded.soft) && agrees(written.hard, loaded.hard)
}

/// Reads `N`, `soft:hard`, `infinity` (systemd.exec(5)).
pub(crate) fn parse(value: &str) -> Option<SoftHard> {
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    Some(SoftHard { soft: parse_limit(soft)?, hard: parse_limit(hard)? })
}

fn parse_limit(text: &str) -> Option<Limit> {
    match text.trim() {
        "infinity" => Some(Limit::Unlimited),
        number => number.parse().ok().map(Limit::At),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_number_sets_soft_and_hard() {
        assert_eq!(parse("4096"), Some(SoftHard { soft: Limit::At(4096), hard: Limit::At(4096) }));
        assert_eq!(parse("1024:infinity"), Some(SoftHard { soft: Limit::At(1024), hard: Limit::Unlimited }));
        for bad in ["", "many", "1:2:3", "-1", "1024:"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_limit_or_none(text in ".*") {
            parse(&text);
        }

        #[test]
        fn what_is_shown_reads_back(soft: u64, hard: u64) {
            let limits = SoftHard { soft: Limit::At(soft), hard: Limit::At(hard) };
            prop_assert_eq!(parse(&in_words(limits)), Some(limits));
        }
    }
}
