//! Traffic on a token store: tokens are issued, and each is asked to pay for several operations by several processes,
//! which repeat themselves while they do not know what became of a call.

pub(crate) mod crew;
pub(crate) mod judge;
pub(crate) mod ledger;
pub(crate) mod story;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crew::{CLIENTS, Crew};
use story::{Story, Try};

use crate::faults::dice::Dice;
use crate::faults::stopwatch::{Stopwatch, until};
use crate::faults::tokens::world::PATIENCE;

/// How many tokens are on file before the first is used. What a replica has of them when it stops hearing of its
/// primary is what a promotion can bring back.
pub(crate) const STOCK: usize = 40;

/// How many callers there are at a time.
const CALLERS: usize = 4;

/// How long a caller rests between two tokens.
const REST: Duration = Duration::from_millis(12);

/// How long a client may take until a fresh token pays again.
const RECOVERY: Duration = Duration::from_secs(60);

/// Callers at work. Ends when it is dropped.
pub(crate) struct Traffic {
    crew: Arc<Crew>,
    callers: JoinSet<()>,
    stop: CancellationToken,
}

impl Traffic {
    /// Puts a stock of tokens on file.
    pub(crate) async fn prepare(crew: &Arc<Crew>) {
        for number in 0..STOCK {
            crew.stock_up(number % CLIENTS).await;
        }
    }

    /// Starts the callers.
    pub(crate) fn start(crew: &Arc<Crew>) -> Self {
        let stop = CancellationToken::new();
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            callers.spawn(calls(crew.clone(), crew.dice().fork(), stop.clone()));
        }
        Self { crew: crew.clone(), callers, stop }
    }

    /// Stops the callers when each has done with its token.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.callers.join_next().await {
            if let Err(error) = ended {
                self.crew.complain(format!("a caller ended badly: {error}"));
            }
        }
    }
}

async fn calls(crew: Arc<Crew>, dice: Dice, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some((ticket, issued)) = crew.oldest_in_stock() {
            let mut story = Story::new(ticket, issued);
            use_up(&crew, &dice, &mut story).await;
            crew.tell(story);
        }
        crew.stock_up(dice.below(CLIENTS)).await;
        tokio::time::sleep(REST).await;
    }
}

/// Asks one token to pay for several operations, in one of the ways in which clients do.
async fn use_up(crew: &Crew, dice: &Dice, story: &mut Story) {
    let [first, second] = [0, 1].map(|number| crew.order_for(&story.ticket, number));
    let here = dice.below(CLIENTS);
    // Another process; when there are two sides, as often as not on the other one.
    let there = (here + 1 + dice.below(CLIENTS - 1)) % CLIENTS;
    let token = story.ticket.token.clone();
    let tries = match dice.below(4) {
        // Two operations race for it.
        0 | 1 => {
            let (one, other) =
                tokio::join!(crew.attempt(here, &token, first), crew.attempt(there, &token, second));
            vec![one, other]
        }
        // One comes after the other.
        2 => vec![crew.attempt(here, &token, first).await, crew.attempt(there, &token, second).await],
        // The same one comes twice at the same time, through two processes.
        _ => {
            let (one, same) =
                tokio::join!(crew.attempt(here, &token, first), crew.attempt(there, &token, first));
            vec![one, same]
        }
    };
    crew.conclude(story, tries).await;
}

/// How long after the start of the watch a token that is issued from now on pays, through every process.
pub(crate) async fn recovery(crew: &Arc<Crew>, watch: Stopwatch) -> Result<Duration, String> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let crew = crew.clone();
        clients.spawn(async move {
            while watch.elapsed() < RECOVERY {
                let mut story = Story::new(crew.ticket(), false);
                story.issued = crew.issue(client, &story.ticket.token).await;
                if story.issued {
                    let order = crew.order_for(&story.ticket, 0);
                    let answer = crew.redeem(client, &story.ticket.token, &order).await;
                    let paid = answer.is_ok();
                    let took = watch.elapsed();
                    crew.conclude(&mut story, [Try { order, answer: story::answer(answer) }]).await;
                    if paid {
                        crew.tell(story);
                        return Ok(took);
                    }
                }
                crew.tell(story);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(format!("client {client} did not recover within {RECOVERY:?}"))
        });
    }
    let mut longest = Duration::ZERO;
    while let Some(client) = clients.join_next().await {
        longest = longest.max(client.map_err(|error| error.to_string())??);
    }
    Ok(longest)
}

/// A token that is on file. Nothing is broken, but a machine that has too much to do may need several tries.
async fn on_file(crew: &Arc<Crew>, client: usize) -> Story {
    let issued = until("a token on file", PATIENCE, async || {
        let mut story = Story::new(crew.ticket(), false);
        story.issued = crew.issue(client, &story.ticket.token).await;
        if story.issued {
            return Some(story);
        }
        crew.tell(story);
        None
    });
    issued.await.unwrap_or_else(|problem| {
        crew.complain(problem);
        Story::new(crew.ticket(), false)
    })
}

/// Lets many callers, spread over the processes, ask one fresh token for an operation each, all at the same moment. How
/// many operations got it, and how many should: as many as it has uses.
pub(crate) async fn race(crew: &Arc<Crew>, issuer: usize, callers: usize) -> (usize, usize) {
    let mut story = on_file(crew, issuer % CLIENTS).await;
    let tries = testkit::race(std::slice::from_ref(crew), callers, |crew, caller| {
        let (token, order) = (story.ticket.token.clone(), crew.order_for(&story.ticket, caller));
        async move {
            Try { order, answer: story::answer(crew.known(caller % CLIENTS, &token, &order).await) }
        }
    })
    .await;
    crew.conclude(&mut story, tries).await;
    let (winners, expected) = (story.payments(), story.ticket.uses().min(callers));
    crew.tell(story);
    (winners, expected)
}
