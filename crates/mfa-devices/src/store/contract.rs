//! What every store of devices promises, as tests over the port: run on each backend by [`contract_tests`].
//!
//! Each clause is given two handles on the same data, as two processes have.

pub(super) mod passkeys;
pub(super) mod proving;
pub(super) mod recovery;
pub(super) mod registering;
pub(super) mod throttling;
pub(super) mod users;

use std::sync::Arc;
use std::time::Duration;

use kernel::{AttemptId, DeviceId, FactorKind, OperationId, SessionId, Timestamp, TokenId};
use storage::spending::Spend;
use testkit::race;

use crate::domain::{Attempt, DeviceKind, DisplayName, Owner, Proof, Seed, State, Step, TotpParameters};
use crate::fixtures::{ENTROPY, NOW, attempt, owner, proof as proof_of, session};
use crate::ports::{Acceptance, DeviceStore, Enrolled, Enrolment, Leaving, Removal};

/// The kind that all tries are made with.
const KIND: FactorKind = FactorKind::Totp;

/// Two handles on the same data.
pub(super) type Handles<S> = [Arc<S>; 2];

/// Makes a test of each clause, which `$on_each` runs on each backend.
macro_rules! contract_tests {
    ($on_each:expr; $($room:ident :: { $($clause:ident),+ $(,)? })+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $clause() {
                $on_each($crate::store::contract::$room::$clause).await;
            }
        )+)+
    };
}
pub(super) use contract_tests;

/// That of a first factor.
fn enrolment(in_session: &str, at: Timestamp) -> Enrolment {
    Enrolment {
        id: DeviceId::random(&*ENTROPY),
        display_name: DisplayName::new("display_name", "phone").unwrap(),
        session: session(in_session),
        payment: None,
        at,
        seed: Seed::random(&*ENTROPY, TotpParameters::DEFAULT),
        max_factors: 10,
        generation: 0,
    }
}

/// That of a further factor, paid for by a receipt of its own.
async fn paid<S: DeviceStore>(store: &S, owner: Owner, in_session: &str, at: Timestamp) -> Enrolment {
    let generation = store.holdings(owner).await.unwrap().generation;
    Enrolment { payment: Some(payment(store, owner).await), generation, ..enrolment(in_session, at) }
}

/// A receipt that was just spent.
async fn payment<S: DeviceStore>(store: &S, owner: Owner) -> Spend {
    let spend = Spend {
        environment: owner.environment,
        user: owner.user,
        operation: OperationId::random(&*ENTROPY),
        digest: [5; 32],
        paid_by: Some(TokenId::random(&*ENTROPY)),
        attempt: AttemptId::random(&*ENTROPY),
    };
    store.spend(&spend, NOW).await.unwrap();
    spend
}

/// The same receipt, spent again by another call.
async fn again<S: DeviceStore>(store: &S, payment: &Spend) -> Spend {
    let spend = Spend { attempt: AttemptId::random(&*ENTROPY), ..*payment };
    store.spend(&spend, NOW).await.unwrap();
    spend
}

/// Removes a factor with a receipt of its own.
async fn remove<S: DeviceStore>(store: &S, owner: Owner, device: DeviceId, keep_last: bool) -> Removal {
    let payment = payment(store, owner).await;
    let generation = store.holdings(owner).await.unwrap().generation;
    store.remove(owner, &Leaving { device, keep_last, payment, generation, at: NOW }).await.unwrap()
}

fn proof(device: DeviceId, attempt: &Attempt, at: Timestamp) -> Proof {
    Proof { device, ..proof_of(attempt, at) }
}

/// A code of `step` that is accepted at `at` in `in_session`.
fn acceptance(device: DeviceId, in_session: &str, step: u64, at: Timestamp) -> Acceptance {
    let proof = proof(device, &attempt(in_session, 1), at);
    Acceptance { step: Step::from_number(step), proof, activates: false }
}

fn activation(device: DeviceId, in_session: &str, step: u64, at: Timestamp) -> Acceptance {
    Acceptance { activates: true, ..acceptance(device, in_session, step, at) }
}

/// A factor whose step 100 is used up.
async fn factor<S: DeviceStore>(store: &S, owner: Owner) -> DeviceId {
    factor_at(store, owner, NOW).await
}

async fn factor_at<S: DeviceStore>(store: &S, owner: Owner, at: Timestamp) -> DeviceId {
    let enrolment = paid(store, owner, "s-factor", at).await;
    assert_eq!(store.enrol(owner, &enrolment).await.unwrap(), Enrolled::Pending);
    assert!(store.accept(owner, &activation(enrolment.id, "s-factor", 100, at)).await.unwrap());
    enrolment.id
}

async fn ids<S: DeviceStore>(store: &S, owner: Owner) -> Vec<DeviceId> {
    let mut ids: Vec<_> =
        store.holdings(owner).await.unwrap().devices.iter().map(|device| device.id).collect();
    ids.sort();
    ids
}

fn count(outcomes: &[bool]) -> usize {
    outcomes.iter().filter(|won| **won).count()
}

const SECOND: Duration = Duration::from_secs(1);

fn in_session(text: &str) -> SessionId {
    session(text)
}
