//! The calls by which an administrator looks after users' factors.

use kernel::{EnvironmentId, Error, FactorKind, Result, SecretText, UserId};
use proto::mfa_devices::mfa_devices_admin_service_client::MfaDevicesAdminServiceClient;
use proto::mfa_devices::{
    AcknowledgeFactorEventsRequest, ClearFactorThrottleRequest, FactorEvent, FactorThrottle,
    GetUserFactorsRequest, GetUserFactorsResponse, ListFactorEventsRequest, ResetUserRequest,
    ResetUserResponse,
};
use proto::{convert, names};
use tonic::transport::Channel;

use super::{answer, with_bearer};

/// How many events an answer has, and how many are acknowledged at once.
const PAGE: i32 = 200;

/// An administrator of one environment's factors.
pub(crate) struct FactorAdministration {
    channel: Channel,
    bearer: SecretText,
    environment: EnvironmentId,
}

impl FactorAdministration {
    /// With an administrator's token.
    pub(crate) const fn new(channel: Channel, bearer: SecretText, environment: EnvironmentId) -> Self {
        Self { channel, bearer, environment }
    }

    fn client(&self) -> MfaDevicesAdminServiceClient<Channel> {
        MfaDevicesAdminServiceClient::new(self.channel.clone())
    }

    fn request<T>(&self, message: T) -> Result<tonic::Request<T>> {
        with_bearer(message, &self.bearer)
    }

    /// What a user has.
    pub(crate) async fn user_factors(&self, user: UserId) -> Result<GetUserFactorsResponse> {
        let request = GetUserFactorsRequest { name: names::user(self.environment, user) };
        answer(self.client().get_user_factors(self.request(request)?).await)
    }

    /// Takes all factors from a user.
    pub(crate) async fn reset_user(
        &self,
        user: UserId,
        forget_ever_verified: bool,
    ) -> Result<ResetUserResponse> {
        let request = ResetUserRequest { name: names::user(self.environment, user), forget_ever_verified };
        answer(self.client().reset_user(self.request(request)?).await)
    }

    /// Forgets a user's wrong codes of a kind.
    pub(crate) async fn clear_throttle(&self, user: UserId, kind: FactorKind) -> Result<FactorThrottle> {
        let request = ClearFactorThrottleRequest {
            name: names::user(self.environment, user),
            kind: convert::factor_kind_value(kind).into(),
        };
        answer(self.client().clear_factor_throttle(self.request(request)?).await)?
            .throttle
            .ok_or_else(|| Error::internal("mfa-devices answered without a throttle"))
    }

    /// What happened to users' factors and is not acknowledged, oldest first.
    pub(crate) async fn events(&self) -> Result<Vec<FactorEvent>> {
        let mut events: Vec<FactorEvent> = Vec::new();
        loop {
            let request = ListFactorEventsRequest {
                parent: names::environment(self.environment),
                page_size: PAGE,
                after_sequence: events.last().map_or(0, |event| event.sequence),
            };
            let page = answer(self.client().list_factor_events(self.request(request)?).await)?.events;
            let is_last = i32::try_from(page.len()).is_ok_and(|found| found < PAGE);
            events.extend(page);
            if is_last {
                return Ok(events);
            }
        }
    }

    /// Says that these were delivered.
    pub(crate) async fn acknowledge(&self, events: &[FactorEvent]) -> Result<()> {
        for page in events.chunks(usize::try_from(PAGE).unwrap_or(1)) {
            let request = AcknowledgeFactorEventsRequest {
                parent: names::environment(self.environment),
                sequences: page.iter().map(|event| event.sequence).collect(),
            };
            answer(self.client().acknowledge_factor_events(self.request(request)?).await)?;
        }
        Ok(())
    }
}
