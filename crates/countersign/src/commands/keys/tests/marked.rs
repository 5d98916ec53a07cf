//! Commands on databases that are nobody's, another's, or older than they were, and what stands in their audit trails.

use kernel::Reason;
use kernel::audit::Outcome;
use sea_orm::ConnectionTrait as _;
use storage::{AuditLog as _, Mode, Owner, SqlAuditLog, Witness as _};

use super::*;
use crate::key_files::EncryptionKeys;
use crate::settings::{MfaDevicesSettings, TokenIssuerSettings};

const DROP: &str = "keys encryption drop @mfa.json --version 1 --config @mfa-devices.toml";

/// Two versions of which the first could go.
async fn two_versions(place: &Place) {
    place.type_in("keys encryption new --role mfa-devices --deployment main --out @mfa.json").await.unwrap();
    place.type_in("keys encryption rotate @mfa.json").await.unwrap();
}

fn versions(place: &Place) -> Vec<u32> {
    EncryptionKeys::read(&place.path("mfa.json")).unwrap().versions().collect()
}

async fn halted(place: &Place, line: &str) -> String {
    let error = place.type_in(line).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ServiceHalted, "{line}: {error}");
    error.message().to_owned()
}

#[tokio::test]
async fn a_database_that_nobody_used_proves_nothing_and_stays_nobodys() {
    for (name, scratch) in backends() {
        let place = Place::new();
        two_versions(&place).await;
        let (_, database) = place.nobodys::<MfaDevicesSettings>(&scratch).await;
        for line in [DROP, "keys rewrap --role mfa-devices --config @mfa-devices.toml"] {
            assert!(halted(&place, line).await.contains("nobody has used"), "{name}: {line}");
        }
        assert_eq!(versions(&place), [1, 2], "{name}");
        assert_eq!(mark::read(&database).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn the_first_keys_are_made_before_the_first_start_where_the_database_is_new_beyond_doubt() {
    for (name, scratch) in backends() {
        let place = Place::new();
        let new = "keys encryption new --role token-issuer --deployment main --out @issuer.json";
        place.type_in(new).await.unwrap();
        let (settings, database) = place.nobodys::<TokenIssuerSettings>(&scratch).await;
        let owner = settings.owner().unwrap();
        let list = "keys issuer list --config @token-issuer.toml";
        let prepare = "keys issuer prepare --purpose receipt --config @token-issuer.toml";
        assert!(halted(&place, list).await.contains("nobody has used"), "{name}");
        // The witness knows one of this role: then this is another, or that one was lost.
        place.witness().raise(&owner.witness_name(), 0).await.unwrap();
        assert!(halted(&place, prepare).await.contains("nobody has used"), "{name}");
        assert_eq!(mark::read(&database).await.unwrap(), None, "{name}");

        std::fs::remove_file(place.path(&format!("witness/{}.witness", owner.witness_name()))).unwrap();
        place.type_in(prepare).await.unwrap();
        assert_eq!(mark::read(&database).await.unwrap().unwrap().owner, owner, "{name}");
        place.type_in(list).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_is_older_than_its_witness_proves_nothing() {
    for (name, scratch) in backends() {
        let place = Place::new();
        two_versions(&place).await;
        let database = place.database::<MfaDevicesSettings>(&scratch).await;
        let mark = mark::read(&database).await.unwrap().unwrap();
        place.witness().raise(&mark.owner.witness_name(), 5).await.unwrap();
        assert!(halted(&place, DROP).await.contains("restore acknowledge"), "{name}");
        // Nor does one that the witness does not know although it was in use.
        std::fs::remove_file(place.path(&format!("witness/{}.witness", mark.owner.witness_name()))).unwrap();
        database.execute_unprepared("UPDATE deployment_mark SET counter = 5").await.unwrap();
        assert!(halted(&place, DROP).await.contains("does not know it"), "{name}");
        assert_eq!(versions(&place), [1, 2], "{name}");

        place.type_in("restore acknowledge --role mfa-devices --config @mfa-devices.toml").await.unwrap();
        let rows = trail(&database).await;
        let done = ("restore.acknowledge".to_owned(), "mfa-devices".to_owned(), Outcome::Succeeded);
        assert_eq!(rows, [done], "{name}");
        place.type_in(DROP).await.unwrap();
        assert_eq!(versions(&place), [2], "{name}");
    }
}

/// Kind, resource and end of what the operator did, oldest first.
async fn trail(database: &DatabaseConnection) -> Vec<(String, String, Outcome)> {
    let rows = SqlAuditLog::new(database.clone()).list(None, None, 100).await.unwrap();
    assert!(rows.iter().all(|row| row.actor == "operator"), "{rows:?}");
    rows.into_iter().rev().map(|row| (row.kind, row.resource, row.outcome)).collect()
}

#[tokio::test]
async fn what_an_operator_does_with_keys_is_in_the_audit_trail() {
    for (name, scratch) in backends() {
        let place = Place::new();
        place
            .type_in("keys encryption new --role token-issuer --deployment main --out @issuer.json")
            .await
            .unwrap();
        let database = place.database::<TokenIssuerSettings>(&scratch).await;
        let config = "--config @token-issuer.toml";
        place.type_in(&format!("keys issuer prepare --purpose elevated {config}")).await.unwrap();
        let keys = "SELECT kid FROM issuer_keys";
        let statement = sea_orm::Statement::from_string(database.get_database_backend(), keys);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        let key: String = row.try_get("", "kid").unwrap();
        // Too early, for one.
        let early = place.type_in(&format!("keys issuer activate {config} {key}")).await;
        let _ = place.type_in(&format!("keys issuer revoke {config} {key}")).await;
        place.type_in(&format!("keys rewrap --role token-issuer {config}")).await.unwrap();
        let rows = trail(&database).await;
        let named: Vec<_> =
            rows.iter().map(|(kind, resource, _)| (kind.as_str(), resource.as_str())).collect();
        let of_key = format!("keys/{key}");
        assert_eq!(
            named,
            [
                ("key.prepare", "purposes/elevated"),
                ("key.activate", of_key.as_str()),
                ("key.revoke", of_key.as_str()),
                ("secrets.rewrap", "encryption-keys/1"),
            ],
            "{name}"
        );
        assert_eq!(rows[0].2, Outcome::Succeeded);
        match early {
            Ok(()) => assert_eq!(rows[1].2, Outcome::Succeeded, "{name}"),
            Err(error) => assert_eq!(rows[1].2, Outcome::Refused(error.reason()), "{name}"),
        }
        assert!(rows.iter().all(|(_, _, outcome)| *outcome != Outcome::Intended), "{name}");
        // What cannot be written down is not done.
        database.execute_unprepared("ALTER TABLE audit_events RENAME TO gone").await.unwrap();
        assert!(place.type_in(&format!("keys issuer prepare --purpose elevated {config}")).await.is_err());
        let count = "SELECT count(*) AS n FROM issuer_keys";
        let statement = sea_orm::Statement::from_string(database.get_database_backend(), count);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_database_of_another_deployment_is_not_migrated() {
    for (name, scratch) in backends() {
        let place = Place::new();
        let (_, database) = place.nobodys::<MfaDevicesSettings>(&scratch).await;
        let other = Owner::new("other", "mfa-devices", Mode::Dev).unwrap();
        mark::claim(&database, &other, SystemClock.now()).await.unwrap();
        // As a database of an older binary would be.
        let last = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
        database.execute_unprepared(last).await.unwrap();
        let line = "migrate --role mfa-devices --config @mfa-devices.toml";
        assert!(halted(&place, line).await.contains("deployment `other`"), "{name}");
    }
}
