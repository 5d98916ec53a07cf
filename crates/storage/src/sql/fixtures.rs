//! What the tests of this module share.

use kernel::{Error, Reason};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde::Serialize;

use super::DatabaseSettings;

/// The settings of a test database as this build's own type: `testkit` is built against the other build of this crate.
pub(super) fn ours(theirs: &(impl Serialize + ?Sized)) -> DatabaseSettings {
    serde_json::from_value(serde_json::to_value(theirs).unwrap()).unwrap()
}

/// Settings for the Postgres server of the tests, with a schema of their own.
pub(super) fn scratch() -> (DatabaseSettings, testkit::Scratch) {
    let scratch = testkit::Scratch::postgres();
    (ours(scratch.settings()), scratch)
}

/// Runs SQL.
pub(super) async fn run(database: &impl ConnectionTrait, sql: &str) -> Result<(), DbErr> {
    database.execute_unprepared(sql).await.map(|_| ())
}

/// The one value that a query gives.
pub(super) async fn ask<T: sea_orm::TryGetable>(database: &DatabaseConnection, sql: &str) -> T {
    let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Asserts the reason of a refusal, and that its message has each of the words.
pub(super) fn assert_refused(error: &Error, reason: Reason, words: &[&str]) {
    assert_eq!(error.reason(), reason, "{error:?}");
    for word in words {
        assert!(error.message().contains(word), "`{word}` is not in: {error:?}");
    }
}
