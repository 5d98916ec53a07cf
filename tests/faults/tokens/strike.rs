//! The faults themselves. Each strikes in the middle of traffic, and ends with servers that could serve everybody again.

use std::time::Duration;

use tokio::time::sleep;

use super::fault::Fault;
use super::proxy::Way;
use super::traffic::crew::CLIENTS;
use super::world::{PATIENCE, World, copy, follow, promote_when_it_goes_on, put_back, says};
use crate::faults::dice::Dice;
use crate::faults::stopwatch::{Stopwatch, until};

/// Strikes. When this returns, nothing is broken any more, but for what mends itself. Says since when everybody could be
/// served again, by those who are to mend it: the operator here, or Sentinels, whose time counts.
pub(crate) async fn strike(fault: Fault, world: &mut World, dice: &Dice) -> Result<Stopwatch, String> {
    match fault {
        Fault::SentinelKilled => return sentinel_killed(world, dice).await,
        Fault::SentinelStalled => return sentinel_stalled(world, dice).await,
        Fault::PromoteLagging => promote_lagging(world, dice).await,
        Fault::PromoteCurrent => promote_current(world, dice).await,
        Fault::Switchover => switchover(world, dice).await,
        Fault::ClusterKilled => cluster_killed(world, dice).await,
        Fault::SplitBrain => split_brain(world, dice).await,
        Fault::RestartAof => restart_aof(world, dice).await,
        Fault::RestartRdb => restart_rdb(world, dice).await,
        Fault::Stall => stall(world, dice).await,
        Fault::Cut => cut(world, dice).await,
        Fault::BlackHole => unheard(world, dice, Way::Silent, Way::Silent).await,
        Fault::AnswersLost => unheard(world, dice, Way::Open, Way::Silent).await,
        Fault::Slow => slow(world, dice).await,
        Fault::ReplicationBroken => replication_broken(world, dice).await,
        Fault::BacklogExpired => backlog_expired(world, dice).await,
        Fault::WritableReplica => writable_replica(world, dice).await,
        Fault::CopiedRecord => copied_record(world, dice).await,
        Fault::RestoredSnapshot => restored_snapshot(world, dice).await,
    }?;
    Ok(Stopwatch::start())
}

/// A key of the first third of a cluster's hash slots (`CLUSTER KEYSLOT`: 952).
const BALLAST: &str = "ballast1";

/// As long as the stock of tokens takes to be used up, and more.
async fn stock_used_up(world: &World, dice: &Dice) -> Result<(), String> {
    sleep(dice.millis(300..500)).await;
    world.stock_used_up().await
}

/// An outage that clients notice.
async fn outage(dice: &Dice) {
    sleep(dice.millis(100..1200)).await;
}

/// Some of the clients, at least one.
fn some_clients(dice: &Dice) -> Vec<usize> {
    let count = 1 + dice.below(CLIENTS);
    let first = dice.below(CLIENTS);
    (0..count).map(|step| (first + step) % CLIENTS).collect()
}

async fn promote_lagging(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.link().set(Way::Open, Way::Silent);
    let stopped = dice.one_in(2);
    if stopped {
        world.replica().pause();
    }
    stock_used_up(world, dice).await?;
    world.expect_trouble();
    world.primary.kill();
    if dice.one_in(2) {
        outage(dice).await;
    }
    let promotion =
        tokio::spawn(promote_when_it_goes_on(world.replica().port(), &["REPLICAOF", "NO", "ONE"]));
    if stopped {
        // The command has to be there first.
        sleep(Duration::from_millis(30)).await;
        world.replica().resume();
    }
    promotion.await.map_err(|error| error.to_string())??;
    world.link().close();
    world.lead_to_replica(0..CLIENTS);
    Ok(())
}

async fn promote_current(world: &mut World, dice: &Dice) -> Result<(), String> {
    sleep(dice.millis(50..300)).await;
    world.expect_trouble();
    world.primary.kill();
    if dice.one_in(2) {
        outage(dice).await;
    }
    world.replica().replica_of(None).await;
    world.lead_to_replica(0..CLIENTS);
    Ok(())
}

async fn switchover(world: &mut World, dice: &Dice) -> Result<(), String> {
    sleep(dice.millis(50..300)).await;
    world.expect_trouble();
    world.primary.command(&["FAILOVER"]).await.expect_ok();
    says(world.replica(), "role", "master").await?;
    outage(dice).await;
    world.lead_to_replica(0..CLIENTS);
    Ok(())
}

/// In one of two faults, a replica that hears of nothing while the stock is used up.
async fn may_lag(world: &World, dice: &Dice) -> Result<(), String> {
    if dice.one_in(2) {
        world.link().set(Way::Open, Way::Silent);
        stock_used_up(world, dice).await?;
    }
    Ok(())
}

async fn sentinel_killed(world: &mut World, dice: &Dice) -> Result<Stopwatch, String> {
    may_lag(world, dice).await?;
    world.expect_trouble();
    world.primary.kill();
    Ok(Stopwatch::start())
}

