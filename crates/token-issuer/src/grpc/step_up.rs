//! `StepUpService`.

use kernel::{Action, Error, Result, Scope, SecretText};
use operation::{Body, CheckedOperation};
use proto::token_issuer::step_up_service_server::StepUpService;
use proto::{convert, names, token_issuer as pb};
use runtime::{Gate, Keep, UserCall};
use tonic::{Request, Response, Status};

use super::convert::{authorized, check_user, elevated, secret, session, step_up};
use crate::authenticate_totp::{self, AuthenticateTotp};
use crate::authorize_operation::AuthorizeOperation;
use crate::check_step_up::CheckStepUp;
use crate::get_session::get_session;

/// Handles the calls of users, on both listeners: a gateway that asks on a user's behalf forwards the session.
#[derive(Clone)]
pub(crate) struct StepUpHandler {
    pub(crate) gate: Gate,
    pub(crate) check_step_up: CheckStepUp,
    pub(crate) authenticate_totp: AuthenticateTotp,
    pub(crate) authorize_operation: AuthorizeOperation,
}

#[tonic::async_trait]
impl StepUpService for StepUpHandler {
    async fn get_session(
        &self,
        request: Request<pb::GetSessionRequest>,
    ) -> Result<Response<pb::GetSessionResponse>, Status> {
        self.gate
            .user(
                request,
                "session.get",
                Keep::Refusals,
                |r| &r.parent,
                async |call, r| {
                    names::parse_environment("parent", &r.parent)?;
                    Ok(session(&get_session(&call)))
                },
            )
            .await
    }

    async fn check_step_up(
        &self,
        request: Request<pb::CheckStepUpRequest>,
    ) -> Result<Response<pb::CheckStepUpResponse>, Status> {
        let check = self.check_step_up.clone();
        self.gate
            .user(
                request,
                "step_up.check",
                Keep::Refusals,
                |r| &r.user,
                move |call, r| async move {
                    check_user("user", &r.user, call.environment, call.user)?;
                    let found = check.check(&call, action(r.action, &r.scope)?).await?;
                    Ok(step_up(found, call.environment, call.user))
                },
            )
            .await
    }

    async fn authenticate_totp(
        &self,
        request: Request<pb::AuthenticateTotpRequest>,
    ) -> Result<Response<pb::AuthenticateTotpResponse>, Status> {
        let authenticate = self.authenticate_totp.clone();
        self.gate
            .user(
                request,
                "totp.authenticate",
                Keep::All,
                |r| &r.user,
                move |call, r| async move {
                    let request = authentication(&call, r).await?;
                    let made = authenticate.authenticate(&call, request).await?;
                    Ok(pb::AuthenticateTotpResponse { elevated_token: Some(elevated(&made)) })
                },
            )
            .await
    }

    async fn authorize_operation(
        &self,
        request: Request<pb::AuthorizeOperationRequest>,
    ) -> Result<Response<pb::AuthorizeOperationResponse>, Status> {
        let authorize = self.authorize_operation.clone();
        self.gate
            .user(request, "operation.authorize", Keep::All, operation_user, move |call, r| async move {
                let operation =
                    convert::operation("operation", r.operation, call.environment, call.user)?.check()?;
                if let Some(name) = resource(&operation) {
                    call.trail.resource(name).await;
                }
                let made = authorize.authorize(&call, operation, secret(r.elevated_token)).await?;
                Ok(authorized(&made))
            })
            .await
    }
}

fn operation_user(request: &pb::AuthorizeOperationRequest) -> &str {
    request.operation.as_ref().map_or("", |operation| &operation.user)
}

/// What the operation acts on, where it exists already.
fn resource(checked: &CheckedOperation) -> Option<String> {
    let operation = checked.operation();
    match &operation.body {
        Body::CreateWallet { .. } | Body::LinkCredential { .. } => None,
        Body::SignMessage { wallet, .. } | Body::ExportWallet { wallet, .. } => {
            Some(names::wallet(operation.environment, operation.user, wallet.id))
        }
        Body::UnlinkCredential { device } => {
            Some(names::device(operation.environment, operation.user, *device))
        }
    }
}

/// The action that is asked about, by itself or by its scope.
fn action(action: i32, scope: &str) -> Result<Action> {
    match (action, scope) {
        (0, "") => Err(Error::invalid("action", "name the action, or its scope in `scope`")),
        (0, scope) => scope
            .parse()
            .map(Scope::action)
            .map_err(|_| Error::invalid("scope", "is not a scope this version knows")),
        (action, "") => convert::action("action", action),
        _ => Err(Error::invalid("scope", "must be empty when `action` is set")),
    }
}

async fn authentication(
    call: &UserCall,
    request: pb::AuthenticateTotpRequest,
) -> Result<authenticate_totp::Request> {
    // Taken first, so that it is wiped whatever is wrong with the rest.
    let code = SecretText::from(request.code);
    check_user("user", &request.user, call.environment, call.user)?;
    let device = if request.device.is_empty() {
        None
    } else {
        let device = names::parse_device("device", &request.device)?;
        if device.environment != call.environment {
            return Err(Error::not_found());
        }
        device.user.resolve(call.user)?;
        call.trail.resource(names::device(call.environment, call.user, device.id)).await;
        Some(device.id)
    };
    let operation = match request.operation {
        None => None,
        Some(value) => {
            Some(convert::operation("operation", Some(value), call.environment, call.user)?.check()?)
        }
    };
    Ok(authenticate_totp::Request {
        code,
        device,
        scopes: request.requested_scopes,
        operation,
        request: convert::id("request_id", &request.request_id)?,
    })
}
