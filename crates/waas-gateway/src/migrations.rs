//! The schema of this service.

mod m000101_wallets;
mod m000102_operations;
mod m000103_wallet_owners;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Brings the database of this service up to date.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(storage::audit::Migration),
            Box::new(m000101_wallets::Migration),
            Box::new(m000102_operations::Migration),
            Box::new(m000103_wallet_owners::Migration),
            Box::new(storage::mark::Migration),
        ]
    }
}
