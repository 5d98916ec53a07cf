//! Revocation over the wire.

use super::world::REQUEST_ID;
use super::*;
use kernel::Error;
use proto::convert;

fn by_user() -> pb::RevokeTokensRequest {
    pb::RevokeTokensRequest { user: me(), ..Default::default() }
}

fn by_admin() -> pb::RevokeUserTokensRequest {
    let user = names::user(environment(), crate::fixtures::user());
    pb::RevokeUserTokensRequest { user, ..Default::default() }
}

impl World {
    async fn revoke(&self, subject: &str, message: pb::RevokeTokensRequest) -> Result<(), Error> {
        let mut client = TokenServiceClient::new(self.network.channel("anybody", "public"));
        let answer = client.revoke_tokens(self.by(subject, message)).await;
        answer.map(drop).map_err(|refused| from_status(&refused))
    }

    async fn revoke_as(&self, role: &str, message: pb::RevokeUserTokensRequest) -> Result<(), Error> {
        let admin = self.admins.admin("carol", &[role], self.clock.now());
        let mut client = TokenIssuerAdminServiceClient::new(self.network.channel("operator", "public"));
        let answer = client.revoke_user_tokens(with_bearer(message, &admin)).await;
        answer.map(drop).map_err(|refused| from_status(&refused))
    }

