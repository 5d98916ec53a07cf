//! The one way to Redis.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kernel::{Error, Reason, Result};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::call::{Again, Answer, Call, Script};
use super::cluster::Cluster;
use super::dial::Dialer;
use super::failure::Failure;
use super::finding::Finding;
use super::judge::Expected;
use super::lane::{Source, Target, late};
use super::link::Link;
use super::node::Node;
use super::probe::{self, unfit};
use super::sentinel::Sentinels;
use super::settings::{Place, RedisSettings};
use super::slot::slot;

static READY: LazyLock<Script> = LazyLock::new(|| Script::writing(include_str!("lua/ready.lua")));

/// How often a call whose answer was lost is sent again.
const MOST_LOST: u32 = 2;

/// How often a call that was not carried out is tried again.
const MOST_UNDONE: u32 = 3;

/// How often a call follows the nodes of a cluster from one to the next.
const MOST_REDIRECTS: u32 = 5;

/// The pause before a call that was not carried out is tried again; the second is twice as long.
const PAUSE: Duration = Duration::from_millis(30);

/// A Redis: one server, a primary watched by Sentinels, or a cluster. A clone is the same one. Connections end when the
/// last clone is dropped.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    route: Route,
    key_prefix: String,
    call_timeout: Duration,
    in_flight: Semaphore,
}

enum Route {
    Node(Node),
    Cluster(Box<Cluster>),
}

impl Redis {
    /// Connects, and probes every primary: see the module.
    ///
    /// Refused with `INVALID_REQUEST` naming the setting, or with `STORE_UNAVAILABLE` and a message for the operator that
    /// says what is wrong with which server and how to mend it.
    pub async fn connect(settings: &RedisSettings) -> Result<Self> {
        settings.check(false)?;
        let route = match settings.place()? {
            Place::Cluster(seeds) => {
                let cluster = Cluster::new(
                    Dialer::new(settings, &seeds),
                    expected(settings, true)?,
                    settings.connections,
                    seeds,
                );
                for (node, _) in cluster.primaries().await.map_err(|finding| finding.to_operator())? {
                    node.opened().await.map_err(|finding| finding.to_operator())?;
                }
                Route::Cluster(Box::new(cluster))
            }
            place => {
                let source = source(settings, place)?;
                let node = Node::open(Arc::new(source), settings.connections);
                node.opened().await.map_err(|finding| finding.to_operator())?;
                Route::Node(node)
            }
        };
        let shared = Shared {
            route,
            key_prefix: settings.key_prefix.clone(),
            call_timeout: settings.call_timeout(),
            in_flight: Semaphore::new(
                usize::try_from(settings.max_in_flight).unwrap_or(Semaphore::MAX_PERMITS),
            ),
        };
        let redis = Self { shared: Arc::new(shared) };
        redis.check().await.map_err(|error| {
            let why = error.internal_cause().map_or_else(|| error.to_string(), ToString::to_string);
            Error::new(Reason::StoreUnavailable, format!("Redis cannot be used: {why}"))
        })?;
        Ok(redis)
    }

    /// Everything there is to say about the servers of these settings, for an operator: the worst of each first. Empty
    /// when all is well.
    pub async fn probe(settings: &RedisSettings) -> Result<Vec<Finding>> {
        settings.check(false)?;
        let place = settings.place()?;
        let dialer = Dialer::new(settings, place.addresses());
        let (addresses, expected) = match place {
            Place::Cluster(seeds) => {
                let expected = expected(settings, true)?;
                let cluster = Cluster::new(dialer.clone(), expected.clone(), 1, seeds);
                (cluster.addresses().await, expected)
            }
            place => {
                let source = source(settings, place)?;
                (source.address().await.map(|address| vec![address]), source.expected)
            }
        };
        let addresses = match addresses {
            Ok(addresses) => addresses,
            Err(finding) => return Ok(vec![finding]),
        };
        let mut findings = Vec::new();
        for address in addresses {
            findings.extend(examine(&dialer, &address, &expected).await);
        }
        // What our scripts are allowed to do is found out by running one, which only a server that is fit lets us do.
        if !unfit(&findings)
            && let Err(error) = Self::connect(settings).await
        {
            findings
                .insert(0, Finding::refused("this deployment", "is not usable", error.message().to_owned()));
        }
        Ok(findings)
    }

    /// Whether every primary takes what scripts write. Refused with `STORE_UNAVAILABLE`.
    pub async fn check(&self) -> Result<()> {
        match &self.shared.route {
            Route::Node(_) => self.run(&self.ready("any")).await.map(drop),
            Route::Cluster(cluster) => {
                let primaries =
                    timeout(self.shared.call_timeout, cluster.primaries()).await.map_err(|_| self.late())?;
                for (_, tag) in primaries.map_err(|finding| finding.to_caller())? {
                    self.run(&self.ready(&tag)).await?;
                }
                Ok(())
            }
        }
    }

    /// A key of this deployment: the prefix, what the key is for, and whatever else makes it one of its kind. Keys that
    /// one script uses together share what stands in braces.
    pub fn key(&self, kind: &str, rest: impl AsRef<[u8]>) -> Vec<u8> {
        let mut key = format!("{}:{kind}:", self.shared.key_prefix).into_bytes();
        key.extend_from_slice(rest.as_ref());
        key
    }

