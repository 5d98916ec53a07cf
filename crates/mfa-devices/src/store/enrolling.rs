//! A device begins to wait for its first code.

use kernel::{FactorKind, Result, SessionId, Timestamp};
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter,
    TransactionTrait,
};
use storage::sealing::Context;
use storage::sql::unavailable;
use storage::{Sealer, Spending};

use super::entity::devices::{ActiveModel, Column, Entity};
use super::entity::secrets;
use super::reading::{self, entitlement_text};
use super::{SEED_COLUMN, owners};
use crate::domain::device::{FIRST_REVISION, MAX_PENDING, PENDING_LIFE};
use crate::domain::{Entitlement, Owner};
use crate::ports::{Enrolled, Enrolment};

pub(super) async fn enrol(
    database: &DatabaseConnection,
    sealer: &Sealer,
    owner: Owner,
    enrolment: &Enrolment,
) -> Result<Enrolled> {
    let id = enrolment.id.uuid();
    let context = Context { column: SEED_COLUMN, row: id.as_bytes() };
    let sealed = sealer.seal(context, enrolment.seed.octets())?;
    let transaction = database.begin().await.map_err(unavailable)?;
    owners::ensure(&transaction, owner, &enrolment.session).await?;
    owners::hold(&transaction, owner).await?;
    forget_pending(&transaction, owner, &enrolment.session, enrolment.at).await?;
    let holdings = reading::holdings(&transaction, owner).await?;
    let refused = if holdings.count(FactorKind::Totp) >= enrolment.max_factors {
        Some(Enrolled::TooManyFactors)
    } else if enrolment.entitlement() == Entitlement::FirstFactor && holdings.has_factor() {
        Some(Enrolled::NotFirst)
    } else if holdings.generation != enrolment.generation {
        Some(Enrolled::Over)
    } else if holdings.devices.len() - holdings.factors().len() >= MAX_PENDING {
        Some(Enrolled::TooManyPending)
    } else {
        None
    };
    if let Some(refused) = refused {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(refused);
    }
    Entity::insert(row(owner, enrolment)).exec_without_returning(&transaction).await.map_err(unavailable)?;
    secrets::Entity::insert(secret(enrolment, sealed))
        .exec_without_returning(&transaction)
        .await
        .map_err(unavailable)?;
    if let Some(payment) = &enrolment.payment {
        Spending::finish_in(&transaction, payment).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(Enrolled::Pending)
}

/// Removes the session's own pending device, and those of the user whose time is over.
pub(super) async fn forget_pending(
    transaction: &DatabaseTransaction,
    owner: Owner,
    session: &SessionId,
    now: Timestamp,
) -> Result<()> {
    Entity::delete_many()
        .filter(reading::of(owner))
        .filter(Column::VerifiedMs.is_null())
        .filter(
            Condition::any()
                .add(Column::PendingSession.eq(session.as_str()))
                .add(Column::CreatedMs.lte(now.minus(PENDING_LIFE).millis())),
        )
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn row(owner: Owner, enrolment: &Enrolment) -> ActiveModel {
    ActiveModel {
        id: ActiveValue::Set(enrolment.id.uuid()),
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        kind: ActiveValue::Set(FactorKind::Totp.as_str().to_owned()),
        display_name: ActiveValue::Set(enrolment.display_name.as_str().to_owned()),
        created_ms: ActiveValue::Set(enrolment.at.millis()),
        revision: ActiveValue::Set(FIRST_REVISION),
        pending_session: ActiveValue::Set(Some(enrolment.session.as_str().to_owned())),
        entitlement: ActiveValue::Set(Some(entitlement_text(enrolment.entitlement()).to_owned())),
        verified_ms: ActiveValue::Set(None),
        last_use_ms: ActiveValue::Set(None),
    }
}

fn secret(enrolment: &Enrolment, sealed: Vec<u8>) -> secrets::ActiveModel {
    let parameters = enrolment.seed.parameters();
    secrets::ActiveModel {
        device: ActiveValue::Set(enrolment.id.uuid()),
        secret: ActiveValue::Set(sealed),
        algorithm: ActiveValue::Set(parameters.algorithm().as_str().to_owned()),
        digits: ActiveValue::Set(parameters.digits().into()),
        period_seconds: ActiveValue::Set(parameters.period().into()),
        last_step: ActiveValue::Set(-1),
    }
}
