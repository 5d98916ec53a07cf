use super::*;
use crate::fixtures::{NOW, environment, factor, passkey, recovery_codes, session, user};
use kernel::RequestId;
use proto::types;

fn wanted(session: &SessionId) -> ProofRequest<'_> {
    ProofRequest {
        environment: environment(),
        user: user(),
        session,
        request: RequestId::from_uuid(uuid::Uuid::from_u128(1)),
        purpose: [1; 32],
    }
}

fn answer(device: DeviceId, kind: types::FactorKind) -> pb::VerifyTotpResponse {
    pb::VerifyTotpResponse {
        proof_id: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".to_owned(),
        device: names::device(environment(), user(), device),
        kind: kind.into(),
        auth_time: Some(convert::timestamp(NOW)),
    }
}

#[test]
fn a_proof_is_by_the_kind_that_was_offered_and_of_the_user() {
    use types::FactorKind::{Passkey, RecoveryCode, Totp};

    let session = session();
    let wanted = wanted(&session);
    for (device, kind, offered) in [
        (factor(1).device, Totp, FactorKind::Totp),
        (passkey(2).device, Passkey, FactorKind::Passkey),
        (recovery_codes(3).device, RecoveryCode, FactorKind::RecoveryCode),
    ] {
        let good = answer(device, kind);
        let proved = proof(good.clone(), &wanted, offered).unwrap();
        assert_eq!((proved.device, proved.kind, proved.auth_time), (device, offered, NOW));
        for other in FactorKind::ALL.into_iter().filter(|other| *other != offered) {
            assert!(proof(good.clone(), &wanted, other).is_err(), "{kind:?} for {other}");
        }
        let other_user = UserId::derive(environment(), "idp", "bob");
        for spoiled in [
            pb::VerifyTotpResponse { proof_id: String::new(), ..good.clone() },
            pb::VerifyTotpResponse { kind: 0, ..good.clone() },
            pb::VerifyTotpResponse { kind: 9, ..good.clone() },
            pb::VerifyTotpResponse { auth_time: None, ..good.clone() },
            pb::VerifyTotpResponse { device: String::new(), ..good.clone() },
            pb::VerifyTotpResponse { device: names::device(environment(), other_user, device), ..good },
        ] {
            assert!(proof(spoiled, &wanted, offered).is_err());
        }
    }
}

#[test]
fn a_ceremony_without_a_name_options_or_an_end_is_none() {
    let good = pb::BeginPasskeyAuthenticationResponse {
        ceremony_id: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".to_owned(),
        options_json: "{}".to_owned(),
        expire_time: Some(convert::timestamp(NOW)),
    };
    let begun = ceremony(good.clone()).unwrap();
    assert_eq!((begun.id.to_string(), begun.expires), (good.ceremony_id.clone(), NOW));
    assert_eq!(begun.options_json, "{}");
    for spoiled in [
        pb::BeginPasskeyAuthenticationResponse { ceremony_id: "1".to_owned(), ..good.clone() },
        pb::BeginPasskeyAuthenticationResponse { options_json: String::new(), ..good.clone() },
        pb::BeginPasskeyAuthenticationResponse { expire_time: None, ..good },
    ] {
        assert!(ceremony(spoiled).is_err());
    }
}
