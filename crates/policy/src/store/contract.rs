//! What every store of environments must do. One suite, run on every backend.

use std::sync::Arc;

use kernel::{EnvironmentId, Timestamp};
use testkit::SeededEntropy;

use super::SqlEnvironments;
use crate::domain::environment::{Environment, Settings};
use crate::domain::preset::Preset;
use crate::domain::provider::{IdentityProvider, ProviderKeys};
use crate::ports::{EnvironmentStore, Written};

struct Suite {
    store: Arc<dyn EnvironmentStore>,
    entropy: SeededEntropy,
}

impl Suite {
    fn environment(&self) -> Environment {
        let settings = Settings::of(Preset::Strict);
        Environment::first(EnvironmentId::random(&self.entropy), settings, Timestamp::from_millis(1_000))
    }

    async fn created(&self) -> Environment {
        let environment = self.environment();
        assert_eq!(self.store.create(&environment, "issuer#admin").await.unwrap(), Written::Done);
        environment
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
    let attempts = (0..32_u32).map(|index| {
        let store = suite.store.clone();
        let next = changed(&first, |settings| settings.display_name = format!("attempt {index}"));
        tokio::spawn(async move { (store.update(&next, "racer").await.unwrap(), next) })
    });
    let mut winners = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            (Written::Done, next) => winners.push(next),
            (written, _) => assert_eq!(written, Written::Stale),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(suite.store.read(first.id, None).await.unwrap(), winners.pop());
}

async fn a_token_leads_to_one_environment(suite: &Suite) {
    let first = with_providers(&suite.environment(), &["one-a", "one-b"]);
    assert_eq!(suite.store.create(&first, "a").await.unwrap(), Written::Done);

    let rival = with_providers(&suite.environment(), &["one-c", "one-b"]);
    assert_eq!(
        suite.store.provider_in_use(rival.id, &rival.settings.identity_providers).await.unwrap(),
        Some(1)
    );
    assert_eq!(suite.store.create(&rival, "b").await.unwrap(), Written::ProviderInUse(1));
    assert_eq!(suite.store.read(rival.id, None).await.unwrap(), None);

    // The refused attempt holds nothing, so this pair is free.
    let third = with_providers(&suite.environment(), &["one-c"]);
    assert_eq!(suite.store.create(&third, "c").await.unwrap(), Written::Done);
    let grab = with_providers(&changed(&third, |_| {}), &["one-c", "one-a"]);
    assert_eq!(suite.store.update(&grab, "c").await.unwrap(), Written::ProviderInUse(1));
    assert_eq!(suite.store.read(third.id, None).await.unwrap(), Some(third));
}

async fn an_environment_keeps_and_gives_back_its_pairs(suite: &Suite) {
    let first = with_providers(&suite.environment(), &["kept", "given-back"]);
    assert_eq!(suite.store.create(&first, "a").await.unwrap(), Written::Done);
    assert_eq!(
        suite.store.provider_in_use(first.id, &first.settings.identity_providers).await.unwrap(),
        None
    );
    let second = with_providers(&changed(&first, |_| {}), &["kept"]);
    assert_eq!(suite.store.update(&second, "a").await.unwrap(), Written::Done);
    let other = with_providers(&suite.environment(), &["given-back"]);
    assert_eq!(suite.store.create(&other, "b").await.unwrap(), Written::Done);
}

async fn pairs_are_compared_as_text(suite: &Suite) {
    for audience in ["text", "Text", "text ", "téxt"] {
        let environment = with_providers(&suite.environment(), &[audience]);
        assert_eq!(suite.store.create(&environment, "a").await.unwrap(), Written::Done, "{audience}");
    }
}

async fn of_many_that_want_one_pair_one_gets_it(suite: &Suite) {
    let attempts = (0..16).map(|_| {
        let store = suite.store.clone();
        let environment = with_providers(&suite.environment(), &["wanted-by-all"]);
        tokio::spawn(async move { store.create(&environment, "racer").await.unwrap() })
    });
    let mut winners = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Written::Done => winners += 1,
            written => assert_eq!(written, Written::ProviderInUse(0)),
        }
    }
    assert_eq!(winners, 1);
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
async fn keeps_its_promises(store: Arc<dyn EnvironmentStore>) {
    let suite = Suite { store, entropy: SeededEntropy::new(1) };
    versions_stay_readable(&suite).await;
    an_unknown_environment_is_not_there(&suite).await;
    an_id_is_taken_once(&suite).await;
    of_many_updates_at_once_one_succeeds(&suite).await;
    a_token_leads_to_one_environment(&suite).await;
    an_environment_keeps_and_gives_back_its_pairs(&suite).await;
    pairs_are_compared_as_text(&suite).await;
    of_many_that_want_one_pair_one_gets_it(&suite).await;
    ids_come_in_their_order(&suite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_its_promises() {
    let (database, _folder) = testkit::database::<crate::Migrator>().await;
    keeps_its_promises(Arc::new(SqlEnvironments::new(database))).await;
}
