//! Whether a service may authorize anything: whether its database is known not to be older than it was.
//!
//! While a database is in use, each process of the role raises the counter in its mark, and then a number of the same name
//! at a [`Witness`] outside it: at most a tenth of a second after something was consumed, and every second when nothing is. A
//! database whose counter is below the witness was set back: restored from a backup, or taken over by a replica that had
//! not everything. What was spent in it may be unspent again, so the service halts, until its operator acknowledges the
//! restore: see [`crate::restore`].
//!
//! * A consumption is committed before the counter is raised, and the counter before the witness. So a database that lacks
//!   a consumption which the witness was raised after is always found out. What is not found out is a database that lacks
//!   only what was committed in the last moment before it was lost: a tenth of a second and the time the witness takes to answer.
//! * The counter is raised only where it is not below the witness. So however many processes run on a database that was
//!   set back, it never catches up by itself.
//! * A process knows the counter it last saw, and each intent in the audit trail compares: a replica that takes over under
//!   a running process is found out by the first intent, not by the next round.
//! * A confirmation holds for ten seconds. A process that could not renew it, because witness or database did not answer or
//!   because it was stopped, does not authorize until it has.

mod watch;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use kernel::{Error, Reason, Result};
use tokio::sync::Notify;

pub use watch::{Watch, look, watch};

/// How soon after a consumption the witness is raised.
const BUSY: Duration = Duration::from_millis(100);

/// How often it is raised when nothing is consumed.
const IDLE: Duration = Duration::from_secs(1);

/// How long a confirmation holds.
const GRACE: Duration = Duration::from_secs(10);

/// When it is worth while to ask again while the confirmation is overdue.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whether one database may be authorized from. Clones are the same.
#[derive(Clone)]
pub struct Standing {
    shared: Arc<Shared>,
}

struct Shared {
    /// What is compared with; none where nothing is witnessed.
    witnessed: Option<Confirmed>,
    halted: OnceLock<String>,
    /// Woken when something was consumed.
    consumed: Notify,
}

/// What is to be seen of a mark: this epoch, and no lower counter. Taken before a statement begins, since the counter
/// goes on while it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    epoch: u64,
    counter: u64,
}

/// What this process knows of a witnessed database.
struct Confirmed {
    epoch: u64,
    /// The highest counter that it has read.
    counter: AtomicU64,
    /// Where `last_ms` counts from. Not a time of day: a clock that is set must not make a confirmation old or young.
    origin: Instant,
    /// When the last round that confirmed the database began.
    last_ms: AtomicI64,
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("halted", &self.shared.halted.get()).finish_non_exhaustive()
    }
}

impl Standing {
    /// Of a database that nothing witnesses: dev mode and tests. It may be authorized from until it is halted.
    pub fn unwitnessed() -> Self {
        Self::with(None)
    }

    /// Of a database that was just found not to be older than it was, at `counter`; `began` is when that was asked.
    fn confirmed(epoch: u64, counter: u64, began: Instant) -> Self {
        Self::with(Some(Confirmed {
            epoch,
            counter: AtomicU64::new(counter),
            origin: began,
            last_ms: AtomicI64::new(0),
        }))
    }

    fn with(witnessed: Option<Confirmed>) -> Self {
        Self { shared: Arc::new(Shared { witnessed, halted: OnceLock::new(), consumed: Notify::new() }) }
    }

    /// Whether anything may be authorized now.
    ///
    /// # Errors
    ///
    /// `SERVICE_HALTED` for good, `STORE_UNAVAILABLE` until database and witness answer.
    pub fn check(&self) -> Result<()> {
        self.check_at(now())
    }

    fn check_at(&self, now: Instant) -> Result<()> {
        if let Some(why) = self.shared.halted.get() {
            return Err(halted(why.clone()));
        }
        match &self.shared.witnessed {
            Some(confirmed) if confirmed.age(now) > GRACE => Err(overdue()),
            Some(_) | None => Ok(()),
        }
    }

    /// Stops authorizing, for as long as this process lives. Says why in the log, once.
    pub fn halt(&self, why: impl Into<String>) {
        let mut first = false;
        let why = self.shared.halted.get_or_init(|| {
            first = true;
            why.into()
        });
        if first {
            tracing::error!(why, "this service has halted: nothing is authorized any more");
        }
    }

    /// Says that something was consumed: the witness is to hear of it soon.
    pub(crate) fn consumed(&self) {
        self.shared.consumed.notify_one();
    }

    /// What a statement must see of the mark that begins now; none where nothing is witnessed.
    pub(crate) fn expected(&self) -> Option<Expected> {
        let Confirmed { epoch, counter, .. } = self.shared.witnessed.as_ref()?;
        Some(Expected { epoch: *epoch, counter: counter.load(Ordering::SeqCst) })
    }

    /// Compares what a statement saw of the mark while it wrote with what was expected when it began; halts, and refuses,
    /// when it is not the database that was confirmed.
    pub(crate) fn saw(&self, expected: Expected, epoch: u64, counter: u64) -> Result<()> {
        if epoch != expected.epoch || counter < expected.counter {
            self.halt(format!(
                "under this process the database was put back: it was in epoch {} at counter {} and is in epoch {epoch} \
                 at {counter}. {WHAT_TO_DO}",
                expected.epoch, expected.counter
            ));
        }
        self.check()
    }

    /// The database was found not to be older than it was; `began` is when that was asked.
    fn confirm(&self, counter: u64, began: Instant) {
        if let Some(confirmed) = &self.shared.witnessed {
            confirmed.counter.fetch_max(counter, Ordering::SeqCst);
            confirmed.last_ms.fetch_max(millis(began, confirmed.origin), Ordering::SeqCst);
        }
    }

    /// The highest counter that this process has read.
    fn known(&self) -> u64 {
        self.shared.witnessed.as_ref().map_or(0, |confirmed| confirmed.counter.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
impl Standing {
    /// The last confirmation becomes older by so much.
    fn age_for_tests(&self, by: Duration) {
        if let Some(confirmed) = &self.shared.witnessed {
            confirmed.last_ms.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        }
    }
}

impl Confirmed {
    fn age(&self, now: Instant) -> Duration {
        let age = millis(now, self.origin).saturating_sub(self.last_ms.load(Ordering::SeqCst));
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }
}

/// How long after `origin`, in milliseconds.
fn millis(moment: Instant, origin: Instant) -> i64 {
    i64::try_from(moment.saturating_duration_since(origin).as_millis()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how old a confirmation is, which no clock may change"
)]
fn now() -> Instant {
    Instant::now()
}

/// What an operator is told with every reason for which a service halts.
pub(crate) const WHAT_TO_DO: &str = "Stop all processes of the role. If the database can be brought to where it was, do \
                                     that. Else acknowledge the restore by `countersign restore acknowledge`, and start \
                                     them again; docs/restore.md says what it costs";

/// The refusal for callers, who learn nothing of the reason.
pub(crate) fn halted(why: String) -> Error {
    Error::new(
        Reason::ServiceHalted,
        "this service has stopped until its operator has looked at it; nothing was authorized",
    )
    .cause(why)
}

fn overdue() -> Error {
    Error::store_unavailable("it was not confirmed lately that the database is not older than it was")
        .retry_after(ASK_AGAIN)
}

#[cfg(test)]
mod tests;
