//! What every store of environments must do. One suite, run on every backend.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::{Entropy, EnvironmentId, Timestamp};
use testkit::{SeededEntropy, race};

use super::SqlEnvironments;
use crate::domain::assertion_issuer::AssertionIssuer;
use crate::domain::environment::{Environment, PairOf, Settings};
use crate::domain::preset::Preset;
use crate::domain::provider::{IdentityProvider, ProviderKeys};
use crate::ports::{EnvironmentStore, Written};

struct Suite {
    store: Arc<dyn EnvironmentStore>,
    /// A second handle on the same data, as another process has.
    other: Arc<dyn EnvironmentStore>,
    entropy: SeededEntropy,
}

impl Suite {
    fn environment(&self) -> Environment {
        let settings = Settings::of(Preset::Strict);
        Environment::first(EnvironmentId::random(&self.entropy), settings, Timestamp::from_millis(1_000))
    }

    async fn created(&self) -> Environment {
        self.created_with(&[]).await
    }

    async fn created_with(&self, audiences: &[&str]) -> Environment {
        let environment = with_providers(&self.environment(), audiences);
        assert_eq!(self.store.create(&environment, "issuer#admin").await.unwrap(), Written::Done);
        environment
    }

    /// What comes of all these updates at once, each from one process or the other.
    async fn update_at_once(&self, next: &[Environment]) -> Vec<Written> {
        let handles = [self.store.clone(), self.other.clone()];
        race(&handles, next.len(), |store, index| {
            let next = next[index].clone();
            async move { store.update(&next, "racer").await.unwrap() }
        })
        .await
    }

    async fn newest(&self, environment: &Environment) -> Environment {
        self.other.read(environment.id, None).await.unwrap().unwrap()
    }
}

fn provider(audience: &str) -> IdentityProvider {
    IdentityProvider {
        id: audience.to_owned(),
        issuer: "https://idp.example".to_owned(),
        audience: audience.to_owned(),
        keys: ProviderKeys::Inline("{}".to_owned()),
        algorithms: jose::Algorithm::ALL.to_vec(),
        session_claim: "sid".to_owned(),
    }
}

fn changed(environment: &Environment, change: impl FnOnce(&mut Settings)) -> Environment {
    let mut settings = environment.settings.clone();
    change(&mut settings);
    environment.next(settings, environment.updated.plus(std::time::Duration::from_secs(1)))
}

fn with_providers(environment: &Environment, audiences: &[&str]) -> Environment {
    let mut environment = environment.clone();
    environment.settings.identity_providers = audiences.iter().map(|audience| provider(audience)).collect();
    environment
}

async fn versions_stay_readable(suite: &Suite) {
    let first = suite.created().await;
    let second = changed(&first, |settings| settings.enrolment_required = true);
    assert_eq!(suite.store.update(&second, "issuer#other").await.unwrap(), Written::Done);
    let read = async |version| suite.store.read(first.id, version).await.unwrap();
    assert_eq!(read(None).await, Some(second.clone()));
    assert_eq!(read(Some(2)).await, Some(second));
    assert_eq!(read(Some(1)).await, Some(first.clone()));
    for absent in [0, 3, u64::MAX] {
        assert_eq!(read(Some(absent)).await, None);
    }
}

async fn an_unknown_environment_is_not_there(suite: &Suite) {
    let absent = suite.environment();
    assert_eq!(suite.store.read(absent.id, None).await.unwrap(), None);
    let next = changed(&absent, |_| {});
    assert_eq!(suite.store.update(&next, "a").await.unwrap(), Written::Stale);
    assert_eq!(suite.store.read(absent.id, None).await.unwrap(), None);
}

async fn an_id_is_taken_once(suite: &Suite) {
    let first = suite.created().await;
    let again = with_providers(&first, &["taken-once"]);
    assert_eq!(suite.store.create(&again, "b").await.unwrap(), Written::Stale);
    assert_eq!(suite.store.read(first.id, None).await.unwrap(), Some(first.clone()));
    // The refused attempt holds nothing.
    let other = with_providers(&suite.environment(), &["taken-once"]);
    assert_eq!(suite.store.create(&other, "c").await.unwrap(), Written::Done);
}

async fn of_many_updates_at_once_one_succeeds(suite: &Suite) {
    let first = suite.created().await;
    let attempts: Vec<_> = (0..64_u32)
        .map(|index| changed(&first, |settings| settings.display_name = format!("attempt {index}")))
        .collect();
    let written = suite.update_at_once(&attempts).await;
    let winners: Vec<_> = (0..64).filter(|index| written[*index] == Written::Done).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(written.iter().filter(|written| **written == Written::Stale).count(), 63);
    assert_eq!(suite.newest(&first).await, attempts[winners[0]]);
}

