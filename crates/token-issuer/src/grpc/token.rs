//! `TokenService`.

use std::sync::Arc;

use kernel::{Result, SecretText};
use proto::token_issuer as pb;
use proto::token_issuer::token_service_server::TokenService;
use runtime::status::to_status;
use runtime::{Gate, Keep};
use tonic::{Request, Response, Status};

use super::convert::{check_user, introspection};
use super::revocation::Sent;
use crate::introspect_token::IntrospectToken;
use crate::json_web_key_set::json_web_key_set;
use crate::mint::{KEYS_MAX_AGE_SECONDS, Mint};
use crate::revoke_tokens::RevokeTokens;

/// Handles the calls of whoever checks tokens.
#[derive(Clone)]
pub(crate) struct TokenHandler {
    pub(crate) gate: Gate,
    pub(crate) introspect_token: IntrospectToken,
    pub(crate) revoke_tokens: RevokeTokens,
    pub(crate) mint: Arc<Mint>,
}

#[tonic::async_trait]
impl TokenService for TokenHandler {
    async fn get_json_web_key_set(
        &self,
        _: Request<pb::GetJsonWebKeySetRequest>,
    ) -> Result<Response<pb::GetJsonWebKeySetResponse>, Status> {
        // Public, so there is nobody to authenticate and nothing to audit.
        Ok(Response::new(pb::GetJsonWebKeySetResponse {
            jwks: json_web_key_set(&self.mint).map_err(|error| to_status(&error))?,
            max_age_seconds: KEYS_MAX_AGE_SECONDS,
        }))
    }

    async fn introspect_token(
        &self,
        request: Request<pb::IntrospectTokenRequest>,
    ) -> Result<Response<pb::IntrospectTokenResponse>, Status> {
        let introspect = self.introspect_token.clone();
        self.gate
            .user(
                request,
                "token.introspect",
                Keep::Refusals,
                |r| &r.user,
                move |call, r| async move {
                    let token = SecretText::from(r.token);
                    check_user("user", &r.user, call.environment, call.user)?;
                    let found = introspect.introspect(&call, &token).await?;
                    Ok(introspection(found.as_ref()))
                },
            )
            .await
    }

    async fn revoke_tokens(
        &self,
        request: Request<pb::RevokeTokensRequest>,
    ) -> Result<Response<pb::RevokeTokensResponse>, Status> {
        let revoke = self.revoke_tokens.clone();
        self.gate
            .user(
                request,
                "token.revoke",
                Keep::All,
                |r| &r.user,
                move |call, r| async move {
                    let (environment, user) = (call.environment, call.user);
                    let sent = Sent {
                        token: r.token,
                        token_id: r.token_id,
                        device: r.device,
                        session_id: r.session_id,
                        all: r.all,
                    };
                    let wanted = sent.wanted(environment, user)?;
                    check_user("user", &r.user, environment, user)?;
                    revoke.revoke(environment, user, wanted, call.at, &call.trail).await?;
                    Ok(pb::RevokeTokensResponse {})
                },
            )
            .await
    }
}
