//! Serving a mount on a listener until told to stop. Listeners are bound before anything is served, so port 0 works
//! and the address is known.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use kernel::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::identity::PeerIdentity;
use crate::limits;
use crate::memory::MemoryListener;
use crate::mount::Mount;

/// Something connections come from, and who is at their other end where that is known.
trait Accept: Send {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn accept(&mut self)
    -> impl Future<Output = Option<io::Result<(Self::Io, Option<PeerIdentity>)>>> + Send;
}

impl Accept for TcpListener {
    type Io = tokio::net::TcpStream;

    async fn accept(&mut self) -> Option<io::Result<(Self::Io, Option<PeerIdentity>)>> {
        let (stream, _) = match TcpListener::accept(self).await {
            Ok(accepted) => accepted,
            Err(error) => return Some(Err(error)),
        };
        // Small answers must not wait for more to send.
        Some(stream.set_nodelay(true).map(|()| (stream, None)))
    }
}

impl Accept for MemoryListener {
    type Io = tokio::io::DuplexStream;

    async fn accept(&mut self) -> Option<io::Result<(Self::Io, Option<PeerIdentity>)>> {
        self.next().await.map(|(stream, from)| Ok((stream, Some(from))))
    }
}

/// A TCP listener that is bound and not yet served.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds `address`. Refused when it is taken or not ours.
    pub async fn to(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::internal(format!("the address {address} cannot be bound: {error}; is it in use?"))
        })?;
        let address = listener.local_addr().map_err(Error::internal)?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets calls in flight finish.
    pub async fn serve(self, mount: Mount, stop: CancellationToken) -> Result<()> {
        serve(self.listener, mount, stop).await
    }
}

/// Serves the services in memory until `stop`, then lets calls in flight finish.
pub async fn serve_memory(listener: MemoryListener, mount: Mount, stop: CancellationToken) -> Result<()> {
    serve(listener, mount, stop).await
}

async fn serve(mut listener: impl Accept, mount: Mount, stop: CancellationToken) -> Result<()> {
    let (router, health) = mount.into_router().await?;
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(limits::MAX_CONNECTIONS));
    loop {
        let permit = tokio::select! {
            permit = connections.clone().acquire_owned() => permit.map_err(Error::internal)?,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                // Out of file handles, or a client that went away: the listener is still good.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
            None => break,
        };
        let activity = Activity::new();
        let service = router.clone().map_request({
            let activity = activity.clone();
            move |mut request: http::Request<hyper::body::Incoming>| {
                activity.request();
                if let Some(peer) = &peer {
                    request.extensions_mut().insert(peer.clone());
                }
                request
            }
        });
        let connection =
            builder().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                }
                () = activity.idle() => tracing::debug!("an idle connection is closed"),
            }
            drop(permit);
        });
    }
    health.stopping().await;
    // New connections are refused from here on.
    drop(listener);
    if tokio::time::timeout(limits::DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("calls in flight did not finish in time and were cut");
    }
    Ok(())
}

/// When a connection was last used.
#[derive(Clone)]
struct Activity {
    last: Arc<Mutex<(Instant, Duration)>>,
}

#[expect(clippy::disallowed_methods, reason = "closes idle connections, decides nothing else")]
impl Activity {
    fn new() -> Self {
        Self { last: Arc::new(Mutex::new((Instant::now(), limits::FIRST_REQUEST_TIMEOUT))) }
    }

    fn request(&self) {
        *self.lock() = (Instant::now(), limits::IDLE_TIMEOUT);
    }

    /// Resolves when the connection was not used for too long. Longer than the longest call, so it cuts none.
    async fn idle(&self) {
        loop {
            let (last, limit) = *self.lock();
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Instant, Duration)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits::HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::MAX_STREAMS)
        .max_header_list_size(limits::MAX_HEADER_BYTES)
        .keep_alive_interval(std::time::Duration::from_secs(20))
        .keep_alive_timeout(std::time::Duration::from_secs(10));
    builder
}
