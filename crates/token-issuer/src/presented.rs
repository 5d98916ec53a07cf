//! What every use of an elevated token checks of it first.

use kernel::{Error, Reason, Result, SecretText};
use operation::CheckedOperation;
use runtime::UserCall;

use crate::domain::record::TokenRecord;
use crate::domain::token::Token;
use crate::mint::{Mint, invalid};

/// The token, if it is one of ours, for exactly this caller. Refused with `TOKEN_INVALID`, `TOKEN_EXPIRED` or
/// `TOKEN_STORE_CHANGED`.
pub(crate) fn open(mint: &Mint, call: &UserCall, jwt: &SecretText) -> Result<Token> {
    let token = mint.open(jwt, call.at)?;
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
        Some(scope) if token.scopes.contains(&scope) => Ok(()),
        Some(scope) => Err(Error::new(
            Reason::TokenScopeInsufficient,
            format!(
                "the elevated token does not carry `{scope}`, which `{action}` needs; authenticate for it"
            ),
        )
        .with("action", action.as_str())
        .with("scopes", scope.as_str())),
        None => Err(Error::new(
            Reason::TokenScopeInsufficient,
            format!("no elevated token is good for `{action}`; authorize it with the session alone"),
        )
        .with("action", action.as_str())),
    }
}

/// The refusal of a token that is bound to something else.
pub(crate) fn bound_elsewhere() -> Error {
    Error::new(
        Reason::OperationMismatch,
        "the elevated token is bound to another operation; authenticate with exactly this operation",
    )
}

/// Refuses a token that differs in anything from what is on file under its id.
pub(crate) fn check_record(token: &Token, record: &TokenRecord) -> Result<()> {
    if record.token == *token { Ok(()) } else { Err(invalid("the token differs from its record")) }
}
