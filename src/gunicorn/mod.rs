//! What a Gunicorn is, from outside: fingerprints, versions and their quirks, worker classes, settings. Pure.

mod descriptors;
mod settings;
mod version;
mod worker_class;

pub use descriptors::*;
pub use settings::*;
pub use version::Version;
pub use worker_class::WorkerClass;