async fn of_many_creations_of_one_id_one_succeeds(suite: &Suite) {
    let handles = [suite.store.clone(), suite.other.clone()];
    let first = suite.environment();
    let written = race(&handles, 32, |store, index| {
        let environment = with_providers(&first, &[&format!("one-of-{index}")]);
        async move { store.create(&environment, "racer").await.unwrap() }
    })
    .await;
    assert_eq!(written.iter().filter(|written| **written == Written::Done).count(), 1);
    assert_eq!(written.iter().filter(|written| **written == Written::Stale).count(), 31);
    // Those that lost hold nothing.
    let kept = suite.newest(&first).await.settings.identity_providers[0].audience.clone();
    for index in 0..32 {
        let audience = format!("one-of-{index}");
        if audience != kept {
            suite.created_with(&[&audience]).await;
        }
    }
}

async fn a_token_leads_to_one_environment(suite: &Suite) {
    let first = with_providers(&suite.environment(), &["one-a", "one-b"]);
    assert_eq!(suite.store.create(&first, "a").await.unwrap(), Written::Done);

    let rival = with_providers(&suite.environment(), &["one-c", "one-b"]);
    let taken = PairOf::Provider(1);
    assert_eq!(suite.store.pair_in_use(rival.id, &rival.settings).await.unwrap(), Some(taken));
    assert_eq!(suite.store.create(&rival, "b").await.unwrap(), Written::PairInUse(taken));
    assert_eq!(suite.store.read(rival.id, None).await.unwrap(), None);

    // The refused attempt holds nothing, so this pair is free.
    let third = with_providers(&suite.environment(), &["one-c"]);
    assert_eq!(suite.store.create(&third, "c").await.unwrap(), Written::Done);
    let grab = with_providers(&changed(&third, |_| {}), &["one-c", "one-a"]);
    assert_eq!(suite.store.update(&grab, "c").await.unwrap(), Written::PairInUse(taken));
    assert_eq!(suite.store.read(third.id, None).await.unwrap(), Some(third));
}

async fn an_environment_keeps_and_gives_back_its_pairs(suite: &Suite) {
    let first = with_providers(&suite.environment(), &["kept", "given-back"]);
    assert_eq!(suite.store.create(&first, "a").await.unwrap(), Written::Done);
    assert_eq!(suite.store.pair_in_use(first.id, &first.settings).await.unwrap(), None);
    let second = with_providers(&changed(&first, |_| {}), &["kept"]);
    assert_eq!(suite.store.update(&second, "a").await.unwrap(), Written::Done);
    let other = with_providers(&suite.environment(), &["given-back"]);
    assert_eq!(suite.store.create(&other, "b").await.unwrap(), Written::Done);
}

fn with_issuers(environment: &Environment, audiences: &[&str]) -> Environment {
    let mut environment = environment.clone();
    let issuer = |audience: &&str| AssertionIssuer {
        id: (*audience).to_owned(),
        issuer: "https://idp.example".to_owned(),
        audience: (*audience).to_owned(),
        keys: ProviderKeys::Inline("{}".to_owned()),
        algorithms: jose::Algorithm::ALL.to_vec(),
        scopes: vec![kernel::Scope::WalletSign],
        acr: kernel::Acr::Otp,
        max_age_seconds: 120,
    };
    environment.settings.assertion_issuers = audiences.iter().map(issuer).collect();
    environment
}

/// What signs sessions anywhere signs no assertions, and the reverse.
async fn providers_and_assertion_issuers_have_their_pairs_out_of_one_pot(suite: &Suite) {
    let first = with_issuers(&with_providers(&suite.environment(), &["pot-a"]), &["pot-b", "pot-c"]);
    assert_eq!(suite.store.create(&first, "a").await.unwrap(), Written::Done);
    assert_eq!(suite.newest(&first).await, first);
    for (rival, taken) in [
        (with_issuers(&suite.environment(), &["pot-d", "pot-a"]), PairOf::AssertionIssuer(1)),
        (with_issuers(&suite.environment(), &["pot-b"]), PairOf::AssertionIssuer(0)),
        (with_providers(&suite.environment(), &["pot-c"]), PairOf::Provider(0)),
    ] {
        assert_eq!(suite.store.pair_in_use(rival.id, &rival.settings).await.unwrap(), Some(taken));
        assert_eq!(suite.store.create(&rival, "b").await.unwrap(), Written::PairInUse(taken));
    }
    // One pair may go from one list to the other, and what is given back is free.
    let moved = with_issuers(&with_providers(&changed(&first, |_| {}), &["pot-b"]), &["pot-a"]);
    assert_eq!(suite.store.update(&moved, "a").await.unwrap(), Written::Done);
    assert_eq!(suite.newest(&first).await, moved);
    suite.created_with(&["pot-c"]).await;
}

async fn pairs_are_compared_as_text(suite: &Suite) {
    for audience in ["text", "Text", "text ", "téxt"] {
        let environment = with_providers(&suite.environment(), &[audience]);
        assert_eq!(suite.store.create(&environment, "a").await.unwrap(), Written::Done, "{audience}");
    }
}

