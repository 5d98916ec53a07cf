//! Use case: a user sees the codes again that were made a moment ago.

use kernel::Result;

use super::{Codes, FreshProof};
use crate::ports::{Showing, ShownAgain};
use crate::refusal;
use crate::service::{Caller, Service};

impl Service {
    /// Shows the codes to the session that made them, for ten minutes, until they are acknowledged, for a fresh proof,
    /// which is used up in the same step. Refused with `RECOVERY_CODES_HIDDEN` before a proof is looked at, with
    /// `FRESH_PROOF_REQUIRED`, and as the proof is.
    pub(crate) async fn show_codes(&self, caller: &Caller, proof: Option<FreshProof>) -> Result<Codes> {
        let set = self.recovery.recovery_set(caller.owner, caller.at).await?;
        let Some(set) = set.filter(|set| set.may_be_shown(&caller.session, caller.at)) else {
            return Err(refusal::codes_hidden());
        };
        let payment = self.fresh_proof(caller, proof).await?;
        caller.trail.resource(caller.owner.device_name(set.id)).await;
        caller.trail.intend().await?;
        let showing = Showing { session: caller.session.clone(), payment, at: caller.at };
        match self.recovery.show_codes(caller.owner, &showing).await? {
            ShownAgain::Codes(set, codes) => Ok(Codes { set, texts: codes.texts() }),
            ShownAgain::Hidden => Err(refusal::codes_hidden()),
            ShownAgain::Unpaid => Err(refusal::fresh_proof_required()),
        }
    }
}
