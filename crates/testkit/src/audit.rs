use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::audit::{Actor, Event, Outcome};
use kernel::{EnvironmentId, Error, Reason, Result, Timestamp};
use storage::audit::{AuditLog, Intent, Row, Trail};

/// An audit log in memory, which can be read and can be broken.
#[derive(Debug, Default)]
pub struct MemoryAuditLog {
    rows: Mutex<Vec<Row>>,
    broken: std::sync::atomic::AtomicBool,
    halted: std::sync::atomic::AtomicBool,
}

impl MemoryAuditLog {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything written so far, oldest first; every refusal a row of its own.
    pub fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap().clone()
    }

    /// The kinds and outcomes, oldest first.
    pub fn outcomes(&self) -> Vec<(String, Outcome)> {
        self.rows().into_iter().map(|row| (row.kind, row.outcome)).collect()
    }

    /// From now on nothing can be written.
    pub fn break_down(&self) {
        self.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// From now on the database that it stands for has lost its standing: nothing is begun.
    pub fn halt(&self) {
        self.halted.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// A trail that ends here.
    pub fn trail(self: &Arc<Self>, kind: &'static str) -> Trail {
        Trail::new(self.clone(), Event::new(kind, Timestamp::from_seconds(0), Actor::Unknown))
    }

    fn check(&self) -> Result<()> {
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Error::new(Reason::AuditUnavailable, "broken for a test"));
        }
        Ok(())
    }

    fn push(&self, event: Event, outcome: Outcome) -> i64 {
        let mut rows = self.rows.lock().unwrap();
        let id = i64::try_from(rows.len()).unwrap() + 1;
        rows.push(Row {
            id,
            kind: event.kind.to_owned(),
            time: event.time,
            environment: event.environment,
            actor: event.actor.label(),
            resource: event.resource,
            operation: event.operation.map(|id| id.to_string()).unwrap_or_default(),
            digest: event.digest.map(Vec::from).unwrap_or_default(),
            outcome,
            count: 1,
            trace: String::new(),
        });
        id
    }
}

#[async_trait]
impl AuditLog for MemoryAuditLog {
    fn check_standing(&self) -> Result<()> {
        if self.halted.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Error::new(Reason::ServiceHalted, "halted for a test"));
        }
        Ok(())
    }

    async fn begin(&self, event: Event) -> Result<Intent> {
        self.check_standing()?;
        self.check()?;
        Ok(Intent::of_row(self.push(event, Outcome::Intended)))
    }

    async fn finish(&self, intent: Intent, outcome: Outcome) -> Result<()> {
        self.check()?;
        let mut rows = self.rows.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.id == intent.row()).expect("an intent of this log");
        row.outcome = outcome;
        Ok(())
    }

    async fn withdraw(&self, intent: Intent, _: Event, reason: Reason) -> Result<()> {
        self.finish(intent, Outcome::Refused(reason)).await
    }

    async fn record(&self, event: Event, outcome: Outcome) -> Result<()> {
        self.check()?;
        self.push(event, outcome);
        Ok(())
    }

    async fn list(
        &self,
        environment: Option<EnvironmentId>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Row>> {
        let mut rows = self.rows();
        rows.retain(|row| {
            (environment.is_none() || row.environment == environment)
                && before.is_none_or(|before| row.id < before)
        });
        rows.reverse();
        rows.truncate(usize::try_from(limit).unwrap());
        Ok(rows)
    }
}

/// A trail that nobody reads.
pub fn trail() -> Trail {
    Arc::new(MemoryAuditLog::new()).trail("test")
}
