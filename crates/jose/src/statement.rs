//! Statements of receipt keys: which keys sign receipts, said by the operator root.
//!
//! Verifiers of receipts fetch no key set from anybody. They accept one only in a statement signed by an offline
//! root that is pinned in their configuration, within its time, and never one older than they have seen.

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::compact::{Parts, open};
use crate::header::Extras;
use crate::json::ClaimMap;
use crate::signing::sign_within;
use crate::{Algorithm, KeySet, Kind, PublicJwk, SigningKey, StatementError, TokenError};

/// The longest statement that is read or made, in bytes: room for the largest key set.
pub const MAX_STATEMENT_BYTES: usize = 96 * 1024;

/// What the keys of a statement are for. There is one purpose; a key for another one needs another statement.
const PURPOSE: &str = "receipt";

/// Every member of a statement's payload.
const MEMBERS: [&str; 6] = ["purpose", "sub", "sequence", "nbf", "exp", "jwks"];

/// The operator's word that these keys, and no others, sign the receipts of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatement {
    /// Its number, from 1. A statement replaces every one with a lower number.
    pub sequence: u64,
    /// The issuer of receipts whose keys these are: the `iss` of the receipts.
    pub issuer: String,
    /// From when on it holds, in seconds since the Unix epoch.
    pub not_before: i64,
    /// From when on it no longer holds, in seconds since the Unix epoch; later than `not_before`.
    pub not_after: i64,
    /// The keys; at least one.
    pub keys: KeySet,
}

impl KeyStatement {
    fn check(&self) -> Result<(), StatementError> {
        if self.sequence == 0 {
            return Err(StatementError::Invalid("the sequence number must be at least 1"));
        }
        if self.issuer.is_empty() {
            return Err(StatementError::Invalid("the issuer is empty"));
        }
        if self.not_before < 0 || self.not_after <= self.not_before {
            return Err(StatementError::Invalid("it must end after it begins"));
        }
        if self.keys.is_empty() {
            return Err(StatementError::Invalid("it has no keys"));
        }
        Ok(())
    }
}

/// Signs a statement with the operator root, an Ed25519 key. The result is public.
///
/// # Errors
/// [`StatementError`]: a root of another algorithm, or a statement no verifier would accept.
pub fn sign_statement(statement: &KeyStatement, root: &SigningKey) -> Result<String, StatementError> {
    if root.algorithm() != Algorithm::EdDsa {
        return Err(StatementError::RootAlgorithm);
    }
    statement.check()?;
    let payload = json!({
        "purpose": PURPOSE,
        "sub": statement.issuer,
        "sequence": statement.sequence,
        "nbf": statement.not_before,
        "exp": statement.not_after,
        "jwks": statement.keys.to_value(),
    });
    Ok(sign_within(MAX_STATEMENT_BYTES, Kind::KeyStatement, &payload, root)?)
}

/// Verifies a statement about the receipt keys of `issuer`, signed by `root`, at the moment `now`.
///
/// `minimum_sequence` is the highest sequence number this verifier has seen so far (the same statement again is
/// fine). The caller keeps the number of what it accepted, outside its database.
///
/// # Errors
/// [`StatementError`].
pub fn verify_statement(
    text: &str,
    root: &PublicJwk,
    issuer: &str,
    minimum_sequence: u64,
    now: Timestamp,
) -> Result<KeyStatement, StatementError> {
    if root.algorithm() != Algorithm::EdDsa {
        return Err(StatementError::RootAlgorithm);
    }
    let roots = KeySet::from_keys(vec![root.clone()])?;
    let payload = open(text, MAX_STATEMENT_BYTES, Kind::KeyStatement, &[Algorithm::EdDsa], &roots)?.claims;
    let statement = read(&payload)?;
    if statement.issuer != issuer {
        return Err(StatementError::WrongIssuer);
    }
    let sequence = statement.sequence;
    if sequence < minimum_sequence {
        return Err(StatementError::SequenceTooLow { found: sequence, minimum: minimum_sequence });
    }
    if now < Timestamp::from_seconds(statement.not_before) {
        return Err(StatementError::NotYetValid);
    }
    if now >= Timestamp::from_seconds(statement.not_after) {
        return Err(StatementError::Expired);
    }
    Ok(statement)
}

/// Reads what a text that may be a statement says. **Nothing of it is verified**: good for showing it to somebody, and
/// for nothing else.
///
/// # Errors
/// [`StatementError`]: not of the form of a statement.
pub fn peek_statement(text: &str) -> Result<KeyStatement, StatementError> {
    let parts = Parts::of(text, MAX_STATEMENT_BYTES, Extras::Refused)?;
    if !Kind::KeyStatement.accepts_typ(parts.header.typ.as_deref()) {
        return Err(TokenError::WrongKind.into());
    }
    read(&parts.payload()?)
}

fn read(payload: &ClaimMap) -> Result<KeyStatement, StatementError> {
    if payload.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(StatementError::Invalid("it has a member that is not known here"));
    }
    let text_of = |name| payload.get(name).and_then(Value::as_str);
    if text_of("purpose") != Some(PURPOSE) {
        return Err(StatementError::Invalid("its purpose is not `receipt`"));
    }
    let number_of = |name| payload.get(name).and_then(Value::as_i64);
    let (Some(subject), Some(sequence), Some(not_before), Some(not_after), Some(Value::Object(jwks))) = (
        text_of("sub"),
        payload.get("sequence").and_then(Value::as_u64),
        number_of("nbf"),
        number_of("exp"),
        payload.get("jwks"),
    ) else {
        return Err(StatementError::Invalid("a member is missing or of the wrong type"));
    };
    let (keys, skipped) = KeySet::from_members(jwks, &Algorithm::ALL)?;
    // Nobody but us writes statements: a key we cannot use is not a foreigner's, it is a mistake.
    if skipped > 0 {
        return Err(StatementError::Invalid("it has a key that is not for verifying receipts"));
    }
    let statement = KeyStatement { sequence, issuer: subject.to_owned(), not_before, not_after, keys };
    statement.check()?;
    Ok(statement)
}
