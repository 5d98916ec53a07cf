//! Environments, their versions, and which tokens lead to which.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000100_environments"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let environments = Table::create()
            .table("environments")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(ColumnDef::new("version").big_integer().not_null())
            .col(ColumnDef::new("created_ms").big_integer().not_null())
            .to_owned();
        let versions = Table::create()
            .table("environment_versions")
            .col(ColumnDef::new("environment").uuid().not_null())
            .col(ColumnDef::new("version").big_integer().not_null())
            .col(ColumnDef::new("settings").text().not_null())
            .col(ColumnDef::new("made_ms").big_integer().not_null())
            .col(ColumnDef::new("made_by").text().not_null())
            .primary_key(Index::create().col("environment").col("version"))
            .to_owned();
        // A token leads to one environment only: the pair is the key, over all environments.
        let providers = Table::create()
            .table("environment_providers")
            .col(ColumnDef::new("issuer").text().not_null())
            .col(ColumnDef::new("audience").text().not_null())
            .col(ColumnDef::new("environment").uuid().not_null())
            .primary_key(Index::create().col("issuer").col("audience"))
            .to_owned();
        for table in [environments, versions, providers] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("environment_providers_by_environment")
                    .table("environment_providers")
                    .col("environment")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["environment_providers", "environment_versions", "environments"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
