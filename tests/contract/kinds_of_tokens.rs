//! Tokens of the older style, tokens for the word of somebody else, and tokens that are good in one client's hands only.

use jose::sender_proof::{Call, sign};
use jose::{Algorithm, Kind, SigningKey};
use kernel::secret::{ExposeSecret as _, SecretText};
use kernel::{FactorKind, Reason};
use operation::Operation;
use proto::convert;
use proto::policy::{AssertionIssuer, LegacyMfaTokens, Preset, assertion_issuer};
use proto::token_issuer::{
    AuthenticateTotpRequest, AuthenticateTotpResponse, AuthorizeOperationRequest, AuthorizeOperationResponse,
    CreateMfaToken, ExchangeAssertionRequest, ExchangeAssertionResponse, IntrospectTokenRequest, MfaToken,
};
use proto::types::{Action, SenderConstraint, TokenBehavior, WarningCode};
use serde_json::{Value, json};
use testkit::TestProvider;

use crate::support::admin::{Admin, Place, settings};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::codes::App;
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::secrets::secret;
use crate::support::tokens::parts;
use crate::support::user::{Answer, User};

async fn place() -> Place {
    Admin::owner(suite()).await.environment(suite(), Preset::SeedCompatible).await
}

async fn legacy(place: &Place, enabled: bool) {
    let legacy = Some(LegacyMfaTokens { enabled, token_expiry_seconds: 60 });
    place.change(&["legacy_mfa_tokens"], |environment| environment.legacy_mfa_tokens = legacy).await;
}

async fn bind(place: &Place, constraint: SenderConstraint) {
    place.change(&["sender_constraint"], |e| e.sender_constraint = constraint.into()).await;
}

fn totp(user: &User, code: &str, scopes: &[&str]) -> AuthenticateTotpRequest {
    AuthenticateTotpRequest {
        user: user.name(),
        code: code.to_owned(),
        requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        request_id: fresh::request_id(),
        ..Default::default()
    }
}

async fn authenticate(user: &User, request: AuthenticateTotpRequest) -> Answer<AuthenticateTotpResponse> {
    let answer = user.step_up().authenticate_totp(user.request(request)).await?;
    let AuthenticateTotpResponse { elevated_token, mfa_token } = answer.get_ref();
    for token in elevated_token.iter().map(|it| &it.token).chain(mfa_token.iter().map(|it| &it.token)) {
        secret(token.as_str());
    }
    Ok(answer)
}

async fn mfa_token(user: &User, app: &mut App, single_use: bool) -> MfaToken {
    let create_mfa_token = Some(CreateMfaToken { single_use });
    let request = AuthenticateTotpRequest { create_mfa_token, ..totp(user, &app.next(), &[]) };
    authenticate(user, request).await.done().mfa_token.unwrap()
}

async fn pay(user: &User, request: AuthorizeOperationRequest) -> Answer<AuthorizeOperationResponse> {
    let answer = user.step_up().authorize_operation(user.request(request)).await?;
    secret(&answer.get_ref().receipt);
    Ok(answer)
}

fn by_mfa_token(operation: &Operation, token: &MfaToken) -> AuthorizeOperationRequest {
    AuthorizeOperationRequest {
        operation: Some(convert::operation_value(operation)),
        mfa_token: token.token.clone(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_legacy_token_pays_where_the_environment_has_such_and_warns() {
    let create = Some(CreateMfaToken { single_use: true });
    let nobody = place().await.user(suite());
    let nowhere = AuthenticateTotpRequest { create_mfa_token: create, ..totp(&nobody, "000000", &[]) };
    authenticate(&nobody, nowhere).await.refused(Reason::LegacyMfaTokensDisabled);
    let place = place().await;
    legacy(&place, true).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let mixed = AuthenticateTotpRequest { create_mfa_token: create, ..totp(&user, &code, &["wallet:sign"]) };
    authenticate(&user, mixed).await.refused(Reason::InvalidRequest);
    // That did not use up the code.
    let wanted = AuthenticateTotpRequest { create_mfa_token: create, ..totp(&user, &code, &[]) };
    let made = authenticate(&user, wanted).await.done().mfa_token.unwrap();
    assert_eq!(made.warnings[0].code(), WarningCode::LegacyMfaToken);
    let (header, claims) = parts(&made.token);
    assert_eq!(header["typ"], json!("mfa+jwt"));
    assert_eq!(claims["aud"], json!("urn:countersign:token-issuer:mfa"));
    assert!(claims.get("scope").is_none() && claims.get("authorization_details").is_none());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);

    let request = IntrospectTokenRequest { user: user.name(), token: made.token.clone() };
    let found = user.introspection().introspect_token(user.request(request)).await.done();
    assert_eq!((found.active, found.token_type.as_str(), found.scope.as_str()), (true, "mfa+jwt", ""));

    let operation = user.signing(&wallet, b"hello");
    user.authorize(&operation, &made.token).await.refused(Reason::TokenInvalid);
    let paid = pay(&user, by_mfa_token(&operation, &made)).await.done();
    assert_eq!(paid.warnings[0].code(), WarningCode::LegacyMfaToken);
    assert!(paid.token_redeemed);
    user.sign(&operation, &paid.receipt).await.done();
    let other = user.signing(&wallet, b"other");
    pay(&user, by_mfa_token(&other, &made)).await.refused(Reason::TokenAlreadyRedeemed);
}

#[tokio::test]
async fn a_legacy_token_ends_with_the_setting_and_changes_no_factors() {
    let place = place().await;
    legacy(&place, true).await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).token_behavior = TokenBehavior::TimeBound.into();
        })
        .await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let made = mfa_token(&user, &mut factor.app, false).await;
    for _ in 0..2 {
        let paid = pay(&user, by_mfa_token(&user.signing(&wallet, b"hello"), &made)).await.done();
        assert!(!paid.token_redeemed);
    }
    let link = user.operation(operation::Body::LinkCredential { factor: FactorKind::Totp });
    pay(&user, by_mfa_token(&link, &made)).await.refused(Reason::TokenScopeInsufficient);
    legacy(&place, false).await;
    // The issuer may not know yet. Policy does, and says what would do.
    let operation = user.signing(&wallet, b"hello");
    let refusal = pay(&user, by_mfa_token(&operation, &made)).await.unwrap_err();
    let reason = runtime::status::from_status(&refusal).reason();
    assert!(matches!(reason, Reason::LegacyMfaTokensDisabled | Reason::StepUpRequired), "{reason}");
    let (admin, actor) = (Admin::owner(suite()).await, format!("user:{}", user.id));
    Trail::Issuer.has_refusal(&admin, user.environment, &actor, "operation.authorize", reason).await;
}

