//! Being told to stop.

use kernel::{Error, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Resolves when the process is told to stop. The handlers are installed when this returns, so that no signal is lost.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
