//! The statement of receipt keys in a file that the operator replaces while the process runs.
//!
//! The highest sequence number that was ever accepted is raised in the verifier's witness, which is not set back when
//! a database is: a statement with a lower number is refused at the start and ever after. A process that runs does not go
//! below the number that it has, also when the witness forgot it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jose::{KeyStatement, MAX_STATEMENT_BYTES, PublicJwk, verify_statement};
use kernel::{Clock, Error, Result, Timestamp};
use storage::guarded_file::{self, Kind};
use storage::mark::Owner;
use storage::witness::Witness;
use tokio_util::sync::CancellationToken;

use super::ReceiptKeys;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(3);

/// How long before its end a statement is warned about.
const NEAR_END: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Where the statement of receipt keys is, and what it takes to be believed.
#[derive(Clone)]
pub struct StatementFile {
    /// The file: one statement as `countersign keys statement new` writes it.
    pub path: PathBuf,
    /// The operator root, as it is pinned in the configuration.
    pub root: PublicJwk,
    /// The issuer of receipts.
    pub issuer: String,
    /// The verifier, whose number it is that is remembered.
    pub verifier: Owner,
    /// Remembers the highest sequence number, outside the database.
    pub witness: Arc<dyn Witness>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for StatementFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl StatementFile {
    /// Reads the statement at the start of a process.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the file: not there, not signed by the root, about another issuer, not within its time,
    /// or older than one that was accepted before. `STORE_UNAVAILABLE` when the witness does not answer.
    pub async fn load(&self) -> Result<Arc<ReceiptKeys>> {
        let statement = self.read().await?;
        self.raise(statement.sequence).await?;
        tracing::info!(sequence = statement.sequence, keys = statement.keys.len(), "receipt keys are stated");
        Ok(Arc::new(ReceiptKeys::new(statement)))
    }

    /// Looks at the file every few seconds until `stop`, and takes over a newer statement. A bad or older one changes
    /// nothing and is logged.
    pub async fn watch(self, keys: Arc<ReceiptKeys>, stop: CancellationToken) {
        let mut complaint = String::new();
        let mut warned = 0;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let Some(looked) = stop.run_until_cancelled(self.look(&keys)).await else { return };
            match looked {
                Ok(changed) => {
                    complaint.clear();
                    if changed {
                        tracing::info!(sequence = keys.sequence(), "newer receipt keys are stated");
                    }
                }
                Err(error) => {
                    // Said once, not every few seconds.
                    let text = format!("{error:?}");
                    if text != complaint {
                        tracing::warn!(sequence = keys.sequence(), cause = %text, "the statement of receipt keys stays as it is");
                        complaint = text;
                    }
                }
            }
            let held = keys.statement.load();
            let end = Timestamp::from_seconds(held.not_after);
            if warned < held.sequence && self.clock.now().plus(NEAR_END) >= end {
                tracing::warn!(
                    sequence = held.sequence,
                    not_after = held.not_after,
                    "the statement of receipt keys ends soon; sign a new one"
                );
                warned = held.sequence;
            }
        }
    }

    /// Takes over the statement in the file if it is newer than the one held; says whether it was.
    ///
    /// # Errors
    ///
    /// As [`Self::load`]; then nothing has changed.
    pub(super) async fn look(&self, keys: &ReceiptKeys) -> Result<bool> {
        let held = keys.statement.load_full();
        // Said each time, whatever is in the file: a witness that forgot the number learns it again from whoever still
        // knows it, before somebody starts who does not.
        let highest = self.witness.raise(&self.verifier.statement_name(), held.sequence).await?;
        let found = self.read().await?;
        if found == *held {
            self.newest(found.sequence, highest)?;
            return Ok(false);
        }
        if found.sequence == held.sequence {
            return Err(
                self.refused("says something else under the same sequence number; sign it with a higher one")
            );
        }
        // Whatever the witness says.
        self.newest(found.sequence, held.sequence)?;
        self.raise(found.sequence).await?;
        keys.statement.store(Arc::new(found));
        Ok(true)
    }

    async fn read(&self) -> Result<KeyStatement> {
        let path = self.path.clone();
        let read = move || guarded_file::plain(&path, MAX_STATEMENT_BYTES as u64 + 2, Kind::Public);
        let read = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
        let octets = read.map_err(|why| self.refused(why))?;
        let text = std::str::from_utf8(&octets).map_err(|error| self.refused(error))?;
        verify_statement(text.trim_end(), &self.root, &self.issuer, 0, self.clock.now())
            .map_err(|error| self.refused(error.to_string()))
    }

    /// Only what is signed and holds gets here, so nobody but the operator can raise the number.
    async fn raise(&self, sequence: u64) -> Result<()> {
        let highest = self.witness.raise(&self.verifier.statement_name(), sequence).await?;
        self.newest(sequence, highest)
    }

    /// Refuses a statement where a newer one was accepted.
    fn newest(&self, sequence: u64, highest: u64) -> Result<()> {
        if sequence >= highest {
            return Ok(());
        }
        Err(self.refused(format!(
            "has sequence {sequence}, but {highest} was accepted before; put the newest one there"
        )))
    }

    fn refused(&self, what: impl std::fmt::Display) -> Error {
        Error::invalid("receipts.statement_file", format!("{}: {what}", self.path.display()))
    }
}

#[cfg(test)]
mod tests;
