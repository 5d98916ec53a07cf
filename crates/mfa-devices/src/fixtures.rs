//! What the tests of several rooms need.

use std::sync::LazyLock;

use kernel::{DeviceId, EnvironmentId, ProofId, RequestId, SessionId, Timestamp, UserId};
use testkit::SeededEntropy;

use crate::domain::{Attempt, CodeMac, Device, DisplayName, Entitlement, Owner, Proof, State};

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

pub(crate) fn attempt(in_session: &str, purpose: u8) -> Attempt {
    Attempt { request: request(), session: session(in_session), purpose: [purpose; 32] }
}

pub(crate) fn proof(attempt: &Attempt, at: Timestamp) -> Proof {
    Proof {
        id: ProofId::random(&*ENTROPY),
        device: DeviceId::random(&*ENTROPY),
        at,
        attempt: attempt.clone(),
        code: CodeMac([7; 32]),
    }
}
