use std::path::PathBuf;

use kernel::audit::{Actor, Event, Outcome};
use sea_orm::ConnectionTrait;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testkit::race;

use super::*;
use crate::mark::{Mode, Owner};
use crate::{AuditLog, FileWitness, SqlAuditLog};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::audit::Migration), Box::new(mark::Migration)]
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const LATER: Timestamp = Timestamp::from_seconds(1_795_003_600);

fn owner() -> Owner {
    Owner::new("main", "mpc-signer.node-1", Mode::Production).unwrap()
}

fn witness(folder: &tempfile::TempDir) -> FileWitness {
    FileWitness::new(PathBuf::from(folder.path()))
}

async fn set(database: &DatabaseConnection, counter: u64) {
    database.execute_unprepared(&format!("UPDATE deployment_mark SET counter = {counter}")).await.unwrap();
}

#[tokio::test]
async fn a_new_epoch_begins_above_both_counters() {
    for (backend, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let witness = witness(&folder);
        let name = owner().witness_name();
        let claimed = mark::claim(&database, &owner(), NOW).await.unwrap();
        for (round, (counter, seen, expected)) in
            [(40, 52, 53), (60, 53, 61), (61, 61, 62)].into_iter().enumerate()
        {
            set(&database, counter).await;
            witness.raise(&name, seen).await.unwrap();
            let report = acknowledge(&database, &witness, LATER).await.unwrap();
            assert_eq!((report.before.counter, report.witnessed), (counter, Some(seen)), "{backend}");
            assert_eq!(report.after.counter, expected, "{backend}");
            assert_eq!(report.after.epoch, claimed.epoch + 1 + round as u64);
            assert_eq!(report.after.restored_at, Some(LATER));
            assert_eq!(mark::read(&database).await.unwrap(), Some(report.after));
            assert_eq!(witness.read(&name).await.unwrap(), Some(expected), "{backend}");
        }
    }
}

#[tokio::test]
async fn a_counter_that_cannot_go_on_is_refused_before_anything_is_written() {
    for (backend, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let witness = witness(&folder);
        let name = owner().witness_name();
        mark::claim(&database, &owner(), NOW).await.unwrap();
        // One below the largest there is room for this one, and for no further.
        for (counter, seen) in [(40, MAX_VALUE - 1), (MAX_VALUE - 1, 40)] {
            set(&database, counter).await;
            witness.raise(&name, seen).await.unwrap();
            let report = acknowledge(&database, &witness, LATER).await.unwrap();
            assert_eq!(report.after.counter, MAX_VALUE, "{backend}");
            assert_eq!(mark::read(&database).await.unwrap(), Some(report.after.clone()), "{backend}");

            set(&database, 40).await;
            let before = mark::read(&database).await.unwrap();
            let refused = acknowledge(&database, &witness, LATER).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}");
            for part in [MAX_VALUE.to_string(), format!("{name}.witness"), format!("witness:{name}")] {
                assert!(refused.message().contains(&part), "{refused}");
            }
            assert_eq!(mark::read(&database).await.unwrap(), before, "{backend}");

            // As the message says: without it, the database goes on.
            std::fs::remove_file(folder.path().join(format!("{name}.witness"))).unwrap();
            let report = acknowledge(&database, &witness, LATER).await.unwrap();
            assert_eq!((report.witnessed, report.after.counter), (None, 41), "{backend}");
            std::fs::remove_file(folder.path().join(format!("{name}.witness"))).unwrap();
        }
        set(&database, MAX_VALUE).await;
        let before = mark::read(&database).await.unwrap();
        let refused = acknowledge(&database, &witness, LATER).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}");
        assert_eq!(mark::read(&database).await.unwrap(), before, "{backend}");
    }
}

#[tokio::test]
async fn a_witness_that_was_lost_begins_again() {
    for (_, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        mark::claim(&database, &owner(), NOW).await.unwrap();
        set(&database, 40).await;
        let report = acknowledge(&database, &witness(&folder), LATER).await.unwrap();
        assert_eq!((report.witnessed, report.after.counter), (None, 41));
        assert!(report.to_string().contains("the witness did not know it"), "{report}");
        assert_eq!(witness(&folder).read(&owner().witness_name()).await.unwrap(), Some(41));
    }
}

