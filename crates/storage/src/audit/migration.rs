//! Creates the table; each service lists it among its migrations.

use sea_orm_migration::prelude::*;

/// Creates `audit_events`.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000001_audit_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("audit_events")
                    .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
                    .col(ColumnDef::new("kind").text().not_null())
                    .col(ColumnDef::new("time_ms").big_integer().not_null())
                    .col(ColumnDef::new("environment").text())
                    .col(ColumnDef::new("actor").text().not_null())
                    .col(ColumnDef::new("resource").text().not_null())
                    .col(ColumnDef::new("operation_id").text().not_null())
                    .col(ColumnDef::new("digest").binary().not_null())
                    .col(ColumnDef::new("outcome").text().not_null())
                    .col(ColumnDef::new("reason").text())
                    .col(ColumnDef::new("count").big_integer().not_null())
                    .col(ColumnDef::new("trace_id").text().not_null())
                    .col(ColumnDef::new("aggregate").text().unique_key())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("audit_events_by_environment")
                    .table("audit_events")
                    .col("environment")
                    .col("id")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("audit_events").to_owned()).await
    }
}
