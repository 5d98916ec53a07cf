//! What the use cases need from outside, in their own words.

mod passkeys;
mod recovery;
mod users;

use std::time::Duration;

use async_trait::async_trait;
use kernel::{Acr, CeremonyId, DeviceId, FactorKind, RequestId, Result, SessionId, Timestamp, TokenId};
use operation::CheckedOperation;
use storage::spending::Spend;

use crate::domain::device::FIRST_REVISION;
use crate::domain::{
    Assertion, Ceremony, CeremonyState, Challenge, Device, DeviceKind, DisplayName, Entitlement, Holdings,
    NewPasskey, Owner, PasskeyCredential, Proof, RelyingParty, Seed, State, Step, Throttle, UserHandle,
};

pub(crate) use self::passkeys::{
    Born, Evidence, HeldPasskey, PasskeyBirth, PasskeyStore, RelyingParties, Signed, SignedOutcome,
};

pub(crate) use self::recovery::{
    Candidates, CodeUse, Made, Making, Payment, RecoveryStore, Showing, ShownAgain,
};
pub(crate) use self::users::{Taken, UserStore};

/// A TOTP device about to be registered.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// Its id.
    pub(crate) id: DeviceId,
    /// What its owner calls it.
    pub(crate) display_name: DisplayName,
    /// The session that registers it.
    pub(crate) session: SessionId,
    /// The spent receipt that pays for it; none for a first factor.
    pub(crate) payment: Option<Spend>,
    /// When.
    pub(crate) at: Timestamp,
    /// Its seed, which the store keeps sealed.
    pub(crate) seed: Seed,
    /// How many verified TOTP devices the user may have.
    pub(crate) max_factors: usize,
    /// [`Holdings::generation`] when it was judged by what right it is registered.
    pub(crate) generation: u64,
}

impl Enrolment {
    /// By what right.
    pub(crate) fn entitlement(&self) -> Entitlement {
        if self.payment.is_some() { Entitlement::Receipt } else { Entitlement::FirstFactor }
    }

    /// The pending device that it makes.
    pub(crate) fn device(&self) -> Device {
        Device {
            id: self.id,
            kind: DeviceKind::Totp(self.seed.parameters()),
            display_name: self.display_name.clone(),
            created: self.at,
            state: State::Pending { session: self.session.clone(), entitlement: self.entitlement() },
            revision: FIRST_REVISION,
        }
    }
}

/// What came of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enrolled {
    /// It waits for its first code, and the session's earlier pending device is gone.
    Pending,
    /// The user has as many TOTP devices as it may have.
    TooManyFactors,
    /// As many devices of the user wait as may, in other sessions.
    TooManyPending,
    /// It was to be the first factor, and there is one.
    NotFirst,
    /// A factor came or went since its right was judged.
    Over,
}

/// A right code about to be used up.
#[derive(Clone, Debug)]
pub(crate) struct Acceptance {
    /// The step whose code it was.
    pub(crate) step: Step,
    /// What it proves.
    pub(crate) proof: Proof,
    /// Whether the device is pending and becomes a factor by it.
    pub(crate) activates: bool,
}

/// What came of a try to take a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    /// It was taken, and so many more can be taken at once now.
    Taken {
        /// From 0.
        left: u32,
    },
    /// None can be taken for so long.
    Throttled {
        /// Longer than zero.
        wait: Duration,
    },
}

/// A factor about to be removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    /// Which.
    pub(crate) device: DeviceId,
    /// Whether the last factor is to be kept.
    pub(crate) keep_last: bool,
    /// The spent receipt that pays for it.
    pub(crate) payment: Spend,
    /// [`Holdings::generation`] when its payment was judged.
    pub(crate) generation: u64,
    /// When.
    pub(crate) at: Timestamp,
}

/// What came of the removal of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is gone; where it was the default, the oldest of the rest is.
    Removed,
    /// There is no such factor.
    Unknown,
    /// It is the last one and was to be kept.
    LastOne,
    /// A factor came or went since the payment was judged.
    Over,
}

/// The devices of all users. Whatever is changed here is changed in one atomic step, whoever else calls; and where a factor
/// is concerned, the event that tells its owner is written in the same step ([`UserStore::events`]).
#[async_trait]
pub(crate) trait DeviceStore: Send + Sync {
    /// All that a user has.
    async fn holdings(&self, owner: Owner) -> Result<Holdings>;

    /// The seed of a device; none where the user has no such device.
    async fn seed(&self, owner: Owner, device: DeviceId) -> Result<Option<Seed>>;

    /// Spends a receipt, durably, by the rules of [`storage::Spending::spend`].
    async fn spend(&self, spend: &Spend, now: Timestamp) -> Result<()>;

    /// Registers a pending device in place of the session's earlier one. Those whose time is over go with it. In the
    /// same step its payment is used up: refused, and nothing is changed, when it does not stand any more, by the rules
    /// of [`storage::Spending::finish_in`].
    async fn enrol(&self, owner: Owner, enrolment: &Enrolment) -> Result<Enrolled>;

    /// Uses up the step, leaves the proof and clears the throttle, all or nothing. `false`, and nothing is changed,
    /// when the device accepted this step or a later one before, is gone, may not become a factor any more, or when
    /// the request id has an answer.
    ///
    /// A factor's birth ends the user's pending devices, and makes the first one the default.
    async fn accept(&self, owner: Owner, acceptance: &Acceptance) -> Result<bool>;

