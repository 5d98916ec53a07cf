//! Where a server listens.

use std::fmt;

use kernel::{Error, Result};
use url::Url;

use crate::is_this_machine;

/// A host and port, and whether TLS is spoken there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Address {
    /// From `redis://host:port`, or `rediss://host:port` for TLS.
    pub(super) fn parse(setting: &'static str, text: &str, default_port: u16) -> Result<Self> {
        let refused = |why: &str| Error::invalid(setting, why);
        // The URL itself may hold a password: it is in no message.
        let url = Url::parse(text)
            .map_err(|_| refused("must be redis://host:port, or rediss://host:port for TLS"))?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(refused("must begin with redis://, or rediss:// for TLS")),
        };
        if url.password().is_some() || !url.username().is_empty() {
            return Err(refused(
                "must hold neither a user nor a password; set `username`, and `password_file` to a file with the \
                 password",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("takes no parameters; each has a setting of its own"));
        }
        if !matches!(url.path(), "" | "/" | "/0") {
            return Err(refused("must not name a database number; use `key_prefix` to share a server"));
        }
        let host = match url.host_str() {
            Some(host) if !host.is_empty() => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            _ => return Err(refused("must name a host: redis://host:port")),
        };
        let port = url.port().unwrap_or(default_port);
        if port == 0 {
            return Err(refused("port 0 is not a port"));
        }
        Ok(Self { host, port, tls })
    }

    /// From `host:port` as another server says it, which leaves the host out where it is that server's own.
    pub(super) fn told_by(asked: &Self, host: &str, port: u16) -> Self {
        let host = if host.is_empty() || host == "?" { asked.host.clone() } else { host.to_owned() };
        Self { host, port, tls: asked.tls }
    }

    /// Whether it is reached without leaving this machine.
    pub(super) fn is_this_machine(&self) -> bool {
        is_this_machine(&self.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address> {
        Address::parse("redis.url", text, 6379)
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, shown, tls) in [
            ("redis://store.internal", "store.internal:6379", false),
            ("redis://store.internal:7000/", "store.internal:7000", false),
            ("rediss://10.0.0.7:6380/0", "10.0.0.7:6380", true),
            ("redis://[::1]:6379", "[::1]:6379", false),
        ] {
            let address = parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), address.tls), (shown, tls), "{text}");
        }
        assert!(parse("redis://127.0.0.1").unwrap().is_this_machine());
        assert!(parse("redis://[::1]").unwrap().is_this_machine());
        assert!(!parse("redis://10.0.0.7").unwrap().is_this_machine());
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for bad in [
            "",
            "store:6379",
            "http://store",
            "redis://",
            "redis://store:0",
            "redis://store/3",
            "redis://store?db=1",
            "redis://:hunter2@store",
            "redis://hunter2@store",
            "unix:///run/redis.sock",
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.message().starts_with("redis.url: "), "{error}");
            assert!(!error.message().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_server_that_leaves_its_host_out_means_its_own() {
        let asked = parse("rediss://store:7000").unwrap();
        assert_eq!(Address::told_by(&asked, "", 7001).to_string(), "store:7001");
        assert_eq!(Address::told_by(&asked, "other", 7001).to_string(), "other:7001");
        assert!(Address::told_by(&asked, "other", 7001).tls);
    }
}
