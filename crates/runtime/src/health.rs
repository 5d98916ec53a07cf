//! Whether this process should get calls. Named checks are made again and again; while one of them fails, or the process
//! is stopping, it is not ready. gRPC health says so on every listener ([`crate::Mount::readiness`]), and `GET /readyz`
//! on a listener of its own, which has no TLS: probes of an orchestrator have no certificate.

mod probes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use kernel::{Error, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use probes::serve;

/// How often the checks are made, unless something else is asked for.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(1);

type Ask = Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Something that must be so for the process to be ready.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    timeout: Duration,
    ask: Ask,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Check {
    /// A check with a name for people, which fails also when it takes longer than `timeout`. What its error says is shown
    /// to whoever asks; the error's cause only to the log.
    pub fn new<F>(name: &'static str, timeout: Duration, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self { name, timeout, ask: Arc::new(move || ask().boxed()) }
    }

    /// A check of what the process knows at any time, without asking anybody.
    pub fn now(name: &'static str, ask: impl Fn() -> Result<()> + Send + Sync + 'static) -> Self {
        Self::new(name, CHECK_INTERVAL, move || std::future::ready(ask()))
    }

    async fn make(&self) -> State {
        // A check that panics fails, and is made again.
        let ask = AssertUnwindSafe(async { (self.ask)().await }).catch_unwind();
        let outcome = match tokio::time::timeout(self.timeout, ask).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::internal("a check panicked")),
            Err(_) => return State::Failed(format!("no answer within {} ms", self.timeout.as_millis())),
        };
        match outcome {
            Ok(()) => State::Good,
            Err(error) => {
                tracing::debug!(check = self.name, ?error, "a check failed");
                State::Failed(error.to_string())
            }
        }
    }
}

/// What is known of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// It was not made yet.
    Open,
    Good,
    /// Why it failed, fit for everybody.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    stopping: bool,
    checks: BTreeMap<&'static str, State>,
}

impl Standing {
    fn is_ready(&self) -> bool {
        !self.stopping && self.checks.values().all(|state| *state == State::Good)
    }
}

/// Whether the process is ready. Clones are the same.
#[derive(Clone, Debug)]
pub struct Readiness {
    checks: Arc<[Check]>,
    standing: Arc<watch::Sender<Standing>>,
}

impl Readiness {
    /// Not ready until every check, each of another name, has come out well once.
    pub fn new(checks: Vec<Check>) -> Self {
        let open = checks.iter().map(|check| (check.name, State::Open)).collect();
        let standing = watch::Sender::new(Standing { stopping: false, checks: open });
        Self { checks: checks.into(), standing: Arc::new(standing) }
    }

    /// Makes the checks, all at once, after `interval`, and with `interval` between the end of one round and the next, until
    /// `stop`.
    pub async fn poll(&self, interval: Duration, stop: CancellationToken) {
        let rounds = async {
            loop {
                tokio::time::sleep(interval).await;
                self.look().await;
            }
        };
        stop.run_until_cancelled(rounds).await;
    }

    /// Makes the checks once.
    pub async fn look(&self) {
        let made = join_all(self.checks.iter().map(|check| async { (check.name, check.make().await) })).await;
        self.change(|standing| {
            for (name, state) in &made {
                let before = standing.checks.insert(name, state.clone());
                match (before, state) {
                    (Some(State::Failed(_)), State::Failed(_)) => {}
                    (_, State::Failed(why)) => tracing::warn!(check = name, why, "a check fails: not ready"),
                    (Some(State::Failed(_)), State::Good) => {
                        tracing::info!(check = name, "a check comes out well again");
                    }
                    _ => {}
                }
            }
        });
    }

    /// Says from now on that nothing new is taken, and resolves after `delay`: long enough for load balancers to notice
    /// before listeners are told to stop.
    pub async fn drain(&self, delay: Duration) {
        self.change(|standing| standing.stopping = true);
        tokio::time::sleep(delay).await;
    }

    /// Whether it is ready now.
    pub fn is_ready(&self) -> bool {
        self.standing.borrow().is_ready()
    }

    /// Resolves when it is ready.
    pub async fn ready(&self) {
        let mut changes = self.standing.subscribe();
        // The sender lives as long as `self`.
        let _ = changes.wait_for(Standing::is_ready).await;
    }

    /// The checks and what is known of each, a line each, under a line that says what follows from it. No secrets.
    pub fn report(&self) -> String {
        let standing = self.standing.borrow();
        let mut text = match (standing.stopping, standing.is_ready()) {
            (true, _) => "stopping\n".to_owned(),
            (false, true) => "ready\n".to_owned(),
            (false, false) => "not ready\n".to_owned(),
        };
        for (name, state) in &standing.checks {
            let state = match state {
                State::Open => "not looked at yet".to_owned(),
                State::Good => "ok".to_owned(),
                State::Failed(why) => format!("failed: {}", why.replace(['\r', '\n'], " ")),
            };
            text.push_str(&format!("{name}: {state}\n"));
        }
        text
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        self.standing.send_if_modified(|standing| {
            let before = standing.clone();
            change(standing);
            *standing != before
        });
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.standing.subscribe())
    }
}

/// Changes of readiness.
pub(crate) struct Changes(watch::Receiver<Standing>);

impl Changes {
    /// Resolves at the next change; fails when there will be none.
    pub(crate) async fn changed(&mut self) -> std::result::Result<(), watch::error::RecvError> {
        self.0.changed().await
    }
}
