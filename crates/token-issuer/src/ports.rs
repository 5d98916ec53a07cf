//! What the issuer needs from outside, in its own words.

use async_trait::async_trait;
use kernel::{
    CeremonyId, DeviceId, EnvironmentId, OperationId, RequestId, Result, SecretText, SessionId, Timestamp,
    TokenId, UserId,
};
use operation::Digest;

use crate::domain::decision::{Decision, Question};
use crate::domain::factors::{Ceremony, FactorFacts, FactorProof};
use crate::domain::record::TokenRecord;
use crate::domain::revocation::{Revocable, Standing, Target};
use crate::domain::token::{Token, TokenKey};

/// Whoever decides what an action demands.
#[async_trait]
pub(crate) trait Policy: Send + Sync {
    /// Decides. Refused with `DEPENDENCY_UNAVAILABLE` when there is no answer; an answer that is not understood is
    /// never one that allows.
    async fn decide(&self, question: Question<'_>) -> Result<Decision>;
}

/// Whoever keeps the users' second factors.
#[async_trait]
pub(crate) trait Factors: Send + Sync {
    /// What is known of a user's factors, to be judged in this session. Refused with `DEPENDENCY_UNAVAILABLE` when there
    /// is no answer.
    async fn facts(
        &self,
        environment: EnvironmentId,
        user: UserId,
        session: &SessionId,
    ) -> Result<FactorFacts>;

    /// Begins a ceremony in which a passkey is to be proved, for one purpose and, where an operation is given, with its
    /// digest inside the challenge.
    ///
    /// Refused with `RELYING_PARTY_MISSING`, `OVERLOADED` or `DEPENDENCY_UNAVAILABLE`.
    async fn begin_passkey(&self, begin: PasskeyPurpose<'_>) -> Result<Ceremony>;

    /// Tests a TOTP code and consumes it when it is right. The same request again gets the first proof.
    ///
    /// Refused with `CODE_REJECTED`, `FACTOR_THROTTLED`, `REQUEST_ID_REUSED`, `INVALID_REQUEST`, `OVERLOADED` or
    /// `DEPENDENCY_UNAVAILABLE`; after the last one the code may be consumed, and the same request tells.
    async fn verify_totp(
        &self,
        wanted: ProofRequest<'_>,
        code: &SecretText,
        device: Option<DeviceId>,
    ) -> Result<FactorProof>;

    /// Tests the answer of an authenticator, `AuthenticationResponseJSON`, and uses up the ceremony. The same request
    /// again gets the first proof.
    ///
    /// Refused with `CEREMONY_UNKNOWN`, `PASSKEY_REJECTED`, `PASSKEY_CLONE_SUSPECTED`, `RELYING_PARTY_MISSING`,
    /// `REQUEST_ID_REUSED`, `INVALID_REQUEST`, `OVERLOADED` or `DEPENDENCY_UNAVAILABLE`; after the last one the ceremony
    /// may be used up, and the same request tells.
    async fn verify_passkey(
        &self,
        wanted: ProofRequest<'_>,
        ceremony: CeremonyId,
        credential_json: &SecretText,
    ) -> Result<FactorProof>;

    /// Tests a recovery code and uses it up when it is right; says how many are left. The same request again gets the
    /// first proof. Refused like [`Self::verify_totp`].
    async fn verify_recovery_code(
        &self,
        wanted: ProofRequest<'_>,
        code: &SecretText,
    ) -> Result<(FactorProof, u32)>;
}

/// A proof that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofRequest<'a> {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// The session the user acts in.
    pub(crate) session: &'a SessionId,
    /// The client's name for this request.
    pub(crate) request: RequestId,
    /// SHA-256 over everything the proof is to be good for.
    pub(crate) purpose: [u8; 32],
}

/// What a passkey is to be proved for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PasskeyPurpose<'a> {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// The session the user acts in.
    pub(crate) session: &'a SessionId,
    /// As it will be in the [`ProofRequest`].
    pub(crate) purpose: [u8; 32],
    /// The digest of the operation to bind to, or the root of the batch, for the authenticator to sign.
    pub(crate) operation: Option<Digest>,
}

