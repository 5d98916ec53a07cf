use super::*;
use crate::domain::bound::Bound;
use crate::fixtures::{NOW, token};
use operation::BatchRoot;

const MILLISECOND: Duration = Duration::from_millis(1);

fn operation(number: u128) -> OperationId {
    OperationId::from_uuid(uuid::Uuid::from_u128(number))
}

fn digest(octet: u8) -> Digest {
    Digest::from_bytes([octet; 32])
}

fn spent(number: u128, octet: u8) -> TokenRecord {
    let payment = Payment { operation: operation(number), digest: digest(octet), at: NOW };
    TokenRecord { token: token(1), payments: vec![payment] }
}

#[test]
fn an_unspent_token_pays_until_the_moment_it_expires() {
    let record = TokenRecord::issued(token(1));
    let last = record.token.expires.minus(MILLISECOND);
    for now in [NOW, last] {
        let payment = Payment { operation: operation(1), digest: digest(1), at: now };
        assert_eq!(record.redeem(operation(1), digest(1), now), Redemption::Redeemed(payment));
    }
    for now in [record.token.expires, record.forgotten_at()] {
        assert_eq!(record.redeem(operation(1), digest(1), now), Redemption::Expired);
    }
}

#[test]
fn a_spent_token_pays_again_for_exactly_what_it_paid_for() {
    let record = spent(1, 1);
    assert_eq!(record.redeem(operation(1), digest(1), NOW), Redemption::SameAgain);
    assert_eq!(record.redeem(operation(1), digest(2), NOW), Redemption::AlreadyRedeemed);
    assert_eq!(record.redeem(operation(2), digest(1), NOW), Redemption::AlreadyRedeemed);
}

#[test]
fn after_expiry_only_the_operation_that_was_paid_for_may_ask_and_for_ten_minutes() {
    let record = spent(1, 1);
    let end = record.token.expires.plus(Duration::from_secs(600));
    assert_eq!(record.redeem(operation(1), digest(1), record.token.expires), Redemption::SameAgain);
    assert_eq!(record.redeem(operation(1), digest(1), end.minus(MILLISECOND)), Redemption::SameAgain);
    assert_eq!(record.redeem(operation(1), digest(1), end), Redemption::Expired);
    assert_eq!(record.redeem(operation(2), digest(2), record.token.expires), Redemption::Expired);
    assert_eq!(record.redeem(operation(1), digest(2), end.minus(MILLISECOND)), Redemption::Expired);
}

#[test]
fn a_token_for_a_batch_pays_once_for_each_operation_and_no_more_than_there_are() {
    let bound = Bound::Batch(BatchRoot { hash: [1; 32], size: 2 });
    let mut record = TokenRecord::issued(Token { bound, ..token(1) });
    for number in [1, 2] {
        assert!(!record.is_spent());
        let Redemption::Redeemed(payment) = record.redeem(operation(number.into()), digest(number), NOW)
        else {
            panic!("{number} is not paid for");
        };
        record.payments.push(payment);
        assert_eq!(record.redeem(operation(number.into()), digest(number), NOW), Redemption::SameAgain);
        // Half of what was paid for is nothing, also while there is something left to pay with.
        assert_eq!(record.redeem(operation(number.into()), digest(9), NOW), Redemption::AlreadyRedeemed);
        assert_eq!(record.redeem(operation(9), digest(number), NOW), Redemption::AlreadyRedeemed);
    }
    assert!(record.is_spent());
    assert_eq!(record.redeem(operation(3), digest(3), NOW), Redemption::AlreadyRedeemed);
    let over = record.token.expires;
    assert_eq!(record.redeem(operation(1), digest(1), over), Redemption::SameAgain);
    assert_eq!(record.redeem(operation(3), digest(3), over), Redemption::Expired);
}
