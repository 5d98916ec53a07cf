//! Use cases of passkeys: ceremonies that register one and that prove one. Wrong codes never block them: an answer that
//! nobody can guess needs no throttle.

mod authentication;
mod registration;

use kernel::{CeremonyId, DeviceId, EnvironmentId, Result, Timestamp, entropy};

use crate::domain::{Ceremony, Owner, PasskeyCredential, RelyingParty};
use crate::refusal;
use crate::service::Service;

pub(crate) use self::authentication::{Answered, Wanted};

/// A ceremony that has begun, as its client is told.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Names it.
    pub(crate) id: CeremonyId,
    /// What the client hands to the authenticator.
    pub(crate) options_json: String,
    /// Until when its answer is taken.
    pub(crate) expires: Timestamp,
}

impl Service {
    /// For whom passkeys of this environment are. Refused with `RELYING_PARTY_MISSING`.
    async fn party(&self, environment: EnvironmentId) -> Result<RelyingParty> {
        self.parties.relying_party(environment).await?.ok_or_else(refusal::relying_party_missing)
    }

    /// What a challenge is made from, so that nobody can foresee it.
    fn nonce(&self) -> [u8; 32] {
        entropy::bytes(self.entropy.as_ref())
    }

    /// The passkeys of a user for this relying party: their devices, and likewise their credentials.
    async fn credentials(
        &self,
        owner: Owner,
        party: &RelyingParty,
    ) -> Result<(Vec<DeviceId>, Vec<PasskeyCredential>)> {
        let held = self.passkeys.passkeys(owner).await?;
        let held = held.into_iter().filter(|held| held.rp_id == party.id);
        Ok(held.map(|held| (held.device, held.credential)).unzip())
    }

    /// Remembers a ceremony that has begun. Refused with `OVERLOADED`.
    async fn open(&self, ceremony: Ceremony, options_json: String, now: Timestamp) -> Result<Opened> {
        self.ceremonies.put(&ceremony, now).await?;
        Ok(Opened { id: ceremony.id, options_json, expires: ceremony.expires })
    }
}
