//! The closed vocabulary of refusals. What is not in this list is never said to a caller.
//!
//! The public proto enum `countersign.type.v1.Reason` has the same names (a test in `proto` compares them), and
//! `docs/errors.md` has one entry for each.

use std::fmt;
use std::str::FromStr;

use crate::assurance::UnknownName;

/// The class of a refusal; the gRPC status code of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is wrong in itself.
    InvalidArgument,
    /// The caller is not known.
    Unauthenticated,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The thing does not exist, or not for this caller.
    NotFound,
    /// Someone else changed the thing first; read it again.
    Aborted,
    /// The state of the system does not allow this; retrying the same will not help.
    FailedPrecondition,
    /// A bound was reached: tries, size, live records.
    ResourceExhausted,
    /// The call ran out of time.
    DeadlineExceeded,
    /// Something needed is away; retrying the same is safe.
    Unavailable,
    /// There is no such call.
    Unimplemented,
    /// A defect or a broken invariant here.
    Internal,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal => $code:ident;)+) => {
        /// Why a call was refused. Stable: a name never changes its meaning and is never removed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the public enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The public name: `ErrorInfo.reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The class this reason always has.
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)+ }
            }

            /// What the reason means, as in the documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

reasons! {
    /// A field of the request is missing, malformed, out of range or unknown.
    InvalidRequest = "INVALID_REQUEST" => InvalidArgument;
    /// The bytes are not a message of this call's type, or are nested too deeply.
    RequestMalformed = "REQUEST_MALFORMED" => InvalidArgument;
    /// The request is larger than the server reads.
    RequestTooLarge = "REQUEST_TOO_LARGE" => ResourceExhausted;
    /// There is no such service or method on this address.
    MethodUnknown = "METHOD_UNKNOWN" => Unimplemented;
    /// The call did not finish within its deadline.
    DeadlineExceeded = "DEADLINE_EXCEEDED" => DeadlineExceeded;
    /// The server has as many calls in flight as it takes.
    Overloaded = "OVERLOADED" => ResourceExhausted;
    /// A defect here; the trace id leads to the log.
    Internal = "INTERNAL" => Internal;
    /// Another service of the suite, or a provider's key address, did not answer.
    DependencyUnavailable = "DEPENDENCY_UNAVAILABLE" => Unavailable;
    /// The database or token store did not answer.
    StoreUnavailable = "STORE_UNAVAILABLE" => Unavailable;
    /// The audit trail could not be written, so nothing was done.
    AuditUnavailable = "AUDIT_UNAVAILABLE" => Unavailable;
    /// The thing named does not exist, or not for this caller.
    ResourceNotFound = "RESOURCE_NOT_FOUND" => NotFound;
    /// The thing was changed since the etag was read.
    EtagMismatch = "ETAG_MISMATCH" => Aborted;

    /// No session token came with the call.
    SessionMissing = "SESSION_MISSING" => Unauthenticated;
    /// The session token is not one this environment accepts.
    SessionInvalid = "SESSION_INVALID" => Unauthenticated;
    /// The session token has expired.
    SessionExpired = "SESSION_EXPIRED" => Unauthenticated;
    /// This needs a session whose user signed in within the last minutes.
    SessionTooOld = "SESSION_TOO_OLD" => FailedPrecondition;
    /// No administrator's token came with the call.
    AdminTokenMissing = "ADMIN_TOKEN_MISSING" => Unauthenticated;
    /// The administrator's token is not accepted here, or has expired.
    AdminTokenInvalid = "ADMIN_TOKEN_INVALID" => Unauthenticated;
    /// The administrator's roles do not cover this, or not for this environment.
    AdminRoleMissing = "ADMIN_ROLE_MISSING" => PermissionDenied;
    /// This service is not on the list of callers of this method.
    PeerNotAllowed = "PEER_NOT_ALLOWED" => PermissionDenied;

    /// The action needs a fresh proof of a second factor; the metadata says which would do.
    StepUpRequired = "STEP_UP_REQUIRED" => PermissionDenied;
    /// The action needs a second factor and the user has none.
    EnrolmentRequired = "ENROLMENT_REQUIRED" => FailedPrecondition;
    /// Policy forbids the action.
    ActionDenied = "ACTION_DENIED" => PermissionDenied;

    /// The code is wrong, expired or already used, or there is no such device.
    CodeRejected = "CODE_REJECTED" => PermissionDenied;
    /// Too many wrong codes; wait as long as the retry info says.
    FactorThrottled = "FACTOR_THROTTLED" => ResourceExhausted;
    /// The user has as many factors of this kind as the environment allows.
    FactorLimitReached = "FACTOR_LIMIT_REACHED" => FailedPrecondition;
    /// The last factor cannot go where enrolment is required.
    LastFactorRequired = "LAST_FACTOR_REQUIRED" => FailedPrecondition;
    /// The request id was used before, for something else.
    RequestIdReused = "REQUEST_ID_REUSED" => FailedPrecondition;

    /// The token is not an elevated token for this user, environment and session.
    TokenInvalid = "TOKEN_INVALID" => PermissionDenied;
    /// The token has expired.
    TokenExpired = "TOKEN_EXPIRED" => FailedPrecondition;
    /// The token was already used, for another operation.
    TokenAlreadyRedeemed = "TOKEN_ALREADY_REDEEMED" => FailedPrecondition;
    /// The token store has no record of the token.
    TokenUnknown = "TOKEN_UNKNOWN" => FailedPrecondition;
    /// The token store is not the one that wrote the record.
    TokenStoreChanged = "TOKEN_STORE_CHANGED" => FailedPrecondition;
    /// The token does not carry the scope of this action.
    TokenScopeInsufficient = "TOKEN_SCOPE_INSUFFICIENT" => PermissionDenied;
    /// The token is bound to another operation or wallet.
    OperationMismatch = "OPERATION_MISMATCH" => PermissionDenied;
    /// The user has as many live tokens as the issuer keeps.
    TokenLimitReached = "TOKEN_LIMIT_REACHED" => ResourceExhausted;
    /// The operation id was used before, for another operation.
    OperationIdReused = "OPERATION_ID_REUSED" => FailedPrecondition;
    /// The bytes of the message are a transaction, which must be signed as one.
    MessageIsTransaction = "MESSAGE_IS_TRANSACTION" => InvalidArgument;

    /// The operation needs a receipt and none came.
    ReceiptMissing = "RECEIPT_MISSING" => PermissionDenied;
    /// The receipt is not one this verifier accepts.
    ReceiptInvalid = "RECEIPT_INVALID" => PermissionDenied;
    /// The receipt has expired; authorize the same operation again.
    ReceiptExpired = "RECEIPT_EXPIRED" => FailedPrecondition;
    /// The receipt is for another operation.
    ReceiptMismatch = "RECEIPT_MISMATCH" => PermissionDenied;
    /// The receipt, or the token that paid for it, was used for another operation.
    ReceiptSpent = "RECEIPT_SPENT" => FailedPrecondition;

    /// Too few signing nodes answered.
    NodeUnavailable = "NODE_UNAVAILABLE" => Unavailable;
    /// The node does not know this attempt; start the operation again with the same operation id.
    AttemptUnknown = "ATTEMPT_UNKNOWN" => Aborted;
    /// A message between nodes is not what it claims to be.
    EnvelopeInvalid = "ENVELOPE_INVALID" => PermissionDenied;
    /// The nodes could not finish the protocol.
    ProtocolFailed = "PROTOCOL_FAILED" => Aborted;
    /// The wallet is not active.
    WalletNotActive = "WALLET_NOT_ACTIVE" => FailedPrecondition;
    /// The operation names another generation of key shares than the wallet has.
    GenerationMismatch = "GENERATION_MISMATCH" => FailedPrecondition;
    /// The user has as many wallets as the gateway keeps for one.
    WalletLimitReached = "WALLET_LIMIT_REACHED" => FailedPrecondition;
    /// The service has stopped until its operator has looked: its database is older than it was, or is another's.
    ServiceHalted = "SERVICE_HALTED" => Unavailable;

    /// The factors that would do are too young to pay for this; the retry info says how long.
    FactorOnHold = "FACTOR_ON_HOLD" => PermissionDenied;
    /// The user has no factor and signed in too long ago; signing in again opens the action.
    ReauthenticationRequired = "REAUTHENTICATION_REQUIRED" => FailedPrecondition;
    /// The answer of the authenticator is not one that proves this passkey for this ceremony.
    PasskeyRejected = "PASSKEY_REJECTED" => PermissionDenied;
    /// The signature counter of the passkey went back, as that of a copied authenticator would.
    PasskeyCloneSuspected = "PASSKEY_CLONE_SUSPECTED" => PermissionDenied;
    /// The passkey ceremony is over, was used, or is not one of this user and session; begin a new one.
    CeremonyUnknown = "CEREMONY_UNKNOWN" => FailedPrecondition;
    /// The environment has no WebAuthn relying party, so it has no passkeys.
    RelyingPartyMissing = "RELYING_PARTY_MISSING" => FailedPrecondition;
    /// This needs a proof of another kind of factor, made for it in this session within the last five minutes.
    FreshProofRequired = "FRESH_PROOF_REQUIRED" => PermissionDenied;
    /// The recovery codes were acknowledged, or made too long ago or in another session, and are not shown any more.
    RecoveryCodesHidden = "RECOVERY_CODES_HIDDEN" => FailedPrecondition;
    /// The token was revoked.
    TokenRevoked = "TOKEN_REVOKED" => FailedPrecondition;

    /// The assertion is not one of this user that the environment exchanges for such a token.
    AssertionInvalid = "ASSERTION_INVALID" => PermissionDenied;
    /// The assertion was exchanged already, for something else.
    AssertionReplayed = "ASSERTION_REPLAYED" => FailedPrecondition;
    /// The token, or the environment, asks for a proof of the sender's key and none came.
    SenderProofMissing = "SENDER_PROOF_MISSING" => PermissionDenied;
    /// The sender's proof is not one for this call, by the key of the token.
    SenderProofInvalid = "SENDER_PROOF_INVALID" => PermissionDenied;
    /// The environment has no legacy MFA tokens.
    LegacyMfaTokensDisabled = "LEGACY_MFA_TOKENS_DISABLED" => FailedPrecondition;
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text).ok_or(UnknownName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_fit_error_info() {
        // AIP-193: UPPER_SNAKE_CASE, at most 63 characters.
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for name in names {
            assert!(name.len() <= 63);
            assert!(name.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{name}");
            assert_eq!(name.parse::<Reason>().map(Reason::as_str), Ok(name));
        }
    }
}
