//! Clauses about passkeys: one is born once, its counter goes on, and what it signed is kept.

use super::*;
use crate::domain::device::FIRST_REVISION;
use crate::domain::{
    Aaguid, AnswerMac, Assertion, CredentialId, Device, Happening, NewPasskey, PasskeyCredential,
    PasskeyDetails, SignCount, Transports,
};
use crate::ports::{Born, PasskeyBirth, PasskeyStore, Signed, SignedOutcome, UserStore};

pub(in crate::store) trait Store: DeviceStore + PasskeyStore + UserStore + 'static {}

impl<S: DeviceStore + PasskeyStore + UserStore + 'static> Store for S {}

fn credential() -> CredentialId {
    CredentialId::new(DeviceId::random(&*ENTROPY).uuid().as_bytes().to_vec()).unwrap()
}

/// That of a first factor.
fn birth(credential: CredentialId) -> PasskeyBirth {
    let id = DeviceId::random(&*ENTROPY);
    PasskeyBirth {
        id,
        display_name: DisplayName::new("display_name", "key").unwrap(),
        payment: None,
        generation: 0,
        rp_id: "wallet.example".to_owned(),
        passkey: NewPasskey {
            credential: PasskeyCredential {
                id: credential,
                library: "{\"cred\":1}".to_owned(),
                backup_eligible: true,
                transports: Transports::of(["usb".to_owned(), "nfc".to_owned()]),
            },
            public_key: vec![0xa5, 1, 2],
            sign_count: SignCount(5),
            backup_state: false,
            aaguid: Aaguid::from_u128(7),
        },
        max_passkeys: 10,
        proof: Proof { kind: FactorKind::Passkey, ..proof(id, &attempt("s-1", 1), NOW) },
    }
}

/// The factor that it becomes.
fn device(birth: &PasskeyBirth) -> Device {
    let NewPasskey { ref credential, backup_state, aaguid, .. } = birth.passkey;
    Device {
        id: birth.id,
        kind: DeviceKind::Passkey(PasskeyDetails {
            credential_id: credential.id.clone(),
            aaguid,
            transports: credential.transports.clone(),
            backup_eligible: credential.backup_eligible,
            backup_state,
            rp_id: birth.rp_id.clone(),
        }),
        display_name: birth.display_name.clone(),
        created: birth.proof.at,
        state: State::Verified { since: birth.proof.at, last_use: birth.proof.at },
        revision: FIRST_REVISION,
    }
}

/// A passkey, whatever the user has already, whose counter is at 5.
async fn key<S: Store>(store: &S, owner: Owner) -> PasskeyBirth {
    key_at(store, owner, 5).await
}

/// The same, with another counter.
async fn key_at<S: Store>(store: &S, owner: Owner, count: u32) -> PasskeyBirth {
    let generation = store.holdings(owner).await.unwrap().generation;
    let payment = Some(payment(store, owner).await);
    let mut birth = PasskeyBirth { generation, payment, ..birth(credential()) };
    birth.passkey.sign_count = SignCount(count);
    assert_eq!(store.register_passkey(owner, &birth).await.unwrap(), Born::Factor);
    birth
}

fn signed(key: &PasskeyBirth, count: u32) -> Signed {
    signed_for(key, count, &attempt("s-1", 1))
}

fn signed_for(key: &PasskeyBirth, count: u32, attempt: &Attempt) -> Signed {
    let at = NOW.plus(SECOND);
    let answer = AnswerMac([8; 32]);
    Signed {
        proof: Proof { kind: FactorKind::Passkey, answer, ..proof(key.id, attempt, at) },
        assertion: Assertion {
            credential: key.passkey.credential.id.clone(),
            sign_count: SignCount(count),
            backup_state: true,
            authenticator_data: vec![1, 2],
            client_data: b"{}".to_vec(),
            signature: vec![3, 4],
        },
        rp_id: key.rp_id.clone(),
        nonce: [4; 32],
        operation: Some([5; 32]),
    }
}

fn wins(outcomes: &[SignedOutcome]) -> usize {
    outcomes.iter().filter(|outcome| **outcome == SignedOutcome::Accepted).count()
}

