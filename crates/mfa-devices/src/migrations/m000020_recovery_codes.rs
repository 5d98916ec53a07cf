//! Recovery codes.

use sea_orm_migration::prelude::*;

/// Creates `recovery_code_sets`, `recovery_codes` and `recovery_code_copies`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000020_recovery_codes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [sets(), codes(), copies()] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("recovery_code_sets_by_owner")
                    .table("recovery_code_sets")
                    .col("environment")
                    .col("user_id")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["recovery_code_copies", "recovery_codes", "recovery_code_sets"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn sets() -> TableCreateStatement {
    Table::create()
        .table("recovery_code_sets")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("session").text().not_null())
        .col(ColumnDef::new("created_ms").big_integer().not_null())
        .col(ColumnDef::new("last_use_ms").big_integer())
        .col(ColumnDef::new("acknowledged").boolean().not_null())
        .to_owned()
}

fn codes() -> TableCreateStatement {
    Table::create()
        .table("recovery_codes")
        .col(ColumnDef::new("set_id").uuid().not_null())
        .col(ColumnDef::new("place").integer().not_null())
        .col(ColumnDef::new("hash").binary().not_null())
        .col(ColumnDef::new("used_ms").big_integer())
        .primary_key(Index::create().col("set_id").col("place"))
        .to_owned()
}

fn copies() -> TableCreateStatement {
    Table::create()
        .table("recovery_code_copies")
        .col(ColumnDef::new("set_id").uuid().not_null().primary_key())
        .col(ColumnDef::new("created_ms").big_integer().not_null())
        .col(ColumnDef::new("codes").binary().not_null())
        .to_owned()
}
