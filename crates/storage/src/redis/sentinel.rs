//! Asks Sentinels where the primary is.

use std::sync::atomic::{AtomicUsize, Ordering};

use ::redis::cmd;
use tokio::time::timeout;

use super::address::Address;
use super::dial::Dialer;
use super::finding::Finding;

/// Sentinels that watch one primary.
pub(super) struct Sentinels {
    pub(super) dialer: Dialer,
    pub(super) addresses: Vec<Address>,
    pub(super) master: String,
    /// The one that answered last is asked first.
    first: AtomicUsize,
}

impl Sentinels {
    pub(super) fn new(dialer: Dialer, addresses: Vec<Address>, master: String) -> Self {
        Self { dialer, addresses, master, first: AtomicUsize::new(0) }
    }

    /// Where the primary is, by the first Sentinel that knows. It may be wrong (a Sentinel that is cut off from the others
    /// does not hear of a failover): whoever connects there looks for himself.
    pub(super) async fn primary(&self) -> Result<Address, Finding> {
        let first = self.first.load(Ordering::Relaxed);
        let mut last = None;
        for place in 0..self.addresses.len() {
            let number = (first + place) % self.addresses.len();
            let sentinel = &self.addresses[number];
            match timeout(self.dialer.timeout, self.ask(sentinel)).await {
                Ok(Ok(address)) => {
                    self.first.store(number, Ordering::Relaxed);
                    return Ok(address);
                }
                Ok(Err(finding)) => last = Some(finding),
                Err(_) => {
                    last = Some(Finding::refused(
                        sentinel,
                        "does not answer in time",
                        "look at this Sentinel and what stands between",
                    ));
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Finding::refused(&self.master, "has no Sentinels", "name them under `redis.sentinel.urls`")
        }))
    }

    async fn ask(&self, sentinel: &Address) -> Result<Address, Finding> {
        let mut wire = self.dialer.dial(sentinel).await?;
        let mut question = cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let answer: Option<(String, u16)> =
            question.query_async(&mut wire.connection).await.map_err(|error| {
                Finding::refused(
                    sentinel,
                    format!("does not say where the primary is ({error})"),
                    "see that this is a Sentinel, and that the user may run SENTINEL GET-MASTER-ADDR-BY-NAME",
                )
            })?;
        let (host, port) = answer.ok_or_else(|| {
            Finding::refused(
                sentinel,
                format!("watches no primary of the name `{}`", self.master),
                "correct `redis.sentinel.master`",
            )
        })?;
        Ok(Address::told_by(sentinel, &host, port))
    }
}
