//! One run: the same three kinds of call with 1, 16 and 64 in flight, and what they took.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kernel::EnvironmentId;
use proto::policy::Preset;
use proto::types::{Action, TokenBehavior};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::cluster::Cluster;
use crate::echo::WITH_REDIS;
use crate::measure::{Run, closed_loop, during};
use crate::people::{Person, Ticket, enrolled, tokens};
use crate::primitives::{Alone, Stored, Stores, alone};
use crate::support::admin::{Admin, settings};
use crate::usage::{Memory, cpu, cpu_of_tree, memory, own_cpu};

/// How many are in flight.
pub(crate) const LEVELS: [usize; 3] = [1, 16, 64];

/// The services that an authorization goes through.
pub(crate) const ON_THE_WAY: [&str; 3] = ["token-issuer", "mfa-devices", "policy"];

/// How long a baseline is measured at a time.
const BASELINE: Duration = Duration::from_millis(1500);

/// How long the series with tokens that are good for many operations is.
const TIME_BOUND: Duration = Duration::from_secs(3);

/// How many keys are asked for their size.
const SAMPLE: usize = 200;

/// A moment in which the processes come to rest.
const REST: Duration = Duration::from_secs(2);

/// CPU time for one call, by who takes it.
pub(crate) type Cpu = BTreeMap<&'static str, Duration>;

/// What was measured with so many in flight.
pub(crate) struct Level {
    pub(crate) in_flight: usize,
    pub(crate) bare: Run,
    pub(crate) with_redis: Run,
    pub(crate) single_use: Run,
    pub(crate) time_bound: Run,
    /// Of an authorization with a single-use token.
    pub(crate) cpu: Cpu,
    /// Of a bare call, at its two ends.
    pub(crate) hop_client: Duration,
    pub(crate) hop_server: Duration,
    pub(crate) stored: Stored,
}

/// What a live token takes in Redis, in bytes.
pub(crate) struct TokenSize {
    /// By the server's own word on the key of a user with one token.
    pub(crate) key: f64,
    /// By what the server has grown, a token, when each user has one.
    pub(crate) one: f64,
    /// The same for a user's second.
    pub(crate) second: f64,
    pub(crate) users: usize,
}

/// Everything that was measured.
pub(crate) struct Found {
    pub(crate) levels: Vec<Level>,
    pub(crate) alone: Alone,
    pub(crate) ready: BTreeMap<&'static str, Duration>,
    pub(crate) idle: BTreeMap<&'static str, Memory>,
    pub(crate) loaded: BTreeMap<&'static str, Memory>,
    pub(crate) token: TokenSize,
}

/// Starts everything, measures, and ends everything.
pub(crate) async fn measure(operations: &[usize]) -> Found {
    assert_eq!(operations.len(), LEVELS.len(), "one number for each of {LEVELS:?}");
    let cluster = Cluster::start().await;
    let ready = cluster.services.iter().map(|(name, service)| (*name, service.ready)).collect();
    tokio::time::sleep(REST).await;
    let idle = resident(&cluster);

    let front = cluster.suite.connect().await;
    let place = Admin::owner(&cluster.suite).await.environment(&cluster.suite, Preset::Strict).await;
    place
        .change(&["action_settings"], |environment| {
            let signing = settings(environment, Action::WalletSign);
            signing.token_behavior = TokenBehavior::TimeBound.into();
            signing.token_expiry_seconds = 3600;
        })
        .await;
    let mut lasting = enrolled(&cluster.suite, &front, place.id, 16).await;
    let lasting = tokens(&mut lasting).await;
    let stores = Stores::open(&cluster).await;

    let mut levels = Vec::new();
    let (mut loaded, mut token, mut primitives) = (BTreeMap::new(), None, None);
    for (in_flight, count) in LEVELS.into_iter().zip(operations) {
        eprintln!("{in_flight} in flight: {count} tokens");
        let (tickets, size) = stock(&cluster, &front, *count).await;
        token = Some(size);
        tokio::time::sleep(REST).await;
        if primitives.is_none() {
            let (ticket, to) = (lasting[0].clone(), cluster.to_issuer(1).remove(0));
            let receipt = ticket.authorize(to).await;
            primitives = Some(alone(&cluster, &ticket, &receipt));
        }
        let level = level(&cluster, &stores, in_flight, tickets, &lasting).await;
        for (name, memory) in resident(&cluster) {
            let most: &mut Memory = loaded.entry(name).or_default();
            if memory.all > most.all {
                *most = memory;
            }
        }
        levels.push(level);
    }
    Found { levels, alone: primitives.expect("a level"), ready, idle, loaded, token: token.expect("a level") }
}

fn resident(cluster: &Cluster) -> BTreeMap<&'static str, Memory> {
    cluster.services.iter().map(|(name, service)| (*name, memory(service.pid()))).collect()
}

