//! The fresh proof of another kind of factor that pays for making and showing codes.

use kernel::{CeremonyId, RequestId, Result, SecretText};

use crate::domain::proof::recovery_purpose;
use crate::domain::{Attempt, Target};
use crate::passkeys::Answered;
use crate::ports::Payment;
use crate::proving::Presented;
use crate::refusal;
use crate::service::{Caller, Service};

/// A proof that comes with the call. Without one the payment is what the session left.
pub(crate) enum FreshProof {
    /// A TOTP code.
    Totp {
        /// The device it is for.
        target: Target,
        /// The code as it was typed.
        code: SecretText,
    },
    /// The answer of an authenticator.
    Passkey {
        /// The ceremony.
        ceremony: CeremonyId,
        /// The answer.
        credential_json: String,
    },
}

impl Service {
    /// Tests the proof, by the one way in which each kind is tested, throttle and all; what it leaves is the payment, to be
    /// used up in the step that it pays for. Refused with `FRESH_PROOF_REQUIRED` for who has no factor, and as any
    /// answer of the factor is.
    pub(super) async fn fresh_proof(&self, caller: &Caller, proof: Option<FreshProof>) -> Result<Payment> {
        if !self.store.holdings(caller.owner).await?.has_factor() {
            return Err(refusal::fresh_proof_required());
        }
        let Some(proof) = proof else { return Ok(Payment::Left) };
        // Nobody asks for this answer again: one that got lost pays for the next call of its session.
        let attempt = Attempt {
            request: RequestId::random(self.entropy.as_ref()),
            session: caller.session.clone(),
            purpose: recovery_purpose(),
        };
        let proof = match proof {
            FreshProof::Totp { target, code } => {
                let presented = Presented {
                    owner: caller.owner,
                    target,
                    code: &code,
                    attempt: &attempt,
                    grant: true,
                    at: caller.at,
                    trail: &caller.trail,
                };
                self.prove(presented).await?
            }
            FreshProof::Passkey { ceremony, credential_json } => {
                let answered = Answered {
                    owner: caller.owner,
                    ceremony,
                    credential_json: &credential_json,
                    attempt: &attempt,
                    grant: true,
                    at: caller.at,
                    trail: &caller.trail,
                };
                self.prove_passkey(answered).await?
            }
        };
        Ok(Payment::Proof(proof.id))
    }
}
