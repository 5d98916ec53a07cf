//! What one fault strikes: Redis servers of its own, a network to them that can fail, and two crews on it, one with our
//! store and one with the control. The same fault strikes both at the same moment.

use std::sync::Arc;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, cmd};
use testkit::{RedisCluster, RedisSentinels, RedisServer, Reply};

use super::proxy::Proxy;
use super::store::{self, Place, Subject};
use super::traffic::crew::{CLIENTS, Crew};
use super::traffic::ledger::Ledger;
use super::traffic::{STOCK, Traffic};
use crate::faults::dice::Dice;
use crate::faults::stopwatch::until;

/// How long a server may take for what its operator asks for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a world is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One server, configured like this.
    Alone(&'static [(&'static str, &'static str)]),
    /// A primary and its replica, which hears of it through a network of its own. Clients go by an address that an
    /// operator can move.
    Pair,
    /// The same under Sentinels, which clients ask for the primary.
    Sentinels,
    /// A cluster of three primaries, and a replica of one.
    Cluster,
}

/// The servers of one fault and who uses them.
pub(crate) struct World {
    pub(crate) primary: RedisServer,
    replica: Option<RedisServer>,
    sentinels: Option<RedisSentinels>,
    /// The primaries of a cluster that the fault leaves alone.
    _others: Vec<RedisServer>,
    /// Between replica and primary.
    link: Option<Proxy>,
    /// Between each client and the server.
    pub(crate) fronts: Vec<Proxy>,
    pub(crate) ours: Arc<Crew>,
    pub(crate) control: Arc<Crew>,
}

impl World {
    /// Starts servers and clients.
    pub(crate) async fn start(layout: Layout, dice: &Dice) -> Result<Self, String> {
        let (primary, others) = match layout {
            Layout::Alone(options) => (server(options).await, Vec::new()),
            Layout::Pair | Layout::Sentinels => (server(&[]).await, Vec::new()),
            Layout::Cluster => {
                let mut nodes = RedisCluster::start(ON_FILE).await.nodes;
                (nodes.remove(0), nodes)
            }
        };
        let (mut replica, mut link, mut sentinels) = (None, None, None);
        if matches!(layout, Layout::Pair | Layout::Sentinels) {
            let (follower, network) = (server(&[]).await, Proxy::start(primary.port()).await);
            follow(&follower, network.port()).await;
            follower.in_step_with(&primary).await;
            (replica, link) = (Some(follower), Some(network));
        }
        if layout == Layout::Sentinels {
            // In time they find that the replica goes by another address and correct it; no fault takes that long.
            sentinels = Some(RedisSentinels::watch(&primary, 1).await);
        }
        if layout == Layout::Cluster {
            replica = Some(replica_in_cluster(&primary, &others).await?);
        }
        let mut fronts = Vec::new();
        for _ in 0..CLIENTS {
            fronts.push(Proxy::start(primary.port()).await);
        }
        let places: Vec<_> = match &sentinels {
            Some(sentinels) => vec![Place::Sentinels(sentinels.urls(), sentinels.name()); CLIENTS],
            // Those that stay find out about the rest.
            None if layout == Layout::Cluster => {
                vec![Place::Cluster(others.iter().map(RedisServer::url).collect()); CLIENTS]
            }
            None => fronts.iter().map(|front| Place::Server(front.port())).collect(),
        };
        let (mut fenced, mut naive) = (Vec::new(), Vec::new());
        for place in &places {
            fenced.push(store::open(Subject::Fenced, place).await?);
            naive.push(store::open(Subject::Naive, place).await?);
        }
        let ours = Crew::new(fenced, Some(Ledger::new(dice.fork()).await), dice.fork());
        let control = Crew::new(naive, None, dice.fork());
        Ok(Self { primary, replica, sentinels, _others: others, link, fronts, ours, control })
    }

    /// Puts a stock of tokens on file, with the replica as well.
    pub(crate) async fn stock_up(&self) {
        for crew in [&self.ours, &self.control] {
            Traffic::prepare(crew).await;
        }
        if let Some(replica) = &self.replica {
            replica.in_step_with(&self.primary).await;
        }
    }

    /// The replica; only in a layout that has one.
    pub(crate) fn replica(&mut self) -> &mut RedisServer {
        self.replica.as_mut().expect("a layout with a replica")
    }

    /// The network between replica and primary; only in a layout that has one.
    pub(crate) fn link(&self) -> &Proxy {
        self.link.as_ref().expect("a layout with a link")
    }

    /// Waits until the Sentinels have made the replica the primary.
    pub(crate) async fn failed_over(&self) {
        let sentinels = self.sentinels.as_ref().expect("a layout with Sentinels");
        sentinels.failed_over_from(self.primary.port()).await;
    }

    /// Waits until there is one primary, where Sentinels see to that: an old one that lives has to be told.
    pub(crate) async fn settled(&self) -> Result<(), String> {
        if self.sentinels.is_none() {
            return Ok(());
        }
        until("the end of the old primary", PATIENCE, async || {
            let role = self.primary.info("replication", "role").await;
            role.is_none_or(|role| role == "slave").then_some(())
        })
        .await
    }

