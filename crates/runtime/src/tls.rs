//! Mutual TLS between the services, and TLS towards users.
//!
//! A service proves who it is with a certificate that an authority of the suite signed. What counts in it are its DNS
//! names (subject alternative names; a common name says nothing): a caller checks the name it wanted to reach, and the
//! called looks its caller's names up in a list. `docs/tls.md` says how an operator sets this up and renews it.

mod callers;
mod certificate;
mod credentials;
mod files;
mod handshake;
mod loaded;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Error};
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use callers::Callers;
pub use credentials::{Credentials, Look};
pub(crate) use handshake::{Caller, Handshakes, Stranger};

/// How often the files of certificates are looked at, unless something else is asked for.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// How long before its end a certificate is warned about.
pub const NEAR_END: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a service shows to the others, and whom it believes. The files are read again when they change.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// The certificate of this service with the DNS names it goes by, then those of intermediate authorities, as PEM. It
    /// is shown both when it is called and when it calls.
    pub certificate_file: PathBuf,
    /// Its private key, as PEM. Must not be open to everybody on the machine.
    pub key_file: PathBuf,
    /// The certificates of the authorities that sign for the services of this deployment, as PEM.
    pub authorities_file: PathBuf,
}

/// What a public listener shows to users and administrators. The files are read again when they change.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublicTlsSettings {
    /// The certificate with the public DNS names, then those of intermediate authorities, as PEM.
    pub certificate_file: PathBuf,
    /// Its private key, as PEM. Must not be open to everybody on the machine.
    pub key_file: PathBuf,
}

/// How a listener is protected.
#[derive(Clone, Debug)]
pub enum ServerTls {
    /// For users: they check our certificate and show none. HTTP/2 and HTTP/1.1.
    Public {
        /// Made by [`Credentials::public`].
        credentials: Arc<Credentials>,
    },
    /// For the other services: both sides show a certificate. HTTP/2 only.
    Peers {
        /// Made by [`Credentials::peer`].
        credentials: Arc<Credentials>,
        /// Whose certificates are whose.
        callers: Callers,
    },
}

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The clock of the process, by which certificates are judged.
struct Time(Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        // A clock before 1970 judges nothing: the handshake fails.
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// A setting that is not right.
fn wrong(setting: &str, key: &str, description: impl Into<String>) -> Error {
    Error::invalid(format!("{setting}.{key}"), description)
}
