//! What an operator says about Redis.

use std::path::PathBuf;
use std::time::Duration;

use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::server::Allowed;

/// Where Redis is, and how long it is waited for. Exactly one of `url`, `sentinel` and `cluster` is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// One server, always the primary: `redis://host:port`, or `rediss://host:port` for TLS. Without user, password,
    /// database number and parameters.
    pub url: Option<String>,
    /// A primary that Sentinels watch.
    pub sentinel: Option<SentinelSettings>,
    /// A Redis Cluster.
    pub cluster: Option<ClusterSettings>,
    /// The user of the server's access list. Left out for the default user.
    pub username: Option<String>,
    /// A file with the password of the user, and nothing else. It must not be open to others (`chmod 600`). Read for
    /// each new connection. Left out where the server asks for none.
    pub password_file: Option<PathBuf>,
    /// How connections with `rediss://` are protected.
    pub tls: RedisTls,
    /// What every key begins with: 1 to 64 letters, digits, `-`, `_`, `.` and `:`. Deployments that share a server have
    /// one each.
    pub key_prefix: String,
    /// How many connections are kept to each primary, 1 to 16. More than two gain nothing.
    pub connections: u32,
    /// How long a connection may take until it is open, authenticated and probed, in milliseconds, 100 to 60000.
    pub connect_timeout_ms: u64,
    /// How long an answer may take, in milliseconds, 50 to 60000.
    pub response_timeout_ms: u64,
    /// How long one use of the store may take altogether, with its connection and its repetitions, in milliseconds, 100
    /// to 60000.
    pub call_timeout_ms: u64,
    /// How many uses may be under way at once, 1 to 65536; more wait their turn.
    pub max_in_flight: u32,
    /// Servers that are used although nobody has tested that they keep to what the fence needs, as `name/version`, such
    /// as `redis/8` or `valkey/9.0`. A wrong entry can let one token pay twice until the nodes refuse it.
    pub allow: Vec<String>,
}

/// A primary that Sentinels watch.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SentinelSettings {
    /// The Sentinels, each as `redis://host:port` (port 26379 when left out), or all as `rediss://host:port`; then the
    /// primary is reached by TLS as well.
    pub urls: Vec<String>,
    /// The name under which they watch the primary (`sentinel monitor NAME …`).
    pub master: String,
    /// The user of the Sentinels' own access list. Left out for the default user.
    pub username: Option<String>,
    /// A file with the password for the Sentinels, as for `password_file` of the server. Left out where they ask for
    /// none.
    pub password_file: Option<PathBuf>,
}

/// A Redis Cluster.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterSettings {
    /// Some of its nodes, each as `redis://host:port`, or all as `rediss://host:port`; they tell of the others.
    pub urls: Vec<String>,
}

/// How a connection with `rediss://` is protected. The server's certificate has to be valid for the host of its URL.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedisTls {
    /// A PEM file with the authorities that may vouch for the server, in place of the public ones of the web. Left out
    /// where a public one does.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with this client's certificate and the chain to its authority. Left out where the server asks for
    /// none (`tls-auth-clients no`).
    pub certificate_file: Option<PathBuf>,
    /// A PEM file with the private key of `certificate_file`.
    pub key_file: Option<PathBuf>,
}

/// Where Redis is, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Server(Address),
    Sentinel { sentinels: Vec<Address>, master: String },
    Cluster(Vec<Address>),
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: None,
            sentinel: None,
            cluster: None,
            username: None,
            password_file: None,
            tls: RedisTls::default(),
            key_prefix: "countersign".to_owned(),
            connections: 2,
            connect_timeout_ms: 2000,
            response_timeout_ms: 1000,
            call_timeout_ms: 4000,
            max_in_flight: 1024,
            allow: Vec::new(),
        }
    }
}

