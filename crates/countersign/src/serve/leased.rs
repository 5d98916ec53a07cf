//! An audit trail that takes nothing while this process is not the one that may serve its database. Everything that
//! consumes or changes something says so to the trail first, so nothing is consumed or changed either.

use async_trait::async_trait;
use kernel::audit::{Event, Outcome};
use kernel::{EnvironmentId, Reason, Result};
use storage::AuditLog;
use storage::audit::{Intent, Row};

/// See the module.
pub(super) struct Leased<L, C> {
    log: L,
    /// Refuses while this process is not the one.
    check: C,
}

impl<L, C: Fn() -> Result<()>> Leased<L, C> {
    pub(super) const fn new(log: L, check: C) -> Self {
        Self { log, check }
    }
}

#[async_trait]
impl<L: AuditLog, C: Fn() -> Result<()> + Send + Sync> AuditLog for Leased<L, C> {
    fn check_standing(&self) -> Result<()> {
        (self.check)()?;
        self.log.check_standing()
    }

    async fn begin(&self, event: Event) -> Result<Intent> {
        (self.check)()?;
        self.log.begin(event).await
    }

    async fn finish(&self, intent: Intent, outcome: Outcome) -> Result<()> {
        self.log.finish(intent, outcome).await
    }

    async fn withdraw(&self, intent: Intent, event: Event, reason: Reason) -> Result<()> {
        self.log.withdraw(intent, event, reason).await
    }

    async fn record(&self, event: Event, outcome: Outcome) -> Result<()> {
        if outcome.reason().is_none() {
            (self.check)()?;
        }
        self.log.record(event, outcome).await
    }

    async fn list(
        &self,
        environment: Option<EnvironmentId>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Row>> {
        self.log.list(environment, before, limit).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use kernel::audit::Actor;
    use kernel::{Error, Timestamp};
    use testkit::MemoryAuditLog;

    use super::*;

    fn event() -> Event {
        Event::new("key.sign", Timestamp::from_seconds(1), Actor::Unknown)
    }

    #[tokio::test]
    async fn without_the_lease_nothing_is_begun_and_what_was_begun_can_end() {
        let held = Arc::new(AtomicBool::new(true));
        let asked = held.clone();
        let log = Leased::new(MemoryAuditLog::default(), move || {
            let refused = || Err(Error::new(Reason::ServiceHalted, "the lease is lost"));
            if asked.load(Ordering::SeqCst) { Ok(()) } else { refused() }
        });
        let intent = log.begin(event()).await.unwrap();
        held.store(false, Ordering::SeqCst);
        assert_eq!(log.check_standing().unwrap_err().reason(), Reason::ServiceHalted);
        assert_eq!(log.begin(event()).await.unwrap_err().reason(), Reason::ServiceHalted);
        assert_eq!(
            log.record(event(), Outcome::Succeeded).await.unwrap_err().reason(),
            Reason::ServiceHalted
        );
        // That something was refused, and how it ended, is written down all the same.
        log.record(event(), Outcome::Refused(Reason::ServiceHalted)).await.unwrap();
        log.finish(intent, Outcome::Succeeded).await.unwrap();
        held.store(true, Ordering::SeqCst);
        log.check_standing().unwrap();
    }
}
