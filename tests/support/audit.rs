//! The audit trail, as administrators read it.

use kernel::{EnvironmentId, Reason};
use proto::names;
use proto::types::{AuditEvent, AuditOutcome};
use tonic::transport::Channel;

use super::admin::Admin;

/// A service's trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trail {
    Policy,
    Devices,
    Issuer,
    Gateway,
    Signer,
}

impl Trail {
    /// One page of it: events and where the next page begins.
    pub(crate) async fn page(
        self,
        admin: &Admin,
        parent: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<AuditEvent>, String), tonic::Status> {
        self.page_from(admin.channel.clone(), admin, parent, page_size, page_token).await
    }

    /// The same, from another listener than the one of users.
    pub(crate) async fn page_from(
        self,
        channel: Channel,
        admin: &Admin,
        parent: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<AuditEvent>, String), tonic::Status> {
        // The services have the same message each, in a package of its own.
        macro_rules! ask {
            ($package:ident, $module:ident, $client:ident) => {{
                let request = proto::$package::ListAuditEventsRequest {
                    parent: parent.to_owned(),
                    page_size,
                    page_token: page_token.to_owned(),
                };
                let mut client = proto::$package::$module::$client::new(channel);
                let page = client.list_audit_events(admin.request(request)).await?.into_inner();
                Ok((page.events, page.next_page_token))
            }};
        }
        match self {
            Self::Policy => ask!(policy, policy_admin_service_client, PolicyAdminServiceClient),
            Self::Devices => {
                ask!(mfa_devices, mfa_devices_admin_service_client, MfaDevicesAdminServiceClient)
            }
            Self::Issuer => {
                ask!(token_issuer, token_issuer_admin_service_client, TokenIssuerAdminServiceClient)
            }
            Self::Gateway => {
                ask!(waas_gateway, waas_gateway_admin_service_client, WaasGatewayAdminServiceClient)
            }
            Self::Signer => ask!(mpc_signer, mpc_signer_admin_service_client, MpcSignerAdminServiceClient),
        }
    }

    /// The newest events of an environment, at most 200.
    pub(crate) async fn newest(self, admin: &Admin, environment: EnvironmentId) -> Vec<AuditEvent> {
        let page = self.page(admin, &names::environment(environment), 200, "").await;
        page.unwrap().0
    }

    /// All events, of an environment or of the whole service, newest first.
    pub(crate) async fn all(self, admin: &Admin, parent: &str) -> Vec<AuditEvent> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let (events, next) = self.page(admin, parent, 200, &token).await.unwrap();
            all.extend(events);
            token = next;
            if token.is_empty() {
                return all;
            }
        }
    }

    /// The refusals of an actor, newest first.
    pub(crate) async fn refusals(
        self,
        admin: &Admin,
        environment: EnvironmentId,
        actor: &str,
    ) -> Vec<AuditEvent> {
        let mut events = self.all(admin, &names::environment(environment)).await;
        events.retain(|event| event.actor == actor && event.outcome() == AuditOutcome::Refused);
        events
    }

    /// There is a row for this refusal.
    pub(crate) async fn has_refusal(
        self,
        admin: &Admin,
        environment: EnvironmentId,
        actor: &str,
        kind: &str,
        reason: Reason,
    ) -> AuditEvent {
        let rows = self.refusals(admin, environment, actor).await;
        let found = rows.iter().find(|row| row.kind == kind && row.reason == reason.as_str());
        found
            .cloned()
            .unwrap_or_else(|| panic!("{self:?} has no row of {kind} refused for {reason} in {rows:#?}"))
    }
}
