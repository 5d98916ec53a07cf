//! Operation ids and the digests they stand for.

use sea_orm_migration::prelude::*;

/// Creates `authorized_operations`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000102_authorized_operations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("authorized_operations")
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("operation_id").uuid().not_null())
                    .col(ColumnDef::new("digest").binary().not_null())
                    .col(ColumnDef::new("first_seen_ms").big_integer().not_null())
                    .col(ColumnDef::new("shared").boolean().not_null())
                    .primary_key(Index::create().col("environment").col("user_id").col("operation_id"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("authorized_operations").to_owned()).await
    }
}
