//! Recovery codes, between the protocol's types and the domain's.

use kernel::secret::ExposeSecret;
use kernel::{Error, FactorKind, Result, SecretText};
use proto::{convert, mfa_devices as pb, names};

use super::passkeys;
use crate::domain::recovery_code::COUNT;
use crate::domain::{Owner, RecoverySet, Target};
use crate::recovery::{Codes, FreshProof, Proved};

/// The state of a set.
pub(super) fn set(owner: Owner, set: &RecoverySet) -> pb::RecoveryCodeSet {
    pb::RecoveryCodeSet {
        name: names::recovery_code_set(owner.environment, owner.user),
        device: names::device(owner.environment, owner.user, set.id),
        total_codes: u32::try_from(COUNT).unwrap_or(u32::MAX),
        remaining_codes: set.remaining,
        create_time: Some(convert::timestamp(set.created)),
        last_use_time: set.last_use.map(convert::timestamp),
        acknowledged: set.acknowledged,
    }
}

/// The state of a set and its codes: the one place where they leave.
pub(super) fn codes(owner: Owner, codes: &Codes) -> (pb::RecoveryCodeSet, Vec<String>) {
    let texts = codes.texts.iter().map(|text| text.expose_secret().to_owned()).collect();
    (set(owner, &codes.set), texts)
}

/// The proof that comes with a call; none where what the session left is meant.
pub(super) fn fresh_proof(owner: Owner, proof: Option<pb::FreshProof>) -> Result<Option<FreshProof>> {
    let Some(proof) = proof else { return Ok(None) };
    match proof.proof {
        Some(pb::fresh_proof::Proof::Totp(answer)) => Ok(Some(FreshProof::Totp {
            target: target(owner, &answer.device)?,
            code: SecretText::from(answer.code),
        })),
        Some(pb::fresh_proof::Proof::Passkey(answer)) => Ok(Some(FreshProof::Passkey {
            ceremony: convert::id("proof.passkey.ceremony_id", &answer.ceremony_id)?,
            credential_json: passkeys::proof_json("proof.passkey.credential_json", answer.credential_json)?,
        })),
        None => Err(Error::invalid(
            "proof",
            "holds none; send a TOTP code or a passkey's answer, or leave it out",
        )),
    }
}

/// The device that a user's code is for. One of somebody else is like one there is not.
fn target(owner: Owner, name: &str) -> Result<Target> {
    if name.is_empty() {
        return Ok(Target::Any);
    }
    let device = names::parse_device("proof.totp.device", name)?;
    Ok(device.below(owner.environment, owner.user).map_or(Target::Foreign, Target::Named))
}

/// What a code proved.
pub(super) fn proved(owner: Owner, proved: &Proved) -> pb::VerifyRecoveryCodeResponse {
    pb::VerifyRecoveryCodeResponse {
        proof_id: proved.proof.id.to_string(),
        device: names::device(owner.environment, owner.user, proved.proof.device),
        kind: convert::factor_kind_value(FactorKind::RecoveryCode).into(),
        auth_time: Some(convert::timestamp(proved.proof.at)),
        remaining_codes: proved.remaining,
    }
}
