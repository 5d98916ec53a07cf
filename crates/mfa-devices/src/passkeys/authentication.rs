//! The one way in which a passkey is proved, whichever call brought the answer.

use kernel::{CeremonyId, Error, FactorKind, ProofId, Result, SessionId, Timestamp};
use storage::Trail;

use super::Opened;
use crate::domain::proof::{passkey_answer, request_id_reused};
use crate::domain::{
    Assertion, Attempt, Ceremony, CeremonyKind, Challenge, Owner, Proof, UserHandle, ceremony,
};
use crate::ports::{Evidence, Signed, SignedOutcome};
use crate::refusal;
use crate::service::Service;

const KIND: FactorKind = FactorKind::Passkey;

/// A proof of a passkey that somebody wants to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Whose passkey it is to prove.
    pub(crate) owner: Owner,
    /// The session it is for.
    pub(crate) session: &'a SessionId,
    /// SHA-256 over everything the proof is to be good for.
    pub(crate) purpose: [u8; 32],
    /// The digest of the operation that it is to be bound to.
    pub(crate) operation: Option<[u8; 32]>,
    /// The time of the call.
    pub(crate) at: Timestamp,
}

/// The answer of an authenticator that somebody brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered<'a> {
    /// Whose passkey it is to prove.
    pub(crate) owner: Owner,
    /// The ceremony.
    pub(crate) ceremony: CeremonyId,
    /// The answer.
    pub(crate) credential_json: &'a str,
    /// What it is brought for: as the ceremony was begun.
    pub(crate) attempt: &'a Attempt,
    /// Whether its proof is to be good for the recovery codes: [`Proof::grant`].
    pub(crate) grant: bool,
    /// The time of the call.
    pub(crate) at: Timestamp,
    /// What the call leaves in the audit trail.
    pub(crate) trail: &'a Trail,
}

impl Service {
    /// Begins a proof of any of the user's passkeys. Who has none gets options that look alike and lead nowhere.
    ///
    /// Refused with `RELYING_PARTY_MISSING` or `OVERLOADED`.
    pub(crate) async fn begin_passkey_proof(&self, wanted: Wanted<'_>) -> Result<Opened> {
        let Wanted { owner, session, purpose, operation, at } = wanted;
        let party = self.party(owner.environment).await?;
        let (devices, allowed) = self.credentials(owner, &party).await?;
        let nonce = self.nonce();
        let challenge = Challenge::of_proof(nonce, owner, purpose, operation);
        let handle = UserHandle::of(owner);
        let begun = self.authenticators.begin_authentication(&party, handle, &allowed, challenge)?;
        let ceremony = Ceremony {
            id: CeremonyId::random(self.entropy.as_ref()),
            owner,
            session: session.clone(),
            kind: CeremonyKind::Authentication { purpose, operation, devices },
            nonce,
            state: begun.state,
            expires: at.plus(ceremony::LIFE),
        };
        self.open(ceremony, begun.options_json, at).await
    }

    /// Tests an answer and, when it is right, leaves a proof and its evidence. The ceremony is used up, whatever comes of
    /// it.
    ///
    /// In this order: a retry gets its first answer, and a request id that has another one is refused; the intent is written
    /// down; the ceremony is used up; the answer is judged; the counter moves on. Refused with `CEREMONY_UNKNOWN`,
    /// `PASSKEY_REJECTED`, `PASSKEY_CLONE_SUSPECTED` or `REQUEST_ID_REUSED`.
    pub(crate) async fn prove_passkey(&self, answered: Answered<'_>) -> Result<Proof> {
        let Answered { owner, attempt, at, trail, .. } = answered;
        if let Some(proof) = self.repeated(&answered).await? {
            return Ok(proof);
        }
        let party = self.party(owner.environment).await?;
        let id = ProofId::random(self.entropy.as_ref());
        trail.resource(owner.proof_name(id)).await;
        trail.intend().await?;
        let Some(ceremony) = self.ceremonies.take(owner, answered.ceremony, at).await? else {
            // The same call may have come twice at once; then the other one has used it up, and may be done by now.
            let repeated = self.repeated(&answered).await?;
            if repeated.is_none() {
                trail.untouched().await;
            }
            return repeated.ok_or_else(refusal::ceremony_unknown);
        };
        let in_time = ceremony.is_for(&attempt.session, at);
        let (operation, devices) = match ceremony.kind {
            CeremonyKind::Authentication { purpose, operation, devices }
                if in_time && purpose == attempt.purpose =>
            {
                (operation, devices)
            }
            _ => return Err(refusal::ceremony_unknown()),
        };
        let json = answered.credential_json;
        let assertion = self.authenticators.finish_authentication(&party, &ceremony.state, json)?;
        let proof = self.proof_by(&answered, id, &assertion).await?;
        let device = proof.device;
        // It was removed since, and another key was registered under its credential id.
        if !devices.contains(&device) {
            return Err(gone());
        }
        let rp_id = party.id;
        let signed = Signed { proof, assertion, rp_id, nonce: ceremony.nonce, operation };
        match self.passkeys.accept_signature(owner, &signed).await? {
            SignedOutcome::Accepted => Ok(signed.proof),
            SignedOutcome::Unknown => Err(gone()),
            SignedOutcome::CounterWentBack => Err(refusal::clone_suspected(&owner.device_name(device))),
            SignedOutcome::Answered => Err(request_id_reused()),
        }
    }

    /// The evidence that a proof left. Refused with `RESOURCE_NOT_FOUND`.
    pub(crate) async fn evidence(&self, owner: Owner, proof: ProofId) -> Result<Evidence> {
        self.passkeys.evidence(owner, proof).await?.ok_or_else(Error::not_found)
    }

    /// The answer that this very call has got before.
    async fn repeated(&self, answered: &Answered<'_>) -> Result<Option<Proof>> {
        let Answered { owner, ceremony, credential_json, attempt, at, .. } = *answered;
        match self.answer(owner, attempt, at).await? {
            Some(proof) if proof.answer == passkey_answer(ceremony, credential_json) => Ok(Some(proof)),
            Some(_) => Err(request_id_reused()),
            None => Ok(None),
        }
    }

    /// The proof that the signature is, if the user still has the passkey.
    async fn proof_by(&self, answered: &Answered<'_>, id: ProofId, assertion: &Assertion) -> Result<Proof> {
        let held = self.passkeys.passkeys(answered.owner).await?;
        let found =
            held.into_iter().find(|held| held.credential.id == assertion.credential).ok_or_else(gone)?;
        Ok(Proof {
            id,
            device: found.device,
            kind: KIND,
            at: answered.at,
            attempt: answered.attempt.clone(),
            answer: passkey_answer(answered.ceremony, answered.credential_json),
            grant: answered.grant,
        })
    }
}

/// The passkey was removed while its ceremony was under way.
fn gone() -> Error {
    refusal::passkey_rejected("the user has no such passkey any more")
}
