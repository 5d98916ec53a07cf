//! The audit trail: one table per service, written before anything is consumed.

mod entity;
mod migration;
mod refusals;
mod sql;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::audit::{Actor, Event, Outcome};
use kernel::{EnvironmentId, Error, OperationId, Reason, Result, Timestamp};
use tokio::sync::Mutex;

pub use migration::Migration;
pub use sql::SqlAuditLog;
pub(crate) use sql::newest;

/// How long the trail may take to write one thing down: longer than a database that is there lets a statement take.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// An event whose intent is on record and whose end is not yet.
#[derive(Debug)]
#[must_use = "an intent must be finished"]
pub struct Intent(i64);

impl Intent {
    /// The intent that stands in row `id`, for an implementation of [`AuditLog`].
    pub fn of_row(id: i64) -> Self {
        Self(id)
    }

    /// The row it stands in.
    pub fn row(&self) -> i64 {
        self.0
    }
}

/// A row of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Identifies the row within the service; grows.
    pub id: i64,
    /// See [`Event::kind`].
    pub kind: String,
    /// When it began.
    pub time: Timestamp,
    /// The environment, where known.
    pub environment: Option<EnvironmentId>,
    /// See [`kernel::audit::Actor::label`].
    pub actor: String,
    /// What it was tried on; may be empty.
    pub resource: String,
    /// The operation's id; may be empty.
    pub operation: String,
    /// The operation's digest, 32 octets or none.
    pub digest: Vec<u8>,
    /// How it ended.
    pub outcome: Outcome,
    /// How many like refusals the row stands for, from 1.
    pub count: i64,
    /// The trace, 32 hex digits or empty.
    pub trace: String,
}

/// Where security-relevant events are written down. When it cannot write, nothing is authorized.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Refuses while nothing may be authorized on the word of the database that the trail is in: see
    /// [`crate::standing`]. Everything that consumes or changes something is refused then by itself; whoever answers
    /// from that database without an intent asks here first.
    fn check_standing(&self) -> Result<()>;
    /// Writes down, durably, that something is about to be consumed or changed.
    async fn begin(&self, event: Event) -> Result<Intent>;
    /// Writes down how it ended.
    async fn finish(&self, intent: Intent, outcome: Outcome) -> Result<()>;
    /// Writes down a refusal by which nothing was consumed after all, in place of the intent: as [`AuditLog::record`]
    /// would have.
    async fn withdraw(&self, intent: Intent, event: Event, reason: Reason) -> Result<()>;
    /// Writes down something that has ended. Like refusals within a minute are counted in one row.
    async fn record(&self, event: Event, outcome: Outcome) -> Result<()>;
    /// The newest rows first, those of one environment or all, older than `before`, at most `limit`.
    async fn list(
        &self,
        environment: Option<EnvironmentId>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Row>>;
}

/// What a use case says about itself to the audit trail: one row a call, whatever comes of it.
///
/// Made when the call comes in, ended when its answer is known. In between the use case names operation and
/// resource, and calls [`Trail::intend`] right before it consumes or changes something: from then on the row is
/// durable, also when the process dies. A refusal before that is counted together with its like.
#[derive(Clone)]
pub struct Trail {
    shared: Arc<Shared>,
}

struct Shared {
    log: Arc<dyn AuditLog>,
    state: Mutex<State>,
}

struct State {
    event: Event,
    intent: Option<Intent>,
    untouched: bool,
}

impl Trail {
    /// For a call that is described by `event` so far.
    pub fn new(log: Arc<dyn AuditLog>, event: Event) -> Self {
        Self {
            shared: Arc::new(Shared {
                log,
                state: Mutex::new(State { event, intent: None, untouched: false }),
            }),
        }
    }

    /// Names the operation and its digest.
    pub async fn operation(&self, operation: OperationId, digest: [u8; 32]) {
        let mut state = self.shared.state.lock().await;
        state.event.operation = Some(operation);
        state.event.digest = Some(digest);
    }

    /// Names many operations at once, by the root over their digests.
    pub async fn batch(&self, root: [u8; 32]) {
        self.shared.state.lock().await.event.digest = Some(root);
    }

    /// Names the environment, where only the use case can tell it: a call by another service.
    pub async fn environment(&self, environment: EnvironmentId) {
        self.shared.state.lock().await.event.environment = Some(environment);
    }

    /// Says who is calling, once that is known.
    pub async fn actor(&self, actor: Actor) {
        self.shared.state.lock().await.event.actor = actor;
    }

    /// Names the resource.
    pub async fn resource(&self, resource: impl Into<String>) {
        self.shared.state.lock().await.event.resource = resource.into();
    }

    /// Writes down, durably, that something is about to be consumed or changed. Once is enough; more do nothing.
    /// Refused with `AUDIT_UNAVAILABLE`, and then nothing may be consumed.
    pub async fn intend(&self) -> Result<()> {
        let mut state = self.shared.state.lock().await;
        if state.intent.is_none() {
            state.intent = Some(in_time(self.shared.log.begin(state.event.clone())).await?);
        }
        Ok(())
    }

    /// Says that in spite of the intent nothing was consumed or changed: a refusal is then counted with its like.
    pub async fn untouched(&self) {
        self.shared.state.lock().await.untouched = true;
    }

    /// Writes down how the call ended and returns its result.
    ///
    /// Without an intent nothing was consumed: a refusal is recorded, a success only where `keep_success` asks for
    /// it. With one, the result stands even if its end cannot be written, because it has happened: the row stays
    /// `intended`, which is how a reader finds it, and the log says so.
    pub async fn end<T>(&self, result: Result<T>, keep_success: bool) -> Result<T> {
        let mut state = self.shared.state.lock().await;
        let outcome = match &result {
            Ok(_) => Outcome::Succeeded,
            Err(error) => Outcome::Refused(error.reason()),
        };
        if let Some(intent) = state.intent.take() {
            let written = match outcome {
                Outcome::Refused(reason) if state.untouched => {
                    in_time(self.shared.log.withdraw(intent, state.event.clone(), reason)).await
                }
                _ => in_time(self.shared.log.finish(intent, outcome)).await,
            };
            if let Err(error) = written {
                tracing::error!(
                    ?error,
                    "the end of an audited call could not be written; its row stays `intended`"
                );
            }
            return result;
        }
        if matches!(outcome, Outcome::Succeeded) && !keep_success {
            return result;
        }
        match (in_time(self.shared.log.record(state.event.clone(), outcome)).await, result) {
            (Ok(()), result) => result,
            (Err(unwritten), Ok(_)) => Err(unwritten),
            (Err(unwritten), Err(refusal)) => {
                tracing::error!(?refusal, "a refusal could not be written to the audit trail");
                Err(unwritten)
            }
        }
    }
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trail").finish_non_exhaustive()
    }
}

/// A write that does not hang, also when the machine of the database has vanished without a word.
async fn in_time<T>(write: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(WRITE_LIMIT, write).await.unwrap_or_else(|_| Err(unwritten("it took too long")))
}

/// The trail could not be written: nothing was done.
fn unwritten(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::AuditUnavailable,
        "the audit trail could not be written, so nothing was done. Try again",
    )
    .cause(cause)
}

#[cfg(test)]
mod tests;
