//! What to do about trouble: where gtune has no leave, and how a name is written in a command.

use crate::host::Root;
use crate::plan::Trouble;
use crate::units::gtune_for;
use nix::unistd::geteuid;

/// Permission was denied: an ordinary user needs root; root needs a capability, which containers take away. `in_container`
/// is what to do there.
pub(super) fn not_allowed(what: &str, capability: &str, in_container: &str) -> Trouble {
    if geteuid().is_root() {
        Trouble::new(what, format!("permission denied: root has no {capability} here")).with_hint(in_container)
    } else {
        Trouble::new(what, "permission denied: needs root").with_hint("run it again with sudo")
    }
}

/// A command of gtune's for the host below a root, as it can be pasted.
pub(super) fn gtune(root: &Root, words: &str) -> String {
    format!("{} {words}", gtune_for(root.name()))
}
