//! Creates `wallet_owners`, with the wallets that are there.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000103_wallet_owners"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("wallet_owners")
                    .col(ColumnDef::new("environment").uuid().not_null())
                    .col(ColumnDef::new("user_id").uuid().not_null())
                    .col(ColumnDef::new("wallets").big_integer().not_null())
                    .primary_key(Index::create().col("environment").col("user_id"))
                    .to_owned(),
            )
            .await?;
        let count = Query::select()
            .columns(["environment", "user_id"])
            .expr(Expr::col("wallet_id").count())
            .from("wallets")
            .group_by_columns(["environment", "user_id"])
            .to_owned();
        let fill = Query::insert()
            .into_table("wallet_owners")
            .columns(["environment", "user_id", "wallets"])
            .select_from(count)
            .map_err(|error| DbErr::Migration(error.to_string()))?
            .to_owned();
        manager.execute(fill).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("wallet_owners").to_owned()).await
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, FromQueryResult};
    use sea_orm_migration::MigratorTrait;

    use super::super::m000101_wallets;
    use super::*;
    use crate::domain::fixtures::uuid;

    /// The schema before.
    struct Before;

    impl MigratorTrait for Before {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(m000101_wallets::Migration)]
        }
    }

    #[derive(Debug, PartialEq, FromQueryResult)]
    struct Owner {
        environment: uuid::Uuid,
        user_id: uuid::Uuid,
        wallets: i64,
    }

    #[tokio::test]
    async fn wallets_that_are_there_are_counted() {
        testkit::on_each::<Before>(async |[database, _]| {
            for (environment, user, wallet) in [(1, 1, 1), (1, 1, 2), (1, 2, 3), (2, 1, 1), (1, 1, 4)] {
                let wallet = Query::insert()
                    .into_table("wallets")
                    .columns([
                        "environment",
                        "user_id",
                        "wallet_id",
                        "key_type",
                        "state",
                        "threshold",
                        "nodes",
                        "created_ms",
                    ])
                    .values_panic([
                        uuid(environment).into(),
                        uuid(user).into(),
                        uuid(wallet).into(),
                        "ed25519".into(),
                        "creating".into(),
                        2.into(),
                        3.into(),
                        0_i64.into(),
                    ])
                    .to_owned();
                database.execute(&wallet).await.unwrap();
            }
            Migration.up(&SchemaManager::new(&database)).await.unwrap();
            let owners = Query::select()
                .columns(["environment", "user_id", "wallets"])
                .from("wallet_owners")
                .order_by("environment", Order::Asc)
                .order_by("user_id", Order::Asc)
                .to_owned();
            let rows = database.query_all(&owners).await.unwrap();
            let found: Vec<_> = rows.iter().map(|row| Owner::from_query_result(row, "").unwrap()).collect();
            let owner = |environment, user, wallets| Owner {
                environment: uuid(environment),
                user_id: uuid(user),
                wallets,
            };
            assert_eq!(found, [owner(1, 1, 3), owner(1, 2, 1), owner(2, 1, 1)]);
        })
        .await;
    }
}
