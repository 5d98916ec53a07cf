//! What an operator changes in a role's database is in its audit trail like everything else.

use kernel::audit::{Actor, Event, Outcome};
use kernel::{Result, Timestamp};
use sea_orm::DatabaseConnection;
use storage::{AuditLog as _, SqlAuditLog};

/// Does `work` as an event of this kind on `resource`: written down before, and how it ended. What cannot be written down
/// is not done.
pub(super) async fn written<T>(
    database: &DatabaseConnection,
    kind: &'static str,
    resource: String,
    now: Timestamp,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let log = SqlAuditLog::new(database.clone());
    let mut event = Event::new(kind, now, Actor::Operator);
    event.resource = resource;
    let intent = log.begin(event).await?;
    let done = work.await;
    let outcome = match &done {
        Ok(_) => Outcome::Succeeded,
        Err(error) => Outcome::Refused(error.reason()),
    };
    log.finish(intent, outcome).await?;
    done
}
