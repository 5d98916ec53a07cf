//! What the tests of several rooms need.

use std::sync::LazyLock;

use kernel::{DeviceId, EnvironmentId, FactorKind, ProofId, RequestId, SessionId, Timestamp, UserId};
use testkit::SeededEntropy;

use crate::domain::{
    Aaguid, AnswerMac, Attempt, CredentialId, Device, DeviceKind, DisplayName, Entitlement, Owner,
    PasskeyDetails, Proof, State, TotpParameters, Transports,
};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

pub(crate) static ENTROPY: LazyLock<SeededEntropy> = LazyLock::new(|| SeededEntropy::new(7));

pub(crate) fn owner() -> Owner {
    Owner { environment: EnvironmentId::random(&*ENTROPY), user: UserId::random(&*ENTROPY) }
}

pub(crate) fn session(text: &str) -> SessionId {
    text.parse().unwrap()
}

pub(crate) fn request() -> RequestId {
    RequestId::random(&*ENTROPY)
}

pub(crate) fn pending(in_session: &str, entitlement: Entitlement, created: Timestamp) -> Device {
    Device {
        id: DeviceId::random(&*ENTROPY),
        kind: DeviceKind::Totp(TotpParameters::DEFAULT),
        display_name: DisplayName::new("display_name", "phone").unwrap(),
        created,
        state: State::Pending { session: session(in_session), entitlement },
        revision: crate::domain::device::FIRST_REVISION,
    }
}

pub(crate) fn verified(since: Timestamp) -> Device {
    let state = State::Verified { since, last_use: since };
    Device { state, ..pending("s-1", Entitlement::FirstFactor, since) }
}

pub(crate) fn passkey(since: Timestamp) -> Device {
    let id = DeviceId::random(&*ENTROPY);
    let details = PasskeyDetails {
        credential_id: CredentialId::new(id.uuid().as_bytes().to_vec()).unwrap(),
        aaguid: Aaguid::nil(),
        transports: Transports::of(["internal".to_owned()]),
        backup_eligible: false,
        backup_state: false,
        rp_id: "wallet.example".to_owned(),
    };
    Device { id, kind: DeviceKind::Passkey(details), ..verified(since) }
}

pub(crate) fn attempt(in_session: &str, purpose: u8) -> Attempt {
    Attempt { request: request(), session: session(in_session), purpose: [purpose; 32] }
}

pub(crate) fn proof(attempt: &Attempt, at: Timestamp) -> Proof {
    Proof {
        id: ProofId::random(&*ENTROPY),
        device: DeviceId::random(&*ENTROPY),
        kind: FactorKind::Totp,
        at,
        attempt: attempt.clone(),
        answer: AnswerMac([7; 32]),
        grant: false,
    }
}
