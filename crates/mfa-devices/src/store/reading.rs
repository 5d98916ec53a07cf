//! What is in the tables, in the words of the domain.

use kernel::{DeviceId, ProofId, RequestId, Result, Timestamp};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::{corrupt, unavailable};

use super::entity::{devices, passkeys, proofs, secrets};
use super::{SEED_COLUMN, owners};
use crate::domain::{
    AnswerMac, Attempt, CredentialId, Device, DeviceKind, DisplayName, Entitlement, Holdings, Owner,
    PasskeyDetails, Proof, Seed, State, TotpAlgorithm, TotpParameters, Transports,
};

/// The devices of a user.
pub(super) fn of(owner: Owner) -> Condition {
    Condition::all()
        .add(devices::Column::Environment.eq(owner.environment.uuid()))
        .add(devices::Column::User.eq(owner.user.uuid()))
}

/// One of them.
pub(super) fn is(owner: Owner, device: DeviceId) -> Condition {
    of(owner).add(devices::Column::Id.eq(device.uuid()))
}

/// All that a user has.
pub(super) async fn holdings(database: &impl ConnectionTrait, owner: Owner) -> Result<Holdings> {
    // Read before the devices: of a factor born in between, the generation is too old, and what begins now leads nowhere.
    let row = owners::read(database, owner).await?;
    // One statement, so that no device is seen without what makes it one.
    let rows = devices::Entity::find()
        .find_also_related(secrets::Entity)
        .find_also_related(passkeys::Entity)
        .filter(of(owner))
        .all(database)
        .await
        .map_err(unavailable)?;
    let devices = rows
        .into_iter()
        .map(|(row, secret, passkey)| device(row, secret, passkey))
        .collect::<Result<Vec<_>>>()?;
    let Some(row) = row else { return Ok(Holdings { devices, ..Holdings::default() }) };
    Ok(Holdings {
        devices,
        default: row.default_device.map(DeviceId::from_uuid),
        ever_verified: row.ever_verified,
        generation: u64::try_from(row.generation).map_err(|_| corrupt("generation"))?,
        first_session: Some(row.first_session.parse().map_err(|_| corrupt("session id"))?),
    })
}

/// The seed of a device.
pub(super) async fn seed(
    database: &impl ConnectionTrait,
    sealer: &Sealer,
    owner: Owner,
    device: DeviceId,
) -> Result<Option<Seed>> {
    let found = devices::Entity::find()
        .find_also_related(secrets::Entity)
        .filter(is(owner, device))
        .one(database)
        .await
        .map_err(unavailable)?;
    let Some((_, Some(row))) = found else { return Ok(None) };
    let context = Context { column: SEED_COLUMN, row: row.device.as_bytes() };
    let octets = sealer.open(context, &row.secret)?;
    Seed::from_octets(octets, parameters(&row)?).map(Some).ok_or_else(|| corrupt("seed"))
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
            kind: row.kind.parse().map_err(|_| corrupt("kind of factor"))?,
            at: Timestamp::from_millis(row.at_ms),
            attempt: Attempt {
                request: RequestId::from_uuid(row.request_id),
                session: row.session.parse().map_err(|_| corrupt("session id"))?,
                purpose: row.purpose.try_into().map_err(|_| corrupt("purpose digest"))?,
            },
            answer: row.answer_mac.try_into().map(AnswerMac).map_err(|_| corrupt("answer"))?,
            grant: row.for_recovery,
        })
    })
    .transpose()
}

fn device(
    row: devices::Model,
    secret: Option<secrets::Model>,
    passkey: Option<passkeys::Model>,
) -> Result<Device> {
    let kind = match (secret, passkey) {
        (Some(secret), None) => DeviceKind::Totp(parameters(&secret)?),
        (None, Some(passkey)) => DeviceKind::Passkey(details(passkey)?),
        _ => return Err(corrupt("device: it is of no kind, or of two")),
    };
    if kind.factor().as_str() != row.kind {
        return Err(corrupt("kind of device"));
    }
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
        kind,
        display_name: DisplayName::new("display_name", &row.display_name)
            .map_err(|_| corrupt("device name"))?,
        created: Timestamp::from_millis(row.created_ms),
        state,
        revision: row.revision,
    })
}

fn parameters(row: &secrets::Model) -> Result<TotpParameters> {
    TotpAlgorithm::from_name(&row.algorithm)
        .zip(u32::try_from(row.digits).ok())
        .zip(u32::try_from(row.period_seconds).ok())
        .and_then(|((algorithm, digits), period)| TotpParameters::new(algorithm, digits, period))
        .ok_or_else(|| corrupt("TOTP parameters"))
}

fn details(row: passkeys::Model) -> Result<PasskeyDetails> {
    Ok(PasskeyDetails {
        credential_id: CredentialId::new(row.credential_id).ok_or_else(|| corrupt("credential id"))?,
        aaguid: row.aaguid,
        transports: parse_transports(&row.transports),
        backup_eligible: row.backup_eligible,
        backup_state: row.backup_state,
        rp_id: row.rp_id,
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

/// Transports as they stand in their column.
pub(super) fn transports_text(transports: &Transports) -> String {
    transports.iter().collect::<Vec<_>>().join(" ")
}

/// See [`transports_text`].
pub(super) fn parse_transports(text: &str) -> Transports {
    Transports::of(text.split(' ').map(str::to_owned))
}
