//! Passkeys: born, and used.

use kernel::{DeviceId, FactorKind, ProofId, Result, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, TransactionTrait,
};
use storage::Spending;
use storage::sql::{corrupt, unavailable};

use super::entity::{devices, evidence, passkeys};
use super::{accepting, outbox, owners, proving, reading};
use crate::domain::device::FIRST_REVISION;
use crate::domain::{CredentialId, FactorEvent, Happening, Owner, PasskeyCredential, Proof, SignCount};
use crate::ports::{Born, Evidence, HeldPasskey, PasskeyBirth, Signed, SignedOutcome};

/// The passkeys that a user has.
pub(super) async fn held(database: &impl ConnectionTrait, owner: Owner) -> Result<Vec<HeldPasskey>> {
    let rows = devices::Entity::find()
        .find_also_related(passkeys::Entity)
        .filter(reading::of(owner))
        .filter(devices::Column::VerifiedMs.is_not_null())
        .all(database)
        .await
        .map_err(unavailable)?;
    rows.into_iter()
        .filter_map(|(device, passkey)| passkey.map(|row| (DeviceId::from_uuid(device.id), row)))
        .map(|(device, row)| {
            let credential = PasskeyCredential {
                id: CredentialId::new(row.credential_id).ok_or_else(|| corrupt("credential id"))?,
                library: row.library,
                backup_eligible: row.backup_eligible,
                transports: reading::parse_transports(&row.transports),
            };
            Ok(HeldPasskey { device, rp_id: row.rp_id, credential })
        })
        .collect()
}

pub(super) async fn register(
    database: &DatabaseConnection,
    owner: Owner,
    birth: &PasskeyBirth,
) -> Result<Born> {
    let transaction = database.begin().await.map_err(unavailable)?;
    owners::ensure(&transaction, owner, &birth.proof.attempt.session).await?;
    owners::hold(&transaction, owner).await?;
    let born = give_birth(&transaction, owner, birth).await?;
    if born == Born::Factor {
        if let Some(payment) = &birth.payment {
            Spending::finish_in(&transaction, payment).await?;
        }
        transaction.commit().await.map_err(unavailable)?;
    } else {
        transaction.rollback().await.map_err(unavailable)?;
    }
    Ok(born)
}

