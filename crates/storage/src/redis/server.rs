//! Which server this is, as far as it can be told, and which are known to keep to what the fence needs.

use std::borrow::Cow;
use std::fmt;

use kernel::{Error, Result};

use super::info::Info;

/// Servers and versions on which the fence was tried, or which share the code that it was tried on.
const KNOWN: [Allowed<'static>; 3] = [
    Allowed { name: Cow::Borrowed("redis"), major: 7, minor: None },
    // Forked from Redis 7.2.4.
    Allowed { name: Cow::Borrowed("valkey"), major: 7, minor: Some(2) },
    Allowed { name: Cow::Borrowed("valkey"), major: 8, minor: None },
];

/// Fields of `INFO` that end in `_version` in Redis and Valkey themselves. Any other server that speaks the protocol says
/// which Redis it is like, and its own version beside that.
const OWN_VERSIONS: [&str; 3] = ["redis_version", "valkey_version", "gcc_version"];

/// What a server says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Server {
    /// From a plain `INFO`; `None` when it does not say.
    pub(super) fn of(info: &Info) -> Option<Self> {
        let (name, version) = match foreign(info) {
            Some(name) => {
                let version = info.get(&format!("{name}_version")).or_else(|| info.get("redis_version"))?;
                (name, version)
            }
            None if info.get("server_name") == Some("valkey") => {
                ("valkey".to_owned(), info.get("valkey_version")?)
            }
            None => ("redis".to_owned(), info.get("redis_version")?),
        };
        let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(Self { name, major, minor })
    }

    /// Whether it is known, or the operator allows it.
    pub(super) fn is_allowed(&self, also: &[Allowed<'_>]) -> bool {
        KNOWN.iter().chain(also).any(|allowed| allowed.covers(self))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}", self.name, self.major, self.minor)
    }
}

/// The name of a server that is neither Redis nor Valkey, by what it cannot help saying.
fn foreign(info: &Info) -> Option<String> {
    let mut names: Vec<_> = info
        .names()
        .filter(|name| !OWN_VERSIONS.contains(name))
        .filter_map(|name| name.strip_suffix("_version"))
        .collect();
    names.sort_unstable();
    if let Some(name) = names.first() {
        return Some((*name).to_owned());
    }
    if let Some(name) = info.get("server_name").filter(|name| !matches!(*name, "redis" | "valkey")) {
        return Some(name.to_owned());
    }
    let executable = info.get("executable").unwrap_or_default();
    if info.get("mvcc_depth").is_some() || executable.contains("keydb") {
        return Some("keydb".to_owned());
    }
    // A build of its own, run as a service; what it does at a failover is not Redis's own doing.
    info.get("os").filter(|os| os.starts_with("Amazon")).map(|_| "amazon".to_owned())
}

/// A server and version that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed<'a> {
    name: Cow<'a, str>,
    major: u32,
    /// None for every one.
    minor: Option<u32>,
}

impl Allowed<'static> {
    /// From `name/major` or `name/major.minor`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::invalid("redis.allow", format!("`{text}` must be a name and version, such as `redis/8`"))
        };
        let (name, version) = text.split_once('/').ok_or_else(refused)?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_')) {
            return Err(refused());
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| refused());
        let (major, minor) = match version.split_once('.') {
            Some((major, minor)) => (number(major)?, Some(number(minor)?)),
            None => (number(version)?, None),
        };
        Ok(Self { name: name.to_owned().into(), major, minor })
    }
}

impl Allowed<'_> {
    fn covers(&self, server: &Server) -> bool {
        self.name == server.name
            && self.major == server.major
            && self.minor.is_none_or(|minor| minor == server.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Option<String> {
        Server::of(&Info::parse(text)).map(|server| server.to_string())
    }

    fn allowed(text: &str, also: &[&str]) -> bool {
        let also: Vec<_> = also.iter().map(|text| Allowed::parse(text).unwrap()).collect();
        Server::of(&Info::parse(text)).unwrap().is_allowed(&also)
    }

    const REDIS: &str = "redis_version:7.0.15\ngcc_version:12.2.0\nexecutable:/usr/bin/redis-server\n";
    const VALKEY: &str =
        "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.0.1\ngcc_version:12.2.0\n";
    const DRAGONFLY: &str = "redis_version:7.4.0\ndragonfly_version:df-v1.23.1\nredis_mode:standalone\n";
    const KEYDB: &str = "redis_version:6.3.4\nexecutable:/usr/bin/keydb-server\nmvcc_depth:0\n";
    const ENTERPRISE: &str = "redis_version:7.2.4\nrlec_version:7.4.2-54\n";
    const AMAZON: &str = "redis_version:7.1.0\nos:Amazon ElastiCache\n";

    #[test]
    fn servers_are_told_apart_by_what_they_cannot_help_saying() {
        for (text, name) in [
            (REDIS, "redis/7.0"),
            (VALKEY, "valkey/8.0"),
            (DRAGONFLY, "dragonfly/1.23"),
            (KEYDB, "keydb/6.3"),
            (ENTERPRISE, "rlec/7.4"),
            (AMAZON, "amazon/7.1"),
            ("redis_version:7.2.0\nserver_name:novelty\n", "novelty/7.2"),
        ] {
            assert_eq!(server(text).as_deref(), Some(name));
        }
        assert_eq!(server("redis_mode:standalone\n"), None);
        assert_eq!(server("redis_version:unstable\n"), None);
    }

    #[test]
    fn what_is_not_known_is_not_used_unless_the_operator_says_so() {
        assert!(allowed(REDIS, &[]) && allowed(VALKEY, &[]));
        for other in [DRAGONFLY, KEYDB, ENTERPRISE, AMAZON, "redis_version:6.2.14\n", "redis_version:8.0.1\n"]
        {
            assert!(!allowed(other, &[]), "{other}");
        }
        assert!(allowed("redis_version:8.0.1\n", &["redis/8"]));
        assert!(allowed(DRAGONFLY, &["valkey/9", "dragonfly/1.23"]));
        assert!(!allowed(DRAGONFLY, &["dragonfly/1.22", "redis/7"]));
    }

    #[test]
    fn an_entry_is_a_name_and_a_version() {
        for bad in ["", "redis", "redis/", "/7", "Redis/7", "redis/seven", "redis/7.x", "redis/7.0.1"] {
            assert!(Allowed::parse(bad).is_err(), "{bad}");
        }
    }
}
