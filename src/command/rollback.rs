//! `gtune rollback`: take a transaction back, or print the shell script that does.

use super::{Answer, ExitCode, Failure, RollbackReport, open};
use crate::cli::{Format, Global, Rollback};
use crate::facts::Fact;
use crate::host::{self, Root};
use crate::perform::{self};
use crate::render::{self, Page};
