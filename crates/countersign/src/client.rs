//! A client of the suite: the calls of the main job, as the command line and the demo make them.

mod administration;
mod devices;
mod operations;
#[cfg(feature = "demo")]
mod passkeys;
mod recovery_codes;
mod revocation;
mod step_up;
mod wallets;

use std::time::Duration;

use kernel::{EnvironmentId, Error, Reason, Result, SecretText, UserId};
use proto::names;
use proto::token_issuer::GetSessionRequest;
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use runtime::{peer, status};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

pub(crate) use administration::FactorAdministration;
pub(crate) use devices::Ticket;
pub(crate) use operations::{
    BoundTo, OperationIds, export_operation, link_operation, sign_operation, unlink_operation,
};
#[cfg(feature = "demo")]
pub(crate) use passkeys::Ceremony;
#[cfg(feature = "demo")]
pub(crate) use recovery_codes::ShownCodes;
pub(crate) use revocation::{TokenAdministration, Tokens};
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
}
