//! Which tokens were revoked.

use sea_orm_migration::prelude::*;

/// Creates `revocation_epochs` and `revocations`, and adds `epoch` to `issued_tokens`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000106_revocations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("revocation_epochs")
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("epoch").big_integer().not_null())
                    .primary_key(Index::create().col("environment").col("user_id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("revocations")
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("kind").text().not_null())
                    .col(ColumnDef::new("subject").text().not_null())
                    .col(ColumnDef::new("epoch").big_integer().not_null())
                    .col(ColumnDef::new("revoked_ms").big_integer().not_null())
                    .primary_key(Index::create().col("environment").col("user_id").col("kind").col("subject"))
                    .to_owned(),
            )
            .await?;
        // What was issued without knowing of the column, until now or by a process of an earlier version that is still
        // running, is from before every revocation.
        let epoch = ColumnDef::new("epoch").big_integer().not_null().default(0).take();
        manager.alter_table(Table::alter().table("issued_tokens").add_column(epoch).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("issued_tokens").drop_column("epoch").to_owned()).await?;
        for table in ["revocations", "revocation_epochs"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