pub(in crate::store) async fn a_passkey_comes_back_as_it_was_registered<S: Store>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let born = birth(credential());
    assert_eq!(store.register_passkey(owner, &born).await.unwrap(), Born::Factor);
    let holdings = other.holdings(owner).await.unwrap();
    assert_eq!(holdings.devices, [device(&born)]);
    assert_eq!((holdings.default, holdings.ever_verified), (Some(born.id), true));
    assert_eq!(holdings.generation, 1);
    let held = other.passkeys(owner).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].device, held[0].rp_id.as_str()), (born.id, "wallet.example"));
    assert_eq!(held[0].credential, born.passkey.credential);
    assert_eq!(other.proof(owner, born.proof.attempt.request).await.unwrap(), Some(born.proof));
    assert!(other.passkeys(crate::fixtures::owner()).await.unwrap().is_empty());
    // It is no TOTP device, and has no seed.
    assert!(store.seed(owner, born.id).await.unwrap().is_none());
    assert!(!store.accept(owner, &acceptance(born.id, "s-1", 100, NOW)).await.unwrap());
}

pub(in crate::store) async fn a_passkey_is_born_by_right_only<S: Store>([store, other]: Handles<S>) {
    let owner = owner();
    factor(&*store, owner).await;
    let first = PasskeyBirth { generation: 1, ..birth(credential()) };
    assert_eq!(store.register_passkey(owner, &first).await.unwrap(), Born::NotFirst);
    let spend = payment(&*store, owner).await;
    let further = PasskeyBirth { payment: Some(spend), ..first };
    let outdated = PasskeyBirth { generation: 0, ..further.clone() };
    assert_eq!(store.register_passkey(owner, &outdated).await.unwrap(), Born::Over);
    let full = PasskeyBirth { max_passkeys: 0, ..further.clone() };
    assert_eq!(store.register_passkey(owner, &full).await.unwrap(), Born::TooManyPasskeys);
    // None of these has touched the payment, nor left a proof.
    assert_eq!(store.proof(owner, further.proof.attempt.request).await.unwrap(), None);
    let newest = again(&*other, &spend).await;
    let refused = store.register_passkey(owner, &further).await.unwrap_err();
    assert_eq!(refused.reason(), kernel::Reason::AttemptUnknown);
    assert_eq!(ids(&*store, owner).await.len(), 1);
    let paid = PasskeyBirth { payment: Some(newest), ..further };
    assert_eq!(store.register_passkey(owner, &paid).await.unwrap(), Born::Factor);
    let spent = store.spend(&newest, NOW).await.unwrap_err();
    assert_eq!(spent.reason(), kernel::Reason::ReceiptSpent);
}

pub(in crate::store) async fn a_birth_ends_what_is_pending_and_what_began_before<S: Store>(
    [store, _]: Handles<S>,
) {
    let owner = owner();
    let pending = enrolment("s-1", NOW);
    store.enrol(owner, &pending).await.unwrap();
    let born = birth(credential());
    assert_eq!(store.register_passkey(owner, &born).await.unwrap(), Born::Factor);
    assert_eq!(ids(&*store, owner).await, [born.id]);
    assert!(store.seed(owner, pending.id).await.unwrap().is_none());
    // That of a TOTP device likewise.
    let began = store.holdings(owner).await.unwrap().generation;
    factor(&*store, owner).await;
    let payment = Some(payment(&*store, owner).await);
    let late = PasskeyBirth { generation: began, payment, ..birth(credential()) };
    assert_eq!(store.register_passkey(owner, &late).await.unwrap(), Born::Over);
}

pub(in crate::store) async fn a_credential_is_one_passkey_within_its_environment<S: Store>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let credential = credential();
    assert_eq!(store.register_passkey(owner, &birth(credential.clone())).await.unwrap(), Born::Factor);
    let neighbour = Owner { user: crate::fixtures::owner().user, ..owner };
    assert_eq!(other.register_passkey(neighbour, &birth(credential.clone())).await.unwrap(), Born::Taken);
    assert_eq!(other.holdings(neighbour).await.unwrap().devices, []);
    assert!(!other.holdings(neighbour).await.unwrap().ever_verified);
    let elsewhere = crate::fixtures::owner();
    assert_eq!(other.register_passkey(elsewhere, &birth(credential)).await.unwrap(), Born::Factor);
}

