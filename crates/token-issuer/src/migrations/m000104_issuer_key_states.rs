//! Where each signing key is in its life.

use sea_orm_migration::prelude::*;

/// Adds `state` and `state_since_ms` to `issuer_keys`, and makes sure that one key of each purpose is active.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000104_issuer_key_states"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite adds no more.
        let columns = [
            ColumnDef::new("state").text().not_null().default("superseded").take(),
            ColumnDef::new("state_since_ms").big_integer().not_null().default(0).take(),
        ];
        for column in columns {
            manager.alter_table(Table::alter().table("issuer_keys").add_column(column).to_owned()).await?;
        }
        // Until now the newest key of a purpose signed.
        let database = manager.get_connection();
        let since =
            Query::update().table("issuer_keys").value("state_since_ms", Expr::col("created_ms")).to_owned();
        database.execute(&since).await?;
        let newest = Query::select()
            .expr(Expr::col("sequence").max())
            .from_as("issuer_keys", "newer")
            .and_where(Expr::col(("newer", "purpose")).equals(("issuer_keys", "purpose")))
            .to_owned();
        let active = Query::update()
            .table("issuer_keys")
            .value("state", "active")
            .and_where(Expr::col("sequence").eq(Expr::SubQuery(None, Box::new(newest.into()))))
            .to_owned();
        database.execute(&active).await?;
        manager
            .create_index(
                Index::create()
                    .name("issuer_keys_one_active")
                    .table("issuer_keys")
                    .col("purpose")
                    .unique()
                    .and_where(Expr::col("state").eq("active"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(Index::drop().name("issuer_keys_one_active").table("issuer_keys").to_owned())
            .await?;
        for column in ["state", "state_since_ms"] {
            manager.alter_table(Table::alter().table("issuer_keys").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
