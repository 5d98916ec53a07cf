//! The faults themselves.

use tokio::time::sleep;

use super::fault::Fault;
use super::stage::Stage;
use crate::faults::dice::Dice;
use crate::faults::stopwatch::Stopwatch;
use crate::support::deployment::{NODES, processes};
use crate::support::tools::signal;

/// Strikes in the middle of calls. When this returns, everything runs again. Says since when somebody has been at work on
/// that: a start counts.
pub(crate) async fn strike(fault: Fault, stage: &mut Stage, dice: &Dice) -> Stopwatch {
    sleep(dice.millis(30..400)).await;
    match fault {
        Fault::PolicyKilled => crash(stage, &["policy"], dice).await,
        Fault::DevicesKilled => crash(stage, &["mfa-devices"], dice).await,
        Fault::IssuerKilled => crash(stage, &["token-issuer"], dice).await,
        Fault::GatewayKilled => crash(stage, &["waas-gateway"], dice).await,
        Fault::NodeKilled => crash(stage, &[NODES[dice.below(NODES.len())]], dice).await,
        Fault::AllKilled => crash(stage, &processes().collect::<Vec<_>>(), dice).await,
        Fault::ServiceStalled => {
            let names: Vec<_> = processes().collect();
            let pid = stage.deployment().pid(names[dice.below(names.len())]);
            let stalled = Stalled::new(pid);
            sleep(dice.millis(1000..14_000)).await;
            drop(stalled);
            Stopwatch::start()
        }
        Fault::RedisKilled => {
            stage.redis.kill();
            outage(dice).await;
            let watch = Stopwatch::start();
            stage.redis.restart().await;
            watch
        }
        Fault::RedisStalled => {
            stage.redis.pause();
            sleep(dice.millis(1000..4000)).await;
            stage.redis.resume();
            Stopwatch::start()
        }
        Fault::PostgresKilled => {
            stage.postgres.kill().await;
            outage(dice).await;
            let watch = Stopwatch::start();
            stage.postgres.restart().await;
            watch
        }
        Fault::PostgresStalled => {
            stage.postgres.pause();
            sleep(dice.millis(1000..7000)).await;
            stage.postgres.resume();
            Stopwatch::start()
        }
    }
}

/// A process that stands still, and goes on whatever becomes of the test.
struct Stalled(u32);

impl Stalled {
    fn new(pid: u32) -> Self {
        signal(pid, "STOP");
        Self(pid)
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

/// As often as not, nobody is at hand at once.
async fn outage(dice: &Dice) {
    if dice.one_in(2) {
        sleep(dice.millis(100..2000)).await;
    }
}

async fn crash(stage: &Stage, names: &[&'static str], dice: &Dice) -> Stopwatch {
    for name in names {
        stage.deployment().kill(name);
    }
    outage(dice).await;
    let watch = Stopwatch::start();
    for name in names {
        stage.deployment().serve(name);
    }
    watch
}
