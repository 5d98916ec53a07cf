//! What is in the tables, in the words of the domain.

use kernel::{DeviceId, ProofId, RequestId, Result, Timestamp};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::{corrupt, unavailable};

use super::SEED_COLUMN;
use super::entity::{devices, owners, proofs};
use crate::domain::{
    Attempt, CodeMac, Device, DisplayName, Entitlement, Holdings, Owner, Proof, Seed, State,
};

/// All that a user has, as it was at one moment. Who has no row has no devices either.
pub(super) async fn holdings(database: &impl ConnectionTrait, owner: Owner) -> Result<Holdings> {
    let rows = owners::Entity::find_by_id((owner.environment.uuid(), owner.user.uuid()))
        .find_also_related(devices::Entity)
        .all(database)
        .await
        .map_err(unavailable)?;
    let row = rows.first().map(|(row, _)| row);
    Ok(Holdings {
        default: row.and_then(|row| row.default_device).map(DeviceId::from_uuid),
        ever_verified: row.is_some_and(|row| row.ever_verified),
        devices: rows.into_iter().filter_map(|(_, found)| found).map(device).collect::<Result<_>>()?,
    })
}

/// The seed of a device.
pub(super) async fn seed(
    database: &impl ConnectionTrait,
    sealer: &Sealer,
    owner: Owner,
    device: DeviceId,
) -> Result<Option<Seed>> {
    let row = devices::Entity::find_by_id(device.uuid())
        .filter(devices::Column::Environment.eq(owner.environment.uuid()))
        .filter(devices::Column::User.eq(owner.user.uuid()))
        .one(database)
        .await
        .map_err(unavailable)?;
    let Some(row) = row else { return Ok(None) };
    let context = Context { column: SEED_COLUMN, row: row.id.as_bytes() };
    let octets = sealer.open(context, &row.secret)?;
    Seed::from_octets(octets).map(Some).ok_or_else(|| corrupt("seed"))
}

/// The proof on record under a request id.
pub(super) async fn proof(
    database: &impl ConnectionTrait,
    owner: Owner,
    request: RequestId,
) -> Result<Option<Proof>> {
    let key = (owner.environment.uuid(), owner.user.uuid(), request.uuid());
    let row = proofs::Entity::find_by_id(key).one(database).await.map_err(unavailable)?;
    row.map(|row| {
        Ok(Proof {
            id: ProofId::from_uuid(row.proof_id),
            device: DeviceId::from_uuid(row.device),
            at: Timestamp::from_millis(row.at_ms),
            attempt: Attempt {
                request: RequestId::from_uuid(row.request_id),
                session: row.session.parse().map_err(|_| corrupt("session id"))?,
                purpose: row.purpose.try_into().map_err(|_| corrupt("purpose digest"))?,
            },
            code: row.code_mac.try_into().map(CodeMac).map_err(|_| corrupt("code"))?,
        })
    })
    .transpose()
}

fn device(row: devices::Model) -> Result<Device> {
    let state = match (row.pending_session, row.entitlement, row.verified_ms, row.last_use_ms) {
        (Some(session), Some(entitlement), None, None) => State::Pending {
            session: session.parse().map_err(|_| corrupt("session id"))?,
            entitlement: parse_entitlement(&entitlement)?,
        },
        (None, None, Some(since), Some(last_use)) => State::Verified {
            since: Timestamp::from_millis(since),
            last_use: Timestamp::from_millis(last_use),
        },
        _ => return Err(corrupt("device state")),
    };
    Ok(Device {
        id: DeviceId::from_uuid(row.id),
        display_name: DisplayName::new("display_name", &row.display_name)
            .map_err(|_| corrupt("device name"))?,
        created: Timestamp::from_millis(row.created_ms),
        state,
        revision: row.revision,
    })
}

/// An entitlement as it stands in its column.
pub(super) const fn entitlement_text(entitlement: Entitlement) -> &'static str {
    match entitlement {
        Entitlement::FirstFactor => "first-factor",
        Entitlement::Receipt => "receipt",
    }
}

fn parse_entitlement(text: &str) -> Result<Entitlement> {
    [Entitlement::FirstFactor, Entitlement::Receipt]
        .into_iter()
        .find(|known| entitlement_text(*known) == text)
        .ok_or_else(|| corrupt("entitlement"))
}
