use std::collections::BTreeSet;

use jose::{ClaimMap, Expect, Kind};
use kernel::secret::ExposeSecret;
use kernel::{Reason, SecretBytes};
use sea_orm::sea_query::Expr;
use storage::sealing::rewrap::{census, rewrap};
use testkit::{Scratch, databases};

use super::*;
use crate::domain::key_life::PREPARATION;
use crate::fixtures::{ISSUER, NOW, sealer};
use crate::migrations::Migrator;

mod rotation;

fn keys(database: &DatabaseConnection) -> SqlKeys {
    SqlKeys::new(database.clone(), sealer())
}

async fn load(database: &DatabaseConnection) -> Rings {
    keys(database).load(Algorithm::Es256, NOW).await.unwrap().0
}

fn ids(ring: &KeyRing) -> BTreeSet<String> {
    ring.public().iter().map(|key| key.key_id().to_string()).collect()
}

/// A token by a ring, and the name of the key.
fn signed(ring: &KeyRing) -> (String, KeyId) {
    let claims =
        serde_json::json!({"iss": ISSUER, "aud": "test", "iat": NOW.seconds(), "exp": NOW.seconds() + 60});
    let token = ring.sign(&claims).unwrap().expose_secret().to_owned();
    let id = jose::peek(&token).unwrap().key_id().clone();
    (token, id)
}

fn verifies(ring: &KeyRing, kind: Kind, token: &str) -> bool {
    let expect = Expect {
        kind,
        issuer: ISSUER,
        audiences: &["test"],
        algorithms: &Algorithm::ALL,
        leeway: std::time::Duration::ZERO,
        max_age: None,
    };
    jose::verify::<ClaimMap>(token, ring.public(), &expect, NOW).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_agree_on_the_keys() {
    for (name, database, scratch) in databases::<Migrator>().await {
        let other = scratch.open().await;
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let keys = keys(if number % 2 == 0 { &database } else { &other });
                tokio::spawn(async move { keys.load(Algorithm::Es256, NOW).await.unwrap().0 })
            })
            .collect();
        let mut sets = Vec::new();
        for task in tasks {
            sets.push(task.await.unwrap().public().unwrap());
        }
        assert!(sets.iter().all(|set| set.len() == KeyPurpose::ALL.len() && *set == sets[0]), "{name}");
    }
}

#[tokio::test]
async fn keys_survive_a_restart_and_differ_by_purpose() {
    for (name, database, _scratch) in databases::<Migrator>().await {
        let (first, again) = (load(&database).await, load(&database).await);
        assert_eq!(first.public().unwrap(), again.public().unwrap(), "{name}");
        // No key is in two of the rings.
        assert_eq!(first.public().unwrap().len(), KeyPurpose::ALL.len(), "{name}");
    }
}

#[tokio::test]
async fn the_configured_algorithm_is_that_of_the_first_key_only() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let first = keys(&database).load(Algorithm::EdDsa, NOW).await.unwrap().0;
    let again = keys(&database).load(Algorithm::Es256, NOW).await.unwrap().0;
    assert_eq!(first.public().unwrap(), again.public().unwrap());
    assert!(again.public().unwrap().iter().all(|key| key.algorithm() == Algorithm::EdDsa));
}

#[tokio::test]
async fn a_key_moved_to_another_purpose_does_not_load() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let elevated = ids(&load(&database).await.elevated).pop_first().unwrap();
    Entity::update_many()
        .col_expr(Column::Purpose, Expr::value("receipt"))
        .col_expr(Column::Sequence, Expr::value(2))
        .col_expr(Column::State, Expr::value("prepared"))
        .filter(Column::Kid.eq(elevated))
        .exec(&database)
        .await
        .unwrap();
    assert!(keys(&database).load(Algorithm::Es256, NOW).await.is_err());
}

#[tokio::test]
async fn keys_that_are_sealed_anew_are_the_same_keys_also_for_processes_that_run() {
    for (name, database, _scratch) in databases::<Migrator>().await {
        let stored = keys(&database);
        let (before, mut seen) = stored.load(Algorithm::Es256, NOW).await.unwrap();
        let ring = |versions: &[u8]| {
            let keys = versions.iter().map(|version| {
                // The first is that of the fixtures.
                let octet = if *version == 1 { 7 } else { 8 };
                (u32::from(*version), SecretBytes::from(vec![octet; 32]))
            });
            Arc::new(Sealer::new(keys, Arc::new(testkit::SeededEntropy::new(9))).unwrap())
        };
        let done = rewrap(&database, &ring(&[1, 2]), SEALED, &mut |_| {}).await.unwrap().remove(0);
        assert_eq!((done.rewrapped, done.unopened.len()), (3, 0), "{name}");
        assert_eq!(census(&database, SEALED).await.unwrap().of(2), 3, "{name}");
        // A process that has only the older key goes on with what it has open, and sees what is new.
        assert!(stored.refresh(&mut seen).await.unwrap().is_none(), "{name}");
        let renewed = SqlKeys::new(database.clone(), ring(&[2]));
        let after = renewed.load(Algorithm::Es256, NOW).await.unwrap().0;
        assert_eq!(after.public().unwrap(), before.public().unwrap(), "{name}");
        let retired = signed(&before.elevated).1;
        renewed.prepare(KeyPurpose::Elevated, Algorithm::Es256, NOW).await.unwrap();
        assert!(stored.refresh(&mut seen).await.is_err(), "{name}: sealed with a key that is not here");
        assert_eq!(signed(&after.elevated).1, retired, "{name}");
    }
}

#[tokio::test]
async fn what_was_made_before_there_were_states_signs_as_it_did() {
    for scratch in [Scratch::sqlite(), Scratch::postgres()] {
        let database = scratch.open().await;
        storage::sql::migrate::<Migrator>(&database).await.unwrap();
        // As the table was: two keys of a purpose, of which the newer signed.
        load(&database).await;
        let newer = keys(&database).prepare(KeyPurpose::Receipt, Algorithm::EdDsa, NOW).await.unwrap();
        use sea_orm_migration::{MigratorTrait as _, SchemaManager};
        let migrations = Migrator::migrations();
        let states =
            migrations.iter().find(|migration| migration.name() == "m000104_issuer_key_states").unwrap();
        let manager = SchemaManager::new(&database);
        states.down(&manager).await.unwrap();
        states.up(&manager).await.unwrap();
        let rings = load(&database).await;
        assert_eq!(signed(&rings.receipts).1, newer);
        assert_eq!((rings.receipts.public().len(), rings.elevated.public().len()), (2, 1));
    }
}
