//! Use case: a user makes recovery codes, in place of those there were.

use kernel::{DeviceId, Result};

use super::{Codes, FreshProof};
use crate::domain::RecoveryCodes;
use crate::ports::{Made, Making};
use crate::refusal;
use crate::service::{Caller, Service};

impl Service {
    /// Makes ten codes; those there were are dead at once. Only beside another factor, and for a fresh proof of one, which
    /// is used up in the same step. Refused with `FRESH_PROOF_REQUIRED`, and as the proof is.
    pub(crate) async fn make_codes(&self, caller: &Caller, proof: Option<FreshProof>) -> Result<Codes> {
        let id = DeviceId::random(self.entropy.as_ref());
        let codes = RecoveryCodes::random(self.entropy.as_ref());
        let payment = self.fresh_proof(caller, proof).await?;
        caller.trail.resource(caller.owner.device_name(id)).await;
        caller.trail.intend().await?;
        let making = Making { id, codes, session: caller.session.clone(), payment, at: caller.at };
        match self.recovery.make_codes(caller.owner, &making).await? {
            Made::Made(set) => Ok(Codes { set, texts: making.codes.texts() }),
            Made::Unpaid => Err(refusal::fresh_proof_required()),
        }
    }
}