    /// Runs a script as one atomic step.
    ///
    /// Refused with `TOKEN_STORE_CHANGED` when it found a record of another replication history, and with
    /// `STORE_UNAVAILABLE` when there is no answer in time; then it may have been carried out all the same.
    pub async fn run(&self, call: &Call<'_>) -> Result<Answer> {
        match timeout(self.shared.call_timeout, self.attempts(call)).await {
            Ok(result) => result?.unfenced(),
            Err(_) => Err(self.late()),
        }
    }

    async fn attempts(&self, call: &Call<'_>) -> Result<Answer> {
        let _permit = self.shared.in_flight.acquire().await.map_err(Error::internal)?;
        let slot = slot_of(call)?;
        let (mut lost, mut undone, mut redirects) = (0, 0, 0);
        let mut pin = String::new();
        let mut sent_on = None;
        loop {
            let (link, asking) = match sent_on.take() {
                Some(next) => next,
                None => (self.link(slot).await?, false),
            };
            let failure = match link.send(call, &pin, asking).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match failure {
                Failure::Refused(error) => return Err(error),
                Failure::NotDone(_) if undone < MOST_UNDONE => {
                    undone += 1;
                    sleep(PAUSE * undone).await;
                    self.look_around(&link).await;
                }
                Failure::Unknown(_) if lost < MOST_LOST && call.again != Again::Never => {
                    lost += 1;
                    // The first that was lost is the one that counts: only it may have been carried out.
                    if call.again == Again::SameHistory && pin.is_empty() {
                        pin.clone_from(&link.epoch);
                    }
                }
                Failure::Elsewhere(redirect) if redirects < MOST_REDIRECTS => {
                    redirects += 1;
                    if let Route::Cluster(cluster) = &self.shared.route {
                        let next = cluster.follow(&link.address, slot, &redirect).await;
                        sent_on = Some((next.map_err(|finding| finding.to_caller())?, redirect.once));
                    } else {
                        return Err(Error::store_unavailable(format!(
                            "{} is a node of a cluster",
                            link.address
                        )));
                    }
                }
                Failure::NotDone(what) | Failure::Unknown(what) => {
                    return Err(Error::store_unavailable(format!("Redis at {}: {what}", link.address)));
                }
                Failure::Elsewhere(_) | Failure::ScriptMissing => {
                    return Err(Error::store_unavailable(format!(
                        "Redis at {} sends us around",
                        link.address
                    )));
                }
            }
        }
    }

    async fn link(&self, slot: u16) -> Result<Arc<Link>> {
        let link = match &self.shared.route {
            Route::Node(node) => node.link().await,
            Route::Cluster(cluster) => cluster.link(slot).await,
        };
        link.map_err(|finding| finding.to_caller())
    }

    /// Asks the cluster anew, when one of its nodes did not want a call. Whether that helps, the next try tells.
    async fn look_around(&self, refused_by: &Link) {
        if let Route::Cluster(cluster) = &self.shared.route
            && let Err(finding) = cluster.ask(cluster.version()).await
        {
            tracing::debug!(%finding, server = %refused_by.address, "Redis: the cluster does not say who owns what");
        }
    }

    /// The call that finds out whether the owner of a hash tag's slot takes what scripts write.
    fn ready(&self, tag: &str) -> Call<'static> {
        Call::new(&READY).key(self.key("ready", format!("{{{tag}}}"))).again(Again::Anywhere)
    }

    fn late(&self) -> Error {
        Error::store_unavailable(format!("Redis: no answer within {:?}", self.shared.call_timeout))
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("key_prefix", &self.shared.key_prefix).finish_non_exhaustive()
    }
}

/// The one slot that the keys of a call are in; any for a call without keys.
fn slot_of(call: &Call<'_>) -> Result<u16> {
    let slots: BTreeSet<_> = call.keys.iter().map(|key| slot(key)).collect();
    match (slots.len(), slots.first()) {
        (0, _) => Ok(0),
        (1, Some(slot)) => Ok(*slot),
        _ => Err(Error::internal("the keys of a script are in several hash slots")),
    }
}

fn expected(settings: &RedisSettings, cluster: bool) -> Result<Expected> {
    Ok(Expected { cluster, allowed: settings.allowed()? })
}

fn source(settings: &RedisSettings, place: Place) -> Result<Source> {
    let dialer = Dialer::new(settings, place.addresses());
    let target = match place {
        Place::Server(address) => Target::Fixed(address),
        Place::Sentinel { sentinels, master } => {
            let own = settings.sentinel.clone().unwrap_or_default();
            let to_sentinels = dialer.clone().with_login(own.username, own.password_file);
            Target::Watched(Box::new(Sentinels::new(to_sentinels, sentinels, master)))
        }
        Place::Cluster(_) => return Err(Error::internal("a cluster is no single primary")),
    };
    Ok(Source { dialer, target, expected: expected(settings, false)? })
}

async fn examine(dialer: &Dialer, address: &Address, expected: &Expected) -> Vec<Finding> {
    let examined = async {
        match dialer.dial(address).await {
            Ok(mut wire) => probe::examine(&mut wire.connection, address, expected).await,
            Err(finding) => vec![finding],
        }
    };
    timeout(dialer.timeout, examined).await.unwrap_or_else(|_| vec![late(address)])
}
