//! The operations that this process is running, so that the same call made twice at once does its work once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use operation::Digest;
use tokio::sync::watch;

use crate::ports::OperationKey;

type Running = HashMap<OperationKey, (Digest, watch::Receiver<()>)>;

/// The operations that are being run.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<Running>>);

/// Held by whoever runs an operation; the others are woken when it is dropped.
pub(crate) struct Guard {
    all: InFlight,
    key: OperationKey,
    _running: watch::Sender<()>,
}

/// Another call of this process is running an operation of this id.
pub(crate) struct Other {
    /// The digest that it runs.
    pub(crate) digest: Digest,
    running: watch::Receiver<()>,
}

impl Other {
    /// Waits until it has ended, whatever came of it.
    pub(crate) async fn ended(mut self) {
        // Nothing is ever sent: the only change is that the sender goes away.
        while self.running.changed().await.is_ok() {}
    }
}

impl InFlight {
    fn running(&self) -> MutexGuard<'_, Running> {
        // No code panics while it holds the lock, and a map is whole in any case.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to run the operation, unless it is being run.
    pub(crate) fn enter(&self, key: OperationKey, digest: Digest) -> Result<Guard, Other> {
        let mut running = self.running();
        if let Some((digest, receiver)) = running.get(&key) {
            return Err(Other { digest: *digest, running: receiver.clone() });
        }
        let (sender, receiver) = watch::channel(());
        running.insert(key, (digest, receiver));
        Ok(Guard { all: self.clone(), key, _running: sender })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.all.running().remove(&self.key);
    }
}
