//! Where a process listens.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use runtime::tls::{Callers, PublicTlsSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Wrong;

/// For users and administrators.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PublicListener {
    /// The address. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// What is shown to them. Required in production, unless TLS ends before us.
    pub(crate) tls: Option<PublicTlsSettings>,
    /// Says that TLS ends at something in front of this process, on the same machine or in a network that nobody else
    /// is in: then production mode takes plaintext here.
    pub(crate) tls_ends_before_us: bool,
}

/// For the other services of the suite, over mutual TLS with the certificate of `tls`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PeerListener {
    /// The address. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Who may connect: the DNS name in a caller's certificate, and the role that it stands for. Which role may call
    /// which method is not a setting.
    pub(crate) callers: BTreeMap<String, String>,
}

/// For probes: `GET /livez` and `GET /readyz`, plain HTTP.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HealthListener {
    /// The address. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// How long, once told to stop, the process says `not ready` and still takes calls, so that load balancers find out
    /// before it no longer does; in milliseconds, at most 60000.
    pub(crate) stop_delay_ms: u32,
}

/// A loopback address, for defaults.
const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl PublicListener {
    /// On loopback.
    pub(super) const fn at(port: u16) -> Self {
        Self { listen: loopback(port), tls: None, tls_ends_before_us: false }
    }

    pub(super) fn check(&self, production: bool, wrong: &mut Wrong) {
        match &self.tls {
            Some(_) if self.tls_ends_before_us => {
                wrong.say("public.tls_ends_before_us", "is true, and there is `public.tls` too; keep one");
            }
            Some(tls) => {
                wrong.need_file("public.tls.certificate_file", &tls.certificate_file, "the certificate, as PEM");
                wrong.need_file("public.tls.key_file", &tls.key_file, "its private key, as PEM");
            }
            None if production && !self.tls_ends_before_us => wrong.say(
                "public.tls",
                "is not set; in production users' tokens do not travel in the clear. Where something in front of this \
                 process ends TLS, say `public.tls_ends_before_us = true`",
            ),
            None => {}
        }
    }
}

impl Default for PublicListener {
    fn default() -> Self {
        Self::at(0)
    }
}

impl PeerListener {
    /// On loopback.
    pub(super) const fn at(port: u16) -> Self {
        Self { listen: loopback(port), callers: BTreeMap::new() }
    }

    /// `callers` are the roles that call here at all.
    pub(super) fn check(&self, callers: &[&str], wrong: &mut Wrong) {
        if self.callers.is_empty() {
            wrong.say(
                "peer.callers",
                format!(
                    "is empty, so that nobody could call; say which DNS name is which role, of: {}",
                    callers.join(", ")
                ),
            );
        }
        let known = Callers::new("peer.callers", &self.callers);
        wrong.add(known.and_then(|known| known.check(callers)));
    }
}

impl Default for PeerListener {
    fn default() -> Self {
        Self::at(0)
    }
}

impl HealthListener {
    /// On loopback.
    pub(super) const fn at(port: u16) -> Self {
        Self { listen: loopback(port), stop_delay_ms: 0 }
    }

    pub(super) fn check(&self, wrong: &mut Wrong) {
        if self.stop_delay_ms > 60_000 {
            wrong.say("health.stop_delay_ms", "is more than 60000 ms");
        }
    }
}

impl Default for HealthListener {
    fn default() -> Self {
        Self::at(0)
    }
}