/// So many tokens, two a user, and what they took in Redis.
async fn stock(cluster: &Cluster, front: &Channel, count: usize) -> (Vec<Ticket>, TokenSize) {
    let environment: EnvironmentId = cluster.suite.environment();
    let users = count.div_ceil(2);
    let mut people: Vec<Person> = enrolled(&cluster.suite, front, environment, users).await;
    let (before, known) = (used(cluster).await, keys(cluster).await);
    let mut tickets = tokens(&mut people).await;
    let one = used(cluster).await;
    let new: Vec<_> = keys(cluster).await.into_iter().filter(|key| !known.contains(key)).collect();
    let mut sampled = Vec::new();
    for key in new.iter().take(SAMPLE) {
        let size = cluster.redis.raw(&[b"MEMORY", b"USAGE", key, b"SAMPLES", b"0"]).await.integer();
        sampled.push(size.expect("a size") as f64);
    }
    tickets.extend(tokens(&mut people).await);
    let second = used(cluster).await;
    tickets.truncate(count);
    let each = |more: f64| more / users as f64;
    let size = TokenSize {
        key: sampled.iter().sum::<f64>() / sampled.len() as f64,
        one: each(one - before),
        second: each(second - one),
        users,
    };
    (tickets, size)
}

/// What Redis has allocated, at rest.
async fn used(cluster: &Cluster) -> f64 {
    tokio::time::sleep(REST / 4).await;
    cluster.redis.info("memory", "used_memory").await.unwrap().parse().unwrap()
}

/// The keys that tokens are under.
async fn keys(cluster: &Cluster) -> std::collections::BTreeSet<Vec<u8>> {
    let testkit::Reply::Array(keys) = cluster.redis.command(&["KEYS", "countersign:tokens:*"]).await else {
        panic!("no list of keys")
    };
    keys.iter().filter_map(testkit::Reply::octets).map(<[u8]>::to_vec).collect()
}

async fn level(
    cluster: &Cluster,
    stores: &Stores,
    in_flight: usize,
    tickets: Vec<Ticket>,
    lasting: &[Ticket],
) -> Level {
    let connections = in_flight.min(2);
    let (echo, issuer) = (cluster.to_echo(connections), cluster.to_issuer(connections));
    // Connections are made by the first call.
    for channel in &echo {
        check(channel.clone(), "").await;
    }
    let stored = stores.measure(in_flight, &lasting[0]).await;
    let time_bound = authorize_again_and_again(in_flight, &issuer, lasting).await;

    let [mut bare, mut with_redis] = [None, None];
    let (mut client, mut server) = (Duration::ZERO, Duration::ZERO);
    let mut single_use = None;
    // Before and after, so that whatever else the machine does weighs on all of them.
    for round in 0..2 {
        let (own, other) = (own_cpu(), cpu(cluster.echo_pid()));
        add(&mut bare, baseline(in_flight, &echo, "").await);
        client += own_cpu() - own;
        server += cpu(cluster.echo_pid()) - other;
        add(&mut with_redis, baseline(in_flight, &echo, WITH_REDIS).await);
        if round == 0 {
            single_use = Some(authorize(cluster, in_flight, &issuer, tickets.clone()).await);
        }
    }
    let (bare, with_redis): (Run, Run) = (bare.expect("two rounds"), with_redis.expect("two rounds"));
    let (single_use, cpu) = single_use.expect("two rounds");
    let calls = bare.calls() as f64;
    Level {
        in_flight,
        hop_client: client.div_f64(calls),
        hop_server: server.div_f64(calls),
        bare,
        with_redis,
        single_use,
        time_bound,
        cpu,
        stored,
    }
}

fn add(sum: &mut Option<Run>, run: Run) {
    match sum {
        Some(sum) => sum.add(&run),
        None => *sum = Some(run),
    }
}

async fn check(channel: Channel, service: &'static str) {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel).check(request).await.unwrap();
}

async fn baseline(in_flight: usize, channels: &[Channel], service: &'static str) -> Run {
    let channels: Arc<[Channel]> = channels.into();
    closed_loop(in_flight, during(BASELINE), move |caller, ()| {
        check(channels[caller % channels.len()].clone(), service)
    })
    .await
}

/// Authorizes with tokens that are good for many operations.
async fn authorize_again_and_again(in_flight: usize, channels: &[Channel], tickets: &[Ticket]) -> Run {
    let (channels, tickets): (Arc<[Channel]>, Arc<[Ticket]>) = (channels.into(), tickets.into());
    closed_loop(in_flight, during(TIME_BOUND), move |caller, ()| {
        let (channel, tickets) = (channels[caller % channels.len()].clone(), tickets.clone());
        async move { drop(tickets[caller % tickets.len()].authorize(channel).await) }
    })
    .await
}

/// Spends the tokens, and says what each operation took of whom.
async fn authorize(
    cluster: &Cluster,
    in_flight: usize,
    channels: &[Channel],
    tickets: Vec<Ticket>,
) -> (Run, Cpu) {
    let channels: Arc<[Channel]> = channels.into();
    let before = used_cpu(cluster).await;
    let run = closed_loop(in_flight, tickets.into_iter(), move |caller, ticket: Ticket| {
        let channel = channels[caller % channels.len()].clone();
        async move { drop(ticket.authorize(channel).await) }
    })
    .await;
    let after = used_cpu(cluster).await;
    let calls = run.calls() as f64;
    let each = after.into_iter().map(|(name, time)| (name, (time - before[name]).div_f64(calls)));
    let each = each.collect();
    (run, each)
}

async fn used_cpu(cluster: &Cluster) -> Cpu {
    let mut all: Cpu = ON_THE_WAY.into_iter().map(|name| (name, cpu(cluster.services[name].pid()))).collect();
    all.insert("Postgres", cpu_of_tree(cluster.postgres_pid()));
    all.insert("Redis", cpu(cluster.redis_pid().await));
    all.insert("client", own_cpu());
    all
}
