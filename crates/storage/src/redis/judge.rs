//! What is to be thought of what a server says about itself. Pure.

use super::address::Address;
use super::finding::Finding;
use super::info::Info;
use super::server::{Allowed, Server};

/// What a server is to be.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// A node of a cluster.
    pub(super) cluster: bool,
    /// Servers that the operator allows beside those that are known.
    pub(super) allowed: Vec<Allowed<'static>>,
}

/// Why the server must not be used, if there is a reason.
pub(super) fn refusals(info: &Info, at: &Address, expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut refuse = |what: String, mend: &str| found.push(Finding::refused(at, what, mend));
    match Server::of(info) {
        None => refuse("does not say what it is".to_owned(), "use Redis 7, or Valkey 7.2 or 8"),
        Some(server) if !server.is_allowed(&expected.allowed) => refuse(
            format!("is {server}, of which nobody knows whether it keeps to what single use needs"),
            "use Redis 7, or Valkey 7.2 or 8; who has tried it can allow it by `redis.allow`",
        ),
        Some(_) => {}
    }
    if info.get("redis_mode") == Some("sentinel") {
        refuse("is a Sentinel".to_owned(), "name it under `redis.sentinel.urls`");
        return found;
    }
    match (expected.cluster, info.is_set("cluster_enabled")) {
        (false, true) => refuse(
            "is a node of a cluster".to_owned(),
            "name some of the cluster's nodes under `redis.cluster.urls`",
        ),
        (true, false) => {
            refuse(
                "is not a node of a cluster".to_owned(),
                "name it as `redis.url`, or enable its cluster mode",
            );
        }
        _ => {}
    }
    if info.is_set("loading") || info.is_set("async_loading") {
        refuse("is still loading its data".to_owned(), "wait until it has");
    }
    match info.get("role") {
        Some("master") => {}
        Some(role) => refuse(
            format!("is not a primary (role {role})"),
            "name the primary; where it moves by itself, let Sentinel or Cluster tell where it is",
        ),
        None => refuse("does not say whether it is a primary".to_owned(), "use Redis 7, or Valkey 7.2 or 8"),
    }
    if info.replication_id().is_none() {
        refuse(
            "does not say which replication history it is on (master_replid)".to_owned(),
            "nothing can be fenced without; use Redis 7, or Valkey 7.2 or 8",
        );
    }
    match info.get("maxmemory_policy") {
        Some("noeviction") => {}
        policy => refuse(
            format!(
                "may throw live tokens away when it is full (maxmemory-policy {})",
                policy.unwrap_or("unknown")
            ),
            "CONFIG SET maxmemory-policy noeviction, and in redis.conf; give it a server of its own if others rely on \
             eviction",
        ),
    }
    found
}

/// The share of its memory above which a server is as good as full, in percent.
const NEARLY_FULL: u64 = 80;

/// What could be better.
pub(super) fn advice(info: &Info, at: &Address) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut advise = |what: String, mend: &str| found.push(Finding::advice(at, what, mend));
    if let (Some(most @ 1..), Some(used)) = (info.number("maxmemory"), info.number("used_memory")) {
        let percent = used.saturating_mul(100) / most;
        if percent >= NEARLY_FULL {
            advise(
                format!("is {percent} % full"),
                "raise maxmemory; when it is full, no token is issued or spent",
            );
        }
    } else if info.number("maxmemory") == Some(0) {
        advise(
            "has no limit to its memory (maxmemory 0)".to_owned(),
            "set maxmemory below what the machine can give, so that it refuses instead of being killed",
        );
    }
    if info.number("aof_enabled") == Some(0) {
        advise(
            "keeps nothing over a restart (appendonly no)".to_owned(),
            "right for tokens alone, which a restart ends in any case; where the witness is kept here too, set appendonly \
             yes and appendfsync always",
        );
    }
    let replicas = info.number("connected_slaves").unwrap_or(0);
    if replicas == 0 && !info.is_set("repl_backlog_active") {
        advise(
            "has no replica; when its first one comes it begins another replication history, and every live token is \
             refused"
                .to_owned(),
            "attach replicas before the service is used",
        );
    }
    if replicas > 0 && info.get("min_slaves_good_slaves").is_none() {
        advise(
            "goes on when it cannot reach its replicas (min-replicas-to-write 0)".to_owned(),
            "set min-replicas-to-write 1, so that what is issued in a partition does not die with it",
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "redis_version:7.0.15\nredis_mode:standalone\nloading:0\nasync_loading:0\nrole:master\n\
        connected_slaves:0\nmaster_replid:3d70025265b2fde173df15f2785a12cf53b1e8eb\nrepl_backlog_active:1\n\
        maxmemory:1000\nused_memory:10\nmaxmemory_policy:noeviction\naof_enabled:1\ncluster_enabled:0\n";

    fn address() -> Address {
        Address { host: "store".to_owned(), port: 6379, tls: false }
    }

    fn refused(text: &str, cluster: bool) -> Vec<String> {
        let expected = Expected { cluster, allowed: Vec::new() };
        refusals(&Info::parse(text), &address(), &expected).into_iter().map(|finding| finding.what).collect()
    }

    fn advised(text: &str) -> Vec<String> {
        advice(&Info::parse(text), &address()).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_good_server_is_left_alone() {
        assert_eq!(refused(GOOD, false), Vec::<String>::new());
        assert_eq!(
            refused(&GOOD.replace("cluster_enabled:0", "cluster_enabled:1"), true),
            Vec::<String>::new()
        );
        assert_eq!(advised(GOOD), Vec::<String>::new());
    }

    #[test]
    fn everything_that_makes_it_unfit_is_named() {
        for (old, new, what) in [
            ("redis_version:7.0.15", "redis_version:6.2.14", "redis/6.2"),
            ("redis_version:7.0.15", "redis_version:7.4.0\ndragonfly_version:df-v1.0", "dragonfly/1.0"),
            ("redis_version:7.0.15", "", "does not say what it is"),
            ("redis_mode:standalone", "redis_mode:sentinel", "is a Sentinel"),
            ("cluster_enabled:0", "cluster_enabled:1", "is a node of a cluster"),
            ("loading:0", "loading:1", "loading"),
            ("role:master", "role:slave", "role slave"),
            ("role:master", "", "whether it is a primary"),
            ("master_replid:3d7", "master_replid:zzz", "master_replid"),
            ("master_replid:3d70025265b2fde173df15f2785a12cf53b1e8eb", "", "master_replid"),
            ("maxmemory_policy:noeviction", "maxmemory_policy:allkeys-lru", "allkeys-lru"),
            ("maxmemory_policy:noeviction", "", "unknown"),
        ] {
            let found = refused(&GOOD.replacen(old, new, 1), false);
            assert!(found.iter().any(|found| found.contains(what)), "{new}: {found:?}");
        }
        assert!(refused(GOOD, true)[0].contains("not a node of a cluster"));
    }

    #[test]
    fn what_could_be_better_is_advice() {
        for (old, new, what) in [
            ("used_memory:10\n", "used_memory:900\n", "90 % full"),
            ("maxmemory:1000\n", "maxmemory:0\n", "maxmemory 0"),
            ("aof_enabled:1", "aof_enabled:0", "appendonly"),
            ("repl_backlog_active:1", "repl_backlog_active:0", "has no replica"),
            ("connected_slaves:0", "connected_slaves:1", "min-replicas-to-write"),
        ] {
            let found = advised(&GOOD.replacen(old, new, 1));
            assert!(found.len() == 1 && found[0].contains(what), "{new}: {found:?}");
        }
    }
}