/// A key of a client, and its proofs.
struct Client(SigningKey);

impl Client {
    fn new() -> Self {
        Self(SigningKey::generate(Algorithm::Es256).unwrap())
    }

    fn proof(&self, method: &str, used: Option<(&str, &Operation)>) -> String {
        let uri = format!("https://any.example/countersign.token_issuer.v1.StepUpService/{method}");
        let token = used.map(|(token, _)| SecretText::from(token.to_owned()));
        let digest = used.map(|(_, operation)| operation.clone().check().unwrap().digest());
        let call = Call {
            uri: &uri,
            token: token.as_ref(),
            operation_digest: digest.as_ref().map(|digest| digest.as_bytes()),
            id: &fresh::uuid(),
            at: fresh::now(),
        };
        secret(sign(&call, &self.0).unwrap().expose_secret())
    }
}

#[tokio::test]
async fn a_tied_token_is_good_in_the_hands_of_its_client_only() {
    let (client, stranger) = (Client::new(), Client::new());
    let proof = || client.proof("AuthenticateTotp", None);
    let nobody = place().await.user(suite());
    let nowhere =
        AuthenticateTotpRequest { sender_proof: proof(), ..totp(&nobody, "000000", &["wallet:sign"]) };
    authenticate(&nobody, nowhere).await.refused(Reason::InvalidRequest);
    let place = place().await;
    bind(&place, SenderConstraint::Required).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let wanted = || totp(&user, &code, &["wallet:sign"]);
    authenticate(&user, wanted()).await.refused(Reason::SenderProofMissing);
    let elsewhere = client.proof("AuthorizeOperation", None);
    let wrong = AuthenticateTotpRequest { sender_proof: elsewhere, ..wanted() };
    authenticate(&user, wrong).await.refused(Reason::SenderProofInvalid);
    let request = AuthenticateTotpRequest { sender_proof: proof(), ..wanted() };
    let token = authenticate(&user, request).await.done().elevated_token.unwrap();
    let thumbprint = client.0.public_jwk().thumbprint().to_string();
    assert_eq!(token.sender_key_thumbprint, thumbprint);
    assert_eq!(parts(&token.token).1["cnf"], json!({ "jkt": thumbprint }));

    let operation = user.signing(&wallet, b"hello");
    let other = user.signing(&wallet, b"other");
    let with = |operation: &Operation, sender_proof: String| AuthorizeOperationRequest {
        operation: Some(convert::operation_value(operation)),
        elevated_token: token.token.clone(),
        sender_proof,
        ..Default::default()
    };
    let own = client.proof("AuthorizeOperation", Some((&token.token, &operation)));
    pay(&user, with(&operation, String::new())).await.refused(Reason::SenderProofMissing);
    for (operation, proof) in [
        (&operation, stranger.proof("AuthorizeOperation", Some((&token.token, &operation)))),
        (&operation, client.proof("AuthorizeOperation", Some((&token.token, &other)))),
        (&operation, client.proof("AuthenticateTotp", Some((&token.token, &operation)))),
        (&other, own.clone()),
    ] {
        pay(&user, with(operation, proof)).await.refused(Reason::SenderProofInvalid);
    }
    let paid = pay(&user, with(&operation, own.clone())).await.done();
    user.sign(&operation, &paid.receipt).await.done();
    // Repeated, it asks for the same again.
    pay(&user, with(&operation, own)).await.done();
    let proof = client.proof("AuthorizeOperation", Some((&token.token, &other)));
    pay(&user, with(&other, proof)).await.refused(Reason::TokenAlreadyRedeemed);
}

