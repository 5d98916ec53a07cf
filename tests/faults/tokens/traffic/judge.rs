//! What is asked of every token when the trouble is over.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use kernel::{OperationId, Reason};
use token_issuer::ports::Redeemed;

use super::crew::{CLIENTS, Crew};
use super::story::{Answer, Order, Story, Try, answer};
use crate::faults::variety::{Counts, Variety};

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// Operations that the store acknowledged, by the kind of token.
    pub(crate) acknowledged: Counts,
    /// Tokens that the store let pay for more operations than they have uses, or anew for what they had paid for.
    pub(crate) doubles: usize,
    /// Tokens for which more operations ran than they have uses.
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
    let mut verdict = Verdict { acknowledged: Counts::NONE, doubles: 0, ran_twice: 0 };
    for story in &ended {
        let payments = story.payments();
        verdict.acknowledged.add(story.ticket.variety(), payments);
        verdict.doubles += usize::from(payments > story.ticket.uses() || story.anew);
        verdict.ran_twice += usize::from(story.ran.len() > story.ticket.uses());
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
        let now = crew.known(client, &story.ticket.token, &earlier.order).await;
        // The control cannot tell the operation that paid from another one.
        if crew.has_ledger() && earlier.answer == Answer::Acknowledged {
            if !may_follow(now, records) {
                crew.complain(format!("an acknowledged operation, asked for again, gets {now:?}"));
            }
            // Of the others that is told by what they paid for besides.
            story.anew |= story.ticket.variety() == Variety::Batched && now == Ok(Redeemed::Now);
        }
        crew.conclude(&mut story, [Try { order: earlier.order, answer: answer(now) }]).await;
    }
    if !first {
        ask_anew(crew, client, &mut story).await;
    }
    story
}

/// Asks for something new; of a batch, for all that it has.
async fn ask_anew(crew: &Crew, client: usize, story: &mut Story) {
    // What was asked for before is asked for by itself, and compared with what was said to it.
    let left: Vec<_> = match story.ticket.variety() {
        Variety::Scoped | Variety::Bound | Variety::TimeBound => vec![crew.order()],
        Variety::Batched => {
            let asked = |order: &Order| story.tries.iter().any(|one| one.order == *order);
            story.ticket.batch.iter().filter(|order| !asked(order)).copied().collect()
        }
    };
    for order in left {
        let now = crew.known(client, &story.ticket.token, &order).await;
        crew.conclude(story, [Try { order, answer: answer(now) }]).await;
    }
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
    let (payments, uses) = (story.payments(), story.ticket.uses());
    let what = story.ticket.variety().name();
    if payments > uses && records != Records::Return {
        wrong.push(format!("the store let a {what} token pay for {payments} operations: {:?}", story.tries));
    }
    if story.ran.len() > uses {
        wrong.push(format!("{} operations ran for a {what} token: {:?}", story.ran.len(), story.tries));
    }
    let paid = |operation: &OperationId| {
        story.tries.iter().any(|one| one.order.operation == *operation && one.answer == Answer::Acknowledged)
    };
    if !story.ran.iter().all(paid) {
        wrong.push(format!("something ran that was not acknowledged: {:?}", story.tries));
    }
    // Where the store let too many pay, the ledger let none of those run.
    if story.ran.len() < payments.min(uses) {
        wrong.push(format!("what was acknowledged did not run: {:?}", story.tries));
    }
    let asked = story.tries.iter().map(|one| one.order.operation).collect::<BTreeSet<_>>().len();
    if records == Records::Stay && story.issued && payments != uses.min(asked) {
        wrong.push(format!("a good {what} token paid for {payments} operations: {:?}", story.tries));
    }
    wrong
}

#[cfg(test)]
mod tests;
