//! What policy demands of a token.

use std::time::Duration;

use kernel::{Acr, Action, FactorKind, Scope};

/// The longest life of a token that policy can demand, in seconds.
pub const MAX_EXPIRY_SECONDS: u32 = 3_600;

/// The longest life of a legacy MFA token that an environment can ask for.
pub(crate) const MAX_LEGACY_LIFE: Duration = Duration::from_secs(300);

/// How closely a token is tied to what it is for, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binding {
    /// To its scopes.
    Scope,
    /// To its scopes and one wallet.
    Wallet,
    /// To exactly one operation, by its digest.
    Operation,
}

impl Binding {
    /// The name in the metadata of a refusal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Wallet => "wallet",
            Self::Operation => "operation",
        }
    }
}

/// How a token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenBehavior {
    /// It pays for one operation.
    SingleUse,
    /// Any number of times until it expires.
    TimeBound,
}

impl TokenBehavior {
    /// The name in the metadata of a refusal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SingleUse => "single_use",
            Self::TimeBound => "time_bound",
        }
    }
}

/// Whether tokens are good in the hands of one client only, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SenderConstraint {
    /// None are made.
    Off,
    /// A client that shows a key gets a token that is good with this key only.
    Allowed,
    /// No other token counts.
    Required,
}

impl SenderConstraint {
    /// The name in the metadata of a refusal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Allowed => "allowed",
            Self::Required => "required",
        }
    }
}

/// What would satisfy the policy of an action, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The action.
    pub action: Action,
    /// The scopes to ask for; all are needed.
    pub scopes: Vec<Scope>,
    /// The least assurance that counts.
    pub acr: Acr,
    /// How closely the token must be tied to the operation.
    pub binding: Binding,
    /// The kinds of factor that reach `acr` and that the user has verified.
    pub methods: Vec<FactorKind>,
    /// How a token for this action may be used.
    pub token_behavior: TokenBehavior,
    /// How long such a token lives, in seconds, 1 to 3,600.
    pub token_expiry_seconds: u32,
    /// The oldest proof that counts, in seconds since the factor was verified.
    pub max_age_seconds: u32,
    /// Whether the token must be, or can be, good in the hands of one client only.
    pub sender_constraint: SenderConstraint,
}