impl RedisSettings {
    /// Refuses what cannot work, naming the setting; in `production` also plaintext to another machine. Looks at no
    /// file and at no server.
    pub fn check(&self, production: bool) -> Result<()> {
        let place = self.place()?;
        self.allowed()?;
        for (name, value, least, most) in [
            ("redis.connections", u64::from(self.connections), 1, 16),
            ("redis.connect_timeout_ms", self.connect_timeout_ms, 100, 60_000),
            ("redis.response_timeout_ms", self.response_timeout_ms, 50, 60_000),
            ("redis.call_timeout_ms", self.call_timeout_ms, 100, 60_000),
            ("redis.max_in_flight", u64::from(self.max_in_flight), 1, 65_536),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::invalid(name, format!("must be {least} to {most}, not {value}")));
            }
        }
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if self.key_prefix.is_empty() || self.key_prefix.len() > 64 || !self.key_prefix.chars().all(good) {
            return Err(Error::invalid(
                "redis.key_prefix",
                "must be 1 to 64 letters, digits, `-`, `_`, `.` and `:`",
            ));
        }
        if self.username.is_some() && self.password_file.is_none() {
            return Err(Error::invalid("redis.password_file", "has to be set where `username` is"));
        }
        if self.sentinel.as_ref().is_some_and(|own| own.username.is_some() && own.password_file.is_none()) {
            return Err(Error::invalid("redis.sentinel.password_file", "has to be set where `username` is"));
        }
        self.check_tls(&place, production)
    }

    fn check_tls(&self, place: &Place, production: bool) -> Result<()> {
        let addresses = place.addresses();
        let tls = addresses.iter().filter(|address| address.tls).count();
        if tls != 0 && tls != addresses.len() {
            return Err(Error::invalid(place.setting(), "must be all redis:// or all rediss://"));
        }
        let files = &self.tls;
        if tls == 0 {
            for (name, file) in [
                ("redis.tls.ca_file", &files.ca_file),
                ("redis.tls.certificate_file", &files.certificate_file),
                ("redis.tls.key_file", &files.key_file),
            ] {
                if file.is_some() {
                    return Err(Error::invalid(name, "is of no use with redis://; write rediss:// for TLS"));
                }
            }
            if production && let Some(far) = addresses.iter().find(|address| !address.is_this_machine()) {
                return Err(Error::invalid(
                    place.setting(),
                    format!(
                        "in production the connection to {far} has to be TLS; write rediss:// (plaintext only to a \
                         loopback address)"
                    ),
                ));
            }
        }
        if files.certificate_file.is_some() != files.key_file.is_some() {
            return Err(Error::invalid(
                "redis.tls.key_file",
                "and `certificate_file` are set together or not at all",
            ));
        }
        Ok(())
    }

    pub(super) fn place(&self) -> Result<Place> {
        let place = match (&self.url, &self.sentinel, &self.cluster) {
            (Some(url), None, None) => Place::Server(Address::parse("redis.url", url, 6379)?),
            (None, Some(sentinel), None) => {
                if sentinel.master.is_empty() || sentinel.master.contains(char::is_whitespace) {
                    return Err(Error::invalid(
                        "redis.sentinel.master",
                        "must be the name under which the Sentinels watch the primary",
                    ));
                }
                let sentinels = addresses("redis.sentinel.urls", &sentinel.urls, 26_379)?;
                Place::Sentinel { sentinels, master: sentinel.master.clone() }
            }
            (None, None, Some(cluster)) => {
                Place::Cluster(addresses("redis.cluster.urls", &cluster.urls, 6379)?)
            }
            _ => return Err(Error::invalid("redis", "needs exactly one of `url`, `sentinel` and `cluster`")),
        };
        Ok(place)
    }

    pub(super) fn allowed(&self) -> Result<Vec<Allowed<'static>>> {
        self.allow.iter().map(|text| Allowed::parse(text)).collect()
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }
}

