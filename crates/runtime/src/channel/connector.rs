//! One connection to one of the addresses of a name.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::backoff::Backoff;
use crate::seldom::Seldom;
use crate::tls::Credentials;

/// The least time that one address gets.
const LEAST_TIME: Duration = Duration::from_millis(250);

/// How connections are protected.
pub(super) struct Tls {
    /// What we show, and whom we believe.
    pub(super) credentials: Arc<Credentials>,
    /// Whom we want to reach.
    pub(super) server_name: ServerName<'static>,
}

pub(super) struct Connector {
    host: String,
    port: u16,
    tls: Tls,
    timeout: Duration,
    /// Which address to begin with.
    next: AtomicUsize,
    backoff: Backoff,
    failures: Seldom,
    count: Counter<u64>,
}

type Io = TokioIo<TlsStream<TcpStream>>;

impl Connector {
    pub(super) fn new(host: String, port: u16, tls: Tls, timeout: Duration) -> Self {
        Self {
            host,
            port,
            tls,
            timeout,
            next: AtomicUsize::new(0),
            backoff: Backoff::default(),
            failures: Seldom::default(),
            count: opentelemetry::global::meter("countersign")
                .u64_counter("countersign.peer.connections")
                .with_description("Connections made to other services, by service and outcome")
                .build(),
        }
    }

    pub(super) async fn connect(&self) -> io::Result<Io> {
        self.backoff.admit().map_err(|why| {
            io::Error::new(io::ErrorKind::ConnectionRefused, format!("not tried again yet: {why}"))
        })?;
        let outcome = tokio::time::timeout(self.timeout, self.dial()).await.unwrap_or_else(|_| {
            let ms = self.timeout.as_millis();
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {ms} ms")))
        });
        match outcome {
            Ok(stream) => {
                self.count("done");
                let failures = self.backoff.connected();
                if failures > 0 {
                    tracing::info!(host = self.host, port = self.port, failures, "connected again");
                }
                Ok(TokioIo::new(stream))
            }
            Err(error) => {
                self.count("failed");
                let why = explain(&error);
                self.backoff.failed(&why);
                if let Some(more) = self.failures.may_speak() {
                    tracing::warn!(
                        host = self.host,
                        port = self.port,
                        why,
                        more,
                        "a service cannot be reached"
                    );
                }
                Err(io::Error::new(error.kind(), why))
            }
        }
    }

    async fn dial(&self) -> io::Result<TlsStream<TcpStream>> {
        let addresses = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        self.try_each(addresses.collect()).await
    }

    /// The addresses, beginning with another one each time.
    pub(super) fn in_turn(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        // The order of an answer says nothing; which one comes first is our choice.
        addresses.sort_unstable();
        addresses.dedup();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(first);
        addresses
    }

    /// Tries each address once, in turn.
    pub(super) async fn try_each(&self, addresses: Vec<SocketAddr>) -> io::Result<TlsStream<TcpStream>> {
        let addresses = self.in_turn(addresses);
        let count = addresses.len();
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        let share = self.timeout / u32::try_from(count).unwrap_or(u32::MAX);
        let mut last = None;
        for (at, address) in addresses.into_iter().enumerate() {
            // The last one has what is left.
            let time = if at + 1 == count { self.timeout } else { share.max(LEAST_TIME) };
            match tokio::time::timeout(time, self.reach(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {
                    last =
                        Some(io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")));
                }
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("no address was tried")))
    }

    async fn reach(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        // Small requests must not wait for more to send.
        stream.set_nodelay(true)?;
        let config = self
            .tls
            .credentials
            .client_side()
            .ok_or_else(|| io::Error::other("no authorities to believe"))?;
        let stream = TlsConnector::from(config).connect(self.tls.server_name.clone(), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the other end does not speak HTTP/2"));
        }
        Ok(stream)
    }

    fn count(&self, outcome: &'static str) {
        let host = KeyValue::new("server.address", self.host.clone());
        self.count.add(1, &[host, KeyValue::new("outcome", outcome)]);
    }
}

/// The error with what it usually means.
fn explain(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let hint = match inner {
        Some(rustls::Error::InvalidMessage(_)) => " (is it a listener without TLS?)",
        Some(rustls::Error::AlertReceived(_)) => " (it refuses our certificate; its log says why)",
        Some(rustls::Error::InvalidCertificate(_)) => {
            " (is it another service's address, or is an authority missing in authorities_file?)"
        }
        None if error.kind() == io::ErrorKind::UnexpectedEof => " (is it a listener without TLS?)",
        _ => "",
    };
    format!("{error}{hint}")
}
