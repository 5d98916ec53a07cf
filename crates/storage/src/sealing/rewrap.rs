//! Moving sealed values to the version of the key-encryption key that seals now, so that an older one can go.
//!
//! The walk goes through a column in the order of its primary key, a batch at a time, and replaces each value by
//! compare-and-set in a statement of its own. So it runs beside live processes, and may be stopped at any moment: what
//! was done stays done, and another run passes over it.

use kernel::{Error, Result};
use sea_orm::DatabaseConnection;

use super::{Context, Sealer};
use table::Row;

mod column;
mod table;

pub use column::{KeyColumn, KeyValue, SealedColumn, octets};
pub use table::{Census, census};

/// How many rows are read at once.
const BATCH: u64 = 200;

/// How often a row is tried again that other processes keep changing.
const ROUNDS: u32 = 16;

/// How far the walk through a column is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The column, e.g. `totp_secrets.secret`.
    pub column: &'static str,
    /// How many sealed values it had when the walk began.
    pub total: u64,
    /// How many were looked at.
    pub seen: u64,
    /// How many of them were re-wrapped here.
    pub rewrapped: u64,
    /// How many were sealed with the version that seals already, or gone meanwhile.
    pub passed: u64,
    /// The rows whose value does not open, by primary key.
    pub unopened: Vec<String>,
}

/// Re-wraps every value of the columns that is not sealed with the version that seals now. `report` is told after every
/// batch. A row whose value does not open is left as it is, and named.
///
/// # Errors
///
/// `STORE_UNAVAILABLE` when the database does not answer; run it again, it goes on.
pub async fn rewrap(
    database: &DatabaseConnection,
    sealer: &Sealer,
    columns: &[SealedColumn],
    report: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Vec<Progress>> {
    let mut done = Vec::with_capacity(columns.len());
    for column in columns {
        done.push(walk(database, sealer, column, report).await?);
    }
    Ok(done)
}

async fn walk(
    database: &DatabaseConnection,
    sealer: &Sealer,
    column: &SealedColumn,
    report: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Progress> {
    let total = census(database, &[*column]).await?.total();
    let mut progress =
        Progress { column: column.name, total, seen: 0, rewrapped: 0, passed: 0, unopened: Vec::new() };
    let mut last: Option<Row> = None;
    loop {
        let rows = table::after(database, column, last.as_ref(), BATCH).await?;
        let Some(end) = rows.last().cloned() else { break };
        for row in rows {
            progress.seen += 1;
            match replace(database, sealer, column, row).await? {
                Outcome::Rewrapped => progress.rewrapped += 1,
                Outcome::Passed => progress.passed += 1,
                Outcome::Unopened(name) => progress.unopened.push(name),
            }
        }
        last = Some(end);
        report(&progress);
    }
    Ok(progress)
}

enum Outcome {
    Rewrapped,
    Passed,
    Unopened(String),
}

async fn replace(
    database: &DatabaseConnection,
    sealer: &Sealer,
    column: &SealedColumn,
    mut row: Row,
) -> Result<Outcome> {
    for _ in 0..ROUNDS {
        if sealer.is_current(&row.sealed) {
            return Ok(Outcome::Passed);
        }
        let place = (column.row)(&row.values);
        let context = Context { column: column.name, row: &place };
        let Ok(fresh) = sealer.rewrap(context, &row.sealed) else {
            return Ok(Outcome::Unopened(row.name(column)));
        };
        if table::compare_and_set(database, column, &row, fresh).await? {
            return Ok(Outcome::Rewrapped);
        }
        // Somebody was faster: another run of this, or the process that owns the row.
        match table::again(database, column, &row).await? {
            Some(changed) => row = changed,
            None => return Ok(Outcome::Passed),
        }
    }
    Err(Error::store_unavailable("a row keeps being changed while it is re-wrapped"))
}

#[cfg(test)]
mod tests;
