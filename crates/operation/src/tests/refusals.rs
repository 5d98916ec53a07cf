//! What is refused, by which reason and naming which field.

use super::*;
use crate::{MAX_MESSAGE_LENGTH, MessageForm};
use kernel::Reason;
use solana_message::{Address, Hash, Message, VersionedMessage};

fn refusal(operation: Operation) -> (Reason, String) {
    let error = operation.check().unwrap_err();
    assert_eq!(error.violations().len(), 1, "{error:?}");
    assert!(error.message().contains(&error.violations()[0].field), "{error:?}");
    (error.reason(), error.violations()[0].field.clone())
}

fn invalid(field: &str) -> (Reason, String) {
    (Reason::InvalidRequest, field.to_owned())
}

#[test]
fn one_of_every_kind_passes() {
    for body in bodies() {
        let checked = operation(body.clone()).check().unwrap();
        assert_eq!(checked.operation(), &operation(body.clone()));
        assert_eq!(checked.kind(), body.kind());
        assert_eq!(checked.action(), body.kind().action());
        assert_eq!(checked.clone().into_operation().check().unwrap(), checked);
    }
}

#[test]
fn the_nil_uuid_is_refused_wherever_an_id_stands() {
    let nil = Uuid::nil();
    for body in bodies() {
        let environment = EnvironmentId::from_uuid(nil);
        assert_eq!(
            refusal(Operation { environment, ..operation(body.clone()) }),
            invalid("operation.environment")
        );
        let user = UserId::from_uuid(nil);
        assert_eq!(refusal(Operation { user, ..operation(body.clone()) }), invalid("operation.user"));
        let id = OperationId::from_uuid(nil);
        assert_eq!(refusal(Operation { id, ..operation(body) }), invalid("operation.id"));
    }
    let wallet = WalletRef { id: WalletId::from_uuid(nil), share_generation: 1 };
    for body in [
        Body::SignMessage { wallet, message: b"gm".to_vec() },
        Body::ExportWallet { wallet, recipient_public_key: ALICE },
    ] {
        assert_eq!(refusal(operation(body)), invalid("operation.wallet.id"));
    }
    let body = Body::UnlinkCredential { device: DeviceId::from_uuid(nil) };
    assert_eq!(refusal(operation(body)), invalid("operation.device"));
}

#[test]
fn generation_zero_is_refused() {
    let wallet = WalletRef { share_generation: 0, ..wallet() };
    for body in [
        Body::SignMessage { wallet, message: b"gm".to_vec() },
        Body::ExportWallet { wallet, recipient_public_key: ALICE },
    ] {
        assert_eq!(refusal(operation(body)), invalid("operation.wallet.share_generation"));
    }
}

#[test]
fn a_message_has_one_octet_to_the_limit() {
    assert_eq!(refusal(operation(sign(""))), invalid("operation.message"));
    assert!(operation(sign([0])).check().is_ok());
    assert!(operation(sign(vec![b'a'; MAX_MESSAGE_LENGTH])).check().is_ok());
    assert_eq!(refusal(operation(sign(vec![b'a'; MAX_MESSAGE_LENGTH + 1]))), invalid("operation.message"));
}

#[test]
fn a_transaction_is_refused_as_a_message() {
    let payer = Address::from([1; 32]);
    let transaction = VersionedMessage::Legacy(Message::new_with_blockhash(
        &[],
        Some(&payer),
        &Hash::new_from_array([7; 32]),
    ));
    let refused = refusal(operation(sign(transaction.serialize())));
    assert_eq!(refused, (Reason::MessageIsTransaction, "operation.message".to_owned()));
}

#[test]
fn a_key_that_nothing_can_be_sealed_to_is_refused() {
    for key in [[0; 32], [0xff; 32]] {
        assert_eq!(refusal(operation(export(key))), invalid("operation.recipient_public_key"));
    }
}

#[test]
fn a_refusal_does_not_repeat_the_message() {
    let operation = operation(sign("my secret poem".repeat(10_000)));
    assert!(!format!("{operation:?}").contains("poem"));
    let error = operation.check().unwrap_err();
    assert!(!format!("{error:?} {error}").contains("poem"));
}

#[test]
fn facts_are_there_for_a_message_and_absent_otherwise() {
    for body in bodies() {
        let is_message = matches!(body, Body::SignMessage { .. });
        let checked = operation(body).check().unwrap();
        assert_eq!(checked.facts().message.is_some(), is_message);
    }
    let checked = operation(sign([0xff, 0xfe])).check().unwrap();
    let facts = checked.facts().message.as_ref().unwrap();
    assert_eq!((facts.form, facts.length), (MessageForm::Binary, 2));
}

#[test]
fn the_wallet_is_the_one_acted_on_or_the_one_made() {
    for body in bodies() {
        let checked = operation(body).check().unwrap();
        let (acts_on, makes) = match checked.operation().body {
            Body::CreateWallet { .. } => (None, Some(WalletId::derive(checked.digest().as_bytes()))),
            Body::SignMessage { .. } | Body::ExportWallet { .. } => (Some(wallet()), None),
            Body::LinkCredential { .. } | Body::UnlinkCredential { .. } => (None, None),
        };
        assert_eq!((checked.wallet(), checked.created_wallet()), (acts_on, makes));
    }
}

proptest! {
    #[test]
    fn no_message_panics(message in prop::collection::vec(any::<u8>(), 0..4_096)) {
        let _ = operation(sign(message)).check();
    }

    #[test]
    fn no_key_panics(key in any::<[u8; 32]>()) {
        let _ = operation(export(key)).check();
    }
}