async fn sentinel_stalled(world: &mut World, dice: &Dice) -> Result<Stopwatch, String> {
    may_lag(world, dice).await?;
    world.expect_trouble();
    world.primary.pause();
    let watch = Stopwatch::start();
    world.failed_over().await;
    // Until it is told otherwise, which takes Sentinels some eight seconds, it serves those who stayed connected.
    world.primary.resume();
    if !dice.one_in(6) {
        outage(dice).await;
        world.primary.kill();
    }
    Ok(watch)
}

async fn cluster_killed(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.replica().pause();
    // More than the system holds for a reader who does not read: what is written later never leaves the primary.
    world.primary.command(&["SET", BALLAST, &"x".repeat(1 << 24)]).await.expect_ok();
    stock_used_up(world, dice).await?;
    world.expect_trouble();
    world.primary.kill();
    let port = world.replica().port();
    let promotion = tokio::spawn(promote_when_it_goes_on(port, &["CLUSTER", "FAILOVER", "TAKEOVER"]));
    sleep(Duration::from_millis(30)).await;
    world.replica().resume();
    promotion.await.map_err(|error| error.to_string())?
}

async fn split_brain(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.expect_trouble();
    world.link().close();
    world.replica().replica_of(None).await;
    world.lead_to_replica(CLIENTS / 2..CLIENTS);
    stock_used_up(world, dice).await?;
    let winner = world.replica().port();
    if dice.one_in(2) {
        follow(&world.primary, winner).await;
        sleep(dice.millis(1..300)).await;
    }
    world.lead_to_replica(0..CLIENTS);
    Ok(())
}

async fn restart_aof(world: &mut World, dice: &Dice) -> Result<(), String> {
    sleep(dice.millis(50..300)).await;
    world.expect_trouble();
    world.primary.kill();
    if dice.one_in(2) {
        outage(dice).await;
    }
    world.primary.restart().await;
    Ok(())
}

async fn restart_rdb(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.primary.command(&["SAVE"]).await.expect_ok();
    stock_used_up(world, dice).await?;
    world.expect_trouble();
    world.primary.kill();
    world.primary.restart().await;
    Ok(())
}

async fn stall(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.expect_trouble();
    world.primary.pause();
    sleep(dice.millis(600..1800)).await;
    world.primary.resume();
    Ok(())
}

async fn cut(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.expect_trouble();
    let clients = some_clients(dice);
    for client in &clients {
        world.fronts[*client].close();
    }
    outage(dice).await;
    for client in &clients {
        world.fronts[*client].heal();
    }
    Ok(())
}

async fn unheard(world: &mut World, dice: &Dice, requests: Way, answers: Way) -> Result<(), String> {
    world.expect_trouble();
    let clients = some_clients(dice);
    for client in &clients {
        world.fronts[*client].set(requests, answers);
    }
    sleep(dice.millis(600..1500)).await;
    // What was held may be lost or may arrive long after everybody gave up.
    let lost = dice.one_in(2);
    for client in &clients {
        if lost {
            world.fronts[*client].cut();
        }
        world.fronts[*client].heal();
    }
    Ok(())
}

async fn slow(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.expect_trouble();
    let clients = some_clients(dice);
    for client in &clients {
        let way = Way::Slow(dice.millis(20..300));
        world.fronts[*client].set(way, way);
    }
    outage(dice).await;
    for client in &clients {
        world.fronts[*client].heal();
    }
    Ok(())
}

async fn replication_broken(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.expect_trouble();
    world.link().close();
    outage(dice).await;
    world.link().heal();
    says(world.replica(), "master_link_status", "up").await
}

async fn backlog_expired(world: &mut World, dice: &Dice) -> Result<(), String> {
    let before = world.primary.replication_id().await;
    world.expect_trouble();
    world.primary.config_set("repl-backlog-ttl", "1").await;
    world.link().close();
    until("a new replication id", PATIENCE, async || {
        (world.primary.replication_id().await != before).then_some(())
    })
    .await?;
    sleep(dice.millis(1..300)).await;
    world.primary.config_set("repl-backlog-ttl", "0").await;
    world.link().heal();
    says(world.replica(), "master_link_status", "up").await
}

async fn writable_replica(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.expect_trouble();
    world.replica().config_set("replica-read-only", "no").await;
    world.lead_to_replica(CLIENTS / 2..CLIENTS);
    stock_used_up(world, dice).await?;
    let primary = world.primary.port();
    for front in &world.fronts[CLIENTS / 2..] {
        front.lead_to(primary);
    }
    Ok(())
}

async fn copied_record(world: &mut World, dice: &Dice) -> Result<(), String> {
    let mut copies = copy(&world.primary).await;
    copies.retain(|_| !dice.one_in(3));
    stock_used_up(world, dice).await?;
    world.expect_trouble();
    put_back(&world.primary, &copies).await;
    Ok(())
}

async fn restored_snapshot(world: &mut World, dice: &Dice) -> Result<(), String> {
    world.primary.command(&["SAVE"]).await.expect_ok();
    stock_used_up(world, dice).await?;
    world.expect_trouble();
    // The server stays the same one: no restart, no new replication id.
    world.primary.command(&["DEBUG", "RELOAD", "NOSAVE"]).await.expect_ok();
    Ok(())
}
