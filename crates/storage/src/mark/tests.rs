use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testkit::race;

use super::*;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Migration)]
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const LATER: Timestamp = Timestamp::from_seconds(1_795_000_100);

fn owner(deployment: &str, role: &str, mode: Mode) -> Owner {
    Owner::new(deployment, role, mode).unwrap()
}

fn main_policy() -> Owner {
    owner("main", "policy", Mode::Production)
}

#[tokio::test]
async fn the_first_to_come_is_the_owner_and_finds_its_mark_again() {
    for (backend, database, _scratch) in testkit::databases::<Migrator>().await {
        assert_eq!(read(&database).await.unwrap(), None, "{backend}");
        let mark = claim(&database, &main_policy(), NOW).await.unwrap();
        assert_eq!((mark.epoch, mark.counter, mark.claimed_at), (1, 0, NOW), "{backend}");
        assert_eq!((mark.restored_at, mark.not_before()), (None, None));
        assert_eq!(claim(&database, &main_policy(), LATER).await.unwrap(), mark, "{backend}");
        assert_eq!(read(&database).await.unwrap(), Some(mark));
    }
}

#[tokio::test]
async fn another_deployment_role_or_mode_is_refused_with_both_named_and_what_to_do() {
    for (backend, database, _scratch) in testkit::databases::<Migrator>().await {
        let mark = claim(&database, &main_policy(), NOW).await.unwrap();
        for (other, advice) in [
            (owner("other", "policy", Mode::Production), "Correct `database`"),
            (owner("main", "token-issuer", Mode::Production), "Correct `database`"),
            (owner("main", "policy", Mode::Dev), "Dev mode never touches"),
        ] {
            let refused = claim(&database, &other, LATER).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}");
            for part in [&mark.owner.to_string(), &other.to_string(), advice] {
                assert!(refused.message().contains(part), "{refused}");
            }
        }
        assert_eq!(read(&database).await.unwrap(), Some(mark), "{backend}: nothing was changed");
    }
}

#[tokio::test]
async fn what_was_made_in_dev_mode_is_never_used_in_production() {
    for (_, database, _scratch) in testkit::databases::<Migrator>().await {
        claim(&database, &owner("main", "policy", Mode::Dev), NOW).await.unwrap();
        let refused = claim(&database, &main_policy(), NOW).await.unwrap_err();
        assert!(refused.message().contains("made in dev mode"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_owners_that_race_for_a_database_one_gets_it() {
    for (backend, first, scratch) in testkit::databases::<Migrator>().await {
        let pools = [first, scratch.open().await];
        let outcomes = race(&pools, 32, |database, index| async move {
            let owner = owner("main", &format!("role-{}", index % 4), Mode::Production);
            claim(&database, &owner, NOW).await.map(|mark| mark.owner)
        })
        .await;
        let won: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(won.len(), 8, "{backend}");
        assert!(won.iter().all(|owner| *owner == won[0]), "{backend}");
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}");
        }
    }
}

/// A service as it was before there was a mark.
struct Earlier;

impl MigratorTrait for Earlier {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::audit::Migration), Box::new(crate::spending::Migration)]
    }
}

/// The same service now.
struct Now;

impl MigratorTrait for Now {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = Earlier::migrations();
        all.push(Box::new(Migration));
        all
    }
}

#[tokio::test]
async fn a_database_from_before_gets_its_mark_and_keeps_its_data() {
    for (backend, database, _scratch) in testkit::databases::<Earlier>().await {
        database
            .execute_unprepared(
                "INSERT INTO spent_tokens (jti, environment, user_id, operation_id) VALUES \
                 ('0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11', '0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12', \
                 '0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d13', '0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d14')",
            )
            .await
            .unwrap();
        crate::sql::migrate::<Now>(&database).await.unwrap();
        claim(&database, &main_policy(), NOW).await.unwrap();
        let kept = database.execute_unprepared("DELETE FROM spent_tokens").await.unwrap();
        assert_eq!(kept.rows_affected(), 1, "{backend}");
    }
}

#[tokio::test]
async fn there_is_one_row_and_no_second() {
    for (backend, database, _scratch) in testkit::databases::<Migrator>().await {
        claim(&database, &main_policy(), NOW).await.unwrap();
        let second = database
            .execute_unprepared(
                "INSERT INTO deployment_mark (id, deployment, role, mode, epoch, counter, claimed_ms) \
                 VALUES (2, 'main', 'other', 'dev', 1, 0, 0)",
            )
            .await;
        assert!(second.is_err(), "{backend}");
    }
}

#[tokio::test]
async fn anothers_database_is_refused_before_it_is_changed_and_nobodys_is_not() {
    for (name, scratch) in
        [("sqlite", testkit::Scratch::sqlite()), ("postgres", testkit::Scratch::postgres())]
    {
        let database = scratch.open().await;
        refuse_anothers(&database, &main_policy()).await.expect("there is no table yet");
        crate::sql::migrate::<Migrator>(&database).await.unwrap();
        refuse_anothers(&database, &main_policy()).await.expect("nobody claimed it");
        claim(&database, &main_policy(), NOW).await.unwrap();
        refuse_anothers(&database, &main_policy()).await.unwrap();
        for other in [
            owner("other", "policy", Mode::Production),
            owner("main", "mfa-devices", Mode::Production),
            owner("main", "policy", Mode::Dev),
        ] {
            let refused = refuse_anothers(&database, &other).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::ServiceHalted, "{name}");
            assert!(refused.message().contains("belongs to"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_row_that_was_tampered_with_is_refused() {
    for (_, database, _scratch) in testkit::databases::<Migrator>().await {
        claim(&database, &main_policy(), NOW).await.unwrap();
        for spoil in ["mode = 'test'", "counter = -1", "epoch = -1", "deployment = 'a.b'"] {
            database.execute_unprepared(&format!("UPDATE deployment_mark SET {spoil}")).await.unwrap();
            let refused = claim(&database, &main_policy(), NOW).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::Internal, "{spoil}");
            database.execute_unprepared("DELETE FROM deployment_mark").await.unwrap();
            claim(&database, &main_policy(), NOW).await.unwrap();
        }
    }
}

#[test]
fn no_two_owners_share_a_name_at_the_witness() {
    let named = |mode| owner("main", "mpc-signer.node-1", mode).witness_name();
    assert_eq!(named(Mode::Production), "production.main.mpc-signer.node-1");
    assert_eq!(
        named(Mode::Dev),
        "dev.main.mpc-signer.node-1",
        "what is tried out raises nothing of what is for users"
    );
    owner(&"a".repeat(32), "c", Mode::Production);
    owner("main-2", "c", Mode::Production);
    // With a dot in it, `a.b` + `c` would be `a` + `b.c`.
    for (deployment, role, field) in [
        ("a.b", "c", "deployment"),
        ("", "c", "deployment"),
        ("Main", "c", "deployment"),
        ("2main", "c", "deployment"),
        ("-main", "c", "deployment"),
        (&"a".repeat(33), "c", "deployment"),
        ("a", "", "role"),
        ("a", "b/c", "role"),
        ("a", &"b".repeat(98), "role"),
    ] {
        let refused = Owner::new(deployment, role, Mode::Production).unwrap_err();
        assert_eq!(refused.violations()[0].field, field, "{deployment} {role}");
    }
}

#[test]
fn what_was_given_out_by_a_clock_that_is_a_little_ahead_is_dead_too() {
    let mark = Mark { owner: main_policy(), epoch: 2, counter: 9, claimed_at: NOW, restored_at: Some(LATER) };
    assert_eq!(mark.not_before(), Some(LATER.plus(Duration::from_secs(5))));
}
