//! What a Gunicorn is, from outside: fingerprints, versions and their quirks, worker classes, settings. Pure.

mod arguments;
mod config_file;
mod descriptors;
mod fingerprint;
mod heartbeat;
pub mod log;
mod options;
mod program;
mod python;
mod python_literal;
mod quirks;
mod resolve;
mod settings;
mod typed_settings;
mod version;
mod words;
mod worker_class;

pub use arguments::{Arguments, config_to_read, parse_arguments};
pub use config_file::{Assigned, ConfigFile, read_config};
pub use descriptors::{descriptors_needed, master_needs, recommended_open_files};
pub use fingerprint::*;
pub use heartbeat::*;
pub use options::{Kind, SETTINGS, Setting, setting_named, setting_of_option};
pub use program::{gunicorn_arguments, is_retitled, mentions_gunicorn};
pub use quirks::*;
pub use resolve::{ConfigToRead, SettingInputs};
pub use settings::*;
pub use version::Version;
pub use words::split_words;
pub use worker_class::WorkerClass;
