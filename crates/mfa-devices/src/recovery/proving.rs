//! Use case: a recovery code stands in for a factor.

use kernel::{DeviceId, Error, FactorKind, ProofId, Result, SecretText, Timestamp};
use storage::Trail;

use crate::domain::recovery_code::COUNT;
use crate::domain::{Attempt, CodeHash, Owner, Proof, RecoveryCode};
use crate::ports::{CodeUse, Try};
use crate::refusal;
use crate::service::Service;

const KIND: FactorKind = FactorKind::RecoveryCode;

/// A code that somebody brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresentedCode<'a> {
    /// Whose it is to be.
    pub(crate) owner: Owner,
    /// The code as it was typed.
    pub(crate) code: &'a SecretText,
    /// What it is brought for.
    pub(crate) attempt: &'a Attempt,
    /// The time of the call.
    pub(crate) at: Timestamp,
    /// What the call leaves in the audit trail.
    pub(crate) trail: &'a Trail,
}

/// What a code proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// The proof.
    pub(crate) proof: Proof,
    /// How many codes are left now.
    pub(crate) remaining: u32,
}

/// A code of a set that a code fits.
struct Fit {
    set: DeviceId,
    place: i32,
}

impl Service {
    /// Tests a recovery code and, when it is right, uses it up and leaves a proof: as [`Service::prove`] does, in the same
    /// order, with tries of its own. Refused with `CODE_REJECTED`, `FACTOR_THROTTLED` or `REQUEST_ID_REUSED`.
    pub(crate) async fn prove_recovery(&self, presented: PresentedCode<'_>) -> Result<Proved> {
        let PresentedCode { owner, attempt, at, trail, .. } = presented;
        let Some(code) = RecoveryCode::parse(presented.code) else {
            let left = self.store.throttle(owner, KIND).await?.left(at);
            return Err(refusal::recovery_code_rejected(left));
        };
        let answered = self.answer(owner, attempt, at).await?;
        let left = match self.store.take_try(owner, KIND, at).await? {
            Try::Taken { left } => left,
            Try::Throttled { wait } => return Err(refusal::throttled(wait)),
        };
        if let Some(proof) = answered {
            return self.repeat_code(owner, proof, &code, left, at).await;
        }
        if let Some(Fit { set, place }) = self.fit_code(owner, &code).await? {
            trail.resource(owner.device_name(set)).await;
            trail.intend().await?;
            let proof = Proof {
                id: ProofId::random(self.entropy.as_ref()),
                device: set,
                kind: KIND,
                at,
                attempt: attempt.clone(),
                answer: code.answer(set, attempt.request),
                grant: false,
            };
            let code = CodeUse { place, proof };
            if let Some(remaining) = self.recovery.use_code(owner, &code).await? {
                return Ok(Proved { proof: code.proof, remaining });
            }
        }
        // The same call may have come twice at once; then the other one has the answer by now.
        match self.answer(owner, attempt, at).await? {
            Some(proof) => self.repeat_code(owner, proof, &code, left, at).await,
            None => Err(refusal::recovery_code_rejected(left)),
        }
    }

    /// Answers a request that has its answer: with that if the code is the same, and as any wrong code else.
    async fn repeat_code(
        &self,
        owner: Owner,
        proof: Proof,
        code: &RecoveryCode,
        left: u32,
        at: Timestamp,
    ) -> Result<Proved> {
        if proof.kind != KIND || !code.is_answer(proof.answer, proof.device, proof.attempt.request) {
            return Err(refusal::recovery_code_rejected(left));
        }
        self.store.give_back(owner, KIND).await?;
        // The proofs of a set go with it.
        let set = self.recovery.recovery_set(owner, at).await?.ok_or_else(Error::not_found)?;
        Ok(Proved { proof, remaining: set.remaining })
    }

    /// The code that this is, of those that are not used. Compares with ten, however many there are, and with all of them:
    /// neither who is unknown, nor how near a guess came, nor which code was right shows in the time.
    async fn fit_code(&self, owner: Owner, code: &RecoveryCode) -> Result<Option<Fit>> {
        let candidates = self.recovery.unused_codes(owner).await?;
        let set = candidates.as_ref().map_or_else(|| DeviceId::random(self.entropy.as_ref()), |c| c.set);
        let hash = code.hash(set);
        let known = candidates.map(|candidates| candidates.codes).unwrap_or_default();
        let nothing = (0, CodeHash([0; 32]));
        let mut found = None;
        for place in 0..COUNT.max(known.len()) {
            let (place, kept) = known.get(place).copied().unwrap_or(nothing);
            if kept.is(hash) {
                found = Some(Fit { set, place });
            }
        }
        Ok(found)
    }
}
