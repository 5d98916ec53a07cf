//! A client of the suite: the calls of the main job, as the command line and the demo make them.

mod operations;
#[cfg(feature = "demo")]
mod passkeys;
mod wallets;

use std::time::Duration;

use kernel::secret::ExposeSecret as _;
use kernel::{EnvironmentId, Error, Reason, Result, SecretText, UserId};
use proto::names;
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use proto::token_issuer::{
    AuthenticateRecoveryCodeRequest, AuthenticateTotpRequest, AuthorizeOperationRequest,
    AuthorizeOperationResponse, ElevatedToken, GetSessionRequest,
};
use runtime::{peer, status};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

pub(crate) use operations::{OperationIds, export_operation, sign_operation};
#[cfg(feature = "demo")]
pub(crate) use passkeys::{PasskeyPurpose, refused as passkey_refused};
pub(crate) use wallets::{Exported, open_export};

/// How long an answer may take. Making a wallet takes the nodes several rounds.
const DEADLINE: Duration = Duration::from_secs(20);

/// Connects to `endpoint`, e.g. `http://127.0.0.1:50051`.
pub(crate) async fn connect(endpoint: &str) -> Result<Channel> {
    let unusable = |error: tonic::transport::Error| {
        Error::new(
            Reason::DependencyUnavailable,
            format!("nothing answers at {endpoint}; is `countersign dev` running?"),
        )
        .cause(error)
    };
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).map_err(unusable)?;
    endpoint.connect_timeout(Duration::from_secs(3)).connect().await.map_err(unusable)
}

/// The answer to a call, or the refusal as an error of ours.
pub(crate) fn answer<T>(result: Result<Response<T>, Status>) -> Result<T> {
    result.map(Response::into_inner).map_err(|refusal| status::from_status(&refusal))
}

/// A request with a bearer token.
pub(crate) fn with_bearer<T>(message: T, bearer: &SecretText) -> Result<Request<T>> {
    peer::on_behalf_of(peer::request(message, DEADLINE), bearer)
}

/// A signed-in user.
#[derive(Clone)]
pub(crate) struct UserClient {
    channel: Channel,
    bearer: SecretText,
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user, as the suite knows them.
    pub(crate) user: UserId,
}

impl UserClient {
    /// Signs in with a session token: asks the suite who that is.
    pub(crate) async fn sign_in(
        channel: Channel,
        environment: EnvironmentId,
        bearer: SecretText,
    ) -> Result<Self> {
        let request = GetSessionRequest { parent: names::environment(environment) };
        let session = answer(
            StepUpServiceClient::new(channel.clone()).get_session(with_bearer(request, &bearer)?).await,
        )?;
        let (_, user) = names::parse_user("user", &session.user)?;
        Ok(Self { channel, bearer, environment, user: user.id("user")? })
    }

    /// The user's name.
    pub(crate) fn name(&self) -> String {
        names::user(self.environment, self.user)
    }

    /// A request on the user's behalf.
    pub(crate) fn request<T>(&self, message: T) -> Result<Request<T>> {
        with_bearer(message, &self.bearer)
    }

    /// The connection, for the services' clients.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Proves a TOTP factor, for scopes, or for exactly one operation.
    pub(crate) async fn authenticate_totp(
        &self,
        code: &SecretText,
        scopes: &[&str],
        operation: Option<&operation::Operation>,
        ids: &OperationIds<'_>,
    ) -> Result<ElevatedToken> {
        let request = AuthenticateTotpRequest {
            user: self.name(),
            code: code.expose_secret().to_owned(),
            device: String::new(),
            requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            operation: operation.map(proto::convert::operation_value),
            request_id: ids.request().to_string(),
        };
        answer(StepUpServiceClient::new(self.channel()).authenticate_totp(self.request(request)?).await)?
            .elevated_token
            .ok_or_else(without_token)
    }

    /// Uses up a recovery code, for scopes, or for exactly one operation; says how many are left.
    pub(crate) async fn authenticate_recovery_code(
        &self,
        code: &SecretText,
        scopes: &[&str],
        operation: Option<&operation::Operation>,
        ids: &OperationIds<'_>,
    ) -> Result<(ElevatedToken, u32)> {
        let request = AuthenticateRecoveryCodeRequest {
            user: self.name(),
            code: code.expose_secret().to_owned(),
            requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            operation: operation.map(proto::convert::operation_value),
            request_id: ids.request().to_string(),
        };
        let mut issuer = StepUpServiceClient::new(self.channel());
        let made = answer(issuer.authenticate_recovery_code(self.request(request)?).await)?;
        Ok((made.elevated_token.ok_or_else(without_token)?, made.remaining_codes))
    }

    /// Asks for a receipt for an operation, paid by a token or by the session alone.
    pub(crate) async fn authorize(
        &self,
        operation: &operation::Operation,
        token: Option<&str>,
    ) -> Result<AuthorizeOperationResponse> {
        let request = AuthorizeOperationRequest {
            operation: Some(proto::convert::operation_value(operation)),
            elevated_token: token.unwrap_or_default().to_owned(),
        };
        answer(StepUpServiceClient::new(self.channel()).authorize_operation(self.request(request)?).await)
    }
}

fn without_token() -> Error {
    Error::internal("the issuer answered without a token")
}
