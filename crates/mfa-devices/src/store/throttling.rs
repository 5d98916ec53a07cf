//! Tries are taken and given back by compare-and-set on the row's revision: however many calls come at once, from
//! however many processes, each try is taken once.
//!
//! Rows are never removed: whether one still limits is judged by the clock of the call that asks, for its own user
//! alone, so that a clock that jumps cannot clear anybody else's. There is one small row for each user who ever had a
//! code tested, and only a session of that user can have one tested.

use std::convert::Infallible;
use std::time::Duration;

use kernel::{Error, FactorKind, Reason, Result, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use storage::sql::{corrupt, unavailable};

use super::entity::throttles::{ActiveModel, Column, Entity, Model};
use crate::domain::{Owner, Throttle};
use crate::ports::Try;

/// How often a change is tried. A round is lost only to another change of the same row, and the throttle itself lets
/// no more than a few tries through at once.
const ROUNDS: u32 = 64;

/// Takes a try in a statement of its own, which stays whatever becomes of the call. `judge` is what the record counts as.
pub(super) async fn take(
    database: &impl ConnectionTrait,
    owner: Owner,
    kind: FactorKind,
    now: Timestamp,
    judge: impl Fn(Throttle) -> Throttle,
) -> Result<Try> {
    Ok(match change(database, owner, kind, |throttle| judge(throttle).take(now)).await? {
        Ok(taken) => Try::Taken { left: taken.left(now) },
        Err(wait) => Try::Throttled { wait },
    })
}

/// Gives back a try that was taken for a right code, and ends the streak.
pub(super) async fn clear(database: &impl ConnectionTrait, owner: Owner, kind: FactorKind) -> Result<()> {
    settle(database, owner, kind, Throttle::right).await
}

/// Gives back a try that was taken for a retry.
pub(super) async fn give_back(database: &impl ConnectionTrait, owner: Owner, kind: FactorKind) -> Result<()> {
    settle(database, owner, kind, Throttle::repeated).await
}

/// Forgets all tries until now.
pub(super) async fn forget(
    database: &impl ConnectionTrait,
    owner: Owner,
    kind: FactorKind,
    now: Timestamp,
) -> Result<Throttle> {
    let Ok(forgotten) =
        change(database, owner, kind, |_| Ok::<_, Infallible>(Throttle::forgotten(now))).await?;
    Ok(forgotten)
}

async fn settle(
    database: &impl ConnectionTrait,
    owner: Owner,
    kind: FactorKind,
    step: fn(Throttle) -> Throttle,
) -> Result<()> {
    let Ok(_) = change(database, owner, kind, |throttle| Ok::<_, Infallible>(step(throttle))).await?;
    Ok(())
}

/// What is on record.
pub(super) async fn read(
    database: &impl ConnectionTrait,
    owner: Owner,
    kind: FactorKind,
) -> Result<Throttle> {
    find(database, owner, kind).await?.map_or(Ok(Throttle::NEW), |row| throttle(&row))
}

/// Moves the row from one state to the next, unless `step` stops it.
async fn change<Stop>(
    database: &impl ConnectionTrait,
    owner: Owner,
    kind: FactorKind,
    step: impl Fn(Throttle) -> Result<Throttle, Stop>,
) -> Result<Result<Throttle, Stop>> {
    for _ in 0..ROUNDS {
        let row = find(database, owner, kind).await?;
        let next = match step(row.as_ref().map_or(Ok(Throttle::NEW), throttle)?) {
            Ok(next) => next,
            Err(stop) => return Ok(Err(stop)),
        };
        let won = match row {
            None => insert(database, owner, kind, next).await?,
            Some(row) => replace(database, &row, next).await?,
        };
        if won {
            return Ok(Ok(next));
        }
    }
    Err(Error::new(Reason::Overloaded, "too many codes of one user are tested at once; try again")
        .retry_after(Duration::from_secs(1)))
}

async fn find(database: &impl ConnectionTrait, owner: Owner, kind: FactorKind) -> Result<Option<Model>> {
    let key = (owner.environment.uuid(), owner.user.uuid(), kind.as_str().to_owned());
    Entity::find_by_id(key).one(database).await.map_err(unavailable)
}

async fn insert(
    database: &impl ConnectionTrait,
    owner: Owner,
    kind: FactorKind,
    throttle: Throttle,
) -> Result<bool> {
    let inserted = Entity::insert(ActiveModel {
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        kind: ActiveValue::Set(kind.as_str().to_owned()),
        streak: ActiveValue::Set(throttle.streak.into()),
        last_try_ms: ActiveValue::Set(throttle.last.millis()),
        full_at_ms: ActiveValue::Set(throttle.full_at.millis()),
        revision: ActiveValue::Set(1),
    })
    .on_conflict(
        OnConflict::columns([Column::Environment, Column::User, Column::Kind]).do_nothing().to_owned(),
    )
    .exec_without_returning(database)
    .await
    .map_err(unavailable)?;
    Ok(inserted == 1)
}

async fn replace(database: &impl ConnectionTrait, row: &Model, throttle: Throttle) -> Result<bool> {
    let replaced = Entity::update_many()
        .col_expr(Column::Streak, Expr::value(i64::from(throttle.streak)))
        .col_expr(Column::LastTryMs, Expr::value(throttle.last.millis()))
        .col_expr(Column::FullAtMs, Expr::value(throttle.full_at.millis()))
        .col_expr(Column::Revision, Expr::value(row.revision + 1))
        .filter(Column::Environment.eq(row.environment))
        .filter(Column::User.eq(row.user))
        .filter(Column::Kind.eq(row.kind.as_str()))
        .filter(Column::Revision.eq(row.revision))
        .exec(database)
        .await
        .map_err(unavailable)?;
    Ok(replaced.rows_affected == 1)
}

fn throttle(row: &Model) -> Result<Throttle> {
    Ok(Throttle {
        streak: u32::try_from(row.streak).map_err(|_| corrupt("number of tries"))?,
        last: Timestamp::from_millis(row.last_try_ms),
        full_at: Timestamp::from_millis(row.full_at_ms),
    })
}
