//! Faults of a deployment, one after the other, on one that lives as long as it is well.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, Stream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::fault::Fault;
use super::journey::{Journey, arrive, ask_again, travel};
use super::notes::Notes;
use super::stage::Stage;
use super::strike::strike;
use crate::faults::dice::Dice;
use crate::faults::kind::Kind;
use crate::faults::outcome::Outcome;

/// How many users are under way when a fault strikes.
const TRAVELLERS: usize = 8;

/// Longer than any fault takes, questions included.
const LIMIT: Duration = Duration::from_secs(600);

/// Plays them one by one, on a thread of their own: starting a process blocks it.
pub(crate) fn play_all(faults: Vec<(Fault, u64)>) -> impl Stream<Item = Outcome> {
    let (sender, outcomes) = mpsc::unbounded_channel();
    if !faults.is_empty() {
        let thread = std::thread::Builder::new().name("processes".to_owned());
        let started = thread.spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("an async runtime").block_on(async {
                let mut stage = None;
                for (fault, seed) in faults {
                    if sender.send(played(&mut stage, fault, seed).await).is_err() {
                        return;
                    }
                }
            });
        });
        started.expect("a thread");
    }
    futures::stream::unfold(outcomes, async |mut outcomes| Some((outcomes.recv().await?, outcomes)))
}

/// Plays a fault to its end. One that goes wrong takes the stage with it.
async fn played(stage: &mut Option<Stage>, fault: Fault, seed: u64) -> Outcome {
    let kind = Kind::Processes(fault);
    let mut own = match stage.take() {
        Some(stage) => stage,
        None => match AssertUnwindSafe(Stage::start()).catch_unwind().await {
            Ok(stage) => stage,
            Err(_) => return Outcome::failed(kind, seed, "no deployment; see above".to_owned()),
        },
    };
    let playing = tokio::time::timeout(LIMIT, play(&mut own, fault, seed));
    match AssertUnwindSafe(playing).catch_unwind().await {
        Ok(Ok(outcome)) => {
            if outcome.problems.is_empty() {
                *stage = Some(own);
            }
            outcome
        }
        Ok(Err(_)) => Outcome::failed(kind, seed, format!("did not end within {LIMIT:?}")),
        Err(_) => Outcome::failed(kind, seed, "panicked; see above".to_owned()),
    }
}

async fn play(stage: &mut Stage, fault: Fault, seed: u64) -> Outcome {
    let dice = Dice::new(seed);
    let notes = Arc::new(Notes::new(fault));
    let mut ready = stage.travellers(&notes, TRAVELLERS + 1).await;
    let mut last = ready.pop().expect("one more than travel");

    let mut under_way = JoinSet::new();
    for mut traveller in ready {
        let (notes, dice) = (notes.clone(), dice.fork());
        under_way.spawn(async move {
            tokio::time::sleep(dice.millis(0..300)).await;
            let journey = travel(&notes, &mut traveller, &dice).await;
            (traveller, journey)
        });
    }
    let watch = strike(fault, stage, &dice).await;
    let mut outcome = Outcome::new(Kind::Processes(fault), seed);
    if arrive(&notes, &mut last).await {
        outcome.recovery = Some(watch.elapsed());
    }
    for (traveller, journey) in under_way.join_all().await {
        if let Some(mut journey) = journey {
            ask_again(&notes, &traveller, &mut journey).await;
            count(&mut outcome, &journey);
        }
        stage.rest([traveller]);
    }
    stage.rest([last]);

    outcome.ran_twice = stage.spent_twice(&notes);
    if outcome.acknowledged.total() == 0 {
        notes.complain("nothing was acknowledged");
    }
    if outcome.doubles > 0 || outcome.ran_twice > 0 {
        notes.complain("one token paid twice");
    }
    outcome.repeated = notes.repetitions();
    outcome.second_codes = notes.second_codes();
    outcome.problems = notes.take();
    outcome
}

fn count(outcome: &mut Outcome, journey: &Journey) {
    outcome.acknowledged.add(journey.variety(), journey.acknowledged());
    outcome.doubles += usize::from(journey.is_doubled());
}
