//! `StepUpService`.

use kernel::secret::ExposeSecret as _;
use kernel::{Action, DeviceId, Error, Result, Scope, SecretText};
use operation::{Body, CheckedOperation};
use proto::token_issuer::step_up_service_server::StepUpService;
use proto::{convert, names, token_issuer as pb, types};
use runtime::{Gate, Keep, UserCall};
use tonic::{Request, Response, Status};

use super::convert::{authorized, ceremony, check_user, elevated, secret, session, step_up};
use crate::authenticate::{self, Answer, Authenticate, Wanted};
use crate::authorize_operation::AuthorizeOperation;
use crate::check_step_up::CheckStepUp;
use crate::get_session::get_session;

/// Handles the calls of users, on both listeners: a gateway that asks on a user's behalf forwards the session.
#[derive(Clone)]
pub(crate) struct StepUpHandler {
    pub(crate) gate: Gate,
    pub(crate) check_step_up: CheckStepUp,
    pub(crate) authenticate: Authenticate,
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
        let authenticate = self.authenticate.clone();
        self.gate
            .user(
                request,
                "totp.authenticate",
                Keep::All,
                |r| &r.user,
                move |call, r| async move {
                    // Taken first, so that it is wiped whatever is wrong with the rest.
                    let code = SecretText::from(r.code);
                    check_user("user", &r.user, call.environment, call.user)?;
                    let request = authenticate::Request {
                        answer: Answer::Totp { code, device: device(&call, &r.device).await? },
                        wanted: wanted(&call, r.requested_scopes, r.operation)?,
                        request: convert::id("request_id", &r.request_id)?,
                    };
                    let made = authenticate.authenticate(&call, request).await?;
                    Ok(pb::AuthenticateTotpResponse { elevated_token: Some(elevated(&made)) })
                },
            )
            .await
    }

    async fn begin_passkey_authentication(
        &self,
        request: Request<pb::BeginPasskeyAuthenticationRequest>,
    ) -> Result<Response<pb::BeginPasskeyAuthenticationResponse>, Status> {
        let authenticate = self.authenticate.clone();
        self.gate
            .user(
                request,
                "passkey.begin_authentication",
                Keep::Refusals,
                |r| &r.user,
                move |call, r| async move {
                    check_user("user", &r.user, call.environment, call.user)?;
                    let wanted = wanted(&call, r.requested_scopes, r.operation)?;
                    Ok(ceremony(authenticate.begin_passkey(&call, wanted).await?))
                },
            )
            .await
    }

    async fn authenticate_passkey(
        &self,
        request: Request<pb::AuthenticatePasskeyRequest>,
    ) -> Result<Response<pb::AuthenticatePasskeyResponse>, Status> {
        let authenticate = self.authenticate.clone();
        self.gate
            .user(
                request,
                "passkey.authenticate",
                Keep::All,
                |r| &r.user,
                move |call, r| async move {
                    let credential_json = SecretText::from(r.credential_json);
                    check_user("user", &r.user, call.environment, call.user)?;
                    check_credential(&credential_json)?;
                    let ceremony = convert::id("ceremony_id", &r.ceremony_id)?;
                    let request = authenticate::Request {
                        answer: Answer::Passkey { ceremony, credential_json },
                        wanted: wanted(&call, r.requested_scopes, r.operation)?,
                        request: convert::id("request_id", &r.request_id)?,
                    };
                    let made = authenticate.authenticate(&call, request).await?;
                    Ok(pb::AuthenticatePasskeyResponse { elevated_token: Some(elevated(&made)) })
                },
            )
            .await
    }

    async fn authenticate_recovery_code(
        &self,
        request: Request<pb::AuthenticateRecoveryCodeRequest>,
    ) -> Result<Response<pb::AuthenticateRecoveryCodeResponse>, Status> {
        let authenticate = self.authenticate.clone();
        self.gate
            .user(
                request,
                "recovery_code.authenticate",
                Keep::All,
                |r| &r.user,
                move |call, r| async move {
                    let code = SecretText::from(r.code);
                    check_user("user", &r.user, call.environment, call.user)?;
                    let request = authenticate::Request {
                        answer: Answer::RecoveryCode(code),
                        wanted: wanted(&call, r.requested_scopes, r.operation)?,
                        request: convert::id("request_id", &r.request_id)?,
                    };
                    let made = authenticate.authenticate(&call, request).await?;
                    Ok(pb::AuthenticateRecoveryCodeResponse {
                        elevated_token: Some(elevated(&made)),
                        remaining_codes: made.remaining_codes.unwrap_or_default(),
                    })
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

/// The longest answer of an authenticator that is looked at, in octets: several times what one takes.
const MAX_CREDENTIAL_OCTETS: usize = 16 * 1024;

fn check_credential(credential_json: &SecretText) -> Result<()> {
    const FIELD: &str = "credential_json";
    match credential_json.expose_secret().len() {
        0 => Err(Error::invalid(FIELD, "is missing; send what the authenticator answered")),
        1..=MAX_CREDENTIAL_OCTETS => Ok(()),
        _ => Err(Error::invalid(FIELD, format!("may have at most {MAX_CREDENTIAL_OCTETS} octets"))),
    }
}

/// The caller's device that is named; none where none is.
async fn device(call: &UserCall, name: &str) -> Result<Option<DeviceId>> {
    if name.is_empty() {
        return Ok(None);
    }
    let device = names::parse_device("device", name)?;
    if device.environment != call.environment {
        return Err(Error::not_found());
    }
    device.user.resolve(call.user)?;
    call.trail.resource(names::device(call.environment, call.user, device.id)).await;
    Ok(Some(device.id))
}

/// What a token is wanted for.
fn wanted(call: &UserCall, scopes: Vec<String>, operation: Option<types::Operation>) -> Result<Wanted> {
    let operation = operation
        .map(|value| convert::operation("operation", Some(value), call.environment, call.user)?.check())
        .transpose()?;
    Ok(Wanted { scopes, operation })
}
