//! Resource names (AIP-122): parsed strictly, printed in one way.
//!
//! `environments/{environment}`, `environments/{environment}/users/{user}` and below a user `devices/{device}`,
//! `wallets/{wallet}` and `recoveryCodeSet`. A caller may write `me` for the user of its own session.

use std::fmt;

use kernel::{DeviceId, EnvironmentId, Error, ProofId, Result, UserId, WalletId};

/// A user as a caller writes it: by id, or as the user of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// `me`
    Me,
    /// By id.
    Id(UserId),
}

impl UserRef {
    /// The user meant, for a caller who is `caller`. Somebody else looks as if it did not exist.
    pub fn resolve(self, caller: UserId) -> Result<UserId> {
        match self {
            Self::Me => Ok(caller),
            Self::Id(user) if user == caller => Ok(user),
            Self::Id(_) => Err(Error::not_found()),
        }
    }

    /// The user by id; `me` is refused, for calls between services.
    pub fn id(self, field: &str) -> Result<UserId> {
        match self {
            Self::Id(user) => Ok(user),
            Self::Me => Err(Error::invalid(field, "`me` has no meaning here; name the user by id")),
        }
    }
}

/// The parsed name of something below a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserChild<T> {
    /// The environment.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserRef,
    /// The thing itself.
    pub id: T,
}

impl<T> UserChild<T> {
    /// The thing, where it is named below this user of this environment; refused with `RESOURCE_NOT_FOUND` where it is
    /// named below somebody else.
    pub fn below(self, environment: EnvironmentId, user: UserId) -> Result<T> {
        if self.environment != environment {
            return Err(Error::not_found());
        }
        self.user.resolve(user)?;
        Ok(self.id)
    }
}

fn invalid(field: &str, shape: &str) -> Error {
    Error::invalid(field, format!("must be `{shape}`, ids being lower-case UUIDs"))
}

fn parts<const N: usize>(name: &str) -> Option<[&str; N]> {
    let mut parts = name.split('/');
    let mut out = [""; N];
    for part in &mut out {
        *part = parts.next()?;
    }
    parts.next().is_none().then_some(out)
}

const ENVIRONMENT: &str = "environments/{environment}";
const USER: &str = "environments/{environment}/users/{user}";

/// Parses `environments/{environment}`. `field` is the request's field, for the refusal.
pub fn parse_environment(field: &str, name: &str) -> Result<EnvironmentId> {
    match parts(name) {
        Some(["environments", environment]) => environment.parse().map_err(|_| invalid(field, ENVIRONMENT)),
        _ => Err(invalid(field, ENVIRONMENT)),
    }
}

fn parse_user_ref(text: &str) -> Option<UserRef> {
    if text == "me" { Some(UserRef::Me) } else { text.parse().ok().map(UserRef::Id) }
}

/// Parses `environments/{environment}/users/{user}`.
pub fn parse_user(field: &str, name: &str) -> Result<(EnvironmentId, UserRef)> {
    let parsed = match parts(name) {
        Some(["environments", environment, "users", user]) => {
            environment.parse().ok().zip(parse_user_ref(user))
        }
        _ => None,
    };
    parsed.ok_or_else(|| invalid(field, USER))
}

fn parse_child<T: std::str::FromStr>(
    field: &str,
    name: &str,
    collection: &str,
    shape: &str,
) -> Result<UserChild<T>> {
    let parsed = match parts(name) {
        Some(["environments", environment, "users", user, found, id]) if found == collection => environment
            .parse()
            .ok()
            .zip(parse_user_ref(user))
            .zip(id.parse().ok())
            .map(|((environment, user), id)| UserChild { environment, user, id }),
        _ => None,
    };
    parsed.ok_or_else(|| invalid(field, shape))
}

/// Parses `environments/{environment}/users/{user}/devices/{device}`.
pub fn parse_device(field: &str, name: &str) -> Result<UserChild<DeviceId>> {
    parse_child(field, name, "devices", "environments/{environment}/users/{user}/devices/{device}")
}

/// Parses `environments/{environment}/users/{user}/wallets/{wallet}`.
pub fn parse_wallet(field: &str, name: &str) -> Result<UserChild<WalletId>> {
    parse_child(field, name, "wallets", "environments/{environment}/users/{user}/wallets/{wallet}")
}

/// Parses `environments/{environment}/users/{user}/proofs/{proof}`.
pub fn parse_proof(field: &str, name: &str) -> Result<UserChild<ProofId>> {
    parse_child(field, name, "proofs", "environments/{environment}/users/{user}/proofs/{proof}")
}

/// Parses `environments/{environment}/users/{user}/recoveryCodeSet`, of which a user has one.
pub fn parse_recovery_code_set(field: &str, name: &str) -> Result<(EnvironmentId, UserRef)> {
    name.strip_suffix("/recoveryCodeSet")
        .and_then(|user| parse_user(field, user).ok())
        .ok_or_else(|| invalid(field, "environments/{environment}/users/{user}/recoveryCodeSet"))
}

/// The name of an environment.
pub fn environment(environment: EnvironmentId) -> String {
    format!("environments/{environment}")
}

/// The name of a user.
pub fn user(environment: EnvironmentId, user: UserId) -> String {
    format!("environments/{environment}/users/{user}")
}

fn child(environment: EnvironmentId, user: UserId, collection: &str, id: impl fmt::Display) -> String {
    format!("environments/{environment}/users/{user}/{collection}/{id}")
}

/// The name of a device.
pub fn device(environment: EnvironmentId, user: UserId, device: DeviceId) -> String {
    child(environment, user, "devices", device)
}

/// The name of a user's recovery codes.
pub fn recovery_code_set(environment: EnvironmentId, user: UserId) -> String {
    format!("environments/{environment}/users/{user}/recoveryCodeSet")
}

/// The name of a wallet.
pub fn wallet(environment: EnvironmentId, user: UserId, wallet: WalletId) -> String {
    child(environment, user, "wallets", wallet)
}

/// The environment a request is about, read off any resource name, whatever else is wrong with it: for the audit
/// trail and for finding out who the caller is before the rest is looked at.
pub fn environment_of(name: &str) -> Option<EnvironmentId> {
    let mut parts = name.split('/');
    (parts.next()? == "environments").then_some(())?;
    parts.next()?.parse().ok()
}
