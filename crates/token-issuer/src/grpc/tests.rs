//! The issuer as it is served, through real gRPC clients, with policy and factors as services on the same network.

mod factors;
mod revocation;
mod signing_keys;
mod stubs;
mod world;

use std::time::Duration;

use jose::{Algorithm, KeySet};
use kernel::audit::Outcome;
use kernel::{Clock as _, Reason, UserId};
use operation::CheckedOperation;
use proto::token_issuer::step_up_service_server::SERVICE_NAME;
use proto::token_issuer::token_issuer_admin_service_client::TokenIssuerAdminServiceClient;
use proto::token_issuer::token_service_client::TokenServiceClient;
use proto::{names, token_issuer as pb, types};
use runtime::status::from_status;
use tonic::{Request, Response};

use self::world::{World, authentication, authorization, me, with_bearer};
use crate::fixtures::{NOW, environment, export, factor, sign};
use crate::sender::Method;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_becomes_a_token_and_the_token_a_receipt_once() {
    let world = World::new().await;
    let operation = export(1);
    let plain = world.by("alice", authorization(&operation, ""));
    let refused = from_status(&world.step_up("public").authorize_operation(plain).await.unwrap_err());
    assert_eq!(refused.reason(), Reason::StepUpRequired);
    assert_eq!(refused.metadata()["operation_digest"], operation.digest().to_string());

    let elevated = world.authenticate(&[], Some(&operation)).await;
    assert_eq!(elevated.scopes, ["wallet:export"]);
    assert_eq!(elevated.operation_digest, operation.digest().as_bytes());
    assert_eq!(elevated.token_behavior(), types::TokenBehavior::SingleUse);

    let ask = |operation: &CheckedOperation| {
        let request = world.by("alice", authorization(operation, &elevated.token));
        let mut client = world.step_up("public");
        async move { client.authorize_operation(request).await }
    };
    // Unspent it is bound to something else; spent it is spent, which says more.
    let other = from_status(&ask(&export(2)).await.unwrap_err());
    assert_eq!(other.reason(), Reason::OperationMismatch);
    let authorized = ask(&operation).await.unwrap().into_inner();
    assert!(authorized.token_redeemed);
    let claims = world.receipt(&authorized.receipt);
    assert_eq!(claims.paid_by.map(|id| id.to_string()), Some(elevated.token_id.clone()));
    assert_eq!(claims.digest, *operation.digest().as_bytes());
    // Again the same: again a receipt. Anything else: none.
    assert!(ask(&operation).await.is_ok());
    let other = from_status(&ask(&export(2)).await.unwrap_err());
    assert_eq!(other.reason(), Reason::TokenAlreadyRedeemed);

    let rows = world.audit.list(Some(environment()), None, 50).await.unwrap();
    let mut outcomes: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.outcome)).collect();
    outcomes.reverse();
    assert_eq!(
        outcomes,
        [
            ("operation.authorize", Outcome::Refused(Reason::StepUpRequired)),
            ("totp.authenticate", Outcome::Succeeded),
            ("operation.authorize", Outcome::Refused(Reason::OperationMismatch)),
            ("operation.authorize", Outcome::Succeeded),
            ("operation.authorize", Outcome::Succeeded),
            ("operation.authorize", Outcome::Refused(Reason::TokenAlreadyRedeemed)),
        ]
    );
    let wallet = names::wallet(environment(), crate::fixtures::user(), operation.wallet().unwrap().id);
    assert!(rows.iter().all(|row| row.kind != "operation.authorize" || row.resource == wallet));
    assert!(rows.iter().all(|row| row.actor == format!("user:{}", crate::fixtures::user())));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_was_put_back_makes_no_token_that_would_be_dead() {
    let world = World::restored(Some(NOW)).await;
    let refused = world.refused_authentication(authentication(&["wallet:sign"])).await;
    assert_eq!(refused.reason(), Reason::StoreUnavailable);
    assert_eq!(refused.retry_delay(), Some(Duration::from_secs(1)));
    world.clock.advance(Duration::from_secs(1));
    world.authenticate(&["wallet:sign"], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_has_halted_answers_its_administrators_alone() {
    let world = World::new().await;
    let operation = export(1);
    let elevated = world.authenticate(&[], Some(&operation)).await;
    let authorize = || {
        let request = world.by("alice", authorization(&operation, &elevated.token));
        let mut client = world.step_up("public");
        async move { client.authorize_operation(request).await.map_err(|status| from_status(&status)) }
    };
    authorize().await.unwrap();
    world.standing.halt("its database was put back");

    // Not even what it answered before.
    assert_eq!(authorize().await.unwrap_err().reason(), Reason::ServiceHalted);
    let refused = world.refused_authentication(authentication(&["wallet:sign"])).await;
    assert_eq!(refused.reason(), Reason::ServiceHalted);
    assert!(!refused.message().contains("put back"), "{refused}");
    let parent = names::environment(environment());
    let session = world.by("alice", pb::GetSessionRequest { parent });
    let refused = from_status(&world.step_up("public").get_session(session).await.unwrap_err());
    assert_eq!(refused.reason(), Reason::ServiceHalted);

    let token = world.admins.admin("auditor", &["auditor@*"], world.clock.now());
    let list = with_bearer(pb::ListAuditEventsRequest::default(), &token);
    let channel = world.network.channel("operator", "public");
    let events =
        TokenIssuerAdminServiceClient::new(channel).list_audit_events(list).await.unwrap().into_inner();
    assert!(events.events.iter().any(|event| event.reason == Reason::ServiceHalted.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_asks_for_the_session_it_forwards_and_for_nobody_without_one() {
    let world = World::new().await;
    let request = world.by("alice", authorization(&sign(1, b"hello"), ""));
    let refused = world.step_up("peer").authorize_operation(request).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::StepUpRequired);
    let anonymous = Request::new(authorization(&sign(1, b"hello"), ""));
    let refused = world.step_up("peer").authorize_operation(anonymous).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::SessionMissing);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_told_who_they_are_and_what_an_action_needs() {
    let world = World::new().await;
    let parent = names::environment(environment());
    let mut client = world.step_up("public");
    let session =
        client.get_session(world.by("alice", pb::GetSessionRequest { parent })).await.unwrap().into_inner();
    assert_eq!(session.user, names::user(environment(), crate::fixtures::user()));
    assert_eq!((session.session_id.as_str(), session.provider_id.as_str()), ("alice", "idp"));

    let check = |action: i32, scope: &str| {
        let message = pb::CheckStepUpRequest { user: me(), action, scope: scope.to_owned() };
        let request = world.by("alice", message);
        let mut client = world.step_up("public");
        async move { client.check_step_up(request).await.map(Response::into_inner) }
    };
    let by_action = check(types::Action::WalletSign.into(), "").await.unwrap();
    assert_eq!(by_action.status(), pb::StepUpStatus::Required);
    assert_eq!(by_action.requirement.as_ref().unwrap().scopes, ["wallet:sign"]);
    // Recovery codes would not do.
    assert_eq!(by_action.factors.len(), 2);
    assert_eq!(check(0, "wallet:sign").await.unwrap(), by_action);
    // An effect that this version does not know.
    let unknown = check(types::Action::WalletRefresh.into(), "").await.unwrap();
    assert_eq!((unknown.status(), unknown.requirement), (pb::StepUpStatus::Denied, None));
    for (action, scope) in [(0, ""), (99, ""), (0, "wallet:all"), (1, "wallet:export")] {
        let refused = from_status(&check(action, scope).await.unwrap_err());
        assert_eq!(refused.reason(), Reason::InvalidRequest);
    }
}

#[test]
fn a_sender_s_proof_is_for_methods_by_the_paths_they_are_called_by() {
    for method in Method::ALL {
        assert_eq!(method.path(), format!("/{SERVICE_NAME}/{method:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_for_what_is_wrong_with_them() {
    let world = World::new().await;
    let somebody = names::user(environment(), UserId::derive(environment(), "idp", "bob"));
    let good = || authentication(&["wallet:sign"]);
    let elsewhere = "environments/0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12/users/me";
    for (bad, reason) in [
        (pb::AuthenticateTotpRequest { user: String::new(), ..good() }, Reason::InvalidRequest),
        (pb::AuthenticateTotpRequest { user: "users/me".to_owned(), ..good() }, Reason::InvalidRequest),
        (pb::AuthenticateTotpRequest { user: elsewhere.to_owned(), ..good() }, Reason::SessionInvalid),
        (pb::AuthenticateTotpRequest { user: somebody.clone(), ..good() }, Reason::ResourceNotFound),
        (
            pb::AuthenticateTotpRequest {
                device: format!("{somebody}/devices/{}", factor(1).device),
                ..good()
            },
            Reason::ResourceNotFound,
        ),
        (
            pb::AuthenticateTotpRequest {
                device: format!("{elsewhere}/devices/{}", factor(1).device),
                ..good()
            },
            Reason::ResourceNotFound,
        ),
        (pb::AuthenticateTotpRequest { device: "phone".to_owned(), ..good() }, Reason::InvalidRequest),
        (pb::AuthenticateTotpRequest { request_id: "again".to_owned(), ..good() }, Reason::InvalidRequest),
        (pb::AuthenticateTotpRequest { request_id: String::new(), ..good() }, Reason::InvalidRequest),
        (
            pb::AuthenticateTotpRequest { operation: Some(types::Operation::default()), ..good() },
            Reason::InvalidRequest,
        ),
        (
            pb::AuthenticateTotpRequest { requested_scopes: vec!["wallet:sign".to_owned(); 9], ..good() },
            Reason::InvalidRequest,
        ),
        (pb::AuthenticateTotpRequest { code: "000000".to_owned(), ..good() }, Reason::CodeRejected),
        // A peer's defect is not the caller's business, and the code may have been used.
        (pb::AuthenticateTotpRequest { code: "defect".to_owned(), ..good() }, Reason::DependencyUnavailable),
    ] {
        assert_eq!(world.refused_authentication(bad.clone()).await.reason(), reason, "{bad:?}");
    }
    let throttled = world
        .refused_authentication(pb::AuthenticateTotpRequest { code: "throttle".to_owned(), ..good() })
        .await;
    assert_eq!(throttled.reason(), Reason::FactorThrottled);
    assert_eq!(throttled.retry_delay(), Some(Duration::from_secs(9)));

    let mut client = world.step_up("public");
    let nothing = pb::AuthorizeOperationRequest::default();
    let refused = client.authorize_operation(world.by("alice", nothing)).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::InvalidRequest);
    // Another user's operation, named in full.
    let refused =
        client.authorize_operation(world.by("bob", authorization(&export(1), ""))).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::ResourceNotFound);
    let rows = world.audit.list(None, None, 200).await.unwrap();
    assert!(rows.iter().any(|row| row.outcome == Outcome::Refused(Reason::ResourceNotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_share_a_row_of_the_audit_trail() {
    let world = World::new().await;
    for code in ["000000", "000000", "111111", "throttle", "throttle"] {
        let message =
            pb::AuthenticateTotpRequest { code: code.to_owned(), ..authentication(&["wallet:sign"]) };
        world.refused_authentication(message).await;
    }
    let rows = world.audit.list(Some(environment()), None, 50).await.unwrap();
    let counts: Vec<_> = rows.iter().map(|row| (row.outcome, row.count)).collect();
    assert_eq!(
        counts,
        [(Outcome::Refused(Reason::FactorThrottled), 2), (Outcome::Refused(Reason::CodeRejected), 3),]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_its_token_as_long_as_the_store_has_it_and_then_none() {
    let world = World::new().await;
    let first = world.authenticate(&["wallet:sign"], None).await;
    assert_eq!(world.authenticate(&["wallet:sign"], None).await.token_id, first.token_id);
    // The stand-in for the factors answers for ever; the token store forgets, the database does not.
    world.clock.advance(Duration::from_secs(3_600));
    let refused = world.refused_authentication(authentication(&["wallet:sign"])).await;
    assert_eq!(refused.reason(), Reason::TokenUnknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_shows_a_token_to_its_own_session_only() {
    let world = World::new().await;
    let elevated = world.authenticate(&["wallet:sign", "wallet:reshare"], None).await;
    let mut client = TokenServiceClient::new(world.network.channel("anybody", "public"));
    let ask = |token: &str| pb::IntrospectTokenRequest { user: me(), token: token.to_owned() };
    let mine = client.introspect_token(world.by("alice", ask(&elevated.token))).await.unwrap().into_inner();
    assert!(mine.active && mine.single_use);
    assert_eq!(mine.scope, "wallet:sign wallet:reshare");
    assert_eq!(mine.token_id, elevated.token_id);
    let inactive = pb::IntrospectTokenResponse::default();
    let to_bob = client.introspect_token(world.by("bob", ask(&elevated.token))).await.unwrap().into_inner();
    assert_eq!(to_bob, inactive);
    let session = world.users.session("alice", "alice", world.clock.now());
    for other in ["", "nonsense", &session] {
        let found = client.introspect_token(world.by("alice", ask(other))).await.unwrap().into_inner();
        assert_eq!(found, inactive);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_read_the_keys_and_auditors_the_trail() {
    let world = World::new().await;
    let mut tokens = TokenServiceClient::new(world.network.channel("anybody", "public"));
    let keys = tokens.get_json_web_key_set(pb::GetJsonWebKeySetRequest {}).await.unwrap().into_inner();
    let published = KeySet::from_jwks_json(&keys.jwks, &Algorithm::ALL).unwrap();
    assert_eq!((published.len(), keys.max_age_seconds), (3, 300));
    assert!(world.receipt_keys.iter().all(|key| published.get(key.key_id()) == Some(key)));

    world.authenticate(&["wallet:sign"], None).await;
    let mut admin = TokenIssuerAdminServiceClient::new(world.network.channel("anybody", "public"));
    let message =
        pb::ListAuditEventsRequest { parent: names::environment(environment()), ..Default::default() };
    let auditor = world.admins.admin("carol", &["auditor@*"], world.clock.now());
    let events =
        admin.list_audit_events(with_bearer(message.clone(), &auditor)).await.unwrap().into_inner().events;
    assert_eq!(events[0].kind, "totp.authenticate");
    assert_eq!(events[0].outcome(), types::AuditOutcome::Succeeded);
    let viewer = world.admins.admin("carol", &["viewer@*"], world.clock.now());
    let refused = admin.list_audit_events(with_bearer(message.clone(), &viewer)).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::AdminRoleMissing);
    let refused = admin.list_audit_events(world.by("alice", message)).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::AdminTokenInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_peer_is_away_nothing_is_authorized() {
    let world = World::new().await;
    drop(world.network.listen("mfa-devices"));
    let request = world.by("alice", authorization(&export(1), ""));
    let refused = world.step_up("public").authorize_operation(request).await.unwrap_err();
    assert_eq!(from_status(&refused).reason(), Reason::DependencyUnavailable);
}
