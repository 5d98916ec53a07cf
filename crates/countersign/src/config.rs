//! The configuration of `countersign dev`.

use std::net::SocketAddr;
use std::path::Path;

use kernel::{Error, Result};
use runtime::telemetry::TelemetryConfig;
use serde::{Deserialize, Serialize};

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DevConfig {
    /// Where users and administrators connect: a loopback address. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Logs and telemetry.
    pub(crate) log: TelemetryConfig,
}

impl Default for DevConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 50051)), log: TelemetryConfig::default() }
    }
}

impl DevConfig {
    /// Reads and checks it.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let config: Self = runtime::config::load(file)?;
        config.check()?;
        Ok(config)
    }

    /// What the types do not say.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.listen.ip().is_loopback() {
            return Err(Error::invalid(
                "listen",
                format!(
                    "{} is not a loopback address; dev mode has throw-away keys and serves nobody else",
                    self.listen
                ),
            ));
        }
        self.log.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_mode_listens_on_loopback_only() {
        assert!(DevConfig::default().check().is_ok());
        for listen in ["0.0.0.0:50051", "192.0.2.1:50051", "[::]:50051"] {
            let config = DevConfig { listen: listen.parse().unwrap(), ..DevConfig::default() };
            assert!(config.check().is_err(), "{listen}");
        }
    }
}