/// Somebody whose assertions an environment takes for signatures.
struct Risk(TestProvider);

impl Risk {
    async fn of(place: &Place) -> Self {
        let risk = Self(TestProvider::new("https://risk.example", &fresh::uuid()));
        let issuer = AssertionIssuer {
            assertion_issuer_id: "risk".to_owned(),
            issuer: risk.0.issuer.clone(),
            audience: risk.0.audience.clone(),
            scopes: vec!["wallet:sign".to_owned()],
            acr: "urn:countersign:acr:otp".to_owned(),
            max_age_seconds: 60,
            keys: Some(assertion_issuer::Keys::Jwks(risk.0.jwks())),
            ..Default::default()
        };
        place.change(&["assertion_issuers"], |e| e.assertion_issuers = vec![issuer.clone()]).await;
        risk
    }

    fn claims(&self, user: &User) -> Value {
        let now = fresh::now().seconds();
        json!({
            "iss": self.0.issuer, "aud": self.0.audience, "sub": user.subject, "scope": "wallet:sign wallet:export",
            "jti": fresh::uuid(), "iat": now, "exp": now + 60,
        })
    }
}

async fn exchange(user: &User, assertion: &str, scopes: &[&str]) -> Answer<ExchangeAssertionResponse> {
    let request = ExchangeAssertionRequest {
        user: user.name(),
        assertion: secret(assertion),
        requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Default::default()
    };
    let answer = user.step_up().exchange_assertion(user.request(request)).await?;
    secret(&answer.get_ref().elevated_token.as_ref().unwrap().token);
    Ok(answer)
}

#[tokio::test]
async fn an_assertion_pays_once_for_what_it_and_its_issuer_speak_for() {
    let place = place().await;
    let risk = Risk::of(&place).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    user.enrol().await;
    let unlisted = Risk(TestProvider::new(&risk.0.issuer, "nowhere"));
    let unlisted = unlisted.0.sign(Kind::Assertion, &unlisted.claims(&user));
    exchange(&user, &unlisted, &["wallet:sign"]).await.refused(Reason::AssertionInvalid);
    let claims = risk.claims(&user);
    let assertion = risk.0.sign(Kind::Assertion, &claims);
    exchange(&user, &assertion, &["wallet:export"]).await.refused(Reason::AssertionInvalid);
    for (name, value) in [("sub", json!("somebody-else")), ("aud", json!("other")), ("exp", json!(1))] {
        let mut wrong = claims.clone();
        wrong[name] = value;
        let wrong = risk.0.sign(Kind::Assertion, &wrong);
        exchange(&user, &wrong, &["wallet:sign"]).await.refused(Reason::AssertionInvalid);
    }
    let as_session = risk.0.sign(Kind::Session, &claims);
    exchange(&user, &as_session, &["wallet:sign"]).await.refused(Reason::AssertionInvalid);

    let token = exchange(&user, &assertion, &["wallet:sign"]).await.done().elevated_token.unwrap();
    assert_eq!((token.assertion_issuer.as_str(), token.device.as_str()), ("risk", ""));
    assert_eq!(token.acr, "urn:countersign:acr:otp");
    let (_, said) = parts(&token.token);
    assert_eq!(said["amr"], json!(["urn:countersign:amr:assertion", "mfa"]));
    // Again: the same token, and in another session none.
    let again = exchange(&user, &assertion, &["wallet:sign"]).await.done().elevated_token.unwrap();
    assert_eq!(again.token_id, token.token_id);
    let elsewhere = user.in_session(suite(), "session-2");
    exchange(&elsewhere, &assertion, &["wallet:sign"]).await.refused(Reason::AssertionReplayed);

    let operation = user.signing(&wallet, b"hello");
    let receipt = user.receipt(&operation, &token.token).await;
    user.sign(&operation, &receipt).await.done();
    let other = user.signing(&wallet, b"other");
    user.authorize(&other, &token.token).await.refused(Reason::TokenAlreadyRedeemed);
    // An issuer that is not listed any more takes its tokens along.
    let next = risk.0.sign(Kind::Assertion, &risk.claims(&user));
    let token = exchange(&user, &next, &["wallet:sign"]).await.done().elevated_token.unwrap();
    place.change(&["assertion_issuers"], |environment| environment.assertion_issuers.clear()).await;
    user.authorize(&other, &token.token).await.refused(Reason::StepUpRequired);
}
