//! The audit trail in SQL.

use std::fmt::Write as _;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use kernel::audit::{Event, Outcome};
use kernel::{EnvironmentId, Reason, Result, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};

use super::entity::{ActiveModel, Column, Entity, Model};
use super::{AuditLog, Intent, Row, unwritten};
use crate::sql::{corrupt, unavailable};

/// Like refusals within this many milliseconds are counted in one row.
const AGGREGATE_MILLIS: i64 = 60_000;

/// The audit trail in the service's own database.
#[derive(Clone, Debug)]
pub struct SqlAuditLog {
    database: DatabaseConnection,
}

impl SqlAuditLog {
    /// On a database whose migrations include [`super::Migration`].
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    #[cfg(test)]
    pub(super) fn database_for_tests(&self) -> &DatabaseConnection {
        &self.database
    }
}

fn row(event: &Event, outcome: Outcome) -> ActiveModel {
    ActiveModel {
        id: ActiveValue::NotSet,
        kind: ActiveValue::Set(event.kind.to_owned()),
        time_ms: ActiveValue::Set(event.time.millis()),
        environment: ActiveValue::Set(event.environment.map(|environment| environment.to_string())),
        actor: ActiveValue::Set(event.actor.label()),
        resource: ActiveValue::Set(event.resource.clone()),
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

/// Writes down something that has ended.
async fn record(database: &impl ConnectionTrait, event: &Event, outcome: Outcome) -> Result<()> {
    let mut row = row(event, outcome);
    if let Some(reason) = outcome.reason() {
        row.aggregate = ActiveValue::Set(Some(aggregate_key(event, reason)));
    }
    let operation = event.operation.map(|id| id.to_string()).unwrap_or_default();
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Aggregate)
                .value(Column::Count, Expr::col((Entity, Column::Count)).add(1))
                .value(Column::Resource, shared(Column::Resource, &event.resource))
                .value(Column::OperationId, shared(Column::OperationId, &operation))
                .value(Column::TraceId, "")
                .to_owned(),
        )
        .exec_without_returning(database)
        .await
        .map_err(unwritten)?;
    Ok(())
}

#[async_trait]
impl AuditLog for SqlAuditLog {
    async fn begin(&self, event: Event) -> Result<Intent> {
        let inserted =
            Entity::insert(row(&event, Outcome::Intended)).exec(&self.database).await.map_err(unwritten)?;
        Ok(Intent(inserted.last_insert_id))
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
        if updated.rows_affected == 1 { Ok(()) } else { Err(unwritten("the intent is not on record")) }
    }

    async fn withdraw(&self, intent: Intent, event: Event, reason: Reason) -> Result<()> {
        let transaction = self.database.begin().await.map_err(unwritten)?;
        Entity::delete_by_id(intent.row()).exec(&transaction).await.map_err(unwritten)?;
        record(&transaction, &event, Outcome::Refused(reason)).await?;
        transaction.commit().await.map_err(unwritten)
    }

    async fn record(&self, event: Event, outcome: Outcome) -> Result<()> {
        record(&self.database, &event, outcome).await
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
