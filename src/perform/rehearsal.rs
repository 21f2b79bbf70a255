//! A mount tried where nobody sees it: in a mount namespace of its own.

use crate::plan::{MountImage, Trouble};

/// Mounts it in a mount namespace of its own and looks whether it came to be what its options say.
///
/// # Errors
/// Where the kernel refuses the options, or makes something else of them; or where it could not be tried.
pub fn rehearse(_image: &MountImage) -> Result<(), Trouble> {
    todo!()
}
