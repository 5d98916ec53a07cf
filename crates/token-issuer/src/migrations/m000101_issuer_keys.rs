//! Signing keys, sealed.

use sea_orm_migration::prelude::*;

/// Creates `issuer_keys`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000101_issuer_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("issuer_keys")
                    .col(ColumnDef::new("kid").text().not_null().primary_key())
                    .col(ColumnDef::new("purpose").text().not_null())
                    .col(ColumnDef::new("sequence").big_integer().not_null())
                    .col(ColumnDef::new("algorithm").text().not_null())
                    .col(ColumnDef::new("private_key").binary().not_null())
                    .col(ColumnDef::new("created_ms").big_integer().not_null())
                    .to_owned(),
            )
            .await?;
        // Two processes that make a key at once make one: the place of the next key is taken once.
        manager
            .create_index(
                Index::create()
                    .name("issuer_keys_purpose_sequence")
                    .table("issuer_keys")
                    .col("purpose")
                    .col("sequence")
                    .unique()
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("issuer_keys").to_owned()).await
    }
}
