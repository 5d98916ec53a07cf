//! The audit trail in SQL.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use kernel::audit::{Event, Outcome};
use kernel::{EnvironmentId, Reason, Result, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, TransactionTrait,
};

use super::entity::{ActiveModel, Column, Entity, Model};
use super::refusals::{Like, Refusals};
use super::{AuditLog, Intent, Row, unwritten};
use crate::mark::{ROW, entity as mark};
use crate::sql::{Lease, corrupt, unavailable};
use crate::standing::{Expected, Standing};

/// Like refusals within this many milliseconds are counted in one row.
const AGGREGATE_MILLIS: i64 = 60_000;

/// The audit trail in the service's own database.
#[derive(Clone, Debug)]
pub struct SqlAuditLog {
    database: DatabaseConnection,
    standing: Standing,
    lease: Option<Arc<Lease>>,
    refusals: Refusals,
}

impl SqlAuditLog {
    /// On a database whose migrations include [`super::Migration`], and which nothing witnesses.
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database, standing: Standing::unwitnessed(), lease: None, refusals: Refusals::default() }
    }

    /// The same, refusing whatever would consume or change something while the database has not this standing.
    #[must_use]
    pub fn with_standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// The same, refusing that while this process is not the one that may serve the database.
    #[must_use]
    pub fn with_lease(self, lease: Arc<Lease>) -> Self {
        Self { lease: Some(lease), ..self }
    }

    #[cfg(test)]
    pub(super) fn database_for_tests(&self) -> &DatabaseConnection {
        &self.database
    }
}

/// A name as it can stand in a column: Postgres takes no NUL in text. No name that is let in has one; if one has all the
/// same, the trail must not be what fails.
fn text(name: &str) -> String {
    name.replace('\0', "\u{fffd}")
}

fn row(event: &Event, outcome: Outcome) -> ActiveModel {
    ActiveModel {
        id: ActiveValue::NotSet,
        kind: ActiveValue::Set(event.kind.to_owned()),
        time_ms: ActiveValue::Set(event.time.millis()),
        environment: ActiveValue::Set(event.environment.map(|environment| environment.to_string())),
        actor: ActiveValue::Set(text(&event.actor.label())),
        resource: ActiveValue::Set(text(&event.resource)),
        operation_id: ActiveValue::Set(event.operation.map(|id| id.to_string()).unwrap_or_default()),
        digest: ActiveValue::Set(event.digest.map(|digest| digest.to_vec()).unwrap_or_default()),
        outcome: ActiveValue::Set(outcome.as_str().to_owned()),
        reason: ActiveValue::Set(outcome.reason().map(|reason| reason.as_str().to_owned())),
        count: ActiveValue::Set(1),
        trace_id: ActiveValue::Set(event.trace.map(|trace| trace.to_string()).unwrap_or_default()),
        aggregate: ActiveValue::Set(None),
    }
}

/// What makes two refusals alike: who, what, where and why, within the same minute. Not on what: that is for the caller
/// to choose, and a caller who chooses anew each time must not get a row each time.
///
/// A digest, because the parts are of any length and an index has bounds.
fn aggregate_key(event: &Event, reason: Reason) -> String {
    let minute = event.time.millis().div_euclid(AGGREGATE_MILLIS).to_string();
    let environment = event.environment.map(|environment| environment.to_string()).unwrap_or_default();
    let actor = event.actor.label();
    let mut digest = Context::new(&SHA256);
    for part in [minute.as_str(), event.kind, &environment, &actor, reason.as_str()] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finish().as_ref().iter().fold(String::new(), |mut out, octet| {
        let _ = write!(out, "{octet:02x}");
        out
    })
}

/// What a column of a row that stands for several refusals says: what they share, or nothing.
fn shared(column: Column, new: &str) -> Expr {
    Expr::case(Expr::col((Entity, column)).eq(new), new).finally("").into()
}

fn parse(model: Model) -> Result<Row> {
    let outcome = match (model.outcome.as_str(), model.reason) {
        ("intended", None) => Outcome::Intended,
        ("succeeded", None) => Outcome::Succeeded,
        ("refused", Some(reason)) => Outcome::Refused(reason.parse().map_err(|_| corrupt("reason"))?),
        _ => return Err(corrupt("audit outcome")),
    };
    let environment = model
        .environment
        .map(|text| text.parse::<EnvironmentId>().map_err(|_| corrupt("environment id")))
        .transpose()?;
    Ok(Row {
        id: model.id,
        kind: model.kind,
        time: Timestamp::from_millis(model.time_ms),
        environment,
        actor: model.actor,
        resource: model.resource,
        // Of a row that stands for several operations, neither is theirs.
        digest: if model.operation_id.is_empty() { Vec::new() } else { model.digest },
        operation: model.operation_id,
        outcome,
        count: model.count,
        trace: model.trace_id,
    })
}