async fn give_birth(transaction: &DatabaseTransaction, owner: Owner, birth: &PasskeyBirth) -> Result<Born> {
    let holdings = reading::holdings(transaction, owner).await?;
    if birth.payment.is_none() && holdings.has_factor() {
        return Ok(Born::NotFirst);
    }
    if holdings.generation != birth.generation {
        return Ok(Born::Over);
    }
    if holdings.count(FactorKind::Passkey) >= birth.max_passkeys {
        return Ok(Born::TooManyPasskeys);
    }
    devices::Entity::insert(device_row(owner, birth))
        .exec_without_returning(transaction)
        .await
        .map_err(unavailable)?;
    // Whoever registers the same credential at once, for whatever user, waits here, or has it.
    let inserted = passkeys::Entity::insert(passkey_row(owner, birth))
        .on_conflict(
            OnConflict::columns([passkeys::Column::Environment, passkeys::Column::CredentialId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map_err(unavailable)?;
    if inserted != 1 {
        return Ok(Born::Taken);
    }
    accepting::settle_birth(transaction, owner, &birth.proof, &holdings).await?;
    // Its request id is fresh.
    proving::record(transaction, owner, &birth.proof).await?;
    Ok(Born::Factor)
}

fn device_row(owner: Owner, birth: &PasskeyBirth) -> devices::ActiveModel {
    let at = birth.proof.at.millis();
    devices::ActiveModel {
        id: ActiveValue::Set(birth.id.uuid()),
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        kind: ActiveValue::Set(FactorKind::Passkey.as_str().to_owned()),
        display_name: ActiveValue::Set(birth.display_name.as_str().to_owned()),
        created_ms: ActiveValue::Set(at),
        revision: ActiveValue::Set(FIRST_REVISION),
        pending_session: ActiveValue::Set(None),
        entitlement: ActiveValue::Set(None),
        verified_ms: ActiveValue::Set(Some(at)),
        last_use_ms: ActiveValue::Set(Some(at)),
    }
}

fn passkey_row(owner: Owner, birth: &PasskeyBirth) -> passkeys::ActiveModel {
    let passkey = &birth.passkey;
    passkeys::ActiveModel {
        device: ActiveValue::Set(birth.id.uuid()),
        environment: ActiveValue::Set(owner.environment.uuid()),
        credential_id: ActiveValue::Set(passkey.credential.id.as_bytes().to_vec()),
        public_key: ActiveValue::Set(passkey.public_key.clone()),
        library: ActiveValue::Set(passkey.credential.library.clone()),
        sign_count: ActiveValue::Set(passkey.sign_count.0.into()),
        backup_eligible: ActiveValue::Set(passkey.credential.backup_eligible),
        backup_state: ActiveValue::Set(passkey.backup_state),
        transports: ActiveValue::Set(reading::transports_text(&passkey.credential.transports)),
        aaguid: ActiveValue::Set(passkey.aaguid),
        rp_id: ActiveValue::Set(birth.rp_id.clone()),
    }
}

pub(super) async fn accept(
    database: &DatabaseConnection,
    owner: Owner,
    signed: &Signed,
) -> Result<SignedOutcome> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let outcome = use_up(&transaction, owner, signed).await?;
    if outcome == SignedOutcome::Accepted {
        transaction.commit().await.map_err(unavailable)?;
        return Ok(outcome);
    }
    transaction.rollback().await.map_err(unavailable)?;
    if outcome == SignedOutcome::CounterWentBack {
        suspect(database, owner, &signed.proof).await?;
    }
    Ok(outcome)
}

/// Tells the owner that there may be a copy of the passkey.
async fn suspect(database: &DatabaseConnection, owner: Owner, proof: &Proof) -> Result<()> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let event = FactorEvent::of(Happening::PasskeyCloneSuspected, proof.kind, proof.device, proof.at);
    outbox::record(&transaction, owner, event).await?;
    transaction.commit().await.map_err(unavailable)
}

async fn use_up(transaction: &DatabaseTransaction, owner: Owner, signed: &Signed) -> Result<SignedOutcome> {
    let device = signed.proof.device;
    if !owners::hold(transaction, owner).await?
        || !accepting::touch(transaction, owner, device, signed.proof.at).await?
    {
        return Ok(SignedOutcome::Unknown);
    }
    let found = passkeys::Entity::find_by_id(device.uuid()).one(transaction).await.map_err(unavailable)?;
    let Some(row) = found.filter(|row| row.credential_id == signed.assertion.credential.as_bytes()) else {
        return Ok(SignedOutcome::Unknown);
    };
    let count = u32::try_from(row.sign_count).map(SignCount).map_err(|_| corrupt("signature counter"))?;
    if !count.accepts(signed.assertion.sign_count) {
        return Ok(SignedOutcome::CounterWentBack);
    }
    let moved = passkeys::Entity::update_many()
        .col_expr(passkeys::Column::SignCount, Expr::value(i64::from(signed.assertion.sign_count.0)))
        .col_expr(passkeys::Column::BackupState, Expr::value(signed.assertion.backup_state))
        .filter(passkeys::Column::Device.eq(device.uuid()))
        .filter(passkeys::Column::SignCount.eq(row.sign_count))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if moved.rows_affected != 1 {
        return Ok(SignedOutcome::CounterWentBack);
    }
    if !proving::record(transaction, owner, &signed.proof).await? {
        return Ok(SignedOutcome::Answered);
    }
    evidence::Entity::insert(evidence_row(owner, signed, row.public_key))
        .exec_without_returning(transaction)
        .await
        .map_err(unavailable)?;
    Ok(SignedOutcome::Accepted)
}

fn evidence_row(owner: Owner, signed: &Signed, public_key: Vec<u8>) -> evidence::ActiveModel {
    let Signed { proof, assertion, rp_id, nonce, operation } = signed;
    evidence::ActiveModel {
        proof_id: ActiveValue::Set(proof.id.uuid()),
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        device: ActiveValue::Set(proof.device.uuid()),
        credential_id: ActiveValue::Set(assertion.credential.as_bytes().to_vec()),
        public_key: ActiveValue::Set(public_key),
        authenticator_data: ActiveValue::Set(assertion.authenticator_data.clone()),
        client_data: ActiveValue::Set(assertion.client_data.clone()),
        signature: ActiveValue::Set(assertion.signature.clone()),
        nonce: ActiveValue::Set(nonce.to_vec()),
        purpose: ActiveValue::Set(proof.attempt.purpose.to_vec()),
        operation: ActiveValue::Set(operation.map(|digest| digest.to_vec())),
        rp_id: ActiveValue::Set(rp_id.clone()),
        at_ms: ActiveValue::Set(proof.at.millis()),
    }
}

/// The evidence that a proof left.
pub(super) async fn evidence(
    database: &impl ConnectionTrait,
    owner: Owner,
    proof: ProofId,
) -> Result<Option<Evidence>> {
    let row = evidence::Entity::find_by_id(proof.uuid())
        .filter(evidence::Column::Environment.eq(owner.environment.uuid()))
        .filter(evidence::Column::User.eq(owner.user.uuid()))
        .one(database)
        .await
        .map_err(unavailable)?;
    let digest = |octets: Vec<u8>, what| <[u8; 32]>::try_from(octets).map_err(|_| corrupt(what));
    row.map(|row| {
        Ok(Evidence {
            device: DeviceId::from_uuid(row.device),
            credential: CredentialId::new(row.credential_id).ok_or_else(|| corrupt("credential id"))?,
            public_key: row.public_key,
            authenticator_data: row.authenticator_data,
            client_data: row.client_data,
            signature: row.signature,
            nonce: digest(row.nonce, "nonce")?,
            purpose: digest(row.purpose, "purpose digest")?,
            operation: row.operation.map(|octets| digest(octets, "operation digest")).transpose()?,
            rp_id: row.rp_id,
            at: Timestamp::from_millis(row.at_ms),
        })
    })
    .transpose()
}
