//! The schema of the issuer's database.

mod m000101_issuer_keys;
mod m000102_authorized_operations;
mod m000103_issued_tokens;
mod m000104_issuer_key_states;
mod m000105_tokens_on_file;
mod m000106_revocations;
mod m000107_spent_assertions;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Brings the issuer's database up to date.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(storage::audit::Migration),
            Box::new(m000101_issuer_keys::Migration),
            Box::new(m000102_authorized_operations::Migration),
            Box::new(m000103_issued_tokens::Migration),
            Box::new(m000104_issuer_key_states::Migration),
            Box::new(m000105_tokens_on_file::Migration),
            Box::new(m000106_revocations::Migration),
            Box::new(m000107_spent_assertions::Migration),
            Box::new(storage::mark::Migration),
        ]
    }
}
