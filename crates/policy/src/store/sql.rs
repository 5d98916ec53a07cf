//! Environments in SQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kernel::{EnvironmentId, Result, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};
use storage::sql::{corrupt, unavailable};

use super::entities::{environments, pairs, versions};
use super::record;
use crate::domain::environment::{Environment, PairOf, Settings};
use crate::ports::{EnvironmentStore, Written};

/// Environments in the service's own database.
#[derive(Clone, Debug)]
pub(crate) struct SqlEnvironments {
    database: DatabaseConnection,
}

impl SqlEnvironments {
    /// On a database with the migrations of [`crate::Migrator`].
    pub(crate) fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    /// Writes a version with all that belongs to it, once the row of the environment says that it is the newest.
    async fn write(&self, environment: &Environment, by: &str) -> Result<Written> {
        let version = number(environment.version)?;
        let settings = record::encode(&environment.settings)?;
        // Dropping the transaction undoes it.
        let transaction = self.database.begin().await.map_err(unavailable)?;
        let moved = if environment.version == 1 {
            claim(&transaction, environment).await?
        } else {
            advance(&transaction, environment.id, version).await?
        };
        if !moved {
            return Ok(Written::Stale);
        }
        versions::Entity::insert(versions::ActiveModel {
            environment: ActiveValue::Set(environment.id.uuid()),
            version: ActiveValue::Set(version),
            settings: ActiveValue::Set(settings),
            made_ms: ActiveValue::Set(environment.updated.millis()),
            made_by: ActiveValue::Set(by.to_owned()),
        })
        .exec_without_returning(&transaction)
        .await
        .map_err(unavailable)?;
        let taken = replace_pairs(&transaction, environment).await?;
        if let Some(whose) = taken {
            return Ok(Written::PairInUse(whose));
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(Written::Done)
    }
}

/// Takes the id, unless it is taken.
async fn claim(connection: &impl ConnectionTrait, environment: &Environment) -> Result<bool> {
    let rows = environments::Entity::insert(environments::ActiveModel {
        id: ActiveValue::Set(environment.id.uuid()),
        version: ActiveValue::Set(1),
        created_ms: ActiveValue::Set(environment.created.millis()),
    })
    .on_conflict(OnConflict::column(environments::Column::Id).do_nothing().to_owned())
    .exec_without_returning(connection)
    .await
    .map_err(unavailable)?;
    Ok(rows == 1)
}

/// Compare-and-set: moves the newest version to `version` from the one before.
async fn advance(connection: &impl ConnectionTrait, id: EnvironmentId, version: i64) -> Result<bool> {
    let updated = environments::Entity::update_many()
        .col_expr(environments::Column::Version, Expr::value(version))
        .filter(environments::Column::Id.eq(id.uuid()))
        .filter(environments::Column::Version.eq(version - 1))
        .exec(connection)
        .await
        .map_err(unavailable)?;
    Ok(updated.rows_affected == 1)
}

/// Makes the environment's pairs of issuer and audience those of its new version; tells which one another
/// environment has.
///
/// Who gets here has written to the environment's row, so nobody else changes its pairs meanwhile. A pair that stays is
/// not touched. What goes and what comes is written in one order everywhere: a writer waits for another one only at a
/// pair beyond all that it wrote itself, so that no two of them, not even two environments that exchange their pairs,
/// wait for each other.
async fn replace_pairs(
    connection: &impl ConnectionTrait,
    environment: &Environment,
) -> Result<Option<PairOf>> {
    let held: BTreeSet<Pair> = pairs::Entity::find()
        .filter(pairs::Column::Environment.eq(environment.id.uuid()))
        .all(connection)
        .await
        .map_err(unavailable)?
        .into_iter()
        .map(|row| (row.issuer, row.audience))
        .collect();
    let wanted: BTreeMap<Pair, PairOf> = environment
        .settings
        .pairs()
        .map(|(issuer, audience, whose)| (pair(issuer, audience), whose))
        .collect();
    for pair in held.iter().chain(wanted.keys()).collect::<BTreeSet<_>>() {
        match (held.contains(pair), wanted.get(pair)) {
            (true, None) => give_back(connection, pair).await?,
            (false, Some(whose)) if !take(connection, pair, environment.id).await? => {
                return Ok(Some(*whose));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Issuer and audience.
type Pair = (String, String);

fn pair(issuer: &str, audience: &str) -> Pair {
    (issuer.to_owned(), audience.to_owned())
}

async fn give_back(connection: &impl ConnectionTrait, pair: &Pair) -> Result<()> {
    pairs::Entity::delete_by_id(pair.clone()).exec(connection).await.map_err(unavailable)?;
    Ok(())
}

/// Takes the pair, unless it is taken.
async fn take(connection: &impl ConnectionTrait, pair: &Pair, environment: EnvironmentId) -> Result<bool> {
    let (issuer, audience) = pair.clone();
    let rows = pairs::Entity::insert(pairs::ActiveModel {
        issuer: ActiveValue::Set(issuer),
        audience: ActiveValue::Set(audience),
        environment: ActiveValue::Set(environment.uuid()),
    })
    .on_conflict(
        OnConflict::columns([pairs::Column::Issuer, pairs::Column::Audience]).do_nothing().to_owned(),
    )
    .exec_without_returning(connection)
    .await
    .map_err(unavailable)?;
    Ok(rows == 1)
}

/// Versions are signed in SQL.
fn number(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|_| corrupt("version"))
}

#[async_trait]
impl EnvironmentStore for SqlEnvironments {
    async fn create(&self, environment: &Environment, by: &str) -> Result<Written> {
        self.write(environment, by).await
    }

    async fn update(&self, next: &Environment, by: &str) -> Result<Written> {
        self.write(next, by).await
    }

    async fn read(&self, id: EnvironmentId, version: Option<u64>) -> Result<Option<Environment>> {
        let environment = environments::Entity::find_by_id(id.uuid());
        let found = match version.map(i64::try_from) {
            // One statement: every decision asks for it.
            None => environment.find_also_related(versions::Entity).one(&self.database).await,
            Some(Ok(version)) => match environment.one(&self.database).await {
                Ok(Some(row)) => {
                    let made = versions::Entity::find_by_id((id.uuid(), version)).one(&self.database).await;
                    made.map(|made| Some((row, made)))
                }
                other => other.map(|_| None),
            },
            Some(Err(_)) => return Ok(None),
        };
        let Some((row, Some(made))) = found.map_err(unavailable)? else { return Ok(None) };
        Ok(Some(Environment {
            id,
            version: u64::try_from(made.version).map_err(|_| corrupt("version"))?,
            created: Timestamp::from_millis(row.created_ms),
            updated: Timestamp::from_millis(made.made_ms),
            settings: record::decode(&made.settings)?,
        }))
    }

    async fn ids(&self, after: Option<EnvironmentId>, limit: u64) -> Result<Vec<EnvironmentId>> {
        let mut query = environments::Entity::find()
            .select_only()
            .column(environments::Column::Id)
            .order_by_asc(environments::Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(environments::Column::Id.gt(after.uuid()));
        }
        let ids: Vec<uuid::Uuid> = query.into_tuple().all(&self.database).await.map_err(unavailable)?;
        Ok(ids.into_iter().map(EnvironmentId::from_uuid).collect())
    }

    async fn pair_in_use(&self, id: EnvironmentId, settings: &Settings) -> Result<Option<PairOf>> {
        for (issuer, audience, whose) in settings.pairs() {
            let row = pairs::Entity::find_by_id(pair(issuer, audience))
                .one(&self.database)
                .await
                .map_err(unavailable)?;
            if row.is_some_and(|row| row.environment != id.uuid()) {
                return Ok(Some(whose));
            }
        }
        Ok(None)
    }
}