    /// The proof on record under a request id.
    async fn proof(&self, owner: Owner, request: RequestId) -> Result<Option<Proof>>;

    /// Takes a try, durably, before its answer is known.
    async fn take_try(&self, owner: Owner, kind: FactorKind, now: Timestamp) -> Result<Try>;

    /// Gives back a try that was taken for a retry. Ends no streak.
    async fn give_back(&self, owner: Owner, kind: FactorKind) -> Result<()>;

    /// What is on record of the user's tries.
    async fn throttle(&self, owner: Owner, kind: FactorKind) -> Result<Throttle>;

    /// Renames a device if it still has this revision.
    async fn rename(
        &self,
        owner: Owner,
        device: DeviceId,
        name: &DisplayName,
        revision: i64,
        now: Timestamp,
    ) -> Result<bool>;

    /// Makes a factor the default; `false` when there is no such factor.
    async fn set_default(&self, owner: Owner, device: DeviceId, now: Timestamp) -> Result<bool>;

    /// Removes a pending device of this session; `false` when there is none such.
    async fn discard(&self, owner: Owner, device: DeviceId, session: &SessionId) -> Result<bool>;

    /// Removes a factor, and the proofs it gave; not the last one when that is to be kept. In the same step the payment
    /// is used up, as in [`Self::enrol`].
    async fn remove(&self, owner: Owner, leaving: &Leaving) -> Result<Removal>;
}

/// What of a checked receipt matters here.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    /// The session it was given for.
    pub(crate) session: SessionId,
    /// How strong the proof behind it was; none where policy asked for none.
    pub(crate) acr: Option<Acr>,
    /// The single-use token that paid for it, if one did.
    pub(crate) paid_by: Option<TokenId>,
}

/// Checks receipts.
pub(crate) trait Receipts: Send + Sync {
    /// Refuses a receipt that does not allow exactly this operation, with one of the `RECEIPT_…` reasons.
    fn verify(&self, receipt: &str, operation: &CheckedOperation) -> Result<Receipt>;
}

/// What a passkey is wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegistrationWanted<'a> {
    /// By what the authenticator knows its user.
    pub(crate) handle: UserHandle,
    /// What the authenticator shows of the user. Not empty.
    pub(crate) name: &'a str,
    /// The passkeys that the user has; none of their authenticators is to make another one.
    pub(crate) exclude: &'a [PasskeyCredential],
    /// What the authenticator is to sign.
    pub(crate) challenge: Challenge,
}

/// A ceremony that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// What the client hands to the authenticator: `PublicKeyCredentialCreationOptionsJSON` or
    /// `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 sections 5.1.8 and 5.1.9).
    pub(crate) options_json: String,
    /// What is needed to judge its answer.
    pub(crate) state: CeremonyState,
}

/// The longest answer of an authenticator that registers a passkey, in octets of JSON: attestation statements may carry
/// certificates.
pub(crate) const MAX_REGISTRATION: usize = 64 * 1024;

/// The longest of one that proves a passkey, likewise.
pub(crate) const MAX_AUTHENTICATION: usize = 16 * 1024;

/// Judges WebAuthn ceremonies (WebAuthn Level 3 sections 7.1 and 7.2). Remembers nothing: what an answer is judged by is
/// in the ceremony's state, and that it is judged once is for [`Ceremonies::take`].
///
/// Every flaw of an answer is refused with `PASSKEY_REJECTED`, alike; which one it was is in the cause, for the log. Only
/// the signature counter is not looked at here: it is judged where it is kept, in the step that advances it, by
/// [`crate::domain::SignCount::accepts`].
pub(crate) trait Authenticators: Send + Sync {
    /// Begins a registration.
    fn begin_registration(&self, party: &RelyingParty, wanted: RegistrationWanted<'_>) -> Result<Begun>;

    /// The passkey that an authenticator made. Whether its credential id is registered already is for the store.
    fn finish_registration(
        &self,
        party: &RelyingParty,
        state: &CeremonyState,
        credential_json: &str,
    ) -> Result<NewPasskey>;

    /// Begins a proof of one of these passkeys. Where there is none, the options look alike and nothing answers them.
    fn begin_authentication(
        &self,
        party: &RelyingParty,
        handle: UserHandle,
        allowed: &[PasskeyCredential],
        challenge: Challenge,
    ) -> Result<Begun>;

    /// The signature of one of the passkeys that the ceremony allowed, user present and verified.
    fn finish_authentication(
        &self,
        party: &RelyingParty,
        state: &CeremonyState,
        credential_json: &str,
    ) -> Result<Assertion>;
}

/// The ceremonies under way. Each is taken once, whoever else calls.
#[async_trait]
pub(crate) trait Ceremonies: Send + Sync {
    /// Remembers one until it expires. Refused with `OVERLOADED` when the user has as many under way as may be
    /// ([`crate::domain::ceremony::MAX_PER_USER`]).
    async fn put(&self, ceremony: &Ceremony, now: Timestamp) -> Result<()>;

    /// Hands one out and forgets it, in one atomic step. None when it is not one of this user's, has expired, was taken,
    /// or may have been: where that was forgotten.
    async fn take(&self, owner: Owner, id: CeremonyId, now: Timestamp) -> Result<Option<Ceremony>>;

    /// Forgets all of a user's: what was begun before a factor of theirs was taken away leads nowhere.
    async fn forget_user(&self, owner: Owner) -> Result<()>;
}
