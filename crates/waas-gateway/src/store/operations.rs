//! The table `operations`.

use async_trait::async_trait;
use kernel::{Error, Result, Timestamp};
use operation::{Digest, OperationKind};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, UpdateMany};
use storage::sql::{corrupt, unavailable};

use crate::domain::outcome::Outcome;
use crate::ports::{Claim, OperationKey, OperationRecord, OperationStore, Run};

use self::entity::{ActiveModel, Column, Entity, Model};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "operations")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(super) user: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) operation_id: Uuid,
        pub(super) digest: Vec<u8>,
        pub(super) kind: String,
        pub(super) state: String,
        pub(super) result: Option<Vec<u8>>,
        /// The run that has it or had it last.
        pub(super) run: Uuid,
        pub(super) run_until_ms: i64,
        pub(super) created_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const OPEN: &str = "open";
const DONE: &str = "done";

/// How often a claim is tried. A round is lost only to another run that takes or forgets the same operation in between.
const ROUNDS: u32 = 64;

/// The operations in the service's own database.
#[derive(Clone, Debug)]
pub(crate) struct SqlOperations {
    database: DatabaseConnection,
}

impl SqlOperations {
    /// On a database with this service's migrations.
    pub(crate) const fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    async fn row(&self, key: OperationKey) -> Result<Option<Model>> {
        let id = (key.environment.uuid(), key.user.uuid(), key.id.uuid());
        Entity::find_by_id(id).one(&self.database).await.map_err(unavailable)
    }

    /// Inserts an open row that the run has. Answers whether there was none.
    async fn insert(
        &self,
        key: OperationKey,
        digest: Digest,
        kind: OperationKind,
        run: Run,
        now: Timestamp,
    ) -> Result<bool> {
        let inserted = Entity::insert(ActiveModel {
            environment: ActiveValue::Set(key.environment.uuid()),
            user: ActiveValue::Set(key.user.uuid()),
            operation_id: ActiveValue::Set(key.id.uuid()),
            digest: ActiveValue::Set(digest.as_bytes().to_vec()),
            kind: ActiveValue::Set(kind.as_str().to_owned()),
            state: ActiveValue::Set(OPEN.to_owned()),
            result: ActiveValue::Set(None),
            run: ActiveValue::Set(run.id),
            run_until_ms: ActiveValue::Set(run.until.millis()),
            created_ms: ActiveValue::Set(now.millis()),
        })
        .on_conflict(
            OnConflict::columns([Column::Environment, Column::User, Column::OperationId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        Ok(inserted == 1)
    }
}

/// An update of the operation while it has no outcome.
fn update_open(key: OperationKey) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Environment.eq(key.environment.uuid()))
        .filter(Column::User.eq(key.user.uuid()))
        .filter(Column::OperationId.eq(key.id.uuid()))
        .filter(Column::State.eq(OPEN))
}

fn parse(model: &Model) -> Result<OperationRecord> {
    let digest: [u8; 32] = model.digest.as_slice().try_into().map_err(|_| corrupt("operation's digest"))?;
    let kind: OperationKind = model.kind.parse().map_err(|_| corrupt("kind of operation"))?;
    let outcome = match (model.state.as_str(), &model.result) {
        (OPEN, None) => None,
        (DONE, Some(result)) => {
            Some(Outcome::decode(kind, result).map_err(|_| corrupt("result of an operation"))?)
        }
        _ => return Err(corrupt("operation's state")),
    };
    Ok(OperationRecord { digest: digest.into(), outcome })
}

#[async_trait]
impl OperationStore for SqlOperations {
    async fn find(&self, key: OperationKey) -> Result<Option<OperationRecord>> {
        self.row(key).await?.as_ref().map(parse).transpose()
    }

    async fn claim(
        &self,
        key: OperationKey,
        digest: Digest,
        kind: OperationKind,
        run: Run,
        now: Timestamp,
    ) -> Result<Claim> {
        for _ in 0..ROUNDS {
            if self.insert(key, digest, kind, run, now).await? {
                return Ok(Claim::Granted { first: true });
            }
            // Forgotten in between.
            let Some(row) = self.row(key).await? else { continue };
            if let Some(outcome) = parse(&row)?.answer(digest)? {
                return Ok(Claim::Done(outcome));
            }
            let until = Timestamp::from_millis(row.run_until_ms);
            if until > now {
                return Ok(Claim::Busy(until));
            }
            // Compare-and-set on the run that was found dead: of two that take over one does.
            let taken = update_open(key)
                .col_expr(Column::Run, Expr::value(run.id))
                .col_expr(Column::RunUntilMs, Expr::value(run.until.millis()))
                .filter(Column::Run.eq(row.run))
                .filter(Column::RunUntilMs.eq(row.run_until_ms))
                .exec(&self.database)
                .await
                .map_err(unavailable)?;
            if taken.rows_affected == 1 {
                return Ok(Claim::Granted { first: false });
            }
        }
        Err(Error::store_unavailable("an operation changed hands again and again"))
    }

    async fn finish(&self, key: OperationKey, digest: Digest, outcome: &Outcome) -> Result<Outcome> {
        let kept = update_open(key)
            .col_expr(Column::State, Expr::value(DONE))
            .col_expr(Column::Result, Expr::value(outcome.encode()))
            .filter(Column::Digest.eq(digest.as_bytes().to_vec()))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        if kept.rows_affected == 1 {
            return Ok(outcome.clone());
        }
        let record = self.find(key).await?.map(|record| record.answer(digest)).transpose()?;
        record.flatten().ok_or_else(|| Error::internal("an operation was finished that is not on record"))
    }

    async fn release(&self, key: OperationKey, run: Run) -> Result<()> {
        update_open(key)
            .col_expr(Column::RunUntilMs, Expr::value(0))
            .filter(Column::Run.eq(run.id))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn forget(&self, key: OperationKey, run: Run) -> Result<()> {
        Entity::delete_many()
            .filter(Column::Environment.eq(key.environment.uuid()))
            .filter(Column::User.eq(key.user.uuid()))
            .filter(Column::OperationId.eq(key.id.uuid()))
            .filter(Column::State.eq(OPEN))
            .filter(Column::Run.eq(run.id))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Migrator;
    use crate::store::contract;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_backend_keeps_the_contract() {
        testkit::on_each::<Migrator>(async |pools| {
            contract::operations(pools.map(|pool| Arc::new(SqlOperations::new(pool)))).await;
        })
        .await;
    }
}
