//! A gateway in an attacker's hands, at the running suite: it has the victim's session, receipts, and even the token
//! that was bound to the order, which a client takes to the issuer without it. It can do what was ordered, and nothing
//! else that demands a proof.

use kernel::{FactorKind, Reason};
use operation::{Body, Operation};
use proto::mfa_devices::DeleteDeviceRequest;

use crate::support::answer::{Done as _, Outcome as _};
use crate::support::dev::suite;
use crate::support::exports::{open_export, recipient};
use crate::support::user::{User, on};

#[tokio::test]
async fn all_that_is_in_flight_does_what_was_ordered_and_nothing_else() {
    let victim = User::new(suite()).await;
    let (wallet, other) = (victim.wallet().await, victim.wallet().await);
    let mut factor = victim.enrol().await;
    let (own, thief) = (recipient(), recipient());
    let ordered = victim.exporting(&wallet, own.public());
    let token = victim.token(&mut factor.app, &[], Some(&ordered)).await;
    let receipt = victim.receipt(&ordered, &token).await;
    let device = proto::names::parse_device("name", &factor.device.name).unwrap().id;

    let same_id = |body| Operation { body, ..ordered.clone() };
    let export = |wallet, key| Body::ExportWallet { wallet: on(wallet), recipient_public_key: key };
    let sign = || Body::SignMessage { wallet: on(&wallet), message: b"pay 1000 to eve".to_vec() };
    let thefts = [
        same_id(export(&wallet, thief.public())),
        same_id(export(&other, own.public())),
        same_id(sign()),
        victim.operation(export(&wallet, thief.public())),
        victim.operation(export(&wallet, own.public())),
        victim.operation(sign()),
        victim.operation(Body::LinkCredential { factor: FactorKind::Totp }),
        victim.operation(Body::UnlinkCredential { device }),
    ];
    let mut refused = 0;
    for theft in &thefts {
        // With the token, and with the session alone.
        for paid_by in [token.as_str(), ""] {
            let refusal = victim.authorize(theft, paid_by).await.outcome().unwrap_err();
            let reasons = [
                Reason::StepUpRequired,
                Reason::OperationMismatch,
                Reason::TokenScopeInsufficient,
                Reason::TokenAlreadyRedeemed,
                Reason::OperationIdReused,
            ];
            assert!(reasons.contains(&refusal.reason), "{theft:?}: {refusal:?}");
            refused += 1;
        }
        // With the receipt, and with none.
        for shown in [receipt.as_str(), ""] {
            let refusal = match &theft.body {
                Body::SignMessage { .. } => victim.sign(theft, shown).await.outcome().map(drop),
                Body::ExportWallet { .. } => victim.export(theft, shown).await.outcome().map(drop),
                Body::LinkCredential { .. } => {
                    victim.register(Some((theft.id, shown))).await.outcome().map(drop)
                }
                _ => {
                    let request = DeleteDeviceRequest {
                        name: factor.device.name.clone(),
                        operation_id: theft.id.to_string(),
                        receipt: shown.to_owned(),
                    };
                    victim.devices().delete_device(victim.request(request)).await.outcome().map(drop)
                }
            };
            let refusal = refusal.expect_err("a theft");
            let reasons = [
                Reason::StepUpRequired,
                Reason::ReceiptMismatch,
                Reason::ReceiptInvalid,
                Reason::ReceiptMissing,
                Reason::OperationIdReused,
            ];
            assert!(reasons.contains(&refusal.reason), "{theft:?}: {refusal:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, thefts.len() * 4);
    // Nor with the codes that the victim used.
    let code = factor.app.again();
    victim.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::CodeRejected);

    // Nothing was consumed: the order is carried out, to the victim's own key.
    let answer = victim.export(&ordered, &receipt).await.done();
    let key = open_export(&suite().directory(), &ordered, &wallet.address, &own, &answer).unwrap();
    assert_eq!(key.public_key().as_slice(), wallet.public_key);
    assert!(open_export(&suite().directory(), &ordered, &wallet.address, &thief, &answer).is_err());
    // And afterwards neither token nor receipt is good for anything more.
    let same_id = same_id(export(&wallet, thief.public()));
    victim.export(&same_id, &receipt).await.refused(Reason::OperationIdReused);
    let late = victim.exporting(&wallet, thief.public());
    victim.authorize(&late, &token).await.refused(Reason::TokenAlreadyRedeemed);
    victim.export(&late, &receipt).await.refused(Reason::ReceiptMismatch);
}
