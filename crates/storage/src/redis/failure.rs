//! What a failed call means: whether it was carried out, and whether it may be tried again.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use kernel::Error;

/// How to let a user do what our scripts and the probe do.
pub(super) const RULES: &str = "give the user these rules: ACL SETUSER NAME on >PASSWORD resetkeys ~PREFIX:* -@all +info \
                                +eval +evalsha +get +set +pttl (with Cluster also +cluster|slots +asking)";

/// A call without an answer that counts.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not carried out; another try is safe.
    NotDone(String),
    /// Whether it was carried out is not known.
    Unknown(String),
    /// It was not carried out, and another try would go the same way.
    Refused(Error),
    /// It was not carried out, because another node of the cluster has the slot.
    Elsewhere(Redirect),
    /// It was not carried out, because the server does not know the script yet.
    ScriptMissing,
}

/// Where a node of a cluster sends its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    /// The host; empty for that of the node that says so.
    pub(super) host: String,
    pub(super) port: u16,
    /// For this one call only, because the slot is on its way.
    pub(super) once: bool,
}

/// The failure, and whether the connection is to be made anew because of it.
pub(super) fn classify(error: &RedisError) -> (Failure, bool) {
    let what = error.to_string();
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::NoScript) => return (Failure::ScriptMissing, false),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            let once = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
            return match redirect(error, once) {
                Some(redirect) => (Failure::Elsewhere(redirect), false),
                None => (Failure::NotDone(what), true),
            };
        }
        _ => {}
    }
    match error.code() {
        // The server is not what it was when it was probed.
        Some("NOTPRIMARY" | "READONLY" | "MASTERDOWN" | "LOADING") => (Failure::NotDone(what), true),
        Some("TRYAGAIN" | "CLUSTERDOWN") => (Failure::NotDone(what), false),
        // It takes no writes now, or is busy with a script that does not end.
        Some("OOM" | "MISCONF" | "NOREPLICAS" | "BUSY") => {
            (Failure::Refused(Error::store_unavailable(what)), false)
        }
        // Its access list is not what it was when it was probed: probing anew tells the operator.
        Some(_) if is_forbidden(error) => {
            (Failure::Refused(Error::store_unavailable(format!("{what}; {RULES}"))), true)
        }
        Some(_) => (Failure::Refused(Error::internal(what)), false),
        None => (Failure::Unknown(what), true),
    }
}

/// Whether the user may not do it, by itself or from within a script.
pub(super) fn is_forbidden(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "NOAUTH" | "WRONGPASS"))
        || error.detail().is_some_and(|detail| {
            // Redis 7.0 and later, from within a script.
            detail.contains("can't run this command") || detail.contains("ACL failure in script")
        })
}

fn redirect(error: &RedisError, once: bool) -> Option<Redirect> {
    let (address, _) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Redirect { host, port: port.parse().ok()?, once })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Reason;

    fn said(line: &str) -> (Failure, bool) {
        let error = ::redis::parse_redis_value(format!("-{line}\r\n").as_bytes())
            .unwrap()
            .extract_error()
            .unwrap_err();
        classify(&error)
    }

    #[test]
    fn what_the_server_refused_was_not_done() {
        for (line, reconnect) in [
            ("NOTPRIMARY this server is not a primary", true),
            ("READONLY You can't write against a read only replica.", true),
            ("LOADING Redis is loading the dataset in memory", true),
            ("MASTERDOWN Link with MASTER is down", true),
            ("TRYAGAIN Multiple keys request during rehashing of slot", false),
            ("CLUSTERDOWN Hash slot not served", false),
            ("MOVED 3999 nonsense", true),
        ] {
            let (failure, again) = said(line);
            assert!(matches!(failure, Failure::NotDone(_)), "{line}: {failure:?}");
            assert_eq!(again, reconnect, "{line}");
        }
    }

    #[test]
    fn what_would_go_the_same_way_is_refused() {
        for (line, reason, reconnect) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", Reason::StoreUnavailable, false),
            ("MISCONF Redis is configured to save RDB snapshots", Reason::StoreUnavailable, false),
            ("NOREPLICAS Not enough good replicas to write.", Reason::StoreUnavailable, false),
            ("BUSY Redis is busy running a script.", Reason::StoreUnavailable, false),
            ("NOPERM this user has no permissions", Reason::StoreUnavailable, true),
            (
                "ERR The user executing the script can't run this command or subcommand script: 4f, on @user_script:2.",
                Reason::StoreUnavailable,
                true,
            ),
            ("WRONGTYPE Operation against a key", Reason::Internal, false),
            ("ERR user_script:9: attempt to index a nil value", Reason::Internal, false),
            ("CROSSSLOT Keys in request don't hash to the same slot", Reason::Internal, false),
        ] {
            let (failure, again) = said(line);
            let Failure::Refused(error) = failure else { panic!("{line}: {failure:?}") };
            assert_eq!((error.reason(), again), (reason, reconnect), "{line}");
            assert!(!error.message().contains("script"), "{error}");
        }
    }

    #[test]
    fn another_node_is_named() {
        for (line, host, port, once) in [
            ("MOVED 3999 127.0.0.1:6381", "127.0.0.1", 6381, false),
            ("ASK 3999 store.internal:7000", "store.internal", 7000, true),
            ("MOVED 3999 :6381", "", 6381, false),
            ("MOVED 3999 [::1]:6381", "::1", 6381, false),
        ] {
            let (Failure::Elsewhere(redirect), false) = said(line) else { panic!("{line}") };
            assert_eq!(redirect, Redirect { host: host.to_owned(), port, once });
        }
        assert!(matches!(said("NOSCRIPT No matching script."), (Failure::ScriptMissing, false)));
    }

    #[test]
    fn what_broke_on_the_way_is_not_known() {
        for error in [
            RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)),
            RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
            RedisError::from((ErrorKind::Parse, "no RESP")),
        ] {
            assert!(matches!(classify(&error), (Failure::Unknown(_), true)), "{error}");
        }
    }
}
