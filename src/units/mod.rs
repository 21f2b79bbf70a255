//! What prevents wrong sums and wrong commands: quantities that carry their unit in the type, and words of a shell.

mod bytes;
mod file_id;
mod limit;
mod pid;
mod seconds;
mod shell_word;

pub use bytes::Bytes;
pub use file_id::{DeviceId, FileId};
pub use limit::{Limit, SoftHard};
pub use pid::Pid;
pub use seconds::Seconds;
pub use shell_word::{gtune_for, quoted};
