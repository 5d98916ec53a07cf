//! Which tokens were issued.

use sea_orm_migration::prelude::*;

/// Creates `issued_tokens`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000103_issued_tokens"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("issued_tokens")
                    .col(ColumnDef::new("jti").uuid().not_null().primary_key())
                    .col(ColumnDef::new("issued_ms").big_integer().not_null())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("issued_tokens").to_owned()).await
    }
}
