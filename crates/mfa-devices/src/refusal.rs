//! Refusals that several use cases make, each with one shape.

use std::time::Duration;

use kernel::{Error, FactorKind, Reason, Scope};

/// The metadata key that says how many more codes may be tried at once.
const TRIES_LEFT: &str = "tries_left";

/// A code that is wrong, used up, malformed, or for a device or user there is not: all look the same.
pub(crate) fn code_rejected(tries_left: u32) -> Error {
    Error::new(
        Reason::CodeRejected,
        "the code is not accepted: it is wrong, was used before, or is for no device of this user; wait for the \
         next code and send its digits",
    )
    .with(TRIES_LEFT, tries_left.to_string())
}

/// A recovery code that is wrong, used up, malformed, of an older set, or for a user there is not: all look the same.
pub(crate) fn recovery_code_rejected(tries_left: u32) -> Error {
    Error::new(
        Reason::CodeRejected,
        "the recovery code is not accepted: it is wrong, was used before, or is not of the codes that were made last; try \
         another one",
    )
    .with(TRIES_LEFT, tries_left.to_string())
}

/// Codes are made and shown for a fresh proof of another kind of factor only.
pub(crate) fn fresh_proof_required() -> Error {
    Error::new(
        Reason::FreshProofRequired,
        "this needs a fresh proof by a factor that is no recovery code: send a TOTP code or a passkey's answer, or call \
         within five minutes after one was registered in this session; each proof is good once",
    )
}

/// Codes that are not shown any more, or not to this session.
pub(crate) fn codes_hidden() -> Error {
    Error::new(
        Reason::RecoveryCodesHidden,
        "recovery codes are shown again only to the session that made them, within ten minutes, until they are \
         acknowledged; make new ones",
    )
}

/// Too many wrong codes.
pub(crate) fn throttled(wait: Duration) -> Error {
    // Whole seconds, rounded up, so that a caller who waits as told is not refused again.
    let seconds = wait.as_millis().div_ceil(1000);
    Error::new(
        Reason::FactorThrottled,
        format!("too many wrong codes; no code is tested for the next {seconds} seconds"),
    )
    .with(TRIES_LEFT, "0")
    .retry_after(Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)))
}

/// The service was restored a moment ago, and no code can be told from one that was used before.
pub(crate) fn quiet(wait: Duration) -> Error {
    let seconds = wait.as_millis().div_ceil(1000);
    Error::new(
        Reason::FactorThrottled,
        format!(
            "the service was just restored from a backup; no code is tested for the next {seconds} seconds"
        ),
    )
    .with(TRIES_LEFT, "0")
    .retry_after(Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)))
}

/// A factor came or went while the call was under way, so by what right it acts has to be judged again.
pub(crate) fn factors_changed() -> Error {
    Error::new(
        Reason::AttemptUnknown,
        "a factor of the user was added or removed at this moment; send the same call again",
    )
}

/// A session that is too old to enrol a first factor.
pub(crate) fn session_too_old() -> Error {
    Error::new(
        Reason::SessionTooOld,
        "a first factor needs a session whose user signed in within the last ten minutes; sign in again",
    )
}

/// A receipt is needed and none came.
pub(crate) fn receipt_missing(scope: Scope) -> Error {
    Error::new(
        Reason::ReceiptMissing,
        format!(
            "this needs a receipt: prove a factor for scope {scope} and call StepUpService.AuthorizeOperation, then \
             send its receipt with the same operation id"
        ),
    )
    .with("scope", scope.as_str())
}

/// As many factors of this kind as the environment allows.
pub(crate) fn too_many_factors(kind: FactorKind, max: usize) -> Error {
    let what = match kind {
        FactorKind::Totp => "TOTP devices",
        FactorKind::Passkey => "passkeys",
        FactorKind::RecoveryCode => "sets of recovery codes",
    };
    Error::new(
        Reason::FactorLimitReached,
        format!("this environment allows {max} {what} a user; remove one first"),
    )
}

/// As many pending devices as one user may have.
pub(crate) fn too_many_pending(wait: Duration) -> Error {
    Error::new(
        Reason::FactorLimitReached,
        "devices registered in other sessions still wait for their first code; prove or remove one of them, or try \
         again later",
    )
    .retry_after(wait)
}

/// The environment has no passkeys.
pub(crate) fn relying_party_missing() -> Error {
    Error::new(
        Reason::RelyingPartyMissing,
        "this environment has no WebAuthn relying party, so it has no passkeys; its administrator can set one",
    )
}

/// A ceremony that is over, was used, or is of another user, session or purpose: all look the same.
pub(crate) fn ceremony_unknown() -> Error {
    Error::new(
        Reason::CeremonyUnknown,
        "there is no such passkey ceremony of this user, session and purpose: it is over, or was used; begin a new one",
    )
}

/// An authenticator's answer that is not accepted, whatever the flaw, which only the log is told.
pub(crate) fn passkey_rejected(flaw: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::PasskeyRejected,
        "the answer of the authenticator is not accepted; begin anew, with the options as they come and a passkey of \
         this user",
    )
    .cause(flaw)
}

/// A counter that went back, of this device.
pub(crate) fn clone_suspected(device: &str) -> Error {
    Error::new(
        Reason::PasskeyCloneSuspected,
        "the signature counter of this passkey went back, as that of a copied authenticator would; prove another factor, \
         and remove this passkey if you did not restore it yourself",
    )
    .with("device", device)
}

/// The last factor must stay.
pub(crate) fn last_factor() -> Error {
    Error::new(
        Reason::LastFactorRequired,
        "this environment requires a second factor and this is the last one; add another before removing it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_told_in_whole_seconds_rounded_up() {
        let error = throttled(Duration::from_millis(29_001));
        assert_eq!(error.retry_delay(), Some(Duration::from_secs(30)));
        assert_eq!(error.metadata().get("tries_left").map(String::as_str), Some("0"));
        assert!(error.metadata().keys().eq(code_rejected(3).metadata().keys()), "one shape");
    }
}
