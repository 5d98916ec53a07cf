//! The URL of a database, taken apart.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kernel::{Error, Result};
use url::Url;

use crate::is_this_machine;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Server),
}

/// A database of a Postgres server, and who uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// A name or address, without brackets; or the folder of a Unix socket.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) database: String,
}

impl Location {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // The URL itself may hold a password: it is in no message.
        let url = Url::parse(text).map_err(|_| {
            refused("must be postgres://user@host:port/database or sqlite:///absolute/path/file.sqlite")
        })?;
        if url.password().is_some() {
            return Err(refused(
                "must not hold a password; put it into a file and name that as password_file",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("takes no parameters; each has a setting of its own"));
        }
        match url.scheme() {
            "sqlite" => sqlite(&url),
            "postgres" | "postgresql" => postgres(&url).map(Self::Postgres),
            _ => Err(refused("must begin with postgres:// or sqlite://")),
        }
    }
}

impl Server {
    /// Whether it is reached without leaving this machine.
    pub(super) fn is_this_machine(&self) -> bool {
        self.is_socket() || is_this_machine(&self.host)
    }

    /// Whether it is reached by a Unix socket.
    pub(super) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

/// Host and port, for messages.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres at {}:{}", self.host, self.port)
    }
}

fn sqlite(url: &Url) -> Result<Location> {
    let path = decoded(url.path())?;
    let path = Path::new(&path);
    if url.has_host() && url.host_str().is_some_and(|host| !host.is_empty())
        || !path.is_absolute()
        || path.file_name().is_none()
    {
        return Err(refused("must name an absolute path: sqlite:///absolute/path/file.sqlite"));
    }
    Ok(Location::Sqlite(path.to_owned()))
}

fn postgres(url: &Url) -> Result<Server> {
    let host = match url.host_str() {
        Some(host) if !host.is_empty() => decoded(host.trim_start_matches('[').trim_end_matches(']'))?,
        _ => return Err(refused("must name a host: postgres://user@host:port/database")),
    };
    let user = decoded(url.username())?;
    if user.is_empty() {
        return Err(refused("must name a user: postgres://user@host:port/database"));
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    if database.is_empty() || database.contains('/') {
        return Err(refused("must name one database: postgres://user@host:port/database"));
    }
    let port = url.port().unwrap_or(5432);
    if port == 0 {
        return Err(refused("port 0 is not a port"));
    }
    Ok(Server { host, port, user, database })
}

/// The URL of a file.
pub(super) fn sqlite_url(file: &Path) -> String {
    let mut url = String::from("sqlite://");
    for &octet in file.as_os_str().as_bytes() {
        match octet {
            b'/' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(octet)),
            _ if octet.is_ascii_alphanumeric() => url.push(char::from(octet)),
            _ => url.push_str(&format!("%{octet:02X}")),
        }
    }
    url
}

/// Undoes percent encoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> Result<String> {
    let wrong = || refused("is not percent-encoded UTF-8");
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(wrong);
        let value = digit()? * 16 + digit()?;
        octets.push(u8::try_from(value).map_err(|_| wrong())?);
    }
    let text = String::from_utf8(octets).map_err(|_| wrong())?;
    if text.contains('\0') { Err(wrong()) } else { Ok(text) }
}

fn refused(why: &'static str) -> Error {
    Error::invalid("database.url", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_server_is_decoded() {
        let server = |host: &str, port, user: &str, database: &str| {
            Location::Postgres(Server {
                host: host.to_owned(),
                port,
                user: user.to_owned(),
                database: database.to_owned(),
            })
        };
        for (url, expected) in [
            ("postgres://me@db.example/policy", server("db.example", 5432, "me", "policy")),
            ("postgresql://me@[::1]:6000/policy", server("::1", 6000, "me", "policy")),
            (
                "postgres://a%40b@%2Fvar%2Frun%2Fpostgresql:5433/p%20q",
                server("/var/run/postgresql", 5433, "a@b", "p q"),
            ),
        ] {
            assert_eq!(Location::parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn a_file_is_decoded() {
        let parsed = Location::parse("sqlite:///var/lib/a%20b.sqlite").unwrap();
        assert_eq!(parsed, Location::Sqlite(PathBuf::from("/var/lib/a b.sqlite")));
    }

    #[test]
    fn any_path_survives_the_way_into_a_url_and_back() {
        for path in ["/var/lib/policy.sqlite", "/a b/100%/c?d#e/ü.sqlite", "/%41", "/a//b"] {
            let parsed = Location::parse(&sqlite_url(Path::new(path))).unwrap();
            assert_eq!(parsed, Location::Sqlite(PathBuf::from(path)));
        }
    }

    #[test]
    fn broken_percent_encoding_is_refused() {
        for url in ["sqlite:///a%zz", "sqlite:///a%2", "postgres://u@h/%ff", "postgres://u@h/%00"] {
            assert!(Location::parse(url).is_err(), "{url}");
        }
    }
}
