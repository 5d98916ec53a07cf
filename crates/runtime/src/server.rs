//! Serving a mount on a listener until told to stop. Listeners are bound before anything is served, so port 0 works
//! and the address is known.
//!
//! A stop goes in this order: health says that nothing new is taken, new connections are refused, calls in flight are
//! answered, connections close. Whoever balances load needs time between the first two: see
//! [`crate::health::Readiness::drain`].

#[cfg(test)]
pub(crate) mod bench;
mod connection;
#[cfg(test)]
mod tls_tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kernel::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::identity::PeerIdentity;
use crate::limits;
use crate::memory::MemoryListener;
use crate::mount::Mount;
use crate::tls::{Caller, Handshakes, ServerTls};
use connection::Connection;

/// Something connections come from.
trait Accept: Send {
    /// A connection, and what is known of its other end.
    type Raw: Send + 'static;

    fn accept(&mut self) -> impl Future<Output = Option<io::Result<Self::Raw>>> + Send;
}

impl Accept for TcpListener {
    type Raw = (TcpStream, SocketAddr);

    async fn accept(&mut self) -> Option<io::Result<Self::Raw>> {
        let (stream, from) = match TcpListener::accept(self).await {
            Ok(accepted) => accepted,
            Err(error) => return Some(Err(error)),
        };
        // Small answers must not wait for more to send.
        Some(stream.set_nodelay(true).map(|()| (stream, from)))
    }
}

impl Accept for MemoryListener {
    type Raw = (DuplexStream, PeerIdentity);

    async fn accept(&mut self) -> Option<io::Result<Self::Raw>> {
        self.next().await.map(Ok)
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

    /// Serves without TLS until `stop`, then lets calls in flight finish. Nobody who comes this way is a peer.
    pub async fn serve(self, mount: Mount, stop: CancellationToken) -> Result<()> {
        serve_mount(self.listener, in_the_clear, mount, stop).await
    }

    /// Serves with TLS until `stop`, then lets calls in flight finish.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where a caller is listed with a role that calls nothing in `mount`.
    pub async fn serve_tls(self, mount: Mount, tls: ServerTls, stop: CancellationToken) -> Result<()> {
        let bounds = Bounds { handshakes: limits::MAX_HANDSHAKES, handshake_time: limits::HANDSHAKE_TIMEOUT };
        self.serve_tls_within(bounds, mount, tls, stop).await
    }

    pub(crate) async fn serve_tls_within(
        self,
        bounds: Bounds,
        mount: Mount,
        tls: ServerTls,
        stop: CancellationToken,
    ) -> Result<()> {
        check(&mount, &tls)?;
        let handshakes = Arc::new(Handshakes::new(tls, bounds.handshakes, bounds.handshake_time));
        let open = move |raw| {
            let handshakes = handshakes.clone();
            async move { handshakes.accept(raw).await }
        };
        serve_mount(self.listener, open, mount, stop).await
    }

    /// Serves plain HTTP without any of the services.
    pub(crate) async fn serve_http(self, router: Router, stop: CancellationToken) -> Result<()> {
        serve(self.listener, in_the_clear, router, stop, async {}).await
    }
}

/// Bounds on handshakes of one listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many may be under way.
    pub(crate) handshakes: usize,
    /// How long one may take.
    pub(crate) handshake_time: Duration,
}

/// Whether credentials and mount are of a kind.
fn check(mount: &Mount, tls: &ServerTls) -> Result<()> {
    match (tls, mount.callers()) {
        (ServerTls::Public { credentials }, None) if !credentials.is_for_peers() => Ok(()),
        (ServerTls::Peers { credentials, callers }, Some(allowed)) if credentials.is_for_peers() => {
            callers.check(allowed)
        }
        _ => Err(Error::internal(
            "a listener for services needs credentials for peers and a mount that says who calls it; a listener \
             for users neither",
        )),
    }
}

async fn in_the_clear((stream, _): (TcpStream, SocketAddr)) -> Option<(TcpStream, Caller)> {
    Some((stream, Caller::default()))
}

/// Serves the services in memory until `stop`, then lets calls in flight finish.
pub async fn serve_memory(listener: MemoryListener, mount: Mount, stop: CancellationToken) -> Result<()> {
    let open = |(stream, from): (DuplexStream, PeerIdentity)| async move {
        Some((stream, Caller { peer: Some(from), stranger: None }))
    };
    serve_mount(listener, open, mount, stop).await
}

async fn serve_mount<A, O, F, I>(listener: A, open: O, mount: Mount, stop: CancellationToken) -> Result<()>
where
    A: Accept,
    O: Fn(A::Raw) -> F,
    F: Future<Output = Option<(I, Caller)>> + Send + 'static,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (router, health) = mount.into_router().await?;
    let following = tokio::spawn({
        let health = health.clone();
        async move { health.follow().await }
    });
    // From now on health says that nothing new is taken, whatever readiness says.
    let stopping = async move {
        following.abort();
        let _ = following.await;
        health.stopping().await;
    };
    serve(listener, open, router, stop, stopping).await
}

async fn serve<A, O, F, I>(
    mut listener: A,
    open: O,
    router: Router,
    stop: CancellationToken,
    stopping: impl Future<Output = ()>,
) -> Result<()>
where
    A: Accept,
    O: Fn(A::Raw) -> F,
    F: Future<Output = Option<(I, Caller)>> + Send + 'static,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limits::MAX_CONNECTIONS));
    let (tasks, close, cut) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
    for number in 0_u64.. {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.map_err(Error::internal)?,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let raw = match accepted {
            Some(Ok(raw)) => raw,
            Some(Err(error)) => {
                // Out of file handles, or a client that went away: the listener is still good.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            None => break,
        };
        // Whatever it takes to find out who is there must not keep others waiting.
        let opening = open(raw);
        let connection = Connection { number, router: router.clone(), close: close.clone() };
        let cut = cut.clone();
        tasks.spawn(async move {
            let run = async {
                let opened = tokio::select! {
                    opened = opening => opened,
                    () = connection.close.cancelled() => None,
                };
                if let Some((io, caller)) = opened {
                    connection.run(io, caller).await;
                }
            };
            tokio::select! {
                () = run => {}
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }
    stopping.await;
    // New connections are refused from here on.
    drop(listener);
    close.cancel();
    tasks.close();
    if tokio::time::timeout(limits::DRAIN_TIME, tasks.wait()).await.is_err() {
        tracing::warn!("calls in flight did not finish in time and were cut");
        cut.cancel();
    }
    Ok(())
}
