//! One connection that is kept: made anew by one task whenever it ends, probed each time, waited for by whoever needs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::dial::Dialer;
use super::finding::Finding;
use super::judge::Expected;
use super::link::Link;
use super::probe;
use super::sentinel::Sentinels;

/// The shortest pause before a connection is tried again.
const LEAST_PAUSE: Duration = Duration::from_millis(20);

/// The longest.
const MOST_PAUSE: Duration = Duration::from_millis(500);

/// How often Sentinels are asked whether the primary is still where it was: for a client that is cut off with it.
const SENTINEL_PERIOD: Duration = Duration::from_secs(5);

/// Where a connection leads.
pub(super) enum Target {
    Fixed(Address),
    Watched(Box<Sentinels>),
}

/// What connections are made from.
pub(super) struct Source {
    pub(super) dialer: Dialer,
    pub(super) target: Target,
    pub(super) expected: Expected,
}

impl Source {
    pub(super) async fn address(&self) -> Result<Address, Finding> {
        match &self.target {
            Target::Fixed(address) => Ok(address.clone()),
            Target::Watched(sentinels) => sentinels.primary().await,
        }
    }

    /// A fresh connection, probed.
    async fn link(&self) -> Result<Link, Finding> {
        let address = self.address().await?;
        let open = async {
            let mut wire = self.dialer.dial(&address).await?;
            let epoch = probe::probe(&mut wire.connection, &address, &self.expected).await?;
            Ok(Link::new(address.clone(), epoch, wire))
        };
        timeout(self.dialer.timeout, open).await.unwrap_or_else(|_| Err(late(&address)))
    }

    /// Until the connection is gone, or the primary is somewhere else.
    async fn outlive(&self, link: &Link) {
        let Target::Watched(sentinels) = &self.target else { return link.gone().await };
        loop {
            tokio::select! {
                () = link.gone() => return,
                () = sleep(SENTINEL_PERIOD) => {}
            }
            if let Ok(address) = sentinels.primary().await
                && address != link.address
            {
                tracing::info!(from = %link.address, to = %address, "Redis: the primary has moved");
                return link.give_up();
            }
        }
    }
}

/// The finding for a server that takes too long.
pub(super) fn late(address: &Address) -> Finding {
    Finding::refused(
        address,
        "does not answer in time",
        "look at its log, its load and the network between, and whether it speaks TLS there (rediss://)",
    )
}

#[derive(Clone)]
enum State {
    /// It is being made, and the last one was good.
    Connecting,
    Ready(Arc<Link>),
    /// It is tried again and again, so far without success.
    Failed(Arc<Finding>),
}

/// A connection that is kept. It ends when this is dropped.
pub(super) struct Lane {
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lane {
    pub(super) fn open(source: Arc<Source>) -> Self {
        let (publish, state) = watch::channel(State::Connecting);
        Self { state, task: tokio::spawn(keep(source, publish)) }
    }

    /// The connection, if it is there.
    pub(super) fn ready(&self) -> Option<Arc<Link>> {
        match &*self.state.borrow() {
            State::Ready(link) if !link.is_gone() => Some(link.clone()),
            _ => None,
        }
    }

    /// Whether it is being made, after the last one was good.
    pub(super) fn is_connecting(&self) -> bool {
        !matches!(&*self.state.borrow(), State::Failed(_))
    }

    /// The connection, waited for while it is being made. Why there is none, once a try has failed.
    pub(super) async fn link(&self) -> Result<Arc<Link>, Arc<Finding>> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Ready(link) if !link.is_gone() => return Ok(link.clone()),
                State::Failed(finding) => return Err(finding.clone()),
                _ => {}
            }
            if state.changed().await.is_err() {
                let why = Finding::refused("?", "is no longer connected to", "this process is ending");
                return Err(Arc::new(why));
            }
        }
    }
}

/// Keeps one connection for ever.
async fn keep(source: Arc<Source>, publish: watch::Sender<State>) {
    let mut pause = LEAST_PAUSE;
    let mut failed: Option<Arc<Finding>> = None;
    loop {
        match source.link().await {
            Ok(link) => {
                if failed.take().is_some() {
                    tracing::info!(server = %link.address, "Redis is back");
                }
                pause = LEAST_PAUSE;
                let link = Arc::new(link);
                publish.send_replace(State::Ready(link.clone()));
                source.outlive(&link).await;
                publish.send_replace(State::Connecting);
                // A server that takes connections and ends them at once is not to be run against without a breath.
                sleep(LEAST_PAUSE).await;
            }
            Err(finding) => {
                let finding = Arc::new(finding);
                // Once for each reason, not once for each try.
                if failed.as_ref() != Some(&finding) {
                    tracing::warn!("{finding}");
                }
                failed = Some(finding.clone());
                publish.send_replace(State::Failed(finding));
                sleep(pause).await;
                pause = (pause * 2).min(MOST_PAUSE);
            }
        }
    }
}
