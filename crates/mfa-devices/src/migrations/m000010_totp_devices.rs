//! Owners, devices, proofs and throttles.

use sea_orm_migration::prelude::*;

/// Creates `factor_owners`, `totp_devices`, `totp_proofs` and `code_throttles`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000010_totp_devices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [owners(), devices(), proofs(), throttles()] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("totp_devices_by_owner")
                    .table("totp_devices")
                    .col("environment")
                    .col("user_id")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["code_throttles", "totp_proofs", "totp_devices", "factor_owners"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn owners() -> TableCreateStatement {
    Table::create()
        .table("factor_owners")
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("ever_verified").boolean().not_null())
        .col(ColumnDef::new("default_device").uuid())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .primary_key(Index::create().col("environment").col("user_id"))
        .to_owned()
}

fn devices() -> TableCreateStatement {
    Table::create()
        .table("totp_devices")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("display_name").text().not_null())
        .col(ColumnDef::new("secret").binary().not_null())
        .col(ColumnDef::new("created_ms").big_integer().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .col(ColumnDef::new("pending_session").text())
        .col(ColumnDef::new("entitlement").text())
        .col(ColumnDef::new("verified_ms").big_integer())
        .col(ColumnDef::new("last_use_ms").big_integer())
        .col(ColumnDef::new("last_step").big_integer().not_null())
        .to_owned()
}

fn proofs() -> TableCreateStatement {
    Table::create()
        .table("totp_proofs")
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("request_id").uuid().not_null())
        .col(ColumnDef::new("proof_id").uuid().not_null().unique_key())
        .col(ColumnDef::new("device").uuid().not_null())
        .col(ColumnDef::new("session").text().not_null())
        .col(ColumnDef::new("purpose").binary().not_null())
        .col(ColumnDef::new("at_ms").big_integer().not_null())
        .col(ColumnDef::new("code_mac").binary().not_null())
        .primary_key(Index::create().col("environment").col("user_id").col("request_id"))
        .to_owned()
}

fn throttles() -> TableCreateStatement {
    Table::create()
        .table("code_throttles")
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("streak").big_integer().not_null())
        .col(ColumnDef::new("last_try_ms").big_integer().not_null())
        .col(ColumnDef::new("full_at_ms").big_integer().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .primary_key(Index::create().col("environment").col("user_id").col("kind"))
        .to_owned()
}
