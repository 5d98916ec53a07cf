//! Which assertions were exchanged.

use sea_orm_migration::prelude::*;

/// Creates `spent_assertions`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000107_spent_assertions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("spent_assertions")
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("issuer").text().not_null())
                    .col(ColumnDef::new("jti").text().not_null())
                    .col(ColumnDef::new("purpose").binary().not_null())
                    .col(ColumnDef::new("spent_ms").big_integer().not_null())
                    .primary_key(Index::create().col("environment").col("issuer").col("jti"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("spent_assertions").to_owned()).await
    }
}