    async fn is_active(&self, token: &str) -> bool {
        let mut client = TokenServiceClient::new(self.network.channel("anybody", "public"));
        let ask = pb::IntrospectTokenRequest { user: me(), token: token.to_owned() };
        client.introspect_token(self.by("alice", ask)).await.unwrap().into_inner().active
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_administrators_end_tokens_in_every_way() {
    type Revocation = fn(&pb::ElevatedToken) -> pb::RevokeTokensRequest;
    let revocations: [(&str, Revocation); 5] = [
        ("token", |token| pb::RevokeTokensRequest { token: token.token.clone(), ..by_user() }),
        ("token id", |token| pb::RevokeTokensRequest { token_id: token.token_id.clone(), ..by_user() }),
        ("device", |token| pb::RevokeTokensRequest { device: token.device.clone(), ..by_user() }),
        ("session", |_| pb::RevokeTokensRequest { session_id: "alice".to_owned(), ..by_user() }),
        ("all", |_| pb::RevokeTokensRequest { all: true, ..by_user() }),
    ];
    for (name, revocation) in revocations {
        let world = World::new().await;
        let operation = export(1);
        let elevated = world.authenticate(&[], Some(&operation)).await;
        assert!(world.is_active(&elevated.token).await, "{name}");
        let request = revocation(&elevated);
        if request.token.is_empty() {
            let pb::RevokeTokensRequest { token_id, device, session_id, all, .. } = request;
            let request = pb::RevokeUserTokensRequest { token_id, device, session_id, all, ..by_admin() };
            let editor = format!("editor@{}", environment());
            world.revoke_as(&editor, request).await.unwrap();
        } else {
            world.revoke("alice", request).await.unwrap();
        }
        let ask = world.by("alice", authorization(&operation, &elevated.token));
        let refused = world.step_up("public").authorize_operation(ask).await.unwrap_err();
        assert_eq!(from_status(&refused).reason(), Reason::TokenRevoked, "{name}");
        assert!(!world.is_active(&elevated.token).await, "{name}");
        // Neither does the same request bring it back.
        let again = pb::AuthenticateTotpRequest {
            operation: Some(convert::operation_value(operation.operation())),
            ..authentication(&[])
        };
        assert_eq!(world.refused_authentication(again).await.reason(), Reason::TokenRevoked);

        let rows = world.audit.list(Some(environment()), None, 50).await.unwrap();
        let revoked = rows.iter().find(|row| row.kind == "token.revoke").unwrap();
        assert_eq!(revoked.outcome, Outcome::Succeeded);
        let actor = if name == "token" { "user:" } else { "admin:https://admin.example#carol" };
        assert!(revoked.actor.starts_with(actor), "{name}: {}", revoked.actor);
        assert!(revoked.resource.starts_with(&by_admin().user), "{name}: {}", revoked.resource);
        let refusals = [("operation.authorize", 1), ("totp.authenticate", 1)];
        for (kind, count) in refusals {
            let found = rows
                .iter()
                .find(|row| row.kind == kind && row.outcome == Outcome::Refused(Reason::TokenRevoked));
            assert_eq!(found.unwrap().count, count);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_or_somebody_elses_is_revoked_in_vain_and_told_so_to_nobody() {
    let world = World::new().await;
    let elevated = world.authenticate(&["wallet:sign"], None).await;
    let nobody = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d99";
    for in_vain in [
        pb::RevokeTokensRequest { token: elevated.token.clone(), ..by_user() },
        pb::RevokeTokensRequest { token: "nonsense".to_owned(), ..by_user() },
        pb::RevokeTokensRequest { token_id: elevated.token_id.clone(), ..by_user() },
        pb::RevokeTokensRequest { token_id: nobody.to_owned(), ..by_user() },
        pb::RevokeTokensRequest { session_id: "alice".to_owned(), ..by_user() },
        pb::RevokeTokensRequest { all: true, ..by_user() },
    ] {
        world.revoke("bob", in_vain).await.unwrap();
    }
    assert!(world.is_active(&elevated.token).await);
    // What names somebody else is refused like everywhere.
    let refused = world.revoke("bob", pb::RevokeTokensRequest { device: elevated.device, ..by_user() }).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::ResourceNotFound);
    let alice = pb::RevokeTokensRequest { user: by_admin().user, all: true, ..Default::default() };
    assert_eq!(world.revoke("bob", alice).await.unwrap_err().reason(), Reason::ResourceNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_revoke_says_exactly_what_and_an_administrator_needs_the_role_there() {
    let world = World::new().await;
    let elsewhere = "environments/0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12/users/me/devices";
    for bad in [
        by_user(),
        pb::RevokeTokensRequest { all: true, session_id: "alice".to_owned(), ..by_user() },
        pb::RevokeTokensRequest { token: "x".to_owned(), token_id: REQUEST_ID.to_owned(), ..by_user() },
        pb::RevokeTokensRequest { token_id: "NOT-AN-ID".to_owned(), ..by_user() },
        pb::RevokeTokensRequest { device: "phone".to_owned(), ..by_user() },
        pb::RevokeTokensRequest { session_id: "two words".to_owned(), ..by_user() },
        pb::RevokeTokensRequest { session_id: "s".repeat(129), ..by_user() },
    ] {
        let refused = world.revoke("alice", bad.clone()).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest, "{bad:?}");
    }
    let device = format!("{elsewhere}/{}", factor(1).device);
    let refused = world.revoke("alice", pb::RevokeTokensRequest { device, ..by_user() }).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::ResourceNotFound);

    let all = || pb::RevokeUserTokensRequest { all: true, ..by_admin() };
    let there = "editor@0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".to_owned();
    for role in [format!("viewer@{}", environment()), "auditor@*".to_owned(), there] {
        let refused = world.revoke_as(&role, all()).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::AdminRoleMissing, "{role}");
    }
    let somebody = pb::RevokeUserTokensRequest { user: me(), ..all() };
    let refused = world.revoke_as("owner@*", somebody).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::InvalidRequest);
    world.revoke_as("owner@*", all()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_says_everything_that_a_token_is() {
    let world = World::new().await;
    let operation = export(1);
    let elevated = world.authenticate(&[], Some(&operation)).await;
    let mut client = TokenServiceClient::new(world.network.channel("anybody", "public"));
    let ask = pb::IntrospectTokenRequest { user: me(), token: elevated.token.clone() };
    let found = client.introspect_token(world.by("alice", ask)).await.unwrap().into_inner();
    let expected = pb::IntrospectTokenResponse {
        active: true,
        scope: "wallet:export".to_owned(),
        token_id: elevated.token_id,
        issue_time: found.auth_time,
        expire_time: elevated.expire_time,
        acr: "urn:countersign:acr:otp".to_owned(),
        single_use: true,
        operation_digest: operation.digest().as_bytes().to_vec(),
        token_type: "elevated+jwt".to_owned(),
        user: by_admin().user,
        session_id: "alice".to_owned(),
        amr: vec!["otp".to_owned(), "mfa".to_owned()],
        auth_time: Some(convert::timestamp(world.clock.now())),
        device: elevated.device,
        binding: types::Binding::Operation.into(),
        ..Default::default()
    };
    assert_eq!(found, expected);
}
