//! Wallets and the shares that this node holds of their keys.

use sea_orm_migration::prelude::*;

/// Creates `wallets` and `key_shares`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000003_key_shares"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("wallets")
                    .col(ColumnDef::new("wallet_id").uuid().not_null().primary_key())
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("operation_id").uuid().not_null())
                    .col(ColumnDef::new("latest_attempt").uuid().not_null())
                    .col(ColumnDef::new("active_attempt").uuid())
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("key_shares")
                    .col(ColumnDef::new("wallet_id").uuid().not_null())
                    .col(ColumnDef::new("attempt").uuid().not_null())
                    .col(ColumnDef::new("node_id").text().not_null())
                    .col(ColumnDef::new("statement").binary().not_null())
                    .col(ColumnDef::new("signature").binary().not_null())
                    .col(ColumnDef::new("secret").binary().not_null())
                    .col(ColumnDef::new("stored_ms").big_integer().not_null())
                    .primary_key(Index::create().col("wallet_id").col("attempt"))
                    .foreign_key(
                        ForeignKey::create().from("key_shares", "wallet_id").to("wallets", "wallet_id"),
                    )
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("key_shares").to_owned()).await?;
        manager.drop_table(Table::drop().table("wallets").to_owned()).await
    }
}
