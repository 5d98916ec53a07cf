//! The schema of this service's database.

mod m000100_environments;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The migrations of policy's database, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(storage::audit::Migration),
            Box::new(m000100_environments::Migration),
            Box::new(storage::mark::Migration),
        ]
    }
}