/// Where tokens are on file and spent: an allow-list, because a token that is not on file is worth nothing.
///
/// Each method is one atomic step on the store, however many processes share it. A store that may have lost what it
/// acknowledged (a replica promoted, a copy restored) refuses with `TOKEN_STORE_CHANGED`; one that does not answer
/// with `STORE_UNAVAILABLE`. Nothing is ever authorized then. Times are the caller's, never the store's own clock.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Refuses with `TOKEN_LIMIT_REACHED` while the user has as many unexpired tokens on file as are kept, and says
    /// when the first of them expires; with `STORE_UNAVAILABLE` while there is no place for anybody's.
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room>;

    /// Puts a token on file, unspent, where `room` was found. The identical token again changes nothing, spent or not;
    /// another token of the user under its id is refused with `TOKEN_INVALID`.
    ///
    /// Refused with `TOKEN_LIMIT_REACHED` like [`Self::check_room`], with `TOKEN_STORE_CHANGED` where its record is one
    /// that counts no more, and with `STORE_UNAVAILABLE` where the store may have lost something since `room` was found:
    /// the record that is missing now may be what it lost.
    async fn issue(&self, token: &Token, room: &Room, now: Timestamp) -> Result<()>;

    /// The record of a token; none when it was never on file or its time has been over for the retry window.
    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>>;

    /// Spends a token on exactly one operation: `issued → redeemed(operation, digest)`, by the rules of
    /// [`TokenRecord::redeem`]. One for a batch is spent on as many as that has. Whether the operation is what the token
    /// is bound to is for the caller to know.
    ///
    /// Refused with `TOKEN_UNKNOWN`, `TOKEN_EXPIRED` or `TOKEN_ALREADY_REDEEMED`. After `STORE_UNAVAILABLE` it may have
    /// been spent on this operation all the same; the same call again tells, and is always safe.
    async fn redeem(
        &self,
        key: TokenKey,
        operation: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed>;
}

/// That there was room for a token, and in which history of the store: while that lasts, the store loses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// What the store knows its history by. Empty where it has but one.
    pub history: Vec<u8>,
}

/// Which tokens were ever issued: remembered apart from the token store, which may lose its records. What it lost must
/// not be issued anew once somebody may have it, because it may have been spent.
///
/// Two marks for each token, one before it is put on file and one after that, before anybody gets it.
#[async_trait]
pub(crate) trait IssuedTokens: Send + Sync {
    /// Remembers, durably and for ever, that the token is being issued, and which revocations were before it; right before
    /// it is put on file. Says how far earlier calls for it came: of all calls for one token, one gets
    /// [`Remembered::Now`].
    async fn remember(&self, token: &Revocable, now: Timestamp) -> Result<Remembered>;

    /// Remembers, durably and for ever, that the token was put on file; right before it is handed out. Once is enough,
    /// more change nothing. Refused with `STORE_UNAVAILABLE` for a token that is not remembered.
    async fn on_file(&self, id: TokenId, now: Timestamp) -> Result<()>;
}

/// Which assertions were exchanged, and for what: remembered durably and for ever, apart from the token store.
#[async_trait]
pub(crate) trait SpentAssertions: Send + Sync {
    /// Uses the assertion up for its purpose, or finds that it was used up for exactly that, by compare-and-set. Refused
    /// with `ASSERTION_REPLAYED` when it was used up for another one.
    async fn spend(&self, assertion: &SpentAssertion, now: Timestamp) -> Result<()>;
}

/// An assertion that is exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpentAssertion {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// Its issuer, by the id of the environment's entry.
    pub(crate) issuer: String,
    /// Its own id, unique per environment and issuer.
    pub(crate) id: String,
    /// SHA-256 over everything that its token is to be good for.
    pub(crate) purpose: [u8; 32],
}

/// How far calls for a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// This is the first.
    Now,
    /// An earlier one began to issue it, and nobody was given it.
    Before,
    /// It was on file, and somebody may have it.
    OnFile,
    /// It was revoked since, whether somebody has it or not.
    Revoked,
}

/// Which tokens were revoked: remembered beside which were issued, because the token store may lose its records.
#[async_trait]
pub(crate) trait Revocations: Send + Sync {
    /// Revokes those of a user's tokens that were issued until now and that the target names. Durable when it answers, and
    /// seen by every claim and question that begins after that. A token that nobody was ever issued is passed over.
    /// After `STORE_UNAVAILABLE` it may have been done; again does no harm.
    async fn revoke(
        &self,
        environment: EnvironmentId,
        user: UserId,
        target: &Target,
        now: Timestamp,
    ) -> Result<()>;

    /// How a token stands now, for who only asks. What is authorized goes by [`OperationIds::claim`].
    async fn standing(&self, token: &Revocable) -> Result<Standing>;
}

/// How a token came to be spent on an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// By this call.
    Now,
    /// By an earlier call for the same operation.
    Earlier,
}

/// Which digest each operation id stands for: the first that was authorized under it, for ever.
#[async_trait]
pub(crate) trait OperationIds: Send + Sync {
    /// Ties the id to the digest, or finds that it is, by compare-and-set. Refused with `OPERATION_ID_REUSED` when
    /// it stands for another one; and in the same step, so that nothing comes in between, with `TOKEN_REVOKED` when the
    /// token is revoked, and with `TOKEN_UNKNOWN` when it is not remembered that it was issued.
    async fn claim(&self, claim: &OperationClaim) -> Result<()>;

    /// Lets go of an id that this call claimed, because it authorized nothing under it. Nothing is changed once a second
    /// call has claimed it for the same digest, which may have authorized the operation.
    async fn release(&self, claim: &OperationClaim) -> Result<()>;
}

/// An operation that is about to be authorized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationClaim {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// The operation's id, unique per environment and user.
    pub(crate) operation: OperationId,
    /// Its digest.
    pub(crate) digest: Digest,
    /// The token that was shown for it, if one was.
    pub(crate) token: Option<Revocable>,
    /// When.
    pub(crate) at: Timestamp,
}