    /// Moves the address by which clients go to the replica, for the clients of these numbers.
    pub(crate) fn lead_to_replica(&mut self, clients: impl IntoIterator<Item = usize>) {
        let port = self.replica().port();
        for client in clients {
            self.fronts[client].lead_to(port);
        }
    }

    /// Waits until the crews have used up everything that they have in stock now, however long that takes them.
    pub(crate) async fn stock_used_up(&self) -> Result<(), String> {
        for crew in [&self.ours, &self.control] {
            let used_up = crew.used() + STOCK;
            until("a stock of tokens to be used up", PATIENCE, async || {
                (crew.used() >= used_up).then_some(())
            })
            .await?;
        }
        Ok(())
    }

    /// Says to both crews that something is about to be broken.
    pub(crate) fn expect_trouble(&self) {
        self.ours.expect_trouble();
        self.control.expect_trouble();
    }
}

/// A replica that is synchronised without a file hears of nothing new for up to a second.
const ON_FILE: &[(&str, &str)] = &[("repl-diskless-sync", "no")];

async fn server(options: &[(&str, &str)]) -> RedisServer {
    let mut all = vec![("enable-debug-command", "local")];
    all.extend_from_slice(ON_FILE);
    all.extend_from_slice(options);
    RedisServer::start(&all).await
}

/// Brings a replica of a cluster's primary into the cluster, in step with it.
async fn replica_in_cluster(primary: &RedisServer, others: &[RedisServer]) -> Result<RedisServer, String> {
    let bus = testkit::free_port().to_string();
    let mut options = vec![
        ("cluster-enabled", "yes"),
        ("cluster-port", bus.as_str()),
        ("cluster-node-timeout", "1000"),
        // It is promoted by the fault, not by itself.
        ("cluster-replica-no-failover", "yes"),
    ];
    options.extend_from_slice(ON_FILE);
    let replica = RedisServer::start(&options).await;
    let port = replica.port().to_string();
    primary.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await.expect_ok();
    let id = primary.command(&["CLUSTER", "MYID"]).await.text().unwrap_or_default();
    until("a replica in the cluster", PATIENCE, async || {
        let reply = replica.command(&["CLUSTER", "REPLICATE", &id]).await;
        (!matches!(reply, Reply::Error(_))).then_some(())
    })
    .await?;
    replica.in_step_with(primary).await;
    for node in others.iter().chain([primary]) {
        until("a cluster that knows its replica", PATIENCE, async || {
            let nodes = node.command(&["CLUSTER", "REPLICAS", &id]).await;
            matches!(nodes, Reply::Array(lines) if lines.len() == 1).then_some(())
        })
        .await?;
    }
    Ok(replica)
}

/// Makes a server a replica of whatever answers on a port.
pub(crate) async fn follow(server: &RedisServer, port: u16) {
    server.command(&["REPLICAOF", "127.0.0.1", &port.to_string()]).await.expect_ok();
}

/// Sends a promotion to a server that may be stopped: it is the first thing that it finds when it goes on.
pub(crate) async fn promote_when_it_goes_on(
    port: u16,
    command: &'static [&'static str],
) -> Result<(), String> {
    let limits = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let sent = async {
        let client = Client::open(("127.0.0.1", port))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&limits).await?;
        cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await
    };
    sent.await.map_err(|error: redis::RedisError| format!("the promotion failed: {error}"))
}

/// Waits until a line of `INFO replication` says this.
pub(crate) async fn says(server: &RedisServer, field: &str, value: &str) -> Result<(), String> {
    until(&format!("{field}:{value}"), PATIENCE, async || {
        (server.info("replication", field).await.as_deref() == Some(value)).then_some(())
    })
    .await
}

/// A record outside its server.
pub(crate) struct Copied {
    key: Vec<u8>,
    /// In milliseconds; 0 for one without an end.
    life: i64,
    content: Vec<u8>,
}

/// A copy of every record of a server.
pub(crate) async fn copy(server: &RedisServer) -> Vec<Copied> {
    let Reply::Array(keys) = server.command(&["KEYS", "*"]).await else { return Vec::new() };
    let mut copies = Vec::with_capacity(keys.len());
    for key in keys.iter().filter_map(Reply::octets) {
        let life = server.raw(&[b"PTTL", key]).await.integer().unwrap_or_default();
        // A record may have gone since it was listed.
        if let Some(content) = server.raw(&[b"DUMP", key]).await.octets() {
            copies.push(Copied { key: key.to_vec(), life: life.max(0), content: content.to_vec() });
        }
    }
    copies
}

/// Puts copies in the place of what is there now.
pub(crate) async fn put_back(server: &RedisServer, copies: &[Copied]) {
    for Copied { key, life, content } in copies {
        let life = life.to_string();
        server.raw(&[b"RESTORE", key, life.as_bytes(), content, b"REPLACE"]).await.expect_ok();
    }
}
