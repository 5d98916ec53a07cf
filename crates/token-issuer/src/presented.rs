//! What every use of a token checks of it first.

use kernel::{Error, Reason, Result, SecretText};
use operation::{BatchLeaf, CheckedOperation};
use runtime::UserCall;

use crate::domain::bound::Bound;
use crate::domain::record::TokenRecord;
use crate::domain::token::{Token, TokenKind};
use crate::mint::{Mint, invalid};

/// The token, if it is one of ours, for exactly this caller. Refused with `TOKEN_INVALID`, `TOKEN_EXPIRED` or
/// `TOKEN_STORE_CHANGED`.
pub(crate) fn open(mint: &Mint, call: &UserCall, kind: TokenKind, jwt: &SecretText) -> Result<Token> {
    let token = mint.open(kind, jwt, call.at)?;
    if token.environment != call.environment {
        return Err(invalid("the token is for another environment"));
    }
    if token.user != call.user {
        return Err(invalid("the token is another user's"));
    }
    if token.session != call.session {
        return Err(invalid("the token is from another session"));
    }
    mint.check_remembered(&token)?;
    Ok(token)
}

/// Refuses a token without the scope of the operation's action.
pub(crate) fn check_scope(token: &Token, operation: &CheckedOperation) -> Result<()> {
    let action = operation.action();
    match action.scope() {
        Some(scope) if token.covers(scope) => Ok(()),
        Some(scope) => Err(Error::new(
            Reason::TokenScopeInsufficient,
            format!("the token does not carry `{scope}`, which `{action}` needs; authenticate for it"),
        )
        .with("action", action.as_str())
        .with("scopes", scope.as_str())),
        None => Err(Error::new(
            Reason::TokenScopeInsufficient,
            format!("no token is good for `{action}`; authorize it with the session alone"),
        )
        .with("action", action.as_str())),
    }
}

/// Refuses a token for a batch without the place of the operation in it, and any other with one.
pub(crate) fn check_leaf(token: &Token, leaf: Option<&BatchLeaf>) -> Result<()> {
    match (&token.bound, leaf) {
        (Bound::Batch(_), Some(_)) | (Bound::Scopes | Bound::Wallet(_) | Bound::Operation(_), None) => Ok(()),
        (Bound::Batch(_), None) => Err(Error::invalid(
            "batch_leaf",
            "is missing; the token is for a batch, so send the leaf that came with it for this operation",
        )),
        (Bound::Scopes | Bound::Wallet(_) | Bound::Operation(_), Some(_)) => {
            Err(Error::invalid("batch_leaf", "must be left out; the token is not for a batch"))
        }
    }
}

/// The refusal of a token that is bound to something else.
pub(crate) fn bound_elsewhere(bound: &Bound) -> Error {
    let what = match bound {
        Bound::Wallet(_) => {
            "another wallet; authenticate with the operation's wallet, or with exactly this operation"
        }
        Bound::Batch(_) => {
            "a batch that does not have this operation in this place; send the leaf that came with it for this \
             operation, or authenticate with exactly this operation"
        }
        Bound::Scopes | Bound::Operation(_) => "another operation; authenticate with exactly this operation",
    };
    Error::new(Reason::OperationMismatch, format!("the elevated token is bound to {what}"))
}

/// Refuses a token that differs in anything from what is on file under its id.
pub(crate) fn check_record(token: &Token, record: &TokenRecord) -> Result<()> {
    if record.token == *token { Ok(()) } else { Err(invalid("the token differs from its record")) }
}
