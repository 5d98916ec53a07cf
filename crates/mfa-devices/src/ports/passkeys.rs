//! What the use cases of passkeys need.

use async_trait::async_trait;
use kernel::{DeviceId, EnvironmentId, ProofId, Result, Timestamp};
use storage::spending::Spend;

use crate::domain::{
    Assertion, CredentialId, DisplayName, NewPasskey, Owner, PasskeyCredential, Proof, RelyingParty,
};

/// A passkey that a user has, as far as ceremonies need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldPasskey {
    /// The device.
    pub(crate) device: DeviceId,
    /// The relying party that it is for.
    pub(crate) rp_id: String,
    /// The credential.
    pub(crate) credential: PasskeyCredential,
}

/// A passkey about to become a factor.
#[derive(Clone, Debug)]
pub(crate) struct PasskeyBirth {
    /// The device that it will be.
    pub(crate) id: DeviceId,
    /// What its owner calls it.
    pub(crate) display_name: DisplayName,
    /// The spent receipt that pays for it; none for a first factor.
    pub(crate) payment: Option<Spend>,
    /// [`crate::domain::Holdings::generation`] when its ceremony began.
    pub(crate) generation: u64,
    /// The relying party that it is for.
    pub(crate) rp_id: String,
    /// What the authenticator made.
    pub(crate) passkey: NewPasskey,
    /// How many passkeys the user may have.
    pub(crate) max_passkeys: usize,
    /// What registering it proves. Its time is that of the birth.
    pub(crate) proof: Proof,
}

/// What came of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Born {
    /// It is a factor, and what else was pending is over.
    Factor,
    /// The user has as many passkeys as it may have.
    TooManyPasskeys,
    /// It was to be the first factor, and there is one.
    NotFirst,
    /// A factor was born since the ceremony began, or all were taken from the user.
    Over,
    /// Its credential id is that of a passkey of this environment.
    Taken,
}

/// The signature of a passkey about to be used up.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    /// What it proves.
    pub(crate) proof: Proof,
    /// The signature, judged but for its counter.
    pub(crate) assertion: Assertion,
    /// The relying party that it is for.
    pub(crate) rp_id: String,
    /// The nonce that its challenge was made from.
    pub(crate) nonce: [u8; 32],
    /// The digest of the operation that its challenge was made from, if it was.
    pub(crate) operation: Option<[u8; 32]>,
}

/// What came of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignedOutcome {
    /// The counter has moved, proof and evidence are on record.
    Accepted,
    /// The user has no such passkey any more.
    Unknown,
    /// The counter went back. Nothing was changed, so that what it was stays known, but the owner is told.
    CounterWentBack,
    /// The request id has an answer.
    Answered,
}

/// With what anybody can verify again what a passkey signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The passkey, which may be gone.
    pub(crate) device: DeviceId,
    /// Its credential id.
    pub(crate) credential: CredentialId,
    /// Its public key, COSE_Key (RFC 9052 section 7).
    pub(crate) public_key: Vec<u8>,
    /// The authenticator data.
    pub(crate) authenticator_data: Vec<u8>,
    /// The client data.
    pub(crate) client_data: Vec<u8>,
    /// The signature.
    pub(crate) signature: Vec<u8>,
    /// The nonce that the challenge was made from.
    pub(crate) nonce: [u8; 32],
    /// The digest of the purpose that it was made from.
    pub(crate) purpose: [u8; 32],
    /// The digest of the operation that it was made from, if it was.
    pub(crate) operation: Option<[u8; 32]>,
    /// The relying party.
    pub(crate) rp_id: String,
    /// When it was verified.
    pub(crate) at: Timestamp,
}

/// The passkeys of all users. Whatever is changed here is changed in one atomic step, whoever else calls, and the event that
/// tells the owner is written in the same step.
#[async_trait]
pub(crate) trait PasskeyStore: Send + Sync {
    /// The passkeys that a user has.
    async fn passkeys(&self, owner: Owner) -> Result<Vec<HeldPasskey>>;

    /// Makes a passkey a factor and leaves its proof. In the same step its payment is used up, as in
    /// [`super::DeviceStore::enrol`].
    async fn register_passkey(&self, owner: Owner, birth: &PasskeyBirth) -> Result<Born>;

    /// Moves counter and backup state of a passkey on and leaves proof and evidence, all or nothing.
    async fn accept_signature(&self, owner: Owner, signed: &Signed) -> Result<SignedOutcome>;

    /// The evidence that a proof left.
    async fn evidence(&self, owner: Owner, proof: ProofId) -> Result<Option<Evidence>>;
}

/// The relying parties of environments.
#[async_trait]
pub(crate) trait RelyingParties: Send + Sync {
    /// That of an environment; none where passkeys are not wanted, or there is no such environment.
    async fn relying_party(&self, environment: EnvironmentId) -> Result<Option<RelyingParty>>;
}
