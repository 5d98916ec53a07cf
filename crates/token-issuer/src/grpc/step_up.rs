//! `StepUpService`.

use kernel::secret::ExposeSecret as _;
use kernel::{Action, DeviceId, Error, Result, Scope, SecretText, WalletId};
use operation::{BatchLeaf, Body, CheckedOperation};
use proto::token_issuer::step_up_service_server::StepUpService;
use proto::{convert, names, token_issuer as pb, types};
use runtime::{Gate, Keep, UserCall};
use tonic::{Request, Response, Status};

use super::convert::{
    authorized, batch_leaf, ceremony, check_user, elevated, secret, session, step_up, token,
};
use crate::authenticate::{self, Answer, Authenticate, Wanted};
use crate::authorize_operation::{AuthorizeOperation, Presented};
use crate::check_step_up::CheckStepUp;
use crate::domain::purpose::Target;
use crate::domain::requirement::TokenBehavior;
use crate::domain::token::TokenKind;
use crate::exchange_assertion::ExchangeAssertion;
use crate::get_session::get_session;

/// Handles the calls of users, on both listeners: a gateway that asks on a user's behalf forwards the session.
#[derive(Clone)]
pub(crate) struct StepUpHandler {
    pub(crate) gate: Gate,
    pub(crate) check_step_up: CheckStepUp,
    pub(crate) authenticate: Authenticate,
    pub(crate) exchange_assertion: ExchangeAssertion,
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
                        wanted: wanted(&call, r.requested_scopes, r.operation, &r.wallet, r.operations)
                            .await?
                            .with(r.create_mfa_token, r.sender_proof),
                        request: convert::id("request_id", &r.request_id)?,
                    };
                    let made = authenticate.authenticate(&call, request).await?;
                    let (elevated_token, mfa_token) = token(&made);
                    Ok(pb::AuthenticateTotpResponse { elevated_token, mfa_token })
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
                    let wanted = wanted(&call, r.requested_scopes, r.operation, &r.wallet, r.operations)
                        .await?
                        .with(r.create_mfa_token, r.sender_proof);
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
                        wanted: wanted(&call, r.requested_scopes, r.operation, &r.wallet, r.operations)
                            .await?
                            .with(r.create_mfa_token, r.sender_proof),
                        request: convert::id("request_id", &r.request_id)?,
                    };
                    let made = authenticate.authenticate(&call, request).await?;
                    let (elevated_token, mfa_token) = token(&made);
                    Ok(pb::AuthenticatePasskeyResponse { elevated_token, mfa_token })
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
                        wanted: wanted(&call, r.requested_scopes, r.operation, &r.wallet, r.operations)
                            .await?
                            .with(r.create_mfa_token, r.sender_proof),
                        request: convert::id("request_id", &r.request_id)?,
                    };
                    let made = authenticate.authenticate(&call, request).await?;
                    let (elevated_token, mfa_token) = token(&made);
                    Ok(pb::AuthenticateRecoveryCodeResponse {
                        elevated_token,
                        remaining_codes: made.remaining_codes.unwrap_or_default(),
                        mfa_token,
                    })
                },
            )
            .await
    }

    async fn exchange_assertion(
        &self,
        request: Request<pb::ExchangeAssertionRequest>,
    ) -> Result<Response<pb::ExchangeAssertionResponse>, Status> {
        let exchange = self.exchange_assertion.clone();
        self.gate
            .user(
                request,
                "assertion.exchange",
                Keep::All,
                |r| &r.user,
                move |call, r| async move {
                    let assertion = SecretText::from(r.assertion);
                    check_user("user", &r.user, call.environment, call.user)?;
                    let wanted = wanted(&call, r.requested_scopes, r.operation, &r.wallet, Vec::new())
                        .await?
                        .with(None, r.sender_proof);
                    let made = exchange.exchange(&call, assertion, wanted).await?;
                    Ok(pb::ExchangeAssertionResponse { elevated_token: Some(elevated(&made)) })
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
                let leaf = r.batch_leaf.map(batch_leaf).transpose()?;
                let tokens = (secret(r.elevated_token), secret(r.mfa_token));
                let presented = presented(tokens, leaf, secret(r.sender_proof))?;
                let made = authorize.authorize(&call, operation, presented).await?;
                Ok(authorized(&made))
            })
            .await
    }
}

/// What is shown to pay: a token of one kind, and what goes with it.
fn presented(
    tokens: (Option<SecretText>, Option<SecretText>),
    leaf: Option<BatchLeaf>,
    sender_proof: Option<SecretText>,
) -> Result<Option<Presented>> {
    let (kind, jwt) = match tokens {
        (Some(jwt), None) => (TokenKind::Elevated, jwt),
        (None, Some(jwt)) => (TokenKind::LegacyMfa, jwt),
        (Some(_), Some(_)) => {
            return Err(Error::invalid("mfa_token", "must be left out where there is an `elevated_token`"));
        }
        (None, None) => {
            let alone = "must be left out where there is no token";
            return match (leaf, sender_proof) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(Error::invalid("batch_leaf", alone)),
                (None, Some(_)) => Err(Error::invalid("sender_proof", alone)),
            };
        }
    };
    Ok(Some(Presented { kind, jwt, leaf, sender_proof }))
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
    let device = names::parse_device("device", name)?.below(call.environment, call.user)?;
    call.trail.resource(names::device(call.environment, call.user, device)).await;
    Ok(Some(device))
}

/// What a token is wanted for.
async fn wanted(
    call: &UserCall,
    scopes: Vec<String>,
    operation: Option<types::Operation>,
    wallet: &str,
    operations: Vec<types::Operation>,
) -> Result<Wanted> {
    let checked =
        |field: &str, value| convert::operation(field, Some(value), call.environment, call.user)?.check();
    let target = match (operation, wallet, operations) {
        (None, "", none) if none.is_empty() => Target::Scopes,
        (Some(operation), "", none) if none.is_empty() => Target::Operation(checked("operation", operation)?),
        (None, "", operations) => Target::Batch(
            (0..)
                .zip(operations)
                .map(|(place, operation): (usize, _)| checked(&format!("operations[{place}]"), operation))
                .collect::<Result<_>>()?,
        ),
        (None, wallet, none) if none.is_empty() => Target::Wallet(own_wallet(call, wallet).await?),
        _ => {
            let problem = "only one of `operation`, `wallet` and `operations` may be set";
            return Err(Error::invalid("operation", problem));
        }
    };
    Ok(Wanted { scopes, target, legacy: None, sender_proof: None })
}

impl Wanted {
    fn with(self, create: Option<pb::CreateMfaToken>, sender_proof: String) -> Self {
        let legacy =
            create.map(
                |create| {
                    if create.single_use { TokenBehavior::SingleUse } else { TokenBehavior::TimeBound }
                },
            );
        Self { legacy, sender_proof: secret(sender_proof), ..self }
    }
}

/// The caller's wallet that is named. Whether there is one is for its keepers to know.
async fn own_wallet(call: &UserCall, name: &str) -> Result<WalletId> {
    let wallet = names::parse_wallet("wallet", name)?.below(call.environment, call.user)?;
    call.trail.resource(names::wallet(call.environment, call.user, wallet)).await;
    Ok(wallet)
}
