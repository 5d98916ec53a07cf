//! The judge finds what it is there to find: of each wrong story it complains, of a right one it does not.

use testkit::SeededEntropy;

use super::super::story::Ticket;
use super::*;
use crate::support::tokens::elevated;
use operation::BatchRoot;
use token_issuer::domain::bound::Bound;
use token_issuer::domain::requirement::TokenBehavior;
use token_issuer::domain::token::Token;

fn order(number: u8) -> Order {
    Order {
        operation: OperationId::random(&SeededEntropy::new(number.into())),
        digest: operation::Digest::from_bytes([number; 32]),
    }
}

/// A token that is on file, was acknowledged for some operations, and for which some ran.
fn story(acknowledged: &[u8], ran: &[u8]) -> Story {
    story_of(Ticket { token: elevated(&SeededEntropy::new(1)), batch: Vec::new() }, acknowledged, ran)
}

/// One for a batch of two.
fn of_batch(acknowledged: &[u8], ran: &[u8]) -> Story {
    let batch = vec![order(1), order(2)];
    let bound = Bound::Batch(BatchRoot { hash: [1; 32], size: 2 });
    let ticket = Ticket { token: Token { bound, ..elevated(&SeededEntropy::new(1)) }, batch };
    Story { tries: story_of(ticket.clone(), acknowledged, &[]).tries, ..story_of(ticket, acknowledged, ran) }
}

/// A time-bound one.
fn time_bound(acknowledged: &[u8], ran: &[u8]) -> Story {
    let token = Token { behavior: TokenBehavior::TimeBound, ..elevated(&SeededEntropy::new(1)) };
    let mut story = story_of(Ticket { token, batch: Vec::new() }, acknowledged, ran);
    // It refuses nobody.
    story.tries.retain(|one| one.answer == Answer::Acknowledged);
    story
}

fn story_of(ticket: Ticket, acknowledged: &[u8], ran: &[u8]) -> Story {
    let mut story = Story::new(ticket, true);
    for number in acknowledged {
        story.tries.push(Try { order: order(*number), answer: Answer::Acknowledged });
    }
    let refused = Answer::Refused(Reason::TokenAlreadyRedeemed);
    story.tries.push(Try { order: order(9), answer: refused });
    story.ran.extend(ran.iter().map(|number| order(*number).operation));
    story
}

#[test]
fn one_operation_acknowledged_and_run_is_right_whatever_the_fault() {
    for records in [Records::Stay, Records::Die, Records::Vanish, Records::Return] {
        assert_eq!(wrong_with(&story(&[1], &[1]), records), Vec::<String>::new(), "{records:?}");
    }
    // Acknowledged twice for the same operation is once.
    assert_eq!(wrong_with(&story(&[1, 1], &[1]), Records::Stay), Vec::<String>::new());
    // A token whose record died pays for nothing.
    assert_eq!(wrong_with(&story(&[], &[]), Records::Die), Vec::<String>::new());
    // A batch has two uses, and a time-bound token as many as one likes.
    for records in [Records::Stay, Records::Die, Records::Vanish, Records::Return] {
        assert_eq!(wrong_with(&of_batch(&[1, 2], &[1, 2]), records), Vec::<String>::new(), "{records:?}");
        assert_eq!(wrong_with(&time_bound(&[1, 2, 3], &[1, 2, 3]), records), Vec::<String>::new());
    }
    assert_eq!(wrong_with(&of_batch(&[1], &[1]), Records::Die), Vec::<String>::new());
    // The store could not see it, and the ledger let one run.
    assert_eq!(wrong_with(&story(&[1, 2], &[2]), Records::Return), Vec::<String>::new());
}

#[test]
fn every_wrong_story_is_noticed() {
    for (story, records) in [
        // The store doubled, which only a copy excuses.
        (story(&[1, 2], &[1]), Records::Stay),
        (story(&[1, 2], &[1]), Records::Die),
        (story(&[1, 2], &[1]), Records::Vanish),
        // Two ran, which nothing excuses.
        (story(&[1, 2], &[1, 2]), Records::Return),
        (story(&[1], &[1, 3]), Records::Vanish),
        // What was acknowledged did not run, or something else did.
        (story(&[1], &[]), Records::Die),
        (story(&[1], &[2]), Records::Die),
        // The same of a batch, and of a token that is not spent.
        (of_batch(&[1, 2, 3], &[1, 2]), Records::Stay),
        (of_batch(&[1, 2, 3], &[1, 2, 3]), Records::Return),
        (of_batch(&[1, 2], &[1]), Records::Die),
        (of_batch(&[1], &[1]), Records::Stay),
        (time_bound(&[1, 2], &[1]), Records::Vanish),
        // A good token was lost.
        (story(&[], &[]), Records::Stay),
    ] {
        assert!(!wrong_with(&story, records).is_empty(), "{records:?}: {:?}", story.tries);
    }
}

#[test]
fn what_was_acknowledged_stays_so_or_is_refused_for_a_reason() {
    let refused = |reason| Err(Answer::Refused(reason));
    let changed = refused(Reason::TokenStoreChanged);
    let unknown = refused(Reason::TokenUnknown);
    let used = refused(Reason::TokenAlreadyRedeemed);
    for (now, stay, die, vanish, back) in [
        (Ok(Redeemed::Earlier), true, true, true, true),
        (changed, false, true, true, true),
        (unknown, false, false, true, true),
        (used, false, false, false, true),
        (Ok(Redeemed::Now), false, false, false, true),
        (Err(Answer::Unknown), false, false, false, false),
    ] {
        for (records, expected) in
            [(Records::Stay, stay), (Records::Die, die), (Records::Vanish, vanish), (Records::Return, back)]
        {
            assert_eq!(may_follow(now, records), expected, "{now:?} {records:?}");
        }
    }
}
