use sea_orm::DatabaseConnection;
use sea_orm_migration::MigratorTrait;
use tempfile::TempDir;

/// A fresh SQLite database with the migrations of `M`. It goes when the folder is dropped: keep both.
pub async fn database<M: MigratorTrait>() -> (DatabaseConnection, TempDir) {
    let folder = folder();
    let database = storage::sql::open_sqlite(&folder.path().join("test.sqlite")).await.unwrap();
    storage::sql::migrate::<M>(&database).await.unwrap();
    (database, folder)
}

/// A fresh folder that goes when it is dropped.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