#[tokio::test]
async fn what_was_interrupted_can_be_repeated() {
    for (_, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let witness = witness(&folder);
        mark::claim(&database, &owner(), NOW).await.unwrap();
        witness.raise(&owner().witness_name(), 9).await.unwrap();
        // The epoch began, and the witness was not raised.
        let before = mark::read(&database).await.unwrap().unwrap();
        begin_epoch(&database, &before, 9, LATER).await.unwrap();
        let report = acknowledge(&database, &witness, LATER).await.unwrap();
        assert_eq!((report.after.epoch, report.after.counter), (before.epoch + 2, 11));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_acknowledgements_that_race_each_epoch_is_begun_by_one() {
    for (backend, first, scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let witness = witness(&folder);
        let claimed = mark::claim(&first, &owner(), NOW).await.unwrap();
        let pools = [first.clone(), scratch.open().await];
        let outcomes = race(&pools, 16, |database, _| {
            let witness = witness.clone();
            async move { acknowledge(&database, &witness, LATER).await }
        })
        .await;
        let mut epochs: Vec<_> = outcomes.iter().flatten().map(|report| report.after.epoch).collect();
        epochs.sort_unstable();
        epochs.dedup();
        assert!(!epochs.is_empty());
        assert_eq!(epochs.len(), outcomes.iter().flatten().count(), "{backend}: {epochs:?}");
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}: {refused:?}");
        }
        let mark = mark::read(&first).await.unwrap().unwrap();
        assert!(mark.epoch > claimed.epoch);
        assert_eq!(witness.read(&owner().witness_name()).await.unwrap(), Some(mark.counter), "{backend}");
    }
}

#[tokio::test]
async fn a_database_that_nobody_used_has_nothing_to_acknowledge() {
    for (_, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let refused = acknowledge(&database, &witness(&folder), NOW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::ServiceHalted);
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_the_data_is_refused() {
    for (backend, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let witness = witness(&folder);
        mark::claim(&database, &owner(), NOW).await.unwrap();
        let log = SqlAuditLog::new(database.clone());
        for time in [NOW, LATER] {
            log.record(Event::new("test", time, Actor::Unknown), Outcome::Succeeded).await.unwrap();
        }
        let behind = LATER.minus(std::time::Duration::from_secs(6));
        let refused = acknowledge(&database, &witness, behind).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}");
        for part in [LATER.to_string(), behind.to_string()] {
            assert!(refused.message().contains(&part), "{refused}");
        }
        assert_eq!(mark::read(&database).await.unwrap().unwrap().epoch, 1);

        // Clocks differ a little. What counts is the later of both.
        let almost = LATER.minus(std::time::Duration::from_secs(5));
        let report = acknowledge(&database, &witness, almost).await.unwrap();
        assert_eq!(report.after.restored_at, Some(LATER), "{backend}");
        // Nor may a later restore let live what an earlier one killed.
        let refused = acknowledge(&database, &witness, NOW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::ServiceHalted, "{backend}");
    }
}

#[tokio::test]
async fn a_witness_that_is_away_leaves_everything_as_it_is() {
    for (_, database, _scratch) in testkit::databases::<Migrator>().await {
        let folder = testkit::folder();
        let claimed = mark::claim(&database, &owner(), NOW).await.unwrap();
        let gone = FileWitness::new(folder.path().join("gone"));
        let refused = acknowledge(&database, &gone, LATER).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::StoreUnavailable);
        assert_eq!(mark::read(&database).await.unwrap(), Some(claimed));
    }
}

#[test]
fn the_report_says_what_was_found_and_what_is_dead_now() {
    let before = Mark { owner: owner(), epoch: 1, counter: 40, claimed_at: NOW, restored_at: None };
    let after = Mark { epoch: 2, counter: 53, restored_at: Some(LATER), ..before.clone() };
    let report = Report { before: before.clone(), witnessed: Some(52), after: after.clone() };
    let text = report.to_string();
    for part in
        ["role `mpc-signer.node-1` of deployment `main`", "was 40", "seen 52", "older", "at 53", "epoch 2"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains(&LATER.plus(std::time::Duration::from_secs(5)).to_string()), "{text}");
    let report = Report { before, witnessed: Some(40), after };
    assert!(report.to_string().contains("at most the last moment"), "{report}");
}
