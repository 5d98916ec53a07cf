//! The one way in which a code is tested, whichever call brought it.

use std::time::Duration;

use kernel::{DeviceId, FactorKind, ProofId, Result, SecretText, Timestamp};
use storage::Trail;

use crate::domain::proof::recall;
use crate::domain::{AnswerMac, Attempt, Code, Device, Owner, Proof, Seed, Step, Target, TotpParameters};
use crate::ports::{Acceptance, Try};
use crate::refusal;
use crate::service::Service;

const KIND: FactorKind = FactorKind::Totp;

/// A code that somebody brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented<'a> {
    /// Whose factor it is to prove.
    pub(crate) owner: Owner,
    /// The device it is for.
    pub(crate) target: Target,
    /// The code as it was typed.
    pub(crate) code: &'a SecretText,
    /// What it is brought for.
    pub(crate) attempt: &'a Attempt,
    /// Whether its proof is to be good for the recovery codes: [`Proof::grant`].
    pub(crate) grant: bool,
    /// The time of the call.
    pub(crate) at: Timestamp,
    /// What the call leaves in the audit trail.
    pub(crate) trail: &'a Trail,
}

/// A device and a step that a code fits.
struct Fit {
    device: DeviceId,
    step: Step,
    answer: AnswerMac,
    activates: bool,
}

impl Service {
    /// Tests a code and, when it is right, uses up its step and leaves a proof.
    ///
    /// In this order: what cannot be a code is refused and costs nothing, and so is a request id that has an answer for
    /// something else; a try is taken and stays taken; a retry with the same code gets its first answer, with another
    /// one a refusal; the code is tested; the intent is written down; the step is used up. Refused with
    /// `CODE_REJECTED`, `FACTOR_THROTTLED` or `REQUEST_ID_REUSED`.
    pub(crate) async fn prove(&self, presented: Presented<'_>) -> Result<Proof> {
        let Presented { owner, attempt, at, .. } = presented;
        let Some(code) = Code::parse(presented.code) else {
            let left = self.store.throttle(owner, KIND).await?.left(at);
            return Err(refusal::code_rejected(left));
        };
        if let Some(wait) = self.quiet_for(owner, at).await? {
            return Err(refusal::quiet(wait));
        }
        let answered = self.answer(owner, attempt, at).await?;
        // For a retry too: else the code of an answered request could be guessed at without bound.
        let left = match self.store.take_try(owner, KIND, at).await? {
            Try::Taken { left } => left,
            Try::Throttled { wait } => return Err(refusal::throttled(wait)),
        };
        if let Some(proof) = answered {
            return self.repeat(owner, proof, &code, left).await;
        }
        if let Some(fit) = self.fit(&presented, &code).await? {
            presented.trail.resource(owner.device_name(fit.device)).await;
            presented.trail.intend().await?;
            let proof = Proof {
                id: ProofId::random(self.entropy.as_ref()),
                device: fit.device,
                kind: KIND,
                at,
                attempt: attempt.clone(),
                answer: fit.answer,
                grant: presented.grant,
            };
            let acceptance = Acceptance { step: fit.step, proof, activates: fit.activates };
            if self.store.accept(owner, &acceptance).await? {
                return Ok(acceptance.proof);
            }
        }
        // The same call may have come twice at once; then the other one has the answer by now.
        match self.answer(owner, attempt, at).await? {
            Some(proof) => self.repeat(owner, proof, &code, left).await,
            None => Err(refusal::code_rejected(left)),
        }
    }

    /// Answers a request that has its answer: with that if the code is the same, and as any wrong code else.
    async fn repeat(&self, owner: Owner, proof: Proof, code: &Code, left: u32) -> Result<Proof> {
        let seed = self.store.seed(owner, proof.device).await?;
        if seed.is_some_and(|seed| seed.is_mac(proof.answer, proof.attempt.request, code)) {
            self.store.give_back(owner, KIND).await?;
            return Ok(proof);
        }
        Err(refusal::code_rejected(left))
    }

    /// The answer that an earlier try under this request id has, of whatever kind. Refused with `REQUEST_ID_REUSED`.
    pub(crate) async fn answer(
        &self,
        owner: Owner,
        attempt: &Attempt,
        at: Timestamp,
    ) -> Result<Option<Proof>> {
        recall(self.store.proof(owner, attempt.request).await?, attempt, at)
    }

    /// For how long after a restore no code of this user is tested. Who has no device waits as long as most.
    async fn quiet_for(&self, owner: Owner, at: Timestamp) -> Result<Option<Duration>> {
        let Some(restored) = self.restored else { return Ok(None) };
        let holdings = self.store.holdings(owner).await?;
        let of = |parameters| restored.quiet_for(at, parameters);
        let longest = holdings.devices.iter().filter_map(Device::totp).map(of).max();
        Ok(longest.unwrap_or_else(|| of(TotpParameters::DEFAULT)))
    }

    /// Tries the code on every device it may be for.
    async fn fit(&self, presented: &Presented<'_>, code: &Code) -> Result<Option<Fit>> {
        let Presented { owner, target, attempt, at, .. } = *presented;
        let holdings = self.store.holdings(owner).await?;
        let candidates = holdings.candidates(target, &attempt.session, at);
        if candidates.is_empty() {
            // As much work as for somebody who has a device.
            self.store.seed(owner, DeviceId::random(self.entropy.as_ref())).await?;
            Seed::random(self.entropy.as_ref(), TotpParameters::DEFAULT).check(code, at)?;
        }
        let mut found = None;
        for device in candidates {
            let Some(seed) = self.store.seed(owner, device.id).await? else { continue };
            let step = seed.check(code, at)?;
            let forgotten = |step: &Step| {
                self.restored.is_some_and(|restored| restored.may_be_used(*step, seed.parameters()))
            };
            if let Some(step) = step.filter(|step| !forgotten(step)) {
                let answer = seed.mac(attempt.request, code)?;
                let activates = device.verified_since().is_none();
                found = Some(Fit { device: device.id, step, answer, activates });
            }
        }
        Ok(found)
    }
}