/// Counts like refusals in their row.
async fn count(database: &impl ConnectionTrait, key: String, like: Like, reason: Reason) -> Result<()> {
    let Like { event, count } = like;
    let row = ActiveModel {
        count: ActiveValue::Set(count),
        aggregate: ActiveValue::Set(Some(key)),
        ..row(&event, Outcome::Refused(reason))
    };
    let operation = event.operation.map(|id| id.to_string()).unwrap_or_default();
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Aggregate)
                .value(Column::Count, Expr::col((Entity, Column::Count)).add(count))
                .value(Column::Resource, shared(Column::Resource, &text(&event.resource)))
                .value(Column::OperationId, shared(Column::OperationId, &operation))
                .value(Column::TraceId, "")
                .to_owned(),
        )
        .exec_without_returning(database)
        .await
        .map_err(unwritten)?;
    Ok(())
}

/// A column of the database's mark.
fn of_mark(column: mark::Column) -> Expr {
    let mark = Query::select()
        .column((mark::Entity, column))
        .from(mark::Entity)
        .and_where(Expr::col((mark::Entity, mark::Column::Id)).eq(ROW))
        .to_owned();
    mark.into()
}

impl SqlAuditLog {
    /// Writes the intent and looks at the mark in the same statement: what the database is at this moment, not what it
    /// was when it was last confirmed. When it is another, the row stays `intended`, and nothing is done.
    async fn write_and_compare(&self, row: ActiveModel, expected: Expected) -> Result<i64> {
        let columns = [Expr::col(Column::Id), of_mark(mark::Column::Epoch), of_mark(mark::Column::Counter)];
        let mut insert = Entity::insert(row).into_query();
        insert.returning(Query::returning().exprs(columns));
        let written = self.database.query_one(&insert).await.map_err(unwritten)?;
        let written = written.ok_or_else(|| unwritten("the statement answered nothing"))?;
        let number = |index| {
            let value: Option<i64> = written.try_get_by_index(index).map_err(unwritten)?;
            // Without a mark it is nobody's database, and that is another than the one that was confirmed.
            Ok(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0))
        };
        self.standing.saw(expected, number(1)?, number(2)?)?;
        written.try_get_by_index(0).map_err(unwritten)
    }
}

/// When the newest event began; none on an empty trail. By its time, which is not the order of writing where the clocks
/// of processes differ.
pub(crate) async fn newest(database: &impl ConnectionTrait) -> Result<Option<Timestamp>> {
    let newest = Entity::find().order_by_desc(Column::TimeMs).one(database).await.map_err(unavailable)?;
    Ok(newest.map(|row| Timestamp::from_millis(row.time_ms)))
}

#[async_trait]
impl AuditLog for SqlAuditLog {
    fn check_standing(&self) -> Result<()> {
        self.lease.as_ref().map_or(Ok(()), |lease| lease.check())?;
        self.standing.check()
    }

    async fn begin(&self, event: Event) -> Result<Intent> {
        self.check_standing()?;
        let row = row(&event, Outcome::Intended);
        let id = match self.standing.expected() {
            Some(expected) => self.write_and_compare(row, expected).await?,
            None => Entity::insert(row).exec(&self.database).await.map_err(unwritten)?.last_insert_id,
        };
        self.standing.consumed();
        Ok(Intent(id))
    }

    async fn finish(&self, intent: Intent, outcome: Outcome) -> Result<()> {
        let updated = Entity::update_many()
            .col_expr(Column::Outcome, Expr::value(outcome.as_str()))
            .col_expr(Column::Reason, Expr::value(outcome.reason().map(Reason::as_str)))
            .filter(Column::Id.eq(intent.0))
            .filter(Column::Outcome.eq(Outcome::Intended.as_str()))
            .exec(&self.database)
            .await
            .map_err(unwritten)?;
        self.standing.consumed();
        if updated.rows_affected == 1 { Ok(()) } else { Err(unwritten("the intent is not on record")) }
    }

    async fn withdraw(&self, intent: Intent, event: Event, reason: Reason) -> Result<()> {
        let key = aggregate_key(&event, reason);
        let _turn = self.refusals.turn(&key).await;
        let transaction = self.database.begin().await.map_err(unwritten)?;
        let taken_back = Entity::delete_many()
            .filter(Column::Id.eq(intent.row()))
            .filter(Column::Outcome.eq(Outcome::Intended.as_str()))
            .exec(&transaction)
            .await
            .map_err(unwritten)?;
        if taken_back.rows_affected != 1 {
            transaction.rollback().await.map_err(unwritten)?;
            return Err(unwritten("the intent is not on record"));
        }
        count(&transaction, key, Like::one(event), reason).await?;
        transaction.commit().await.map_err(unwritten)
    }

    async fn record(&self, event: Event, outcome: Outcome) -> Result<()> {
        // That something was refused can be written down in any database.
        if let Some(reason) = outcome.reason() {
            let key = aggregate_key(&event, reason);
            let write = |like| count(&self.database, key.clone(), like, reason);
            return self.refusals.record(&key, event, write).await;
        }
        self.check_standing()?;
        let row = row(&event, outcome);
        Entity::insert(row).exec_without_returning(&self.database).await.map_err(unwritten)?;
        Ok(())
    }

    async fn list(
        &self,
        environment: Option<EnvironmentId>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Row>> {
        let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
        if let Some(environment) = environment {
            query = query.filter(Column::Environment.eq(environment.to_string()));
        }
        if let Some(before) = before {
            query = query.filter(Column::Id.lt(before));
        }
        query.all(&self.database).await.map_err(unavailable)?.into_iter().map(parse).collect()
    }
}
