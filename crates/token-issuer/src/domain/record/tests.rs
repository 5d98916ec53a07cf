use super::*;
use crate::fixtures::{NOW, token};

const MILLISECOND: Duration = Duration::from_millis(1);

fn operation(number: u128) -> OperationId {
    OperationId::from_uuid(uuid::Uuid::from_u128(number))
}

fn digest(octet: u8) -> Digest {
    Digest::from_bytes([octet; 32])
}

fn spent(number: u128, octet: u8) -> TokenRecord {
    let payment = Payment { operation: operation(number), digest: digest(octet), at: NOW };
    TokenRecord { token: token(1), state: TokenState::Redeemed(payment) }
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
