//! One fault from beginning to end: traffic, the fault in the middle of it, recovery, and the questions afterwards.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::fault::Fault;
use super::strike::strike;
use super::traffic::crew::{CLIENTS, Crew};
use super::traffic::judge::{Records, judge};
use super::traffic::{Traffic, race, recovery};
use super::world::World;
use crate::faults::dice::Dice;
use crate::faults::kind::Kind;
use crate::faults::outcome::Outcome;

/// Longer than any fault takes, starting and questions included, and shorter than a token lives.
const LIMIT: Duration = Duration::from_secs(280);

/// Tokens that have to pay when all is over, each wanted by every process at once.
const FRESH: usize = 16;

/// Plays a fault to its end. A fault that cannot be played, or does not end, is a problem like any other.
pub(crate) async fn play(fault: Fault, seed: u64) -> Outcome {
    let (sender, outcome) = oneshot::channel();
    // A thread of its own, so that a panic is this fault's alone, and whatever it left running ends with it.
    let thread = std::thread::Builder::new().name(format!("{} {seed}", fault.name()));
    let started = thread.spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("an async runtime");
        let played = runtime.block_on(async { tokio::time::timeout(LIMIT, played(fault, seed)).await });
        let _ = sender.send(played.unwrap_or_else(|_| Err(format!("did not end within {LIMIT:?}"))));
    });
    started.expect("a thread");
    let problem = match outcome.await {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(problem)) => problem,
        Err(_) => "panicked; see above".to_owned(),
    };
    Outcome::failed(Kind::Tokens(fault), seed, problem)
}

async fn played(fault: Fault, seed: u64) -> Result<Outcome, String> {
    let dice = Dice::new(seed);
    let mut world = World::start(fault.layout(), &dice).await?;
    world.stock_up().await;
    let traffic = [Traffic::start(&world.ours), Traffic::start(&world.control)];

    let mended = strike(fault, &mut world, &dice).await?;
    let mut outcome = Outcome::new(Kind::Tokens(fault), seed);
    outcome.recovery = Some(recovery(&world.ours, mended).await?);
    recovery(&world.control, mended).await.map_err(|problem| format!("the control: {problem}"))?;
    world.settled().await?;
    for traffic in traffic {
        traffic.stop().await;
    }

    let ours = judge(&world.ours, fault.records()).await;
    (outcome.acknowledged, outcome.doubles, outcome.ran_twice) =
        (ours.acknowledged, ours.doubles, ours.ran_twice);
    let control = judge(&world.control, fault.records()).await;
    outcome.control_doubles = control.doubles;

    everybody_is_served(&world.ours).await;
    outcome.repeated = world.ours.unanswered();
    outcome.problems = world.ours.take_problems();
    if ours.acknowledged.total() == 0 {
        outcome.problems.push("nothing was acknowledged".to_owned());
    }
    if fault.doubles_the_control() && control.doubles == 0 {
        outcome.problems.push("the control shows no double, so the fault did not bite".to_owned());
    }
    Ok(outcome)
}

/// When all is over, fresh tokens pay, each for as many of those who want it at once as it has uses.
async fn everybody_is_served(crew: &Arc<Crew>) {
    for number in 0..FRESH {
        let (winners, expected) = race(crew, number, CLIENTS).await;
        if winners != expected {
            crew.complain(format!("{winners} operations got a fresh token, not {expected}"));
        }
    }
    // Nothing is left to be asked of them, but for what ran.
    judge(crew, Records::Stay).await;
}
