//! The operator's statement of the keys that sign receipts, as an enforcement point takes it.

use std::path::PathBuf;
use std::sync::Arc;

use jose::{KeyStatement, PublicJwk};
use kernel::{Clock, Error, Result, Timestamp};
use runtime::health::Check;
use runtime::receipts::{ReceiptKeys, StatementFile};
use storage::{Owner, Witness};

use crate::settings::ReceiptSettings;
use crate::statement_file;

/// What it takes to believe a statement.
pub(crate) struct Statement {
    path: PathBuf,
    root: PublicJwk,
    issuer: String,
    verifier: Owner,
}

impl Statement {
    /// As the settings say. Reads the root's key.
    pub(crate) fn new(settings: &ReceiptSettings, verifier: Owner) -> Result<Self> {
        Ok(Self {
            path: settings.statement_file.clone(),
            root: statement_file::root("receipts.operator_root_file", &settings.operator_root_file)?,
            issuer: settings.issuer.clone(),
            verifier,
        })
    }

    /// For a process that takes what the statement says, now and when it changes.
    pub(super) fn file(self, witness: Arc<dyn Witness>, clock: Arc<dyn Clock>) -> StatementFile {
        StatementFile {
            path: self.path,
            root: self.root,
            issuer: self.issuer,
            verifier: self.verifier,
            witness,
            clock,
        }
    }

    /// Reads it without taking it, where statements up to the number `seen` were accepted before.
    pub(crate) fn look(&self, seen: u64, now: Timestamp) -> Result<KeyStatement> {
        let text = statement_file::statement(&self.path)?;
        jose::verify_statement(&text, &self.root, &self.issuer, seen, now).map_err(|error| {
            Error::invalid("receipts.statement_file", format!("{}: {error}", self.path.display()))
        })
    }
}

/// Whether the statement still holds: for readiness.
pub(super) fn check(keys: &Arc<ReceiptKeys>, clock: &Arc<dyn Clock>) -> Check {
    let (keys, clock) = (keys.clone(), clock.clone());
    Check::now("receipt statement", move || keys.check(clock.now()))
}