async fn of_many_that_want_one_pair_one_gets_it(suite: &Suite) {
    let handles = [suite.store.clone(), suite.other.clone()];
    let written = race(&handles, 32, |store, _| {
        let environment = with_providers(&suite.environment(), &["wanted-by-all"]);
        async move { store.create(&environment, "racer").await.unwrap() }
    })
    .await;
    assert_eq!(written.iter().filter(|written| **written == Written::Done).count(), 1);
    assert_eq!(
        written.iter().filter(|written| **written == Written::PairInUse(PairOf::Provider(0))).count(),
        31
    );
}

/// Neither may wait for the other, and neither gets what the other has.
async fn environments_that_exchange_their_pairs_at_once_are_both_refused(suite: &Suite) {
    let first = suite.created_with(&["mine", "also-mine"]).await;
    let second = suite.created_with(&["theirs", "also-theirs"]).await;
    for _ in 0..20 {
        let swapped = [
            with_providers(&changed(&first, |_| {}), &["also-theirs", "theirs"]),
            with_providers(&changed(&second, |_| {}), &["mine", "also-mine"]),
        ];
        for written in suite.update_at_once(&swapped).await {
            assert!(matches!(written, Written::PairInUse(_)), "{written:?}");
        }
    }
    assert_eq!((suite.newest(&first).await, suite.newest(&second).await), (first, second));
}

/// Eight environments have eight of nine pairs that stand in a ring, and each wants the next one. Who finds it taken is
/// refused, and tries again.
async fn pairs_that_change_hands_have_one_owner_throughout(suite: &Suite) {
    let name = |place: usize| format!("ring-{}", place % 9);
    let place = |environment: &Environment| -> usize {
        environment.settings.identity_providers[0].audience[5..].parse().unwrap()
    };
    let mut ring = Vec::new();
    for index in 0..8 {
        ring.push(suite.created_with(&[&name(index)]).await);
    }
    for _ in 0..8 {
        let next: Vec<_> = ring
            .iter()
            .map(|environment| {
                with_providers(&changed(environment, |_| {}), &[&name(place(environment) + 1)])
            })
            .collect();
        let written = suite.update_at_once(&next).await;
        assert!(written.contains(&Written::Done));
        for ((environment, next), written) in ring.iter_mut().zip(next).zip(written) {
            if written == Written::Done {
                *environment = next;
            }
            assert_eq!(suite.newest(environment).await, *environment);
        }
        let owned: BTreeSet<_> = ring.iter().map(place).collect();
        assert_eq!(owned.len(), 8);
    }
}

/// An index holds entries of a bounded length.
async fn the_longest_pairs_can_be_kept(suite: &Suite) {
    // Of letters in no order, so that nothing makes them shorter.
    let long = |seed| {
        let mut octets = [0; 512];
        SeededEntropy::new(seed).fill(&mut octets);
        octets.iter().map(|octet| char::from(b'!' + octet % 94)).collect::<String>()
    };
    let mut environment = with_providers(&suite.environment(), &[&long(1)]);
    environment.settings.identity_providers[0].issuer = long(2);
    assert_eq!(suite.store.create(&environment, "a").await.unwrap(), Written::Done);
    let mut other = suite.environment();
    other.settings.identity_providers.clone_from(&environment.settings.identity_providers);
    let taken = Written::PairInUse(PairOf::Provider(0));
    assert_eq!(suite.store.create(&other, "a").await.unwrap(), taken);
}

async fn ids_come_in_their_order(suite: &Suite) {
    for _ in 0..5 {
        suite.created().await;
    }
    let all = suite.store.ids(None, 1_000).await.unwrap();
    assert!(all.len() >= 5 && all.is_sorted());
    let texts: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert!(texts.is_sorted());
    let mut walked = Vec::new();
    loop {
        let page = suite.store.ids(walked.last().copied(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, all);
}

/// Every clause of the port, on a store that is empty.
async fn keeps_its_promises([store, other]: [Arc<dyn EnvironmentStore>; 2]) {
    let suite = Suite { store, other, entropy: SeededEntropy::new(1) };
    versions_stay_readable(&suite).await;
    an_unknown_environment_is_not_there(&suite).await;
    an_id_is_taken_once(&suite).await;
    of_many_updates_at_once_one_succeeds(&suite).await;
    of_many_creations_of_one_id_one_succeeds(&suite).await;
    a_token_leads_to_one_environment(&suite).await;
    an_environment_keeps_and_gives_back_its_pairs(&suite).await;
    providers_and_assertion_issuers_have_their_pairs_out_of_one_pot(&suite).await;
    pairs_are_compared_as_text(&suite).await;
    of_many_that_want_one_pair_one_gets_it(&suite).await;
    environments_that_exchange_their_pairs_at_once_are_both_refused(&suite).await;
    pairs_that_change_hands_have_one_owner_throughout(&suite).await;
    the_longest_pairs_can_be_kept(&suite).await;
    ids_come_in_their_order(&suite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_backend_keeps_its_promises() {
    testkit::on_each::<crate::Migrator>(async |pools| {
        keeps_its_promises(pools.map(|pool| Arc::new(SqlEnvironments::new(pool)) as _)).await;
    })
    .await;
}