pub(in crate::store) async fn of_many_who_register_one_credential_one_has_it<S: Store>(handles: Handles<S>) {
    for _ in 0..5 {
        let environment = owner();
        let users: Vec<_> = (0..4).map(|_| Owner { user: owner().user, ..environment }).collect();
        let credential = credential();
        let born = race(&handles, 16, |store, index| {
            let (owner, birth) = (users[index % 4], birth(credential.clone()));
            async move { store.register_passkey(owner, &birth).await.unwrap() }
        })
        .await;
        assert_eq!(born.iter().filter(|born| **born == Born::Factor).count(), 1, "{born:?}");
        let mut held = 0;
        for user in users {
            held += handles[0].holdings(user).await.unwrap().devices.len();
        }
        assert_eq!(held, 1);
    }
}

pub(in crate::store) async fn of_many_first_factors_of_any_kind_one_is_born<S: Store>(handles: Handles<S>) {
    for _ in 0..10 {
        let owner = owner();
        let pending = enrolment("s-1", NOW);
        handles[0].enrol(owner, &pending).await.unwrap();
        let device = pending.id;
        let born = race(&handles, 12, move |store, index| async move {
            if index % 3 == 0 {
                return store.accept(owner, &activation(device, "s-1", 100, NOW)).await.unwrap();
            }
            store.register_passkey(owner, &birth(credential())).await.unwrap() == Born::Factor
        })
        .await;
        assert_eq!(count(&born), 1);
        let holdings = handles[1].holdings(owner).await.unwrap();
        assert_eq!((holdings.devices.len(), holdings.factors().len()), (1, 1));
        assert_eq!(holdings.default, Some(holdings.devices[0].id));
    }
}

pub(in crate::store) async fn of_many_registrations_with_one_payment_one_is_born<S: Store>(
    handles: Handles<S>,
) {
    for _ in 0..3 {
        let owner = owner();
        factor(&*handles[0], owner).await;
        let payment = Some(payment(&*handles[0], owner).await);
        let born = race(&handles, 16, move |store, _| async move {
            let birth = PasskeyBirth { payment, generation: 1, ..birth(credential()) };
            matches!(store.register_passkey(owner, &birth).await, Ok(Born::Factor))
        })
        .await;
        assert_eq!((count(&born), ids(&*handles[1], owner).await.len()), (1, 2));
    }
}

pub(in crate::store) async fn a_signature_moves_the_counter_and_leaves_proof_and_evidence<S: Store>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let key = key(&*store, owner).await;
    let first = signed(&key, 6);
    assert_eq!(store.accept_signature(owner, &first).await.unwrap(), SignedOutcome::Accepted);
    let holdings = other.holdings(owner).await.unwrap();
    let State::Verified { last_use, .. } = holdings.devices[0].state else { panic!("{holdings:?}") };
    assert_eq!(last_use, first.proof.at);
    let DeviceKind::Passkey(details) = &holdings.devices[0].kind else { panic!("{holdings:?}") };
    assert!(details.backup_state, "as it signed");
    assert_eq!(other.proof(owner, first.proof.attempt.request).await.unwrap(), Some(first.proof.clone()));
    let evidence = other.evidence(owner, first.proof.id).await.unwrap().unwrap();
    assert_eq!((evidence.device, evidence.at), (key.id, first.proof.at));
    assert_eq!(evidence.credential, key.passkey.credential.id);
    assert_eq!(evidence.public_key, key.passkey.public_key);
    assert_eq!(evidence.authenticator_data, first.assertion.authenticator_data);
    assert_eq!(
        (evidence.client_data, evidence.signature),
        (first.assertion.client_data.clone(), first.assertion.signature.clone())
    );
    assert_eq!((evidence.nonce, evidence.operation), (first.nonce, first.operation));
    assert_eq!((evidence.purpose, evidence.rp_id), ([1; 32], key.rp_id.clone()));
    assert_eq!(other.evidence(crate::fixtures::owner(), first.proof.id).await.unwrap(), None);
    // It stays when the passkey and its proofs go.
    assert_eq!(remove(&*store, owner, key.id, false).await, Removal::Removed);
    assert_eq!(other.proof(owner, first.proof.attempt.request).await.unwrap(), None);
    assert!(other.evidence(owner, first.proof.id).await.unwrap().is_some());
    let late = signed(&key, 7);
    assert_eq!(store.accept_signature(owner, &late).await.unwrap(), SignedOutcome::Unknown);
    assert_eq!(other.evidence(owner, late.proof.id).await.unwrap(), None);
}

