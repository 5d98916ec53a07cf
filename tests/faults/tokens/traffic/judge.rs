//! What is asked of every token when the trouble is over.

use std::sync::Arc;

use futures::StreamExt as _;
use kernel::{OperationId, Reason};
use token_issuer::ports::Redeemed;

use super::crew::{CLIENTS, Crew};
use super::story::{Answer, Story, Try, answer};

/// What a fault may do to the records that were on file when it struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// Nothing: every token still pays for one operation, and for the one it paid for.
    Stay,
    /// They are worth nothing any more.
    Die,
    /// They are worth nothing any more, or are gone.
    Vanish,
    /// Some are what they were at an earlier time, and the store cannot see it: only the ledger can.
    Return,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdict {
    /// Operations that the store acknowledged.
    pub(crate) acknowledged: usize,
    /// Tokens that the store let pay for more than one operation.
    pub(crate) doubles: usize,
    /// Tokens for which more than one operation ran.
    pub(crate) ran_twice: usize,
}

/// How many tokens are looked at at a time.
const AT_ONCE: usize = 8;

/// Asks every token once more for everything that it was asked for, and for something new.
pub(crate) async fn judge(crew: &Arc<Crew>, records: Records) -> Verdict {
    let stories = crew.take_stories();
    let ended = futures::stream::iter(stories)
        .map(|story| end(crew, story, records))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut verdict = Verdict::default();
    for story in &ended {
        let payments = story.payments();
        verdict.acknowledged += payments;
        verdict.doubles += usize::from(payments > 1);
        verdict.ran_twice += usize::from(story.ran.len() > 1);
        if crew.has_ledger() {
            for problem in wrong_with(story, records) {
                crew.complain(problem);
            }
        }
    }
    verdict
}

async fn end(crew: &Crew, mut story: Story, records: Records) -> Story {
    let client = crew.dice().below(CLIENTS);
    let earlier = story.tries.clone();
    // Something new may come before or after what was there. Of the control it is asked first: it would give a token that
    // came back to whoever asks.
    let first = !crew.has_ledger() || crew.dice().one_in(2);
    if first {
        ask_anew(crew, client, &mut story).await;
    }
    for earlier in earlier {
        let now = crew.known(client, &story.token, &earlier.order).await;
        // The control cannot tell the operation that paid from another one.
        if crew.has_ledger() && earlier.answer == Answer::Acknowledged && !may_follow(now, records) {
            crew.complain(format!("an acknowledged operation, asked for again, gets {now:?}"));
        }
        crew.conclude(&mut story, [Try { order: earlier.order, answer: answer(now) }]).await;
    }
    if !first {
        ask_anew(crew, client, &mut story).await;
    }
    story
}

async fn ask_anew(crew: &Crew, client: usize, story: &mut Story) {
    let order = crew.order();
    let now = crew.known(client, &story.token, &order).await;
    crew.conclude(story, [Try { order, answer: answer(now) }]).await;
}

/// What an operation that was acknowledged before may be told when it is asked for again.
fn may_follow(now: Result<Redeemed, Answer>, records: Records) -> bool {
    match now {
        Ok(Redeemed::Earlier) => true,
        Err(Answer::Refused(Reason::TokenStoreChanged)) => records != Records::Stay,
        Err(Answer::Refused(Reason::TokenUnknown)) => matches!(records, Records::Vanish | Records::Return),
        // The record was put back: whoever came first had it anew.
        Ok(Redeemed::Now) | Err(Answer::Refused(Reason::TokenAlreadyRedeemed)) => records == Records::Return,
        Err(_) => false,
    }
}

/// What must not be, of a token whose story has ended.
fn wrong_with(story: &Story, records: Records) -> Vec<String> {
    let mut wrong = Vec::new();
    let payments = story.payments();
    if payments > 1 && records != Records::Return {
        wrong.push(format!("the store let one token pay for {payments} operations: {:?}", story.tries));
    }
    if story.ran.len() > 1 {
        wrong.push(format!("{} operations ran for one token: {:?}", story.ran.len(), story.tries));
    }
    let paid = |operation: &OperationId| {
        story.tries.iter().any(|one| one.order.operation == *operation && one.answer == Answer::Acknowledged)
    };
    if !story.ran.iter().all(paid) {
        wrong.push(format!("something ran that was not acknowledged: {:?}", story.tries));
    }
    if payments > 0 && story.ran.is_empty() {
        wrong.push(format!("what was acknowledged did not run: {:?}", story.tries));
    }
    if records == Records::Stay && story.issued && payments != 1 {
        wrong.push(format!("a good token paid for {payments} operations: {:?}", story.tries));
    }
    wrong
}

#[cfg(test)]
mod tests;
