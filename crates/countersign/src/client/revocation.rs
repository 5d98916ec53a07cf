//! Tokens that are ended, by their user or by an administrator.

use kernel::{EnvironmentId, Result, SecretText, UserId};
use proto::names;
use proto::token_issuer::token_issuer_admin_service_client::TokenIssuerAdminServiceClient;
use proto::token_issuer::token_service_client::TokenServiceClient;
use proto::token_issuer::{
    IntrospectTokenRequest, IntrospectTokenResponse, RevokeTokensRequest, RevokeUserTokensRequest,
};
use tonic::transport::Channel;

use super::{UserClient, answer, with_bearer};

/// Which tokens are ended: one of the fields says.
#[derive(Default)]
pub(crate) struct Tokens {
    /// This one; an administrator has none.
    pub(crate) token: String,
    /// The one with this `jti`.
    pub(crate) token_id: String,
    /// Those that this device paid for, by its name.
    pub(crate) device: String,
    /// Those of this session.
    pub(crate) session_id: String,
    /// All.
    pub(crate) all: bool,
}

impl UserClient {
    /// Revokes tokens of the user.
    pub(crate) async fn revoke_tokens(&self, tokens: Tokens) -> Result<()> {
        let request = RevokeTokensRequest {
            user: self.name(),
            token: tokens.token,
            token_id: tokens.token_id,
            device: tokens.device,
            session_id: tokens.session_id,
            all: tokens.all,
        };
        let mut client = TokenServiceClient::new(self.channel());
        answer(client.revoke_tokens(self.request(request)?).await).map(drop)
    }

    /// What a token is good for now.
    #[cfg(feature = "demo")]
    pub(crate) async fn introspect(&self, token: &str) -> Result<IntrospectTokenResponse> {
        let request = IntrospectTokenRequest { user: self.name(), token: token.to_owned() };
        let mut client = TokenServiceClient::new(self.channel());
        answer(client.introspect_token(self.request(request)?).await)
    }
}

/// An administrator of one environment's tokens.
pub(crate) struct TokenAdministration {
    channel: Channel,
    bearer: SecretText,
    environment: EnvironmentId,
}

impl TokenAdministration {
    /// With an administrator's token.
    pub(crate) const fn new(channel: Channel, bearer: SecretText, environment: EnvironmentId) -> Self {
        Self { channel, bearer, environment }
    }

    /// Revokes tokens of a user. `token` itself is not among what an administrator has.
    pub(crate) async fn revoke_tokens(&self, user: UserId, tokens: Tokens) -> Result<()> {
        let request = RevokeUserTokensRequest {
            user: names::user(self.environment, user),
            token_id: tokens.token_id,
            device: tokens.device,
            session_id: tokens.session_id,
            all: tokens.all,
        };
        let mut client = TokenIssuerAdminServiceClient::new(self.channel.clone());
        answer(client.revoke_user_tokens(with_bearer(request, &self.bearer)?).await).map(drop)
    }
}
