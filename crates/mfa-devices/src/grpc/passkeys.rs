//! Passkeys, between the protocol's types and the use cases.

use kernel::{Error, Result};
use proto::{convert, mfa_devices as pb, names};
use runtime::PeerCall;

use super::convert as local;
use crate::domain::proof::recovery_purpose;
use crate::domain::{DisplayName, Owner};
use crate::passkeys::{Answered, Opened, Wanted};
use crate::ports::{Evidence, MAX_AUTHENTICATION, MAX_REGISTRATION};
use crate::service::{Caller, Service};

/// The answer of an authenticator that proves a passkey, if it is not too long.
pub(super) fn proof_json(field: &str, credential_json: String) -> Result<String> {
    check_size(field, &credential_json, MAX_AUTHENTICATION)?;
    Ok(credential_json)
}

fn check_size(field: &str, credential_json: &str, most: usize) -> Result<()> {
    if credential_json.is_empty() || credential_json.len() > most {
        return Err(Error::invalid(field, format!("must be 1 to {most} bytes long")));
    }
    Ok(())
}

pub(super) async fn begin_registration(
    service: &Service,
    caller: Caller,
    r: pb::BeginPasskeyRegistrationRequest,
) -> Result<pb::BeginPasskeyRegistrationResponse> {
    caller.trail.resource(names::user(caller.owner.environment, caller.owner.user)).await;
    let name = DisplayName::new("display_name", &r.display_name)?;
    let ticket = local::ticket(&r.operation_id, r.receipt)?;
    let Opened { id, options_json, expires } = service.begin_passkey(&caller, name, ticket.as_ref()).await?;
    Ok(pb::BeginPasskeyRegistrationResponse {
        ceremony_id: id.to_string(),
        options_json,
        expire_time: Some(convert::timestamp(expires)),
    })
}

pub(super) async fn finish_registration(
    service: &Service,
    caller: Caller,
    r: pb::FinishPasskeyRegistrationRequest,
) -> Result<pb::FinishPasskeyRegistrationResponse> {
    caller.trail.resource(names::user(caller.owner.environment, caller.owner.user)).await;
    let id = convert::id("ceremony_id", &r.ceremony_id)?;
    check_size("credential_json", &r.credential_json, MAX_REGISTRATION)?;
    let device = service.finish_passkey(&caller, id, &r.credential_json).await?;
    Ok(pb::FinishPasskeyRegistrationResponse { device: Some(local::device(caller.owner, &device)) })
}

pub(super) async fn begin_proof(service: &Service, caller: Caller) -> Result<pb::BeginPasskeyProofResponse> {
    let Caller { owner, ref session, at, .. } = caller;
    let wanted = Wanted { owner, session, purpose: recovery_purpose(), operation: None, at };
    let Opened { id, options_json, expires } = service.begin_passkey_proof(wanted).await?;
    Ok(pb::BeginPasskeyProofResponse {
        ceremony_id: id.to_string(),
        options_json,
        expire_time: Some(convert::timestamp(expires)),
    })
}

pub(super) async fn begin_authentication(
    service: &Service,
    call: &PeerCall,
    owner: Owner,
    r: pb::BeginPasskeyAuthenticationRequest,
) -> Result<pb::BeginPasskeyAuthenticationResponse> {
    let bound = !r.operation_digest.is_empty();
    let wanted = Wanted {
        owner,
        session: &convert::id("session_id", &r.session_id)?,
        purpose: convert::octets("purpose_digest", &r.purpose_digest)?,
        operation: bound.then(|| convert::octets("operation_digest", &r.operation_digest)).transpose()?,
        at: call.at,
    };
    let Opened { id, options_json, expires } = service.begin_passkey_proof(wanted).await?;
    Ok(pb::BeginPasskeyAuthenticationResponse {
        ceremony_id: id.to_string(),
        options_json,
        expire_time: Some(convert::timestamp(expires)),
    })
}

pub(super) async fn verify(
    service: &Service,
    call: &PeerCall,
    owner: Owner,
    r: pb::VerifyPasskeyRequest,
) -> Result<pb::VerifyPasskeyResponse> {
    let attempt = local::attempt(&r.session_id, &r.request_id, &r.purpose_digest)?;
    let ceremony = convert::id("ceremony_id", &r.ceremony_id)?;
    let credential_json = proof_json("credential_json", r.credential_json)?;
    let answered = Answered {
        owner,
        ceremony,
        credential_json: &credential_json,
        attempt: &attempt,
        grant: false,
        at: call.at,
        trail: &call.trail,
    };
    let proof = service.prove_passkey(answered).await?;
    Ok(pb::VerifyPasskeyResponse {
        proof_id: proof.id.to_string(),
        device: names::device(owner.environment, owner.user, proof.device),
        kind: convert::factor_kind_value(proof.kind).into(),
        auth_time: Some(convert::timestamp(proof.at)),
    })
}

/// What is on record of the proof that is named so.
pub(super) fn evidence(owner: Owner, name: String, evidence: Evidence) -> pb::GetPasskeyEvidenceResponse {
    pb::GetPasskeyEvidenceResponse {
        name,
        device: names::device(owner.environment, owner.user, evidence.device),
        credential_id: evidence.credential.as_bytes().to_vec(),
        public_key: evidence.public_key,
        authenticator_data: evidence.authenticator_data,
        client_data_json: evidence.client_data,
        signature: evidence.signature,
        nonce: evidence.nonce.to_vec(),
        operation_digest: evidence.operation.map(|digest| digest.to_vec()).unwrap_or_default(),
        purpose_digest: evidence.purpose.to_vec(),
        rp_id: evidence.rp_id,
        verify_time: Some(convert::timestamp(evidence.at)),
    }
}
