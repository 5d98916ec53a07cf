//! The schema of this service.

mod m000010_devices;
mod m000020_recovery_codes;
mod m000030_factor_events;
mod m000040_decoy_secret;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Brings a database of this service up to date: audit trail, spent receipts, devices, recovery codes, events,
/// the secret of decoys, mark.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(storage::audit::Migration),
            Box::new(storage::spending::Migration),
            Box::new(m000010_devices::Migration),
            Box::new(m000020_recovery_codes::Migration),
            Box::new(m000030_factor_events::Migration),
            Box::new(m000040_decoy_secret::Migration),
            Box::new(storage::mark::Migration),
        ]
    }
}
