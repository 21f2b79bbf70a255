//! What is to be changed: values that say it, turn it round and put it in order. Nothing here touches the host.
//!
//! A request and what is there become a [`Plan`]. The plan, its diff, the dry run, the JSON, the journal and the shell
//! script that undoes it are all renderings of the same [`Change`]s; [`Change::inverse`] is the only undo there is.

mod change;
mod draft;
mod drop_in;
mod ground;
mod header;
mod heartbeat_option;
mod image;
mod login_limits;
pub(crate) mod mount_options;
mod oom_policy;
mod open_files;
mod order;
mod outcome;
mod request;
mod shared_file;
mod somaxconn;
mod step;
mod target;
pub mod tmpfs;
mod transaction;

#[cfg(test)]
pub(crate) use change::samples::one_of_each as change_samples;
pub use change::{Change, NetworkOf, ProcessRef};
pub use draft::{draft, places};
pub use ground::{Ground, Obstacle, Place, Places};
pub use image::{Content, DirectoryImage, FileImage, MountImage, Owner};
pub(crate) use order::{is_of_mounts, leads_to, mount_targets};
pub use outcome::{Performed, RolledBack, Standing, StepOutcome, Trouble, UndoOutcome, UndoStep};
pub use request::{Backend, MountSize, OomPolicy, OpenFiles, Request, TmpfsRequest};
pub use shared_file::{change_alone, rival};
pub use step::{Action, Already, AlreadyState, Left, Plan, Refusal, Topic};
pub use target::Target;
pub use transaction::{Begin, Record, StepState, Transaction, TransactionState, TransactionStep};
