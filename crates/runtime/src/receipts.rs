//! The receipt check of every enforcement point: acts only on a receipt for exactly what it is about to do, signed by
//! a key that the operator's root vouches for.

mod statement;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jose::{Algorithm, Expect, KeyStatement, Kind, PublicJwk, ReceiptClaims, TokenError};
use kernel::{Acr, Clock, Error, Reason, Result, SessionId, Timestamp, TokenId};
use operation::CheckedOperation;

pub use statement::StatementFile;

/// The audience of receipts for adding and removing factors.
pub const FACTORS_AUDIENCE: &str = "urn:countersign:mfa-devices";

/// The longest a receipt is good for.
pub const MAX_LIFETIME: Duration = Duration::from_secs(60);

/// How far the issuer's clock may be ahead of ours.
const LEEWAY: Duration = Duration::from_secs(5);

/// The audience of receipts for the node group `group`.
pub fn audience_of_group(group: &str) -> String {
    format!("urn:countersign:nodes:{group}")
}

/// The keys that sign receipts, as the operator's statement says. Holds no longer than the statement does, and only
/// until a newer one takes its place: see [`StatementFile`].
#[derive(Debug)]
pub struct ReceiptKeys {
    statement: ArcSwap<KeyStatement>,
}

impl ReceiptKeys {
    /// From a signed statement about the keys of `issuer`, checked against the pinned root. `minimum_sequence` is the
    /// highest sequence number seen so far.
    pub fn from_statement(
        statement: &str,
        operator_root: &PublicJwk,
        issuer: &str,
        minimum_sequence: u64,
        now: Timestamp,
    ) -> Result<Self> {
        jose::verify_statement(statement, operator_root, issuer, minimum_sequence, now)
            .map(Self::new)
            .map_err(|error| Error::internal(format!("the statement of receipt keys is refused: {error}")))
    }

    fn new(statement: KeyStatement) -> Self {
        Self { statement: ArcSwap::from_pointee(statement) }
    }

    /// The statement's sequence number, to be kept outside the database.
    pub fn sequence(&self) -> u64 {
        self.statement.load().sequence
    }

    /// Refuses while there is no statement that holds at the moment `now`: no receipt is accepted then.
    ///
    /// # Errors
    ///
    /// `DEPENDENCY_UNAVAILABLE`, for a readiness check.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        if holds(&self.statement.load(), now) {
            return Ok(());
        }
        Err(Error::new(
            Reason::DependencyUnavailable,
            "the statement of receipt keys does not hold now; sign a new one with `countersign keys statement new`",
        ))
    }
}

/// A receipt that was checked against the operation it is for.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Its own id.
    pub id: TokenId,
    /// The session it was given for.
    pub session: SessionId,
    /// The single-use token that paid for it, if one did.
    pub paid_by: Option<TokenId>,
    /// How strong the proof was; none where policy asked for none.
    pub acr: Option<Acr>,
    /// When the factor was proved.
    pub auth_time: Option<Timestamp>,
    /// When the receipt expires.
    pub expires: Timestamp,
    /// The version of the policy that allowed it.
    pub policy_version: u64,
}

/// Checks receipts for one audience.
#[derive(Clone)]
pub struct ReceiptVerifier {
    keys: Arc<ReceiptKeys>,
    audience: Arc<str>,
    clock: Arc<dyn Clock>,
    not_before: Option<Timestamp>,
}

impl std::fmt::Debug for ReceiptVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptVerifier").field("audience", &self.audience).finish_non_exhaustive()
    }
}

