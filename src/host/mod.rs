//! The only place that reads the system. One look yields [`Facts`](crate::facts::Facts).

mod ancestors;
mod blind_spots;
mod candidates;
mod cgroups;
mod descriptors;
mod figures;
pub mod filesystems;
pub mod ground;
mod gunicorns;
mod heartbeats;
mod homes;
mod installed;
pub mod kernel_log;
mod listeners;
mod log_source;
pub mod machine;
mod mapped;
mod namespaces;
mod networks;
mod observe;
mod oom_log;
mod owners;
mod patience;
mod processes;
mod root;
mod services;
mod settings;
mod sockets;
pub mod stored;
pub mod systemd;
mod words;

pub use ground::ground;
pub use namespaces::own_network;
pub use observe::observe;
pub use root::{Last, Root, Site, printable};
pub use words::{told, words};