pub(in crate::store) async fn a_counter_that_goes_back_changes_nothing<S: Store>([store, other]: Handles<S>) {
    let owner = owner();
    let key = key(&*store, owner).await;
    for count in [5, 4, 0] {
        let back = signed(&key, count);
        let outcome = store.accept_signature(owner, &back).await.unwrap();
        assert_eq!(outcome, SignedOutcome::CounterWentBack, "{count}");
        assert_eq!(other.proof(owner, back.proof.attempt.request).await.unwrap(), None);
        assert_eq!(other.evidence(owner, back.proof.id).await.unwrap(), None);
    }
    assert_eq!(other.holdings(owner).await.unwrap().devices, [device(&key)]);
    assert_eq!(store.accept_signature(owner, &signed(&key, 6)).await.unwrap(), SignedOutcome::Accepted);
    assert_eq!(
        store.accept_signature(owner, &signed(&key, 5)).await.unwrap(),
        SignedOutcome::CounterWentBack
    );
}

pub(in crate::store) async fn a_signature_is_for_a_passkey_of_its_user<S: Store>([store, _]: Handles<S>) {
    let mine = owner();
    let theirs = Owner { user: crate::fixtures::owner().user, ..mine };
    let (key, other) = (key(&*store, mine).await, key(&*store, theirs).await);
    let outcome = async |owner, signed: Signed| store.accept_signature(owner, &signed).await.unwrap();
    assert_eq!(outcome(theirs, signed(&key, 6)).await, SignedOutcome::Unknown);
    assert_eq!(outcome(crate::fixtures::owner(), signed(&key, 6)).await, SignedOutcome::Unknown);
    // The device of one and the credential of another.
    let mixed = Signed { proof: signed(&key, 6).proof, ..signed(&other, 6) };
    assert_eq!(outcome(mine, mixed).await, SignedOutcome::Unknown);
    assert_eq!(outcome(mine, signed(&key, 6)).await, SignedOutcome::Accepted);
}

pub(in crate::store) async fn of_64_who_bring_one_signature_one_is_accepted<S: Store>(handles: Handles<S>) {
    let owner = owner();
    let key = key(&*handles[0], owner).await;
    for counter in 6..12 {
        let accepted = race(&handles, 64, |store, _| {
            let signed = signed(&key, counter);
            async move { store.accept_signature(owner, &signed).await.unwrap() }
        })
        .await;
        assert_eq!(wins(&accepted), 1, "counter {counter}");
    }
}

pub(in crate::store) async fn of_parallel_signatures_with_one_request_one_is_answered<S: Store>(
    handles: Handles<S>,
) {
    let owner = owner();
    // Of an authenticator without a counter, so that only the request id tells them apart.
    let key = key_at(&*handles[0], owner, 0).await;
    let attempt = attempt("s-1", 1);
    let accepted = race(&handles, 32, |store, _| {
        let signed = signed_for(&key, 0, &attempt);
        async move { store.accept_signature(owner, &signed).await.unwrap() }
    })
    .await;
    assert_eq!(wins(&accepted), 1);
    let rest = accepted.iter().filter(|outcome| **outcome == SignedOutcome::Answered).count();
    assert_eq!(rest, 31);
    assert!(handles[1].proof(owner, attempt.request).await.unwrap().is_some());
}

