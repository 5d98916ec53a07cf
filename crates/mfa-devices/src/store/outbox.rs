//! Events that wait to be delivered: written in the transaction of what they tell, so that neither is there without the
//! other. What was delivered is removed.

use kernel::{DeviceId, EnvironmentId, Result, Timestamp, UserId};
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use storage::sql::{corrupt, unavailable};

use self::entity::{ActiveModel, Column, Entity, Model};
use crate::domain::{FactorEvent, Happening, Outgoing, Owner};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "factor_events")]
    pub(super) struct Model {
        /// The order of events. Numbers are not given twice.
        #[sea_orm(primary_key)]
        pub(super) sequence: i64,
        pub(super) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(super) user: Uuid,
        pub(super) what: String,
        pub(super) device: Option<Uuid>,
        pub(super) kind: Option<String>,
        pub(super) at_ms: i64,
        pub(super) remaining: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Writes an event down: there as soon as the transaction is committed, and not before.
pub(super) async fn record(
    transaction: &DatabaseTransaction,
    owner: Owner,
    event: FactorEvent,
) -> Result<()> {
    Entity::insert(ActiveModel {
        sequence: ActiveValue::NotSet,
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        what: ActiveValue::Set(event.what.as_str().to_owned()),
        device: ActiveValue::Set(event.device.map(DeviceId::uuid)),
        kind: ActiveValue::Set(event.kind.map(|kind| kind.as_str().to_owned())),
        at_ms: ActiveValue::Set(event.at.millis()),
        remaining: ActiveValue::Set(event.remaining.into()),
    })
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// The events of an environment after `after`, oldest first.
pub(super) async fn after(
    database: &DatabaseConnection,
    environment: EnvironmentId,
    after: u64,
    limit: u64,
) -> Result<Vec<Outgoing>> {
    // Beyond what a sequence can be there is nothing.
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let rows = Entity::find()
        .filter(Column::Environment.eq(environment.uuid()))
        .filter(Column::Sequence.gt(after))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .all(database)
        .await
        .map_err(unavailable)?;
    rows.into_iter().map(outgoing).collect()
}

/// Removes events that were delivered, and says how many there were.
pub(super) async fn delivered(
    database: &DatabaseConnection,
    environment: EnvironmentId,
    sequences: &[u64],
) -> Result<u64> {
    let sequences = sequences.iter().filter_map(|sequence| i64::try_from(*sequence).ok());
    let deleted = Entity::delete_many()
        .filter(Column::Environment.eq(environment.uuid()))
        .filter(Column::Sequence.is_in(sequences))
        .exec(database)
        .await
        .map_err(unavailable)?;
    Ok(deleted.rows_affected)
}

fn outgoing(row: Model) -> Result<Outgoing> {
    let kind = row.kind.map(|kind| kind.parse().map_err(|_| corrupt("kind of factor"))).transpose()?;
    Ok(Outgoing {
        sequence: u64::try_from(row.sequence).map_err(|_| corrupt("event"))?,
        owner: Owner {
            environment: EnvironmentId::from_uuid(row.environment),
            user: UserId::from_uuid(row.user),
        },
        event: FactorEvent {
            what: Happening::parse(&row.what).ok_or_else(|| corrupt("event"))?,
            device: row.device.map(DeviceId::from_uuid),
            kind,
            at: Timestamp::from_millis(row.at_ms),
            remaining: u32::try_from(row.remaining).map_err(|_| corrupt("event"))?,
        },
    })
}
