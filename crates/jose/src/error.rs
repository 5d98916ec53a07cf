//! Why a token, a key or a statement was refused. No message repeats anything of what was refused.

/// Why a token was refused. The order of the variants is the order of the checks: the first that fails is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than is ever read.
    #[error("the token is larger than is read")]
    TooLarge,
    /// Not three parts of canonical base64url, or not JSON objects without repeated members inside.
    #[error("the token is not a well-formed JWT")]
    Malformed,
    /// The header has a parameter that is never accepted, or not on this kind; carries its name where it is known.
    #[error("the token's header may not have {0}")]
    HeaderForbidden(&'static str),
    /// `alg` is missing, unknown (`none` and the symmetric ones are), not allowed here, or not that of the key.
    #[error("the token's algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// `typ` is not that of the kind expected.
    #[error("the token is of another kind")]
    WrongKind,
    /// `kid` is missing, or not in the key set.
    #[error("the token names no key of the key set")]
    UnknownKey,
    /// The signature is not one by that key over this header and payload.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// None of `aud` is among the audiences expected.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `exp` has come.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Issued longer ago than is accepted.
    #[error("the token was issued too long ago")]
    TooOld,
    /// A claim is missing, of the wrong type, or out of range; carries its name, or `payload`.
    #[error("the token's claims are not right: {0}")]
    ClaimInvalid(&'static str),
}

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one JSON object without repeated members, or too large.
    #[error("the key is not a well-formed JWK")]
    Malformed,
    /// A JWK has a member of a private key. Whoever published it must replace the key.
    #[error("the key has private members and must be replaced")]
    Private,
    /// A symmetric key (`kty` `oct`).
    #[error("the key is symmetric")]
    Symmetric,
    /// A key for something else than verifying ES256, EdDSA (Ed25519) or RS256.
    #[error("the key is not for verifying ES256, EdDSA or RS256")]
    Unsupported,
    /// A key in a set has no `kid`.
    #[error("the key has no `kid`")]
    NoKeyId,
    /// The key is wrong in itself; says how.
    #[error("the key is not valid: {0}")]
    Invalid(&'static str),
    /// The cryptographic library could not do it; says what.
    #[error("{0} failed")]
    Library(&'static str),
}

/// Why a key set was refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Longer than is ever read.
    #[error("the key set is larger than is read")]
    TooLarge,
    /// Not a JSON object with an array `keys` of objects, or with repeated members.
    #[error("the key set is not a well-formed JWK set")]
    Malformed,
    /// More keys than are ever read.
    #[error("the key set has too many keys")]
    TooManyKeys,
    /// One key is wrong.
    #[error("key {index} of the set (counted from 0): {error}")]
    Key {
        /// Its place in the array, counted from 0.
        index: usize,
        /// What is wrong with it.
        error: KeyError,
    },
    /// Two keys have the same `kid`.
    #[error("two keys of the set have the same `kid`")]
    DuplicateKeyId,
    /// No key of the set can verify a token with an allowed algorithm.
    #[error("the key set has no key for an allowed algorithm")]
    NoUsableKey,
}

/// Why a token was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The claims do not serialise to a JSON object.
    #[error("the claims do not make a JSON object")]
    Claims,
    /// The token would be larger than any verifier reads.
    #[error("the token would be larger than is read")]
    TooLarge,
    /// The cryptographic library did not sign.
    #[error("signing failed")]
    Library,
}

/// Why a sender's proof was refused. The order of the variants is the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderProofError {
    /// Its form, header or signature is not right.
    #[error("the sender's proof is not right: {0}")]
    Token(#[from] TokenError),
    /// The key in its header cannot be used.
    #[error("the key of the sender's proof is not right: {0}")]
    Key(#[from] KeyError),
    /// It is for another call.
    #[error("the sender's proof is for another call")]
    WrongCall,
    /// Made too long ago, or in the future.
    #[error("the sender's proof was not made just now")]
    NotCurrent,
    /// It is for another token, for none, or for one where none is presented.
    #[error("the sender's proof is for another token")]
    WrongToken,
    /// It is for another operation, for none, or for one where none is asked for.
    #[error("the sender's proof is for another operation")]
    WrongOperation,
}

/// Why a statement of receipt keys was refused or not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The operator root is not an Ed25519 key.
    #[error("the operator root is not an Ed25519 key")]
    RootAlgorithm,
    /// Not a statement signed by this root.
    #[error("the key statement is not one by the operator root: {0}")]
    Token(#[from] TokenError),
    /// Signed by the root, but not a statement as described here; says how.
    #[error("the key statement is not valid: {0}")]
    Invalid(&'static str),
    /// The keys in it cannot be used.
    #[error("the key statement's keys are not valid: {0}")]
    Keys(#[from] KeySetError),
    /// The keys of another issuer.
    #[error("the key statement is about another issuer")]
    WrongIssuer,
    /// A newer statement was seen before.
    #[error("the key statement has sequence {found}, but {minimum} was seen before")]
    SequenceTooLow {
        /// The sequence number of the statement.
        found: u64,
        /// The lowest that is accepted.
        minimum: u64,
    },
    /// Its time has not come.
    #[error("the key statement is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the key statement is no longer valid")]
    Expired,
    /// It could not be signed.
    #[error("the key statement could not be signed: {0}")]
    Signing(#[from] SigningError),
}
