//! Between the protocol's types and the domain's.

use kernel::secret::ExposeSecret;
use kernel::{Error, FactorKind, Result, SecretText, Timestamp};
use proto::{convert, mfa_devices as pb, names, types};
use runtime::{UserCall, environments};

use crate::devices::{Facts, Place, Shown};
use crate::domain::{
    Attempt, Device, DeviceKind, Owner, PasskeyDetails, Proof, State, TotpAlgorithm, TotpParameters,
};
use crate::payment::Ticket;
use crate::registration::Registered;
use crate::service::Caller;

/// The caller, as the use cases know it.
pub(super) fn caller(call: UserCall) -> Result<Caller> {
    Ok(Caller {
        owner: Owner { environment: call.environment, user: call.user },
        session: call.session,
        auth_time: call.auth_time,
        at: call.at,
        enrolment_required: call.settings.enrolment_required,
        max_totp_devices: most(call.settings.max_totp_devices),
        max_passkeys: most(call.settings.max_passkeys),
        totp: totp_parameters(&call.settings.totp)?,
        trail: call.trail,
    })
}

/// A bound of an environment.
fn most(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How TOTP devices of an environment compute their codes. Its bounds are ours.
fn totp_parameters(settings: &environments::TotpParameters) -> Result<TotpParameters> {
    let algorithm = match settings.algorithm {
        environments::TotpAlgorithm::Sha1 => TotpAlgorithm::Sha1,
        environments::TotpAlgorithm::Sha256 => TotpAlgorithm::Sha256,
        environments::TotpAlgorithm::Sha512 => TotpAlgorithm::Sha512,
    };
    TotpParameters::new(algorithm, settings.digits, settings.period_seconds)
        .ok_or_else(|| Error::internal("policy keeps TOTP parameters that are out of bounds"))
}

/// A receipt and its operation's id; none where no receipt came.
pub(super) fn ticket(operation_id: &str, receipt: String) -> Result<Option<Ticket>> {
    if receipt.is_empty() {
        return Ok(None);
    }
    let operation = convert::operation_id("operation_id", operation_id)?;
    Ok(Some(Ticket { operation, receipt: SecretText::from(receipt) }))
}

/// What a proof is brought for.
pub(super) fn attempt(session_id: &str, request_id: &str, purpose_digest: &[u8]) -> Result<Attempt> {
    Ok(Attempt {
        session: convert::id("session_id", session_id)?,
        request: convert::id("request_id", request_id)?,
        purpose: convert::octets("purpose_digest", purpose_digest)?,
    })
}

/// Where a page goes on, as a cursor.
pub(super) fn place((created, device): Place) -> String {
    format!("{},{device}", created.millis())
}

/// See [`place`].
pub(super) fn parse_place(cursor: &str) -> Result<Place> {
    cursor
        .split_once(',')
        .and_then(|(millis, device)| millis.parse().ok().zip(device.parse().ok()))
        .map(|(millis, device)| (Timestamp::from_millis(millis), device))
        .ok_or_else(|| Error::invalid("page_token", "is not from an earlier answer to this list"))
}

/// The only thing that can be updated.
pub(super) fn update_mask(mask: Option<prost_types::FieldMask>) -> Result<()> {
    match mask {
        Some(mask) if mask.paths == ["display_name"] => Ok(()),
        _ => Err(Error::invalid("update_mask", "must be exactly `display_name`")),
    }
}

/// A device.
pub(super) fn device(owner: Owner, shown: &Shown) -> pb::Device {
    let device = &shown.device;
    let (state, verify_time, last_use_time) = match device.state {
        State::Pending { .. } => (pb::DeviceState::Pending, None, None),
        State::Verified { since, last_use } => (pb::DeviceState::Verified, Some(since), Some(last_use)),
    };
    pb::Device {
        name: names::device(owner.environment, owner.user, device.id),
        kind: convert::factor_kind_value(device.factor()).into(),
        display_name: device.display_name.as_str().to_owned(),
        state: state.into(),
        is_default: shown.is_default,
        create_time: Some(convert::timestamp(device.created)),
        verify_time: verify_time.map(convert::timestamp),
        last_use_time: last_use_time.map(convert::timestamp),
        etag: shown.etag(),
        details: Some(match &device.kind {
            DeviceKind::Totp(parameters) => pb::device::Details::Totp(totp(*parameters)),
            DeviceKind::Passkey(details) => pb::device::Details::Passkey(passkey(details)),
        }),
    }
}

fn totp(parameters: TotpParameters) -> pb::TotpDetails {
    pb::TotpDetails {
        algorithm: parameters.algorithm().as_str().to_owned(),
        digits: parameters.digits().into(),
        period_seconds: parameters.period().into(),
    }
}

fn passkey(details: &PasskeyDetails) -> pb::PasskeyDetails {
    pb::PasskeyDetails {
        credential_id: details.credential_id.as_bytes().to_vec(),
        aaguid: details.aaguid.to_string(),
        transports: details.transports.iter().map(str::to_owned).collect(),
        backup_eligible: details.backup_eligible,
        backup_state: details.backup_state,
        rp_id: details.rp_id.clone(),
    }
}

/// A pending device and its secret: the one place where it leaves.
pub(super) fn registered(owner: Owner, registered: &Registered) -> pb::RegisterTotpDeviceResponse {
    pb::RegisterTotpDeviceResponse {
        device: Some(device(owner, &registered.device)),
        secret: registered.secret.expose_secret().to_owned(),
        otpauth_uri: registered.uri.expose_secret().to_owned(),
        qr_text: registered.qr_text.expose_secret().to_owned(),
        qr_svg: registered.qr_svg.expose_secret().to_owned(),
    }
}

/// What is known of a user's factors.
pub(super) fn facts(owner: Owner, facts: &Facts) -> types::FactorFacts {
    let Facts { holdings, recovery, first_session } = facts;
    let factor = |device: &Device| types::VerifiedFactor {
        device: names::device(owner.environment, owner.user, device.id),
        kind: convert::factor_kind_value(device.factor()).into(),
        verify_time: device.verified_since().map(convert::timestamp),
        is_default: holdings.default == Some(device.id),
        display_name: device.display_name.as_str().to_owned(),
        exhausted: false,
    };
    let mut factors: Vec<_> = holdings
        .factors()
        .into_iter()
        .map(|device| (device.verified_since().unwrap_or(device.created), factor(device)))
        .collect();
    if let Some(set) = recovery {
        let codes = types::VerifiedFactor {
            device: names::device(owner.environment, owner.user, set.id),
            kind: convert::factor_kind_value(FactorKind::RecoveryCode).into(),
            verify_time: Some(convert::timestamp(set.created)),
            is_default: false,
            display_name: String::new(),
            exhausted: set.remaining == 0,
        };
        factors.push((set.created, codes));
    }
    factors.sort_by_key(|(since, _)| *since);
    types::FactorFacts {
        ever_verified: holdings.ever_verified || holdings.has_factor(),
        factors: factors.into_iter().map(|(_, factor)| factor).collect(),
        first_session: *first_session,
    }
}

/// A proof.
pub(super) fn proof(owner: Owner, proof: &Proof) -> pb::VerifyTotpResponse {
    pb::VerifyTotpResponse {
        proof_id: proof.id.to_string(),
        device: names::device(owner.environment, owner.user, proof.device),
        kind: convert::factor_kind_value(proof.kind).into(),
        auth_time: Some(convert::timestamp(proof.at)),
    }
}
