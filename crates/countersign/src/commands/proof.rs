//! Proofs of second factors as options of commands, and what they buy.

use kernel::{Error, FactorKind, OperationId, Reason, Result, SecretText};
use operation::Operation;
use proto::mfa_devices::{FreshProof, TotpAnswer, fresh_proof};
use proto::token_issuer::ElevatedToken;

#[cfg(feature = "demo")]
use super::passkey_file;
use crate::cli::{FreshProofOptions, ProofOptions};
use crate::client::{BoundTo, OperationIds, Ticket, UserClient};
use crate::output;

/// The id that was given, or a fresh one.
pub(crate) fn operation_id(given: Option<&str>, ids: &OperationIds<'_>) -> Result<OperationId> {
    match given {
        Some(text) => proto::convert::operation_id("operation-id", text),
        None => Ok(ids.operation()),
    }
}

/// A receipt for the operation: paid by a proof for exactly that where one was given; else none, so that the service
/// asks what the session alone may do.
pub(crate) async fn receipt(
    client: &UserClient,
    operation: &Operation,
    proof: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<String> {
    let token = token(client, BoundTo::Operation(operation), proof, ids).await.map_err(hint)?;
    let Some(token) = token else { return Ok(String::new()) };
    Ok(client.authorize(operation, Some(&token.token)).await?.receipt)
}

/// The same, as a change of factors takes it.
pub(crate) async fn ticket(
    client: &UserClient,
    operation: &Operation,
    proof: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<Ticket> {
    let receipt = receipt(client, operation, proof, ids).await?;
    if receipt.is_empty() {
        return Ok(Ticket::default());
    }
    Ok(Ticket { operation_id: operation.id.to_string(), receipt })
}

/// Receipts for operations, in their order: paid by one proof for all of them where one was given.
pub(crate) async fn receipts(
    client: &UserClient,
    operations: &[Operation],
    proof: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<Vec<String>> {
    if let [operation] = operations {
        return receipt(client, operation, proof, ids).await.map(|receipt| vec![receipt]);
    }
    let token = token(client, operations.into(), proof, ids).await.map_err(hint)?;
    let mut receipts = Vec::with_capacity(operations.len());
    for (place, operation) in operations.iter().enumerate() {
        receipts.push(match &token {
            Some(token) => client.authorize_leaf(operation, token, place).await?.receipt,
            None => String::new(),
        });
    }
    Ok(receipts)
}

async fn token(
    client: &UserClient,
    bound: BoundTo<'_>,
    proof: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<Option<ElevatedToken>> {
    if let Some(code) = &proof.code {
        let code = SecretText::from(code.clone());
        return client.authenticate_totp(&code, &[], bound, ids).await.map(Some);
    }
    #[cfg(feature = "demo")]
    if let Some(file) = &proof.passkey {
        let ceremony = client.begin_passkey_authentication(&[], bound).await?;
        let credential = passkey_file::sign(file, &ceremony.options_json).await?;
        return client.authenticate_passkey(&ceremony, &credential, &[], bound, ids).await.map(Some);
    }
    if let Some(code) = &proof.recovery_code {
        let code = SecretText::from(code.clone());
        let (token, left) = client.authenticate_recovery_code(&code, &[], bound, ids).await?;
        output::note(&format!("{left} recovery codes are left"));
        return Ok(Some(token));
    }
    Ok(None)
}

/// The proof for recovery codes that was given, if one was.
pub(crate) async fn fresh(client: &UserClient, proof: &FreshProofOptions) -> Result<Option<FreshProof>> {
    if let Some(code) = &proof.code {
        let answer = TotpAnswer { code: code.clone(), device: String::new() };
        return Ok(Some(FreshProof { proof: Some(fresh_proof::Proof::Totp(answer)) }));
    }
    #[cfg(feature = "demo")]
    if let Some(file) = &proof.passkey {
        let ceremony = client.begin_passkey_proof().await?;
        let credential = passkey_file::sign(file, &ceremony.options_json).await?;
        let answer = ceremony.answered(&credential);
        return Ok(Some(FreshProof { proof: Some(fresh_proof::Proof::Passkey(answer)) }));
    }
    #[cfg(not(feature = "demo"))]
    let _ = client;
    Ok(None)
}

/// Says which option would do, where a proof or a factor was missing.
pub(crate) fn hint(error: Error) -> Error {
    const ANY: [FactorKind; 2] = [FactorKind::Totp, FactorKind::Passkey];
    match error.reason() {
        Reason::StepUpRequired => {
            let methods = error.metadata().get("methods").map(String::as_str).unwrap_or_default();
            say(methods.split(',').filter_map(|method| method.parse().ok()));
        }
        Reason::ReceiptMissing | Reason::FreshProofRequired => say(ANY),
        Reason::EnrolmentRequired => output::note(
            "register a factor first: `countersign totp register` or `countersign passkey register --save FILE`",
        ),
        _ => {}
    }
    error
}

fn say(methods: impl IntoIterator<Item = FactorKind>) {
    for method in methods {
        output::note(match method {
            FactorKind::Totp => "say --code with what your authenticator app shows now",
            FactorKind::Passkey => "say --passkey with the file of your passkey device",
            FactorKind::RecoveryCode => "say --recovery-code with one of your recovery codes",
        });
    }
}