impl Place {
    pub(super) fn addresses(&self) -> &[Address] {
        match self {
            Self::Server(address) => std::slice::from_ref(address),
            Self::Sentinel { sentinels, .. } => sentinels,
            Self::Cluster(nodes) => nodes,
        }
    }

    fn setting(&self) -> &'static str {
        match self {
            Self::Server(_) => "redis.url",
            Self::Sentinel { .. } => "redis.sentinel.urls",
            Self::Cluster(_) => "redis.cluster.urls",
        }
    }
}

fn addresses(setting: &'static str, urls: &[String], default_port: u16) -> Result<Vec<Address>> {
    if urls.is_empty() {
        return Err(Error::invalid(setting, "must name at least one server"));
    }
    urls.iter().map(|url| Address::parse(setting, url, default_port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> RedisSettings {
        RedisSettings { url: Some(url.to_owned()), ..RedisSettings::default() }
    }

    fn sentinel(urls: &[&str], master: &str) -> RedisSettings {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        let sentinel = SentinelSettings { urls, master: master.to_owned(), ..SentinelSettings::default() };
        RedisSettings { sentinel: Some(sentinel), ..RedisSettings::default() }
    }

    fn refused(settings: &RedisSettings, production: bool) -> String {
        settings.check(production).unwrap_err().violations()[0].field.clone()
    }

    #[test]
    fn one_place_is_named() {
        assert!(at("redis://store").check(false).is_ok());
        assert!(sentinel(&["redis://one", "redis://two:26380"], "tokens").check(false).is_ok());
        assert_eq!(refused(&RedisSettings::default(), false), "redis");
        let both =
            RedisSettings { url: Some("redis://store".to_owned()), ..sentinel(&["redis://one"], "tokens") };
        assert_eq!(refused(&both, false), "redis");
        assert_eq!(refused(&sentinel(&[], "tokens"), false), "redis.sentinel.urls");
        assert_eq!(refused(&sentinel(&["redis://one"], ""), false), "redis.sentinel.master");
        let cluster = RedisSettings { cluster: Some(ClusterSettings::default()), ..RedisSettings::default() };
        assert_eq!(refused(&cluster, false), "redis.cluster.urls");
    }

    #[test]
    fn production_wants_tls_to_other_machines() {
        assert_eq!(refused(&at("redis://store"), true), "redis.url");
        assert!(at("rediss://store").check(true).is_ok());
        assert!(at("redis://127.0.0.1:6379").check(true).is_ok());
        assert_eq!(refused(&sentinel(&["rediss://one", "redis://two"], "m"), true), "redis.sentinel.urls");
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let file = || Some(PathBuf::from("/file"));
        let tls = |tls| RedisSettings { tls, ..at("rediss://store") };
        for (settings, setting) in [
            (RedisSettings { username: Some("me".to_owned()), ..at("redis://store") }, "redis.password_file"),
            (RedisSettings { key_prefix: "a b".to_owned(), ..at("redis://store") }, "redis.key_prefix"),
            (RedisSettings { key_prefix: "a{b}".to_owned(), ..at("redis://store") }, "redis.key_prefix"),
            (RedisSettings { connections: 0, ..at("redis://store") }, "redis.connections"),
            (RedisSettings { max_in_flight: 0, ..at("redis://store") }, "redis.max_in_flight"),
            (RedisSettings { response_timeout_ms: 1, ..at("redis://store") }, "redis.response_timeout_ms"),
            (RedisSettings { allow: vec!["keydb".to_owned()], ..at("redis://store") }, "redis.allow"),
            (
                RedisSettings {
                    tls: RedisTls { ca_file: file(), ..RedisTls::default() },
                    ..at("redis://store")
                },
                "redis.tls.ca_file",
            ),
            (tls(RedisTls { key_file: file(), ..RedisTls::default() }), "redis.tls.key_file"),
        ] {
            assert_eq!(refused(&settings, false), setting);
        }
    }
}
