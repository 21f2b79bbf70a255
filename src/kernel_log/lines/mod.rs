//! What single lines of a report say, in the words of every era since Linux 2.6. Each function reads one message.

pub mod memory;
pub mod summary;
pub mod tasks;
mod text;
pub mod trigger;
pub mod victim;
