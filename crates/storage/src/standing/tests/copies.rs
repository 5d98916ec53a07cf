//! Databases put back as operators put them back: a file copied over SQLite's, a data folder copied over Postgres's.

use std::path::Path;
use std::process::Command;

use testkit::PostgresServer;

use super::*;
use crate::sql::{DatabaseSettings, DatabaseTls, TlsMode};

/// What a copy is made of and put back to, while nobody has it open.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        assert!(Command::new("rm").arg("-r").arg(to).status().unwrap().success());
    }
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

async fn begin(database: &DatabaseConnection, witness: &Arc<dyn Witness>) -> Result<(Standing, Watch)> {
    let mark = mark::claim(database, &owner(), NOW).await?;
    watch(database.clone(), witness.clone(), &mark).await
}

/// Uses the database: something is consumed and the witness hears of it.
async fn use_it(database: &DatabaseConnection, witness: &Arc<dyn Witness>) {
    let (standing, watch) = begin(database, witness).await.unwrap();
    let log = SqlAuditLog::new(database.clone()).with_standing(standing);
    let intent = log.begin(event()).await.unwrap();
    log.finish(intent, Outcome::Succeeded).await.unwrap();
    watch.round().await.unwrap();
}

/// The copy was put back: it is refused until that is acknowledged, and serves then.
async fn is_told(database: &DatabaseConnection, witness: &Arc<dyn Witness>) {
    let mut refused = begin(database, witness).await;
    // A pool's connections from before are found to be cut one after the other.
    while refused.as_ref().is_err_and(|error| error.reason() == Reason::StoreUnavailable) {
        refused = begin(database, witness).await;
    }
    assert_halted(refused);
    let report = restore::acknowledge(database, &**witness, NOW).await.unwrap();
    assert!(report.witnessed > Some(report.before.counter), "{report}");
    use_it(database, witness).await;
}

#[tokio::test]
async fn a_sqlite_file_that_is_copied_back_is_told() {
    let scratch = Scratch::sqlite();
    let folder = testkit::folder();
    let witness: Arc<dyn Witness> = Arc::new(FileWitness::new(folder.path().to_owned()));
    let file = scratch.settings().url.strip_prefix("sqlite://").unwrap().to_owned();
    let kept = folder.path().join("kept.sqlite");

    let database = scratch.open().await;
    crate::sql::migrate::<Migrator>(&database).await.unwrap();
    use_it(&database, &witness).await;
    database.close().await.unwrap();
    copy(Path::new(&file), &kept);

    let database = scratch.open().await;
    use_it(&database, &witness).await;
    database.close().await.unwrap();
    copy(&kept, Path::new(&file));
    is_told(&scratch.open().await, &witness).await;
}

#[tokio::test]
async fn a_postgres_data_folder_that_is_copied_back_is_told() {
    let mut server = PostgresServer::start(&[]).await;
    let folder = testkit::folder();
    let witness: Arc<dyn Witness> = Arc::new(FileWitness::new(folder.path().to_owned()));
    let kept = server.data().with_file_name("kept");
    let tls = DatabaseTls { mode: TlsMode::Disable, ca_file: None };
    let settings = DatabaseSettings { url: server.url(), tls, ..DatabaseSettings::default() };

    let database = crate::sql::open(&settings).await.unwrap();
    crate::sql::migrate::<Migrator>(&database).await.unwrap();
    use_it(&database, &witness).await;
    database.close().await.unwrap();
    server.stop().await;
    copy(&server.data(), &kept);

    server.restart().await;
    let database = crate::sql::open(&settings).await.unwrap();
    use_it(&database, &witness).await;
    server.stop().await;
    copy(&kept, &server.data());
    server.restart().await;
    // The pool is the one from before, as a service's is: it connects again by itself.
    is_told(&database, &witness).await;
}