pub(in crate::store) async fn what_is_removed_while_it_signs_is_one_or_the_other<S: Store>(
    handles: Handles<S>,
) {
    for _ in 0..10 {
        let owner = owner();
        let key = key(&*handles[0], owner).await;
        let (signing, device) = (signed(&key, 6), key.id);
        let request = signing.proof.attempt.request;
        race(&handles, 2, |store, index| {
            let signing = signing.clone();
            async move {
                if index == 0 {
                    assert_eq!(remove(&*store, owner, device, false).await, Removal::Removed);
                } else {
                    let outcome = store.accept_signature(owner, &signing).await.unwrap();
                    assert!(matches!(outcome, SignedOutcome::Accepted | SignedOutcome::Unknown));
                }
            }
        })
        .await;
        assert_eq!(handles[1].proof(owner, request).await.unwrap(), None, "it goes with the passkey");
        assert!(handles[1].holdings(owner).await.unwrap().devices.is_empty());
    }
}

/// What the owner of a factor was told of it, in order.
async fn told<S: Store>(store: &S, owner: Owner) -> Vec<(Happening, Option<DeviceId>, Option<FactorKind>)> {
    let all = store.events(owner.environment, 0, 200).await.unwrap();
    let own = all.into_iter().filter(|one| one.owner == owner).map(|one| one.event);
    own.map(|event| (event.what, event.device, event.kind)).collect()
}

pub(in crate::store) async fn every_change_of_a_factor_is_told_and_nothing_else<S: Store>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let totp = factor(&*store, owner).await;
    let key = key(&*store, owner).await;
    let pending = paid(&*store, owner, "s-1", NOW).await;
    store.enrol(owner, &pending).await.unwrap();
    let name = DisplayName::new("display_name", "new").unwrap();
    assert!(store.rename(owner, pending.id, &name, 1, NOW).await.unwrap(), "pending: not told");
    assert!(store.rename(owner, key.id, &name, 1, NOW).await.unwrap());
    assert!(!store.rename(owner, key.id, &name, 1, NOW).await.unwrap(), "the revision is another one");
    assert!(store.set_default(owner, key.id, NOW).await.unwrap());
    assert!(store.set_default(owner, key.id, NOW).await.unwrap(), "it is already");
    assert_eq!(store.accept_signature(owner, &signed(&key, 6)).await.unwrap(), SignedOutcome::Accepted);
    assert_eq!(
        store.accept_signature(owner, &signed(&key, 6)).await.unwrap(),
        SignedOutcome::CounterWentBack
    );
    assert!(store.discard(owner, pending.id, &in_session("s-1")).await.unwrap());
    assert_eq!(remove(&*store, owner, key.id, false).await, Removal::Removed);
    assert_eq!(remove(&*store, owner, key.id, false).await, Removal::Unknown);
    assert_eq!(remove(&*store, owner, totp, true).await, Removal::LastOne);
    let of = |what, device, kind| (what, Some(device), Some(kind));
    let expected = [
        of(Happening::FactorAdded, totp, FactorKind::Totp),
        of(Happening::FactorAdded, key.id, FactorKind::Passkey),
        of(Happening::FactorRenamed, key.id, FactorKind::Passkey),
        of(Happening::DefaultChanged, key.id, FactorKind::Passkey),
        of(Happening::PasskeyCloneSuspected, key.id, FactorKind::Passkey),
        of(Happening::FactorRemoved, key.id, FactorKind::Passkey),
        of(Happening::DefaultChanged, totp, FactorKind::Totp),
    ];
    assert_eq!(told(&*other, owner).await, expected);
}

pub(in crate::store) async fn a_reset_ends_passkeys_and_registrations_under_way<S: Store>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let held = key(&*store, owner).await;
    let began = store.holdings(owner).await.unwrap().generation;
    let payment = Some(payment(&*store, owner).await);
    store.reset(owner, true, NOW).await.unwrap();
    assert!(other.passkeys(owner).await.unwrap().is_empty());
    assert_eq!(other.accept_signature(owner, &signed(&held, 6)).await.unwrap(), SignedOutcome::Unknown);
    for payment in [payment, None] {
        let late = PasskeyBirth { generation: began, payment, ..birth(credential()) };
        assert_eq!(other.register_passkey(owner, &late).await.unwrap(), Born::Over);
    }
    // Its credential is free again.
    let generation = store.holdings(owner).await.unwrap().generation;
    let again = PasskeyBirth { generation, ..birth(held.passkey.credential.id.clone()) };
    assert_eq!(other.register_passkey(owner, &again).await.unwrap(), Born::Factor);
}
