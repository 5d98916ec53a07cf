//! Handshakes of connections that come in: bounded in number and time, and who is at the other end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::callers::Known;
use super::{Callers, ServerTls, certificate};
use crate::identity::PeerIdentity;
use crate::seldom::Seldom;

/// How much of a stranger's names is written down, in bytes.
const MOST_NAMES: usize = 200;

/// Somebody whose certificate is good and who is on no list: the names in it, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger(pub(crate) Arc<str>);

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// A service of the suite.
    pub(crate) peer: Option<PeerIdentity>,
    /// Somebody else with a certificate.
    pub(crate) stranger: Option<Stranger>,
}

/// The handshakes of one listener.
pub(crate) struct Handshakes {
    tls: ServerTls,
    /// Those under way. Connections that have said nothing yet take no place.
    places: Semaphore,
    timeout: Duration,
    count: Counter<u64>,
    refused: Seldom,
    strangers: Seldom,
}

impl Handshakes {
    pub(crate) fn new(tls: ServerTls, places: usize, timeout: Duration) -> Self {
        Self {
            tls,
            places: Semaphore::new(places),
            timeout,
            count: opentelemetry::global::meter("countersign")
                .u64_counter("countersign.tls.handshakes")
                .with_description("TLS handshakes of connections that came in, by outcome")
                .build(),
            refused: Seldom::default(),
            strangers: Seldom::default(),
        }
    }

    /// Secures a connection. None when that came to nothing, which was told to the log.
    pub(crate) async fn accept(
        &self,
        (stream, from): (TcpStream, SocketAddr),
    ) -> Option<(TlsStream<TcpStream>, Caller)> {
        let outcome = match tokio::time::timeout(self.timeout, self.shake_hands(stream)).await {
            Ok(Ok(stream)) => {
                let caller = self.caller(&stream, from);
                self.count(if caller.stranger.is_some() { "stranger" } else { "done" });
                return Some((stream, caller));
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        self.count(if outcome.is_some() { "refused" } else { "late" });
        if let Some(more) = self.refused.may_speak() {
            let why = outcome.map_or_else(|| "it took too long".to_owned(), |error| explain(&error));
            tracing::warn!(%from, %why, more, "a TLS handshake failed");
        }
        None
    }

    async fn shake_hands(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        // Whoever says nothing keeps nobody else waiting.
        stream.peek(&mut [0]).await?;
        let _place = self.places.acquire().await.map_err(std::io::Error::other)?;
        let (ServerTls::Public { credentials } | ServerTls::Peers { credentials, .. }) = &self.tls;
        let config = credentials.server().ok_or_else(|| std::io::Error::other("no certificate of ours"))?;
        TlsAcceptor::from(config).accept(stream).await
    }

    fn caller(&self, stream: &TlsStream<TcpStream>, from: SocketAddr) -> Caller {
        let ServerTls::Peers { callers, .. } = &self.tls else { return Caller::default() };
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        // Verified by now; the first is that of the caller.
        let names = certificates.first().map(certificate::names_in).unwrap_or_default();
        let why = match callers.role(&names) {
            Known::Role(role) => return Caller { peer: Some(PeerIdentity(role)), stranger: None },
            Known::Nobody => "none of its DNS names is listed".to_owned(),
            Known::Several(roles) => format!("its DNS names are listed for several roles: {roles:?}"),
        };
        self.report(callers, &names, &why, from);
        Caller { peer: None, stranger: Some(Stranger(shortened(&names).into())) }
    }

    fn report(&self, callers: &Callers, names: &[String], why: &str, from: SocketAddr) {
        if let Some(more) = self.strangers.may_speak() {
            tracing::warn!(
                %from,
                names = shortened(names),
                why,
                more,
                "a caller has a good certificate and may call nothing here; callers are listed in `{}`",
                callers.setting()
            );
        }
    }

    fn count(&self, outcome: &'static str) {
        self.count.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// How many handshakes could begin now.
    #[cfg(test)]
    pub(crate) fn free_places(&self) -> usize {
        self.places.available_permits()
    }
}

fn shortened(names: &[String]) -> String {
    let mut text: String =
        names.join(",").chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
    text.truncate(MOST_NAMES);
    text
}

/// The error with what it usually means.
fn explain(error: &std::io::Error) -> String {
    let hint = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => " (a client that does not speak TLS?)",
        Some(rustls::Error::NoCertificatesPresented) => " (a client without a certificate)",
        _ => "",
    };
    format!("{error}{hint}")
}
