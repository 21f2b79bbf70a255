//! gtune looks after the Linux host under a Gunicorn server.
//!
//! > Observe the host once; judge the facts; turn findings into a plan; perform the plan with a journal; observe again.
//!
//! ```text
//!      Root ──observe──▶ Facts ──assess──▶ Findings ──draft──▶ Plan ──perform──▶ Journal
//!       ▲                                                                          │
//!       └──────────────── verify = observe + assess again, compare ◀───────────────┘
//!    render: any of these values ──▶ table · JSON · Prometheus · Nagios · shell script
//! ```
//!
//! `oom` and `triage` look back instead of changing anything:
//!
//! ```text
//!    logs ──host──▶ what they tell ──kernel_log, triage──▶ Kills, Deaths ──render──▶ table · JSON
//! ```
//!
//! Each arrow carries a plain, serialisable value. Only [`host`] and [`perform`] touch the system, and only [`perform`]
//! writes; only [`render`] and `main` print; only `main` exits. [`units`], [`facts`], [`gunicorn`], [`kernel_log`],
//! [`checks`], [`plan`] and [`triage`] are pure: no files, no clock, no environment.
//! `tests/layers.rs` holds that rule.

#![deny(missing_docs, unsafe_code)]

pub mod units;

pub mod facts;
pub mod gunicorn;
pub mod kernel_log;

pub mod host;

pub mod checks;
pub mod plan;

pub mod perform;

pub mod triage;

pub mod render;

pub mod cli;
pub mod command;
