//! Creates the table; every service lists it last among its migrations.

use sea_orm_migration::prelude::*;

use super::ROW;

/// Creates `deployment_mark`.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000901_deployment_mark"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("deployment_mark")
                    .col(ColumnDef::new("id").integer().not_null().primary_key())
                    .col(ColumnDef::new("deployment").text().not_null())
                    .col(ColumnDef::new("role").text().not_null())
                    .col(ColumnDef::new("mode").text().not_null())
                    .col(ColumnDef::new("epoch").big_integer().not_null())
                    .col(ColumnDef::new("counter").big_integer().not_null())
                    .col(ColumnDef::new("claimed_ms").big_integer().not_null())
                    .col(ColumnDef::new("restored_ms").big_integer())
                    .check(Expr::col("id").eq(ROW))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("deployment_mark").to_owned()).await
    }
}
