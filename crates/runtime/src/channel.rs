//! Channels to other services, over mutual TLS.
//!
//! A channel has one connection (HTTP/2, many calls at once). It connects when it is first used and again when the
//! connection is lost. Each time the name is looked up again, its addresses are tried in turn, beginning with another
//! one, and the newest certificate is shown. So a dead address holds nobody up for long, and as servers close
//! connections after some minutes ([`crate::limits::MAX_CONNECTION_AGE`]), callers spread over servers that were added.

mod backoff;
mod connector;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};
use url::{Host, Url};

use crate::tls::Credentials;
use connector::{Connector, Tls};

/// How long a connection may be silent before it is tested.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the other end may take to answer that.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Where another service is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelSettings {
    /// The service's peer listener, such as `https://policy.countersign.svc:7443`. All addresses of the name are used.
    pub url: String,
    /// The DNS name that the service's certificate must have. Unset: the host in `url`.
    pub server_name: Option<String>,
    /// How long connecting may take, all addresses together, in milliseconds (100 to 30000).
    pub connect_timeout_ms: u64,
    /// How many calls may be under way to this service (1 to 65536); more wait.
    pub max_in_flight: u32,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self { url: String::new(), server_name: None, connect_timeout_ms: 2000, max_in_flight: 1024 }
    }
}

/// The parts of an address that are used.
struct Target {
    host: String,
    port: u16,
}

impl ChannelSettings {
    /// Checks the settings. `setting` is the name of their table in the configuration, for messages.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the setting.
    pub fn check(&self, setting: &str) -> Result<()> {
        let target = self.target(setting)?;
        self.server_name(setting, &target)?;
        if !(100..=30_000).contains(&self.connect_timeout_ms) {
            return Err(wrong(setting, "connect_timeout_ms", "must be 100 to 30000"));
        }
        if !(1..=65_536).contains(&self.max_in_flight) {
            return Err(wrong(setting, "max_in_flight", "must be 1 to 65536"));
        }
        Ok(())
    }

    fn target(&self, setting: &str) -> Result<Target> {
        let unfit = |why: &str| wrong(setting, "url", why);
        if self.url.is_empty() {
            return Err(unfit("is not set; it is an address such as https://policy.countersign.svc:7443"));
        }
        let url = Url::parse(&self.url).map_err(|error| unfit(&format!("is no address: {error}")))?;
        match url.scheme() {
            "https" => {}
            "http" => return Err(unfit("is plaintext; services call each other over TLS only: https://")),
            _ => return Err(unfit("must begin with https://")),
        }
        let more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        if more || !url.username().is_empty() || url.password().is_some() {
            return Err(unfit("has more than a host and a port"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(unfit("has no host")),
        };
        let port = url.port_or_known_default().ok_or_else(|| unfit("has no port"))?;
        Ok(Target { host, port })
    }

    fn server_name(&self, setting: &str, target: &Target) -> Result<rustls_pki_types::ServerName<'static>> {
        let name = self.server_name.clone().unwrap_or_else(|| target.host.clone());
        let key = if self.server_name.is_some() { "server_name" } else { "url" };
        name.try_into().map_err(|_| wrong(setting, key, "has a host that no certificate can be for"))
    }
}

/// A channel to the service at `settings`. Nothing is looked up or connected before the first call. `setting` is the
/// name of the table in the configuration, for messages.
///
/// A call that cannot be carried fails at once with `UNAVAILABLE`, which is safe to repeat; after a failure to connect
/// the next try is made some 50 milliseconds later, then up to a second later.
///
/// # Errors
/// `INVALID_REQUEST` naming the setting: as [`ChannelSettings::check`].
pub fn connect(setting: &str, settings: &ChannelSettings, credentials: Arc<Credentials>) -> Result<Channel> {
    settings.check(setting)?;
    let target = settings.target(setting)?;
    let tls = Tls { credentials, server_name: settings.server_name(setting, &target)? };
    let endpoint = Endpoint::from_shared(settings.url.clone())
        .map_err(|error| wrong(setting, "url", format!("is no address: {error}")))?
        .concurrency_limit(usize::try_from(settings.max_in_flight).unwrap_or(usize::MAX))
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        // A connection that died in its sleep would cost the next call its deadline.
        .keep_alive_while_idle(true);
    let timeout = Duration::from_millis(settings.connect_timeout_ms);
    let connector = Arc::new(Connector::new(target.host, target.port, tls, timeout));
    let service = tower::service_fn(move |_: http::Uri| {
        let connector = connector.clone();
        async move { connector.connect().await }
    });
    Ok(endpoint.connect_with_connector_lazy(service))
}

fn wrong(setting: &str, key: &str, description: impl Into<String>) -> Error {
    Error::invalid(format!("{setting}.{key}"), description)
}
