//! What prevents wrong sums: quantities that carry their unit in the type.

mod bytes;
mod file_id;
mod limit;
mod pid;
mod seconds;

pub use bytes::Bytes;
pub use file_id::{DeviceId, FileId};
pub use limit::{Limit, SoftHard};
pub use pid::Pid;
pub use seconds::Seconds;
