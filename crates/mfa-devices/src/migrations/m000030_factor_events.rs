//! Events that wait to be delivered.

use sea_orm_migration::prelude::*;

/// Creates `factor_events`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000030_factor_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("factor_events")
                    .col(ColumnDef::new("sequence").big_integer().not_null().auto_increment().primary_key())
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("what").text().not_null())
                    .col(ColumnDef::new("device").uuid())
                    .col(ColumnDef::new("kind").text())
                    .col(ColumnDef::new("at_ms").big_integer().not_null())
                    .col(ColumnDef::new("remaining").big_integer().not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("factor_events_by_environment")
                    .table("factor_events")
                    .col("environment")
                    .col("sequence")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("factor_events").to_owned()).await
    }
}
