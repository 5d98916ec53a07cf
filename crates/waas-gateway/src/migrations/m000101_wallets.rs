//! Creates `wallets`.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000101_wallets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("wallets")
                    .col(ColumnDef::new("sequence").big_integer().not_null().auto_increment().primary_key())
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("wallet_id").uuid().not_null())
                    .col(ColumnDef::new("key_type").text().not_null())
                    .col(ColumnDef::new("threshold").integer().not_null())
                    .col(ColumnDef::new("nodes").integer().not_null())
                    .col(ColumnDef::new("created_ms").big_integer().not_null())
                    .col(ColumnDef::new("state").text().not_null())
                    .col(ColumnDef::new("statement").binary())
                    .col(ColumnDef::new("signatures").binary())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("wallets_by_id")
                    .table("wallets")
                    .col("environment")
                    .col("user_id")
                    .col("wallet_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("wallets_by_age")
                    .table("wallets")
                    .col("environment")
                    .col("user_id")
                    .col("sequence")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("wallets").to_owned()).await
    }
}
