//! What is known of a user's second factors, and of one that was proved.

use kernel::{Acr, CeremonyId, DeviceId, FactorKind, ProofId, Scope, Timestamp};

use super::requirement::{Binding, TokenBehavior};
use super::token::TokenKind;

/// A verified second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedFactor {
    /// The device.
    pub(crate) device: DeviceId,
    /// Its kind.
    pub(crate) kind: FactorKind,
    /// When its first right answer verified it; of recovery codes, when the set was made.
    pub(crate) verified: Timestamp,
    /// Whether it is the one to offer first.
    pub(crate) is_default: bool,
    /// What its owner calls it; may be empty.
    pub(crate) display_name: String,
    /// Of recovery codes: whether none is left. Tokens by those that were used are still good.
    pub(crate) exhausted: bool,
}

/// All of a user's second factors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactorFacts {
    /// The verified factors, oldest first.
    pub(crate) factors: Vec<VerifiedFactor>,
    /// Whether the user ever had one.
    pub(crate) ever_verified: bool,
    /// Whether the session is the first one in which the user was seen.
    pub(crate) first_session: bool,
}

impl FactorFacts {
    /// The factor, as long as it is one.
    pub(crate) fn factor(&self, device: DeviceId) -> Option<&VerifiedFactor> {
        self.factors.iter().find(|factor| factor.device == device)
    }

    /// Whether of this kind all that there was is used up.
    pub(crate) fn used_up(&self, kind: FactorKind) -> bool {
        self.factors.iter().any(|factor| factor.kind == kind && factor.exhausted)
    }
}

/// A factor that was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactorProof {
    /// Names the verification; the same for a retry of the request.
    pub(crate) id: ProofId,
    /// The device that it was proved by.
    pub(crate) device: DeviceId,
    /// Its kind.
    pub(crate) kind: FactorKind,
    /// When it was proved; of a retry, when it first was.
    pub(crate) auth_time: Timestamp,
}

/// A passkey ceremony that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ceremony {
    /// Names it.
    pub(crate) id: CeremonyId,
    /// What the authenticator is to be asked, as `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 section 5.5).
    pub(crate) options_json: String,
    /// Until when the answer is taken.
    pub(crate) expires: Timestamp,
}

/// A proof as policy judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The kind of token that states it.
    pub(crate) token_kind: TokenKind,
    /// What it rests on.
    pub(crate) by: ProvedBy,
    /// How strong it is.
    pub(crate) acr: Acr,
    /// When the factor was verified; of an assertion, when its user was authenticated.
    pub(crate) auth_time: Timestamp,
    /// What its token may be used for; of a legacy MFA token nothing in particular.
    pub(crate) scopes: Vec<Scope>,
    /// How closely its token is tied to the operation to be decided.
    pub(crate) binding: Binding,
    /// How its token may be used.
    pub(crate) token_behavior: TokenBehavior,
    /// Whether its token is tied to a key, and the caller has proved that key.
    pub(crate) sender_constrained: bool,
}

/// What a proof rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProvedBy {
    /// A factor that is one now.
    Factor {
        /// Its kind.
        kind: FactorKind,
        /// The device.
        device: DeviceId,
    },
    /// The word of an assertion issuer, by the id of the environment's entry.
    Assertion(String),
}