impl ReceiptVerifier {
    /// For receipts whose `aud` is `audience`.
    pub fn new(keys: Arc<ReceiptKeys>, audience: impl Into<Arc<str>>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, audience: audience.into(), clock, not_before: None }
    }

    /// The same, where the database that remembers what was spent was put back: what was given out until `not_before`
    /// may be spent, and nobody knows. From [`storage::Mark::not_before`].
    #[must_use]
    pub fn not_before(self, not_before: Option<Timestamp>) -> Self {
        Self { not_before, ..self }
    }

    /// Checks that `receipt` allows exactly `operation`, whose digest the caller computed from what it is about to do.
    ///
    /// # Errors
    /// `RECEIPT_MISSING`, `RECEIPT_INVALID`, `RECEIPT_EXPIRED`, `RECEIPT_MISMATCH` when it is a good receipt for something
    /// else, or `RECEIPT_SPENT` when its token may be spent (see [`Self::not_before`]).
    pub fn verify(&self, receipt: &str, operation: &CheckedOperation) -> Result<Receipt> {
        if receipt.is_empty() {
            return Err(Error::new(
                Reason::ReceiptMissing,
                "this needs a receipt: prove a factor and call StepUpService.AuthorizeOperation for it",
            ));
        }
        let now = self.clock.now();
        let statement = self.keys.statement.load();
        if !holds(&statement, now) {
            return Err(invalid("the statement of receipt keys does not hold now"));
        }
        let expect = Expect {
            kind: Kind::Receipt,
            issuer: &statement.issuer,
            audiences: &[&self.audience],
            algorithms: &Algorithm::ALL,
            leeway: LEEWAY,
            max_age: Some(MAX_LIFETIME),
        };
        let claims =
            jose::verify::<ReceiptClaims>(receipt, &statement.keys, &expect, now).map_err(refusal)?.claims;
        if claims.exp.saturating_sub(claims.iat) > MAX_LIFETIME.as_secs().cast_signed() {
            return Err(invalid("it lives longer than a receipt may"));
        }
        if !is_for(&claims, operation) {
            return Err(Error::new(
                Reason::ReceiptMismatch,
                "this receipt is for another operation; authorize exactly the one that is to be done",
            ));
        }
        if let Some(not_before) = self.not_before {
            check_forgotten(&claims, not_before)?;
        }
        Ok(Receipt {
            id: claims.jti,
            session: claims.sid,
            paid_by: claims.paid_by,
            acr: claims.acr,
            auth_time: claims.auth_time.map(Timestamp::from_seconds),
            expires: Timestamp::from_seconds(claims.exp),
            policy_version: claims.policy_version,
        })
    }
}

fn holds(statement: &KeyStatement, now: Timestamp) -> bool {
    now >= Timestamp::from_seconds(statement.not_before) && now < Timestamp::from_seconds(statement.not_after)
}

/// The digest covers everything; the single claims are compared as well, so that no claim can ever say something
/// that the digest does not.
fn is_for(claims: &ReceiptClaims, checked: &CheckedOperation) -> bool {
    let operation = checked.operation();
    claims.digest == *checked.digest().as_bytes()
        && claims.operation_id == operation.id
        && claims.environment_id == operation.environment
        && claims.sub == operation.user
        && claims.action == checked.action()
        && claims.wallet == checked.wallet().map(|wallet| wallet.id)
        && claims.share_generation == checked.wallet().map(|wallet| wallet.share_generation)
}

/// Refuses a receipt that was given out, or paid for by a token that was given out, while it was remembered what they
/// were spent on, and is not any more.
fn check_forgotten(claims: &ReceiptClaims, not_before: Timestamp) -> Result<()> {
    if Timestamp::from_seconds(claims.iat) <= not_before {
        return Err(Error::new(
            Reason::ReceiptExpired,
            "this receipt was given before the service was restored from a backup; authorize the same operation, under \
             the same id, again",
        ));
    }
    let proved = claims.auth_time.map(Timestamp::from_seconds);
    if claims.paid_by.is_some() && proved.is_none_or(|proved| proved <= not_before) {
        return Err(Error::new(
            Reason::ReceiptSpent,
            "the token behind this receipt is from before the service was restored from a backup, and may have paid for \
             another operation; prove the factor again",
        ));
    }
    Ok(())
}

fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::ReceiptInvalid,
        "this receipt is not accepted here; get one from StepUpService.AuthorizeOperation for this operation",
    )
    .cause(cause)
}

fn refusal(error: TokenError) -> Error {
    match error {
        TokenError::Expired | TokenError::TooOld => Error::new(
            Reason::ReceiptExpired,
            "the receipt has expired; authorize the same operation, under the same id, again",
        ),
        other => invalid(other),
    }
}

#[cfg(test)]
mod tests;
