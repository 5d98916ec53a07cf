//! Proofs that become tokens, and tokens that become receipts.

use kernel::secret::ExposeSecret as _;
use kernel::{Error, Result, SecretText};
use operation::Operation;
use proto::convert;
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use proto::token_issuer::{
    AuthenticateRecoveryCodeRequest, AuthenticateTotpRequest, AuthorizeOperationRequest,
    AuthorizeOperationResponse, BatchLeaf, CreateMfaToken, ElevatedToken, MfaToken,
};
use tonic::transport::Channel;

use super::{BoundTo, OperationIds, UserClient, answer};

/// The token in an answer.
pub(super) fn token(found: Option<ElevatedToken>) -> Result<ElevatedToken> {
    found.ok_or_else(|| Error::internal("the issuer answered without a token"))
}

/// Scopes as a request has them.
pub(super) fn owned(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

impl UserClient {
    /// The issuer's client.
    pub(super) fn step_up(&self) -> StepUpServiceClient<Channel> {
        StepUpServiceClient::new(self.channel())
    }

    /// Proves a TOTP factor, for scopes, for exactly one operation, or for a batch.
    pub(crate) async fn authenticate_totp(
        &self,
        code: &SecretText,
        scopes: &[&str],
        bound: impl Into<BoundTo<'_>>,
        ids: &OperationIds<'_>,
    ) -> Result<ElevatedToken> {
        let bound = bound.into();
        let request = AuthenticateTotpRequest {
            user: self.name(),
            code: code.expose_secret().to_owned(),
            device: String::new(),
            requested_scopes: owned(scopes),
            operation: bound.operation(),
            operations: bound.operations(),
            request_id: ids.request().to_string(),
            ..Default::default()
        };
        token(answer(self.step_up().authenticate_totp(self.request(request)?).await)?.elevated_token)
    }

    /// Uses up a recovery code, for scopes, for exactly one operation, or for a batch. Gives the token and how many codes are left.
    pub(crate) async fn authenticate_recovery_code(
        &self,
        code: &SecretText,
        scopes: &[&str],
        bound: impl Into<BoundTo<'_>>,
        ids: &OperationIds<'_>,
    ) -> Result<(ElevatedToken, u32)> {
        let bound = bound.into();
        let request = AuthenticateRecoveryCodeRequest {
            user: self.name(),
            code: code.expose_secret().to_owned(),
            requested_scopes: owned(scopes),
            operation: bound.operation(),
            operations: bound.operations(),
            request_id: ids.request().to_string(),
            ..Default::default()
        };
        let found = answer(self.step_up().authenticate_recovery_code(self.request(request)?).await)?;
        Ok((token(found.elevated_token)?, found.remaining_codes))
    }

    /// Proves a TOTP factor for a legacy MFA token, which is for nothing in particular.
    pub(crate) async fn create_mfa_token(
        &self,
        code: &SecretText,
        single_use: bool,
        ids: &OperationIds<'_>,
    ) -> Result<MfaToken> {
        let request = AuthenticateTotpRequest {
            user: self.name(),
            code: code.expose_secret().to_owned(),
            request_id: ids.request().to_string(),
            create_mfa_token: Some(CreateMfaToken { single_use }),
            ..Default::default()
        };
        answer(self.step_up().authenticate_totp(self.request(request)?).await)?
            .mfa_token
            .ok_or_else(|| Error::internal("the issuer answered without a token"))
    }

    /// Asks for a receipt for an operation, paid by a legacy MFA token.
    pub(crate) async fn authorize_by_mfa_token(
        &self,
        operation: &Operation,
        token: &str,
    ) -> Result<AuthorizeOperationResponse> {
        let request = AuthorizeOperationRequest {
            operation: Some(convert::operation_value(operation)),
            mfa_token: token.to_owned(),
            ..Default::default()
        };
        answer(self.step_up().authorize_operation(self.request(request)?).await)
    }

    /// Asks for a receipt for an operation, paid by a token or by the session alone.
    pub(crate) async fn authorize(
        &self,
        operation: &Operation,
        token: Option<&str>,
    ) -> Result<AuthorizeOperationResponse> {
        self.authorize_with(operation, token, None).await
    }

    /// Asks for a receipt for an operation, paid by the token of a batch that has it in this place.
    pub(crate) async fn authorize_leaf(
        &self,
        operation: &Operation,
        token: &ElevatedToken,
        place: usize,
    ) -> Result<AuthorizeOperationResponse> {
        let leaf = token.batch.as_ref().and_then(|batch| batch.leaves.get(place));
        let leaf =
            leaf.ok_or_else(|| Error::internal("the issuer answered without the leaf of an operation"))?;
        self.authorize_with(operation, Some(&token.token), Some(leaf.clone())).await
    }

    async fn authorize_with(
        &self,
        operation: &Operation,
        token: Option<&str>,
        batch_leaf: Option<BatchLeaf>,
    ) -> Result<AuthorizeOperationResponse> {
        let request = AuthorizeOperationRequest {
            operation: Some(convert::operation_value(operation)),
            elevated_token: token.unwrap_or_default().to_owned(),
            batch_leaf,
            ..Default::default()
        };
        answer(self.step_up().authorize_operation(self.request(request)?).await)
    }
}
