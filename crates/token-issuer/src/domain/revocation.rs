//! Revocation: which tokens of a user are ended, and what a token has that a revocation can name.
//!
//! Revocations of one user are numbered, and a token remembers the number of the last one before it was issued, its
//! *epoch*. A revocation ends the tokens whose epoch is lower than its number. No clock takes part in that, because the
//! processes that issue and revoke have several.

use kernel::{DeviceId, EnvironmentId, Error, Reason, SessionId, TokenId, UserId};

use super::token::Token;

/// How many revocations of one user are kept. One more ends all tokens of the user instead, which needs but one.
pub(crate) const MAX_KEPT: u64 = 256;

/// Which tokens of a user are ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One.
    Token(TokenId),
    /// Those that a factor paid for.
    Device(DeviceId),
    /// Those of a session.
    Session(SessionId),
    /// All.
    All,
}

impl Target {
    /// The name of the kind in the database.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Device(_) => "device",
            Self::Session(_) => "session",
            Self::All => "all",
        }
    }

    /// Which one of its kind; empty where there is but one.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Token(id) => id.to_string(),
            Self::Device(id) => id.to_string(),
            Self::Session(id) => id.to_string(),
            Self::All => String::new(),
        }
    }

    /// What the audit trail calls it.
    pub(crate) fn resource(&self, environment: EnvironmentId, user: UserId) -> String {
        let user = format!("environments/{environment}/users/{user}");
        match self {
            Self::Token(id) => format!("{user}/tokens/{id}"),
            Self::Device(id) => format!("{user}/devices/{id}"),
            Self::Session(id) => format!("{user}/sessions/{id}"),
            Self::All => user,
        }
    }
}

/// What of a token a revocation can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revocable {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// Its id.
    pub(crate) id: TokenId,
    /// The factor that paid for it, if one did.
    pub(crate) device: Option<DeviceId>,
    /// Its session.
    pub(crate) session: SessionId,
}

impl Revocable {
    /// Of this token.
    pub(crate) fn of(token: &Token) -> Self {
        Self {
            environment: token.environment,
            user: token.user,
            id: token.id,
            device: token.source.device(),
            session: token.session.clone(),
        }
    }

    /// The targets that would hit it.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let device = self.device.map(Target::Device);
        let always = [Target::Token(self.id), Target::Session(self.session.clone()), Target::All];
        device.into_iter().chain(always).collect()
    }
}

/// Whether a token counts, as far as revocations go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Good,
    /// It was revoked.
    Revoked,
    /// That it was issued is not remembered, so neither is when: it does not.
    Unknown,
}

/// The refusal of a token that was revoked.
pub(crate) fn revoked() -> Error {
    Error::new(Reason::TokenRevoked, "the token was revoked; prove the factor again for a new one")
}
