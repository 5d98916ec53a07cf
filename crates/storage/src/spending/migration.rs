//! Creates the tables; each enforcement point lists it among its migrations.

use sea_orm_migration::prelude::*;

/// Creates `spent_operations` and `spent_tokens`.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000002_spending"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("spent_operations")
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("operation_id").uuid().not_null())
                    .col(ColumnDef::new("digest").binary().not_null())
                    .col(ColumnDef::new("state").text().not_null())
                    .col(ColumnDef::new("attempt").uuid().not_null())
                    .col(ColumnDef::new("first_seen_ms").big_integer().not_null())
                    .primary_key(Index::create().col("environment").col("user_id").col("operation_id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("spent_tokens")
                    .col(ColumnDef::new("jti").uuid().not_null().primary_key())
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("operation_id").uuid().not_null())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("spent_tokens").to_owned()).await?;
        manager.drop_table(Table::drop().table("spent_operations").to_owned()).await
    }
}
