//! Which issued tokens were on file.

use sea_orm_migration::prelude::*;

/// Adds `on_file_ms` to `issued_tokens`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000105_tokens_on_file"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What was issued without knowing of the column, until now or by a process of an earlier version that is still
        // running, may have been handed out.
        let column = ColumnDef::new("on_file_ms").big_integer().default(0).take();
        manager.alter_table(Table::alter().table("issued_tokens").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("issued_tokens").drop_column("on_file_ms").to_owned()).await
    }
}
