//! The schema of a node's database.

mod m000003_key_shares;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Brings a node's database up to date.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(storage::audit::Migration),
            Box::new(storage::spending::Migration),
            Box::new(m000003_key_shares::Migration),
            Box::new(storage::mark::Migration),
        ]
    }
}
